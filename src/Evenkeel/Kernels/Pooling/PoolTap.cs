using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// Sixteen places of a row that go into sixteen neighbouring lanes: one place of each of sixteen windows.
/// </summary>
/// <remarks>
/// The places are read by one or two packs and a permutation, or by a gather. How they are read changes no bit.
/// </remarks>
internal unsafe struct PoolTap
{
    /// <summary>Lanes of a pack.</summary>
    public const int Lanes = 16;

    private enum Kind
    {
        /// <summary>Neighbouring places.</summary>
        Straight,

        /// <summary>Places within one pack.</summary>
        OnePack,

        /// <summary>Places within two packs.</summary>
        TwoPacks,

        /// <summary>
        /// Those of each half of the lanes within two half packs, if the hardware's registers are half packs.
        /// </summary>
        Halves,

        /// <summary>Places further apart.</summary>
        Gather,
    }

    // Packs first: each then lies in one cache line.
    private fixed int _index[Lanes];
    private fixed int _mask[Lanes];
    private fixed int _source[Lanes];
    private Kind _kind;
    private int _first, _second, _firstOfHigh, _secondOfHigh;
    private bool _isWhole;
    private fixed int _rest[Lanes - 6];

    /// <summary>Prepares the reading of places.</summary>
    /// <param name="sources">The places, -1 for a lane without one.</param>
    /// <param name="width">
    /// Places of a row. A row of fewer than sixteen must have readable memory for sixteen.
    /// </param>
    public void Set(ReadOnlySpan<int> sources, int width)
    {
        Debug.Assert(sources.Length == Lanes);
        int least = int.MaxValue, most = 0;
        bool isStraight = true;
        _isWhole = true;
        for (int lane = 0; lane < Lanes; lane++)
        {
            int source = sources[lane];
            Debug.Assert(source < width);
            _isWhole &= source >= 0;
            isStraight &= source == sources[0] + lane;
            _mask[lane] = source >= 0 ? -1 : 0;
            _source[lane] = Math.Max(0, source);
            if (source < 0) continue;
            (least, most) = (Math.Min(least, source), Math.Max(most, source));
        }

        least = Math.Min(least, most);
        int last = Math.Max(0, width - Lanes);
        _first = Math.Min(least, last);
        _second = Math.Min(_first + Lanes, last);
        _kind = isStraight && _isWhole ? Kind.Straight
            : !Avx512F.IsSupported ? (Avx2.IsSupported && TrySetHalves(sources, width) ? Kind.Halves : Kind.Gather)
            : most < _first + Lanes ? Kind.OnePack
            : most < _first + (2 * Lanes) ? Kind.TwoPacks
            : Kind.Gather;
        if (!Avx512F.IsSupported) return;
        for (int lane = 0; lane < Lanes; lane++)
        {
            int source = sources[lane] < 0 ? least : sources[lane];
            _index[lane] = source < _first + Lanes ? source - _first : source - _second + Lanes;
        }
    }

    /// <summary>Prepares the reading by halves, if the places of each half are near each other.</summary>
    private bool TrySetHalves(ReadOnlySpan<int> sources, int width)
    {
        const int Half = Lanes / 2;
        int last = Math.Max(width, Lanes) - Half;
        for (int from = 0; from < Lanes; from += Half)
        {
            int least = int.MaxValue, most = 0;
            foreach (int source in sources.Slice(from, Half))
            {
                if (source >= 0) (least, most) = (Math.Min(least, source), Math.Max(most, source));
            }

            int first = Math.Min(Math.Min(least, most), last), second = Math.Min(first + Half, last);
            if (most >= first + Lanes) return false;
            for (int lane = from; lane < from + Half; lane++)
            {
                int source = Math.Max(sources[lane], first);
                _index[lane] = source < first + Half ? source - first : source - second + Half;
            }

            if (from == 0) (_first, _second) = (first, second);
            else (_firstOfHigh, _secondOfHigh) = (first, second);
        }

        return true;
    }

    /// <summary>Whether the places do not fit two packs.</summary>
    public readonly bool IsFar => _kind == Kind.Gather;

