using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>
/// Every norm from the smallest to the largest numbers of its type, forward and backward, against the naive double
/// twin. The twin computes in units of powers of two, so it stays in the range of double where the op's numbers do not.
/// </summary>
public sealed class NormRangeTests
{
    /// <summary>What is promised for hard float32 inputs; see <see cref="NormAccuracyTests"/>.</summary>
    private const double Float32Tolerance = 1e-5;

    /// <summary>
    /// Rounding of double arithmetic over some thousand terms, of which an outlier of 1e5 takes some digits.
    /// </summary>
    private const double Float64Tolerance = 1e-10;

    /// <summary>Results among the subnormals are a few of their steps off.</summary>
    private const double Steps = 4;

    private static readonly double[] s_magnitudes32 = [1e-38, 1e-24, 1e-15, 1, 1e18, 1e20, 1e22, 1e25, 1e35, 3.4e38];
    private static readonly double[] s_magnitudes64 = [1e-300, 1e-200, 1e-155, 1, 1e150, 1e200, 1e300, 1.7e308];
    private static readonly string[] s_patterns = ["normal", "outlier", "alternating", "far", "halves"];

    /// <summary>Both layouts, groups of 2 to some hundred values, whole packs and rests of packs.</summary>
    public static TheoryData<string, string> Cases => Both(
        "batch 2x3", "batch 5x70", "batch 12x130", "batch 3x5x1", "batch 2x3x2", "batch 3x2x7x7", "layer 3x2",
        "layer 5x70", "rms 3x2", "rms 5x70", "group 3x4x1", "group 3x4x3", "group 2x6x7x7", "instance 2x3x2",
        "instance 2x12x7x7", "ghost 6x70", "ghost 6x3x4x5", "sync 7x70", "sync 7x3x4x5");

