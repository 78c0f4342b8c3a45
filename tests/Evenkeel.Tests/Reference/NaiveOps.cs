namespace Evenkeel.Tests.Reference;

/// <summary>
/// The ops as index arithmetic in double precision: slow, plain, and written without the library's kernels.
/// </summary>
internal static class NaiveOps
{
    public static double[] Doubles(Tensor x) => x.To(DType.Float64).ToArray<double>();

    public static (double[] Values, int[] Shape) Broadcast(Tensor a, Tensor b, Func<double, double, double> f)
    {
        int rank = Math.Max(a.Shape.Rank, b.Shape.Rank);
        int[] shape = new int[rank];
        for (int i = 0; i < rank; i++) shape[i] = Size(a, i, rank) == 1 ? Size(b, i, rank) : Size(a, i, rank);
        double[] av = Doubles(a), bv = Doubles(b);
        double[] result = new double[shape.Aggregate(1, (x, y) => x * y)];
        for (int i = 0; i < result.Length; i++) result[i] = f(av[Index(a, i, shape)], bv[Index(b, i, shape)]);
        return (result, shape);
    }

    /// <summary>The values of x that belong to each element of the result, in order.</summary>
    public static double[][] Groups(Tensor x, int[] axes)
    {
        bool[] reduced = new bool[x.Shape.Rank];
        for (int i = 0; i < reduced.Length; i++)
            reduced[i] = axes.Length == 0 || axes.Contains(i) || axes.Contains(i - reduced.Length);
        int kept = 1;
        for (int i = 0; i < reduced.Length; i++) kept *= reduced[i] ? 1 : x.Shape[i];
        List<double>[] groups = Enumerable.Range(0, kept).Select(_ => new List<double>()).ToArray();
        double[] values = Doubles(x);
        for (int i = 0; i < values.Length; i++)
        {
            int[] index = Unravel(i, x.Shape.ToArray());
            int k = 0;
            for (int d = 0; d < index.Length; d++)
            {
                if (!reduced[d]) k = (k * x.Shape[d]) + index[d];
            }

            groups[k].Add(values[i]);
        }

        return groups.Select(g => g.ToArray()).ToArray();
    }

    public static double Variance(double[] values, int correction)
    {
        double mean = values.Sum() / values.Length;
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Length - correction);
    }

    public static double[] MatMul(double[] a, double[] b, int m, int n, int k, bool transposeA, bool transposeB)
    {
        double[] y = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                for (int p = 0; p < k; p++)
                {
                    y[(i * n) + j] +=
                        (transposeA ? a[(p * m) + i] : a[(i * k) + p]) * (transposeB ? b[(j * k) + p] : b[(p * n) + j]);
                }
            }
        }

        return y;
    }

    public static double[] Softmax(double[] row)
    {
        double max = row.Max();
        double sum = row.Sum(v => Math.Exp(v - max));
        return row.Select(v => Math.Exp(v - max) / sum).ToArray();
    }

    public static int[] Unravel(int flat, int[] shape)
    {
        int[] index = new int[shape.Length];
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            index[d] = flat % shape[d];
            flat /= shape[d];
        }

        return index;
    }

    private static int Size(Tensor x, int axis, int rank)
    {
        int own = axis - (rank - x.Shape.Rank);
        return own < 0 ? 1 : x.Shape[own];
    }

    private static int Index(Tensor x, int flat, int[] shape)
    {
        int[] index = Unravel(flat, shape);
        int result = 0;
        for (int d = 0; d < shape.Length; d++)
        {
            int own = d - (shape.Length - x.Shape.Rank);
            if (own >= 0) result = (result * x.Shape[own]) + (x.Shape[own] == 1 ? 0 : index[d]);
        }

        return result;
    }
}
