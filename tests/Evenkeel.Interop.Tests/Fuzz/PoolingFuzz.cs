using Evenkeel.Tests.Nn;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Maxima and means of windows of one size and of adaptive ones, with all settings.</summary>
internal static class PoolingFuzz
{
    public static FuzzCase Draw(Draw draw)
    {
        bool isMax = draw.Chance(0.5);
        PoolingCase one = draw.Chance(0.25) ? Adaptive(draw, isMax) : Windows(draw, isMax);
        int values = one.IsAdaptive ? Sizes.Count(one.Input) : one.Kernel.Depth * one.Kernel.Height * one.Kernel.Width;
        string text = $"{(one.IsAdaptive ? "Adaptive" : "")}{(isMax ? "Max" : "Avg")}Pool{one.Spatial}d "
            + $"{(one.IsAdaptive ? "size" : "kernel")} {one.Kernel} keeps width {one.KeepsWidth} stride {one.Stride} "
            + $"padding {one.Padding} dilation {one.Dilation} ceil {one.CeilMode} count {one.CountIncludePad} "
            + $"divisor {one.Divisor} input {Sizes.Text(one.Input)}";
        return new FuzzCase(text, one.Input, one.Create, (x, _) => Forward(one, x))
        {
            Input = Values(draw, one),
            Chooses = isMax,
            // A place is in no more windows than a window has places.
            Roundings = isMax ? 1 : Math.Max(1, values) + 3,
            Excluded = one.IsAdaptive ? null
                : HasWideSide(one) ? "cases with a padding of more than half the kernel, which PyTorch refuses"
                : HasEmptyWindow(one)
                ? "cases with a window of padding alone: PyTorch writes its gradient beyond the end"
                : IsLargerThanVolume(one)
                ? "cases of AvgPool3d with a window larger than the volume, which PyTorch refuses with any padding"
                : null,
        };
    }

    private static Torch Forward(PoolingCase one, Torch x)
    {
        if (x.dim() != one.Spatial + 1 && x.dim() != one.Spatial + 2) throw new InvalidOperationException("the rank");
        bool isSample = x.dim() == one.Spatial + 1;
        if (isSample && (one.IsAdaptive || one.Dilation != 1)) return Forward(one, x.unsqueeze(0)).squeeze(0);
        return one.Padding.IsSame
            ? Poolings.Forward(one with { Padding = Same(one), CeilMode = false }, x)
            : Poolings.Forward(one, x);
    }

    private static PoolingCase Adaptive(Draw draw, bool isMax)
    {
        int spatial = draw.Int(1, 3);
        int Size() => draw.Int(draw.Chance(0.01) ? 0 : 1, 8);
        return new PoolingCase(spatial, Shape(draw, spatial),
            new Size3(spatial > 2 ? Size() : 1, spatial > 1 ? Size() : 1, Size()))
        {
            IsMax = isMax,
            IsAdaptive = true,
            KeepsWidth = spatial > 1 && draw.Chance(0.2),
        };
    }

    private static PoolingCase Windows(Draw draw, bool isMax)
    {
        int spatial = draw.Int(1, 3), kind = draw.Int(0, 9), longest = draw.Chance(0.1) ? 9 : draw.Chance(0.3) ? 2 : 4;
        int[] shape = Shape(draw, spatial);
        Size3 kernel = Each(() => draw.Int(draw.Chance(0.01) ? 0 : 1, longest));
        Padding padding = kind switch
        {
            0 or 1 or 2 or 3 => 0,
            4 => Evenkeel.Padding.Same,
            5 => Sides(),
            _ => spatial switch
            {
                1 => Half(kernel.Width),
                2 => (Half(kernel.Height), Half(kernel.Width)),
                _ => (Half(kernel.Depth), Half(kernel.Height), Half(kernel.Width)),
            },
        };
        // Means with a dilation are convolutions with equal weights, of planes, on PyTorch's side.
        bool dilates = padding.IsSymmetric && !padding.IsSame
            && (isMax ? draw.Chance(0.3) : spatial == 2 && shape.Length == 4 && draw.Chance(0.2));
        bool countsPadding = draw.Chance(0.6) || (!isMax && dilates);
        return new PoolingCase(spatial, shape, kernel)
        {
            IsMax = isMax,
            Stride = draw.Chance(0.3) ? null : Each(() => draw.Int(1, draw.Chance(0.5) ? 2 : 4)),
            Padding = padding,
            Dilation = dilates ? Each(() => draw.Int(1, 3)) : 1,
            // PyTorch's side of unequal sides has them in the input, where the last window may begin.
            CeilMode = draw.Chance(0.4) && padding.IsSymmetric && (isMax || !dilates),
            CountIncludePad = countsPadding,
            Divisor = !isMax && !dilates && !padding.IsSame && padding.IsSymmetric && spatial > 1 && draw.Chance(0.3)
                ? draw.Pick(-3, 1, 2, 5, 9) : null,
        };

        Size3 Each(Func<int> size) => new(spatial > 2 ? size() : 1, spatial > 1 ? size() : 1, size());
        int Half(int size) => draw.Int(0, (size / 2) + (draw.Chance(0.01) ? 1 : 0));
        int Side(int size) => draw.Int(0, Math.Max(0, size - 1));
        Padding Sides() => spatial switch
        {
            1 => Evenkeel.Padding.Sides(Side(kernel.Width), Side(kernel.Width)),
            2 => Evenkeel.Padding.Sides(
                Side(kernel.Width), Side(kernel.Width), Side(kernel.Height), Side(kernel.Height)),
            _ => Evenkeel.Padding.Sides(Side(kernel.Width), Side(kernel.Width), Side(kernel.Height),
                Side(kernel.Height), Side(kernel.Depth), Side(kernel.Depth)),
        };
    }

