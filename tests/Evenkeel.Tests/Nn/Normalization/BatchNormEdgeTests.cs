using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// The edges of PyTorch's batch norm, matched or mended: empty batches, one value per channel, wrong shapes, odd
/// settings; and what each error says.
/// </summary>
public sealed class BatchNormEdgeTests
{
    private static Tensor Train(Module layer, params int[] shape) =>
        layer.Forward(new Tape(Mode.Train).Input(Tensor.RandomNormal(new Shape(shape), new Philox(1))));

    private static string Refused(Action action) => Assert.Throws<ArgumentException>(action).Message;

    private static void Says(string text, params string[] parts) =>
        Assert.All(parts, part => Assert.Contains(part, text, StringComparison.Ordinal));

    // PyTorch: "Expected more than 1 value per channel when training, got input size torch.Size([1, 5])".

    public static TheoryData<string, int[]> OneValue => new()
    {
        { "1d", [1, 5] }, { "1d", [1, 5, 1] }, { "2d", [1, 3, 1, 1] }, { "3d", [1, 3, 1, 1, 1] },
    };

    [Theory]
    [MemberData(nameof(OneValue))]
    public void One_value_a_channel_is_refused_where_the_batchs_statistics_are_needed(string kind, int[] shape)
    {
        string text = Refused(() => Train(Layer(kind, shape[1]), shape));
        Says(
            text, "BatchNorm: expected more than one value per channel, got shape " + new Shape(shape),
            "needed in training mode", "one value has no spread",
            "Use a larger batch, drop or merge a last batch of one sample, run in Mode.Eval, "
            + "freeze the layer, or use LayerNorm.");

        // In eval the text blames the missing statistics, not a training that there is none of.
        text = Refused(() => Layer(kind, shape[1], tracked: false).Forward(Tensor.Zeros(new Shape(shape))));
        Says(text, "expected more than one value per channel",
            "keeps no running statistics (trackRunningStats: false)", "track running statistics");
        Assert.DoesNotContain("training", text, StringComparison.Ordinal);

        Assert.Equal(new Shape(shape), Layer(kind, shape[1]).Forward(Tensor.Zeros(new Shape(shape))).Shape);
        shape[^1]++;
        if (shape.Length > 2) Assert.Equal(new Shape(shape), Train(Layer(kind, shape[1]), shape).Shape);
    }

    // PyTorch: "expected 2D or 3D input (got 1D input)", "expected 4D input (got 3D input)", "running_mean should
    // contain 5 elements not 4".

    [Theory]
    [InlineData("1d", new[] { 5 }, "BatchNorm1d: expected (N, 5) or (N, 5, L), got (5).")]
    [InlineData("1d", new[] { 2, 5, 3, 3 }, "BatchNorm1d: expected (N, 5) or (N, 5, L), got (2, 5, 3, 3).")]
    [InlineData("2d", new[] { 5, 3, 3 }, "BatchNorm2d: expected (N, 5, H, W), got (5, 3, 3).")]
    [InlineData("2d", new[] { 2, 5, 3, 3, 3 }, "BatchNorm2d: expected (N, 5, H, W), got (2, 5, 3, 3, 3).")]
    [InlineData("3d", new[] { 2, 5, 3, 3 }, "BatchNorm3d: expected (N, 5, D, H, W), got (2, 5, 3, 3).")]
    [InlineData("3d", new[] { 5 }, "BatchNorm3d: expected (N, 5, D, H, W), got (5).")]
    public void A_wrong_rank_is_refused_with_the_remedy(string kind, int[] shape, string start)
    {
        string text = Refused(() => Train(Layer(kind, 5), shape));
        Assert.StartsWith(start, text, StringComparison.Ordinal);
        Says(text, "Use the layer of that rank (BatchNorm1d for (N, C) and (N, C, L), 2d for images, "
            + "3d for volumes), or Reshape.");
    }

    [Theory]
    [InlineData("1d", new[] { 2, 4 })]
    [InlineData("2d", new[] { 2, 4, 3, 3 })]
    [InlineData("3d", new[] { 2, 4, 3, 3, 3 })]
    public void A_wrong_channel_count_is_refused_with_the_remedy(string kind, int[] shape)
    {
        Says(Refused(() => Train(Layer(kind, 5), shape)), $"BatchNorm{kind}: expected (N, 5", $"got {new Shape(shape)}",
            "The channels are dimension 1; create the layer with 4 features or fix the layer before it.");
        var running = new RunningStatistics(5, RunningAverage.Torch());
        Says(Refused(() => Tensor.Zeros(new Shape(shape)).BatchNorm(null, null, running)),
            "BatchNorm: expected running_mean of shape (4)", "got (5)", "Create the layer with 4 features");
    }

