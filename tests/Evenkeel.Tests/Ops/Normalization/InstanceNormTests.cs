using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Instance norm: its relatives, its running statistics, its layers, and what is refused.</summary>
public sealed class InstanceNormTests
{
    public static TheoryData<int[]> Shapes =>
        new([2, 3, 9], [4, 7, 17], [3, 5, 7, 7], [2, 5, 1, 3], [2, 3, 2, 3, 4], [2, 70, 4, 4], [1, 2, 80, 80]);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Of_one_sample_it_is_batch_norm(int[] shape)
    {
        int[] single = [1, .. shape[1..]];
        Tensor x = Random(single, 1), gamma = Random([shape[1]], 2), beta = Random([shape[1]], 3),
            dy = Random(single, 4);
        double[][] expected = Run(x, gamma, beta, dy, static (x, g, b) => x.BatchNorm(g, b, running: null)),
            actual = Run(x, gamma, beta, dy, static (x, g, b) => x.InstanceNorm(g, b));
        for (int i = 0; i < expected.Length; i++)
        {
            double scale = expected[i].Max(Math.Abs);
            for (int j = 0; j < expected[i].Length; j++)
                Assert.Equal(expected[i][j], actual[i][j], Tolerances.Float64Roundoff * Math.Max(1, scale));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_match_differences_in_double(int[] shape)
    {
        if (new Shape(shape).Count > 1000) return;
        Tensor x = Random(shape, 5), gamma = Random([shape[1]], 6), beta = Random([shape[1]], 7);
        Assert.True(GradientCheck.Run(v => v[0].InstanceNorm(v[1], v[2]), [x, gamma, beta]).Passed);
    }

    [Fact]
    public void Running_statistics_follow_the_mean_of_the_instances()
    {
        // Two samples of one channel: 1 2 3 4 (mean 2.5, unbiased variance 5/3) and 2 4 6 8 (mean
        // 5, unbiased variance 20/3).
        var layer = new InstanceNorm1d(1, trackRunningStats: true);
        Tensor x = Tensor.From([1f, 2f, 3f, 4f, 2f, 4f, 6f, 8f], [2, 1, 4]);
        var tape = new Tape(Mode.Train);
        Tensor y = layer.Forward(tape.Input(x));
        Assert.Equal(x.InstanceNorm(null, null).ToArray<float>(), y.ToArray<float>());
        Assert.Equal(0.1 * 3.75, layer.Running!.Mean.Value.Item(), Tolerances.Float32Roundoff);
        Assert.Equal(
            0.9 + 0.1 * (5.0 / 3 + 20.0 / 3) / 2, layer.Running.Variance.Value.Item(), Tolerances.Float32Roundoff);
        Assert.Equal(1, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);

        // In eval it is batch norm with these statistics, for a single spatial value too.
        double expected = (2 - layer.Running.Mean.Value.Item()) / Math.Sqrt(layer.Running.Variance.Value.Item() + 1e-5);
        Assert.Equal(expected, layer.Forward(Tensor.From([2f], [1, 1, 1])).Item(), Tolerances.Float32Roundoff);

        tape.Reject();
        Assert.Equal(0, layer.Running.Mean.Value.Item());
        Assert.Equal(1, layer.Running.Variance.Value.Item());
        Assert.Equal(0, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    [Fact]
    public void Of_one_sample_its_running_statistics_are_batch_norms()
    {
        Tensor x = Random([1, 5, 6, 7], 8);
        var instance = new InstanceNorm2d(5, affine: true, trackRunningStats: true);
        var batch = new BatchNorm2d(5);
        instance.To(DType.Float64);
        batch.To(DType.Float64);
        for (int pass = 0; pass < 3; pass++)
        {
            instance.Forward(new Tape(Mode.Train).Input(x));
            batch.Forward(new Tape(Mode.Train).Input(x));
        }

        NormCompare.Close("mean",
            instance.Running!.Mean.Value, batch.Running!.Mean.Value.ToArray<double>(), Tolerances.Float64Sums, 1);
        NormCompare.Close("variance",
            instance.Running.Variance.Value, batch.Running.Variance.Value.ToArray<double>(), Tolerances.Float64Sums, 1);
        NormCompare.Close("eval", instance.Forward(x), batch.Forward(x).ToArray<double>(), Tolerances.Float64Sums, 1);
    }

    [Fact]
    public void A_batch_that_is_not_finite_leaves_no_trace_in_the_statistics()
    {
        var layer = new InstanceNorm1d(2, trackRunningStats: true);
        Tensor x = Tensor.RandomNormal([2, 2, 5], new Philox(9));
        x.AsSpan<float>()[7] = float.NaN;
        layer.Forward(new Tape(Mode.Train).Input(x));
        Assert.Equal([0f, 0f], layer.Running!.Mean.Value.ToArray<float>());
        Assert.Equal(1, layer.Running.SkippedBatches);
    }

    [Fact]
    public void A_single_sample_without_a_batch_dimension_is_taken()
    {
        foreach ((Module layer, int[] shape) in new (Module, int[])[] { (new InstanceNorm1d(3), [3, 8]),
            (new InstanceNorm2d(3, affine: true), [3, 4, 5]), (new InstanceNorm3d(3), [3, 2, 3, 4]), })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(10));
            Tensor y = layer.Forward(x);
            Assert.Equal(x.Shape, y.Shape);
            Assert.Equal(layer.Forward(x.Reshape([1, .. shape])).ToArray<float>(), y.ToArray<float>());
        }
    }

    [Fact]
    public void The_layers_have_PyTorchs_defaults_keys_and_text()
    {
        Assert.Equal("InstanceNorm2d(64, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)",
            new InstanceNorm2d(64).ToString());
        Assert.Equal("InstanceNorm1d(3, eps=0.001, momentum=0.5, affine=True, track_running_stats=True)",
            new InstanceNorm1d(3, 1e-3, 0.5, affine: true, trackRunningStats: true).ToString());
        Assert.Empty(new InstanceNorm3d(4).StateDict().Keys);
        Assert.Equal(["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
            new InstanceNorm2d(4, affine: true, trackRunningStats: true).StateDict().Keys);
        var tape = new Tape(Mode.Train);
        new Sequential(new InstanceNorm2d(4, affine: true), new ReLU())
            .Forward(tape.Input(Tensor.RandomNormal([2, 4, 5, 5], new Philox(1))));
        Assert.Equal(1, tape.OpCount);
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_the_remedy()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new InstanceNorm2d(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InstanceNorm2d(3, momentum: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InstanceNorm2d(3, eps: double.NaN));
        Assert.Contains(
            "InstanceNorm2d: expected (N, 3, H, W) or (C, H, W) with C = 3, got (2, 4, 5, 5). "
            + "The channels are dimension 1",
            GroupNormTests.Refused(() => new InstanceNorm2d(3).Forward(Tensor.Zeros([2, 4, 5, 5]))),
            StringComparison.Ordinal);
        Assert.Contains(
            "The channels are dimension 0",
            GroupNormTests.Refused(() => new InstanceNorm2d(3).Forward(Tensor.Zeros([4, 5, 5]))),
            StringComparison.Ordinal);
        Assert.Contains(
            "layer of that rank", GroupNormTests.Refused(() => new InstanceNorm2d(3).Forward(Tensor.Zeros([4, 5]))),
            StringComparison.Ordinal);

        Tensor one = Tensor.Zeros([4, 3, 1, 1]);
        string untracked = GroupNormTests.Refused(() => new InstanceNorm2d(3).Forward(one));
        Assert.Contains("expected more than one spatial value", untracked, StringComparison.Ordinal);
        Assert.Contains("trackRunningStats: false", untracked, StringComparison.Ordinal);
        var tracking = new InstanceNorm2d(3, trackRunningStats: true);
        Assert.Contains("training mode",
            GroupNormTests.Refused(() => tracking.Forward(new Tape(Mode.Train).Input(one))), StringComparison.Ordinal);
        Assert.Equal(one.Shape, tracking.Forward(one).Shape);
        Assert.Equal(0, new InstanceNorm2d(3).Forward(Tensor.Zeros([0, 3, 4, 4])).Count);
    }

    private static double[][] Run(
        Tensor x, Tensor gamma, Tensor beta, Tensor dy, Func<Tensor, Tensor, Tensor, Tensor> norm)
    {
        var tape = new Tape(Mode.Train);
        Tensor input = tape.Input(x, requiresGradient: true), scale = tape.Input(gamma, requiresGradient: true),
            shift = tape.Input(beta, requiresGradient: true);
        Tensor y = norm(input, scale, shift);
        y.Backward(dy);
        return [y.ToArray<double>(),
            input.Gradient!.ToArray<double>(), scale.Gradient!.ToArray<double>(), shift.Gradient!.ToArray<double>()];
    }

    private static Tensor Random(int[] shape, ulong seed) =>
        Tensor.RandomNormal(new Shape(shape), new Philox(seed), DType.Float64);
}
