using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Xunit;

namespace Evenkeel.Tests.Surgery;

public sealed class PruningTests
{
    [Fact]
    public void A_gamma_of_zero_leaves_a_constant_that_goes_into_the_next_bias()
    {
        Sequential model = Mlp(static () => new Tanh());
        var norm = (BatchNorm1d)model[1];
        norm.Weight!.Value.AsSpan<float>()[2] = 0;
        norm.Weight.Value.AsSpan<float>()[5] = 0;
        norm.Bias!.Value.AsSpan<float>()[2] = 0.7f;
        PruneResult result = model.Prune(Inputs(5, 64));
        Assert.Equal([2, 5], result.Layers[0].Removed);
        Assert.Empty(result.Layers[1].Removed);
        var pruned = (Sequential)result.Model;
        Assert.Equal((6, 6), (((Linear)pruned[0]).OutFeatures, ((Linear)pruned[3]).InFeatures));
        Assert.True(result.Float64Proof.RelativeDifference < Tolerances.Float64Roundoff);
        Assert.True(result.Proof.LargestOutput > 0);
        // 5·8 + 8·8 + 8·3 before; 5·6 + 6·8 + 8·3 after.
        Assert.Equal((128, 102), (result.OperationsBefore, result.OperationsAfter));
        Assert.Equal(8, ((Linear)model[0]).OutFeatures);
        Assert.Contains("2 of 8 removed", result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Both_sides_of_a_layer_get_smaller()
    {
        Sequential model = Mlp(static () => new ReLU());
        ((BatchNorm1d)model[1]).Bias!.Value.AsSpan<float>()[..3].Fill(-50);
        ((BatchNorm1d)model[4]).Bias!.Value.AsSpan<float>()[1..3].Fill(-50);
        PruneResult result = model.Prune(Inputs(5, 64));
        var pruned = (Sequential)result.Model;
        Assert.Equal((5, 6), (((Linear)pruned[3]).InFeatures, ((Linear)pruned[3]).OutFeatures));
        Assert.Equal(0, result.Float64Proof.MaxDifference, Tolerances.Float64Roundoff);
        Assert.Equal(5, result.Removed);
    }

    [Fact]
    public void Pooling_and_flattening_between_keep_the_channels_together()
    {
        Sequential model =
        [
            new Conv2d(2, 6, 3, random: new Philox(1)), new BatchNorm2d(6), new MaxPool2d(2), new Flatten(),
            new Linear(6 * 9, 3, random: new Philox(2)),
        ];
        Measure(model, Images());
        var norm = (BatchNorm2d)model[1];
        norm.Weight!.Value.AsSpan<float>()[4] = 0;
        norm.Bias!.Value.AsSpan<float>()[4] = -0.3f;
        PruneResult result = model.Prune(Images());
        Assert.Equal([4], result.Layers[0].Removed);
        Assert.Equal(5 * 9, ((Linear)((Sequential)result.Model)[4]).InFeatures);
        Assert.True(result.Float64Proof.RelativeDifference < Tolerances.Float64Roundoff);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public void Zero_padding_takes_only_a_constant_of_zero(int padding, bool isKept)
    {
        Sequential model =
        [
            new Conv2d(2, 6, 3, random: new Philox(1)), new BatchNorm2d(6),
            new Conv2d(6, 4, 3, padding: padding, random: new Philox(2)),
        ];
        Measure(model, Images());
        var norm = (BatchNorm2d)model[1];
        norm.Weight!.Value.AsSpan<float>()[..2].Clear();
        norm.Bias!.Value.AsSpan<float>()[0] = 0.4f;
        PruneResult result = model.Prune(Images());
        Assert.Equal(isKept ? [1] : [0, 1], result.Layers[0].Removed);
        norm.Bias.Value.AsSpan<float>()[1] = 0.4f;
        PrunedLayer layer = model.Prune(Images()).Layers[0];
        Assert.Equal(isKept ? "the next layer pads with zeros, which the constant of a channel is not" : null,
            layer.Reason);
    }

    [Fact]
    public void A_channel_that_these_inputs_do_not_reach_stays()
    {
        Sequential model = Mlp(static () => new ReLU());
        // Far below 0 on one side of the data alone: gamma and beta say that it is active in half of all cases.
        Tensor inputs = Inputs(5, 64);
        var norm = (BatchNorm1d)model[1];
        Tensor mean = norm.Running!.Mean.Value;
        mean.AsSpan<float>()[3] += 100;
        PruneResult result = model.Prune(inputs);
        Assert.Equal(0, result.Removed);
    }

    [Fact]
    public void What_goes_several_ways_stays_and_the_report_says_why()
    {
        var model = new ResNet(new ResNetOptions { Side = 8, Blocks = 1, Width = 4, Classes = 3 }, new Philox(1));
        Tensor images = Tensor.RandomNormal([12, 3, 8, 8], new Philox(2));
        Measure(model, images);
        Dictionary<string, Module> modules = model.NamedModules().ToDictionary(
            static entry => entry.Name, static entry => entry.Module);
        ((BatchNorm2d)modules["bn1"]).Bias!.Value.AsSpan<float>()[0] = -60;
        ((BatchNorm2d)modules["layer2.0.bn1"]).Bias!.Value.AsSpan<float>()[..3].Fill(-60);
        PruneResult result = model.Prune(images);
        Assert.Equal([0, 1, 2], result.Layers.Single(static layer => layer.Name == "layer2.0.bn1").Removed);
        Assert.Equal("its output goes several ways",
            result.Layers.Single(static layer => layer.Name == "bn1").Reason);
        Assert.True(result.Float64Proof.RelativeDifference < Tolerances.Float64Roundoff);
    }

    [Fact]
    public void One_channel_always_stays()
    {
        Sequential model = Mlp(static () => new ReLU());
        ((BatchNorm1d)model[1]).Bias!.Value.Fill(-50);
        PruneResult result = model.Prune(Inputs(5, 32));
        Assert.Equal(1, ((Linear)((Sequential)result.Model)[0]).OutFeatures);
        Assert.Equal(0, result.Float64Proof.MaxDifference, Tolerances.Float64Roundoff);
    }

    [Fact]
    public void Biases_before_a_batch_norm_go_into_its_running_mean()
    {
        Sequential model =
        [
            new Conv2d(2, 6, 3, random: new Philox(1)), new BatchNorm2d(6), new ReLU(), new Flatten(),
            new Linear(6 * 36, 5, random: new Philox(2)), new LayerNorm([5]), new Linear(5, 3, random: new Philox(3)),
        ];
        Measure(model, Images());
        BiasResult result = model.RemoveRedundantBiases(Images());
        Assert.Equal(["0"], result.Layers);
        var changed = (Sequential)result.Model;
        Assert.Null(((Conv2d)changed[0]).Bias);
        Assert.NotNull(((Linear)changed[4]).Bias);
        Assert.True(result.Float64Proof.RelativeDifference < Tolerances.Float64Roundoff);
        // In training the mean of the batch has the bias in it, so nothing changes there either.
        float[] before = model.Clone().Forward(new Tape(Mode.Train).Input(Images())).ToArray<float>();
        float[] after = changed.Clone().Forward(new Tape(Mode.Train).Input(Images())).ToArray<float>();
        for (int i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], Tolerances.Float32Sums);
        Assert.Empty(changed.RemoveRedundantBiases(Images()).Layers);
    }

    [Fact]
    public void Empty_inputs_are_refused()
    {
        Sequential model = Mlp(static () => new ReLU());
        Assert.Contains("expected inputs with samples", Assert.Throws<ArgumentException>(
            () => model.Prune(Tensor.Zeros([0, 5]))).Message, StringComparison.Ordinal);
        Assert.Contains("expected inputs with samples", Assert.Throws<ArgumentException>(
            () => model.RemoveRedundantBiases(Tensor.Zeros([0, 5]))).Message, StringComparison.Ordinal);
    }

    private static Sequential Mlp(Func<Module> activation)
    {
        Sequential model =
        [
            new Linear(5, 8, random: new Philox(1)), new BatchNorm1d(8), activation(),
            new Linear(8, 8, random: new Philox(2)), new BatchNorm1d(8), activation(),
            new Linear(8, 3, random: new Philox(3)),
        ];
        Measure(model, Inputs(5, 64));
        return model;
    }

    private static Tensor Inputs(int features, int samples) =>
        Tensor.RandomNormal([samples, features], new Philox(7));

    private static Tensor Images() => Tensor.RandomNormal([12, 2, 8, 8], new Philox(8));

    private static void Measure(Module model, Tensor inputs) => model.Recalibrate(inputs);
}
