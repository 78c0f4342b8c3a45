using Evenkeel.Nn;
using Evenkeel.Tests.Nn;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Convolutions over rows, planes and volumes, and the transposed ones, with all settings.</summary>
internal static class ConvolutionFuzz
{
    private const int MostProducts = 60_000;

    /// <summary>The same for the windows that Winograd's products compute, which take more channels and filters.
    /// </summary>
    private const int MostDenseProducts = 3_000_000;

    public static FuzzCase Draw(Draw draw, int spatial, bool isTransposed)
    {
        ConvolutionCase one;
        bool isDense = spatial > 1 && draw.Chance(0.05);
        do one = isDense ? Dense(draw, spatial, isTransposed) : Settings(draw, spatial, isTransposed);
        while (Products(one) > (isDense ? MostDenseProducts : MostProducts) || (IsEmpty(one) && draw.Chance(0.75)));
        // In Float64 a sum that rounding alone keeps from 0 is as good as impossible, in Float32 it is not.
        bool isFused = draw.Chance(0.15);
        string name = isFused ? "0." : "";
        var weights = new List<Weight> { Weight.Of(draw, name + "weight", one.Weight) };
        if (one.Bias) weights.Add(Weight.Of(draw, name + "bias", one.OutChannels));
        string text = $"{(isTransposed ? "ConvTranspose" : "Conv")}{spatial}d input {Sizes.Text(one.Input)} "
            + $"out {one.OutChannels} kernel {one.Kernel} stride {one.Stride} padding {one.Padding} "
            + $"dilation {one.Dilation} output padding {one.OutputPadding} groups {one.Groups} bias {one.Bias} "
            + $"mode {one.Mode}{(isFused ? " ReLU" : "")}";
        return new FuzzCase(text, one.Input, () => isFused ? new Sequential(one.Create(), new ReLU()) : one.Create(),
            (x, w) =>
            {
                // PyTorch's layers have these checks, its functions do not.
                if ((one.Padding.IsSame && one.Stride != 1) || one.OutChannels % one.Groups != 0)
                    throw new InvalidOperationException("same padding with a stride, or groups that do not fit");
                Torch y = Convolutions.Forward(one, x, w[0], one.Bias ? w[1] : null);
                return isFused ? y.relu() : y;
            })
        {
            Input = draw.Numbers(Sizes.Count(one.Input)),
            Weights = weights,
            // In Float32 PyTorch leaves a result without values to oneDNN, whose error ends the process in TorchSharp.
            Type = isFused || IsEmpty(one) ? DType.Float64 : null,
        };
    }

    private static ConvolutionCase Settings(Draw draw, int spatial, bool isTransposed)
    {
        int groups = draw.Chance(0.5) ? 1 : draw.Int(1, 4), perInput = draw.Int(1, 4), perOutput = draw.Int(1, 4);
        if (draw.Chance(0.15)) (groups, perInput) = (draw.Int(1, 20), 1);
        if (draw.Chance(0.1)) (perInput, perOutput) = (draw.Int(1, 20), draw.Int(1, 20));
        int inChannels = groups * perInput, outChannels = groups * perOutput;
        if (draw.Chance(0.01)) outChannels++;
        int longest = draw.Chance(0.1) ? spatial == 1 ? 200 : spatial == 2 ? 30 : 8 : spatial == 1 ? 20 : 9 - spatial;
        int[] input = new int[spatial];
        foreach (ref int size in input.AsSpan()) size = draw.Size(longest);
        input = draw.Chance(0.15) ? [inChannels, .. input] : [draw.Size(3), inChannels, .. input];
        PaddingMode mode = isTransposed || draw.Chance(0.5)
            ? PaddingMode.Zeros
            : draw.Pick(PaddingMode.Reflect, PaddingMode.Replicate, PaddingMode.Circular);
        Padding padding = Padding(draw, spatial, isTransposed);
        Size3 stride = Sizes3(draw, spatial, 1, draw.Chance(padding.IsSame ? 0.98 : 0.5) ? 1 : 3),
            dilation = Sizes3(draw, spatial, 1, draw.Chance(0.5) ? 1 : 3), output = default;
        if (isTransposed && draw.Chance(0.5)) output = Sizes3(draw, spatial, 0, 2, outside: 0);
        return new ConvolutionCase(spatial, input, outChannels,
            Sizes3(draw, spatial, draw.Chance(0.01) ? 0 : 1, draw.Chance(0.1) ? 7 : 4))
        {
            IsTransposed = isTransposed,
            Stride = stride,
            Padding = padding,
            Dilation = dilation,
            OutputPadding = output,
            Groups = groups,
            Bias = draw.Chance(0.7),
            Mode = mode,
        };
    }

