using Evenkeel.Tests.Nn;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests;

/// <summary>
/// PyTorch's side of <see cref="ConvolutionCases"/>, through its functions for padding and convolution.
/// </summary>
internal static class Convolutions
{
    public static Family Family { get; } = Family.Of(
        "convolutions",
        ConvolutionCases.All.ToDictionary(static one => one.Key,
            static one => (Func<ScalarType, double[]>)(dtype => Run(one.Value, dtype))),
        ConvolutionCases.All.Keys, ConvolutionCases.Run);

    private static double[] Run(ConvolutionCase one, ScalarType dtype)
    {
        Torch x = Values(one.Input, ConvolutionCases.Input, dtype).requires_grad_(),
            weight = Values(one.Weight, ConvolutionCases.Weight, dtype).requires_grad_();
        Torch? bias = one.Bias
            ? Values([one.OutChannels], ConvolutionCases.Bias, dtype).requires_grad_()
            : null;
        Torch y = Forward(one, x, weight, bias);
        y.backward([Values([.. y.shape.Select(static size => (int)size)], ConvolutionCases.Cotangent, dtype)]);
        double[] dbias = bias is null ? [] : Doubles(bias.grad!);
        return [.. Doubles(y), .. Doubles(x.grad!), .. Doubles(weight.grad!), .. dbias];
    }

    /// <summary>PyTorch's output.</summary>
    public static Torch Forward(ConvolutionCase one, Torch x, Torch weight, Torch? bias) =>
        one.IsTransposed ? Transposed(one, x, weight, bias) : Convolve(one, x, weight, bias);

    private static Torch Convolve(ConvolutionCase one, Torch x, Torch weight, Torch? bias)
    {
        long[] stride = Sizes(one, one.Stride), dilation = Sizes(one, one.Dilation), padding = Padding(one);
        bool isSample = x.dim() == one.Spatial + 1;

        // PyTorch pads volumes by reflection, and any input by values, in a batch only.
        if (isSample) x = x.unsqueeze(0);
        if (one.Mode != PaddingMode.Zeros || !one.Padding.IsSymmetric || one.Padding.IsSame)
        {
            PaddingModes mode = one.Mode switch
            {
                PaddingMode.Reflect => PaddingModes.Reflect,
                PaddingMode.Replicate => PaddingModes.Replicate,
                PaddingMode.Circular => PaddingModes.Circular,
                _ => PaddingModes.Constant,
            };
            x = F.pad(x, Around(one), mode);
            padding = new long[one.Spatial];
        }

        Torch y = one.Spatial switch
        {
            1 => F.conv1d(x, weight, bias, stride[0], padding[0], dilation[0], one.Groups),
            2 => F.conv2d(x, weight, bias, stride, padding, dilation, one.Groups),
            _ => F.conv3d(x, weight, bias, stride, padding, dilation, one.Groups),
        };
        return isSample ? y.squeeze(0) : y;
    }

    private static Torch Transposed(ConvolutionCase one, Torch x, Torch weight, Torch? bias)
    {
        long[] stride = Sizes(one, one.Stride), dilation = Sizes(one, one.Dilation), padding = Padding(one),
            output = Sizes(one, one.OutputPadding);
        return one.Spatial switch
        {
            1 => F.conv_transpose1d(
                x, weight, bias, stride[0], padding[0], output[0], dilation[0], one.Groups),
            2 => F.conv_transpose2d(x, weight, bias, stride, padding, output, dilation, one.Groups),
            _ => F.conv_transpose3d(x, weight, bias, stride, padding, output, dilation, one.Groups),
        };
    }

    private static long[] Sizes(ConvolutionCase one, Size3 size) =>
        new long[] { size.Depth, size.Height, size.Width }[(3 - one.Spatial)..];

    private static long[] Padding(ConvolutionCase one) => Sizes(
        one, new Size3(one.Padding.Front ?? one.Padding.Top, one.Padding.Top, one.Padding.Left));

    /// <summary>The padding in the order of torch.nn.functional.pad.</summary>
    private static long[] Around(ConvolutionCase one)
    {
        Evenkeel.Padding p = one.Padding;
        long[] sides = [p.Left, p.Right, p.Top, p.Bottom, p.Front ?? p.Top, p.Back ?? p.Bottom];
        if (p.IsSame)
        {
            long[] total = [one.Dilation.Width * (one.Kernel.Width - 1), one.Dilation.Height * (one.Kernel.Height - 1),
                one.Dilation.Depth * (one.Kernel.Depth - 1)];
            sides = [.. total.SelectMany(static all => new[] { all / 2, all - (all / 2) })];
        }

        return sides[..(2 * one.Spatial)];
    }

    private static Torch Values(int[] shape, Func<int, double> value, ScalarType dtype)
    {
        int count = shape.Aggregate(1, static (a, b) => a * b);
        return tensor(Enumerable.Range(0, count).Select(value).ToArray(), dtype)
            .reshape([.. shape.Select(static size => (long)size)]);
    }

    private static double[] Doubles(Torch values) => values.detach().to(float64).contiguous().data<double>().ToArray();
}
