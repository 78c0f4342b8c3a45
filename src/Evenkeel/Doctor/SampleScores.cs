using Evenkeel.Training;

namespace Evenkeel.Examination;

/// <summary>A score per sample: 1 for a right class, or for numbers 1 - (error)²/(variance of the targets).</summary>
/// <param name="Name"><c>accuracy</c>, or <c>R²</c>.</param>
/// <param name="Values">The scores, by sample.</param>
internal sealed record SampleScores(string Name, double[] Values)
{
    /// <summary>The score of the set.</summary>
    public double Mean => Values.Average();

    /// <summary>By how much this is better than another score of the same samples, and the standard error.</summary>
    /// <remarks>
    /// Differences are taken sample by sample; for right and wrong answers this is McNemar's test: with b and c samples
    /// that only one of the two gets right, (b - c)/N, and about √(b + c)/N.
    /// </remarks>
    public (double Gain, double Error) Over(SampleScores other)
    {
        double sum = 0, squares = 0;
        int n = Values.Length;
        for (int i = 0; i < n; i++)
        {
            double d = Values[i] - other.Values[i];
            sum += d;
            squares += d * d;
        }

        double mean = sum / n, variance = Math.Max(0, (squares / n) - (mean * mean));
        return (mean, n < 2 ? double.PositiveInfinity : Math.Sqrt(variance / (n - 1)));
    }

    /// <summary>Whether another score of the same samples is higher by more than two standard errors.</summary>
    public bool IsLowerThan(SampleScores other)
    {
        (double gain, double error) = Over(other);
        return gain < -2 * error;
    }

    /// <summary>The score for people.</summary>
    public string Text => Name == "accuracy" ? Statistic.Share(Mean) : Statistic.Number(Mean);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Text}";
}

/// <summary>Scores the outputs of a network sample by sample.</summary>
internal sealed class SampleScorer
{
    private readonly ClassReader? _classes;
    private readonly double[] _values;
    private readonly MetricValues _outputs = new(), _targets = new();
    private double _sum, _squares;
    private long _numbers;

    /// <param name="isClasses">Whether targets are class labels; else numbers.</param>
    /// <param name="samples">How many samples there will be.</param>
    public SampleScorer(bool isClasses, int samples)
    {
        if (isClasses) _classes = new ClassReader(nameof(Doctor), DataExamination.IgnoredLabel);
        _values = new double[samples];
    }

    /// <summary>Reads a batch whose first sample has a place in the order of the pass.</summary>
    public void Read(Tensor output, Tensor targets, int start)
    {
        if (_classes is null)
        {
            ReadNumbers(output, targets, start);
            return;
        }

        _classes.Read(output, targets);
        ReadOnlySpan<int> predicted = _classes.Predicted, actual = _classes.Actual;
        int samples = output.Shape[0], rows = predicted.Length / samples;
        for (int i = 0; i < samples; i++)
        {
            int right = 0;
            for (int j = i * rows; j < (i + 1) * rows; j++)
            {
                if (predicted[j] == actual[j]) right++;
            }

            _values[start + i] = (double)right / rows;
        }
    }

    /// <summary>The scores of all batches.</summary>
    public SampleScores Scores()
    {
        if (_classes is not null) return new SampleScores("accuracy", _values);
        double mean = _sum / _numbers, variance = (_squares / _numbers) - (mean * mean);
        return new SampleScores("R²", [.. _values.Select(error => variance > 0 ? 1 - (error / variance) : 0)]);
    }

    private void ReadNumbers(Tensor output, Tensor targets, int start)
    {
        if (output.Count != targets.Count || output.Shape[0] != targets.Shape[0])
        {
            throw new ArgumentException(
                $"Doctor: expected targets of as many numbers as the outputs of shape {output.Shape} have, got shape "
                + $"{targets.Shape}. Pass IsLabelled = false if they are no right answers.", nameof(targets));
        }

        ReadOnlySpan<double> y = _outputs.Read(output), t = _targets.Read(targets);
        int samples = output.Shape[0], numbers = y.Length / samples;
        for (int i = 0; i < y.Length; i++)
        {
            double d = y[i] - t[i];
            _values[start + (i / numbers)] += d * d / numbers;
            _sum += t[i];
            _squares += t[i] * t[i];
        }

        _numbers += y.Length;
    }
}
