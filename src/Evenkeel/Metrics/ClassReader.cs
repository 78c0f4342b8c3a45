namespace Evenkeel.Training;

/// <summary>
/// Reads the predicted and the true class of every sample of a batch.
/// </summary>
/// <remarks>
/// The prediction is (N, C) or (N, C, d1, ...) with a score per class along axis 1, or one value per sample, (N) or
/// (N, 1): the logit of class 1. The predicted class has the highest score. Among equal scores the first counts, and a
/// NaN counts as the highest, as in NumPy's argmax. The logit is compared with 0.
/// </remarks>
internal sealed class ClassReader(string metric, long ignoreIndex)
{
    private readonly MetricValues _scores = new(), _targets = new();
    private int[] _predicted = [], _actual = [];
    private int _count;

    /// <summary>Number of classes of the batches so far; 0 before the first.</summary>
    public int Classes { get; private set; }

    /// <summary>The predicted classes of the last batch.</summary>
    public ReadOnlySpan<int> Predicted => _predicted.AsSpan(0, _count);

    /// <summary>The true classes of the last batch; -1 where the label does not count.</summary>
    public ReadOnlySpan<int> Actual => _actual.AsSpan(0, _count);

    /// <summary>Forgets the number of classes.</summary>
    public void Reset() => Classes = _count = 0;

    /// <summary>Reads a batch and returns its scores; class c of row i is at <see cref="At"/>.</summary>
    public ReadOnlySpan<double> Read(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        Shape shape = prediction.Shape;
        if (!prediction.DType.IsFloatingPoint() || shape.Rank == 0)
        {
            throw new ArgumentException($"{metric}: expected scores of shape (N, classes), or one logit per sample, "
                + $"got {prediction.DType} of shape {shape}. Give the output of the model, not its classes.",
                nameof(prediction));
        }

        bool isLogit = shape.Rank == 1 || (shape.Rank == 2 && shape[1] == 1);
        int classes = isLogit ? 2 : shape[1];
        if (classes < 2)
        {
            throw new ArgumentException($"{metric}: expected scores of shape (N, classes) for two classes or more, or "
                + $"one logit per sample, (N) or (N, 1), got shape {shape}. Put the classes along axis 1.",
                nameof(prediction));
        }

        if (Classes != 0 && Classes != classes)
        {
            throw new ArgumentException($"{metric}: expected {Classes} classes as in the batches before, got "
                + $"{classes} in scores of shape {shape}. Call Reset before another model.", nameof(prediction));
        }

        int rows = isLogit ? prediction.Count : prediction.Count / classes;
        Classes = classes;
        _count = rows;
        if (_predicted.Length < rows) (_predicted, _actual) = (new int[rows], new int[rows]);
        ReadOnlySpan<double> scores = _scores.Read(prediction);
        int places = isLogit || shape[0] == 0 ? 1 : rows / shape[0];
        for (int i = 0; i < rows; i++)
            _predicted[i] = isLogit ? (scores[i] <= 0 ? 0 : 1) : ArgMax(scores, i, classes, places);
        ReadTargets(prediction, target, isLogit, places);
        return scores;
    }

    /// <summary>Where the score of a class stands that belongs to a row; there are places rows per sample.</summary>
    public static int At(int row, int label, int classes, int places)
    {
        int sample = row / places;
        return (((sample * classes) + label) * places) + row - (sample * places);
    }

    private static int ArgMax(ReadOnlySpan<double> scores, int row, int classes, int places)
    {
        int best = 0;
        double highest = scores[At(row, 0, classes, places)];
        for (int c = 1; c < classes && !double.IsNaN(highest); c++)
        {
            double score = scores[At(row, c, classes, places)];
            if (score > highest || double.IsNaN(score)) (best, highest) = (c, score);
        }

        return best;
    }

    private void ReadTargets(Tensor prediction, Tensor target, bool isLogit, int places)
    {
        if (target.DType == DType.Int64)
        {
            bool fits = target.Count == _count && target.Shape.Rank > 0 && target.Shape[0] == prediction.Shape[0];
            if (!fits) ThrowShape(prediction, target);
            ReadOnlySpan<long> labels = target.AsSpan<long>();
            for (int i = 0; i < labels.Length; i++)
            {
                if (labels[i] == ignoreIndex) _actual[i] = -1;
                else if ((ulong)labels[i] < (ulong)Classes) _actual[i] = (int)labels[i];
                else ThrowLabel(target, i, labels[i], isLogit);
            }

            return;
        }

        if (target.Count != prediction.Count || target.Shape.Rank == 0 || target.Shape[0] != prediction.Shape[0])
            ThrowShape(prediction, target);
        ReadOnlySpan<double> values = _targets.Read(target);
        MetricValues.CheckFinite(metric, target, values);
        for (int i = 0; i < _count; i++)
        {
            if (isLogit && (values[i] < 0 || values[i] > 1)) ThrowLabel(target, i, values[i], isLogit);
            _actual[i] = isLogit ? (values[i] > 0.5 ? 1 : 0) : ArgMax(values, i, Classes, places);
        }
    }

    private void ThrowShape(Tensor prediction, Tensor target)
    {
        Shape labels = prediction.Shape.Rank == 1 ? prediction.Shape
            : Broadcasting.Reduced(prediction.Shape, reduced: 1u << 1, keepDims: false);
        throw new ArgumentException($"{metric}: expected class labels (Int64) of shape {labels}, or probabilities of "
            + $"shape {prediction.Shape} as the prediction, got {target.DType} of shape {target.Shape}. Reshape them, "
            + $"or take RootMeanSquaredError for a regression.", nameof(target));
    }

    private void ThrowLabel(Tensor target, int index, double label, bool isLogit)
    {
        string place = ClassLabels.Place(target.Shape, index);
        throw new ArgumentException(isLogit
            ? $"{metric}: expected labels 0 or 1 for a prediction of one value per sample, which is the logit of class "
                + $"1, got {label} for sample {place} of the batch. The {metric} of a regression says nothing: judge "
                + $"it by RootMeanSquaredError."
            : $"{metric}: expected class labels from 0 to {Classes - 1} for scores of {Classes} classes, got {label} "
                + $"for sample {place} of the batch. Give the model a score per class, or check what the labels are.",
            nameof(target));
    }
}
