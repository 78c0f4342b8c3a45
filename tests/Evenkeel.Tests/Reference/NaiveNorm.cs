namespace Evenkeel.Tests.Reference;

/// <summary>Normalization in plain double loops: the twin that the fused ops are compared with.</summary>
internal static class NaiveNorm
{
    /// <summary>Forward and backward over groups: <paramref name="groupOf"/> says which group an element belongs to, <paramref name="parameterOf"/> which gamma and beta.Scale is the largest term that dx is a difference of.</summary>
    public static (double[] Y, double[] Dx, double[] Dgamma, double[] Dbeta, double Scale) Run(
        double[] x, double[] dy, double[] gamma, double[] beta, double eps, Func<int, int> groupOf, Func<int, int> parameterOf, bool relu = false)
    {
        int groups = 0;
        for (int i = 0; i < x.Length; i++) groups = Math.Max(groups, groupOf(i) + 1);
        double[] count = new double[groups], mean = new double[groups], variance = new double[groups], meanG = new double[groups], meanGx = new double[groups];
        for (int i = 0; i < x.Length; i++)
        {
            count[groupOf(i)]++;
            mean[groupOf(i)] += x[i];
        }

        for (int g = 0; g < groups; g++) mean[g] /= count[g];
        // One refinement: the sum above may have rounded.
        double[] low = new double[groups];
        for (int i = 0; i < x.Length; i++) low[groupOf(i)] += x[i] - mean[groupOf(i)];
        for (int g = 0; g < groups; g++) mean[g] += low[g] / count[g];
        for (int i = 0; i < x.Length; i++) variance[groupOf(i)] += (x[i] - mean[groupOf(i)]) * (x[i] - mean[groupOf(i)]) / count[groupOf(i)];
        double[] y = new double[x.Length], xhat = new double[x.Length], fresh = new double[x.Length], dx = new double[x.Length];
        double[] dgamma = new double[gamma.Length], dbeta = new double[beta.Length];
        double Rstd(int g) => variance[g] + eps == 0 ? 0 : 1 / Math.Sqrt(variance[g] + eps);
        for (int i = 0; i < x.Length; i++)
        {
            int g = groupOf(i), p = parameterOf(i);
            xhat[i] = (x[i] - mean[g]) * Rstd(g);
            y[i] = xhat[i] * gamma[p] + beta[p];
            fresh[i] = relu && y[i] <= 0 ? 0 : dy[i];
            if (relu && y[i] <= 0) y[i] = 0;
            dgamma[p] += fresh[i] * xhat[i];
            dbeta[p] += fresh[i];
            meanG[g] += gamma[p] * fresh[i] / count[g];
            meanGx[g] += gamma[p] * fresh[i] * xhat[i] / count[g];
        }

        double scale = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int g = groupOf(i);
            scale = Math.Max(scale, Math.Abs(Rstd(g) * gamma[parameterOf(i)] * fresh[i]));
            dx[i] = Rstd(g) * (gamma[parameterOf(i)] * fresh[i] - meanG[g] - xhat[i] * meanGx[g]);
        }

        return (y, dx, dgamma, dbeta, scale);
    }
}