    /// <summary>Where a permutation finds the places in the two packs, with AVX-512.</summary>
    public static Vector512<int> Index(PoolTap* tap) => Vector512.Load(tap->_index);

    /// <summary>All ones in the lanes with a place.</summary>
    public static Vector512<float> Mask(PoolTap* tap) => Vector512.Load(tap->_mask).AsSingle();

    /// <summary>The first places of the two packs in the row.</summary>
    public static (nint Near, nint Far) Packs(PoolTap* tap) => (tap->_first, tap->_second);

    /// <summary>The places in the row, which the lanes without one do not have.</summary>
    public static Vector512<int> Sources(PoolTap* tap) => Vector512.Load(tap->_source);

    /// <summary>The values of a row; <paramref name="fill"/> in lanes without a place.</summary>
    /// <param name="tap">The places.</param>
    /// <param name="row">The row.</param>
    /// <param name="fill">The value elsewhere.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(PoolTap* tap, float* row, Vector512<float> fill)
    {
        if (tap->_kind == Kind.Straight) return Vector512.Load(row + tap->_first);
        Vector512<float> values;
        if (Avx512F.IsSupported && tap->_kind != Kind.Gather)
        {
            Vector512<int> index = Vector512.Load(tap->_index);
            values = tap->_kind == Kind.OnePack
                ? Avx512F.PermuteVar16x32(Vector512.Load(row + tap->_first), index)
                : Avx512F.PermuteVar16x32x2(
                    Vector512.Load(row + tap->_first), index, Vector512.Load(row + tap->_second));
        }
        else if (Avx2.IsSupported && tap->_kind == Kind.Halves)
        {
            values = Vector512.Create(
                PickerPack<float>.Half(Vector256.Load(row + tap->_first), Vector256.Load(row + tap->_second),
                    Vector256.Load(tap->_index)),
                PickerPack<float>.Half(Vector256.Load(row + tap->_firstOfHigh),
                    Vector256.Load(row + tap->_secondOfHigh), Vector256.Load(tap->_index + (Lanes / 2))));
        }
        else
        {
            values = FromAnywhere<float>.Pick(row, default, tap->_source, 0, 0);
        }

        return tap->_isWhole
            ? values
            : Vector512.ConditionalSelect(Vector512.Load(tap->_mask).AsSingle(), values, fill);
    }
}

/// <summary>
/// The taps of all windows of a row: tap t of block b reads the t-th place of the windows of sixteen lanes. The last
/// block overlaps the one before it; a row of fewer than sixteen lanes has one block with lanes of no use.
/// </summary>
/// <param name="Taps">The taps of block 0, then those of block 1, ...</param>
/// <param name="Depth">Taps per block.</param>
/// <param name="Count">Lanes.</param>
internal readonly unsafe record struct PoolTaps(nint Taps, int Depth, int Count)
{
    /// <summary>Largest number of taps of a row: they stand on the stack.</summary>
    public const int Most = 192;

    public int Blocks => (Count + PoolTap.Lanes - 1) / PoolTap.Lanes;

    /// <summary>The first lane of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Lane(int block) => Math.Max(0, Math.Min(block * PoolTap.Lanes, Count - PoolTap.Lanes));

    /// <summary>The taps of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PoolTap* Block(int block) => (PoolTap*)Taps + (block * Depth);

    /// <summary>Fills the taps.</summary>
    /// <param name="taps">Memory for them.</param>
    /// <param name="lists">The places of each lane.</param>
    /// <param name="width">Places of a row.</param>
    /// <param name="depth">Taps per block.</param>
    /// <param name="firsts">
    /// The tap of the first place of each lane, so that neighbouring lanes have neighbouring places.
    /// </param>
    public static PoolTaps Create(PoolTap* taps, in PoolLists lists, int width, int depth, int* firsts)
    {
        var all = new PoolTaps((nint)taps, depth, lists.Count);
        Span<int> sources = stackalloc int[PoolTap.Lanes];
        for (int block = 0; block < all.Blocks; block++)
        {
            int lane = all.Lane(block);
            for (int t = 0; t < all.Depth; t++)
            {
                for (int i = 0; i < PoolTap.Lanes; i++)
                {
                    int item = lane + i < lists.Count ? t - firsts[lane + i] : -1;
                    sources[i] = item >= 0 && item < lists.Length(lane + i) ? lists.At(lane + i, item) : -1;
                }

                all.Block(block)[t].Set(sources, width);
            }
        }

        return all;
    }
}

