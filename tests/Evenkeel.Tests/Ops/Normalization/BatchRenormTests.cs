using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Batch renormalization: between batch norm (r = 1, d = 0) and the running statistics (no limits).</summary>
public sealed class BatchRenormTests
{
    public static TheoryData<int[]> Shapes => new([8, 5], [33, 70], [6, 3, 4], [7, 5, 6, 6], [2, 3, 2, 3, 4]);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void With_r_1_and_d_0_it_gives_the_bits_of_batch_norm(int[] shape)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (RenormLimits limits in new[] { RenormLimits.Constant(1, 0), RenormLimits.Paper })
            {
                Pass.AssertSameBits(
                    Pass.Run(shape, static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running), dtype),
                    Pass.Run(shape, (x, gamma, beta, running) => x.BatchRenorm(gamma, beta, running, limits), dtype));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_matches_its_graph(int[] shape)
    {
        foreach ((double r, double d) in new[] { (1.1, 0.2), (3.0, 5.0), (1.05, 0.0), (1.0, 0.3) })
        {
            foreach (bool fuse in new[] { false, true })
            {
                Pass fused = Pass.Run(shape, (x, gamma, beta, running) => x.BatchRenorm(
                    gamma, beta, running, RenormLimits.Constant(r, d), fuseReLU: fuse));
                Pass graph = Pass.Run(shape, (x, gamma, beta, running) =>
                {
                    Tensor y = Graph(x, gamma, beta, running, r, d);
                    return fuse ? y.ReLU() : y;
                });
                Pass.AssertClose(graph.Y, fused.Y, Tolerances.Float64Roundoff, "y");
                Pass.AssertClose(graph.Dx, fused.Dx, Tolerances.Float64Roundoff, "dx");
                Pass.AssertClose(graph.Dgamma, fused.Dgamma, Tolerances.Float64Roundoff, "dgamma");
                Pass.AssertClose(graph.Dbeta, fused.Dbeta, Tolerances.Float64Roundoff, "dbeta");
            }
        }
    }

    [Fact]
    public void Without_limits_the_output_is_that_of_eval()
    {
        Tensor x = Pass.Data([9, 4, 5, 5], 1, DType.Float64) * 1.5 + 2.0;
        RunningStatistics running = Pass.Running(4, DType.Float64);
        double[] eval = x.BatchNorm(null, null, running).ToArray<double>();
        double[] train = new Tape(
            Mode.Train).Input(x).BatchRenorm(null, null, running, RenormLimits.Constant(1e9, 1e9)).ToArray<double>();
        Pass.AssertClose(eval, train, Tolerances.Float64Roundoff, "y");
    }

    [Fact]
    public void Without_eps_a_running_variance_of_0_puts_r_and_d_at_their_limits()
    {
        // CS231n's statistics start there. Channels: mean 2 and std 1, mean -2 and std 1, all zeros.
        foreach (int[] shape in new int[][] { [2, 3], [1, 3, 2] })
        {
            double[] x = shape.Length == 2 ? [1, -1, 0, 3, -3, 0] : [1, 3, -1, -3, 0, 0];
            var running = new RunningStatistics(3, Cs231n.Average);
            running.Mean.To(DType.Float64);
            running.Variance.To(DType.Float64);
            Tensor y = new Tape(Mode.Train).Input(Tensor.From(x, new Shape(shape))).BatchRenorm(
                null, null, running, RenormLimits.Constant(3, 0.5), eps: 0);
            Pass.AssertClose(shape.Length == 2 ? [-2.5, 2.5, 0, 3.5, -3.5, 0] : [-2.5, 3.5, 2.5, -3.5, 0, 0],
                y.ToArray<double>(), Tolerances.Float64Steps, "y");
        }
    }

