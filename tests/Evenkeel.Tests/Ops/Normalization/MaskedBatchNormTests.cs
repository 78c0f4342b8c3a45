using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Statistics under a mask: the same op, so the same digits, as without one.</summary>
public sealed class MaskedBatchNormTests
{
    /// <summary>With a variance of 1, eps takes half of itself from the result.</summary>
    private const double Eps = 1e-5;

    /// <summary>What batch norm promises for ordinary float32 inputs and for hard ones, times max(1, |y|).</summary>
    private const double OrdinaryTolerance = 2e-6, HardTolerance = 1e-4;

    /// <summary>dx is a difference of terms, dgamma and dbeta are sums: four roundings where y has one.</summary>
    private const double Gradients = 4;

    /// <summary>The same sums in another order.</summary>
    private const double Float64Tolerance = 1e-12;

    /// <summary>A tensor without its elements; the masks' bits are 4,000 and more.</summary>
    private const long HandleBytes = 256;

    private static readonly string[] s_shapes =
    [
        "5x7", "64x40", "300x5", "130x80", "200x257", "4x6x9", "4x7x17", "3x6x49", "8x3x14x14", "3x2x70x70",
        "2x3x2x3x4",
    ];

    private static readonly string[] s_masks = ["scattered", "second half", "last sample", "two positions"];

    public static TheoryData<string> Shapes => [.. s_shapes];

