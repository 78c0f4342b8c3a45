using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The theorem that all norms share, as formulas of one to three lines over the loops in <see cref="Segments"/>, <see cref="Planes"/> and <see cref="Columns"/>.
/// </summary>
/// <remarks>
/// <para>Statistics over a group of m elements: mean = Σx/m, var = Σ(x-mean)²/m, rstd = 1/sqrt(var+eps), xhat = (x-mean)·rstd, y = gamma·xhat + beta.</para>
/// <para>With g = gamma·dy: dx = rstd·(g - mean(g) - xhat·mean(g·xhat)); dgamma = Σ dy·xhat and dbeta = Σ dy over the positions that share the parameter.
/// Batch, layer, group and instance norm differ only in which elements form a group.</para>
/// <para>How the mean is held: mean = pivot + low, where pivot is a number of the element type near it and low = Σ(x-pivot)/m a double. Then x - pivot is (nearly) exact
/// where |mean| ≫ std, var = Σ(x-pivot)²/m - low² cancels nothing, and y = (x-pivot)·scale + (beta - low·scale) keeps all digits.
/// The first pivot is the mean of a small sample of the group, so one pass usually does. Where it turns out to be off by more than the std, it is moved to
/// pivot + low and the deviations are summed again; a constant channel ends with x - pivot = 0 exactly.</para>
/// <para>The ends of the range. Squares, rstd and the slopes of the backward pass leave the range of T long before x, y and dx do. Each
/// place where that can happen is tested once per group (<see cref="IsOutOfRange{T}"/>, <see cref="LosesScale{T}"/>,
/// <see cref="LosesSums{T}"/>, <see cref="LosesSlopes{T}"/>), and such a group is done again by <see cref="ScaledNorm{T, TEpilogue}"/>.
/// See docs/derivations/range.md.</para>
/// </remarks>
internal static class NormFormulas
{
    /// <summary>Pivots tried before the statistics are taken as they are: the sample's mean, the mean computed from it, and one more for what that one rounded.</summary>
    public const int MaxPivots = 4;

    /// <summary>Packs of the sample whose mean is the first pivot, for groups of runs; 128 floats.</summary>
    public const int SamplePacks = 8;

    /// <summary>Rows of the sample whose means are the first pivots, for columns.</summary>
    public const int SampleRows = 16;

    /// <summary>1/sqrt(var+eps); 0 where var+eps is 0: a constant channel without eps gives beta, and its gradient vanishes.</summary>
    public static double Rstd(double variance, double eps) => variance + eps == 0 ? 0 : 1 / Math.Sqrt(variance + eps);

    /// <summary>The distance from 1 to the next number of the type: 2^-23 or 2^-52.</summary>
    public static double MachineEpsilon(DType dtype) => dtype == DType.Float64 ? 1.0 / (1L << 52) : 1.0 / (1 << 23);

    /// <summary>
    /// True if squares of T do not hold the variance: they overflowed (|x| beyond 1e19 in float, 1e154 in double; or the data are not
    /// finite), or they underflowed and eps does not cover it.
    /// </summary>
    public static bool IsOutOfRange<T>(double variance, double eps) where T : unmanaged =>
        !double.IsFinite(variance) || variance < LeastVariance<T>(eps);

    /// <summary>The smallest variance that squares of T hold; 0 if eps covers what they lose.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double LeastVariance<T>(double eps) where T : unmanaged => typeof(T) == typeof(float)
        ? eps < SmallestFloatEps ? SmallestFloatVariance : 0
        : eps < SmallestDoubleEps ? SmallestDoubleVariance : 0;

    // Squares below 1e-38 (float) or 1e-308 (double) lose digits to subnormals, first the small ones among them.
    private const double SmallestFloatVariance = 1e-30;
    private const double SmallestFloatEps = 1e-24;
    private const double SmallestDoubleVariance = 1e-290;
    private const double SmallestDoubleEps = 1e-284;

    /// <summary>
    /// True if T does not hold the scale gamma·rstd: it overflows, or it underflows where the deviations would have made up for it.
    /// </summary>
    public static bool LosesScale<T>(double gamma, double rstd) where T : unmanaged
    {
        double scale = Math.Abs(gamma * rstd);
        return scale > ValueRange.Largest<T>() || (scale < ValueRange.SmallestNormal<T>() && gamma != 0 && rstd is > 0 and < 1);
    }

