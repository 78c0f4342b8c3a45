namespace Evenkeel;

/// <summary>One op of a traced pass.</summary>
/// <param name="Name">The name of the op.</param>
/// <param name="Output">The result of the op.</param>
/// <param name="Operands">
/// The operands of the op: activations and handles of parameters, without labels and masks.
/// </param>
/// <param name="IsAlias">
/// Whether the output is another handle on the memory of its only operand: other dimensions, but the same values in the
/// same order.
/// </param>
internal sealed record TracedOp(string Name, Tensor Output, IReadOnlyList<Tensor> Operands, bool IsAlias);

/// <summary>
/// The data flow of one pass, with or without gradients: which op made a tensor, and which ops consume it. A tape with
/// a trace records each op that is bound. It does not see values that are read without an op
/// (<see cref="Tensor.AsSpan{T}"/>, <see cref="Tensor.Clone"/>).
/// </summary>
internal sealed class TapeTrace
{
    private readonly Dictionary<Tensor, TracedOp> _makers = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Tensor, List<TracedOp>> _consumers = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Parameter, int> _uses = new(ReferenceEqualityComparer.Instance);

    /// <summary>The op that made a tensor; null for inputs and parameters.</summary>
    public TracedOp? Maker(Tensor tensor) => _makers.GetValueOrDefault(tensor);

    /// <summary>The ops that take a tensor. An op appears once per operand that is this tensor.</summary>
    public IReadOnlyList<TracedOp> Consumers(Tensor tensor) =>
        _consumers.TryGetValue(tensor, out List<TracedOp>? consumers) ? consumers : [];

    /// <summary>The number of operands that are this parameter.</summary>
    public int Uses(Parameter parameter) => _uses.GetValueOrDefault(parameter);

    public void Note(string name, Tensor output, params ReadOnlySpan<Tensor?> operands) =>
        Note(name, output, isAlias: false, operands);

    public void Note(string name, Tensor output, bool isAlias, params ReadOnlySpan<Tensor?> operands)
    {
        var taken = new List<Tensor>(operands.Length);
        var op = new TracedOp(name, output, taken, isAlias);
        _makers[output] = op;
        foreach (Tensor? operand in operands)
        {
            if (operand is null) continue;
            taken.Add(operand);
            if (operand.Parameter is { } parameter) _uses[parameter] = Uses(parameter) + 1;
            if (!_consumers.TryGetValue(operand, out List<TracedOp>? consumers))
                _consumers.Add(operand, consumers = []);
            consumers.Add(op);
        }
    }
}
