using Evenkeel.Nn;

namespace Evenkeel.Onnx.Import;

/// <summary>The inputs of a node in a pass.</summary>
/// <param name="values">The values; null where an input is left out.</param>
/// <param name="pass">The pass.</param>
internal readonly ref struct Operands(ReadOnlySpan<Value?> values, Pass pass)
{
    private readonly ReadOnlySpan<Value?> _values = values;

    public int Count => _values.Length;

    public Pass Pass => pass;

    /// <summary>An input that is there.</summary>
    public Value this[int input] => Optional(input)
        ?? throw new InvalidDataException($"its input {input} is missing");

    public Value? Optional(int input) => input < _values.Length ? _values[input] : null;

    /// <summary>An input of floating-point numbers.</summary>
    public Tensor Float(int input)
    {
        Value value = this[input];
        return value.IsFloat
            ? value.Tensor
            : throw new InvalidDataException($"its input {input} is {value.Type}; floating-point numbers are computed "
                + "with here");
    }

    public Tensor? OptionalFloat(int input) => Optional(input) is null ? null : Float(input);

    public long[] Longs(int input) => this[input].ToLongs();
}

/// <summary>What a node computes.</summary>
/// <param name="x">Its inputs.</param>
/// <returns>Its outputs.</returns>
internal delegate Value[] Kernel(Operands x);

/// <summary>One pass over a graph.</summary>
/// <param name="layers">The layers of the network.</param>
/// <param name="isWide">Whether all floating-point numbers are Float64, whatever types the graph gives them.</param>
/// <param name="fixedBatch">The size of the first axis of the inputs that the file says; null if it says none.</param>
/// <param name="batch">The size that it has in this pass; null if there are no inputs.</param>
internal sealed class Pass(Module[] layers, bool isWide, long? fixedBatch = null, int? batch = null)
{
    public long? FixedBatch => fixedBatch;

    public int? Batch => batch;

    public Module[] Layers => layers;

    /// <summary>The type in which a type of the graph is computed.</summary>
    public DType TypeOf(Format.TensorType type) =>
        isWide && type.IsFloat ? DType.Float64 : type.Holder!.Value;
}
