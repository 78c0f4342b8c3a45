namespace Evenkeel.Tests.Reference;

/// <summary>
/// A convolution as its definition says, in double precision: every output looks at every tap. Shapes are (N, C, L),
/// (N, C, H, W) or (N, C, D, H, W); the sizes that are not there count as 1.
/// </summary>
internal sealed record NaiveConvolution(Size3 Stride, Size3 Before, Size3 After, Size3 Dilation, int Groups)
{
    public NaiveConvolution(Size2 stride, Size2 padding, Size2 dilation, int groups)
        : this((1, stride.Height, stride.Width), (0, padding.Height, padding.Width),
            (0, padding.Height, padding.Width), (1, dilation.Height, dilation.Width), groups)
    {
    }

    /// <summary>Every tap of every output: indices of y, x and the weight, and those of the channels.</summary>
    private delegate void Visit(int y, int x, int weight);

    /// <summary>y, and from dy the three gradients; x (N, C, ...), weight (out, C/groups, ...).</summary>
    public (double[] Y, double[] Dx, double[] Dweight, double[] Dbias) Run(
        Tensor x, Tensor weight, Tensor? bias, Func<int, double> cotangent, out Shape shape)
    {
        (Size3 input, Size3 kernel) = (SizeOf(x.Shape), SizeOf(weight.Shape));
        Size3 size = new(Out(input.Depth, kernel.Depth, Before.Depth + After.Depth, Dilation.Depth, Stride.Depth),
            Out(input.Height, kernel.Height, Before.Height + After.Height, Dilation.Height, Stride.Height),
            Out(input.Width, kernel.Width, Before.Width + After.Width, Dilation.Width, Stride.Width));
        shape = ShapeOf(x.Shape, weight.Shape[0], size);
        double[] xs = NaiveOps.Doubles(x), ws = NaiveOps.Doubles(weight),
            bs = bias is null ? new double[weight.Shape[0]] : NaiveOps.Doubles(bias);
        double[] y = new double[shape.Count], dx = new double[xs.Length], dweight = new double[ws.Length],
            dbias = new double[bs.Length];
        int plane = size.Depth * size.Height * size.Width;
        for (int i = 0; i < y.Length; i++)
        {
            int filter = i / plane % bs.Length;
            y[i] = bs[filter];
            dbias[filter] += cotangent(i);
        }

        Each(x.Shape[0], x.Shape[1], weight.Shape[0], input, size, kernel, (iy, ix, iw) =>
        {
            double dy = cotangent(iy);
            y[iy] += xs[ix] * ws[iw];
            dx[ix] += dy * ws[iw];
            dweight[iw] += dy * xs[ix];
        });
        return (y, dx, dweight, dbias);
    }

    /// <summary>
    /// The transposed convolution: each value of x (N, C, ...) adds its window of the weight (C, out/groups, ...) to
    /// y.
    /// </summary>
    public (double[] Y, double[] Dx, double[] Dweight, double[] Dbias) RunTransposed(
        Tensor x, Tensor weight, Tensor? bias, Size3 outputPadding, Func<int, double> cotangent, out Shape shape)
    {
        (Size3 input, Size3 kernel) = (SizeOf(x.Shape), SizeOf(weight.Shape));
        Size3 size = new(
            ((input.Depth - 1) * Stride.Depth) - Before.Depth - After.Depth + (Dilation.Depth * (kernel.Depth - 1))
                + outputPadding.Depth + 1,
            ((input.Height - 1) * Stride.Height) - Before.Height - After.Height
                + (Dilation.Height * (kernel.Height - 1)) + outputPadding.Height + 1,
            ((input.Width - 1) * Stride.Width) - Before.Width - After.Width + (Dilation.Width * (kernel.Width - 1))
                + outputPadding.Width + 1);
        int channels = weight.Shape[1] * Groups, plane = size.Depth * size.Height * size.Width;
        shape = ShapeOf(x.Shape, channels, size);
        double[] xs = NaiveOps.Doubles(x), ws = NaiveOps.Doubles(weight),
            bs = bias is null ? new double[channels] : NaiveOps.Doubles(bias);
        double[] y = new double[shape.Count], dx = new double[xs.Length], dweight = new double[ws.Length],
            dbias = new double[channels];
        for (int i = 0; i < y.Length; i++)
        {
            int channel = i / plane % channels;
            y[i] = bs[channel];
            dbias[channel] += cotangent(i);
        }

        Each(x.Shape[0], channels, x.Shape[1], size, input, kernel, (ix, iy, iw) =>
        {
            double dy = cotangent(iy);
            y[iy] += xs[ix] * ws[iw];
            dx[ix] += dy * ws[iw];
            dweight[iw] += dy * xs[ix];
        });
        return (y, dx, dweight, dbias);
    }

