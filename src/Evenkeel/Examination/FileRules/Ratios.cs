using Evenkeel.Kernels;

namespace Evenkeel.Examination;

/// <summary>What several rules measure, and how they say it.</summary>
internal static class Ratios
{
    /// <summary>
    /// From this share of a layer's channels on, what is a note for one of them is a warning. In the first layer of a
    /// trained ShuffleNet 21 % of the channels are dead.
    /// </summary>
    public const double WarningShare = 0.25;

    /// <summary>The norms whose values are finite and fit together; what is wrong with others is said elsewhere.
    /// </summary>
    public static IEnumerable<ExaminedNorm> SoundNorms(this ExaminedNetwork network) =>
        network.Norms.Where(static norm => norm is { Misfit: null, NotFinite.Count: 0, Channels: > 0 });

    /// <summary>The norms with running statistics that have been measured.</summary>
    public static IEnumerable<ExaminedNorm> MeasuredNorms(this ExaminedNetwork network) =>
        network.SoundNorms().Where(static norm => norm is { Mean: not null, Variance: { } variance }
            && !NeverUpdated.AreStartValues(norm) && variance.All(static value => value >= 0));

    /// <summary>gamma of a channel; 1 if there is none.</summary>
    public static double GammaOf(this ExaminedNorm norm, int channel) => At(norm.Gamma, channel, 1);

    /// <summary>beta of a channel; 0 if there is none.</summary>
    public static double BetaOf(this ExaminedNorm norm, int channel) => At(norm.Beta, channel, 0);

    /// <summary>sqrt(var + eps) per channel.</summary>
    public static double[] Deviations(this ExaminedNorm norm) =>
        Array.ConvertAll(norm.Variance!, variance => Math.Sqrt(variance + norm.Eps));

    /// <summary>|gamma|/sqrt(var + eps) per channel: what folding multiplies a filter by.</summary>
    public static double[] FoldedScales(this ExaminedNorm norm)
    {
        double[] scales = norm.Deviations();
        for (int i = 0; i < scales.Length; i++) scales[i] = Math.Abs(norm.GammaOf(i)) / scales[i];
        return scales;
    }

    /// <summary>
    /// The share of inputs for which a channel behind its norm is above 0, if what is normalized is Gaussian:
    /// Phi(beta/|gamma|).
    /// </summary>
    public static double ActiveShare(double gamma, double beta) => gamma == 0
        ? (beta > 0 ? 1 : 0)
        : (1 + VectorMath.Erf(beta / Math.Abs(gamma) / Math.Sqrt(2))) / 2;

    /// <summary><see cref="ActiveShare"/> of each channel.</summary>
    public static double[] ActiveShares(this ExaminedNorm norm) =>
        [.. Enumerable.Range(0, norm.Channels).Select(i => ActiveShare(norm.GammaOf(i), norm.BetaOf(i)))];

    /// <summary>The middle value; the mean of the two middle ones of an even number. NaN for none.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values];
        if (sorted.Length == 0) return double.NaN;
        Array.Sort(sorted);
        int half = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }

    /// <summary>The channels whose value is of a kind.</summary>
    public static int[] Channels(ReadOnlySpan<double> values, Func<double, bool> isFound)
    {
        var found = new List<int>();
        for (int i = 0; i < values.Length; i++)
        {
            if (isFound(values[i])) found.Add(i);
        }

        return [.. found];
    }

    /// <summary>For example <c>1 filter</c> and <c>2 filters</c>.</summary>
    public static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    /// <summary>For example <c>channels 3, 17 and 4 more</c>.</summary>
    public static string Listed(IReadOnlyList<int> channels, string what = "channel")
    {
        const int Most = 4;
        string first = string.Join(", ", channels.Take(Most));
        string more = channels.Count > Most ? $" and {channels.Count - Most} more" : "";
        return $"{what}{(channels.Count == 1 ? "" : "s")} {first}{more}";
    }

    /// <summary>Names of layers, the first ones of many.</summary>
    public static string Listed(IReadOnlyList<string> layers)
    {
        const int Most = 3;
        string first = string.Join(", ", layers.Take(Most));
        return layers.Count > Most ? $"{first} and {layers.Count - Most} more" : first;
    }

    private static double At(double[]? values, int channel, double otherwise) =>
        values is null ? otherwise : values.Length == 1 ? values[0] : values[channel];
}