    public static TheoryData<string, string> HardCases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string kind in new[] { "ordinary", "1e6 and 1",
                "mean 1e4, std 0.01", "outlier", "subnormal", "constant", "large", "std 1e20", "std 1e35", })
            {
                foreach (string mask in s_masks) data.Add(kind, mask);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(HardCases))]
    public void Hard_inputs_keep_their_digits_under_a_mask(string kind, string masked)
    {
        foreach (string text in s_shapes)
        {
            int[] shape = Array.ConvertAll(text.Split('x'), int.Parse);
            Tensor mask = Mask(masked, shape);
            double[] x = Values(kind, shape);
            double[] dy = Doubles(shape, 2), gamma = Doubles([shape[1]], 3), beta = Doubles([shape[1]], 4);
            int channels = shape[1], spatial = shape[2..].Aggregate(1, static (a, b) => a * b);
            long[] ones = mask.ToArray<long>();
            var twin = NaiveNorm.Run(x, dy, gamma, beta, 1e-5, i => i / spatial % channels, i => i / spatial % channels,
                counts: i => ones[(i / spatial / channels * spatial) + (i % spatial)] == 1);
            var tape = new Tape(Mode.Train);
            Tensor input = tape.Input(Float(x, shape), requiresGradient: true),
                g = tape.Input(Float(gamma, [channels]), requiresGradient: true),
                b = tape.Input(Float(beta, [channels]), requiresGradient: true);
            Tensor y = input.MaskedBatchNorm(mask, g, b, running: null);
            y.Backward(Float(dy, shape));
            double tolerance = kind == "ordinary" ? OrdinaryTolerance : HardTolerance;
            string what = $"{kind} under {masked} of {text}";
            // Positions that are left out may be far from the rest: their size sets the scale, as an
            // outlier's does in any norm.
            AssertClose(twin.Y, y, tolerance, Math.Max(1, Largest(twin.Y)), $"y, {what}");
            AssertClose(twin.Dx,
                input.Gradient!, Gradients * tolerance, twin.Scale * Math.Max(1, Largest(twin.Y)), $"dx, {what}");
            AssertClose(twin.Dgamma, g.Gradient!, Gradients * tolerance, Largest(twin.Dgamma), $"dgamma, {what}");
            AssertClose(twin.Dbeta, b.Gradient!, Gradients * tolerance, Largest(twin.Dbeta), $"dbeta, {what}");
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_mask_of_ones_gives_the_bits_of_none(string text)
    {
        int[] shape = Array.ConvertAll(text.Split('x'), int.Parse);
        Tensor ones = Tensor.Ones(new Shape(shape).With(1, 1));
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (string kind in new[] { "ordinary", "1e6 and 1", "outlier", "std 1e20", "std 1e35" })
            {
                Tensor x = Tensor.From(Values(kind, shape), new Shape(shape)).To(dtype),
                    dy = Pass.Data(shape, 2, dtype);
                Pass.AssertSameBits(
                    Pass.Run(x, dy, static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running)),
                    Pass.Run(x, dy, (x, gamma, beta, running) => x.MaskedBatchNorm(ones, gamma, beta, running)));
            }
        }
    }

    [Fact]
    public void One_million_and_minus_one_or_one_normalize_to_minus_one_and_one()
    {
        float[] x = [1_000_001, 999_999, 1_000_001, 999_999, 0, 2_000_000], y = Train(x, [1, 1, 1, 1, 0, 0]);
        for (int i = 0; i < 4; i++) Assert.Equal(i % 2 == 0 ? 1 : -1, y[i], Eps);
        // What the mask leaves out is normalized too.
        Assert.Equal(-1_000_000f, y[4], 10f);
        Assert.Equal(1_000_000f, y[5], 10f);
    }

    [Fact]
    public void What_a_mask_leaves_out_is_not_in_the_statistics_even_if_it_is_no_number()
    {
        foreach (float garbage in new[] { float.NaN, float.PositiveInfinity, float.MaxValue })
        {
            foreach (int length in new[] { 1, 4, 40 })
            {
                // Three samples of two channels; the middle one is left out.
                int[] shape = length == 1 ? [3, 2] : [3, 2, length];
                Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1)),
                    mask = Tensor.Ones(new Shape(shape).With(1, 1));
                x.AsSpan<float>()[(2 * length)..(4 * length)].Fill(garbage);
                mask.AsSpan<float>()[length..(2 * length)].Clear();
                var running = new RunningStatistics(2, RunningAverage.Cumulative);
                float[] y = new Tape(Mode.Train).Input(x).MaskedBatchNorm(mask, null, null, running).ToArray<float>();
                float[] kept = [.. x.ToArray<float>()[..(2 * length)], .. x.ToArray<float>()[(4 * length)..]];
                var alone = new RunningStatistics(2, RunningAverage.Cumulative);
                int[] two = length == 1 ? [2, 2] : [2, 2, length];
                float[] expected = new Tape(
                    Mode.Train).Input(Tensor.From(kept, new Shape(two))).BatchNorm(null, null, alone).ToArray<float>();
                Close.To(
                    [.. expected.Select(static v => (double)v)],
                    Tensor.From([.. y[..(2 * length)], .. y[(4 * length)..]], new Shape(two)).To(DType.Float64),
                    OrdinaryTolerance);
                Assert.Equal(0, running.SkippedBatches);
                Close.To(alone.Variance.Value.To(DType.Float64).ToArray<double>(),
                    running.Variance.Value.To(DType.Float64), OrdinaryTolerance);
            }
        }
    }

    [Fact]
    public void A_channel_that_is_constant_under_the_mask_gives_beta_there_without_eps_too()
    {
        Tensor x = Tensor.From([3f, 3, 3, 8], [4, 1]), mask = Tensor.From([1f, 1, 1, 0], [4, 1]);
        float[] y = new Tape(Mode.Train)
            .Input(x)
            .MaskedBatchNorm(mask, null, Tensor.Full([1], 0.75), running: null, eps: 0)
            .ToArray<float>();
        Assert.Equal([0.75f, 0.75f, 0.75f, 0.75f], y);
    }

    [Theory]
    [InlineData(new[] { 3, 5, 2 }, new[] { 7 })]
    [InlineData(new[] { 1, 2 }, new[] { 3, 20 })]
    [InlineData(new[] { 2, 0, 1 }, new[] { 2, 5, 5 })]
    public void Members_pool_what_counts_under_their_masks(int[] parts, int[] sample)
    {
        int samples = parts.Sum();
        int[] shape = [samples, .. sample];
        Tensor x = Pass.Data(shape, 1, DType.Float64), dy = Pass.Data(shape, 2, DType.Float64);
        Tensor mask = Mask("scattered", shape).To(DType.Float64);
        // The first member's share is left out altogether.
        int positions = mask.Count / samples;
        mask.AsSpan<double>()[..(parts[0] * positions)].Clear();
        Pass whole = Pass.Run(x, dy, (x, gamma, beta, running) => x.MaskedBatchNorm(mask, gamma, beta, running));
        using var group = new InProcessCollective(parts.Length);
        Tensor[] xs = Split(x, parts), dys = Split(dy, parts), masks = Split(mask, parts);
        var passes = new Pass[parts.Length];
        group.Run(member => passes[member.Rank] = Pass.Run(
            xs[member.Rank], dys[member.Rank],
            (x, gamma, beta, running) => x.MaskedBatchNorm(masks[member.Rank], gamma, beta, running), member,
            poolsBatchStatistics: true));
        Pass.AssertClose(whole.Y, [.. passes.SelectMany(static pass => pass.Y)], Float64Tolerance, "y");
        Pass.AssertClose(whole.Dx, [.. passes.SelectMany(static pass => pass.Dx)], Float64Tolerance, "dx");
        Pass.AssertClose(whole.Variance, passes[0].Variance, Float64Tolerance, "running_var");
        Assert.Equal(passes[0].Variance, passes[^1].Variance);
    }

    [Fact]
    public void Members_without_a_one_in_any_mask_are_told_so()
    {
        using var group = new InProcessCollective(2);
        Tensor x = Pass.Data([2, 3], 1, DType.Float32);
        string text = Assert.Throws<ArgumentException>(
            () => group.Run(member => new Tape(Mode.Train) { Collective = member, PoolsBatchStatistics = true }
                .Input(x)
                .MaskedBatchNorm(Tensor.Zeros([2, 1]), null, null, null))).Message;
        Assert.Contains(
            "expected at least one 1 in the masks of all 2 members together, got none", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_steady_pass_allocates_a_handle_on_its_mask_and_no_memory_for_it()
    {
        foreach (int[] shape in new int[][] { [1000, 20], [16, 3, 100] })
        {
            Tensor x = Pass.Data(shape, 1, DType.Float32), dy = Pass.Data(shape, 2, DType.Float32),
                mask = Mask("scattered", shape);
            var running = new RunningStatistics(shape[1], RunningAverage.Torch());
            var tape = new Tape(Mode.Train);
            void Step(Tensor? under)
            {
                tape.Reset();
                Tensor input = tape.Input(x, requiresGradient: true);
                Tensor y = under is null
                    ? input.BatchNorm(null, null, running)
                    : input.MaskedBatchNorm(under, null, null, running);
                y.Backward(dy);
            }

            for (int i = 0; i < 3; i++)
            {
                Step(mask);
                Step(null);
            }

            Assert.InRange(Allocations.Of(() => Step(mask)), 0, Allocations.Of(() => Step(null)) + HandleBytes);
        }
    }

    private static float[] Train(float[] x, float[] mask) => new Tape(Mode.Train)
        .Input(Tensor.From(x, [x.Length, 1]))
        .MaskedBatchNorm(Tensor.From(mask, [x.Length, 1]), null, null, running: null)
        .ToArray<float>();

    private static Tensor Mask(string kind, int[] shape)
    {
        Tensor mask = Tensor.Zeros(new Shape(shape).With(1, 1), DType.Int64);
        Span<long> ones = mask.AsSpan<long>();
        var random = new Philox(9);
        for (int i = 0; i < ones.Length; i++)
        {
            bool counts = kind switch
            {
                "scattered" => random.NextInt(4) != 0,
                "second half" => i % (ones.Length / shape[0]) >= ones.Length / shape[0] / 2 && i >= ones.Length / 2,
                "last sample" => i >= ones.Length - (ones.Length / shape[0]) - (shape.Length == 2 ? 2 : 0),
                _ => i == ones.Length - 1 || i == ones.Length / 2,
            };
            ones[i] = counts ? 1 : 0;
        }

        return mask;
    }

    private static double[] Values(string kind, int[] shape)
    {
        double[] x = Doubles(shape, 1);
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = (float)(kind switch
            {
                "ordinary" => (1.5 * x[i]) + 0.5,
                "1e6 and 1" => 1e6 + x[i],
                "mean 1e4, std 0.01" => 1e4 + (0.01 * x[i]),
                "outlier" => i < 2 ? 1e6 : x[i],
                "subnormal" => 1e-40 * x[i],
                "constant" => 1234.5678,
                "std 1e20" => 1e20 * x[i],
                "std 1e35" => 1e35 * x[i],
                _ => 1e15 * x[i],
            });
        }

        return x;
    }

    private static double[] Doubles(int[] shape, ulong seed) =>
        Array.ConvertAll(Pass.Data(shape, seed, DType.Float64).ToArray<double>(), static v => (double)(float)v);

    private static Tensor Float(double[] values, int[] shape) =>
        Tensor.From(values, new Shape(shape)).To(DType.Float32);

    private static double Largest(double[] values) => values.Max(Math.Abs);

    private static void AssertClose(double[] expected, Tensor actual, double tolerance, double scale, string what)
    {
        double[] values = actual.To(DType.Float64).ToArray<double>();
        for (int i = 0; i < values.Length; i++)
        {
            // Written so that a NaN fails too.
            if (!(Math.Abs(values[i] - expected[i]) <= tolerance * Math.Max(scale, Math.Abs(expected[i]))))
            {
                Assert.Fail($"{what}: [{i}] expected {expected[i]:R}, "
                    + $"got {values[i]:R}, off by {Math.Abs(values[i] - expected[i]):G3}; "
                    + $"allowed {tolerance * Math.Max(scale, Math.Abs(expected[i])):G3}");
            }
        }
    }

    private static Tensor[] Split(Tensor x, int[] parts) =>
        [.. parts.Select((samples, i) => x.Slice(0, parts[..i].Sum(), samples))];
}
