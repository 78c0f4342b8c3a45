using Evenkeel.Random;

namespace Evenkeel.Examination;

/// <summary>What a norm with running statistics gets from the data, in use. Lists have one value per channel.</summary>
/// <param name="Name">Dotted name.</param>
/// <param name="Type">Type of the module.</param>
/// <param name="ValuesPerSample">Values that a channel of one sample has here.</param>
public sealed record MeasuredNorm(string Name, string Type, double ValuesPerSample)
{
    /// <summary>The mean over the data.</summary>
    public required IReadOnlyList<double> Mean { get; init; }

    /// <summary>The variance over the data, by the norm's own convention.</summary>
    public required IReadOnlyList<double> Variance { get; init; }

    /// <summary>
    /// (running mean - mean of the data)/√(variance of the data + eps): how far the running mean is off, in standard
    /// deviations.
    /// </summary>
    public required IReadOnlyList<double> MeanShift { get; init; }

    /// <summary>(running variance + eps)/(variance of the data + eps); 1 is no drift.</summary>
    public required IReadOnlyList<double> VarianceRatio { get; init; }

    /// <summary>The standard error of <see cref="MeanShift"/> by the number of samples.</summary>
    public required IReadOnlyList<double> MeanError { get; init; }

    /// <summary>The standard error of the logarithm of <see cref="VarianceRatio"/>.</summary>
    public required IReadOnlyList<double> VarianceError { get; init; }

    /// <summary>The median |<see cref="MeanShift"/>| of the channels.</summary>
    public double TypicalShift => Ratios.Median(MeanShift.Select(Math.Abs));

    /// <summary>
    /// The drift as one number: the mean over the channels of √(z² + ln²ρ), at most 3 each, with z the distance of the
    /// means in standard deviations (the root of the mean of both variances) and ρ the ratio of the deviations.
    /// </summary>
    public double Drift
    {
        get
        {
            double sum = 0;
            for (int c = 0; c < MeanShift.Count; c++)
            {
                double z = MeanShift[c] / Math.Sqrt((1 + VarianceRatio[c]) / 2);
                double width = 0.5 * ScalarMath.Log(VarianceRatio[c]);
                sum += Math.Min(3, Math.Sqrt((z * z) + (width * width)));
            }

            return sum / MeanShift.Count;
        }
    }

    /// <summary>What <see cref="Drift"/> is by the number of samples alone, about.</summary>
    public double DriftError
    {
        get
        {
            double sum = 0;
            for (int c = 0; c < MeanError.Count; c++)
            {
                double width = 0.5 * VarianceError[c];
                sum += Math.Min(3, Math.Sqrt((MeanError[c] * MeanError[c]) + (width * width)));
            }

            return sum / MeanError.Count;
        }
    }

    /// <summary>
    /// The channels whose variance ratio is outside 1/<paramref name="factor"/> to <paramref name="factor"/> by more
    /// than three standard errors: there are many channels.
    /// </summary>
    internal int[] ChannelsOutside(double factor) => [.. Enumerable.Range(0, VarianceRatio.Count).Where(
        c => Math.Abs(ScalarMath.Log(VarianceRatio[c])) > ScalarMath.Log(factor) + (3 * VarianceError[c]))];

    /// <summary>The channels whose mean is off by more than a number of deviations and two standard errors.</summary>
    internal int[] ChannelsBeyond(double shift) => [.. Enumerable.Range(0, MeanShift.Count).Where(
        c => Math.Abs(MeanShift[c]) > shift + (2 * MeanError[c]))];

    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(MeasuredNorm), PrintMembers);
}
