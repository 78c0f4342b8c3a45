using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class PoolingLayerTests
{
    [Fact]
    public void Layers_print_like_PyTorch()
    {
        Assert.Equal(
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)", new MaxPool2d(2).ToString());
        Assert.Equal("MaxPool2d(kernel_size=(2, 3), stride=(2, 3), padding=0, dilation=1, ceil_mode=True)",
            new MaxPool2d((2, 3), ceilMode: true).ToString());
        Assert.Equal(
            "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)", new MaxPool1d(3).ToString());
        Assert.Equal("AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))", new AvgPool1d(2).ToString());
        Assert.Equal("AvgPool2d(kernel_size=2, stride=2, padding=1)", new AvgPool2d(2, padding: 1).ToString());
        Assert.Equal("AvgPool1d(kernel_size=(2,), stride=(2,), padding=sides(0, 1, 0, 0), dilation=(2,))",
            new AvgPool1d(2, padding: Padding.Sides(0, 1), dilation: 2).ToString());
        Assert.Equal("AvgPool3d(kernel_size=2, stride=2, padding=0)", new AvgPool3d(2).ToString());
        Assert.Equal("MaxPool3d(kernel_size=(1, 2, 2), stride=2, padding=(0, 1, 1), dilation=1, ceil_mode=False)",
            new MaxPool3d((1, 2, 2), 2, (0, 1, 1)).ToString());
        Assert.Equal("MaxPool2d(kernel_size=3, stride=2, padding=same, dilation=1, ceil_mode=False)",
            new MaxPool2d(3, 2, Padding.Same).ToString());
        Assert.Equal("AdaptiveMaxPool1d(output_size=3)", new AdaptiveMaxPool1d(3).ToString());
        Assert.Equal("AdaptiveMaxPool3d(output_size=(2, None, 4))", new AdaptiveMaxPool3d((2, null, 4)).ToString());
        Assert.Equal("AdaptiveAvgPool3d(output_size=2)", new AdaptiveAvgPool3d(2).ToString());
        Assert.Equal("AdaptiveAvgPool2d(output_size=5)", new AdaptiveAvgPool2d(5).ToString());
        Assert.Equal("AdaptiveAvgPool2d(output_size=(None, 7))", new AdaptiveAvgPool2d((null, 7)).ToString());
        Assert.Equal("Dropout2d(p=0.5, inplace=False)", new Dropout2d().ToString());
        Assert.Equal("Unflatten(dim=1, unflattened_size=(2, 5))", new Unflatten(1, 2, 5).ToString());
        Assert.Equal("Unflatten(dim=1, unflattened_size=(2,))", new Unflatten(1, 2).ToString());
        Assert.Equal("Flatten(start_dim=1, end_dim=2)", new Flatten(1, 2).ToString());
    }

    [Fact]
    public void Layers_are_their_ops()
    {
        Tensor x = Tensor.RandomNormal([2, 3, 9, 8], new Philox(1)), row = x.Reshape(2, 3, 72);
        Assert.Equal(x.MaxPool2d(3, 2, 1, 2, true).ToArray<float>(),
            new MaxPool2d(3, 2, 1, 2, true).Forward(x).ToArray<float>());
        Assert.Equal(x.MaxPool2d((3, 2)).ToArray<float>(), new MaxPool2d((3, 2)).Forward(x).ToArray<float>());
        Assert.Equal(x.AvgPool2d(3, 2, 1, true, false, 5).ToArray<float>(),
            new AvgPool2d(3, 2, 1, true, false, 5).Forward(x).ToArray<float>());
        Assert.Equal(row.MaxPool1d(3, 2, 1, 2, true).ToArray<float>(),
            new MaxPool1d(3, 2, 1, 2, true).Forward(row).ToArray<float>());
        Assert.Equal(row.AvgPool1d(3, 2, 1, true, false).ToArray<float>(),
            new AvgPool1d(3, 2, 1, true, false).Forward(row).ToArray<float>());
        Assert.Equal(x.AdaptiveAvgPool2d((2, null)).ToArray<float>(),
            new AdaptiveAvgPool2d((2, null)).Forward(x).ToArray<float>());
        Tensor volume = x.Reshape(2, 3, 3, 3, 8);
        Assert.Equal(volume.MaxPool3d((2, 3, 2), 2, (1, 1, 0), (1, 1, 3), true).ToArray<float>(),
            new MaxPool3d((2, 3, 2), 2, (1, 1, 0), (1, 1, 3), true).Forward(volume).ToArray<float>());
        Assert.Equal(volume.AvgPool3d((2, 3, 2), 2, (1, 1, 0), true, false, 5, (1, 1, 3)).ToArray<float>(),
            new AvgPool3d((2, 3, 2), 2, (1, 1, 0), true, false, 5, (1, 1, 3)).Forward(volume).ToArray<float>());
        Assert.Equal(volume.AdaptiveMaxPool3d((2, null, 3)).ToArray<float>(),
            new AdaptiveMaxPool3d((2, null, 3)).Forward(volume).ToArray<float>());
        Assert.Equal(volume.AdaptiveAvgPool3d(2).ToArray<float>(),
            new AdaptiveAvgPool3d(2).Forward(volume).ToArray<float>());
        Assert.Equal(x.AdaptiveMaxPool2d((2, null)).ToArray<float>(),
            new AdaptiveMaxPool2d((2, null)).Forward(x).ToArray<float>());
        Assert.Equal(row.AdaptiveMaxPool1d(7).ToArray<float>(),
            new AdaptiveMaxPool1d(7).Forward(row).ToArray<float>());
        Assert.Equal(row.AdaptiveAvgPool1d(7).ToArray<float>(),
            new AdaptiveAvgPool1d(7).Forward(row).ToArray<float>());
        var layer = new MaxPool2d((3, 2));
        Assert.Equal((new Size2(3, 2), new Size2(3, 2), new Padding(), new Size2(1, 1)),
            (layer.KernelSize, layer.Stride, layer.Padding, layer.Dilation));
    }

    [Fact]
    public void Unflatten_is_Flattens_inverse()
    {
        Tensor x = Tensor.RandomNormal([2, 12, 5], new Philox(1));
        Assert.Equal(new Shape(2, 3, 4, 5), new Unflatten(1, 3, 4).Forward(x).Shape);
        Assert.Equal(new Shape(2, 3, 4, 5), new Unflatten(-2, -1, 4).Forward(x).Shape);
        Assert.Equal(new Shape(2, 12, 5, 1), new Unflatten(-1, 5, 1).Forward(x).Shape);
        Assert.Equal(x.ToArray<float>(), new Flatten(1, 2).Forward(new Unflatten(1, 3, 4).Forward(x)).ToArray<float>());
        Assert.Contains(
            "expected sizes whose product is 12, dimension 1 of shape (2, 12, 5), got (5, 2)",
            Assert.Throws<ArgumentException>(() => new Unflatten(1, 5, 2).Forward(x)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got (5, -1)", Assert.Throws<ArgumentException>(() => new Unflatten(1, 5, -1).Forward(x)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got (65536, 65536, -1)",
            Assert.Throws<ArgumentException>(() => new Unflatten(1, 65536, 65536, -1).Forward(x)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got (65536, 65536)",
            Assert.Throws<ArgumentException>(
                () => new Unflatten(1, 65536, 65536).Forward(Tensor.Zeros([2, 0]))).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Unflatten(3, 5, 1).Forward(x));
        Assert.Throws<ArgumentException>(() => new Unflatten(1));
        Assert.Throws<ArgumentException>(() => new Unflatten(1, -1, -1));
        Assert.Throws<ArgumentException>(() => new Unflatten(1, 0));
    }

    [Fact]
    public void Channels_are_dropped_whole()
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Tensor x = Tensor.Ones([40, 50, 3, 7], dtype);
            var tape = new Tape { Seed = 5 };
            Tensor input = tape.Input(x, requiresGradient: true);
            Tensor y = new Dropout2d(0.25).Forward(input);
            double[] values = y.To(DType.Float64).ToArray<double>();
            int dropped = 0;
            for (int plane = 0; plane < 2000; plane++)
            {
                double value = values[plane * 21];
                Assert.True(value == 0 || Math.Abs(value - (1 / 0.75)) < Tolerances.Float32Roundoff);
                for (int i = 1; i < 21; i++) Assert.Equal(value, values[(plane * 21) + i]);
                if (value == 0) dropped++;
            }

            // Four standard deviations of a binomial share: 4·sqrt(0.25·0.75/2000).
            Assert.Equal(0.25, dropped / 2000.0, 0.039);
            y.Backward(Tensor.Ones(y.Shape, dtype));
            Assert.Equal(values, input.Gradient!.To(DType.Float64).ToArray<double>());
        }

        Tensor plain = Tensor.Ones([2, 3, 4]);
        Assert.Same(plain, new Dropout2d().Forward(plain));
        Tensor eval = new Tape(Mode.Eval).Input(plain);
        Assert.Same(eval, new Dropout2d().Forward(eval));
        GradientCheckResult result = GradientCheck.Run(
            v => v.Dropout2d(0.4) * v, Tensor.RandomNormal([3, 4, 2, 3], new Philox(1), DType.Float64));
        Assert.True(result.Passed, result.ToString());
        Assert.StartsWith("Dropout2d: expected (N, C, H, W) or (N, C, L), got (4, 3).",
            Assert.Throws<ArgumentException>(() => Tensor.Ones([4, 3]).Dropout2d()).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dropout2d(1.01));
        Assert.Throws<ArgumentOutOfRangeException>(() => plain.Dropout2d(double.NaN));
    }

    /// <summary>A residual block and branches side by side in plain C#, with their gradients.</summary>
    [Fact]
    public void Branches_of_images_are_plain_CSharp()
    {
        Tensor x = Tensor.RandomNormal([2, 3, 6, 6], new Philox(1), DType.Float64);
        var norm = new BatchNorm2d(3);
        norm.To(DType.Float64);
        Tensor Block(Tensor input)
        {
            Tensor residual = input + norm.Forward(input).ReLU();
            Tensor parallel = Tensor.Concat(
                [residual.MaxPool2d(3, 1, 1), residual.AvgPool2d(3, 1, 1), residual], axis: 1);
            return parallel.AdaptiveAvgPool2d((2, null));
        }

        Assert.Equal(new Shape(2, 9, 2, 6), Block(x).Shape);
        GradientCheckResult result = GradientCheck.Run(Block, x);
        Assert.True(result.Passed, result.ToString());
    }
}
