using Evenkeel.Kernels;

namespace Evenkeel.Training;

/// <summary>
/// The area under the ROC curve, from 0 to 1: the probability that a sample of the class has a higher score than one
/// that is not of it. Equal scores count half (the trapezoid under the curve; the statistic of Mann and Whitney).
/// </summary>
/// <remarks>
/// <para>Two classes: the prediction is one score per sample, (N) or (N, 1), or (N, 2), of which the difference counts;
/// any rising function of the score gives the same area. More classes: the mean over the classes, each against all
/// others, of the areas by the probability of the class; classes of which no sample has occurred are left out, as
/// TorchMetrics does. Targets are those of <see cref="Accuracy"/>.</para>
/// <para>All scores are kept until <see cref="Reset"/>, 8 bytes each.</para>
/// </remarks>
/// <param name="fromLogits">
/// Whether scores of three classes or more are logits, which a softmax makes probabilities first. Say false if the
/// model ends with a softmax. Default: true.
/// </param>
/// <param name="ignoreIndex">Labels with this number do not count. Default: -100, as in the losses.</param>
public sealed class RocAuc(bool fromLogits = true, long ignoreIndex = -100) : Metric
{
    private readonly ClassReader _classes = new("RocAuc", ignoreIndex);

    // Column by column: one of scores for two classes, one of probabilities per class for more.
    private double[][] _scores = [];
    private int[] _labels = [];
    private int _count;

    /// <summary><c>roc-auc</c>.</summary>
    public override string Name => "roc-auc";

    /// <inheritdoc/>
    public override void Reset()
    {
        _classes.Reset();
        _count = 0;
    }

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        ReadOnlySpan<double> scores = _classes.Read(prediction, target);
        ReadOnlySpan<int> actual = _classes.Actual;
        int classes = _classes.Classes, columns = classes == 2 ? 1 : classes;
        if (_scores.Length != columns)
        {
            _scores = new double[columns][];
            Array.Fill(_scores, []);
            _labels = [];
        }

        Grow(_count + actual.Length);
        bool isOneScore = scores.Length == actual.Length;
        int places = isOneScore || actual.Length == 0 ? 1 : actual.Length / prediction.Shape[0];
        for (int i = 0; i < actual.Length; i++)
        {
            if (actual[i] < 0) continue;
            if (isOneScore) _scores[0][_count] = scores[i];
            else if (classes == 2)
            {
                _scores[0][_count] = scores[ClassReader.At(i, 1, 2, places)] - scores[ClassReader.At(i, 0, 2, places)];
            }
            else Row(scores, i, classes, places);
            _labels[_count++] = actual[i];
        }
    }

    /// <summary>The area; NaN if all samples are of one class, or if a score is NaN.</summary>
    public override double Compute()
    {
        if (_count == 0) return double.NaN;
        if (_scores.Length == 1) return Area(_scores[0], positive: 1);
        double total = 0;
        int classes = 0;
        for (int c = 0; c < _scores.Length; c++)
        {
            if (Array.IndexOf(_labels, c, 0, _count) < 0) continue;
            total += Area(_scores[c], c);
            classes++;
        }

        return total / classes;
    }

    private void Grow(int count)
    {
        if (count <= _labels.Length) return;
        int capacity = Math.Max(count, (int)Math.Min(2L * _labels.Length, Array.MaxLength));
        Array.Resize(ref _labels, capacity);
        for (int c = 0; c < _scores.Length; c++) Array.Resize(ref _scores[c], capacity);
    }

    private void Row(ReadOnlySpan<double> scores, int row, int classes, int places)
    {
        double sum = 1, highest = 0;
        if (fromLogits)
        {
            highest = double.NegativeInfinity;
            for (int c = 0; c < classes; c++)
                highest = Math.Max(highest, scores[ClassReader.At(row, c, classes, places)]);
            sum = 0;
            for (int c = 0; c < classes; c++)
                sum += VectorMath.Exp(scores[ClassReader.At(row, c, classes, places)] - highest);
        }

        for (int c = 0; c < classes; c++)
        {
            double score = scores[ClassReader.At(row, c, classes, places)];
            _scores[c][_count] = fromLogits ? VectorMath.Exp(score - highest) / sum : score;
        }
    }

    /// <summary>
    /// Pairs of a positive and a negative sample in which the positive one has the higher score, by all pairs: in
    /// rising order of the scores, group by group of equal ones.
    /// </summary>
    private double Area(double[] column, int positive)
    {
        double[] scores = column.AsSpan(0, _count).ToArray();
        int[] labels = _labels.AsSpan(0, _count).ToArray();
        Array.Sort(scores, labels);

        // Sorting puts NaN first.
        if (double.IsNaN(scores[0])) return double.NaN;
        double pairs = 0;
        long positives = 0, negatives = 0;
        for (int i = 0; i < scores.Length;)
        {
            long here = 0;
            int start = i;
            for (; i < scores.Length && scores[i] == scores[start]; i++)
            {
                if (labels[i] == positive) here++;
            }

            long others = i - start - here;
            pairs += here * (negatives + (others / 2.0));
            positives += here;
            negatives += others;
        }

        return positives == 0 || negatives == 0 ? double.NaN : pairs / ((double)positives * negatives);
    }
}