    /// <summary>Groups of some thousand values.</summary>
    public static TheoryData<string, string> Large => Both(
        "batch 2100x3", "batch 2x2x40x40", "layer 2x2100", "rms 2x2100", "group 1x4x33x33", "instance 1x2x50x50");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Statistics_and_slopes_are_right_to_the_ends_of_the_range(string name, string type)
    {
        bool single = type == "float32";
        foreach (string pattern in s_patterns)
        {
            foreach (double magnitude in single ? s_magnitudes32 : s_magnitudes64)
            {
                foreach (bool relu in new[] { false, true })
                {
                    Check(name, single, relu, pattern, magnitude, eps: 0, dyScale: 1, gammaScale: 1);
                    // eps matters at the small end; at the large one it must do no harm.
                    if (magnitude < 1 || pattern == "outlier")
                        Check(name, single, relu, pattern, magnitude, eps: 1e-5, dyScale: 1, gammaScale: 1);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Large))]
    public void Large_groups_are_right_to_the_ends_of_the_range(string name, string type)
    {
        bool single = type == "float32";
        foreach (string pattern in new[] { "normal", "outlier" })
        {
            foreach (double magnitude in single ? [1e-30, 1e20, 3.4e38] : new[] { 1e-200, 1e160, 1.7e308 })
                Check(name, single, relu: pattern == "outlier", pattern, magnitude, eps: 0, dyScale: 1, gammaScale: 1);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Small_and_large_gradients_and_scales_are_right_too(string name, string type)
    {
        bool single = type == "float32";
        double big = single ? 1e18 : 1e150;
        (double Dy, double Gamma)[] scales =
            [(1 / big, 1), (1, 1 / big), (big, 1), (1, big), (1 / big, big), (1 / big / big, 1), (big, 1 / big)];
        foreach ((double dy, double gamma) in scales)
        {
            foreach (double magnitude in
                single ? [1e-25, 1e-10, 1e-5, 1e5, 1e10, 1e25] : new[] { 1e-250, 1e-100, 1e-5, 1e5, 1e100, 1e250 })
            {
                Check(name, single, relu: magnitude > 1, "normal", magnitude, eps: 0, dy, gamma);
            }
        }
    }

    private static TheoryData<string, string> Both(params string[] names)
    {
        var data = new TheoryData<string, string>();
        foreach (string name in names)
        {
            data.Add(name, "float32");
            data.Add(name, "float64");
        }

        return data;
    }

    private static void Check(
        string name, bool single, bool relu, string pattern, double magnitude, double eps, double dyScale,
        double gammaScale)
    {
        string kind = name.Split(' ')[0];
        int[] shape = Array.ConvertAll(name.Split(' ')[1].Split('x'), int.Parse);
        var dtype = single ? DType.Float32 : DType.Float64;
        int channels = shape[1], spatial = shape[2..].Aggregate(1, (a, b) => a * b), sample = channels * spatial,
            groups = kind == "group" ? 2 : channels;
        bool rows = kind is "layer" or "rms";
        int parameters = rows ? sample : channels;
        double[] x = Values(pattern, shape[0], sample, magnitude, single), dy = Normal(x.Length, 2, dyScale, single);
        double[] gamma = Normal(parameters, 3, gammaScale, single), beta = Normal(parameters, 4, gammaScale, single);
        if (kind == "rms") Array.Clear(beta);
        Func<int, int> groupOf = kind switch
        {
            "layer" or "rms" => i => i / sample,
            "group" or "instance" => i => i / sample * groups + i % sample / spatial / (channels / groups),
            "ghost" => i => i / sample / 3 * channels + i / spatial % channels,
            _ => i => i / spatial % channels,
        };
        Func<int, int> parameterOf = rows ? i => i % sample : i => i / spatial % channels;
        var expected = Twin(x, dy, gamma, beta, eps, groupOf, parameterOf, relu, kind == "rms", single);

        var tape = new Tape(Mode.Train);
        Shape parameterShape = rows ? new Shape(shape[1..]) : [channels];
        Tensor input = tape.Input(Tensor.From(x, new Shape(shape)).To(dtype), requiresGradient: true);
        Tensor scale = tape.Input(Tensor.From(gamma, parameterShape).To(dtype), requiresGradient: true);
        Tensor shift = tape.Input(Tensor.From(beta, parameterShape).To(dtype), requiresGradient: true);
        Tensor y = kind switch
        {
            "layer" => input.FusedLayerNorm(parameterShape, scale, shift, eps, relu),
            "rms" => input.FusedRMSNorm(parameterShape, scale, eps, relu),
            "group" => input.FusedGroupNorm(groups, scale, shift, eps, relu),
            "instance" => input.FusedInstanceNorm(scale, shift, running: null, eps, relu),
            "ghost" => input.GhostBatchNorm(3, scale, shift, running: null, fuseReLU: relu, eps),
            "sync" => input.SyncBatchNorm(scale, shift, running: null, fuseReLU: relu, parts: [2, 0, 4, 1], eps),
            _ => input.BatchNorm(scale, shift, running: null, fuseReLU: relu, eps),
        };
        y.Backward(Tensor.From(dy, new Shape(shape)).To(dtype));
        string what = $"{name} {dtype}{(relu ? " relu" : "")} {pattern} {magnitude:G2} eps {eps:G2} dy "
            + $"{dyScale:G2} gamma {gammaScale:G2}";
        Close(what + " y", y, expected.Y, single, PerValue(expected.Y));
        double[] largest = new double[x.Length];
        for (int i = 0; i < x.Length; i++) largest[groupOf(i)] = Math.Max(largest[groupOf(i)], expected.Terms[i]);
        Close(what + " dx", input.Gradient!, expected.Dx, single, i => largest[groupOf(i)]);
        double terms = dy.Max(Math.Abs) * (rows ? shape[0] : 1) * Math.Sqrt(rows ? 1 : (double)x.Length / channels);
        Close(what + " dgamma", scale.Gradient!, expected.Dgamma, single, _ => terms);
        if (kind != "rms") Close(what + " dbeta", shift.Gradient!, expected.Dbeta, single, _ => terms);

        // y is compared with the largest of gamma·xhat and beta.
        Func<int, double> PerValue(double[] values) => i => Math.Max(
            Math.Abs(values[i]), Math.Max(Math.Abs(gamma[parameterOf(i)]), Math.Abs(beta[parameterOf(i)])));
    }

    /// <summary>
    /// The twin in units of powers of two: one for the x of each group, one for dy, one for gamma. Terms: the largest
    /// term dx is a difference of.
    /// </summary>
    private static (double[] Y, double[] Dx, double[] Dgamma, double[] Dbeta, double[] Terms) Twin(
        double[] x, double[] dy, double[] gamma, double[] beta, double eps, Func<int, int> groupOf,
        Func<int, int> parameterOf, bool relu, bool rms, bool single)
    {
        int groups = Enumerable.Range(0, x.Length).Max(groupOf) + 1, j = Math.ILogB(dy.Max(Math.Abs)),
            k = Math.ILogB(gamma.Max(Math.Abs));
        double[] low = new double[groups], high = new double[groups];
        Array.Fill(low, double.PositiveInfinity);
        Array.Fill(high, double.NegativeInfinity);
        for (int i = 0; i < x.Length; i++)
            (low[groupOf(i)], high[groupOf(i)]) = (Math.Min(low[groupOf(i)], x[i]), Math.Max(high[groupOf(i)], x[i]));
        // A constant group is as good as one of zeros.
        bool IsConstant(int g) => !rms && low[g] == high[g];
        int Exponent(int g)
        {
            double peak = IsConstant(g) ? 0 : Math.Max(-low[g], high[g]);
            return Math.Max(peak == 0 ? -1000 : Math.ILogB(peak), eps == 0 ? -1000 : Math.ILogB(eps) / 2);
        }

        double[] scaled = new double[x.Length], terms = new double[x.Length], dx = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
            scaled[i] = IsConstant(groupOf(i)) ? 0 : Math.ScaleB(x[i], -Exponent(groupOf(i)));
        var naive = NaiveNorm.Run(
            scaled, Scale(dy, -j), Scale(gamma, -k), Scale(beta, -k), eps, groupOf, parameterOf, relu, centered: !rms,
            Exponent, y => single ? (float)Math.ScaleB(y, k) > 0 : y > 0);
        for (int i = 0; i < x.Length; i++)
        {
            dx[i] = Math.ScaleB(naive.Dx[i], j + k - Exponent(groupOf(i)));
            terms[i] = Math.ScaleB(naive.Scale, j + k - Exponent(groupOf(i)));
        }

        return (Scale(naive.Y, k), dx, Scale(naive.Dgamma, j), Scale(naive.Dbeta, j), terms);
    }

    private static double[] Scale(double[] values, int exponent) =>
        Array.ConvertAll(values, value => Math.ScaleB(value, exponent));

    private static double[] Normal(int count, ulong seed, double scale, bool single)
    {
        double[] values = new double[count];
        new Philox(seed, "range").FillNormal(values);
        return Array.ConvertAll(values, value => single ? (float)(value * scale) : value * scale);
    }

    /// <summary>Values of which the largest has about the given magnitude.</summary>
    private static double[] Values(string pattern, int samples, int sample, double magnitude, bool single)
    {
        double[] values = Normal(samples * sample, 1, 1, single);
        double peak = values.Max(Math.Abs);
        for (int i = 0; i < values.Length; i++)
        {
            double v = values[i] / peak;
            v = pattern switch
            {
                "outlier" => i < sample ? 1 : 1e-5 * v,
                "alternating" => (i / sample + i) % 2 == 0 ? 1 : -1,
                "far" => 0.9 + 0.1 * v,
                "halves" => i < samples * sample / 2 ? 1 : -1,
                _ => v,
            };
            values[i] = single ? (float)(v * magnitude) : v * magnitude;
        }

        return values;
    }

    private static void Close(string what, Tensor actual, double[] expected, bool single, Func<int, double> scale)
    {
        double[] values = actual.To(DType.Float64).ToArray<double>();
        double tolerance = single ? Float32Tolerance : Float64Tolerance,
            step = Steps * (single ? float.Epsilon : double.Epsilon);
        for (int i = 0; i < values.Length; i++)
        {
            double right = single ? (float)expected[i] : expected[i];
            if (double.IsInfinity(right) && values[i] == right) continue;
            // Written so that a NaN fails too.
            if (!(Math.Abs(values[i] - right) <= tolerance * Math.Max(scale(i), Math.Abs(right)) + step))
                Assert.Fail($"{what}[{i}]: expected {right:R}, got {values[i]:R}; scale {scale(i):G4}");
        }
    }


    [Fact]
    public void A_scale_that_float32_does_not_hold_gives_columns_the_gradients_of_planes()
    {
        // The pivot is 0 and the scale about 1e40: x = 0 gives a y below 0, so ReLU lets 24 of 64 gradients through.
        const int Rows = 64, Channels = 3;
        float[] columns = new float[Rows * Channels], planes = new float[Rows * Channels];
        for (int row = 0; row < Rows; row++)
        {
            for (int c = 0; c < Channels; c++)
            {
                float value = c != 1 ? row % 5 : row % 4 == 0 ? 0 : row % 4 == 1 || row % 8 == 2 ? 1e-3f : -0.8e-3f;
                columns[row * Channels + c] = value;
                planes[(row / 2 * Channels + c) * 2 + row % 2] = value;
            }
        }

        (double[] Dgamma, double[] Dbeta) byColumns = Sums(Tensor.From(columns, [Rows, Channels]));
        (double[] Dgamma, double[] Dbeta) byPlanes = Sums(Tensor.From(planes, [Rows / 2, Channels, 2]));
        Assert.Equal(24, byPlanes.Dbeta[1]);
        Assert.Equal(byPlanes.Dbeta, byColumns.Dbeta);
        Pass.AssertClose(byPlanes.Dgamma, byColumns.Dgamma, Float32Tolerance, "dgamma");

        static (double[] Dgamma, double[] Dbeta) Sums(Tensor x)
        {
            var tape = new Tape(Mode.Train);
            Tensor gamma = tape.Input(Tensor.Full([Channels], 1e37), requiresGradient: true);
            Tensor beta = tape.Input(Tensor.Zeros([Channels]), requiresGradient: true);
            Tensor y = tape.Input(x, requiresGradient: true)
                .BatchNorm(gamma, beta, running: null, eps: 1e-12, fuseReLU: true);
            y.Backward(Tensor.Ones(x.Shape));
            return (Pass.Doubles(gamma.Gradient!), Pass.Doubles(beta.Gradient!));
        }
    }

    [Fact]
    public void A_NaN_in_a_pooled_channel_leaves_the_sum_of_its_gradients()
    {
        Tensor x = Pass.Data([4, 3, 8, 8], 1, DType.Float32);
        x.AsSpan<float>()[70] = float.NaN;
        Pass whole = Pass.Run(
            x, Tensor.Ones(x.Shape), (input, gamma, beta, running) => input.BatchNorm(gamma, beta, running));
        Pass parts = Pass.Run(
            x, Tensor.Ones(x.Shape),
            (input, gamma, beta, running) => input.SyncBatchNorm(gamma, beta, running, parts: [2, 2]));
        Assert.Equal(256, whole.Dbeta[1]);
        Assert.Equal(whole.Dbeta, parts.Dbeta);
    }

    [Fact]
    public void A_batch_without_channels_is_normalized_to_one_without_channels() =>
        Assert.Equal(new Shape([2, 0, 4]), Tensor.Zeros([2, 0, 4]).InstanceNorm(null, null).Shape);
}
