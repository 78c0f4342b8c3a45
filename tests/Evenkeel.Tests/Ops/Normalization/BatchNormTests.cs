using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Running statistics, modes, fusion, and what is refused.</summary>
public sealed class BatchNormTests
{
    /// <summary>PyTorch's float32 arithmetic in the same formulas.</summary>
    private const double TorchTolerance = 2e-6;

    // Three batches with means 2.5, 3.5, 4.5, biased variance 1.25, unbiased 5/3 (PyTorch 1.13).
    public static TheoryData<double?, double, double> Momenta => new()
    {
        { 0.1, 0.9675, 1.180667 },
        { 1.0, 4.5, 5.0 / 3 },
        { 0.0, 0, 1 },
        { null, 3.5, 5.0 / 3 },
    };

    [Theory]
    [MemberData(nameof(Momenta))]
    public void Running_statistics_follow_as_in_PyTorch(double? momentum, double mean, double variance)
    {
        var layer = new BatchNorm1d(1, momentum: momentum);
        var tape = new Tape(Mode.Train);
        for (int batch = 0; batch < 3; batch++)
        {
            tape.Reset();
            layer.Forward(tape.Input(Tensor.From([1f + batch, 2f + batch, 3f + batch, 4f + batch], [4, 1])));
        }

        Assert.Equal(mean, layer.Running!.Mean.Value.Item(), TorchTolerance);
        Assert.Equal(variance, layer.Running.Variance.Value.Item(), TorchTolerance);
        Assert.Equal(3, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    /// <summary>The numbers of docs/derivations/batch-norm.md, worked out by hand.</summary>
    [Fact]
    public void The_example_of_the_derivation_is_right()
    {
        // Centred differences are good to nine digits: see there.
        const double rounding = 1e-15, differences = 1e-9;
        var gamma = Tensor.From([2.0], [1]);
        var beta = Tensor.From([1.0], [1]);
        var dy = Tensor.From([1.0, 0.0, 0.0, 2.0], [4, 1]);
        var values = Tensor.From([1.0, 3.0, 5.0, 7.0], [4, 1]);
        double[] expected = [1 / 3.0, -4 / 9.0, -5 / 9.0, 2 / 3.0];
        Tensor x = new Tape().Input(values, requiresGradient: true);
        x.BatchNorm(gamma, beta, running: null, eps: 4).Backward(dy);
        Near(x.Gradient!, rounding);
        Near(GradientCheck.NumericalGradient(Norm, values, dy), differences);

        Tensor Norm(Tensor t) => t.BatchNorm(gamma, beta, running: null, eps: 4, training: true);

        void Near(Tensor dx, double tolerance)
        {
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], dx.ToArray<double>()[i], tolerance);
        }
    }

    [Fact]
    public void The_notebooks_convention_keeps_the_biased_variance_and_starts_at_zero()
    {
        var layer = new BatchNorm1d(1, Cs231n.Average);
        Assert.Equal(0, layer.Running!.Variance.Value.Item());
        layer.Forward(new Tape(Mode.Train).Input(Tensor.From([1f, 2f, 3f, 4f], [4, 1])));
        Assert.Equal(0.1 * 2.5, layer.Running.Mean.Value.Item(), TorchTolerance);
        Assert.Equal(0.1 * 1.25, layer.Running.Variance.Value.Item(), TorchTolerance);
    }

    [Fact]
    public void A_fresh_layer_in_eval_is_the_identity_up_to_eps()
    {
        Tensor x = Tensor.RandomNormal([6, 3, 5, 5], new Philox(1));
        float[] y = new BatchNorm2d(3, eps: 0).Forward(x).ToArray<float>();
        Assert.Equal(x.ToArray<float>(), y);
    }