    /// <summary>
    /// A window of 3x3 with a stride of 1 or 2, or of 4x4 with a stride of 2, over many channels and filters, in one to
    /// two groups.
    /// </summary>
    private static ConvolutionCase Dense(Draw draw, int spatial, bool isTransposed)
    {
        int groups = draw.Chance(0.8) ? 1 : 2, depth = spatial == 3 ? draw.Int(1, 3) : 1, kind = draw.Int(0, 3),
            stride = kind < 2 ? 1 : 2, window = kind < 3 ? 3 : 4;
        int longest = (spatial == 3 ? 6 : 11) * (isTransposed ? 1 : stride);
        int[] input = new int[spatial];
        foreach (ref int size in input.AsSpan()) size = draw.Int(1, longest);
        return new ConvolutionCase(spatial, [draw.Int(1, 3), groups * draw.Int(16, 72), .. input],
            groups * draw.Int(16, 72), new Size3(depth, window, window))
        {
            IsTransposed = isTransposed,
            Stride = new Size3(spatial == 3 ? draw.Int(1, stride) : 1, stride, stride),
            Padding = draw.Chance(0.7) ? 1 : Padding(draw, spatial, isTransposed),
            OutputPadding = isTransposed && stride == 2 ? Sizes3(draw, spatial, 0, 1, outside: 0) : default,
            Groups = groups,
            Bias = draw.Chance(0.7),
        };
    }

    private static bool IsEmpty(ConvolutionCase one)
    {
        Padding p = one.Padding;
        return Sizes.Count(one.Input) == 0 || Sizes.Count(one.Weight) == 0
            || Along(-1, one.Kernel.Width, one.Stride.Width, one.Dilation.Width,
                p.Left + p.Right, one.OutputPadding.Width) < 1
            || (one.Spatial > 1 && Along(-2, one.Kernel.Height, one.Stride.Height, one.Dilation.Height,
                p.Top + p.Bottom, one.OutputPadding.Height) < 1)
            || (one.Spatial > 2 && Along(-3, one.Kernel.Depth, one.Stride.Depth, one.Dilation.Depth,
                (p.Front ?? p.Top) + (p.Back ?? p.Bottom), one.OutputPadding.Depth) < 1);

        int Along(int axis, int kernel, int stride, int dilation, int padding, int output)
        {
            int input = one.Input[^-axis], reach = dilation * (kernel - 1);
            return one.IsTransposed ? ((input - 1) * stride) - padding + reach + output + 1
                : p.IsSame ? input : input + padding - reach;
        }
    }

    private static Padding Padding(Draw draw, int spatial, bool isTransposed)
    {
        int most = draw.Chance(0.1) ? 9 : 3;
        if (draw.Chance(0.3)) return 0;
        // The library's transposed convolutions take no such words, and PyTorch's no sides.
        if (!isTransposed && draw.Chance(0.2)) return Evenkeel.Padding.Same;
        if (!isTransposed && draw.Chance(0.05)) return Evenkeel.Padding.Valid;
        if (!isTransposed && draw.Chance(0.3))
        {
            int Side() => draw.Int(0, most);
            return spatial switch
            {
                1 => Evenkeel.Padding.Sides(Side(), Side()),
                2 => Evenkeel.Padding.Sides(Side(), Side(), Side(), Side()),
                _ => Evenkeel.Padding.Sides(Side(), Side(), Side(), Side(), Side(), Side()),
            };
        }

        return spatial switch
        {
            1 => draw.Int(0, most),
            2 => (draw.Int(0, most), draw.Int(0, most)),
            _ => (draw.Int(0, most), draw.Int(0, most), draw.Int(0, most)),
        };
    }

    private static Size3 Sizes3(Draw draw, int spatial, int low, int high, int outside = 1) => new(
        spatial > 2 ? draw.Int(low, high) : outside, spatial > 1 ? draw.Int(low, high) : outside,
        draw.Int(low, high));

    /// <summary>
    /// About the products of a pass; the results of a transposed convolution are more than its inputs.
    /// </summary>
    private static long Products(ConvolutionCase one)
    {
        long all = (long)Sizes.Count(one.Input) * Sizes.Count(one.Weight) / Math.Max(1, one.InChannels);
        Size3 stride = one.Stride;
        return one.IsTransposed
            ? all + (Sizes.Count(one.Input) * stride.Depth * stride.Height * stride.Width)
            : all * 2;
    }
}
