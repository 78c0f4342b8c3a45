using Evenkeel.Tests.Nn;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests;

/// <summary>
/// PyTorch's side of <see cref="PoolingCases"/>. Padding that PyTorch's poolings do not have stands around the input
/// first: -∞ for the maximum, zeros for the mean. A mean that does not count them is divided by the mean of ones. A
/// mean with a dilation is a convolution with equal weights.
/// </summary>
internal static class Poolings
{
    public static Family Family { get; } = Family.Of(
        "poolings",
        PoolingCases.All.ToDictionary(static one => one.Key,
            static one => (Func<ScalarType, double[]>)(dtype => Run(one.Value, dtype))),
        PoolingCases.All.Keys, PoolingCases.Run);

    private static double[] Run(PoolingCase one, ScalarType dtype)
    {
        Torch x = Values([.. one.Input.Select(static size => (long)size)], PoolingCases.Input, dtype).requires_grad_();
        Torch y = Forward(one, x);
        y.backward([Values(y.shape, PoolingCases.Cotangent, dtype)]);
        return [.. Doubles(y), .. Doubles(x.grad!)];
    }

    /// <summary>PyTorch's output.</summary>
    public static Torch Forward(PoolingCase one, Torch x) => one.IsAdaptive ? Adaptive(one, x)
        : !one.Padding.IsSymmetric ? Padded(one, x)
        : one.Dilation != 1 && !one.IsMax ? Dilated(one, x)
        : Pool(one, x, one.CountIncludePad, Padding(one));

    private static Torch Adaptive(PoolingCase one, Torch x)
    {
        long[] sizes = Sizes(one, one.Kernel);
        if (one.KeepsWidth) sizes[^1] = x.shape[^1];
        return (one.Spatial, one.IsMax) switch
        {
            (1, true) => F.adaptive_max_pool1d(x, sizes[0]),
            (2, true) => F.adaptive_max_pool2d(x, sizes),
            (_, true) => AdaptiveMaxOfVolumes(x, sizes),
            (1, _) => F.adaptive_avg_pool1d(x, sizes[0]),
            (2, _) => F.adaptive_avg_pool2d(x, sizes),
            _ => F.adaptive_avg_pool3d(x, sizes),
        };
    }

    /// <summary>
    /// The largest values of planes, then those of slices: TorchSharp 0.107 calls the pooling of rows for volumes.
    /// </summary>
    private static Torch AdaptiveMaxOfVolumes(Torch x, long[] sizes)
    {
        (long n, long c, long d) = (x.shape[0], x.shape[1], x.shape[2]);
        Torch planes = F.adaptive_max_pool2d(x.reshape(n, c * d, x.shape[3], x.shape[4]), sizes[1..]);
        Torch slices = planes.reshape(n * c, d, sizes[1] * sizes[2]).transpose(1, 2);
        return F.adaptive_max_pool1d(slices, sizes[0]).transpose(1, 2).reshape(n, c, sizes[0], sizes[1], sizes[2]);
    }

    private static Torch Padded(PoolingCase one, Torch x)
    {
        Evenkeel.Padding p = one.Padding;
        long[] sides = [p.Left, p.Right, p.Top, p.Bottom, p.Front ?? 0, p.Back ?? 0], none = new long[one.Spatial];
        sides = sides[..(2 * one.Spatial)];
        Torch y = Pool(one, F.pad(x, sides, value: one.IsMax ? double.NegativeInfinity : 0), true, none);
        return one.IsMax || one.CountIncludePad
            ? y
            : y / Pool(one, F.pad(ones_like(x.detach()), sides), true, none);
    }

    private static Torch Dilated(PoolingCase one, Torch x)
    {
        long[] stride = Sizes(one, one.Stride ?? one.Kernel), kernel = Sizes(one, one.Kernel),
            planes = [x.shape[0] * x.shape[1], 1, x.shape[2], x.shape[3]];
        Torch weight = full([1, 1, kernel[0], kernel[1]], 1.0 / (kernel[0] * kernel[1]), x.dtype);
        Torch y = F.conv2d(x.reshape(planes), weight, null, stride, Padding(one), Sizes(one, one.Dilation));
        return y.reshape(x.shape[0], x.shape[1], y.shape[2], y.shape[3]);
    }

    private static Torch Pool(PoolingCase one, Torch x, bool countIncludePad, long[] padding)
    {
        long[] kernel = Sizes(one, one.Kernel), stride = Sizes(one, one.Stride ?? one.Kernel),
            dilation = Sizes(one, one.Dilation);
        return (one.Spatial, one.IsMax) switch
        {
            (1, true) => F.max_pool1d(x, kernel[0], stride[0], padding[0], dilation[0], one.CeilMode),
            (2, true) => F.max_pool2d(x, kernel, stride, padding, dilation, one.CeilMode),
            (_, true) => F.max_pool3d(x, kernel, stride, padding, dilation, one.CeilMode),
            (1, _) => F.avg_pool1d(x, kernel[0], stride[0], padding[0], one.CeilMode, countIncludePad),
            (2, _) => F.avg_pool2d(x, kernel, stride, padding, one.CeilMode, countIncludePad, one.Divisor),
            _ => F.avg_pool3d(x, kernel, stride, padding, one.CeilMode, countIncludePad, one.Divisor),
        };
    }

    private static long[] Sizes(PoolingCase one, Size3 size) =>
        new long[] { size.Depth, size.Height, size.Width }[(3 - one.Spatial)..];

    private static long[] Padding(PoolingCase one) => Sizes(
        one, new Size3(one.Padding.Front ?? one.Padding.Top, one.Padding.Top, one.Padding.Left));

    private static Torch Values(long[] shape, Func<int, double> value, ScalarType dtype)
    {
        int count = (int)shape.Aggregate(1L, static (a, b) => a * b);
        return tensor(Enumerable.Range(0, count).Select(value).ToArray(), dtype).reshape(shape);
    }

    private static double[] Doubles(Torch values) => values.detach().to(float64).contiguous().data<double>().ToArray();
}
