namespace Evenkeel.Training;

/// <summary>
/// The share of the samples whose label is among the k highest scores, from 0 to 1. Of equal scores those of lower
/// classes come first, and a NaN counts as the highest, so with k = 1 it is <see cref="Accuracy"/>. Predictions and
/// targets are as there, with a score per class.
/// </summary>
public sealed class TopKAccuracy : Metric
{
    private readonly ClassReader _classes;
    private long _right, _counted;

    /// <summary>Makes the metric.</summary>
    /// <param name="k">Number of scores among which the label may be. Default: 5.</param>
    /// <param name="ignoreIndex">Labels with this number do not count. Default: -100, as in the losses.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not positive.</exception>
    public TopKAccuracy(int k = 5, long ignoreIndex = -100)
    {
        if (k < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(k),
                $"TopKAccuracy: expected a k of 1 or more, got {k}. 5 is a common value.");
        }

        K = k;
        _classes = new ClassReader("TopKAccuracy", ignoreIndex);
    }

    /// <summary>Number of scores among which the label may be.</summary>
    public int K { get; }

    /// <summary><c>top-5-accuracy</c>, with the number k.</summary>
    public override string Name => $"top-{K}-accuracy";

    /// <inheritdoc/>
    public override void Reset()
    {
        _classes.Reset();
        _right = _counted = 0;
    }

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        ReadOnlySpan<double> scores = _classes.Read(prediction, target);
        int classes = _classes.Classes;
        ReadOnlySpan<int> actual = _classes.Actual;
        if (K > classes || scores.Length != actual.Length * classes)
        {
            throw new ArgumentException($"TopKAccuracy: expected scores of {K} classes or more, one for each, got "
                + $"shape {prediction.Shape}. Take a smaller k, or Accuracy for one logit per sample.",
                nameof(prediction));
        }

        int places = actual.Length == 0 ? 1 : actual.Length / prediction.Shape[0];
        for (int i = 0; i < actual.Length; i++)
        {
            if (actual[i] < 0) continue;
            _counted++;
            double own = scores[ClassReader.At(i, actual[i], classes, places)];
            int before = 0;
            for (int c = 0; c < classes && before < K; c++)
            {
                if (IsBefore(scores[ClassReader.At(i, c, classes, places)], c, own, actual[i])) before++;
            }

            if (before < K) _right++;
        }
    }

    /// <summary>Right answers by counted samples; NaN if none is counted.</summary>
    public override double Compute() => _counted == 0 ? double.NaN : (double)_right / _counted;

    private static bool IsBefore(double score, int c, double own, int label) =>
        score > own
        || (double.IsNaN(score) && !double.IsNaN(own))
        || (c < label && (score == own || (double.IsNaN(score) && double.IsNaN(own))));
}
