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
/// <param name="mostBytes">The most memory that one value may take.</param>
/// <param name="tape">The tape of the inputs; null for plain mathematics.</param>
internal sealed class Pass(
    Module[] layers, bool isWide, long mostBytes, long? fixedBatch = null, int? batch = null, Tape? tape = null)
{
    /// <summary>
    /// A value on the tape of the pass. What was computed beside it, for example a cast of integers, comes on it, so
    /// that layers which take it record what they do.
    /// </summary>
    public Value Entered(Value x) => tape is not null && x.IsFloat && x.Tensor.Tape is null
        ? x.With(tape.Input(x.Tensor.Detach()))
        : x;

    public Tape? Tape => tape;

    public long? FixedBatch => fixedBatch;

    public int? Batch => batch;

    public Module[] Layers => layers;

    /// <summary>
    /// The shape of a value that is to be made. Operators whose result may be far larger than their inputs ask here,
    /// before they take memory.
    /// </summary>
    /// <exception cref="InvalidDataException">A size is negative, or the value would be too large.</exception>
    public Shape Fitting(params ReadOnlySpan<long> sizes)
    {
        double count = 1;
        bool isNegative = false;
        foreach (long size in sizes)
        {
            count *= size;
            isNegative |= size < 0;
        }

        if (isNegative || sizes.Length > Shape.MaxRank || !Shape.Holds(sizes) || count * sizeof(float) > mostBytes)
        {
            throw new InvalidDataException($"its result would have the shape [{string.Join(", ", sizes.ToArray())}]; "
                + $"a value has at most {Shape.MaxRank} dimensions, sizes of 0 or more and {mostBytes} bytes");
        }

        Span<int> all = stackalloc int[sizes.Length];
        for (int i = 0; i < all.Length; i++) all[i] = (int)sizes[i];
        return new Shape(all);
    }

    /// <inheritdoc cref="Fitting(ReadOnlySpan{long})"/>
    public Shape Fitting(Shape shape)
    {
        Span<long> sizes = stackalloc long[shape.Rank];
        for (int i = 0; i < sizes.Length; i++) sizes[i] = shape[i];
        return Fitting(sizes);
    }

    /// <summary>The shape to which operands broadcast.</summary>
    /// <exception cref="ArgumentException">They do not broadcast.</exception>
    /// <exception cref="InvalidDataException">The value would be too large.</exception>
    public Shape Broadcast(Shape a, Shape b) => Fitting(Broadcasting.Shape("its operands", a, b));

    /// <summary>The type in which a type of the graph is computed.</summary>
    public DType TypeOf(Format.TensorType type) =>
        isWide && type.IsFloat ? DType.Float64 : type.Holder!.Value;
}