    [Theory]
    [InlineData("1d", new[] { 0, 5 })]
    [InlineData("1d", new[] { 0, 5, 7 })]
    [InlineData("2d", new[] { 0, 5, 4, 4 })]
    [InlineData("2d", new[] { 3, 5, 0, 4 })]
    [InlineData("3d", new[] { 0, 5, 2, 2, 2 })]
    public void An_empty_batch_gives_an_empty_output_and_counts_but_moves_nothing(string kind, int[] shape)
    {
        BatchNorm layer = Layer(kind, 5);
        layer.Running!.Mean.Value.Fill(0.5);
        var tape = new Tape(Mode.Train);
        Tensor x = tape.Input(Tensor.Zeros(new Shape(shape)), requiresGradient: true);
        Tensor y = layer.Forward(x);
        Assert.Equal(new Shape(shape), y.Shape);
        Assert.Equal(1, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.All(layer.Running.Mean.Value.ToArray<float>(), value => Assert.Equal(0.5f, value));
        Assert.All(layer.Running.Variance.Value.ToArray<float>(), value => Assert.Equal(1f, value));
        Assert.Equal(0, layer.Running.SkippedBatches);
        y.Backward(Tensor.Zeros(new Shape(shape)));
        Assert.Equal(new Shape(shape), x.Gradient!.Shape);
        Assert.All(layer.Weight!.Gradient!.ToArray<float>(), value => Assert.Equal(0f, value));
        Assert.All(layer.Bias!.Gradient!.ToArray<float>(), value => Assert.Equal(0f, value));
        tape.Reject();
        Assert.Equal(0, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);

        Assert.Equal(new Shape(shape), layer.Forward(Tensor.Zeros(new Shape(shape))).Shape);
        Assert.Equal(0, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.Equal(new Shape(shape), Train(Layer(kind, 5, tracked: false), shape).Shape);
    }

    // PyTorch takes all of these without a word: no features, momentum 2, eps -1 (NaN out).

    [Fact]
    public void Settings_that_cannot_work_are_refused_when_the_layer_is_made()
    {
        Says(Range(() => new BatchNorm2d(0)),
            "BatchNorm2d: expected at least one feature, got 0. Pass the number of channels C");
        Says(Range(() => new BatchNorm1d(-3)), "BatchNorm1d: expected at least one feature, got -3");
        foreach (double eps in new[] { -1, double.NaN, double.PositiveInfinity })
        {
            Says(Range(() => new BatchNorm3d(4, eps)), "BatchNorm3d: expected a finite eps of 0 or more, got",
                "The usual value is 1e-5; with 0 a constant channel gives beta.");
        }

        foreach (double momentum in new[] { 2, -0.1, double.NaN })
        {
            Says(
                Range(() => new BatchNorm2d(4, momentum: momentum)),
                "RunningAverage: expected a weight from 0 to 1, got",
                "PyTorch's momentum 0.1 weighs the new value, Torch(0.1)",
                "the 0.99 of Keras and Flax weigh the old one, Keep(0.9) and Keep(0.99)");
        }

        static string Range(Func<object> create) => Assert.Throws<ArgumentOutOfRangeException>(create).Message;
    }

    [Fact]
    public void With_eps_0_a_constant_channel_gives_beta()
    {
        var layer = new BatchNorm1d(2, eps: 0);
        layer.Bias!.Value.Fill(0.75);
        float[] y = layer.Forward(new Tape(Mode.Train).Input(Tensor.From([3f, 1, 3, 2, 3, 3], [3, 2])))
            .ToArray<float>();
        Assert.Equal([0.75f, 0.75f, 0.75f], [y[0], y[2], y[4]]);
        Assert.Equal(0.75f, y[3]);
    }

    [Fact]
    public void Statistics_follow_without_gradients_too_and_a_constant_gamma_does_not_stop_them()
    {
        var layer = new BatchNorm1d(1);
        layer.Weight!.RequiresGradient = layer.Bias!.RequiresGradient = false;
        layer.Forward(new Tape(Mode.Train, recordGradients: false).Input(Tensor.From([1f, 2, 3, 4], [4, 1])));
        Assert.Equal(0.25, layer.Running!.Mean.Value.Item(), Tolerances.Float32Rounding);
        Assert.Equal(1, layer.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    // PyTorch: "Expected running_mean to be defined in evaluation mode".

    [Fact]
    public void The_functional_form_needs_statistics_in_eval_or_to_be_told()
    {
        Tensor x = Tensor.RandomNormal([6, 3], new Philox(2));
        Says(
            Refused(() => x.BatchNorm(null, null, running: null)),
            "BatchNorm: expected running statistics in Mode.Eval", "rides on no tape, which is Eval",
            "Pass the layer's RunningStatistics",
            "or pass training: true to normalize with the batch's own in every mode");
        Says(Refused(() => new Tape(Mode.Eval).Input(x).BatchNorm(null, null, running: null)),
            "Mode.Eval (the tape's mode), got none");
        Says(Refused(() => new Tape(Mode.Train).Input(x).BatchNorm(null, null, running: null, training: false)),
            "expected running statistics for training: false, got none");

        float[] own = new Tape(Mode.Train).Input(x).BatchNorm(null, null, running: null).ToArray<float>();
        Assert.Equal(own, x.BatchNorm(null, null, running: null, training: true).ToArray<float>());
        var running = new RunningStatistics(3, RunningAverage.Torch());
        Assert.Equal(own, x.BatchNorm(null, null, running, training: true).ToArray<float>());
        Assert.NotEqual(0, running.Mean.Value.ToArray<float>()[0]);
        running.IsFrozen = true;
        Assert.NotEqual(own, x.BatchNorm(null, null, running, training: true).ToArray<float>());
        Assert.Equal(1, running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    }

    [Fact]
    public void Parameters_and_input_have_one_type()
    {
        Says(Refused(() => new BatchNorm1d(3).Forward(Tensor.Zeros([4, 3], DType.Float64))),
            "expected gamma (weight) of the input's type Float64, got Float32", "model.To(DType.Float64)");
    }

    private static BatchNorm Layer(string kind, int features, bool tracked = true) => kind switch
    {
        "1d" => new BatchNorm1d(features, trackRunningStats: tracked),
        "2d" => new BatchNorm2d(features, trackRunningStats: tracked),
        _ => new BatchNorm3d(features, trackRunningStats: tracked),
    };
}
