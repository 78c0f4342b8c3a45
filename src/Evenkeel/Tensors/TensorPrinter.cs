using System.Globalization;
using System.Text;

namespace Evenkeel;

/// <summary>Prints tensors as text: one line for the debugger, a nested listing for people.</summary>
internal static class TensorPrinter
{
    private const int LineValues = 6;
    private const int EdgeItems = 3;
    private const int SummaryThreshold = 1000;

    /// <summary>Shape, type and the first values on one line.</summary>
    public static string Line(Tensor tensor)
    {
        var text = new StringBuilder($"Tensor {tensor.Shape} {tensor.DType} [");
        for (int i = 0; i < Math.Min(LineValues, tensor.Count); i++)
            text.Append(i == 0 ? "" : ", ").Append(Value(tensor, i));
        return text.Append(tensor.Count > LineValues ? ", ...]" : "]").ToString();
    }

    /// <summary>The values nested in brackets as PyTorch prints them; long dimensions are abbreviated.</summary>
    public static string Print(Tensor tensor)
    {
        var text = new StringBuilder();
        Append(text, tensor, axis: 0, offset: 0, tensor.Count > SummaryThreshold);
        return text.Append($"  {tensor.DType} {tensor.Shape}").ToString();
    }

    private static void Append(StringBuilder text, Tensor tensor, int axis, int offset, bool abbreviate)
    {
        Shape shape = tensor.Shape;
        if (axis == shape.Rank)
        {
            text.Append(Value(tensor, offset));
            return;
        }

        int stride = 1;
        for (int i = axis + 1; i < shape.Rank; i++) stride *= shape[i];
        text.Append('[');
        for (int i = 0; i < shape[axis]; i++)
        {
            if (i > 0) text.Append(axis == shape.Rank - 1 ? ", " : ",\n" + new string(' ', axis + 1));
            if (abbreviate && i == EdgeItems && shape[axis] > 2 * EdgeItems)
            {
                text.Append("..., ");
                i = shape[axis] - EdgeItems;
            }

            Append(text, tensor, axis + 1, offset + i * stride, abbreviate);
        }

        text.Append(']');
    }

    private static string Value(Tensor tensor, int index) => tensor.DType switch
    {
        DType.Float32 => tensor.AsSpan<float>()[index].ToString("G6", CultureInfo.InvariantCulture),
        DType.Float64 => tensor.AsSpan<double>()[index].ToString("G6", CultureInfo.InvariantCulture),
        _ => tensor.AsSpan<long>()[index].ToString(CultureInfo.InvariantCulture),
    };
}
