namespace Evenkeel.Tests.Reference;

/// <summary>
/// Poolings as PyTorch's documentation states them, value by value in double precision; planes of (..., H,
/// W), one dimension as H = 1.
/// </summary>
internal sealed record NaivePool(
    int Height, int Width, (int H, int W) Kernel, (int H, int W) Stride, (int H, int W) Padding,
    (int H, int W) Dilation, bool Ceil)
{
    public int Rows => Size(Height, Kernel.H, Stride.H, Padding.H, Dilation.H);

    public int Columns => Size(Width, Kernel.W, Stride.W, Padding.W, Dilation.W);

    /// <summary>The largest values, and dx for dy: all of it to the place that took the lead last.</summary>
    public (double[] Y, double[] Dx) Max(double[] x, double[] dy)
    {
        int planes = x.Length / Height / Width;
        double[] y = new double[planes * Rows * Columns], dx = new double[x.Length];
        Each(planes, (at, plane, row, column) =>
        {
            double largest = double.NegativeInfinity;
            int winner = -1;
            foreach ((int h, int w) in Places(row, column))
            {
                if (h < 0 || h >= Height || w < 0 || w >= Width) continue;
                int from = (plane * Height + h) * Width + w;
                if (winner < 0) winner = from;
                if (!(x[from] > largest) && !double.IsNaN(x[from])) continue;
                (largest, winner) = (x[from], from);
            }

            y[at] = largest;
            if (winner >= 0) dx[winner] += dy[at];
        });
        return (y, dx);
    }

    public (double[] Y, double[] Dx) Average(double[] x, double[] dy, bool includePad, int? divisor)
    {
        int planes = x.Length / Height / Width;
        double[] y = new double[planes * Rows * Columns], dx = new double[x.Length];
        Each(planes, (at, plane, row, column) =>
        {
            (int H, int W)[] padded = [.. Places(row, column)
                .Where(place => place.H < Height + Padding.H && place.W < Width + Padding.W)];
            (int H, int W)[] inside = [.. padded.Where(
                place => place.H >= 0 && place.H < Height && place.W >= 0 && place.W < Width)];
            int count = divisor ?? (includePad ? padded.Length : inside.Length);
            foreach ((int h, int w) in inside)
            {
                int from = (plane * Height + h) * Width + w;
                y[at] += x[from] / count;
                dx[from] += dy[at] / count;
            }
        });
        return (y, dx);
    }

    /// <summary>Means over windows from floor(o·in/out) to ceil((o + 1)·in/out).</summary>
    public static (double[] Y, double[] Dx) Adaptive(
        double[] x, double[] dy, int height, int width, int rows, int columns)
    {
        int planes = x.Length / height / width;
        double[] y = new double[planes * rows * columns], dx = new double[x.Length];
        for (int at = 0; at < y.Length; at++)
        {
            int plane = at / (rows * columns), row = at / columns % rows, column = at % columns;
            int h0 = (int)Math.Floor((double)row * height / rows), h1 = (int)Math.Ceiling((row + 1.0) * height / rows);
            int w0 = (int)Math.Floor((double)column * width / columns),
                w1 = (int)Math.Ceiling((column + 1.0) * width / columns);
            for (int h = h0; h < h1; h++)
            {
                for (int w = w0; w < w1; w++)
                {
                    int from = (plane * height + h) * width + w;
                    y[at] += x[from] / ((h1 - h0) * (w1 - w0));
                    dx[from] += dy[at] / ((h1 - h0) * (w1 - w0));
                }
            }
        }

        return (y, dx);
    }

    private IEnumerable<(int H, int W)> Places(int row, int column) =>
        from i in Enumerable.Range(0, Kernel.H)
        from j in Enumerable.Range(0, Kernel.W)
        select (row * Stride.H - Padding.H + i * Dilation.H, column * Stride.W - Padding.W + j * Dilation.W);

    private void Each(int planes, Action<int, int, int, int> visit)
    {
        for (int at = 0; at < planes * Rows * Columns; at++)
            visit(at, at / (Rows * Columns), at / Columns % Rows, at % Columns);
    }

    private int Size(int input, int kernel, int stride, int padding, int dilation)
    {
        double room = (input + 2.0 * padding - dilation * (kernel - 1) - 1) / stride;
        int size = (int)(Ceil ? Math.Ceiling(room) : Math.Floor(room)) + 1;
        return Ceil && (size - 1) * stride >= input + padding ? size - 1 : size;
    }
}