    /// <summary>
    /// True if dgamma of m values may not come out of Σdy·(x-pivot) summed in T: the sum overflowed (or dy is not finite), or it is so
    /// small that its terms may have underflowed, which rstd would have made up for. Where it is finite, <see cref="Underflows{T}"/> decides.
    /// </summary>
    public static bool LosesSums<T>(double dgamma, double rstd, double variance, double m) where T : unmanaged =>
        double.IsFinite(rstd) && (!double.IsFinite(dgamma) || (Math.Abs(dgamma) < rstd * m * ValueRange.SmallestNormal<T>() && rstd > 1 && variance > 0));

    /// <summary>True if terms dy·(x-pivot) underflowed, and did not just cancel or come of zeros.</summary>
    /// <param name="magnitude">Σ|dy|; see <see cref="Magnitude{T, TEpilogue}"/>.</param>
    /// <param name="rstd">1/sqrt(var+eps).</param>
    /// <param name="m">The number of terms.</param>
    public static bool Underflows<T>(double magnitude, double rstd, double m) where T : unmanaged =>
        magnitude > 0 && magnitude < rstd * m * ValueRange.SmallestNormal<T>();

    /// <summary>True if T does not hold b or c of dx = a·dy + b·(x-pivot) + c, or b underflows where the deviations would have made up for it.</summary>
    /// <param name="path">Any number that is 0 only if b is: the path of dx through the variance.</param>
    public static bool LosesSlopes<T>(double b, double c, double rstd, double path) where T : unmanaged =>
        double.IsFinite(rstd) && (!(Math.Abs(b) <= ValueRange.Largest<T>() && Math.Abs(c) <= ValueRange.Largest<T>()) ||
            (Math.Abs(b) < ValueRange.SmallestNormal<T>() && path != 0 && rstd is > 0 and < 1));

    /// <summary>True where the pivot is too far from the mean, |low| &gt; std: up to there var = Σ(x-pivot)²/m - low² loses one bit at most.</summary>
    public static bool IsFar(double low, double variance) => low * low > variance;
}

