using System.Globalization;

namespace Evenkeel.Tests.Workbench;

/// <summary>Least squares on the drawn wine: what a straight line can do.</summary>
internal static class LinearBaseline
{
    /// <summary>
    /// The error of alcohol on a test table, of a line through sugar, acidity and a constant per region.
    /// </summary>
    public static double RootMeanSquaredError(string training, string test)
    {
        (double[][] x, double[] y) = Read(training);
        int n = x[0].Length;
        var a = new double[n, n + 1];
        for (int i = 0; i < x.Length; i++)
        {
            for (int r = 0; r < n; r++)
            {
                for (int c = 0; c < n; c++) a[r, c] += x[i][r] * x[i][c];
                a[r, n] += x[i][r] * y[i];
            }
        }

        double[] w = Solve(a, n);
        (double[][] u, double[] v) = Read(test);
        double sum = 0;
        for (int i = 0; i < u.Length; i++) sum += Math.Pow(u[i].Zip(w, static (p, q) => p * q).Sum() - v[i], 2);
        return Math.Sqrt(sum / u.Length);
    }

    private static double[] Solve(double[,] a, int n)
    {
        for (int k = 0; k < n; k++)
        {
            for (int r = 0; r < n; r++)
            {
                if (r == k) continue;
                double factor = a[r, k] / a[k, k];
                for (int c = k; c <= n; c++) a[r, c] -= factor * a[k, c];
            }
        }

        return [.. Enumerable.Range(0, n).Select(k => a[k, n] / a[k, k])];
    }

    private static (double[][] X, double[] Y) Read(string table)
    {
        string[] regions = ["north", "south", "east", "west"];
        string[][] rows = [.. table.TrimEnd().Split('\n').Skip(1).Select(static line => line.Split(','))];
        double[][] x = [.. rows.Select(row => (double[])[Number(row[3]), Number(row[4]),
            .. regions.Select(region => row[2] == region ? 1.0 : 0)])];
        return (x, [.. rows.Select(static row => Number(row[5]))]);
    }

    private static double Number(string text) =>
        text.Length == 0 ? 0 : double.Parse(text, CultureInfo.InvariantCulture);
}
