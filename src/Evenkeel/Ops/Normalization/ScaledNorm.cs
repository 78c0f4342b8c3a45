using System.Numerics;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The theorem of <see cref="NormTheorem"/> value by value, in double and in units of a power of two: the slow second
/// path, which all norms share, for the rare group whose statistics or slopes leave the range of T.
/// </summary>
/// <remarks>
/// <para>Scaling by a power of two is exact. With X = x·2^-e: xhat = (X - pivot·2^-e - low)·rstd, y = gamma·xhat +
/// beta, and dx = 2^(k-e)·rstd·(g - mean(g) - xhat·mean(g·xhat)) with g = gamma·2^-k·dy. Nothing here over- or
/// underflows that the result does not:
/// the last factor is applied last. e is <see cref="Moments.Exponent"/>, k that of the group's largest gamma.</para>
/// <para>One value of this type holds the constants of the values that share a gamma: a channel, a run of a group,
/// one place of a row.</para>
/// <para>The ReLU's mask is made from the y that the forward pass stored: by this path's formula, or by T's own where
/// the forward pass was in range and only the backward pass is not.</para>
/// </remarks>
internal readonly struct ScaledNorm<T, TEpilogue>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TEpilogue : struct, IEpilogue
{
    private readonly double _unit, _unit2, _pivot, _low, _rstd, _gamma, _beta;
    private readonly int _exponent;
    private readonly bool _inRange;

    // T's own y = ((x - pivot)·inner + offset)·outer + added.
    private readonly T _ownPivot, _inner, _offset, _outer, _added;

    /// <param name="moments">The group's statistics.</param>
    /// <param name="rstd">1/sqrt(var + eps) in units of 2^-e, as <see cref="Moments.Rstd"/> gives it.</param>
    /// <param name="gamma">The scale of these values.</param>
    /// <param name="beta">The shift of these values.</param>
    /// <param name="inRange">Whether the forward pass was T's own.</param>
    /// <param name="inTwoSteps">
    /// Whether T's own y is xhat·gamma + beta (rows), and not (x - pivot)·(gamma·rstd) + shift.
    /// </param>
    public ScaledNorm(in Moments moments, double rstd, double gamma, double beta, bool inRange, bool inTwoSteps)
    {
        (_exponent, _low, _rstd, _gamma, _beta, _inRange) = (moments.Exponent, moments.Low, rstd, gamma, beta, inRange);
        // 2^-e in two factors: it may be beyond the range of double by itself.
        int half = -_exponent / 2;
        (_unit, _unit2) = (Math.ScaleB(1, half), Math.ScaleB(1, -_exponent - half));
        _pivot = moments.Pivot * _unit * _unit2;
        double inner = inTwoSteps ? rstd : gamma * rstd;
        _ownPivot = T.CreateTruncating(moments.Pivot);
        _inner = T.CreateTruncating(inner);
        _offset = T.CreateTruncating((inTwoSteps ? 0 : beta) - moments.Low * inner);
        _outer = inTwoSteps ? T.CreateTruncating(gamma) : T.One;
        _added = inTwoSteps ? T.CreateTruncating(beta) : T.Zero;
    }

    /// <summary>y over values that lie as for <see cref="Segments"/>.</summary>
    public unsafe void Map(T* x, T* y, int runs, nint stride, int length)
    {
        for (int run = 0; run < runs; run++)
        {
            for (nint i = run * stride; i < run * stride + length; i++)
                y[i] = TEpilogue.Apply(Vector512.Create(Y(x[i])))[0];
        }
    }

    /// <summary>Σdy and Σdy·xhat, dy behind the epilogue.</summary>
    public unsafe (double Sum, double Product) Sums(T* x, T* dy, int runs, nint stride, int length)
    {
        double sum = 0, product = 0;
        for (int run = 0; run < runs; run++)
        {
            for (nint i = run * stride; i < run * stride + length; i++)
            {
                double fresh = Fresh(x[i], dy[i]);
                sum += fresh;
                product += fresh * XHat(x[i]);
            }
        }

        return (sum, product);
    }

    /// <summary>dx = 2^(k-e)·rstd·(g - mean(g) - xhat·mean(g·xhat)).</summary>
    /// <inheritdoc cref="Gradient{TMask}"/>
    public unsafe void Gradient(
        T* x, T* dy, T* dx, int runs, nint stride, int length, double meanG, double meanGXHat, int k) =>
        Gradient(x, dy, dx, runs, stride, length, meanG, meanGXHat, k, default(NoMask<T>));

    /// <summary>
    /// dx = 2^(k-e)·rstd·(g - mean(g) - xhat·mean(g·xhat)); 2^(k-e)·rstd·g where a value does
    /// not count in the statistics.
    /// </summary>
    /// <param name="x">The input.</param>
    /// <param name="dy">The gradient of the output.</param>
    /// <param name="dx">The gradient of the input, which this writes.</param>
    /// <param name="runs">The runs of neighbouring values that make up the group.</param>
    /// <param name="stride">The distance between the starts of two runs.</param>
    /// <param name="length">The values of a run.</param>
    /// <param name="meanG">mean(g) over the group; 0 where the statistics are fixed.</param>
    /// <param name="meanGXHat">mean(g·xhat) over the group; 0 where the statistics are fixed.</param>
    /// <param name="k">g is gamma·2^-k·dy.</param>
    /// <param name="mask">Which values count in the statistics.</param>
    public unsafe void Gradient<TMask>(
        T* x, T* dy, T* dx, int runs, nint stride, int length, double meanG, double meanGXHat, int k, TMask mask)
        where TMask : struct, IPositionMask<T, TMask>
    {
        double gamma = Math.ScaleB(_gamma, -k);
        for (int run = 0; run < runs; run++)
        {
            TMask counts = mask.Run(run);
            for (int place = 0; place < length; place++)
            {
                nint i = run * stride + place;
                double g = gamma * Fresh(x[i], dy[i]);
                if (counts.Counts(place)) g = g - meanG - XHat(x[i]) * meanGXHat;
                dx[i] = T.CreateTruncating(Product(g, _rstd, k - _exponent));
            }
        }
    }

    /// <summary>k for a group whose largest |gamma| is given: then |gamma·2^-k| is below 1.</summary>
    public static int GammaExponent(double largest) =>
        largest > 0 && double.IsFinite(largest) ? Math.ILogB(largest) + 1 : 0;

    /// <summary>(x - mean)·rstd.</summary>
    private double XHat(T x) => (double.CreateTruncating(x) * _unit * _unit2 - _pivot - _low) * _rstd;

    private T Y(T x) => _inRange
        ? Simd.Fma(Simd.Fma(x - _ownPivot, _inner, _offset), _outer, _added)
        : T.CreateTruncating(_gamma * XHat(x) + _beta);

    private double Fresh(T x, T dy) =>
        double.CreateTruncating(TEpilogue.Backward(Vector512.Create(Y(x)), Vector512.Create(dy))[0]);

    /// <summary>a·b·2^exponent, where a·b alone may leave the range of double.</summary>
    private static double Product(double a, double b, int exponent)
    {
        if (a == 0 || !double.IsFinite(a)) return a * b;
        int own = Math.ILogB(a);
        return Math.ScaleB(Math.ScaleB(a, -own) * b, own + exponent);
    }
}