/// <summary>Statistics of one group: mean = Pivot + Low·2^Exponent, and the biased variance, Variance·4^Exponent.</summary>
/// <param name="Pivot">A number of the element type near the mean.</param>
/// <param name="Low">What the mean is more.</param>
/// <param name="Variance">The biased variance.</param>
/// <param name="Exponent">0, but for a group whose squares leave the range of its type; then its values times 2^-Exponent are 1 or less.</param>
internal readonly record struct Moments(double Pivot, double Low, double Variance, int Exponent = 0)
{
    /// <summary>The mean as one number.</summary>
    public double Mean => Exponent == 0 ? Pivot + Low : Pivot + Math.ScaleB(Low, Exponent);

    /// <summary>The same in units of one; the variance is infinite or 0 where double does not hold it.</summary>
    public Moments Unscaled => Exponent == 0 ? this : new(Pivot, Math.ScaleB(Low, Exponent), Math.ScaleB(Variance, 2 * Exponent));

    /// <summary>1/sqrt(var + eps) in units of 2^-Exponent.</summary>
    public double Rstd(double eps) => NormFormulas.Rstd(Variance, Exponent == 0 ? eps : Math.ScaleB(eps, -2 * Exponent));

    /// <summary>One pass over the group, more only where the sample was a poor one; see <see cref="NormFormulas"/>.</summary>
    public static unsafe Moments Of<T>(T* x, int runs, nint stride, int length, double eps) where T : unmanaged, IFloatingPointIeee754<T> =>
        Of(x, runs, stride, length, (double)runs * length, eps, default(NoMask<T>));

    /// <summary>The same of the m values that count under a mask.</summary>
    public static unsafe Moments Of<T, TMask>(T* x, int runs, nint stride, int length, double m, double eps, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        double pivot = Round<T>(Segments.SampleMean(x, runs, stride, length, NormFormulas.SamplePacks, mask));
        for (int attempt = 1; ; attempt++)
        {
            (double sum, double squares) = Segments.Sum(x, x, runs, stride, length, new Deviation<T>(Vector512.Create(T.CreateTruncating(pivot))), mask);
            double low = sum / m;
            double variance = squares / m - low * low;
            if (variance < 0) variance = 0;
            if (attempt == NormFormulas.MaxPivots || !NormFormulas.IsFar(low, variance))
                return NormFormulas.IsOutOfRange<T>(variance, eps) ? Scaled(x, runs, stride, length, m, eps, hasMean: true, mask) : new Moments(pivot, low, variance);
            pivot = Round<T>(pivot + low);
        }
    }

    /// <summary>The same value by value, in double and in units of a power of two: for the rare group whose squares T does not hold.</summary>
    /// <param name="hasMean">False: nothing is subtracted, so the variance is the mean square.</param>
    public static unsafe Moments Scaled<T>(T* x, int runs, nint stride, int length, double eps, bool hasMean = true)
        where T : unmanaged, IFloatingPointIeee754<T> => Scaled(x, runs, stride, length, (double)runs * length, eps, hasMean, default(NoMask<T>));

    /// <summary>The same of the m values that count under a mask.</summary>
    public static unsafe Moments Scaled<T, TMask>(T* x, int runs, nint stride, int length, double m, double eps, bool hasMean, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        double smallest = double.PositiveInfinity, largest = double.NegativeInfinity;
        for (int run = 0; run < runs; run++)
        {
            T* values = x + run * stride;
            TMask counts = mask.Run(run);
            for (int i = 0; i < length; i++)
            {
                if (!counts.Counts(i)) continue;
                double value = double.CreateTruncating(values[i]);
                if (double.IsNaN(value)) return new Moments(double.NaN, double.NaN, double.NaN);
                (smallest, largest) = (Math.Min(smallest, value), Math.Max(largest, value));
            }
        }

        double peak = Math.Max(-smallest, largest);
        if (double.IsInfinity(peak)) return hasMean ? new Moments(double.NaN, double.NaN, double.NaN) : new Moments(0, 0, peak);
        // A constant group is in range: x - pivot is 0.
        if (hasMean ? smallest == largest : peak == 0) return new Moments(hasMean ? smallest : 0, 0, 0);
        int exponent = Math.ILogB(peak) + 1;
        if (eps > 0) exponent = Math.Max(exponent, (Math.ILogB(eps) >> 1) + 1);
        int half = -exponent / 2;
        double unit = Math.ScaleB(1, half), unit2 = Math.ScaleB(1, -exponent - half);
        double pivot = hasMean ? Round<T>(Math.ScaleB(Sum(0, 0, squares: false) / m, exponent)) : 0;
        double scaled = pivot * unit * unit2, low = hasMean ? Sum(scaled, 0, squares: false) / m : 0;
        return new Moments(pivot, low, Sum(scaled, low, squares: true) / m, exponent);

        double Sum(double high, double low, bool squares)
        {
            double sum = 0;
            for (int run = 0; run < runs; run++)
            {
                T* values = x + run * stride;
                TMask counts = mask.Run(run);
                for (int i = 0; i < length; i++)
                {
                    if (!counts.Counts(i)) continue;
                    double d = double.CreateTruncating(values[i]) * unit * unit2 - high - low;
                    sum += squares ? d * d : d;
                }
            }

            return sum;
        }
    }

    /// <summary>The nearest number of the element type.</summary>
    public static double Round<T>(double value) where T : unmanaged => typeof(T) == typeof(float) ? (float)value : value;
}

/// <summary>Σx.</summary>
internal readonly unsafe struct Value<T> : ITerm<T>, IColumnwise<Value<T>> where T : unmanaged
{
    public static bool UsesDy => false;

    public static bool HasProduct => false;

    public static Value<T> At(double* coefficients, int column) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => w;
}

/// <summary>Σx².</summary>
internal readonly struct Square<T> : ITerm<T> where T : unmanaged
{
    public static bool UsesDy => false;

    public static bool HasProduct => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => w * w;
}

/// <summary>Σd and Σd², d = x - pivot.</summary>
internal readonly unsafe struct Deviation<T>(Vector512<T> pivot) : ITerm<T>, IColumnwise<Deviation<T>>, IRunwise<Deviation<T>, T> where T : unmanaged
{
    public static bool UsesDy => false;

    public static bool HasProduct => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Deviation<T> Of(T* constants) => new(Simd.Broadcast(constants[Coefficient.Pivot]));

    public static Deviation<T> At(double* coefficients, int column) => new(Coefficient.Load<T>(coefficients, Coefficient.Pivot, column));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => x - pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => w;
}

