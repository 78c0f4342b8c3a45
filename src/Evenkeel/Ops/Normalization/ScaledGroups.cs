using System.Numerics;
using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The steps of a norm again, for those groups of a walk whose formulas T does not hold: by
/// <see cref="ScaledNorm{T, TEpilogue}"/>.
/// </summary>
/// <remarks>
/// What the loops have stored past the caches is visible before it is stored again. Whether a group is done again
/// depends on it alone: neighbours may be done by another thread too.
/// </remarks>
internal static unsafe class ScaledGroups<T, TGroups, TEpilogue>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TGroups : struct, IGroups<T, TGroups>
    where TEpilogue : struct, IEpilogue
{
    /// <summary>y.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Map(TGroups x, NormTable t, T* y)
    {
        Simd.StreamFence();
        for (int g = 0; g < x.Count; g++)
        {
            if (IsInRange(t, g)) continue;
            Runs at = x.Where(g);
            Norm(t, g).Map(x.X + at.Start, y + at.Start, at.Count, at.Stride, at.Length);
        }
    }

    /// <summary>Σdy and Σdy·xhat.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sums(TGroups x, NormTable t, Constants<T> constants, T* dy)
    {
        // The slopes are made later: until then their rows are free. A stripe of columns writes whole packs.
        double* magnitudes = t.B;
        x.Sum<Magnitude<T, TEpilogue>>(dy, constants, magnitudes, t.C);
        for (int g = 0; g < x.Count; g++)
        {
            bool inRange = IsInRange(t, g);
            double product = t.SumDyXHat[g], rstd = t.Rstd[g];
            if (inRange && !NormRange.LosesSums<T>(product, rstd, t.Variance[g], x.Values)) continue;
            if (inRange && double.IsFinite(product) && !NormRange.Underflows<T>(magnitudes[g], rstd, x.Values))
                continue;
            Runs at = x.Where(g);
            (t.SumDy[g], t.SumDyXHat[g]) = Norm(t, g)
                .Sums(x.X + at.Start, dy + at.Start, at.Count, at.Stride, at.Length);
        }
    }

    /// <summary>dx, one gamma per group.</summary>
    /// <param name="x">The groups.</param>
    /// <param name="t">Their sums and slopes.</param>
    /// <param name="dy">The gradient of y.</param>
    /// <param name="dx">Receives the gradient of x.</param>
    /// <param name="m">Values per group that the statistics are of; infinite if they are fixed.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Gradient(TGroups x, NormTable t, T* dy, T* dx, double m)
    {
        Simd.StreamFence();
        for (int g = 0; g < x.Count; g++)
        {
            double gamma = t.Gamma[g];
            bool isFixed = double.IsInfinity(m);
            if (IsInRange(t, g)
                && (isFixed || !NormRange.LosesSlopes<T>(t.B[g], t.C[g], t.Rstd[g], gamma == 0 ? 0 : t.SumDyXHat[g])))
            {
                continue;
            }

            int k = ScaledNorm<T, TEpilogue>.GammaExponent(Math.Abs(gamma));
            double share = Math.ScaleB(gamma, -k) / m;
            x.ScaledGradient(
                g, Norm(t, g), dy, dx, isFixed ? 0 : share * t.SumDy[g], isFixed ? 0 : share * t.SumDyXHat[g], k);
        }
    }

    /// <summary>The slow path of a group.</summary>
    public static ScaledNorm<T, TEpilogue> Norm(NormTable t, int g) =>
        new(t.Moments(g), Math.Abs(t.Rstd[g]), t.Gamma[g], t.Beta[g], IsInRange(t, g), inTwoSteps: false);

    /// <summary>True if T holds y = (x-pivot)·scale + shift of a group.</summary>
    private static bool IsInRange(NormTable t, int g) =>
        t.Exponent[g] == 0 && !NormRange.LosesScale<T>(t.Gamma[g], t.Rstd[g]);
}