    [Fact]
    public void One_training_step_then_eval_gives_the_value_worked_out_by_hand()
    {
        var layer = new BatchNorm1d(1);
        layer.Forward(new Tape(Mode.Train).Input(Tensor.From([1f, 2f, 3f, 4f], [4, 1])));
        // running mean 0.25, running variance 0.9 + 0.1·5/3
        double expected = (2 - 0.25) / Math.Sqrt(0.9 + 0.5 / 3 + 1e-5);
        Assert.Equal(expected, layer.Forward(Tensor.From([2f], [1, 1])).Item(), TorchTolerance);
    }

    [Fact]
    public void The_output_does_not_change_when_the_input_is_scaled_and_shifted()
    {
        Tensor x = Tensor.RandomNormal([64, 5], new Philox(2), DType.Float64);
        Tensor scaled = x * 3.5 + 7.0;
        double[] y = Normalized(x), z = Normalized(scaled);
        for (int i = 0; i < y.Length; i++) Assert.Equal(y[i], z[i], Tolerances.Float64Roundoff);

        static double[] Normalized(Tensor x) =>
            new Tape(Mode.Train).Input(x).BatchNorm(null, null, null, eps: 0).ToArray<double>();
    }

    [Fact]
    public void Columns_and_planes_agree_on_transposed_data()
    {
        // (N, C, L) with L = 7 walks planes; the same values as (N·L, C) walk columns.
        int n = 6, c = 37, l = 7;
        double[] values = new double[n * c * l];
        new Philox(3).FillNormal(values);
        double[] transposed = new double[values.Length];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < c; j++)
                for (int k = 0; k < l; k++)
                    transposed[((i * l) + k) * c + j] = values[((i * c) + j) * l + k];
        double[] planes = new Tape(
            Mode.Train).Input(Tensor.From(values, [n, c, l])).BatchNorm(null, null, null).ToArray<double>();
        double[] columns = new Tape(
            Mode.Train).Input(Tensor.From(transposed, [n * l, c])).BatchNorm(null, null, null).ToArray<double>();
        double[] rows = new Tape(Mode.Train)
            .Input(Tensor.From(values, [n, c, l]).Permute(1, 0, 2).Reshape([c, n * l]))
            .LayerNorm([n * l], null, null)
            .ToArray<double>();
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < c; j++)
            {
                for (int k = 0; k < l; k++)
                {
                    Assert.Equal(planes[((i * c) + j) * l + k], columns[((i * l) + k) * c + j], Tolerances.Float64Sums);
                    Assert.Equal(planes[((i * c) + j) * l + k], rows[(j * n + i) * l + k], Tolerances.Float64Sums);
                }
            }
        }
    }

    [Fact]
    public void Fused_with_ReLU_it_gives_the_bits_of_the_pair()
    {
        foreach (int[] shape in new int[][] { [33, 70], [5, 7, 6, 6], [4, 3, 40], [9, 5] })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(4));
            Tensor dy = Tensor.RandomNormal(new Shape(shape), new Philox(5));
            (float[] fused, float[] fusedDx, float[] fusedDgamma) = Run(fuse: true);
            (float[] pair, float[] pairDx, float[] pairDgamma) = Run(fuse: false);
            Assert.Equal(pair, fused);
            Assert.Equal(pairDx, fusedDx);
            Assert.Equal(pairDgamma, fusedDgamma);

            (float[] Y, float[] Dx, float[] Dgamma) Run(bool fuse)
            {
                var tape = new Tape(Mode.Train);
                var gamma = new Parameter(Tensor.RandomNormal([shape[1]], new Philox(6)));
                var beta = new Parameter(Tensor.RandomNormal([shape[1]], new Philox(7)));
                Tensor input = tape.Input(x, requiresGradient: true);
                Tensor y = fuse
                    ? input.BatchNorm(gamma, beta, null, fuseReLU: true)
                    : input.BatchNorm(gamma, beta, null).ReLU();
                y.Backward(dy);
                return (y.ToArray<float>(), input.Gradient!.ToArray<float>(), gamma.Gradient!.ToArray<float>());
            }
        }
    }

    [Fact]
    public void Sequential_fuses_the_pair_unless_it_is_hooked()
    {
        var net = new Sequential(new BatchNorm1d(20), new ReLU());
        Tensor x = Tensor.RandomNormal([8, 20], new Philox(8));
        var tape = new Tape(Mode.Train);
        float[] fused = net.Forward(tape.Input(x)).ToArray<float>();
        Assert.Equal(1, tape.OpCount);
        tape.Reset();
        using (net[0].AddForwardHook((_, _, _) => { }))
        {
            Assert.Equal(fused, net.Forward(tape.Input(x)).ToArray<float>());
            Assert.Equal(2, tape.OpCount);
        }
    }

    [Fact]
    public void Gradients_match_differences_in_double()
    {
        foreach (int[] shape in new int[][] { [4, 5], [6, 3, 4], [3, 2, 3, 3], [2, 2, 2, 2, 2] })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(9), DType.Float64);
            Tensor gamma = Tensor.RandomNormal([shape[1]], new Philox(10), DType.Float64);
            Tensor beta = Tensor.RandomNormal([shape[1]], new Philox(11), DType.Float64);
            Assert.True(GradientCheck.Run(v => v[0].BatchNorm(v[1], v[2], null), [x, gamma, beta]).Passed);
            Assert.True(GradientCheck.Run(v => v[0].LayerNorm(new Shape(shape[1..]), v[1], v[2]), [
                x, Tensor.RandomNormal(new Shape(shape[1..]), new Philox(12), DType.Float64),
                Tensor.Zeros(new Shape(shape[1..]), DType.Float64)]).Passed);
        }
    }

    [Fact]
    public void With_fixed_statistics_gradients_flow_through_scale_only()
    {
        var layer = new BatchNorm1d(3);
        layer.To(DType.Float64);
        layer.Running!.Mean.Value.Fill(0.5);
        layer.Running.Variance.Value.Fill(4);
        var tape = new Tape(Mode.Eval, recordGradients: true);
        Tensor x = tape.Input(Tensor.RandomNormal([5, 3], new Philox(13), DType.Float64), requiresGradient: true);
        Tensor y = layer.Forward(x);
        y.Backward(Tensor.Ones([5, 3], DType.Float64));
        foreach (double value in x.Gradient!.ToArray<double>())
            Assert.Equal(1 / Math.Sqrt(4 + 1e-5), value, Tolerances.Float64Ulps);
        Assert.Equal(5, layer.Bias!.Gradient!.ToArray<double>()[0]);
        Assert.Equal(0, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    [Fact]
    public void A_batch_that_is_not_finite_leaves_no_trace_in_the_statistics()
    {
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity })
        {
            var layer = new BatchNorm1d(2);
            var tape = new Tape(Mode.Train);
            layer.Forward(tape.Input(Tensor.From([1f, 2f, bad, 4f], [2, 2])));
            Assert.Equal([0f, 0f], layer.Running!.Mean.Value.ToArray<float>());
            Assert.Equal([1f, 1f], layer.Running.Variance.Value.ToArray<float>());
            Assert.Equal(0, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
            Assert.Equal(1, layer.Running.SkippedBatches);
        }
    }

    [Fact]
    public void A_rejected_pass_leaves_no_trace_even_where_the_layer_ran_twice()
    {
        var layer = new BatchNorm1d(2);
        var tape = new Tape(Mode.Train);
        layer.Forward(tape.Input(Tensor.From([1f, 2f, 3f, 4f], [2, 2])));
        float[] before = layer.Running!.Mean.Value.ToArray<float>();
        tape.Reset();
        Tensor x = tape.Input(Tensor.From([9f, 2f, 3f, 40f], [2, 2]));
        layer.Forward(layer.Forward(x));
        Assert.Equal(3, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
        tape.Reject();
        tape.Reject();
        Assert.Equal(before, layer.Running.Mean.Value.ToArray<float>());
        Assert.Equal(1, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    [Fact]
    public void Without_tracking_the_batch_is_used_in_every_mode_and_the_state_dict_has_no_statistics()
    {
        var layer = new BatchNorm1d(3, trackRunningStats: false);
        Tensor x = Tensor.RandomNormal([16, 3], new Philox(14));
        Assert.Equal(layer.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>(), layer.Forward(x).ToArray<float>());
        Assert.Equal(["weight", "bias"], layer.StateDict().Keys);
        Assert.Equal(["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
            new BatchNorm1d(3).StateDict().Keys);
        Assert.Equal(
            ["running_mean", "running_var", "num_batches_tracked"], new BatchNorm1d(3, affine: false).StateDict().Keys);
    }

    [Fact]
    public void It_prints_like_PyTorch()
    {
        Assert.Equal("BatchNorm1d(100, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
            new BatchNorm1d(100).ToString());
        Assert.Equal("BatchNorm2d(3, eps=0.001, momentum=None, affine=False, track_running_stats=False)",
            new BatchNorm2d(3, 1e-3, null, affine: false, trackRunningStats: false).ToString());
        Assert.Equal("LayerNorm((6, 3, 4), eps=1e-05, elementwise_affine=True)", new LayerNorm([6, 3, 4]).ToString());
        Assert.Equal("LayerNorm((768,), eps=1e-05, elementwise_affine=True)", new LayerNorm(768).ToString());
    }

    [Fact]
    public void Wrong_ranks_and_channel_counts_are_refused_with_the_remedy()
    {
        Assert.Contains("BatchNorm2d: expected (N, 64, H, W), got (8, 3, 32, 32)",
            Refused(() => new BatchNorm2d(64).Forward(Tensor.Zeros([8, 3, 32, 32]))), StringComparison.Ordinal);
        Assert.Contains("create the layer with 3 features",
            Refused(() => new BatchNorm2d(64).Forward(Tensor.Zeros([8, 3, 32, 32]))), StringComparison.Ordinal);
        Assert.Contains("BatchNorm1d: expected (N, 4) or (N, 4, L), got (2, 4, 3, 3)",
            Refused(() => new BatchNorm1d(4).Forward(Tensor.Zeros([2, 4, 3, 3]))), StringComparison.Ordinal);
        Assert.Contains("BatchNorm3d: expected (N, 4, D, H, W), got (4)",
            Refused(() => new BatchNorm3d(4).Forward(Tensor.Zeros([4]))), StringComparison.Ordinal);
        Assert.Contains("last dimensions are (6, 3), got shape (8, 6, 4)",
            Refused(() => new LayerNorm([6, 3]).Forward(Tensor.Zeros([8, 6, 4]))), StringComparison.Ordinal);
    }

    [Fact]
    public void One_value_a_channel_is_refused_in_training_with_the_true_cause()
    {
        foreach (int[] shape in new int[][] { [1, 5], [1, 5, 1] })
        {
            string training = Refused(
                () => new BatchNorm1d(5).Forward(new Tape(Mode.Train).Input(Tensor.Zeros(new Shape(shape)))));
            Assert.Contains("training mode", training, StringComparison.Ordinal);
            Assert.Contains("LayerNorm", training, StringComparison.Ordinal);
            string untracked = Refused(
                () => new BatchNorm1d(5, trackRunningStats: false).Forward(Tensor.Zeros(new Shape(shape))));
            Assert.Contains("trackRunningStats: false", untracked, StringComparison.Ordinal);
        }

        Assert.Equal(new Shape(1, 5), new BatchNorm1d(5).Forward(Tensor.Zeros([1, 5])).Shape);
    }

    [Fact]
    public void Bad_settings_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1d(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1d(-3));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1d(3, eps: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1d(3, eps: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1d(3, momentum: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNorm1d(3, momentum: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => RunningAverage.Keep(-0.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LayerNorm(4, eps: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LayerNorm(0));
        Assert.Throws<ArgumentException>(() => new LayerNorm([]));
        Assert.Contains("model.To(DType.Float64)",
            Refused(() => new BatchNorm1d(3).Forward(Tensor.Zeros([4, 3], DType.Float64))), StringComparison.Ordinal);
    }

    private static string Refused(Action action) => Assert.Throws<ArgumentException>(action).Message;
}
