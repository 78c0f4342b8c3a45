using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import;

/// <summary>
/// A value of a graph. Floating-point numbers are a tensor of their type, narrow ones of Float32; integers and truth
/// values are a tensor of Int64. A value of the file becomes a tensor when it is first asked for.
/// </summary>
internal sealed class Value
{
    private readonly TensorContent? _content;
    private readonly string _name;
    private Tensor? _tensor;

    /// <summary>A value that is there.</summary>
    /// <param name="tensor">The numbers.</param>
    /// <param name="type">The type that the graph gives them.</param>
    public Value(Tensor tensor, TensorType type) => (_tensor, Type, Shape, _name) = (tensor, type, tensor.Shape, "");

    /// <summary>A value of the file.</summary>
    /// <exception cref="InvalidDataException">No tensor holds it.</exception>
    public Value(TensorContent content, string name)
    {
        (_content, Type, _name) = (content, content.Type, name);
        if (Type.Holder is null || Type.Element!.ShapeOf(content.Dimensions) is not { } shape)
        {
            throw new InvalidDataException($"\"{name}\" holds {Type} of [{string.Join(", ", content.Dimensions)}], "
                + "which no tensor holds");
        }

        Shape = shape;
    }

    /// <summary>The type that the graph gives the numbers.</summary>
    public TensorType Type { get; }

    public Shape Shape { get; }

    /// <summary>The numbers.</summary>
    public Tensor Tensor => _tensor ??= _content!.ToTensor(_name);

    public bool IsFloat => Type.IsFloat;

    /// <summary>Writes the numbers into a tensor of this shape, without memory of their own if they fit as they are.
    /// </summary>
    public void CopyTo(Tensor target)
    {
        if (target.Shape.Count != Shape.Count)
            throw new InvalidDataException($"\"{_name}\" has the shape {Shape}, and {target.Shape} is expected");
        if (_tensor is null && Type.Element!.IsNative && Type.Holder == target.DType)
            _content!.Bytes.Span.CopyTo(target.Bytes());
        else target.CopyFrom(Tensor.Detach().To(target.DType).Reshape(target.Shape));
    }

    /// <summary>The integers.</summary>
    public long[] ToLongs() => IsFloat
        ? throw new InvalidDataException($"expected integers, got {Type}")
        : Tensor.ToArray<long>();

    /// <summary>The only integer.</summary>
    public long ToLong() => ToLongs() is [var number] ? number
        : throw new InvalidDataException($"expected a single integer, got shape {Shape}");

    /// <summary>The only number.</summary>
    public double ToScalar()
    {
        if (Shape.Count != 1) throw new InvalidDataException($"expected a single number, got shape {Shape}");
        return IsFloat ? Tensor.Detach().Item() : Tensor.AsSpan<long>()[0];
    }

    /// <summary>Other numbers of the same type.</summary>
    public Value With(Tensor tensor) => new(tensor, Type);

    public static Value Longs(params ReadOnlySpan<long> values) =>
        new(Tensor.From(values, [values.Length]), TensorType.Int64);

    public static Value Bools(ReadOnlySpan<long> values, Shape shape) =>
        new(Tensor.From(values, shape), TensorType.Bool);
}
