namespace Evenkeel.Tests.Reference;

/// <summary>
/// Poolings as PyTorch's documentation states them, value by value in double precision; volumes of (..., D, H, W),
/// planes as D = 1, rows as H = 1 too.
/// </summary>
internal sealed record NaivePool(
    Size3 Input, Size3 Kernel, Size3 Stride, Size3 Before, Size3 After, Size3 Dilation, bool Ceil)
{
    /// <summary>The output's sizes.</summary>
    public Size3 Output => Map(axis =>
    {
        int padded = At(Input, axis) + At(Before, axis) + At(After, axis);
        double room = (padded - (At(Dilation, axis) * (At(Kernel, axis) - 1.0)) - 1) / At(Stride, axis);
        int size = (int)(Ceil ? Math.Ceiling(room) : Math.Floor(room)) + 1;
        return Ceil && (size - 1) * At(Stride, axis) >= At(Input, axis) + At(Before, axis) ? size - 1 : size;
    });

    /// <summary>The largest values, and dx for dy: all of it to the place that took the lead last.</summary>
    public (double[] Y, double[] Dx) Max(double[] x, double[] dy) =>
        Max(x, dy, Input, Output, at => Places(at).Where(IsInside));

    public (double[] Y, double[] Dx) Average(double[] x, double[] dy, bool includePad, int? divisor) =>
        Average(x, dy, Input, Output, at => Places(at).Where(IsInside),
            at => divisor ?? Places(at).Count(place => includePad ? IsPadded(place) : IsInside(place)));

    /// <summary>Largest values over windows from floor(o·in/out) to ceil((o + 1)·in/out).</summary>
    public static (double[] Y, double[] Dx) AdaptiveMax(double[] x, double[] dy, Size3 input, Size3 output) =>
        Max(x, dy, input, output, at => Parts(at, input, output));

    /// <summary>Means over windows from floor(o·in/out) to ceil((o + 1)·in/out).</summary>
    public static (double[] Y, double[] Dx) Adaptive(double[] x, double[] dy, Size3 input, Size3 output) =>
        Average(x, dy, input, output, at => Parts(at, input, output), at => Parts(at, input, output).Count());

    private static (double[] Y, double[] Dx) Max(
        double[] x, double[] dy, Size3 input, Size3 output, Func<Size3, IEnumerable<Size3>> places)
    {
        double[] y = new double[dy.Length], dx = new double[x.Length];
        Each(dy.Length, output, (i, volume, at) =>
        {
            double largest = double.NegativeInfinity;
            int winner = -1;
            foreach (Size3 place in places(at))
            {
                int from = Index(volume, place, input);
                if (winner < 0) winner = from;
                if (!(x[from] > largest) && !double.IsNaN(x[from])) continue;
                (largest, winner) = (x[from], from);
            }

            y[i] = largest;
            if (winner >= 0) dx[winner] += dy[i];
        });
        return (y, dx);
    }

    private static (double[] Y, double[] Dx) Average(
        double[] x, double[] dy, Size3 input, Size3 output, Func<Size3, IEnumerable<Size3>> places,
        Func<Size3, double> divisor)
    {
        double[] y = new double[dy.Length], dx = new double[x.Length];
        Each(dy.Length, output, (i, volume, at) =>
        {
            double count = divisor(at);
            foreach (Size3 place in places(at))
            {
                int from = Index(volume, place, input);
                y[i] += x[from] / count;
                dx[from] += dy[i] / count;
            }
        });
        return (y, dx);
    }

    private IEnumerable<Size3> Places(Size3 at)
    {
        for (int k = 0; k < Kernel.Depth; k++)
        {
            for (int i = 0; i < Kernel.Height; i++)
            {
                for (int j = 0; j < Kernel.Width; j++)
                {
                    yield return new Size3((at.Depth * Stride.Depth) - Before.Depth + (k * Dilation.Depth),
                        (at.Height * Stride.Height) - Before.Height + (i * Dilation.Height),
                        (at.Width * Stride.Width) - Before.Width + (j * Dilation.Width));
                }
            }
        }
    }

    private static IEnumerable<Size3> Parts(Size3 at, Size3 input, Size3 output) =>
        from d in Part(at.Depth, input.Depth, output.Depth)
        from h in Part(at.Height, input.Height, output.Height)
        from w in Part(at.Width, input.Width, output.Width)
        select new Size3(d, h, w);

    private static IEnumerable<int> Part(int o, int input, int output)
    {
        int from = (int)Math.Floor((double)o * input / output), to = (int)Math.Ceiling((o + 1.0) * input / output);
        return Enumerable.Range(from, to - from);
    }

    private bool IsInside(Size3 place) => place is { Depth: >= 0, Height: >= 0, Width: >= 0 }
        && place.Depth < Input.Depth && place.Height < Input.Height && place.Width < Input.Width;

    private bool IsPadded(Size3 place) => place.Depth < Input.Depth + After.Depth
        && place.Height < Input.Height + After.Height && place.Width < Input.Width + After.Width;

    private static int Index(int volume, Size3 place, Size3 sizes) =>
        (((((volume * sizes.Depth) + place.Depth) * sizes.Height) + place.Height) * sizes.Width) + place.Width;

    private static void Each(int count, Size3 sizes, Action<int, int, Size3> visit)
    {
        int plane = sizes.Height * sizes.Width;
        for (int i = 0; i < count; i++)
        {
            visit(i, i / (plane * sizes.Depth),
                new Size3(i / plane % sizes.Depth, i / sizes.Width % sizes.Height, i % sizes.Width));
        }
    }

    private static int At(Size3 size, int axis) => axis == 0 ? size.Depth : axis == 1 ? size.Height : size.Width;

    private static Size3 Map(Func<int, int> value) => new(value(0), value(1), value(2));
}
