using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class ConvolutionLayerTests
{
    [Fact]
    public void Prints_like_PyTorch()
    {
        Assert.Equal("Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))",
            new Conv2d(1, 6, 5, padding: 2).ToString());
        Assert.Equal(
            "Conv2d(4, 6, kernel_size=(3, 5), stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=2, bias=False)",
            new Conv2d(4, 6, (3, 5), (2, 1), (0, 1), (1, 2), 2, false).ToString());
        Assert.Equal("Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=same)",
            new Conv2d(4, 6, 3, padding: Padding.Same).ToString());
        Assert.Equal("Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1))", new Conv2d(4, 6, 3).ToString());
        Assert.Equal(
            "Conv1d(1, 6, kernel_size=(5,), stride=(1,), padding=(2,))", new Conv1d(1, 6, 5, padding: 2).ToString());
        Assert.Equal("Conv1d(4, 6, kernel_size=(3,), stride=(2,), dilation=(3,), groups=2, bias=False)",
            new Conv1d(4, 6, 3, 2, dilation: 3, groups: 2, bias: false).ToString());
        Assert.Equal("Conv1d(4, 6, kernel_size=(3,), stride=(1,), padding=same)",
            new Conv1d(4, 6, 3, padding: Padding.Same).ToString());
        Assert.Equal("Conv1d(4, 6, kernel_size=(3,), stride=(2,), padding=valid)",
            new Conv1d(4, 6, 3, 2, Padding.Valid).ToString());
        Assert.Equal(
            "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False, padding_mode=reflect)",
            new Conv2d(4, 6, 3, padding: 1, bias: false, paddingMode: PaddingMode.Reflect).ToString());
        Assert.Equal("Conv3d(4, 6, kernel_size=(1, 3, 3), stride=(2, 1, 1), padding=(0, 1, 1), groups=2)",
            new Conv3d(4, 6, (1, 3, 3), (2, 1, 1), (0, 1, 1), groups: 2).ToString());
        Assert.Equal("Conv3d(4, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1), padding=(1, 1, 1), dilation=(1, 2, 1))",
            new Conv3d(4, 6, 3, padding: 1, dilation: (1, 2, 1)).ToString());
        Assert.Equal("Conv3d(4, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1))",
            new Conv3d(4, 6, 3, padding: (0, 0, 0)).ToString());
        Assert.Equal("Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=sides(0, 1, 2, 3))",
            new Conv2d(4, 6, 3, padding: Padding.Sides(0, 1, 2, 3)).ToString());
        Assert.Equal("ConvTranspose1d(4, 6, kernel_size=(3,), stride=(1,))", new ConvTranspose1d(4, 6, 3).ToString());
        Assert.Equal(
            "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
            + "output_padding=(1, 0), groups=2, bias=False)",
            new ConvTranspose2d(4, 6, 3, 2, 1, (1, 0), 2, false, 2).ToString());
        Assert.Equal("ConvTranspose3d(4, 6, kernel_size=(2, 2, 2), stride=(2, 2, 2), output_padding=(0, 1, 0))",
            new ConvTranspose3d(4, 6, 2, 2, outputPadding: (0, 1, 0)).ToString());
    }

    [Fact]
    public void Keys_and_shapes_are_PyTorchs()
    {
        var plane = new Conv2d(4, 6, (3, 5), groups: 2);
        Assert.Equal(["weight", "bias"], plane.StateDict().Keys);
        Assert.Equal(new Shape([6, 2, 3, 5]), plane.Weight.Shape);
        Assert.Equal(new Shape([6]), plane.Bias!.Shape);
        Assert.Equal(["weight"], new Conv1d(4, 6, 3, bias: false).StateDict().Keys);
        Assert.Equal(new Shape([6, 4, 3]), new Conv1d(4, 6, 3).Weight.Shape);
        Assert.Equal(new Shape([8, 6, 12, 10]), plane.Forward(Tensor.Zeros([8, 4, 14, 14])).Shape);
        Assert.Equal(new Shape([8, 6, 12]), new Conv1d(4, 6, 3).Forward(Tensor.Zeros([8, 4, 14])).Shape);
        Assert.Equal(["weight", "bias"], new Conv3d(4, 6, 3).StateDict().Keys);
        Assert.Equal(new Shape([6, 2, 3, 4, 5]), new Conv3d(4, 6, (3, 4, 5), groups: 2).Weight.Shape);
        var transposed = new ConvTranspose2d(4, 6, (3, 5), groups: 2);
        Assert.Equal(["weight", "bias"], transposed.StateDict().Keys);
        Assert.Equal(new Shape([4, 3, 3, 5]), transposed.Weight.Shape);
        Assert.Equal(new Shape([6]), transposed.Bias!.Shape);
        Assert.Equal(new Shape([8, 6, 16, 18]), transposed.Forward(Tensor.Zeros([8, 4, 14, 14])).Shape);
        Assert.Equal(["weight"], new ConvTranspose1d(4, 6, 3, bias: false).StateDict().Keys);
        Assert.Equal(new Shape([4, 6, 3, 3, 3]), new ConvTranspose3d(4, 6, 3).Weight.Shape);
    }

    [Fact]
    public void Start_values_are_uniform_by_the_fan_in()
    {
        var layer = new Conv2d(8, 64, (3, 5), groups: 2, random: new Philox(3));
        double bound = 1 / Math.Sqrt(4 * 15);
        float[] weights = layer.Weight.Value.ToArray<float>();
        Assert.All(weights, value => Assert.InRange(value, -bound, bound));
        Assert.InRange(weights.Max(), 0.98 * bound, bound);
        Assert.All(layer.Bias!.Value.ToArray<float>(), value => Assert.InRange(value, -bound, bound));
        // PyTorch takes out/groups for a transposed convolution's fan-in.
        double transposedBound = 1 / Math.Sqrt(32 * 9);
        weights = new ConvTranspose2d(8, 64, 3, groups: 2, random: new Philox(3)).Weight.Value.ToArray<float>();
        Assert.InRange(weights.Max(), 0.98 * transposedBound, transposedBound);
        layer.Initialize(Init.KaimingNormal, seed: 1);
        Assert.All(layer.Bias.Value.ToArray<float>(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Bad_arguments_are_errors()
    {
        Fails<ArgumentOutOfRangeException>(
            "Conv2d: expected 1 or more input channels, got 0.", () => new Conv2d(0, 6, 5));
        Fails<ArgumentOutOfRangeException>(
            "Conv2d: expected 1 or more output channels, got -1.", () => new Conv2d(1, -1, 5));
        Fails<ArgumentOutOfRangeException>(
            "Conv2d: expected a kernel of 1 or more, got (3, 0).", () => new Conv2d(1, 6, (3, 0)));
        Fails<ArgumentOutOfRangeException>(
            "Conv2d: expected a stride of 1 or more, got (0, 0).", () => new Conv2d(1, 6, 3, 0));
        Fails<ArgumentOutOfRangeException>(
            "Conv2d: expected a dilation of 1 or more, got (0, 0).", () => new Conv2d(1, 6, 3, dilation: 0));
        Fails<ArgumentOutOfRangeException>(
            "Conv2d: expected a padding of 0 or more, got (-1, -1).", () => new Conv2d(1, 6, 3, padding: -1));
        Fails<ArgumentOutOfRangeException>(
            "Conv2d: expected 1 or more groups, got 0.", () => new Conv2d(1, 6, 3, groups: 0));
        Fails<ArgumentException>(
            "Conv2d: expected input channels that 2 groups divide, got 3.", () => new Conv2d(3, 6, 3, groups: 2));
        Fails<ArgumentException>(
            "Conv2d: expected output channels that 2 groups divide, got 5.", () => new Conv2d(4, 5, 3, groups: 2));
        Fails<ArgumentException>("Conv2d: expected a stride of 1 with Padding.Same, got (2, 2).",
            () => new Conv2d(4, 5, 3, 2, Padding.Same));
        Fails<ArgumentOutOfRangeException>("Conv1d: expected a kernel of 1 or more, got 0.", () => new Conv1d(1, 6, 0));
        Fails<ArgumentOutOfRangeException>(
            "Conv1d: expected a stride of 1 or more, got 0.", () => new Conv1d(1, 6, 3, 0));
        Fails<ArgumentOutOfRangeException>(
            "Conv1d: expected a dilation of 1 or more, got 0.", () => new Conv1d(1, 6, 3, dilation: 0));
        Fails<ArgumentOutOfRangeException>(
            "Conv1d: expected a padding of 0 or more, got -1.", () => new Conv1d(1, 6, 3, padding: -1));
        Fails<ArgumentException>(
            "Conv1d: expected one padding for both ends, got (1, 2).", () => new Conv1d(1, 6, 3, padding: (1, 2)));
        Fails<ArgumentException>(
            "Conv1d: expected a stride of 1 with Padding.Same, got 2.", () => new Conv1d(4, 5, 3, 2, Padding.Same));
        Fails<ArgumentException>("Conv2d: expected a padding of one number, or of a height and a width, got (1, 2, 3).",
            () => new Conv2d(4, 6, 3, padding: (1, 2, 3)));
        Fails<ArgumentException>(
            "Conv3d: expected a padding of one number, or of a depth, a height and a width, got (1, 2).",
            () => new Conv3d(4, 6, 3, padding: (1, 2)));
        Fails<ArgumentException>(
            "Conv1d: expected one padding for both ends, got sides(1, 2, 3, 0). Padding.Sides(left, right) sets each",
            () => new Conv1d(4, 6, 3, padding: Padding.Sides(1, 2, 3)));
        Fails<ArgumentOutOfRangeException>("Conv2d: expected a padding of 0 or more, got sides(0, -1, 0, 0). Cut",
            () => new Conv2d(4, 6, 3, padding: Padding.Sides(0, -1)));
        Fails<ArgumentOutOfRangeException>("Conv3d: expected a kernel of 1 or more, got (3, 0, 3).",
            () => new Conv3d(4, 6, (3, 0, 3)));
        Fails<ArgumentOutOfRangeException>("Conv3d: expected a stride of 1 or more, got (1, 1, 0).",
            () => new Conv3d(4, 6, 3, (1, 1, 0)));
        Fails<ArgumentOutOfRangeException>("Conv2d: expected one of the padding modes Zeros, Reflect, Replicate, "
            + "Circular, got 4.", () => new Conv2d(4, 6, 3, paddingMode: (PaddingMode)4));
        Fails<ArgumentException>("Conv2d: expected a padding of at most 4 where 5 values are padded in mode Reflect, "
            + "got (5, 5) for dimension 2 of an input of shape (2, 4, 5, 8). Use less padding, or "
            + "PaddingMode.Replicate.", () => new Conv2d(4, 6, 3, padding: 5, paddingMode: PaddingMode.Reflect)
                .Forward(Tensor.Zeros([2, 4, 5, 8])));
        Fails<ArgumentException>("Conv1d: expected a padding of at most 5 where 5 values are padded in mode Circular",
            () => new Conv1d(4, 6, 3, padding: 6, paddingMode: PaddingMode.Circular).Forward(Tensor.Zeros([4, 5])));
        Fails<ArgumentOutOfRangeException>("ConvTranspose2d: expected an output padding of 0 or more, below the stride "
            + "(2, 1) or the dilation (1, 1), got (1, 1).", () => new ConvTranspose2d(4, 6, 3, (2, 1), 0, 1));
        Fails<ArgumentOutOfRangeException>("ConvTranspose1d: expected an output padding of 0 or more, below the stride "
            + "1 or the dilation 1, got -1.", () => new ConvTranspose1d(4, 6, 3, outputPadding: -1));
        Fails<ArgumentException>("ConvTranspose1d: expected a padding of numbers, got Padding.Same. Give the numbers.",
            () => new ConvTranspose1d(4, 6, 3, padding: Padding.Same));
        Fails<ArgumentException>("ConvTranspose2d: expected an output with sizes of 1 or more, got (0, 2) from an "
            + "input of shape (4, 2, 4). Use less padding, or a larger kernel.",
            () => new ConvTranspose2d(4, 6, 3, padding: 2).Forward(Tensor.Zeros([4, 2, 4])));
        Fails<ArgumentException>("ConvTranspose2d: expected an input of shape (N, 4, H, W) or (4, H, W) for a weight "
            + "of shape (4, 6, 3, 3) and 1 group, got (2, 6, 5, 5).",
            () => new ConvTranspose2d(4, 6, 3).Forward(Tensor.Zeros([2, 6, 5, 5])));
        Fails<ArgumentException>("Conv2d: expected an input of shape (N, 4, H, W) or (4, H, W)",
            () => new Conv2d(4, 6, 3).Forward(Tensor.Zeros([2, 3, 8, 8])));
    }

    [Theory]
    [InlineData(3, 6, 5, 28, 1)]
    [InlineData(4, 40, 3, 9, 1)]
    [InlineData(4, 6, 3, 4, 2)]
    [InlineData(2, 2, 2, 3, 1)]
    [InlineData(2, 3, 3, 3, 1)]
    public void A_ReLU_in_the_same_pass_gives_the_same_bits(int channels, int filters, int kernel, int side, int groups)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            var random = new Philox(9);
            var plane = new Conv2d(channels, filters, kernel, groups: groups, random: random);
            var row = new Conv1d(channels, filters, kernel, groups: groups, random: random);
            var planes = new Sequential(plane, new Identity(), new ReLU());
            var rows = new Sequential(row, new ReLU());
            planes.To(dtype);
            rows.To(dtype);
            Tensor x = Tensor.RandomNormal([3, channels, side, side], random, dtype),
                r = Tensor.RandomNormal([3, channels, side], random, dtype);
            foreach ((Module model, Module layer, Tensor input) in
                new (Module, Module, Tensor)[] { (planes, plane, x), (rows, row, r) })
            {
                double[] apart = Reference.NaiveOps.Doubles(layer.Forward(input).ReLU());
                Assert.Equal(apart, Reference.NaiveOps.Doubles(model.Forward(input)));
                Assert.Equal(apart, Reference.NaiveOps.Doubles(model.Forward(new Tape(Mode.Eval).Input(input))));
                var tape = new Tape(Mode.Train);
                Assert.Equal(apart, Reference.NaiveOps.Doubles(model.Forward(tape.Input(input))));
                Assert.Equal(2, tape.OpCount);
            }
        }
    }

    private static void Fails<TException>(string message, Func<object> action) where TException : ArgumentException =>
        Assert.StartsWith(message, Assert.Throws<TException>(action).Message, StringComparison.Ordinal);
}
