namespace Evenkeel.Tests.Reference;

/// <summary>A convolution as its definition says, in double precision: every output looks at every tap.</summary>
internal sealed record NaiveConvolution(Size2 Stride, Size2 Padding, Size2 Dilation, int Groups)
{
    /// <summary>y, and from dy the three gradients; x (N, C, H, W), weight (out, C/groups, kh, kw).</summary>
    public (double[] Y, double[] Dx, double[] Dweight, double[] Dbias) Run(
        Tensor x, Tensor weight, Tensor? bias, Func<int, double> cotangent, out Shape shape)
    {
        (int images, int channels, int height, int width) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
        (int filters, int groupChannels, int kernelHeight, int kernelWidth) =
            (weight.Shape[0], weight.Shape[1], weight.Shape[2], weight.Shape[3]);
        int outHeight =
            ((height + (2 * Padding.Height) - (Dilation.Height * (kernelHeight - 1)) - 1) / Stride.Height) + 1;
        int outWidth = ((width + (2 * Padding.Width) - (Dilation.Width * (kernelWidth - 1)) - 1) / Stride.Width) + 1;
        shape = [images, filters, outHeight, outWidth];
        double[] xs = NaiveOps.Doubles(x), ws = NaiveOps.Doubles(weight),
            bs = bias is null ? new double[filters] : NaiveOps.Doubles(bias);
        double[] y = new double[shape.Count], dx = new double[xs.Length], dweight = new double[ws.Length],
            dbias = new double[filters];
        int at = 0;
        for (int n = 0; n < images; n++)
        {
            for (int o = 0; o < filters; o++)
            {
                for (int i = 0; i < outHeight; i++)
                {
                    for (int j = 0; j < outWidth; j++, at++)
                    {
                        double dy = cotangent(at);
                        y[at] = bs[o];
                        dbias[o] += dy;
                        for (int c = 0; c < groupChannels; c++)
                        {
                            for (int u = 0; u < kernelHeight; u++)
                            {
                                for (int v = 0; v < kernelWidth; v++)
                                {
                                    int row = (i * Stride.Height) + (u * Dilation.Height) - Padding.Height,
                                        column = (j * Stride.Width) + (v * Dilation.Width) - Padding.Width;
                                    if (row < 0 || row >= height || column < 0 || column >= width) continue;
                                    int channel = (o / (filters / Groups) * groupChannels) + c;
                                    int ix = (((((n * channels) + channel) * height) + row) * width) + column;
                                    int iw = (((((o * groupChannels) + c) * kernelHeight) + u) * kernelWidth) + v;
                                    y[at] += xs[ix] * ws[iw];
                                    dx[ix] += dy * ws[iw];
                                    dweight[iw] += dy * xs[ix];
                                }
                            }
                        }
                    }
                }
            }
        }

        return (y, dx, dweight, dbias);
    }
}
