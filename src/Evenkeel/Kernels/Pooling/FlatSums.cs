using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// Sums of a few values of a small plane, for each place of another plane, with AVX-512. Both planes are read and
/// written as one row, so that no pack is cut where their rows end. A pack of sums picks its terms from two packs side
/// by side.
/// </summary>
internal unsafe struct FlatSums
{
    /// <summary>Values behind the end of the plane that are read, and used for nothing.</summary>
    public const int Behind = 2 * Pack;

    /// <summary>Ints that the lists of all packs need at most.</summary>
    public const int Numbers = MostPacks * (1 + (MostTerms * Pack));

    /// <summary>Largest number of terms of a sum.</summary>
    public const int MostTerms = 4;

    private const int Pack = PoolTap.Lanes, MostPacks = 64;

    /// <summary>Whether the hardware has the permutations.</summary>
    public static bool IsSupported => Avx512F.IsSupported;

    /// <summary>Number of sums, and of packs of them.</summary>
    public int Count, Packs;

    /// <summary>Number of terms of the longest sum.</summary>
    private int _terms;

    /// <summary>Where each pack of sums begins to read.</summary>
    private int* _begins;

    /// <summary>
    /// The places of the terms, from there on: a pack of places for each term of a pack of sums; -1 for no term.
    /// </summary>
    private int* _places;

    /// <summary>
    /// Sums whose terms are the pairs of an item of a row's list and one of a column's list, in the order of either.
    /// </summary>
    /// <param name="rows">The lists of rows that are read.</param>
    /// <param name="columns">The lists of columns.</param>
    /// <param name="width">Values of a row that is read.</param>
    /// <param name="numbers">Memory for <see cref="Numbers"/>.</param>
    /// <param name="sums">The sums, if there are few enough and their terms are near each other.</param>
    public static bool TryCreate(in PoolLists rows, in PoolLists columns, int width, int* numbers, out FlatSums sums)
    {
        long count = (long)rows.Count * columns.Count, terms = (long)rows.Longest * columns.Longest;
        sums = default;
        if (!IsSupported || count is 0 or > MostPacks * Pack || terms is 0 or > MostTerms) return false;
        sums.Count = (int)count;
        sums.Packs = (sums.Count + Pack - 1) / Pack;
        sums._terms = (int)terms;
        sums._begins = numbers;
        sums._places = numbers + MostPacks;
        for (int pack = 0; pack < sums.Packs; pack++)
        {
            if (!sums.TryFill(rows, columns, width, pack)) return false;
        }

        return true;
    }

    /// <summary>Makes the lists of a pack. False if its terms are too far from each other.</summary>
    private readonly bool TryFill(in PoolLists rows, in PoolLists columns, int width, int pack)
    {
        int* to = _places + (pack * _terms * Pack);
        new Span<int>(to, _terms * Pack).Fill(-1);
        int least = int.MaxValue, most = -1;
        for (int lane = 0; lane < Math.Min(Pack, Count - (pack * Pack)); lane++)
        {
            (int row, int column) = Math.DivRem((pack * Pack) + lane, columns.Count);
            int term = 0;
            for (int i = 0; i < rows.Length(row); i++)
            {
                for (int j = 0; j < columns.Length(column); j++, term++)
                {
                    int place = (rows.At(row, i) * width) + columns.At(column, j);
                    to[(term * Pack) + lane] = place;
                    (least, most) = (Math.Min(least, place), Math.Max(most, place));
                }
            }
        }

        // A pack that was stored a moment ago is read without a delay only as a whole.
        int whole = least & -Pack, begin = most < 0 ? 0 : most - whole < 2 * Pack ? whole : least;
        _begins[pack] = begin;
        for (int i = 0; i < _terms * Pack; i++) to[i] = to[i] < 0 ? -1 : to[i] - begin;
        return most - begin < 2 * Pack;
    }

    /// <summary>The sums of a plane.</summary>
    /// <param name="x">The plane, with <see cref="Behind"/> readable values behind it.</param>
    /// <param name="y">The sums. Those of the last pack run over.</param>
    /// <param name="limit">The end of the memory that may be written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run(float* x, float* y, float* limit)
    {
        int terms = _terms, step = _terms * Pack, whole = limit - y >= (nint)Packs * Pack ? Packs : Packs - 1;
        int* places = _places;
        for (int pack = 0; pack < whole; pack++, places += step)
            Simd.Store(y + ((nint)pack * Pack), Sum(x + _begins[pack], places, terms));
        if (whole == Packs) return;
        int last = whole * Pack;
        Simd.StorePartial(y + last, Sum(x + _begins[whole], places, terms), Count - last);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sum(float* x, int* places, int terms)
    {
        Debug.Assert(terms is >= 1 and <= MostTerms);
        Vector512<float> near = Simd.Load(x), far = Simd.Load(x + Pack), sum = default;
        sum += Term(near, far, places);
        if (terms > 1) sum += Term(near, far, places + Pack);
        if (terms > 2) sum += Term(near, far, places + (2 * Pack));
        if (terms > 3) sum += Term(near, far, places + (3 * Pack));
        return sum;
    }

    /// <summary>A term of each lane; 0 if it has none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Term(Vector512<float> near, Vector512<float> far, int* places)
    {
        Vector512<int> lanes = Simd.Load(places);
        return Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(lanes, Vector512<int>.Zero).AsSingle(),
            Avx512F.PermuteVar16x32x2(near, lanes, far), Vector512<float>.Zero);
    }
}