    /// <summary>An input with values of its own around it, by the definition of torch.nn.functional.pad.</summary>
    public static Tensor Pad(Tensor x, Size3 before, Size3 after, PaddingMode mode)
    {
        Size3 input = SizeOf(x.Shape), size = new(input.Depth + before.Depth + after.Depth,
            input.Height + before.Height + after.Height, input.Width + before.Width + after.Width);
        Shape shape = ShapeOf(x.Shape, x.Shape[1], size);
        double[] xs = NaiveOps.Doubles(x), y = new double[shape.Count];
        for (int at = 0; at < y.Length; at++)
        {
            int column = at % size.Width, row = at / size.Width % size.Height,
                slice = at / (size.Width * size.Height) % size.Depth,
                volume = at / (size.Width * size.Height * size.Depth);
            int d = Source(slice - before.Depth, input.Depth), h = Source(row - before.Height, input.Height),
                w = Source(column - before.Width, input.Width);
            y[at] = xs[(((((volume * input.Depth) + d) * input.Height) + h) * input.Width) + w];
        }

        return Tensor.From(y, shape).To(x.DType);

        int Source(int i, int length)
        {
            switch (mode)
            {
                case PaddingMode.Replicate:
                    return Math.Clamp(i, 0, length - 1);
                case PaddingMode.Circular:
                    return ((i % length) + length) % length;
                default:
                    while (i < 0 || i >= length) i = i < 0 ? -i : (2 * (length - 1)) - i;
                    return i;
            }
        }
    }

    private void Each(int images, int channels, int filters, Size3 input, Size3 size, Size3 kernel, Visit visit)
    {
        int groupChannels = channels / Groups, window = kernel.Depth * kernel.Height * kernel.Width, at = 0;
        for (int n = 0; n < images; n++)
        {
            for (int o = 0; o < filters; o++)
            {
                foreach ((int k, int i, int j) in Places(size))
                {
                    for (int c = 0; c < groupChannels; c++)
                    {
                        int point = 0;
                        foreach ((int t, int u, int v) in Places(kernel))
                        {
                            int iw = (((o * groupChannels) + c) * window) + point++,
                                slice = (k * Stride.Depth) + (t * Dilation.Depth) - Before.Depth,
                                row = (i * Stride.Height) + (u * Dilation.Height) - Before.Height,
                                column = (j * Stride.Width) + (v * Dilation.Width) - Before.Width;
                            if (slice < 0 || slice >= input.Depth || row < 0 || row >= input.Height || column < 0
                                || column >= input.Width)
                            {
                                continue;
                            }

                            int channel = (o / (filters / Groups) * groupChannels) + c;
                            int plane = (((n * channels) + channel) * input.Depth) + slice;
                            visit(at, (((plane * input.Height) + row) * input.Width) + column, iw);
                        }
                    }

                    at++;
                }
            }
        }
    }

    private static IEnumerable<(int, int, int)> Places(Size3 size)
    {
        for (int i = 0; i < size.Depth; i++)
        {
            for (int j = 0; j < size.Height; j++)
            {
                for (int k = 0; k < size.Width; k++) yield return (i, j, k);
            }
        }
    }

    private static int Out(int size, int kernel, int padding, int dilation, int stride) =>
        ((size + padding - (dilation * (kernel - 1)) - 1) / stride) + 1;

    private static Size3 SizeOf(Shape shape) =>
        new(shape.Rank > 4 ? shape[-3] : 1, shape.Rank > 3 ? shape[-2] : 1, shape[-1]);

    private static Shape ShapeOf(Shape like, int channels, Size3 size) => like.Rank switch
    {
        3 => [like[0], channels, size.Width],
        4 => [like[0], channels, size.Height, size.Width],
        _ => [like[0], channels, size.Depth, size.Height, size.Width],
    };
}
