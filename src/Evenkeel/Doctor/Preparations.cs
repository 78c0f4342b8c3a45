namespace Evenkeel.Examination;

/// <summary>The preparations that networks are trained with, and the ways from one to another.</summary>
internal static class Preparations
{
    /// <summary>The mean and the deviation of ImageNet's pixels from 0 to 1, in the order red, green, blue.</summary>
    private static readonly double[] s_mean = [0.485, 0.456, 0.406], s_deviation = [0.229, 0.224, 0.225];

    private const string ReversedCode = "x[:, ::-1]";

    /// <summary>The ways that inputs of this shape and range may have been meant, simple ones first.</summary>
    /// <param name="sample">The shape of a sample: (C, H, W), (C, ...) or (features).</param>
    /// <param name="low">The smallest value of the data.</param>
    /// <param name="high">The largest value of the data.</param>
    /// <param name="mean">The mean of each channel of the data.</param>
    /// <param name="deviation">The standard deviation of each channel.</param>
    public static List<Preparation> For(
        Shape sample, double low, double high, double[] mean, double[] deviation)
    {
        int channels = sample[0];
        bool isColor = channels == 3 && sample.Rank == 3;
        Convention[] all = [.. Conventions(channels, isColor)];
        var affine = new List<Preparation>();
        foreach (Convention source in all.Where(one => one.Takes(low, high)))
        {
            foreach (Convention target in all)
            {
                if (target != source) affine.Add(Way(source, target, isReversed: false));
            }
        }

        if (sample.Rank != 2 && channels == 1 && low >= 0)
        {
            double white = high > 2 ? 255 : 1;
            affine.Add(new Preparation($"inverted ({white} - x)", $"{white} - x")
            {
                Scale = [-1],
                Shift = [white],
            });
        }

        if (!deviation.Any(static std => !(std > 0)))
        {
            affine.Add(new Preparation(
                "standardized (mean 0 and deviation 1 for each channel)", "Standardizer.Fit(training).Apply(data)")
            {
                Scale = [.. deviation.Select(static std => 1 / std)],
                Shift = [.. mean.Zip(deviation, static (m, std) => -m / std)],
            });
        }

        if (!isColor) return affine;
        var none = new Preparation("", "")
        {
            Scale = [1, 1, 1],
            Shift = [0, 0, 0],
        };
        var result = new List<Preparation>(affine) { Reversed(none), ChannelsLast(none), ChannelsLast(Reversed(none)) };
        foreach (Convention source in all.Where(one => one.Takes(low, high)))
        {
            foreach (Convention target in all)
            {
                if (target == source) continue;
                result.Add(Way(source, target, isReversed: true));
                result.Add(ChannelsLast(Way(source, target, isReversed: false)));
                result.Add(ChannelsLast(Way(source, target, isReversed: true)));
            }
        }

        return result;
    }

    private static IEnumerable<Convention> Conventions(int channels, bool isColor)
    {
        double[] one = Filled(channels, 1), zero = new double[channels];
        yield return new Convention("0 to 1", one, zero, static (low, high) => low >= 0 && high <= 1.01);
        yield return new Convention("0 to 255", Filled(channels, 255), zero,
            static (low, high) => low >= 0 && high > 2);
        yield return new Convention("-1 to 1", Filled(channels, 2), Filled(channels, -1),
            static (low, high) => low < 0 && low >= -1.01 && high <= 1.01);
        if (!isColor) yield break;
        yield return new Convention("ImageNet's mean 0 and deviation 1",
            [.. s_deviation.Select(static std => 1 / std)],
            [.. s_mean.Zip(s_deviation, static (mean, std) => -mean / std)],
            static (low, high) => low < 0 && low >= -2.3 && high <= 2.8);
        yield return new Convention("0 to 255 minus ImageNet's mean", Filled(channels, 255),
            [.. s_mean.Select(static mean => -255 * mean)], static (low, high) => low < -3);
    }

    private static double[] Filled(int channels, double value)
    {
        var values = new double[channels];
        Array.Fill(values, value);
        return values;
    }

    private static Preparation Way(Convention source, Convention target, bool isReversed)
    {
        int channels = source.Scale.Length;
        double[] scale = new double[channels], shift = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            int from = isReversed ? channels - 1 - c : c;
            scale[c] = target.Scale[c] / source.Scale[from];
            shift[c] = Difference(target.Shift[c], scale[c] * source.Shift[from]);
        }

        string text = (source.Name, target.Name) switch
        {
            ("0 to 255", "0 to 1") => "divided by 255",
            ("0 to 1", "0 to 255") => "multiplied by 255",
            _ => $"brought from {source.Name} to {target.Name}",
        };
        var way = new Preparation(text, CodeOf(scale, shift))
        {
            Scale = scale,
            Shift = shift,
        };
        return !isReversed ? way : way with
        {
            IsReversed = true,
            Text = $"{text}, with the channels in reverse order (RGB for BGR)",
            Code = $"{ReversedCode}, then {way.Code}",
        };
    }

    /// <summary>a - b; 0 where only their rounding is left.</summary>
    private static double Difference(double a, double b) =>
        Math.Abs(a - b) <= 1e-12 * (Math.Abs(a) + Math.Abs(b)) ? 0 : a - b;

    private static string CodeOf(double[] scale, double[] shift)
    {
        bool isPlain = scale.Distinct().Count() == 1 && shift.Distinct().Count() == 1;
        if (!isPlain) return $"x*[{List(scale)}]{(shift.All(static b => b == 0) ? "" : $" + [{List(shift)}]")}";
        string factor = scale[0] < 1 && Math.Abs((1 / scale[0]) - Math.Round(1 / scale[0], 1)) < 1e-9
            ? $"x/{Math.Round(1 / scale[0], 1)}"
            : scale[0] == 1 ? "x" : $"{Statistic.Number(scale[0])}*x";
        return shift[0] == 0 ? factor : $"{factor} {(shift[0] < 0 ? "-" : "+")} {Statistic.Number(Math.Abs(shift[0]))}";
    }

    private static string List(double[] values) => string.Join(", ", values.Select(Statistic.Number));

    private static Preparation Reversed(Preparation one) => one with
    {
        IsReversed = true,
        Text = "given with the channels in reverse order (RGB for BGR)",
        Code = ReversedCode,
    };

    private static Preparation ChannelsLast(Preparation one) => one with
    {
        IsChannelsLast = true,
        Text = one.Text.Length == 0 || one.Text.StartsWith("given", StringComparison.Ordinal)
            ? $"read as (N, H, W, C){(one.IsReversed ? " with the channels in reverse order (RGB for BGR)" : "")}"
            : $"read as (N, H, W, C) and {one.Text}",
        Code = one.Code.Length == 0 ? "x.Permute(0, 3, 1, 2)" : $"x.Permute(0, 3, 1, 2), then {one.Code}",
    };

    /// <summary>A preparation of pixels from 0 to 1: x·scale + shift.</summary>
    /// <param name="Name">What it is called.</param>
    /// <param name="Scale">The factor of each channel.</param>
    /// <param name="Shift">What is added to each channel.</param>
    /// <param name="Takes">Whether data from a smallest to a largest value may be prepared so.</param>
    private sealed record Convention(string Name, double[] Scale, double[] Shift, Func<double, double, bool> Takes);
}
