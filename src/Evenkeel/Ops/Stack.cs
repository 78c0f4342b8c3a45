namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Puts tensors of one shape side by side along a new dimension: k tensors of shape (a, b) give (k, a, b) for axis
    /// 0 and (a, b, k) for axis -1. The result is a copy. The gradient of each tensor is its part of the result's
    /// gradient.
    /// </summary>
    /// <param name="tensors">One tensor or more.</param>
    /// <param name="axis">
    /// The position of the new dimension in the result; negative ones count from its end. Default: 0.
    /// </param>
    /// <exception cref="ArgumentException">There is no tensor, or shapes or element types differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The result has no such dimension.</exception>
    public static Tensor Stack(ReadOnlySpan<Tensor> tensors, int axis = 0)
    {
        if (tensors.IsEmpty)
            throw new ArgumentException("Stack: expected at least one tensor, got none.", nameof(tensors));
        ArgumentNullException.ThrowIfNull(tensors[0], nameof(tensors));
        Shape first = tensors[0].Shape;
        if (first.Rank == Shape.MaxRank)
        {
            throw new ArgumentException(
                $"Stack: expected tensors of at most {Shape.MaxRank - 1} dimensions, "
                + $"as the result has one more, got {first}.",
                nameof(tensors));
        }

        Span<int> sizes = stackalloc int[first.Rank + 1];
        if (axis < -sizes.Length || axis >= sizes.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(axis), $"Stack: expected an axis from {-sizes.Length} to "
                + $"{first.Rank} for tensors of shape {first}, got {axis}.");
        }

        int at = axis < 0 ? axis + sizes.Length : axis;
        for (int i = 0; i < sizes.Length; i++) sizes[i] = i == at ? 1 : first[i < at ? i : i - 1];
        var wider = new Shape(sizes);
        var layers = new Tensor[tensors.Length];
        for (int i = 0; i < layers.Length; i++)
        {
            ArgumentNullException.ThrowIfNull(tensors[i], nameof(tensors));
            if (tensors[i].Shape != first)
            {
                throw new ArgumentException(
                    $"Stack: expected tensors of one shape, got {first} and {tensors[i].Shape}.", nameof(tensors));
            }

            layers[i] = tensors[i];
        }

        // A parameter joins the tape of the other tensors before its shape changes.
        if (Array.Find(layers, static layer => layer.Tape is not null) is { Tape: { } tape })
        {
            for (int i = 0; i < layers.Length; i++)
            {
                if (layers[i] is { Tape: null, Parameter: { } parameter }) layers[i] = tape.Watch(parameter);
            }
        }

        for (int i = 0; i < layers.Length; i++) layers[i] = layers[i].Reshape(wider);
        return Concat(layers, at);
    }
}
