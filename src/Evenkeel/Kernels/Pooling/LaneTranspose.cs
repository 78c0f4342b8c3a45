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
    public const int Lanes = BlockTranspose.Size;

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
        if (BlockTranspose.IsSupported && lanes == Lanes)
        {
            for (; i <= count - Lanes; i += Lanes)
                BlockTranspose.Run<AsItIs>(volumes + i, stride, packs + (i * Lanes), Lanes, default);
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
        if (BlockTranspose.IsSupported && lanes == Lanes)
        {
            for (; i <= count - Lanes; i += Lanes)
                BlockTranspose.Run<AsItIs>(packs + (i * Lanes), Lanes, volumes + i, stride, default);
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

    /// <summary>Four by four values.</summary>
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
}
