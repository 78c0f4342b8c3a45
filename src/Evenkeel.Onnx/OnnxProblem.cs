namespace Evenkeel.Onnx;

/// <summary>A node that keeps a model from becoming a network.</summary>
/// <param name="Operator">Its operator, with its domain if that is not ONNX's own.</param>
/// <param name="Node">What errors call the node.</param>
/// <param name="Reason">Why it is not supported.</param>
public sealed record OnnxProblem(string Operator, string Node, string Reason);

/// <summary>A model has nodes that cannot become a network; the message and <see cref="Problems"/> name all of them.
/// </summary>
public sealed class OnnxNotSupportedException : NotSupportedException
{
    internal OnnxNotSupportedException(string model, IReadOnlyList<OnnxProblem> problems)
        : base(Text(model, problems)) => Problems = problems;

    /// <summary>The nodes, in the order of the graph.</summary>
    public IReadOnlyList<OnnxProblem> Problems { get; }

    private static string Text(string model, IReadOnlyList<OnnxProblem> problems)
    {
        IEnumerable<string> kinds = problems
            .GroupBy(static problem => (problem.Operator, problem.Reason))
            .Select(static kind =>
            {
                string first = kind.First().Node;
                string which = kind.Count() == 1 ? first : $"{kind.Count()} nodes, {first} the first";
                return $"{kind.Key.Operator} ({which}): {kind.Key.Reason}";
            });
        return $"OnnxModel \"{model}\": expected operators that can become a network, got {problems.Count} that "
            + "cannot. " + string.Join("; ", kinds)
            + ". Its weights and statistics can be read all the same: Tensors().";
    }
}
