using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Group norm against its naive twin and its relatives, on both of its walks, and what is refused.</summary>
public sealed class GroupNormTests
{
    /// <summary>What is promised for ordinary float32 inputs, times max(1, |y|).</summary>
    private const double FloatTolerance = 2e-6;

    /// <summary>What is promised for hard float32 inputs (|mean| ≫ std, outliers, subnormals).</summary>
    private const double HardTolerance = 1e-4;

    /// <summary>Rounding of double arithmetic over some thousand terms.</summary>
    private const double DoubleTolerance = 1e-11;

    /// <summary>
    /// Shapes and groups: runs of a pack and more (planes), shorter ones (rows), groups of one channel, and chunks
    /// of one and of many groups.
    /// </summary>
    public static TheoryData<string, int> Cases => new()
    {
        { "2x4x4x4", 2 }, { "3x6x7x7", 3 }, { "2x6x5x5", 6 }, { "2x6x17", 1 }, { "3x4x3x3x3", 2 },
        { "2x8x70x70", 2 }, { "5x12x14x14", 4 }, { "2x140x4x4", 2 }, { "1x2x1x16", 2 },
        { "4x6", 2 }, { "5x40", 8 }, { "3x64", 2 }, { "33x20", 1 }, { "4x6x2", 3 }, { "4x6x2x2", 2 }, { "3x10x3x3", 5 },
        { "3x10x3x3", 10 }, { "2x3x2", 3 }, { "600x4x3", 2 }, { "40x8x15", 2 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_matches_the_twin(string text, int groups)
    {
        int[] shape = Parse(text);
        double[] x = Normal(new Shape(shape).Count, 1, 1.5, 0.5);
        foreach (bool relu in new[] { false, true })
        {
            Compare(shape, groups, DType.Float32, x, relu, FloatTolerance);
            Compare(shape, groups, DType.Float64, x, relu, DoubleTolerance);
        }
    }

    [Theory]
    [InlineData("mean 1e4, std 0.01")]
    [InlineData("outlier")]
    [InlineData("subnormal")]
    [InlineData("std 1e20")]
    [InlineData("constant")]
    public void Hard_inputs_keep_their_digits(string kind)
    {
        foreach ((string text, int groups) in new[] { ("4x6x9x9", 3), ("3x6x7x7", 6), ("8x12", 3), ("2x4x70x70", 2) })
        {
            int[] shape = Parse(text);
            double[] x = Normal(new Shape(shape).Count, 2, 1, 0);
            for (int i = 0; i < x.Length; i++)
            {
                x[i] = kind switch
                {
                    "mean 1e4, std 0.01" => (float)(1e4 + 0.01 * x[i]),
                    "outlier" => i % 97 == 0 ? 1e6 : x[i],
                    "subnormal" => (float)(1e-40 * x[i]),
                    "std 1e20" => (float)(1e20 * x[i]),
                    _ => 1234.5678f,
                };
            }

            Compare(shape, groups, DType.Float32, x, relu: false, HardTolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_match_differences_in_double(string text, int groups)
    {
        int[] shape = Parse(text);
        if (new Shape(shape).Count > 300) return;
        Tensor x = Random(shape, 3), gamma = Random([shape[1]], 4), beta = Random([shape[1]], 5);
        Assert.True(GradientCheck.Run(v => v[0].GroupNorm(groups, v[1], v[2]), [x, gamma, beta]).Passed);
        Assert.True(GradientCheck.Run(v => v[0].GroupNorm(groups, null, null), [x]).Passed);
        Assert.True(GradientCheck.Run(v => v[0].Tape!.Input(x).GroupNorm(groups, v[0], v[1]), [gamma, beta]).Passed);
    }

    /// <summary>
    /// The numbers of docs/derivations/group-norm.md, worked out by hand; as (1, 2, 2) they walk rows,
    /// repeated to (1, 2, 16) planes.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void The_derivations_numbers_hold(int repeat)
    {
        double[] Repeated(params double[] values) => [.. values.SelectMany(value => Enumerable.Repeat(value, repeat))];
        var tape = new Tape(Mode.Train);
        Shape shape = [1, 2, 2 * repeat];
        Tensor x = tape.Input(Tensor.From(Repeated(1, 3, 5, 7), shape), requiresGradient: true);
        var gamma = new Parameter(Tensor.From([2.0, 3.0], [2]));
        var beta = new Parameter(Tensor.From([1.0, 0.0], [2]));
        Tensor y = x.GroupNorm(1, gamma, beta, eps: 4);
        y.Backward(Tensor.From(Repeated(1, 0, 0, 2), shape));
        NormCompare.Close("y", y, Repeated(-1, 1.0 / 3, 1, 3), Tolerances.Float64Steps, 1);
        NormCompare.Close("dx", x.Gradient!, Repeated(1.0 / 3, -5.0 / 9, -7.0 / 9, 1), Tolerances.Float64Steps, 1);
        NormCompare.Close("dgamma", gamma.Gradient!, [-1.0 * repeat, 2 * repeat], Tolerances.Float64Steps, 1);
        NormCompare.Close("dbeta", beta.Gradient!, [repeat, 2 * repeat], Tolerances.Float64Steps, 1);
    }

    [Fact]
    public void One_group_is_layer_norm_over_the_sample_and_a_group_a_channel_is_instance_norm()
    {
        foreach (int[] shape in new int[][] { [4, 6, 5, 5], [3, 10], [2, 5, 3] })
        {
            Tensor x = Random(shape, 6);
            Near(x.LayerNorm(new Shape(shape[1..]), null, null), x.GroupNorm(1, null, null));
            if (shape.Length > 2)
            {
                Assert.Equal(
                    x.InstanceNorm(null, null).ToArray<double>(), x.GroupNorm(shape[1], null, null).ToArray<double>());
            }
        }
    }

    [Fact]
    public void Planes_and_rows_agree()
    {
        // (N, C, S) with S below a pack walks rows. Each value three times over is S·3, which walks planes,
        // and has the same statistics.
        foreach (int s in new[] { 4, 5, 7 })
        {
            Tensor x = Random([3, 6, s, 1], 7);
            Tensor wide = x * Tensor.Ones([1, 1, 1, 3], DType.Float64);
            double[] rows = x.GroupNorm(2, null, null).ToArray<double>(),
                planes = wide.GroupNorm(2, null, null).ToArray<double>();
            for (int i = 0; i < planes.Length; i++) Assert.Equal(rows[i / 3], planes[i], Tolerances.Float64Sums);
        }
    }

    [Fact]
    public void Samples_do_not_see_each_other()
    {
        foreach (int[] shape in new int[][] { [5, 8, 6, 6], [5, 8] })
        {
            Tensor x = Random(shape, 8);
            int sample = x.Count / 5;
            double[] all = x.GroupNorm(4, null, null).ToArray<double>();
            double[] third = Tensor.From(x.ToArray<double>()[(2 * sample)..(3 * sample)], new Shape([1, .. shape[1..]]))
                .GroupNorm(4, null, null)
                .ToArray<double>();
            Assert.Equal(all[(2 * sample)..(3 * sample)], third);
        }
    }

    [Fact]
    public void Fused_with_ReLU_it_gives_the_bits_of_the_pair()
    {
        foreach ((int[] shape, int groups) in
            new[] { (new[] { 5, 8, 6, 6 }, 4), ([33, 70], 7), ([4, 6, 3], 2), ([3, 6, 5, 5], 6) })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(9)),
                dy = Tensor.RandomNormal(new Shape(shape), new Philox(10));
            (float[] Y, float[] Dx, float[] Dgamma) fused = Run(fuse: true), pair = Run(fuse: false);
            Assert.Equal(pair.Y, fused.Y);
            Assert.Equal(pair.Dx, fused.Dx);
            Assert.Equal(pair.Dgamma, fused.Dgamma);

            (float[], float[], float[]) Run(bool fuse)
            {
                var tape = new Tape(Mode.Train);
                var gamma = new Parameter(Tensor.RandomNormal([shape[1]], new Philox(11)));
                var beta = new Parameter(Tensor.RandomNormal([shape[1]], new Philox(12)));
                Tensor input = tape.Input(x, requiresGradient: true);
                Tensor y = fuse
                    ? input.FusedGroupNorm(groups, gamma, beta, 1e-5, fuseReLU: true)
                    : input.GroupNorm(groups, gamma, beta).ReLU();
                y.Backward(dy);
                return (y.ToArray<float>(), input.Gradient!.ToArray<float>(), gamma.Gradient!.ToArray<float>());
            }
        }
    }

    [Fact]
    public void A_constant_group_gives_exactly_beta()
    {
        foreach (int[] shape in new int[][] { [3, 4, 5, 5], [2, 4], [2, 4, 70, 70], [2, 4, 3] })
        {
            foreach (double eps in new[] { 1e-5, 0 })
            {
                Tensor y = Tensor.Full(new Shape(shape), 0.1)
                    .GroupNorm(2, Tensor.Full([4], 2), Tensor.Full([4], 0.75), eps);
                Assert.All(y.ToArray<float>(), value => Assert.Equal(0.75f, value));
            }
        }
    }

    [Fact]
    public void An_empty_batch_gives_an_empty_output_and_zero_gradients()
    {
        var layer = new GroupNorm(2, 4);
        var tape = new Tape(Mode.Train);
        Tensor y = layer.Forward(tape.Input(Tensor.Zeros([0, 4, 3, 3]), requiresGradient: true));
        Assert.Equal(new Shape(0, 4, 3, 3), y.Shape);
        y.Backward(Tensor.Zeros([0, 4, 3, 3]));
        Assert.All(layer.Weight!.Gradient!.ToArray<float>(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void A_steady_step_allocates_only_handles()
    {
        var tape = new Tape(Mode.Train);
        Module[] layers =
        [
            new GroupNorm(2, 4), new GroupNorm(2, 4, affine: false),
            new InstanceNorm2d(4, affine: true, trackRunningStats: true), new RMSNorm([4, 6, 6]),
        ];
        Tensor x = Tensor.RandomNormal([8, 4, 6, 6], new Philox(16));
        for (int step = 0; step < 5; step++) Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 10; step++) Step();
        long perStep = (GC.GetAllocatedBytesForCurrentThread() - before) / 10;
        Assert.True(perStep <= 8192, $"{perStep} bytes a step");

        void Step()
        {
            tape.Reset();
            Tensor y = tape.Input(x, requiresGradient: true);
            foreach (Module layer in layers) y = layer.Forward(y);
            y.Backward(x);
        }
    }

    [Fact]
    public void The_layer_has_PyTorchs_keys_and_text_and_is_fused()
    {
        Assert.Equal("GroupNorm(8, 256, eps=1e-05, affine=True)", new GroupNorm(8, 256).ToString());
        Assert.Equal("GroupNorm(2, 4, eps=0.001, affine=False)", new GroupNorm(2, 4, 1e-3, affine: false).ToString());
        Assert.Equal(["weight", "bias"], new GroupNorm(2, 4).StateDict().Keys);
        Assert.Empty(new GroupNorm(2, 4, affine: false).StateDict().Keys);
        var tape = new Tape(Mode.Train);
        new Sequential(
            new GroupNorm(2, 4), new ReLU()).Forward(tape.Input(Tensor.RandomNormal([2, 4, 5, 5], new Philox(1))));
        Assert.Equal(1, tape.OpCount);
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_the_remedy()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroupNorm(0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroupNorm(2, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroupNorm(2, 4, eps: -1));
        Assert.Contains("multiple of the groups, got 6 channels and 4 groups",
            Refused(() => _ = new GroupNorm(4, 6)), StringComparison.Ordinal);
        Assert.Contains("GroupNorm: expected (N, 4) or (N, 4, ...), got (2, 6, 3)",
            Refused(() => new GroupNorm(2, 4).Forward(Tensor.Zeros([2, 6, 3]))), StringComparison.Ordinal);
        Assert.Contains(
            "got (4)", Refused(() => new GroupNorm(2, 4).Forward(Tensor.Zeros([4]))), StringComparison.Ordinal);
        Assert.Contains("multiple of the 4 groups",
            Refused(() => Tensor.Zeros([2, 6]).GroupNorm(4, null, null)), StringComparison.Ordinal);
        foreach (int[] shape in new int[][] { [1, 4], [2, 4], [2, 4, 1, 1] })
        {
            string message = Refused(() => new GroupNorm(4, 4).Forward(Tensor.Zeros(new Shape(shape))));
            Assert.Contains("more than one value per group", message, StringComparison.Ordinal);
            Assert.Contains("Use fewer groups, at most 2", message, StringComparison.Ordinal);
        }
    }

    internal static string Refused(Action action) => Assert.Throws<ArgumentException>(action).Message;

    private static void Compare(int[] shape, int groups, DType dtype, double[] x, bool relu, double tolerance)
    {
        int channels = shape[1], spatial = shape[2..].Aggregate(1, (a, b) => a * b),
            length = channels / groups * spatial;
        double[] gamma = Normal(channels, 13, 1, 0), beta = Normal(channels, 14, 1, 0), dy = Normal(x.Length, 15, 1, 0);
        var twin = NaiveNorm.Run(x, dy, gamma, beta, 1e-5, i => i / length, i => i / spatial % channels, relu);
        var tape = new Tape(Mode.Train);
        var gammas = new Parameter(Tensor.From(gamma, [channels]).To(dtype));
        var betas = new Parameter(Tensor.From(beta, [channels]).To(dtype));
        Tensor input = tape.Input(Tensor.From(x, new Shape(shape)).To(dtype), requiresGradient: true);
        Tensor y = input.FusedGroupNorm(groups, gammas, betas, 1e-5, fuseReLU: relu);
        y.Backward(Tensor.From(dy, new Shape(shape)).To(dtype));
        NormCompare.Close("y", y, twin.Y, tolerance, 1);
        NormCompare.Close("dx", input.Gradient!, twin.Dx, 4 * tolerance, twin.Scale);
        NormCompare.Close("dgamma", gammas.Gradient!, twin.Dgamma, 4 * tolerance, twin.Dgamma.Max(Math.Abs));
        NormCompare.Close("dbeta", betas.Gradient!, twin.Dbeta, 4 * tolerance, twin.Dbeta.Max(Math.Abs));
    }

    private static void Near(Tensor expected, Tensor actual) =>
        NormCompare.Close("y", actual, expected.ToArray<double>(), Tolerances.Float64Sums, 1);

    private static int[] Parse(string text) => Array.ConvertAll(text.Split('x'), int.Parse);

    private static Tensor Random(int[] shape, ulong seed) =>
        Tensor.RandomNormal(new Shape(shape), new Philox(seed), DType.Float64);

    private static double[] Normal(int count, ulong seed, double std, double mean)
    {
        double[] values = new double[count];
        new Philox(seed).FillNormal(values);
        return Array.ConvertAll(values, v => (double)(float)(std * v + mean));
    }
}