/// <summary>A list of numbers for each of some: the places of each window, or the windows of each place.</summary>
/// <param name="Ends">The end of each list in <paramref name="Items"/>, after a zero.</param>
/// <param name="Items">The lists, one after the other.</param>
/// <param name="Count">Number of lists.</param>
internal readonly unsafe record struct PoolLists(nint Ends, nint Items, int Count)
{
    /// <summary>Largest number of items: they stand on the stack.</summary>
    public const int Most = 4096;

    public int Longest
    {
        get
        {
            int longest = 0;
            for (int i = 0; i < Count; i++) longest = Math.Max(longest, Length(i));
            return longest;
        }
    }

    public int Shortest
    {
        get
        {
            int shortest = int.MaxValue;
            for (int i = 0; i < Count; i++) shortest = Math.Min(shortest, Length(i));
            return shortest;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Length(int list) => ((int*)Ends)[list + 1] - ((int*)Ends)[list];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int At(int list, int item) => ((int*)Items)[((int*)Ends)[list] + item];

    /// <summary>The items of a list.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int* Begin(int list) => (int*)Items + ((int*)Ends)[list];

    /// <summary>Upper bound of the items of an axis, in either direction.</summary>
    public static long ItemsOf(in PoolAxis axis)
    {
        long kernel = axis.Kernel > 0 ? axis.Kernel : (axis.Input / Math.Max(1, axis.Output)) + 2;
        return kernel * axis.Output;
    }

    /// <summary>Lists of one item, which is the number of the list.</summary>
    /// <param name="count">Number of lists.</param>
    /// <param name="numbers">Memory for two numbers per list, and one more.</param>
    public static PoolLists Each(int count, int* numbers)
    {
        int* ends = numbers, items = numbers + count + 1;
        for (int i = 0; i <= count; i++) ends[i] = i;
        for (int i = 0; i < count; i++) items[i] = i;
        return new PoolLists((nint)ends, (nint)items, count);
    }

    /// <summary>The places inside the input of each window, upwards.</summary>
    /// <param name="axis">The windows.</param>
    /// <param name="ends">Memory for one number more than windows.</param>
    /// <param name="items">Memory for <see cref="ItemsOf"/>.</param>
    public static PoolLists Places(in PoolAxis axis, int* ends, int* items)
    {
        int at = 0;
        ends[0] = 0;
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out int first, out int count, out _);
            for (int i = 0; i < count; i++) items[at++] = first + (i * axis.Dilation);
            ends[o + 1] = at;
        }

        return new PoolLists((nint)ends, (nint)items, axis.Output);
    }

    /// <summary>The windows of each place, upwards.</summary>
    /// <param name="axis">The windows.</param>
    /// <param name="ends">Memory for two numbers more than places.</param>
    /// <param name="items">Memory for <see cref="ItemsOf"/>.</param>
    public static PoolLists Windows(in PoolAxis axis, int* ends, int* items)
    {
        // Counts first, then ends of the lists before, which the filling moves on by one list.
        new Span<int>(ends, axis.Input + 2).Clear();
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out int first, out int count, out _);
            for (int i = 0; i < count; i++) ends[first + (i * axis.Dilation) + 2]++;
        }

        for (int i = 2; i < axis.Input + 2; i++) ends[i] += ends[i - 1];
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out int first, out int count, out _);
            for (int i = 0; i < count; i++) items[ends[first + (i * axis.Dilation) + 1]++] = o;
        }

        return new PoolLists((nint)ends, (nint)items, axis.Input);
    }
}
