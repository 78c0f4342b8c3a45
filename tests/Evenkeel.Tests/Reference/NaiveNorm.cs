namespace Evenkeel.Tests.Reference;

/// <summary>Normalization in plain double loops: the twin that the fused ops are compared with.</summary>
internal static class NaiveNorm
{
    /// <summary>Forward and backward over groups. Scale is the largest term that dx is a difference of.</summary>
    /// <param name="x">The input.</param>
    /// <param name="dy">The output's gradient.</param>
    /// <param name="gamma">Scales.</param>
    /// <param name="beta">Shifts.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="groupOf">Which group an element belongs to.</param>
    /// <param name="parameterOf">Which gamma and beta an element belongs to.</param>
    /// <param name="relu">Whether a ReLU follows.</param>
    /// <param name="centered">False: RMS norm.</param>
    /// <param name="exponentOf">
    /// The inputs of a group are in units of two to this power, and so is eps; null: 0.
    /// </param>
    /// <param name="isPositive">What the ReLU lets through; null: y above 0.</param>
    /// <param name="counts">Whether the statistics are of an element too; null: of all.</param>
    public static (double[] Y, double[] Dx, double[] Dgamma, double[] Dbeta, double Scale) Run(
        double[] x, double[] dy, double[] gamma, double[] beta, double eps, Func<int, int> groupOf,
        Func<int, int> parameterOf, bool relu = false, bool centered = true, Func<int, int>? exponentOf = null,
        Func<double, bool>? isPositive = null, Func<int, bool>? counts = null)
    {
        int groups = 0;
        for (int i = 0; i < x.Length; i++) groups = Math.Max(groups, groupOf(i) + 1);
        double[] count = new double[groups], mean = new double[groups], variance = new double[groups],
            meanG = new double[groups], meanGx = new double[groups];
        bool Counts(int i) => counts is null || counts(i);
        for (int i = 0; i < x.Length; i++)
        {
            if (!Counts(i)) continue;
            count[groupOf(i)]++;
            mean[groupOf(i)] += x[i];
        }

        for (int g = 0; g < groups; g++) mean[g] /= count[g];
        // One refinement: the sum above may have rounded.
        double[] low = new double[groups];
        for (int i = 0; i < x.Length; i++) low[groupOf(i)] += Counts(i) ? x[i] - mean[groupOf(i)] : 0;
        for (int g = 0; g < groups; g++) mean[g] = centered ? mean[g] + low[g] / count[g] : 0;
        for (int i = 0; i < x.Length; i++)
        {
            variance[groupOf(i)] += !Counts(i)
                ? 0
                : (x[i] - mean[groupOf(i)]) * (x[i] - mean[groupOf(i)]) / count[groupOf(i)];
        }

        double[] y = new double[x.Length], xhat = new double[x.Length], fresh = new double[x.Length],
            dx = new double[x.Length];
        double[] dgamma = new double[gamma.Length], dbeta = new double[beta.Length];
        double Eps(int g) => exponentOf is null ? eps : Math.ScaleB(eps, -2 * exponentOf(g));
        double Rstd(int g) => variance[g] + Eps(g) == 0 ? 0 : 1 / Math.Sqrt(variance[g] + Eps(g));
        for (int i = 0; i < x.Length; i++)
        {
            int g = groupOf(i), p = parameterOf(i);
            xhat[i] = (x[i] - mean[g]) * Rstd(g);
            y[i] = xhat[i] * gamma[p] + beta[p];
            bool isCut = relu && !(isPositive is null ? y[i] > 0 : isPositive(y[i]));
            fresh[i] = isCut ? 0 : dy[i];
            if (isCut) y[i] = 0;
            dgamma[p] += fresh[i] * xhat[i];
            dbeta[p] += fresh[i];
            if (centered) meanG[g] += gamma[p] * fresh[i] / count[g];
            meanGx[g] += gamma[p] * fresh[i] * xhat[i] / count[g];
        }

        double scale = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int g = groupOf(i);
            scale = Math.Max(scale, Math.Abs(Rstd(g) * gamma[parameterOf(i)] * fresh[i]));
            dx[i] = Rstd(g) * (gamma[parameterOf(i)] * fresh[i] - (Counts(i) ? meanG[g] + xhat[i] * meanGx[g] : 0));
        }

        return (y, dx, dgamma, dbeta, scale);
    }
}
