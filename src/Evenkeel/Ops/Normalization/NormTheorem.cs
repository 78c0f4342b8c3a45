using System.Numerics;
using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The theorem that all norms share, over a table of groups: moments, the terms of y, the sums of the backward pass,
/// the slopes of dx. In double, eight groups at a time.
/// </summary>
/// <remarks>
/// <para>Statistics over a group of m elements: mean = Σx/m, var = Σ(x-mean)²/m, rstd = 1/sqrt(var+eps), xhat =
/// (x-mean)·rstd, y = gamma·xhat + beta.</para>
/// <para>With g = gamma·dy: dx = rstd·(g - mean(g) - xhat·mean(g·xhat)); dgamma = Σ dy·xhat and dbeta = Σ dy over the
/// positions that share the parameter.
/// Batch, layer, group and instance norm differ only in which elements form a group; RMS norm has no mean(g).</para>
/// <para>How the mean is held: mean = pivot + low, where pivot is a number of the element type near it and low =
/// Σ(x-pivot)/m a double. Then x - pivot is (nearly) exact where |mean| ≫ std, var = Σ(x-pivot)²/m - low² cancels
/// nothing, and y = (x-pivot)·scale + (beta - low·scale) keeps all digits.
/// The first pivot is the mean of a small sample of the group, so one pass usually does. If it turns out to be off by
/// more than the std, it is moved to pivot + low and the deviations are summed again; a constant channel ends with x -
/// pivot = 0 exactly.</para>
/// <para>Walks (<see cref="IGroups{T, TSelf}"/>) only sum and map, with the formulas of NormFormulas.cs. Every step
/// says whether T holds what it has made; if not, <see cref="ScaledGroups{T, TGroups, TEpilogue}"/> does the groups
/// that it does not hold again.</para>
/// </remarks>
internal static unsafe class NormTheorem
{
    /// <summary>
    /// Pivots of a group before its statistics are taken as they are: the mean of the sample, and at most
    /// three moves towards the mean.
    /// </summary>
    public const int MaxPivots = 4;

    /// <summary>Packs of the sample whose mean is the first pivot, for a group in runs; 128 floats.</summary>
    public const int SamplePacks = 8;

    /// <summary>Rows of the sample whose means are the first pivots, for columns.</summary>
    public const int SampleRows = 16;

    /// <summary>
    /// 1/sqrt(var+eps); 0 where var+eps is 0: a constant channel without eps gives beta, and its gradient vanishes.
    /// </summary>
    public static double Rstd(double variance, double eps) => variance + eps == 0 ? 0 : 1 / Math.Sqrt(variance + eps);

    /// <summary>The distance from 1 to the next number of the type: 2^-23 or 2^-52.</summary>
    public static double MachineEpsilon(DType dtype) => dtype == DType.Float64 ? 1.0 / (1L << 52) : 1.0 / (1 << 23);

    /// <summary>mean = pivot + low, var and rstd of some groups, from x.</summary>
    /// <param name="x">The groups.</param>
    /// <param name="t">Receives the statistics.</param>
    /// <param name="constants">Receives the pivots in T.</param>
    /// <param name="m">Values per group that count.</param>
    /// <param name="eps">Added to the variance.</param>
    public static void Moments<T, TGroups>(TGroups x, NormTable t, Constants<T> constants, double m, double eps)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TGroups : struct, IGroups<T, TGroups>
    {
        int groups = x.Count;
        x.SampleMeans(t.Pivot);
        if (groups == 1) One.Load(t.Pivot).StoreAs(constants.Pivot);
        else Widen.CopyBack(t.Pivot, constants.Pivot, groups);
        x.Sum<Deviation<T>>(null, constants, t.Low, t.Variance);
        bool isFar = LowAndVariance(t, groups, m);
        if (isFar) MovePivots(x, t, constants, m);
        bool held = ForEach(new RstdStep<T>(t, eps), groups);
        for (int g = 0; g < groups && !held; g++)
        {
            if (NormRange.IsOutOfRange<T>(t.Variance[g], eps)) t.Set(g, x.Scaled(g, m, eps), eps);
        }
    }

    /// <summary>y = (x-pivot)·scale + shift of some groups: scale = gamma·rstd, shift = beta - low·scale.</summary>
    /// <returns>False if T may not hold the formula of a group.</returns>
    public static bool Affine<T>(NormTable t, Constants<T> constants, int groups) where T : unmanaged
    {
        return ForEach(new AffineStep<T>(t, constants), groups);
    }

    /// <summary>Σdy·xhat = rstd·(Σdy·(x-pivot) - low·Σdy) of some groups.</summary>
    /// <param name="t">The sums, which are replaced.</param>
    /// <param name="groups">Their number.</param>
    /// <param name="terms">Terms of a sum.</param>
    /// <returns>False if T may have lost the sums of a group.</returns>
    public static bool Sums<T>(NormTable t, int groups, double terms) where T : unmanaged
    {
        return ForEach(new SumsStep(t, terms * ValueRange.SmallestNormal<T>()), groups);
    }