/// <summary>y = (x - pivot)·scale + shift with scale = gamma·rstd, shift = beta - low·scale.</summary>
internal readonly unsafe struct Normalize<T, TEpilogue>(Vector512<T> pivot, Vector512<T> scale, Vector512<T> shift)
    : IMap<T>, IColumnwise<Normalize<T, TEpilogue>>, IRunwise<Normalize<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Normalize<T, TEpilogue> Of(T* constants) =>
        new(Simd.Broadcast(constants[Coefficient.Pivot]), Simd.Broadcast(constants[Coefficient.Scale]), Simd.Broadcast(constants[Coefficient.Shift]));

    public static Normalize<T, TEpilogue> At(double* coefficients, int column) => new(
        Coefficient.Load<T>(coefficients, Coefficient.Pivot, column),
        Coefficient.Load<T>(coefficients, Coefficient.Scale, column),
        Coefficient.Load<T>(coefficients, Coefficient.Shift, column));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy) => TEpilogue.Apply(Simd.Fma(x - pivot, scale, shift));

    /// <summary>All positions are normalized, those too that the statistics leave out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy, Vector512<T> counts) => Invoke(x, dy);

    /// <summary>x - pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Centered(Vector512<T> x) => x - pivot;

    /// <summary>The gradient before the epilogue, whose input is computed anew from x - pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Dy(Vector512<T> centered, Vector512<T> dy) => TEpilogue.Backward(Simd.Fma(centered, scale, shift), dy);
}

/// <summary>Σdy and Σdy·(x - pivot): dbeta, and dgamma = rstd·(Σdy·(x-pivot) - low·Σdy).</summary>
internal readonly unsafe struct Cotangent<T, TEpilogue>(Normalize<T, TEpilogue> forward)
    : ITerm<T>, IColumnwise<Cotangent<T, TEpilogue>>, IRunwise<Cotangent<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => true;

    public static bool HasProduct => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Cotangent<T, TEpilogue> Of(T* constants) => new(Normalize<T, TEpilogue>.Of(constants));

    public static Cotangent<T, TEpilogue> At(double* coefficients, int column) => new(Normalize<T, TEpilogue>.At(coefficients, column));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => forward.Centered(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => forward.Dy(w, dy);
}

/// <summary>Σ|dy|, dy behind the epilogue.</summary>
internal readonly unsafe struct Magnitude<T, TEpilogue>(Normalize<T, TEpilogue> forward) : ITerm<T>, IColumnwise<Magnitude<T, TEpilogue>>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => true;

    public static bool HasProduct => false;

    public static Magnitude<T, TEpilogue> At(double* coefficients, int column) => new(Normalize<T, TEpilogue>.At(coefficients, column));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => forward.Centered(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => Vector512.Abs(forward.Dy(w, dy));
}

/// <summary>
/// dx = a·dy + b·(x-pivot) + c: the theorem with everything that is constant in a group multiplied out; a = gamma·rstd, b = -a·rstd·dgamma/m, c = -a·dbeta/m - b·low.
/// </summary>
internal readonly unsafe struct InputGradient<T, TEpilogue>(Normalize<T, TEpilogue> forward, Vector512<T> a, Vector512<T> b, Vector512<T> c)
    : IMap<T>, IColumnwise<InputGradient<T, TEpilogue>>, IRunwise<InputGradient<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static InputGradient<T, TEpilogue> Of(T* constants) => new(
        Normalize<T, TEpilogue>.Of(constants),
        Simd.Broadcast(constants[Coefficient.Scale]),
        Simd.Broadcast(constants[Coefficient.B]),
        Simd.Broadcast(constants[Coefficient.C]));

    public static InputGradient<T, TEpilogue> At(double* coefficients, int column) => new(
        Normalize<T, TEpilogue>.At(coefficients, column),
        Coefficient.Load<T>(coefficients, Coefficient.Scale, column),
        Coefficient.Load<T>(coefficients, Coefficient.B, column),
        Coefficient.Load<T>(coefficients, Coefficient.C, column));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy)
    {
        Vector512<T> centered = forward.Centered(x);
        return Simd.Fma(a, forward.Dy(centered, dy), Simd.Fma(b, centered, c));
    }

    /// <summary>The statistics, through which b and c come, are no functions of a position that they leave out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy, Vector512<T> counts)
    {
        Vector512<T> centered = forward.Centered(x);
        return Simd.Fma(a, forward.Dy(centered, dy), Simd.Fma(b, centered, c) & counts);
    }
}

/// <summary>
/// Rows of a block of per-column coefficients, in double; a formula rounds them to T when it loads them. Also the places in a run's record of constants (<see cref="Planes"/>), in T.
/// </summary>
internal static unsafe class Coefficient
{
    public const int Pivot = 0;
    public const int Scale = 1;
    public const int Shift = 2;
    public const int B = 3;
    public const int C = 4;
    public const int Count = 5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load<T>(double* coefficients, int row, int column) where T : unmanaged
    {
        double* at = coefficients + row * Columns.Row + column;
        return typeof(T) == typeof(float) ? Widen.Narrow<T>(Simd.Load(at), Simd.Load(at + Vector512<double>.Count)) : Simd.Load(at).As<double, T>();
    }
}
