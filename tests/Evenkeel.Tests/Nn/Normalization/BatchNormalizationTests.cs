using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// Batch norm over any axis: the layers with PyTorch's names in other conventions, the fusion,
/// the state, what is refused.
/// </summary>
public sealed class BatchNormalizationTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(-1)]
    [InlineData(-2)]
    public void Any_axis_is_batch_norm_of_the_permuted_input(int axis)
    {
        int channelAxis = axis < 0 ? axis + 4 : axis;
        Tensor x = Tensor.RandomNormal([5, 4, 3, 6], new Philox(1), DType.Float64);
        int[] order =
        [
            channelAxis == 0 ? 1 : 0, channelAxis,
            .. Enumerable.Range(0, 4).Where(d => d != channelAxis && d != (channelAxis == 0 ? 1 : 0)),
        ];
        int[] back = [.. Enumerable.Range(0, 4).Select(d => Array.IndexOf(order, d))];
        var any = new BatchNormalization(x.Shape[channelAxis], NormConvention.Torch with { ChannelAxis = axis });
        var first = new BatchNorm2d(x.Shape[channelAxis]);
        any.To(DType.Float64);
        first.To(DType.Float64);
        double[] expected = first.Forward(new Tape(Mode.Train).Input(x.Permute(order))).Permute(back).ToArray<double>();
        Close.To(expected, any.Forward(new Tape(Mode.Train).Input(x)), Tolerances.Float64Roundoff);
        Close.To(
            first.Running!.Variance.Value.ToArray<double>(), any.Running!.Variance.Value, Tolerances.Float64Roundoff);
        Close.To(first.Forward(x.Permute(order)).Permute(back).ToArray<double>(),
            any.Forward(x), Tolerances.Float64Roundoff);
    }

    [Fact]
    public void The_layers_with_PyTorchs_names_take_a_convention_and_keep_their_ranks()
    {
        Tensor images = Tensor.RandomNormal([4, 5, 6, 3], new Philox(2));
        var layer = new BatchNorm2d(3, NormConvention.Keras, useScale: false);
        var any = new BatchNormalization(3, NormConvention.Keras, useScale: false);
        Assert.Equal(any.Forward(new Tape(Mode.Train).Input(images)).ToArray<float>(),
            layer.Forward(new Tape(Mode.Train).Input(images)).ToArray<float>());
        Assert.Equal(["bias", "running_mean", "running_var", "num_batches_tracked"], layer.StateDict().Keys);
        Assert.Equal(
            "BatchNorm2d(3, eps=0.001, momentum=0.01, variance=biased, scale=False, bias=True, "
            + "track_running_stats=True, convention=Keras)",
            layer.ToString());
        string text = Assert.Throws<ArgumentException>(() => layer.Forward(Tensor.Zeros([4, 3, 5, 6]))).Message;
        Assert.Contains("BatchNorm2d: expected 3 channels as dimension -1 (Keras)", text, StringComparison.Ordinal);
        Assert.Contains("create the layer with 6 features", text, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => layer.Forward(Tensor.Zeros([4, 3])));
        Assert.Equal(
            new Shape(2, 7, 3), new BatchNorm1d(3, NormConvention.Flax).Forward(Tensor.Zeros([2, 7, 3])).Shape);
        Assert.Equal(new Shape(2, 3, 2, 2, 2),
            new BatchNorm3d(3, CourseConventions.D2l).Forward(Tensor.Zeros([2, 3, 2, 2, 2])).Shape);
        Assert.Throws<ArgumentNullException>(() => new BatchNorm1d(3, (NormConvention)null!));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new BatchNormalization(3, NormConvention.Torch with { Eps = -1 }));
    }

    [Fact]
    public void PyTorchs_preset_is_the_layer_with_PyTorchs_arguments_bit_for_bit()
    {
        Tensor x = Tensor.RandomNormal([4, 3, 5, 6], new Philox(3));
        var preset = new BatchNormalization(3, NormConvention.Torch);
        var layer = new BatchNorm2d(3);
        Assert.Equal(layer.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>(),
            preset.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>());
        Assert.Equal(layer.Running!.Variance.Value.ToArray<float>(), preset.Running!.Variance.Value.ToArray<float>());
        Assert.Equal(
            layer.ToString().Replace("BatchNorm2d", "BatchNormalization", StringComparison.Ordinal), preset.ToString());
    }

    [Fact]
    public void Channels_last_is_fused_with_ReLU_too()
    {
        Tensor x = Tensor.RandomNormal([4, 5, 6, 3], new Philox(4));
        var net = new Sequential(new BatchNormalization(3, NormConvention.Keras), new ReLU());
        var apart = new BatchNormalization(3, NormConvention.Keras);
        var tape = new Tape(Mode.Train);
        float[] fused = net.Forward(tape.Input(x)).ToArray<float>();
        Assert.Equal(apart.Forward(new Tape(Mode.Train).Input(x)).ReLU().ToArray<float>(), fused);
    }

    [Fact]
    public void A_copy_keeps_convention_and_state()
    {
        var network = new Sequential(new BatchNormalization(3, NormConvention.Keras), new BatchNorm1d(3));
        network.FreezeNorms();
        var copy = (Sequential)network.Clone();
        Assert.Equal(NormConvention.Keras, ((BatchNormalization)copy[0]).Convention);
        Assert.Equal(NormState.Frozen, ((BatchNormalization)copy[0]).State);
        Tensor x = Tensor.RandomNormal([6, 3], new Philox(5));
        copy.Forward(new Tape(Mode.Train).Input(x));
        Assert.Equal(0, ((BatchNormalization)copy[0]).Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
        // The two go their own ways.
        copy.UnfreezeNorms();
        copy.Forward(new Tape(Mode.Train).Input(x));
        Assert.Equal(1, ((BatchNorm1d)copy[1]).Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.Equal(0, ((BatchNorm1d)network[1]).Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.Equal(NormState.Frozen, ((BatchNorm1d)network[1]).State);
    }

    [Fact]
    public void Recalibration_pools_channels_wherever_they_are()
    {
        Tensor x = Tensor.RandomNormal([12, 5, 7, 3], new Philox(7), DType.Float64);
        var last = new BatchNormalization(3, NormConvention.Keras);
        var first = new BatchNormalization(3, NormConvention.Keras with { ChannelAxis = 1 });
        last.To(DType.Float64);
        first.To(DType.Float64);
        new Sequential(last).Recalibrate(x);
        new Sequential(first).Recalibrate(x.Permute(0, 3, 1, 2));
        Close.To(first.Running!.Mean.Value.ToArray<double>(), last.Running!.Mean.Value, Tolerances.Float64Sums);
        Close.To(first.Running.Variance.Value.ToArray<double>(), last.Running.Variance.Value, Tolerances.Float64Sums);
    }

    [Fact]
    public void Folding_leaves_a_norm_over_other_channels_than_the_convolutions()
    {
        // As many columns as output channels: only the axis tells that this is no norm of the convolution's channels.
        var network = new Sequential(new Conv2d(2, 4, 1), new BatchNormalization(4, NormConvention.Keras));
        FoldResult result = network.Fold(Tensor.RandomNormal([3, 2, 4, 4], new Philox(8)));
        Assert.Equal(FoldStatus.Kept, result.Layers[0].Status);
        Assert.Contains("its channels are dimension 3 of (3, 4, 4, 4), the outputs of 0 (Conv2d) dimension 1",
            result.Layers[0].Reason, StringComparison.Ordinal);
        Assert.Equal(0, result.Proof.MaxDifference);
        FoldResult firstAxis = new Sequential(
            new Conv2d(2, 4, 1), new BatchNormalization(4, NormConvention.Keras with { ChannelAxis = 1 }))
            .Fold(Tensor.RandomNormal([3, 2, 4, 4], new Philox(8)));
        Assert.Equal(FoldStatus.IntoLayerBefore, firstAxis.Layers[0].Status);
        FoldResult matrix = new Sequential(new Linear(2, 4), new BatchNormalization(4, NormConvention.Keras))
            .Fold(Tensor.RandomNormal([3, 2], new Philox(9)));
        Assert.Equal(FoldStatus.IntoLayerBefore, matrix.Layers[0].Status);
    }

    [Fact]
    public void A_mask_is_checked()
    {
        var layer = new BatchNormalization(3, NormConvention.Keras);
        Tensor x = Tensor.RandomNormal([2, 4, 3], new Philox(6));
        Says("expected a mask of shape (2, 4) for an input of shape (2, 4, 3)",
            "Leave the channel axis out", Tensor.Ones([2, 4, 3]));
        Says(
            "expected a mask of zeros and ones, got 0.5", "1 marks the positions that count", Tensor.Full([2, 4], 0.5));
        Says("expected a mask with at least one 1, got none of 8", "Drop the batch", Tensor.Zeros([2, 4]));
        Tensor one = Tensor.Zeros([2, 4]);
        one.AsSpan<float>()[3] = 1;
        var strict = new BatchNormalization(3, NormConvention.Keras with { SingleValue = SingleValue.Error });
        Assert.Contains(
            "under the mask, got exactly one",
            Assert.Throws<ArgumentException>(() => strict.Forward(new Tape(Mode.Train).Input(x), one)).Message,
            StringComparison.Ordinal);
        Assert.All(
            layer.Forward(new Tape(Mode.Train).Input(x), one).ToArray<float>()[9..12], value => Assert.Equal(0, value));
        // Labels-like masks of integers are fine.
        Assert.Equal(x.Shape,
            layer.Forward(new Tape(Mode.Train).Input(x), Tensor.From([1L, 0, 1, 1, 0, 0, 1, 1], [2, 4])).Shape);

        void Says(string what, string remedy, Tensor mask)
        {
            string text = Assert.Throws<ArgumentException>(
                () => layer.Forward(new Tape(Mode.Train).Input(x), mask)).Message;
            Assert.Contains(what, text, StringComparison.Ordinal);
            Assert.Contains(remedy, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Statistics_under_a_mask_have_the_inputs_channels_and_type()
    {
        Tensor x = Tensor.RandomNormal([2, 4, 3], new Philox(6)), mask = Tensor.Ones([2, 1, 3]);
        // More channels than the input has would be written over the memory behind the batch's.
        string wide = Assert.Throws<ArgumentException>(() => new Tape(Mode.Train).Input(x).MaskedBatchNorm(
            mask, null, null, new RunningStatistics(5, RunningAverage.Torch()))).Message;
        Assert.StartsWith("MaskedBatchNorm: expected running_mean of shape (4) for an input of shape (2, 4, 3)",
            wide, StringComparison.Ordinal);
        var wrongType = new RunningStatistics(4, RunningAverage.Torch());
        wrongType.Variance.To(DType.Float64);
        Assert.Contains(
            "expected running_var of the input's type Float32",
            Assert.Throws<ArgumentException>(
                () => new Tape(Mode.Train).Input(x).MaskedBatchNorm(mask, null, null, wrongType)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Masked_values_do_not_reach_the_statistics_and_hooks_see_the_result()
    {
        var layer = new BatchNormalization(2, NormConvention.Flax);
        int seen = 0;
        using IDisposable hook = layer.AddForwardHook((_, _, _) => seen++);
        float[] x = [1, 10, 3, 30, 9999, -9999];
        layer.Forward(new Tape(Mode.Train).Input(Tensor.From(x, [1, 3, 2])), Tensor.From([1f, 1, 0], [1, 3]));
        Assert.Equal(0.02, layer.Running!.Mean.Value.ToArray<float>()[0], Tolerances.Float32Roundoff);
        Assert.Equal(0.2, layer.Running.Mean.Value.ToArray<float>()[1], Tolerances.Float32Roundoff);
        Assert.Equal(1, seen);
    }

    [Fact]
    public void A_vector_is_one_channel_in_ONNX_alone()
    {
        Tensor x = Tensor.From([1f, 2, 3, 4], [4]);
        float[] y = new BatchNormalization(
            1, NormConvention.Onnx).Forward(new Tape(Mode.Train).Input(x)).ToArray<float>();
        Assert.Equal(-1.3416355f, y[0], Tolerances.Float32Roundoff);
        Assert.Throws<ArgumentException>(() => new BatchNormalization(4, NormConvention.Onnx).Forward(x));
        Assert.Throws<ArgumentException>(() => new BatchNormalization(1, NormConvention.Keras).Forward(x));
        Assert.Equal("rank 1 or more", NormConvention.Onnx.Ranks.ToString());
        Assert.Equal("rank 2 or 4", CourseConventions.D2l.Ranks.ToString());
        Assert.Equal("rank 2", CourseConventions.Cs231n.Ranks.ToString());
    }

    [Fact]
    public void One_value_with_the_unbiased_variance_is_beta_and_is_not_followed()
    {
        var layer = new BatchNormalization(2, NormConvention.Torch with { SingleValue = SingleValue.Beta });
        Assert.Equal(
            [0f, 0f], layer.Forward(new Tape(Mode.Train).Input(Tensor.From([5f, 6], [1, 2]))).ToArray<float>());
        Assert.Equal(1, layer.Running!.SkippedBatches);
        Assert.Equal([0f, 0f], layer.Running.Mean.Value.ToArray<float>());
    }
}
