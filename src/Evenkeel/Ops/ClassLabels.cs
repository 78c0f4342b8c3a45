namespace Evenkeel;

/// <summary>The checks that all losses with class labels share.</summary>
internal static class ClassLabels
{
    /// <summary>
    /// Checks that <paramref name="scores"/> is (N, C) and that <paramref name="labels"/> holds N class numbers below
    /// C.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// A shape or type differs, the batch is empty, or a label is out of range.
    /// </exception>
    public static void Check(string op, Tensor scores, Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (scores.Shape.Rank != 2)
        {
            throw new ArgumentException($"{op}: expected scores of shape (N, classes), got {scores.Shape}. "
                + $"Reshape or permute them so that the classes come last.", nameof(scores));
        }

        if (labels.DType != DType.Int64)
        {
            throw new ArgumentException($"{op}: expected class labels of type Int64, "
                + $"got {labels.DType} of shape {labels.Shape}. Make them with Tensor.Labels(...) or From(long[]).",
                nameof(labels));
        }

        int samples = scores.Shape[0], classes = scores.Shape[1];
        if (labels.Shape.Rank != 1 || labels.Count != samples)
            throw new ArgumentException($"{op}: expected labels of shape ({samples}), one per row of the "
                + $"scores {scores.Shape}, got {labels.Shape}.", nameof(labels));
        if (samples == 0)
        {
            throw new ArgumentException($"{op}: expected at least one sample, got an empty batch of shape "
                + $"{scores.Shape}. Its mean loss is undefined; skip it.", nameof(scores));
        }

        ReadOnlySpan<long> values = labels.AsSpan<long>();
        for (int i = 0; i < values.Length; i++)
        {
            if ((ulong)values[i] >= (ulong)classes)
            {
                throw new ArgumentException($"{op}: expected labels from 0 to {classes - 1} ({classes} classes), "
                    + $"got {values[i]} at position {i}. Check the number of outputs, and that labels count from 0.",
                    nameof(labels));
            }
        }
    }
}
