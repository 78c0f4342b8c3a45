namespace Evenkeel;

/// <summary>
/// The checks that all losses with class labels share. Scores have the classes along axis 1: (N, C) or (N, C, d1, ...).
/// There is one label per sample and place: (N) or (N, d1, ...).
/// </summary>
internal static class ClassLabels
{
    /// <summary>
    /// The label that losses skip unless told otherwise, as in PyTorch. No class has it.
    /// </summary>
    public const long Ignored = -100;

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

        Check(op, scores, labels, ignoreIndex: null);
    }

    /// <summary>
    /// Checks scores (N, C, ...) and labels (N, ...), of which those equal to <paramref name="ignoreIndex"/> do not
    /// count. Returns how many count.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// A shape or type differs, the batch is empty, a label is out of range, or all are ignored.
    /// </exception>
    public static int Check(string op, Tensor scores, Tensor labels, long? ignoreIndex)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (labels.DType != DType.Int64)
        {
            throw new ArgumentException($"{op}: expected class labels of type Int64, "
                + $"got {labels.DType} of shape {labels.Shape}. Make them with Tensor.Labels(...) or From(long[]).",
                nameof(labels));
        }

        Shape expected = ShapeFor(op, scores);
        if (labels.Shape != expected)
        {
            string each = scores.Shape.Rank == 2 ? "row of the scores" : "sample and place of the scores";
            throw new ArgumentException($"{op}: expected labels of shape {expected}, one per {each} {scores.Shape}, "
                + $"got {labels.Shape}.", nameof(labels));
        }

        CheckNotEmpty(op, scores);
        int classes = scores.Shape[1], counted = labels.Count;
        ReadOnlySpan<long> values = labels.AsSpan<long>();
        for (int i = 0; i < values.Length; i++)
        {
            if ((ulong)values[i] < (ulong)classes) continue;
            if (values[i] == ignoreIndex)
            {
                counted--;
                continue;
            }

            throw new ArgumentException($"{op}: expected labels from 0 to {classes - 1} ({classes} classes), "
                + $"got {values[i]} at position {Place(labels.Shape, i)}. Check the number of outputs, and that "
                + $"labels count from 0.", nameof(labels));
        }

        // Otherwise a class has the ignored number, so every label is in range.
        if (ignoreIndex is { } ignored && (ulong)ignored < (ulong)classes) counted -= values.Count(ignored);
        return counted > 0
            ? counted
            : throw new ArgumentException($"{op}: expected at least one label that counts, got {labels.Count} labels "
                + $"that are all {ignoreIndex}, the ignored one. The mean loss is undefined; skip this batch.",
                nameof(labels));
    }

    /// <summary>Throws if there is no sample, because the mean over none is undefined.</summary>
    public static void CheckNotEmpty(string op, Tensor scores)
    {
        if (scores.Count == 0)
        {
            throw new ArgumentException($"{op}: expected at least one sample, got an empty batch of shape "
                + $"{scores.Shape}. Its mean loss is undefined; skip it.", nameof(scores));
        }
    }

    /// <summary>The shape of the labels that belong to scores: without axis 1.</summary>
    public static Shape ShapeFor(string op, Tensor scores)
    {
        if (scores.Shape.Rank < 2)
        {
            throw new ArgumentException($"{op}: expected scores of shape (N, classes) or (N, classes, ...), got "
                + $"{scores.Shape}. Reshape or permute them so that the classes are axis 1.", nameof(scores));
        }

        return Broadcasting.Reduced(scores.Shape, reduced: 1u << 1, keepDims: false);
    }

    /// <summary>Checks weights of the classes: (C) numbers from 0 on, without a gradient.</summary>
    /// <exception cref="ArgumentException">Shape, type or a value do not fit.</exception>
    public static void CheckWeight(string op, int classes, Tensor? weight)
    {
        if (weight is null) return;
        weight.ThrowIfStale();
        CheckConstant(op, weight, nameof(weight));
        if (weight.Shape.Rank != 1 || weight.Count != classes || !weight.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"{op}: expected weights of shape ({classes}), one per class, got "
                + $"{weight.DType} of shape {weight.Shape}. Make them with Tensor.From(...).", nameof(weight));
        }

        for (int c = 0; c < classes; c++)
        {
            if (!(weight.ValueAt(c) >= 0) || !double.IsFinite(weight.ValueAt(c)))
            {
                throw new ArgumentException($"{op}: expected weights of the classes that are finite and not negative, "
                    + $"got {weight.ValueAt(c)} for class {c}. A weight of 0 takes the class out.", nameof(weight));
            }
        }
    }

    /// <summary>Throws if a weight would need a gradient, which no loss computes for it.</summary>
    public static void CheckConstant(string op, Tensor tensor, string name)
    {
        if (tensor.RequiresGradient || tensor.IsFromParameter)
        {
            throw new ArgumentException($"{op}: expected a {name} that is constant, got one that requires a gradient "
                + $"(shape {tensor.Shape}). Detach() it: this loss has no gradient for it.", name);
        }
    }

    /// <summary>
    /// Σ weight[label] over the labels that count, with the weights rounded to <paramref name="dtype"/>: the divisor of
    /// the mean. It is summed class by class.
    /// </summary>
    /// <exception cref="ArgumentException">It is 0.</exception>
    public static double TotalWeight(
        string op, Tensor labels, int classes, Tensor weight, DType dtype, long ignoreIndex)
    {
        Span<int> counts = classes <= 256 ? stackalloc int[classes] : new int[classes];
        counts.Clear();
        foreach (long label in labels.AsSpan<long>())
        {
            if (label != ignoreIndex) counts[(int)label]++;
        }

        double total = 0;
        for (int c = 0; c < classes; c++)
        {
            double value = weight.ValueAt(c);
            total += counts[c] * (dtype == DType.Float32 ? (float)value : value);
        }

        return total > 0
            ? total
            : throw new ArgumentException($"{op}: expected a label whose class has a weight above 0, got "
                + $"{labels.Count} labels of classes of weight 0. The mean loss is undefined; skip this batch.",
                nameof(labels));
    }

    /// <summary>A position in a shape: the number itself, or all its coordinates.</summary>
    public static string Place(Shape shape, int index)
    {
        if (shape.Rank <= 1) return index.ToString(System.Globalization.CultureInfo.InvariantCulture);
        int[] at = new int[shape.Rank];
        for (int i = at.Length - 1; i >= 0; i--)
        {
            at[i] = index % shape[i];
            index /= shape[i];
        }

        return $"({string.Join(", ", at)})";
    }
}
