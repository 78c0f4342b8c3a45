using System.Globalization;
using Evenkeel.Nn;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Upsampling, zeros around planes, pixel shuffles and embeddings.</summary>
internal static class ShapeFuzz
{
    public static FuzzCase Draw(Draw draw) => draw.Int(0, 3) switch
    {
        0 => ZeroPad(draw),
        1 => Shuffle(draw),
        _ => Embed(draw),
    };

    /// <summary>
    /// A blend is a sum of two by two values with weights that are differences of places: a place rounds by its size.
    /// </summary>
    public static FuzzCase Upsample(Draw draw)
    {
        int[] shape = [draw.Size(3), draw.Size(4), draw.Size(9), draw.Size(draw.Chance(0.1) ? 80 : 12)];
        if (draw.Chance(0.03)) shape = shape[1..];
        int rows = shape[^2], columns = shape[^1];
        bool isBilinear = draw.Chance(0.6), isAligned = isBilinear && draw.Chance(0.5);
        Size2? size = draw.Chance(0.5) ? new Size2(draw.Int(draw.Chance(0.02) ? 0 : 1, 20), draw.Int(1, 30)) : null;
        Scale2? scale = size is null
            ? draw.Chance(0.4) ? new Scale2(draw.Int(1, 3), draw.Int(1, 4))
                : new Scale2(Factor(draw), Factor(draw))
            : null;
        long[]? sizes = size is { } s ? [s.Height, s.Width] : null;
        double[]? scales = scale is { } f ? [f.Height, f.Width] : null;
        string how = size is { } given ? $"size {given}"
            : string.Create(CultureInfo.InvariantCulture, $"scale ({scales![0]:r}, {scales[1]:r})");
        double places = 4 + rows + columns;
        return new FuzzCase(
            $"Upsample {how} {(isBilinear ? isAligned ? "aligned" : "bilinear" : "nearest")} "
            + $"input {Sizes.Text(shape)}", shape,
            () => new Upsample(size, scale, isBilinear ? UpsampleMode.Bilinear : UpsampleMode.Nearest, isAligned),
            (x, _) => isBilinear ? F.interpolate(x, sizes, scales, InterpolationMode.Bilinear, isAligned)
                : F.interpolate(x, sizes, scales, InterpolationMode.Nearest))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Bound = isBilinear ? n => Blend(n, shape, places) : null,
            Excluded = !isBilinear && (IsNearly(rows, scale?.Height) || IsNearly(columns, scale?.Width))
                ? "cases of nearest values of as many or twice as many, by another factor: "
                    + "PyTorch's gradient has other places than its output if that is large" : null,
            // In Float64 PyTorch computes the place in double, the library in single precision: docs/layers.md.
            Type = !isBilinear && (IsOnEdge(rows, size?.Height, scale?.Height)
                || IsOnEdge(columns, size?.Width, scale?.Width)) ? DType.Float32 : null,
        };
    }

    private static double Factor(Draw draw) => draw.Chance(0.5) ? draw.Int(1, 12) / 4.0 : draw.Number(0.15, 3.5);

    /// <summary>Whether a factor other than 1 or 2 gives as many or twice as many values.</summary>
    private static bool IsNearly(int input, double? scale) => scale is { } factor && factor is not (1 or 2)
        && (int)Math.Floor(input * factor) is int output && (output == input || output == 2 * input);

    /// <summary>Whether the nearest place of an output is another one in single precision.</summary>
    private static bool IsOnEdge(int input, int? size, double? scale)
    {
        int output = size ?? (int)Math.Floor(input * scale!.Value);
        double step = scale is { } factor ? 1 / factor : (double)input / output;
        float single = scale is { } same ? (float)(1 / same) : (float)input / output;
        for (int o = 0; o < output; o++)
            if (MathF.Floor((float)(o * step)) != MathF.Floor(o * single)) return true;
        return false;
    }

    private static Terms[] Blend(Numbers n, int[] shape, double places)
    {
        int planes = Sizes.Count(shape.AsSpan(0, shape.Length - 2));
        double[] y = new double[n.Y.Length], dx = new double[n.X.Length];
        for (int plane = 0; plane < planes; plane++)
        {
            Span<double> to = y.AsSpan(plane * (y.Length / planes), y.Length / planes),
                back = dx.AsSpan(plane * (dx.Length / planes), dx.Length / planes);
            to.Fill(Largest(n.X.AsSpan(plane * back.Length, back.Length)));
            back.Fill(Largest(n.Dy.AsSpan(plane * to.Length, to.Length)) * to.Length);
        }

        return [new(y, 2 * places), new(dx, 2 * places)];
    }

    private static double Largest(ReadOnlySpan<double> values)
    {
        double largest = 0;
        foreach (double value in values) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }

    private static FuzzCase ZeroPad(Draw draw)
    {
        int[] shape = [draw.Size(3), draw.Size(4), draw.Size(9), draw.Size(9)];
        if (draw.Chance(0.2)) shape = shape[1..];
        int low = draw.Chance(0.3) ? -4 : 0, left = draw.Int(low, 5), right = draw.Int(low, 5), top = draw.Int(low, 5),
            bottom = draw.Int(low, 5);
        return new FuzzCase($"ZeroPad2d ({left}, {right}, {top}, {bottom}) input {Sizes.Text(shape)}", shape,
            () => new ZeroPad2d(left, right, top, bottom), (x, _) => F.pad(x, [left, right, top, bottom]))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
            Excluded = Math.Min(0, left) + Math.Min(0, right) + shape[^1] < 0
                || Math.Min(0, top) + Math.Min(0, bottom) + shape[^2] < 0
                ? "cases of ZeroPad2d that cut off more than there is: PyTorch cuts before it adds zeros" : null,
        };
    }

    private static FuzzCase Shuffle(Draw draw)
    {
        int factor = draw.Int(draw.Chance(0.05) ? 0 : 1, 4), channels = factor * factor * draw.Size(3);
        if (draw.Chance(0.05)) channels++;
        int[] shape = [draw.Size(3), channels, draw.Size(6), draw.Size(6)];
        if (draw.Chance(0.2)) shape = shape[1..];
        else if (draw.Chance(0.1)) shape = [draw.Size(3), .. shape];
        return new FuzzCase($"PixelShuffle {factor} input {Sizes.Text(shape)}", shape, () => new PixelShuffle(factor),
            (x, _) => F.pixel_shuffle(x, factor))
        {
            Input = draw.Numbers(Sizes.Count(shape)),
        };
    }

    private static FuzzCase Embed(Draw draw)
    {
        int rows = draw.Int(1, 12), width = draw.Int(1, draw.Chance(0.2) ? 70 : 9);
        int? padding = draw.Chance(0.5) ? draw.Int(-rows - (draw.Chance(0.05) ? 1 : 0), rows - 1) : null;
        int[] shape = new int[draw.Int(0, 3)];
        foreach (ref int size in shape.AsSpan()) size = draw.Size(8);
        long[] positions = new long[Sizes.Count(shape)];
        foreach (ref long position in positions.AsSpan()) position = draw.Int(0, rows - 1);
        if (positions.Length > 0 && draw.Chance(0.03))
            positions[draw.Int(0, positions.Length - 1)] = draw.Pick(-1, rows, rows + 5);
        return new FuzzCase($"Embedding {rows} x {width} padding {padding?.ToString(CultureInfo.InvariantCulture)} "
            + $"input {Sizes.Text(shape)}", shape, () => new Embedding(rows, width, padding), (x, w) =>
            {
                if (padding < -rows) throw new InvalidOperationException("the padding is no row, says PyTorch's layer");
                Torch row = torch.arange(rows).reshape(rows, 1);
                // PyTorch's own function; the row of the padding is read and gets no gradient.
                return torch.where(row == (padding < 0 ? padding.Value + rows : padding ?? -1), w[0].detach(), w[0])
                    .index_select(0, x.flatten()).reshape([.. x.shape, width]);
            })
        {
            Positions = positions,
            Weights = [Weight.Of(draw, "weight", rows, width)],
        };
    }
}
