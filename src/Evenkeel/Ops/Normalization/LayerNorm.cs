using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Layer normalization over the trailing dimensions: what
/// <see cref="RowNorm{TStatistics, TEpilogue}"/> takes from a row.
/// </summary>
/// <remarks>
/// Group: the m values of a row, m = product of the normalized sizes; gamma and beta have that shape.
/// <para>Forward: mean = Σx/m; var = Σ(x-mean)²/m; rstd = 1/sqrt(var+eps); xhat = (x-mean)·rstd; y = gamma·xhat + beta.
/// Train and eval are the same.</para>
/// <para>Backward: with g = gamma·dy, dx = rstd·(g - mean(g) - xhat·mean(g·xhat)) as for every norm; dgamma = Σ dy·xhat
/// and dbeta = Σ dy over the rows.</para>
/// <para>The full derivation is in docs/derivations/layer-norm.md.</para>
/// </remarks>
internal readonly struct MeanAndVariance : IRowStatistics
{
    public static bool HasMean => true;

    public static unsafe void Measure<T>(T* x, int length, NormTable row, double eps)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        NormTheorem.Moments(
            new SegmentGroup<T, NoMask<T>>(x, new Runs(0, 1, 0, length), default), row, row.Rounded<T>(), length, eps);
}

public sealed partial class Tensor
{
    /// <summary>
    /// Layer normalization over the trailing dimensions: y = gamma·(x - mean)/sqrt(var + eps) + beta for each row. The
    /// functional form; see <c>LayerNorm</c>.
    /// </summary>
    /// <param name="normalizedShape">
    /// The trailing dimensions that are normalized together; exactly the input's last ones.
    /// </param>
    /// <param name="gamma">Scale of that shape; null means 1.</param>
    /// <param name="beta">Shift of that shape; null means 0.</param>
    /// <param name="eps">Added to the variance; 0 or more. With 0 a constant row gives beta.</param>
    /// <exception cref="ArgumentException">
    /// The input's trailing dimensions are not <paramref name="normalizedShape"/>, or gamma or beta have another shape.
    /// </exception>
    /// <remarks>Source: Ba, Kiros and Hinton, 2016.</remarks>
    public Tensor LayerNorm(Shape normalizedShape, Tensor? gamma, Tensor? beta, double eps = 1e-5) =>
        FusedLayerNorm(normalizedShape, gamma, beta, eps, fuseReLU: false);

    /// <summary>The same, and ReLU in the same pass over memory if wanted, with the same bits.</summary>
    internal Tensor FusedLayerNorm(Shape normalizedShape, Tensor? gamma, Tensor? beta, double eps, bool fuseReLU)
    {
        NormChecks.Eps("LayerNorm", eps);
        NormChecks.TrailingShape("LayerNorm", normalizedShape, this);
        NormChecks.OfShape("LayerNorm", "gamma (weight)", gamma, this, normalizedShape);
        NormChecks.OfShape("LayerNorm", "beta (bias)", beta, this, normalizedShape);
        var rows = RowShape.Of(this, normalizedShape);
        return fuseReLU
            ? RowNorm<MeanAndVariance, ReLUEpilogue>.Apply("LayerNorm", this, rows, gamma, beta, eps)
            : RowNorm<MeanAndVariance, NoEpilogue>.Apply("LayerNorm", this, rows, gamma, beta, eps);
    }
}