    /// <summary>Σ gamma·dy and Σ gamma·dy·xhat of some groups of one gamma each, from Σdy and Σdy·xhat.</summary>
    public static void Weigh(NormTable t, int groups)
    {
        ForEach(new WeighStep(t), groups);
    }

    /// <summary>
    /// b and c of dx = a·dy + b·(x-pivot) + c: the theorem with xhat = (x-pivot-low)·rstd put in, and everything that
    /// is constant in a group multiplied out.
    /// </summary>
    /// <remarks>
    /// One gamma per group: g = gamma·dy, and with a = gamma·rstd the theorem reads dx = a·dy - a·Σdy/m -
    /// a·(x-pivot-low)·rstd·Σdy·xhat/m. So b = -a·rstd·Σdy·xhat/m and c = -a·Σdy/m - b·low. Many gammas per group: the
    /// same with a = rstd and g for dy, the sums too.
    /// </remarks>
    /// <param name="t">The sums; receives b and c.</param>
    /// <param name="a">The factor of each group, <see cref="NormTable.Scale"/> or <see cref="NormTable.Rstd"/>.</param>
    /// <param name="constants">Receives b and c in T.</param>
    /// <param name="groups">Number of groups.</param>
    /// <param name="m">Values per group that the statistics are of.</param>
    /// <returns>False if T may not hold the slopes of a group.</returns>
    public static bool Slopes<T>(NormTable t, double* a, Constants<T> constants, int groups, double m)
        where T : unmanaged
    {
        return ForEach(new SlopesStep<T>(t, a, constants, m), groups);
    }

    /// <summary>
    /// Moves the pivots that are too far from the mean, and sums the deviations of those groups again.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MovePivots<T, TGroups>(TGroups x, NormTable t, Constants<T> constants, double m)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TGroups : struct, IGroups<T, TGroups>
    {
        int together = x.Together;
        for (int g = 0; g < x.Count; g += together)
        {
            TGroups groups = x.From(g, together);
            NormTable table = t.From(g);
            for (int pivots = 2; pivots <= MaxPivots && Move(table, constants.From(g), together); pivots++)
            {
                groups.Sum<Deviation<T>>(null, constants.From(g), table.Low, table.Variance);
                LowAndVariance(table, together, m);
            }
        }
    }

    /// <summary>pivot ← round(pivot + low) where it is far. False if none is.</summary>
    private static bool Move<T>(NormTable t, Constants<T> constants, int groups) where T : unmanaged
    {
        return !ForEach(new MoveStep<T>(t, constants), groups);
    }

    /// <summary>
    /// low and var of some groups from Σd and Σd². True if a pivot is far: |low| &gt; std; up to there var = Σd²/m -
    /// low² loses one bit at most.
    /// </summary>
    private static bool LowAndVariance(NormTable t, int groups, double m)
    {
        return !ForEach(new LowAndVarianceStep(t, m), groups);
    }

    /// <summary>
    /// Does a step for some groups, eight at a time while there are so many. False if it has said so of any.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool ForEach<TStep>(TStep step, int groups) where TStep : struct, IStep
    {
        bool all = groups < Eight.Count || Eights(step, groups);
        for (int g = groups & -Eight.Count; g < groups; g++) all &= step.Invoke<One>(g);
        return all;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static bool Eights<TStep>(TStep step, int groups) where TStep : struct, IStep
    {
        bool all = true;
        for (int g = 0; g <= groups - Eight.Count; g += Eight.Count) all &= step.Invoke<Eight>(g);
        return all;
    }

    /// <summary>A formula over the table, for one group or for eight.</summary>
    private interface IStep
    {
        bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>;
    }

    /// <summary>False if a pivot is far.</summary>
    private readonly struct LowAndVarianceStep(NormTable table, double m) : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>
        {
            NormTable t = table.From(group);
            TReal count = TReal.Create(m), zero = TReal.Create(0);
            TReal low = TReal.Load(t.Low) / count, variance = TReal.Load(t.Variance) / count - low * low;
            // Rounding may take a constant group below 0; NaN stays.
            variance = TReal.WhereGreater(zero, variance, zero, variance);
            low.Store(t.Low);
            variance.Store(t.Variance);
            return !TReal.AnyGreater(low * low, variance);
        }
    }

