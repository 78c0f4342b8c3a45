using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx;

/// <summary>An input or output of an ONNX graph: its name, its type and its sizes.</summary>
public sealed class OnnxValueInfo
{
    private OnnxValueInfo(string name, string type, IReadOnlyList<OnnxDimension>? shape) =>
        (Name, Type, Shape) = (name, type, shape);

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The type of its values in ONNX's words, for example <c>float</c>; empty if it is no tensor.</summary>
    public string Type { get; }

    /// <summary>The dimensions, outermost first; null if the file does not say how many.</summary>
    public IReadOnlyList<OnnxDimension>? Shape { get; }

    /// <summary>For example <c>input: float [N, 3, 224, 224]</c>.</summary>
    public override string ToString() =>
        $"{Name}: {(Type.Length == 0 ? "no tensor" : Type)}"
        + (Shape is null ? "" : $" [{string.Join(", ", Shape)}]");

    internal static OnnxValueInfo Of(ValueInfoProto value) => new(
        value.Name, value.Type?.TensorType is { } tensor ? TensorType.NameOf(tensor.ElemType) : "",
        value.Type?.TensorType?.Shape is { } shape
            ? [.. shape.Dim.Select(static dim => new OnnxDimension(
                dim.HasDimValue ? dim.DimValue : null, dim.HasDimParam ? dim.DimParam : ""))]
            : null);
}

/// <summary>One dimension of a value.</summary>
/// <param name="Size">Its size; null if it is open.</param>
/// <param name="Symbol">The name of an open size, for example <c>N</c>; empty if it has none.</param>
public readonly record struct OnnxDimension(long? Size, string Symbol)
{
    /// <summary>The size, the name, or <c>?</c>.</summary>
    public override string ToString() => Size is { } size ? $"{size}" : Symbol.Length > 0 ? Symbol : "?";
}