    [Fact]
    public void Gradients_match_differences_where_r_and_d_are_constants()
    {
        // Held at their limits r and d do not move with x, so plain differences see them as the
        // backward pass does: constants.
        foreach (int[] shape in new int[][] { [6, 5], [4, 3, 4] })
        {
            var running = new RunningStatistics(shape[1], RunningAverage.Torch(0));
            running.Mean.To(DType.Float64);
            running.Variance.To(DType.Float64);
            running.Mean.Value.Fill(-20);
            running.Variance.Value.Fill(0.01);
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1), DType.Float64);
            Tensor gamma = Tensor.RandomNormal([shape[1]], new Philox(2), DType.Float64),
                beta = Tensor.RandomNormal([shape[1]], new Philox(3), DType.Float64);
            Assert.True(GradientCheck.Run(
                v => v[0].BatchRenorm(v[1], v[2], running, RenormLimits.Constant(1.25, 0.5)), [x, gamma, beta]).Passed);
        }
    }

    [Fact]
    public void The_limits_rise_as_in_the_paper()
    {
        RenormLimits paper = RenormLimits.Paper;
        Assert.Equal((1, 0), (paper.RMax(0), paper.DMax(0)));
        Assert.Equal((1, 0), (paper.RMax(5_000), paper.DMax(5_000)));
        Assert.Equal((2, 4.375), (paper.RMax(22_500), paper.DMax(22_500)));
        Assert.Equal((3, 5), (paper.RMax(40_000), paper.DMax(25_000)));
        Assert.Equal((3, 5), (paper.RMax(1_000_000), paper.DMax(1_000_000)));
        RenormLimits shorter = paper with { PlainBatches = 10, RReachedAt = 10, DReachedAt = 30 };
        Assert.Equal((1, 0), (shorter.RMax(9), shorter.DMax(9)));
        Assert.Equal((3, 2.5), (shorter.RMax(10), shorter.DMax(20)));
        Assert.Equal((2, 0.5), (RenormLimits.Constant(2, 0.5).RMax(0), RenormLimits.Constant(2, 0.5).DMax(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => RenormLimits.Constant(0.9, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => RenormLimits.Constant(1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => RenormLimits.Constant(double.NaN, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => paper with { PlainBatches = -1 });
    }

    [Fact]
    public void The_layer_follows_the_schedule_by_the_batches_it_has_tracked()
    {
        var layer = new BatchRenorm1d(
            3, limits: RenormLimits.Constant(3, 5) with { PlainBatches = 2, RReachedAt = 2, DReachedAt = 2 });
        layer.To(DType.Float64);
        var plain = new BatchNorm1d(3, momentum: 0.01);
        plain.To(DType.Float64);
        var tape = new Tape(Mode.Train);
        for (int batch = 0; batch < 3; batch++)
        {
            tape.Reset();
            Tensor x = tape.Input(Pass.Data([16, 3], (ulong)batch, DType.Float64) + 1.0);
            double[] renorm = layer.Forward(x).ToArray<double>(), norm = plain.Forward(x).ToArray<double>();
            if (batch < 2) Assert.Equal(norm, renorm);
            else Assert.NotEqual(norm, renorm);
        }

        Assert.Equal(3, layer.Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    [Fact]
    public void The_layers_print_and_save_like_batch_norm()
    {
        Assert.Equal(
            "BatchRenorm2d(64, r_max=3, d_max=5, eps=1e-05, momentum=0.01, affine=True, track_running_stats=True)",
            new BatchRenorm2d(64).ToString());
        Assert.Equal(["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
            new BatchRenorm3d(4).StateDict().Keys);
        Assert.Throws<ArgumentNullException>(() => Tensor.Zeros([4, 3]).BatchRenorm(null, null, null!));
    }

    /// <summary>The same from primitive ops; r and d are worked out aside and enter as data.</summary>
    private static Tensor Graph(
        Tensor x, Tensor gamma, Tensor beta, RunningStatistics running, double rMax, double dMax)
    {
        const double eps = 1e-5;
        int channels = x.Shape[1];
        double[] values = x.ToArray<double>();
        int spatial = values.Length / channels / x.Shape[0], m = x.Shape[0] * spatial;
        double[] r = new double[channels], d = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            double mean = 0, variance = 0, std = Math.Sqrt(running.Variance.Value.ToArray<double>()[c] + eps);
            for (int i = 0; i < values.Length; i++) if (i / spatial % channels == c) mean += values[i] / m;
            for (int i = 0; i < values.Length; i++)
                if (i / spatial % channels == c) variance += (values[i] - mean) * (values[i] - mean) / m;
            r[c] = Math.Clamp(Math.Sqrt(variance + eps) / std, 1 / rMax, rMax);
            d[c] = Math.Clamp((mean - running.Mean.Value.ToArray<double>()[c]) / std, -dMax, dMax);
        }

        return GraphNorms.BatchNorm(x, gamma * x.Tape!.Input(Tensor.From(r, [channels])),
            beta + gamma * x.Tape.Input(Tensor.From(d, [channels])), eps);
    }
}
