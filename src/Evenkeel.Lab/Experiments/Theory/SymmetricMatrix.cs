namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// Eigenvalues and solutions of small symmetric matrices, row by row in a list; only + - * / and square roots, so the
/// bits are the same everywhere.
/// </summary>
internal static class SymmetricMatrix
{
    private const int MaxSweeps = 60;

    /// <summary>
    /// All eigenvalues, the smallest first, by Jacobi's method: a plane rotation takes out one entry beside the
    /// diagonal at a time, sweep after sweep,
    /// until none is left that counts. Source: G. H. Golub, C. F. Van Loan, "Matrix Computations", 8.5.
    /// </summary>
    public static double[] Eigenvalues(double[] matrix, int n)
    {
        double[] a = [.. matrix];
        for (int sweep = 0; sweep < MaxSweeps; sweep++)
        {
            bool turned = false;
            for (int p = 0; p < n; p++)
            {
                for (int q = p + 1; q < n; q++)
                {
                    double beside = a[(p * n) + q], app = a[(p * n) + p], aqq = a[(q * n) + q];
                    // Against the two diagonal entries of its own, so that small eigenvalues keep their digits beside
                    // large ones.
                    if (Math.Abs(beside) <= 1e-17 * Math.Sqrt(Math.Abs(app * aqq))) continue;
                    turned = true;
                    double theta = (aqq - app) / (2 * beside);
                    double t = (theta >= 0 ? 1 : -1) / (Math.Abs(theta) + Math.Sqrt((theta * theta) + 1));
                    double c = 1 / Math.Sqrt((t * t) + 1), s = t * c;
                    for (int k = 0; k < n; k++)
                    {
                        double akp = a[(k * n) + p], akq = a[(k * n) + q];
                        a[(k * n) + p] = (c * akp) - (s * akq);
                        a[(k * n) + q] = (s * akp) + (c * akq);
                    }

                    for (int k = 0; k < n; k++)
                    {
                        double apk = a[(p * n) + k], aqk = a[(q * n) + k];
                        a[(p * n) + k] = (c * apk) - (s * aqk);
                        a[(q * n) + k] = (s * apk) + (c * aqk);
                    }

                    // Zero by construction; what rounding leaves would never get small against tiny diagonal entries.
                    a[(p * n) + q] = a[(q * n) + p] = 0;
                }
            }

            if (!turned) break;
        }

        double[] values = new double[n];
        for (int i = 0; i < n; i++) values[i] = a[(i * n) + i];
        Array.Sort(values);
        return values;
    }

    /// <summary>The solution of A·w = b for a positive definite A, by Cholesky's A = L·Lᵀ.</summary>
    public static double[] Solve(double[] matrix, double[] right)
    {
        int n = right.Length;
        double[] l = new double[n * n], w = [.. right];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = matrix[(i * n) + j];
                for (int k = 0; k < j; k++) sum -= l[(i * n) + k] * l[(j * n) + k];
                l[(i * n) + j] = i == j ? Math.Sqrt(sum) : sum / l[(j * n) + j];
            }
        }

        for (int i = 0; i < n; i++)
        {
            for (int k = 0; k < i; k++) w[i] -= l[(i * n) + k] * w[k];
            w[i] /= l[(i * n) + i];
        }

        for (int i = n - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < n; k++) w[i] -= l[(k * n) + i] * w[k];
            w[i] /= l[(i * n) + i];
        }

        return w;
    }
}