    /// <summary>True if no pivot is far.</summary>
    private readonly struct MoveStep<T>(NormTable table, Constants<T> constants) : IStep where T : unmanaged
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>
        {
            NormTable t = table.From(group);
            TReal low = TReal.Load(t.Low), variance = TReal.Load(t.Variance), pivot = TReal.Load(t.Pivot);
            if (!TReal.AnyGreater(low * low, variance)) return true;
            pivot = TReal.WhereGreater(low * low, variance, TReal.Round<T>(pivot + low), pivot);
            pivot.Store(t.Pivot);
            pivot.StoreAs(constants.Pivot + group);
            return false;
        }
    }

    /// <summary>False if squares of T may not hold a variance.</summary>
    private readonly struct RstdStep<T>(NormTable table, double eps) : IStep where T : unmanaged
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>
        {
            NormTable t = table.From(group);
            TReal variance = TReal.Load(t.Variance), sum = variance + TReal.Create(eps), zero = TReal.Create(0);
            TReal.WhereZero(sum, zero, TReal.Create(1) / TReal.Sqrt(sum)).Store(t.Rstd);
            zero.Store(t.Exponent);
            return TReal.AllAtMost(TReal.Create(NormRange.LeastVariance<T>(eps)), variance)
                && TReal.AllAtMost(variance, TReal.Create(double.MaxValue));
        }
    }

    private readonly struct AffineStep<T>(NormTable table, Constants<T> constants) : IStep where T : unmanaged
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>
        {
            NormTable t = table.From(group);
            TReal gamma = TReal.Load(t.Gamma), rstd = TReal.Load(t.Rstd), scale = gamma * rstd, zero = TReal.Create(0);
            scale.Store(t.Scale);
            scale.StoreAs(constants.Scale + group);
            (TReal.Load(t.Beta) - TReal.Load(t.Low) * scale).StoreAs(constants.Shift + group);
            TReal.Load(t.Pivot).StoreAs(constants.Pivot + group);
            return !TReal.AnyGreater(zero, rstd) && !Leaves<T, TReal>(scale, TReal.WhereZero(rstd, zero, gamma));
        }
    }

    /// <param name="table">The sums.</param>
    /// <param name="smallest">A sum of so many of the smallest numbers.</param>
    private readonly struct SumsStep(NormTable table, double smallest) : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>
        {
            NormTable t = table.From(group);
            TReal rstd = TReal.Load(t.Rstd), zero = TReal.Create(0), least = rstd * TReal.Create(smallest);
            TReal product = rstd * (TReal.Load(t.SumDyXHat) - TReal.Load(t.Low) * TReal.Load(t.SumDy)),
                magnitude = TReal.Abs(product);
            product.Store(t.SumDyXHat);
            // Terms underflow only if rstd is large and x is not constant.
            least = TReal.WhereGreater(rstd, TReal.Create(1), least, zero);
            least = TReal.WhereGreater(TReal.Load(t.Variance), zero, least, zero);
            return TReal.AllAtMost(magnitude, TReal.Create(double.MaxValue)) && !TReal.AnyGreater(zero, rstd)
                && !TReal.AnyGreater(least, magnitude);
        }
    }

    private readonly struct WeighStep(NormTable table) : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>
        {
            NormTable t = table.From(group);
            // A sum begins with 0: it has no -0.
            TReal gamma = TReal.Load(t.Gamma), zero = TReal.Create(0);
            (zero + gamma * TReal.Load(t.SumDy)).Store(t.SumDy);
            (zero + gamma * TReal.Load(t.SumDyXHat)).Store(t.SumDyXHat);
            return true;
        }
    }

    private readonly struct SlopesStep<T>(NormTable table, double* factor, Constants<T> constants, double m) : IStep
        where T : unmanaged
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Invoke<TReal>(int group) where TReal : struct, IReal<TReal>
        {
            NormTable t = table.From(group);
            TReal a = TReal.Load(factor + group), product = TReal.Load(t.SumDyXHat), count = TReal.Create(m);
            TReal b = -a * TReal.Load(t.Rstd) * (product / count);
            TReal c = -a * (TReal.Load(t.SumDy) / count) - b * TReal.Load(t.Low);
            b.Store(t.B);
            c.Store(t.C);
            b.StoreAs(constants.B + group);
            c.StoreAs(constants.C + group);
            return !Leaves<T, TReal>(b, TReal.WhereZero(a, TReal.Create(0), product))
                && TReal.AllAtMost(TReal.Abs(c), TReal.Create(ValueRange.Largest<T>()));
        }
    }

    /// <summary>
    /// True if T does not hold a value with all its digits, though another one is not 0: what
    /// <see cref="NormRange"/> decides closely.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Leaves<T, TReal>(
        TReal value, TReal other) where T : unmanaged where TReal : struct, IReal<TReal>
    {
        TReal magnitude = TReal.Abs(value), most = TReal.Create(ValueRange.Largest<T>());
        return TReal.AnyGreater(magnitude, most)
            || TReal.AnyGreater(TReal.Create(ValueRange.SmallestNormal<T>()), TReal.WhereZero(other, most, magnitude));
    }
}
