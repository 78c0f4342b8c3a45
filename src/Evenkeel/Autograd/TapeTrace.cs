namespace Evenkeel;

/// <summary>One op of a traced pass.</summary>
/// <param name="Kind">What the op computes; see <see cref="Op.Kind"/>.</param>
/// <param name="Name">The name of the op, as its errors have it.</param>
/// <param name="Output">The result of the op.</param>
/// <param name="Operands">
/// The operands of the op: activations and handles of parameters, without labels and masks.
/// </param>
/// <param name="IsAlias">
/// Whether the output is another handle on the memory of its only operand: other dimensions, but the same values in the
/// same order.
/// </param>
/// <param name="Scope">The innermost module in which the op ran; null for none.</param>
internal sealed record TracedOp(
    string Kind, string Name, Tensor Output, IReadOnlyList<Tensor> Operands, bool IsAlias, object? Scope)
{
    /// <summary>What the result depends on besides the operands.</summary>
    public OpSettings Settings { get; } = new();
}

/// <summary>
/// The data flow of one pass, with or without gradients: which op made a tensor, with which settings, and which ops
/// consume it. A tape with a trace records each op that is bound. It does not see values that are read without an op
/// (<see cref="Tensor.AsSpan{T}"/>, <see cref="Tensor.Clone"/>).
/// </summary>
internal sealed class TapeTrace
{
    private readonly List<TracedOp> _ops = [];
    private readonly Dictionary<Tensor, TracedOp> _makers = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Tensor, List<TracedOp>> _consumers = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Parameter, int> _uses = new(ReferenceEqualityComparer.Instance);
    private object? _scope;

    /// <summary>All ops in the order in which they ran.</summary>
    public IReadOnlyList<TracedOp> Ops => _ops;

    /// <summary>The op that made a tensor; null for inputs and parameters.</summary>
    public TracedOp? Maker(Tensor tensor) => _makers.GetValueOrDefault(tensor);

    /// <summary>The ops that take a tensor. An op appears once per operand that is this tensor.</summary>
    public IReadOnlyList<TracedOp> Consumers(Tensor tensor) =>
        _consumers.TryGetValue(tensor, out List<TracedOp>? consumers) ? consumers : [];

    /// <summary>The number of operands that are this parameter.</summary>
    public int Uses(Parameter parameter) => _uses.GetValueOrDefault(parameter);

    /// <summary>Says that a module begins.</summary>
    /// <returns>What <see cref="Leave"/> gets when the module ends.</returns>
    public object? Enter(object scope)
    {
        object? outer = _scope;
        _scope = scope;
        return outer;
    }

    /// <summary>Says that the module that was entered last ends.</summary>
    public void Leave(object? outer) => _scope = outer;

    public TracedOp Note(string kind, string name, Tensor output, params ReadOnlySpan<Tensor?> operands) =>
        Note(kind, name, output, isAlias: false, operands);

    public TracedOp Note(
        string kind, string name, Tensor output, bool isAlias, params ReadOnlySpan<Tensor?> operands)
    {
        var taken = new List<Tensor>(operands.Length);
        var op = new TracedOp(kind, name, output, taken, isAlias, _scope);
        _ops.Add(op);
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

        return op;
    }
}
