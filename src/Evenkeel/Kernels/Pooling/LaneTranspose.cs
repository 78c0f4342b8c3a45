using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// Places of sixteen volumes moved into packs: pack i has place i of each volume, one volume per lane. Values are moved
/// as they are, so integers may be moved too.
/// </summary>
internal static unsafe class LaneTranspose
{
    /// <summary>Volumes of a group.</summary>
    public const int Lanes = 16;

    private const int Quarter = 4;

    /// <summary><c>packs[16·i + lane] = volumes[lane·stride + i]</c>.</summary>
    /// <param name="volumes">The first place of the first volume.</param>
    /// <param name="stride">From one volume to the next.</param>
    /// <param name="lanes">Number of volumes. The lanes behind them get the values of the last one.</param>
    /// <param name="count">Number of places.</param>
    /// <param name="packs">Receives the packs.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Load(float* volumes, nint stride, int lanes, int count, float* packs)
    {
        Debug.Assert(lanes is >= 1 and <= Lanes && count >= 0);
        float** all = stackalloc float*[Lanes];
        for (int lane = 0; lane < Lanes; lane++) all[lane] = volumes + (stride * Math.Min(lane, lanes - 1));
        int i = 0;
        if (Avx512F.IsSupported)
        {
            for (; i <= count - Lanes; i += Lanes)
            {
                float* to = packs + (i * Lanes);
                for (int lane = 0; lane < Lanes; lane += Quarter, to += Quarter)
                {
                    float** v = all + lane;
                    Transpose(Vector512.Load(v[0] + i), Vector512.Load(v[1] + i), Vector512.Load(v[2] + i),
                        Vector512.Load(v[3] + i), out Vector512<float> p0, out Vector512<float> p1,
                        out Vector512<float> p2, out Vector512<float> p3);
                    StoreQuarters(p0, to);
                    StoreQuarters(p1, to + Lanes);
                    StoreQuarters(p2, to + (2 * Lanes));
                    StoreQuarters(p3, to + (3 * Lanes));
                }
            }
        }

        if (Sse.IsSupported)
        {
            for (; i <= count - Quarter; i += Quarter)
            {
                float* to = packs + (i * Lanes);
                for (int lane = 0; lane < Lanes; lane += Quarter, to += Quarter)
                {
                    float** v = all + lane;
                    Transpose(Vector128.Load(v[0] + i), Vector128.Load(v[1] + i), Vector128.Load(v[2] + i),
                        Vector128.Load(v[3] + i), out Vector128<float> p0, out Vector128<float> p1,
                        out Vector128<float> p2, out Vector128<float> p3);
                    p0.Store(to);
                    p1.Store(to + Lanes);
                    p2.Store(to + (2 * Lanes));
                    p3.Store(to + (3 * Lanes));
                }
            }
        }

        for (; i < count; i++)
        {
            for (int lane = 0; lane < Lanes; lane++) ((int*)packs)[(i * Lanes) + lane] = ((int*)all[lane])[i];
        }
    }

    /// <summary><c>volumes[lane·stride + i] = packs[16·i + lane]</c>.</summary>
    /// <param name="packs">The packs.</param>
    /// <param name="count">Number of places.</param>
    /// <param name="volumes">The first place of the first volume.</param>
    /// <param name="stride">From one volume to the next.</param>
    /// <param name="lanes">Number of volumes. The lanes behind them are left out.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store(float* packs, int count, float* volumes, nint stride, int lanes)
    {
        Debug.Assert(lanes is >= 1 and <= Lanes && count >= 0);
        int i = 0, quads = lanes & -Quarter;
        if (Avx512F.IsSupported)
        {
            for (; i <= count - Lanes; i += Lanes)
            {
                float* from = packs + (i * Lanes), v = volumes + i;
                for (int lane = 0; lane < quads; lane += Quarter, from += Quarter, v += Quarter * stride)
                {
                    Transpose(LoadQuarters(from), LoadQuarters(from + Lanes), LoadQuarters(from + (2 * Lanes)),
                        LoadQuarters(from + (3 * Lanes)), out Vector512<float> p0, out Vector512<float> p1,
                        out Vector512<float> p2, out Vector512<float> p3);
                    p0.Store(v);
                    p1.Store(v + stride);
                    p2.Store(v + (2 * stride));
                    p3.Store(v + (3 * stride));
                }
            }
        }

        if (Sse.IsSupported)
        {
            for (; i <= count - Quarter; i += Quarter)
            {
                float* from = packs + (i * Lanes), v = volumes + i;
                for (int lane = 0; lane < quads; lane += Quarter, from += Quarter, v += Quarter * stride)
                {
                    Transpose(Vector128.Load(from), Vector128.Load(from + Lanes), Vector128.Load(from + (2 * Lanes)),
                        Vector128.Load(from + (3 * Lanes)), out Vector128<float> p0, out Vector128<float> p1,
                        out Vector128<float> p2, out Vector128<float> p3);
                    p0.Store(v);
                    p1.Store(v + stride);
                    p2.Store(v + (2 * stride));
                    p3.Store(v + (3 * stride));
                }
            }
        }

        // What is left: the last places of the quads, and all places of the last volumes.
        for (int lane = 0; lane < lanes; lane++)
        {
            int* volume = (int*)(volumes + (stride * lane));
            for (int place = lane < quads ? i : 0; place < count; place++)
                volume[place] = ((int*)packs)[(place * Lanes) + lane];
        }
    }

    /// <summary>Four by four values, in each quarter of the packs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        Vector512<float> r0, Vector512<float> r1, Vector512<float> r2, Vector512<float> r3, out Vector512<float> c0,
        out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3)
    {
        Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble(),
            low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        c0 = Avx512F.UnpackLow(low01, low23).AsSingle();
        c1 = Avx512F.UnpackHigh(low01, low23).AsSingle();
        c2 = Avx512F.UnpackLow(high01, high23).AsSingle();
        c3 = Avx512F.UnpackHigh(high01, high23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        Vector128<float> r0, Vector128<float> r1, Vector128<float> r2, Vector128<float> r3, out Vector128<float> c0,
        out Vector128<float> c1, out Vector128<float> c2, out Vector128<float> c3)
    {
        Vector128<float> low01 = Sse.UnpackLow(r0, r1), high01 = Sse.UnpackHigh(r0, r1),
            low23 = Sse.UnpackLow(r2, r3), high23 = Sse.UnpackHigh(r2, r3);
        c0 = Sse.MoveLowToHigh(low01, low23);
        c1 = Sse.MoveHighToLow(low23, low01);
        c2 = Sse.MoveLowToHigh(high01, high23);
        c3 = Sse.MoveHighToLow(high23, high01);
    }

    /// <summary>The quarters of a pack, four packs apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuarters(Vector512<float> v, float* to)
    {
        const int Apart = Quarter * Lanes;
        Avx512F.ExtractVector128(v, 0).Store(to);
        Avx512F.ExtractVector128(v, 1).Store(to + Apart);
        Avx512F.ExtractVector128(v, 2).Store(to + (2 * Apart));
        Avx512F.ExtractVector128(v, 3).Store(to + (3 * Apart));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> LoadQuarters(float* from)
    {
        const int Apart = Quarter * Lanes;
        Vector256<float> lower = Vector256.Create(Vector128.Load(from), Vector128.Load(from + Apart)),
            upper = Vector256.Create(Vector128.Load(from + (2 * Apart)), Vector128.Load(from + (3 * Apart)));
        return Vector512.Create(lower, upper);
    }
}
