using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

public sealed class ConditionalBatchNormTests
{
    [Theory]
    [InlineData(6, 3)]
    [InlineData(4, 3, 5)]
    [InlineData(4, 3, 2, 5)]
    [InlineData(3, 1, 2, 2, 2)]
    public void A_fresh_layer_is_a_batch_norm_without_gamma_and_beta(params int[] shape)
    {
        Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1));
        var layer = new ConditionalBatchNorm(shape[1], 5);
        Tensor classes = Tensor.Labels([.. Enumerable.Range(0, shape[0]).Select(static n => n % 5)]);
        Assert.Equal(new Tape().Input(x).BatchNorm(null, null, null).ToArray<float>(),
            layer.Forward(new Tape().Input(x), classes).ToArray<float>());
        Assert.Equal(layer.Norm.Forward(x).ToArray<float>(), layer.Forward(x, classes).ToArray<float>());
    }

    [Fact]
    public void A_class_is_the_vector_with_a_one_at_its_place()
    {
        (ConditionalBatchNorm layer, Tensor x) = Create([4, 3, 5]);
        Tensor vectors = Tensor.Zeros([4, 2], DType.Float64);
        foreach (int at in (int[])[1, 2, 5, 7]) vectors.AsSpan<double>()[at] = 1;
        Tensor classes = Tensor.Labels(1, 0, 1, 1);
        Assert.Equal(layer.Forward(x, vectors).ToArray<double>(), layer.Forward(x, classes).ToArray<double>());
        Assert.Equal(layer.Forward(new Tape().Input(x), vectors).ToArray<double>(),
            layer.Forward(new Tape().Input(x), classes).ToArray<double>());
    }

    [Fact]
    public void Gradients_match_differences_in_double()
    {
        (ConditionalBatchNorm layer, Tensor x) = Create([4, 3, 5]);
        Tensor vectors = Tensor.RandomNormal([4, 2], new Philox(4), DType.Float64);
        GradientCheckResult result = GradientCheck.Run(v => layer.Forward(v[0], v[1]), [x, vectors]);
        Assert.True(result.Passed, result.ToString());
        result = GradientCheck.Parameters(
            tape => layer.Forward(tape.Input(x), Tensor.Labels(1, 0, 0, 1)), layer.Parameters());
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void Statistics_are_kept_frozen_and_recalibrated_as_those_of_any_batch_norm()
    {
        (ConditionalBatchNorm layer, Tensor x) = Create([4, 3, 5]);
        Assert.Equal(["weight", "bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"],
            layer.StateDict().Keys);
        Tensor classes = Tensor.Labels(0, 1, 0, 1);
        layer.Forward(new Tape().Input(x), classes);
        Assert.Equal(1, layer.StateDict()["bn.num_batches_tracked"].Item());
        Assert.Equal(1, layer.FreezeNorms());
        layer.Forward(new Tape().Input(x), classes);
        Assert.Equal(1, layer.StateDict()["bn.num_batches_tracked"].Item());
    }

    [Fact]
    public void Errors_say_what_was_expected_what_came_and_what_to_do()
    {
        var layer = new ConditionalBatchNorm(3, 2);
        Tensor x = Tensor.RandomNormal([4, 3, 5], new Philox(1));
        Says(() => layer.Forward(x, Tensor.Labels(0, 1, 2, 0)), "expected classes from 0 to 1, got 2 for sample 2",
            "Create the layer");
        Says(() => layer.Forward(x, Tensor.Labels(0, 1)), "expected classes of shape (4)", "Int64 of shape (2)");
        Says(() => layer.Forward(x, Tensor.Ones([4, 3])), "vectors of shape (4, 2)", "Float32 of shape (4, 3)");
        Says(() => layer.Forward(Tensor.Ones([3]), Tensor.Labels(0)), "expected a batch (N, C)", "(3)");
        Says(() => new ConditionalBatchNorm(3, 0), "expected at least one condition, got 0", "Pass the number");
        Assert.Contains("expected two inputs",
            Assert.Throws<NotSupportedException>(() => layer.Forward(x)).Message, StringComparison.Ordinal);

        static void Says(Func<object> act, params string[] parts)
        {
            string message = Assert.ThrowsAny<ArgumentException>(act).Message;
            Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
        }
    }

    private static (ConditionalBatchNorm Layer, Tensor X) Create(int[] shape)
    {
        var layer = new ConditionalBatchNorm(shape[1], 2);
        layer.To(DType.Float64);
        layer.Weight.Value.CopyFrom(Tensor.RandomNormal(layer.Weight.Shape, new Philox(2), DType.Float64));
        layer.Bias.Value.CopyFrom(Tensor.RandomNormal(layer.Bias.Shape, new Philox(3), DType.Float64));
        return (layer, Tensor.RandomNormal(new Shape(shape), new Philox(1), DType.Float64));
    }
}
