using Evenkeel.Nn;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Poolings with all settings.</summary>
internal static class PoolingFuzz
{
    /// <summary>The settings of a window in PyTorch's order of dimensions, and the shape of the input.</summary>
    private sealed record Window(int[] Shape, long[] Kernel, long[] Stride, long[] Padding, long[] Dilation, bool Ceil)
    {
        public int Spatial => Kernel.Length;

        public override string ToString() => $"kernel {Sizes.Text(Int(Kernel))} stride {Sizes.Text(Int(Stride))} "
            + $"padding {Sizes.Text(Int(Padding))} dilation {Sizes.Text(Int(Dilation))} ceil {Ceil} "
            + $"input {Sizes.Text(Shape)}";

        /// <summary>Whether a window has places in the padding only.</summary>
        public bool HasEmptyWindow
        {
            get
            {
                for (int k = 0; k < Spatial; k++)
                {
                    int input = Shape[^(Spatial - k)];
                    for (long first = -Padding[k]; first < input; first += Math.Max(1, Stride[k]))
                    {
                        bool isEmpty = true;
                        for (int j = 0; j < Kernel[k]; j++)
                            isEmpty &= first + (j * Dilation[k]) < 0 || first + (j * Dilation[k]) >= input;
                        if (isEmpty) return true;
                    }
                }

                return false;
            }
        }

        private static IEnumerable<int> Int(long[] sizes) => sizes.Select(static size => (int)size);
    }

    public static FuzzCase Draw(Draw draw)
    {
        int spatial = draw.Int(1, 2), kind = draw.Int(0, 9);
        return kind < 5 ? Max(draw, spatial) : kind < 9 ? Average(draw, spatial) : Adaptive(draw);
    }

    private static FuzzCase Max(Draw draw, int spatial)
    {
        Window w = Windows(draw, spatial, dilates: true);
        return new FuzzCase($"MaxPool{spatial}d {w}", w.Shape, () => spatial switch
        {
            1 => new MaxPool1d((int)w.Kernel[0], (int)w.Stride[0], (int)w.Padding[0], (int)w.Dilation[0], w.Ceil),
            _ => new MaxPool2d(Plane(w.Kernel), Plane(w.Stride), Plane(w.Padding), Plane(w.Dilation), w.Ceil),
        }, (x, _) => spatial switch
        {
            1 => F.max_pool1d(x, w.Kernel[0], w.Stride[0], w.Padding[0], w.Dilation[0], w.Ceil),
            2 => F.max_pool2d(x, w.Kernel, w.Stride, w.Padding, w.Dilation, w.Ceil),
            _ => F.max_pool3d(x, w.Kernel, w.Stride, w.Padding, w.Dilation, w.Ceil),
        })
        {
            Input = Special(draw, w.Shape),
            Chooses = true,
            Excluded = w.HasEmptyWindow
                ? "a window that a dilation spreads around the input: PyTorch writes its gradient beyond the end" : null,
        };
    }

    private static FuzzCase Average(Draw draw, int spatial)
    {
        Window w = Windows(draw, spatial, dilates: false);
        bool countsPadding = draw.Chance(0.6);
        int? divisor = spatial > 1 && draw.Chance(0.3) ? draw.Pick(-3, 1, 2, 5, 9) : null;
        return new FuzzCase($"AvgPool{spatial}d {w} count {countsPadding} divisor {divisor}", w.Shape,
            () => spatial switch
            {
                1 => new AvgPool1d((int)w.Kernel[0], (int)w.Stride[0], (int)w.Padding[0], w.Ceil, countsPadding),
                _ => new AvgPool2d(Plane(w.Kernel), Plane(w.Stride), Plane(w.Padding), w.Ceil, countsPadding, divisor),
            }, (x, _) => spatial switch
            {
                1 => F.avg_pool1d(x, w.Kernel[0], w.Stride[0], w.Padding[0], w.Ceil, countsPadding),
                2 => F.avg_pool2d(x, w.Kernel, w.Stride, w.Padding, w.Ceil, countsPadding, divisor),
                _ => F.avg_pool3d(x, w.Kernel, w.Stride, w.Padding, w.Ceil, countsPadding, divisor),
            })
        {
            Input = draw.Numbers(Sizes.Count(w.Shape)),
            // A place is in no more windows than a window has places.
            Roundings = Sizes.Count([.. w.Kernel.Select(static size => (int)size)]) + 1,
        };
    }

    private static FuzzCase Adaptive(Draw draw)
    {
        Window w = Windows(draw, 2, dilates: false);
        (int? Height, int? Width) size =
            (draw.Chance(0.2) ? null : draw.Int(draw.Chance(0.02) ? 0 : 1, 8), draw.Chance(0.2) ? null : draw.Int(1, 8));
        return new FuzzCase($"AdaptiveAvgPool2d ({size.Height}, {size.Width}) input {Sizes.Text(w.Shape)}", w.Shape,
            () => new AdaptiveAvgPool2d(size), (x, _) => F.adaptive_avg_pool2d(
                x, [size.Height ?? w.Shape[^2], size.Width ?? w.Shape[^1]]))
        {
            Input = draw.Numbers(Sizes.Count(w.Shape)),
            Roundings = Math.Max(1, Sizes.Count(w.Shape)),
        };
    }

    private static Window Windows(Draw draw, int spatial, bool dilates)
    {
        int[] shape = new int[spatial];
        int longest = draw.Chance(0.1) ? 60 / spatial : 14 / spatial;
        foreach (ref int size in shape.AsSpan()) size = draw.Size(longest);
        shape = draw.Chance(0.2) ? [draw.Size(4), .. shape] : [draw.Size(3), draw.Size(4), .. shape];
        if (draw.Chance(0.01)) shape = [1, 1, .. shape];
        long[] kernel = Each(() => draw.Int(draw.Chance(0.01) ? 0 : 1, draw.Chance(0.1) ? 9 : 4)),
            padding = draw.Chance(0.4)
                ? Each(static () => 0)
                : [.. kernel.Select(size => (long)draw.Int(0, ((int)size / 2) + (draw.Chance(0.02) ? 1 : 0)))];
        return new Window(shape, kernel, draw.Chance(0.3) ? kernel : Each(() => draw.Int(1, 4)), padding,
            dilates && draw.Chance(0.4) ? Each(() => draw.Int(1, 3)) : Each(static () => 1), draw.Chance(0.4));

        long[] Each(Func<int> size)
        {
            long[] sizes = new long[spatial];
            foreach (ref long one in sizes.AsSpan()) one = size();
            return sizes;
        }
    }

    /// <summary>Numbers with equal ones among them; in one array of ten some are not finite.</summary>
    private static double[] Special(Draw draw, int[] shape)
    {
        double[] values = draw.Numbers(Sizes.Count(shape));
        if (!draw.Chance(0.1)) return values;
        foreach (ref double value in values.AsSpan())
        {
            if (draw.Chance(0.2)) value = draw.Pick(double.NaN, double.NegativeInfinity, double.PositiveInfinity, -0.0);
        }

        return values;
    }

    private static Size2 Plane(long[] size) => new((int)size[0], (int)size[1]);
}