    /// <summary>Rows, planes or volumes; one in ten is wide enough for the whole registers of the kernels.</summary>
    private static int[] Shape(Draw draw, int spatial)
    {
        int[] shape = new int[spatial];
        int longest = spatial == 1 ? 14 : spatial == 2 ? 9 : 6;
        foreach (ref int size in shape.AsSpan()) size = draw.Size(longest);
        if (draw.Chance(0.2)) shape[^1] = draw.Size(spatial == 1 ? 200 : 70);
        shape = draw.Chance(0.2) ? [draw.Size(4), .. shape] : [draw.Size(3), draw.Size(4), .. shape];
        return draw.Chance(0.005) ? [1, 1, .. shape] : shape;
    }

    /// <summary>Numbers with equal ones among them; of some maxima some are not finite.</summary>
    private static double[] Values(Draw draw, PoolingCase one)
    {
        double[] values = draw.Numbers(Sizes.Count(one.Input));
        // PyTorch's side of unequal sides has -∞ there, which is then the first of equal values.
        if (!one.IsMax || one.Padding.IsSame || !one.Padding.IsSymmetric || !draw.Chance(0.15)) return values;
        foreach (ref double value in values.AsSpan())
        {
            if (draw.Chance(0.2)) value = draw.Pick(double.NaN, double.NegativeInfinity, double.PositiveInfinity, -0.0);
        }

        return values;
    }

    /// <summary>⌈size/stride⌉ outputs; of two unequal sides the larger one is at the end.</summary>
    private static Padding Same(PoolingCase one)
    {
        Size3 stride = one.Stride ?? one.Kernel;
        (int left, int right) = Sides(-1, one.Kernel.Width, stride.Width);
        (int top, int bottom) = one.Spatial > 1 ? Sides(-2, one.Kernel.Height, stride.Height) : default;
        (int front, int back) = one.Spatial > 2 ? Sides(-3, one.Kernel.Depth, stride.Depth) : default;
        return one.Spatial > 2
            ? Evenkeel.Padding.Sides(left, right, top, bottom, front, back)
            : Evenkeel.Padding.Sides(left, right, top, bottom);

        (int Before, int After) Sides(int axis, int kernel, int step)
        {
            int size = one.Input[^-axis], results = ((size - 1) / Math.Max(1, step)) + 1,
                total = Math.Max(0, ((results - 1) * step) + kernel - size);
            return (total / 2, total - (total / 2));
        }
    }

    private static bool HasWideSide(PoolingCase one)
    {
        Padding p = one.Padding;
        return !p.IsSame && p.IsSymmetric && (p.Left > one.Kernel.Width / 2
            || (one.Spatial > 1 && p.Top > one.Kernel.Height / 2)
            || (one.Spatial > 2 && (p.Front ?? p.Top) > one.Kernel.Depth / 2));
    }

    private static bool IsLargerThanVolume(PoolingCase one) => one.Spatial == 3 && !one.IsMax
        && (one.Kernel.Width > one.Input[^1] || one.Kernel.Height > one.Input[^2] || one.Kernel.Depth > one.Input[^3]);

    private static bool HasEmptyWindow(PoolingCase one)
    {
        Padding p = one.Padding;
        Size3 stride = one.Stride ?? one.Kernel;
        return Along(-1, one.Kernel.Width, stride.Width, one.Dilation.Width, p.Left)
            || (one.Spatial > 1 && Along(-2, one.Kernel.Height, stride.Height, one.Dilation.Height, p.Top))
            || (one.Spatial > 2 && Along(-3, one.Kernel.Depth, stride.Depth, one.Dilation.Depth, p.Front ?? p.Top));

        bool Along(int axis, int kernel, int step, int dilation, int before)
        {
            int input = one.Input[^-axis];
            for (int first = -before; first < input; first += Math.Max(1, step))
            {
                bool isEmpty = true;
                for (int j = 0; j < kernel; j++)
                    isEmpty &= first + (j * dilation) < 0 || first + (j * dilation) >= input;
                if (isEmpty) return true;
            }

            return false;
        }
    }
}
