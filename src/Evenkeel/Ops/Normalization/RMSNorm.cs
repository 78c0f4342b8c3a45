using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Root mean square normalization over the trailing dimensions: what
/// <see cref="RowNorm{TStatistics, TEpilogue}"/> takes from a row.
/// </summary>
/// <remarks>
/// Group: the m values of a row, m = product of the normalized sizes; gamma has that shape. No mean is
/// subtracted, and there is no beta.
/// <para>Forward: rms² = Σx²/m; r = 1/sqrt(rms²+eps); xhat = x·r; y = gamma·xhat. Train and eval are the same.</para>
/// <para>Backward. y depends on x directly and through r. With g = gamma·dy: dL/dr = Σg·x, dr/dx = -r³·x/m, so dx
/// = r·g - r³·x·Σ(g·x)/m = r·(g - xhat·mean(g·xhat)): the theorem of all norms without mean(g). dgamma = Σ
/// dy·xhat over the rows.</para>
/// <para>The full derivation is in docs/derivations/rms-norm.md.</para>
/// </remarks>
internal readonly struct RootMeanSquare : IRowStatistics
{
    public static bool HasMean => false;

    public static unsafe void Measure<T>(T* x, int length, NormTable row, double eps)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double meanSquare = Segments.Sum<T, Square<T>, NoMask<T>>(x, x, 1, 0, length, default, default).Sum / length;
        Moments moments = NormRange.IsOutOfRange<T>(meanSquare, eps)
            ? Moments.Scaled(x, 1, 0, length, length, eps, hasMean: false, default(NoMask<T>))
            : new Moments(0, 0, meanSquare);
        row.Set(0, moments, eps);
    }
}

public sealed partial class Tensor
{
    /// <summary>
    /// Root mean square normalization over the trailing dimensions: y = gamma·x/sqrt(mean(x²) + eps) for each row. The
    /// functional form; see <c>RMSNorm</c>.
    /// </summary>
    /// <param name="normalizedShape">
    /// The trailing dimensions that are normalized together; exactly the input's last ones.
    /// </param>
    /// <param name="gamma">Scale of that shape; null means 1.</param>
    /// <param name="eps">
    /// Added to the mean square; 0 or more. With 0 a row of zeros gives 0. Null is the machine epsilon of the input's
    /// type: 2^-23 for float32, 2^-52 for float64.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The input's trailing dimensions are not <paramref name="normalizedShape"/>, or gamma has another shape.
    /// </exception>
    /// <remarks>Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019.</remarks>
    public Tensor RMSNorm(Shape normalizedShape, Tensor? gamma, double? eps = null) =>
        FusedRMSNorm(normalizedShape, gamma, eps, fuseReLU: false);

    /// <summary>The same, and ReLU in the same pass over memory if wanted, with the same bits.</summary>
    internal Tensor FusedRMSNorm(Shape normalizedShape, Tensor? gamma, double? eps, bool fuseReLU)
    {
        double added = eps ?? NormTheorem.MachineEpsilon(DType);
        NormChecks.Eps("RMSNorm", added);
        NormChecks.TrailingShape("RMSNorm", normalizedShape, this);
        NormChecks.OfShape("RMSNorm", "gamma (weight)", gamma, this, normalizedShape);
        var rows = RowShape.Of(this, normalizedShape);
        return fuseReLU
            ? RowNorm<RootMeanSquare, ReLUEpilogue>.Apply("RMSNorm", this, rows, gamma, beta: null, added)
            : RowNorm<RootMeanSquare, NoEpilogue>.Apply("RMSNorm", this, rows, gamma, beta: null, added);
    }
}
