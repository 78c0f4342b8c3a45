using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Where the values of a group lie: equally long runs at a fixed distance, from the walk's first value on.
/// </summary>
internal readonly record struct Runs(nint Start, int Count, nint Stride, int Length);

/// <summary>
/// Some groups of x as a loop walks them: it sums terms and maps values, and knows no norm.
/// <see cref="SegmentGroup{T, TMask}"/> is one group in many runs, <see cref="PlaneGroups{T}"/> are many groups of one
/// run each, <see cref="ColumnGroups{T, TMask}"/> are neighbouring columns.
/// </summary>
internal unsafe interface IGroups<T, TSelf>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TSelf : struct, IGroups<T, TSelf>
{
    /// <summary>The first value.</summary>
    T* X { get; }

    /// <summary>Number of groups, at most <see cref="NormTable.Width"/>.</summary>
    int Count { get; }

    /// <summary>Values of a group, all of them.</summary>
    int Values { get; }

    /// <summary>How many neighbours one loop takes together: 1, or all.</summary>
    int Together { get; }

    /// <summary>Some of the groups: one, or all.</summary>
    TSelf From(int group, int count);

    Runs Where(int group);

    /// <summary>The means of a small sample of each group, as numbers of T: the first pivots.</summary>
    void SampleMeans(double* pivots);

    /// <summary>
    /// Σu and Σu·w of each group: terms of x alone over the values that count in the statistics, terms of dy over all.
    /// </summary>
    void Sum<TTerm>(T* dy, Constants<T> constants, double* sums, double* products)
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>;

    /// <summary>result = map(x, dy).</summary>
    void Map<TMap>(T* dy, T* result, Constants<T> constants) where TMap : struct, IMap<T>, IGroupwise<TMap, T>;

    /// <summary>The statistics of a group whose squares T does not hold.</summary>
    Moments Scaled(int group, double m, double eps);

    /// <summary>dx of a group on the slow path.</summary>
    void ScaledGradient<TEpilogue>(
        int group, in ScaledNorm<T, TEpilogue> norm, T* dy, T* dx, double meanG, double meanGXHat, int k)
        where TEpilogue : struct, IEpilogue;
}

/// <summary>One group in many runs: a channel of (N, C, …), a row of a matrix.</summary>
/// <param name="x">The first value.</param>
/// <param name="runs">Where the values lie.</param>
/// <param name="mask">Which of them count in the statistics.</param>
/// <param name="stream">Store past the caches.</param>
/// <param name="ahead">
/// The next group lies behind each run, and fits the second-level cache together with this one.
/// </param>
internal readonly unsafe struct SegmentGroup<T, TMask>(
    T* x, Runs runs, TMask mask, bool stream = false, bool ahead = false) : IGroups<T, SegmentGroup<T, TMask>>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMask : struct, IPositionMask<T, TMask>
{
    public T* X => x;

    public int Count => 1;

    public int Values => runs.Count * runs.Length;

    public int Together => 1;

    public SegmentGroup<T, TMask> From(int group, int count) => this;

    public Runs Where(int group) => runs;

    public void SampleMeans(double* pivots) => *pivots = Widen.Round<T>(
        Segments.SampleMean(x, runs.Count, runs.Stride, runs.Length, NormTheorem.SamplePacks, mask));

    public void Sum<TTerm>(T* dy, Constants<T> constants, double* sums, double* products)
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T> =>
        (*sums, *products) = TTerm.UsesDy
            ? Segments.Sum<T, TTerm, NoMask<T>>(x, dy, runs.Count, runs.Stride, runs.Length, constants, default)
            : Segments.Sum<T, TTerm, TMask>(x, x, runs.Count, runs.Stride, runs.Length, constants, mask);

    public void Map<TMap>(T* dy, T* result, Constants<T> constants) where TMap : struct, IMap<T>, IGroupwise<TMap, T> =>
        Segments.Map<T, TMap, TMask>(
            x, dy, result, runs.Count, runs.Stride, runs.Length, constants, mask, stream, ahead);

    public Moments Scaled(int group, double m, double eps) =>
        Moments.Scaled(x, runs.Count, runs.Stride, runs.Length, m, eps, hasMean: true, mask);

    public void ScaledGradient<TEpilogue>(
        int group, in ScaledNorm<T, TEpilogue> norm, T* dy, T* dx, double meanG, double meanGXHat, int k)
        where TEpilogue : struct, IEpilogue =>
        norm.Gradient(x, dy, dx, runs.Count, runs.Stride, runs.Length, meanG, meanGXHat, k, mask);
}

