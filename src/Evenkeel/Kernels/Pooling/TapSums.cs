using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>What becomes of the sums of taps.</summary>
internal interface ITapResult
{
    /// <summary>The results of a row from a lane on.</summary>
    Vector512<float> Of(Vector512<float> sums, int row, int lane);
}

/// <summary>
/// The sums of the places that windows read along rows, by packs of windows: each sum in the order of its places.
/// </summary>
internal static unsafe class TapSums
{
    /// <summary>Up to so many taps stay in registers.</summary>
    private const int MostKept = 4;

    /// <summary>The results of some rows.</summary>
    /// <param name="taps">The windows.</param>
    /// <param name="rows">The rows, each with readable memory for whole packs.</param>
    /// <param name="length">From one row to the next.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="to">Receives the results, a row behind the other.</param>
    /// <param name="limit">The end of the memory that may be written before a row of fewer than a pack is.</param>
    /// <param name="streams">Whether all packs of results are aligned, and stored past the caches.</param>
    /// <param name="result">What becomes of the sums.</param>
    public static void Run<TResult>(
        in PoolTaps taps, float* rows, nint length, int count, float* to, float* limit, bool streams, TResult result)
        where TResult : struct, ITapResult
    {
        for (int block = 0; block < taps.Blocks; block++)
        {
            PoolTap* first = taps.Block(block);
            bool isKept = Avx512F.IsSupported && taps.Depth <= MostKept;
            for (int t = 0; t < taps.Depth; t++) isKept &= !first[t].IsFar;
            if (isKept) Kept(first, taps, taps.Lane(block), rows, length, count, to, limit, streams, result);
            else Read(first, taps, taps.Lane(block), rows, length, count, to, limit, streams, result);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kept<TResult>(PoolTap* tap, in PoolTaps taps, int lane, float* rows, nint length, int count,
        float* to, float* limit, bool streams, TResult result) where TResult : struct, ITapResult
    {
        int depth = taps.Depth, lanes = taps.Count;
        PoolTap* tap1 = tap + Math.Min(1, depth - 1), tap2 = tap + Math.Min(2, depth - 1), tap3 = tap + depth - 1;
        Vector512<int> index0 = PoolTap.Index(tap), index1 = PoolTap.Index(tap1);
        Vector512<int> index2 = PoolTap.Index(tap2), index3 = PoolTap.Index(tap3);
        Vector512<float> mask0 = PoolTap.Mask(tap), mask1 = PoolTap.Mask(tap1);
        Vector512<float> mask2 = PoolTap.Mask(tap2), mask3 = PoolTap.Mask(tap3), zero = default;
        (nint near0, nint far0) = PoolTap.Packs(tap);
        (nint near1, nint far1) = PoolTap.Packs(tap1);
        (nint near2, nint far2) = PoolTap.Packs(tap2);
        (nint near3, nint far3) = PoolTap.Packs(tap3);
        to += lane;
        for (int row = 0; row < count; row++, rows += length, to += lanes)
        {
            Vector512<float> sum = zero + (Pick(rows + near0, index0, rows + far0) & mask0);
            if (depth > 1) sum += Pick(rows + near1, index1, rows + far1) & mask1;
            if (depth > 2) sum += Pick(rows + near2, index2, rows + far2) & mask2;
            if (depth > 3) sum += Pick(rows + near3, index3, rows + far3) & mask3;
            Put(to, result.Of(sum, row, lane), lanes, limit, streams);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Read<TResult>(PoolTap* tap, in PoolTaps taps, int lane, float* rows, nint length, int count,
        float* to, float* limit, bool streams, TResult result) where TResult : struct, ITapResult
    {
        int depth = taps.Depth, lanes = taps.Count;
        to += lane;
        for (int row = 0; row < count; row++, rows += length, to += lanes)
        {
            Vector512<float> sum = default;
            for (int t = 0; t < depth; t++) sum += PoolTap.Load(tap + t, rows, default);
            Put(to, result.Of(sum, row, lane), lanes, limit, streams);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Pick(float* near, Vector512<int> index, float* far) =>
        Avx512F.PermuteVar16x32x2(Vector512.Load(near), index, Vector512.Load(far));

    /// <summary>Stores a pack. One of a narrow row runs over into the row that is written next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* to, Vector512<float> y, int lanes, float* limit, bool streams)
    {
        if (streams) Simd.StoreStream(to, y);
        else if (lanes >= PoolTap.Lanes || to + PoolTap.Lanes <= limit) y.Store(to);
        else Simd.StorePartial(to, y, lanes);
    }
}
