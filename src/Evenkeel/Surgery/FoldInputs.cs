using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>The inputs on which a network is traced and compared.</summary>
/// <param name="First">The input, or the first of two inputs.</param>
/// <param name="Second">The second input; null for a network with one input.</param>
internal sealed record FoldInputs(Tensor First, Tensor? Second)
{
    /// <summary>The network's output in Eval.</summary>
    public Tensor Run(Module model, TapeTrace? trace = null)
    {
        var tape = new Tape(Mode.Eval) { Trace = trace };
        return model.Run(tape.Input(First), Second is null ? null : tape.Input(Second));
    }

    /// <summary>The inputs in double; a second one of integers stays as it is.</summary>
    public FoldInputs InDouble() => new(
        First.To(DType.Float64),
        Second is { } second && second.DType.IsFloatingPoint() ? second.To(DType.Float64) : Second);
}