/// <summary>Many groups of one run each, side by side: the planes of a sample.</summary>
/// <param name="x">The first value.</param>
/// <param name="count">Number of groups.</param>
/// <param name="length">Values of a group.</param>
/// <param name="stream">Store past the caches.</param>
/// <param name="ahead">Elements from a value to the one that is asked for; 0 for none.</param>
internal readonly unsafe struct PlaneGroups<T>(T* x, int count, int length, bool stream = false, int ahead = 0)
    : IGroups<T, PlaneGroups<T>>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public T* X => x;

    public int Count => count;

    public int Values => length;

    public int Together => 1;

    public PlaneGroups<T> From(int group, int count) => new(x + (nint)group * length, count, length, stream, ahead);

    public Runs Where(int group) => new((nint)group * length, 1, 0, length);

    public void SampleMeans(double* pivots) => Planes.SampleMeans(x, count, length, pivots);

    public void Sum<TTerm>(T* dy, Constants<T> constants, double* sums, double* products)
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T> =>
        Planes.Sum<T, TTerm>(x, dy, count, length, constants, sums, products);

    public void Map<TMap>(T* dy, T* result, Constants<T> constants) where TMap : struct, IMap<T>, IGroupwise<TMap, T> =>
        Planes.Map<T, TMap>(x, dy, result, count, length, constants, ahead, stream);

    public Moments Scaled(int group, double m, double eps) =>
        Moments.Scaled(x + (nint)group * length, 1, 0, length, m, eps, hasMean: true, default(NoMask<T>));

    public void ScaledGradient<TEpilogue>(
        int group, in ScaledNorm<T, TEpilogue> norm, T* dy, T* dx, double meanG, double meanGXHat, int k)
        where TEpilogue : struct, IEpilogue
    {
        nint at = (nint)group * length;
        norm.Gradient(x + at, dy + at, dx + at, 1, 0, length, meanG, meanGXHat, k, default(NoMask<T>));
    }
}

/// <summary>Neighbouring columns of a matrix: a lane is a group, and packs go down the rows.</summary>
/// <param name="x">The first value.</param>
/// <param name="rows">Values of a group.</param>
/// <param name="stride">From a row to the next.</param>
/// <param name="lanes">Number of groups: a stripe, a pack, or fewer if the matrix has fewer columns.</param>
/// <param name="mask">Which rows count in the statistics.</param>
internal readonly unsafe struct ColumnGroups<T, TMask>(T* x, int rows, nint stride, int lanes, TMask mask)
    : IGroups<T, ColumnGroups<T, TMask>>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMask : struct, IPositionMask<T, TMask>
{
    public T* X => x;

    public int Count => lanes;

    public int Values => rows;

    public int Together => lanes;

    public ColumnGroups<T, TMask> From(int group, int count) => this;

    public Runs Where(int group) => new(group, rows, stride, 1);

    /// <summary>Some rows, evenly spaced.</summary>
    public void SampleMeans(double* pivots)
    {
        int sample = Math.Min(rows, NormTheorem.SampleRows), apart = rows / sample, counted = TMask.IsNone ? sample : 0;
        TMask every = mask.Every(apart);
        for (int row = 0; row < sample && !TMask.IsNone; row++) counted += every.Run(row).Counts(0) ? 1 : 0;
        Columns.Sum<T, Value<T>, TMask>(x, x, sample, apart * stride, lanes, default, pivots, null, every);
        for (int lane = 0; lane < lanes; lane++) pivots[lane] = Widen.Round<T>(pivots[lane] / Math.Max(1, counted));
    }

    public void Sum<TTerm>(T* dy, Constants<T> constants, double* sums, double* products)
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
    {
        if (TTerm.UsesDy)
            Columns.Sum<T, TTerm, NoMask<T>>(x, dy, rows, stride, lanes, constants, sums, products, default);
        else Columns.Sum<T, TTerm, TMask>(x, x, rows, stride, lanes, constants, sums, products, mask);
    }

    public void Map<TMap>(T* dy, T* result, Constants<T> constants) where TMap : struct, IMap<T>, IGroupwise<TMap, T> =>
        Columns.Map<T, TMap, TMask>(x, dy, result, rows, stride, lanes, constants, mask);

    public Moments Scaled(int group, double m, double eps) =>
        Moments.Scaled(x + group, rows, stride, 1, m, eps, hasMean: true, mask);

    public void ScaledGradient<TEpilogue>(
        int group, in ScaledNorm<T, TEpilogue> norm, T* dy, T* dx, double meanG, double meanGXHat, int k)
        where TEpilogue : struct, IEpilogue =>
        norm.Gradient(x + group, dy + group, dx + group, rows, stride, 1, meanG, meanGXHat, k, mask);
}
