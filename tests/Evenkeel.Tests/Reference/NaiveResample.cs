namespace Evenkeel.Tests.Reference;

/// <summary>Upsampling of one plane by its definition, in double; the gradient is its transpose.</summary>
internal sealed record NaiveResample(
    int Rows, int Columns, int OutputRows, int OutputColumns, bool Blends, bool AlignCorners, double Scale)
{
    public double[] Forward(double[] x)
    {
        double[] y = new double[OutputRows * OutputColumns];
        Each((from, to, weight) => y[to] += weight * x[from]);
        return y;
    }

    public double[] Backward(double[] dy)
    {
        double[] dx = new double[Rows * Columns];
        Each((from, to, weight) => dx[from] += weight * dy[to]);
        return dx;
    }

    private void Each(Action<int, int, double> add)
    {
        for (int r = 0; r < OutputRows; r++)
        {
            foreach ((int row, double above) in Sources(r, Rows, OutputRows))
            {
                for (int c = 0; c < OutputColumns; c++)
                {
                    foreach ((int column, double beside) in Sources(c, Columns, OutputColumns))
                        add((row * Columns) + column, (r * OutputColumns) + c, above * beside);
                }
            }
        }
    }

    private IEnumerable<(int From, double Weight)> Sources(int o, int input, int output)
    {
        if (input == output) return [(o, 1)];
        if (!Blends)
        {
            float step = Scale > 0 ? (float)(1 / Scale) : (float)input / output;
            return [(Math.Min((int)MathF.Floor(o * step), input - 1), 1)];
        }

        double at = AlignCorners
            ? output == 1 ? 0 : o * ((double)(input - 1) / (output - 1))
            : Math.Max(((o + 0.5) * (Scale > 0 ? 1 / Scale : (double)input / output)) - 0.5, 0);
        int first = Math.Min((int)at, input - 1);
        double share = Math.Min(at - first, 1);
        return [(first, 1 - share), (Math.Min(first + 1, input - 1), share)];
    }
}
