using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>Copies planes whose values lie side by side into planes that lie one after the other.</summary>
internal static unsafe class PlaneTranspose
{
    /// <summary>
    /// <c>result[c·plane + p] = source[p·row + c] (+ bias[c])</c> for <paramref name="count"/> places of
    /// <paramref name="channels"/> channels. With <paramref name="fuseReLU"/> it is the larger of that and 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T>(
        T* source, nint row, int count, int channels, T* result, nint plane, T* bias, bool fuseReLU = false)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(count >= 0 && channels >= 0);
        Debug.Assert(row >= channels && (plane >= count || channels <= 1), "places or planes overlap");
        int channel = 0;
        if (sizeof(T) == 4 && BlockTranspose.IsSupported)
        {
            // The last block overlaps the one before.
            int last = count - BlockTranspose.Size;
            for (; channel <= channels - BlockTranspose.Size && last >= 0; channel += BlockTranspose.Size)
            {
                float* s = (float*)(source + channel), r = (float*)(result + (channel * plane));
                var rule = new ShiftAndClip
                {
                    Bias = bias == null ? null : (float*)(bias + channel),
                    Limit = Vector512.Create(fuseReLU ? 0 : float.NaN),
                };
                for (int p = 0; ; p += BlockTranspose.Size)
                {
                    int at = Math.Min(p, last);
                    BlockTranspose.Run(s + (at * row), row, r + at, plane, rule);
                    if (p >= last) break;
                }
            }
        }

        Quads(source + channel, row, count, channels - channel, result + (channel * plane), plane,
            bias == null ? null : bias + channel, fuseReLU);
    }

    /// <summary>The same by blocks of four channels and four places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quads<T>(
        T* source, nint row, int count, int channels, T* result, nint plane, T* bias, bool fuseReLU)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int channel = 0;
        if (sizeof(T) == 4 && Sse.IsSupported)
        {
            for (; channel <= channels - 4; channel += 4)
            {
                float* s = (float*)(source + channel);
                float* r0 = (float*)(result + (channel * plane)), r1 = r0 + plane, r2 = r1 + plane, r3 = r2 + plane;
                float* b = (float*)(bias + channel);
                Vector128<float> b0 = default, b1 = default, b2 = default, b3 = default;
                if (bias != null)
                {
                    (b0, b1, b2, b3) = (
                        Vector128.Create(b[0]), Vector128.Create(b[1]), Vector128.Create(b[2]), Vector128.Create(b[3]));
                }

                // No value is less than or equal to NaN.
                var limit = Vector128.Create(fuseReLU ? 0 : float.NaN);
                int p = 0;
                for (; p <= count - 4; p += 4, s += 4 * row)
                {
                    Vector128<float> v0 = Vector128.Load(s), v1 = Vector128.Load(s + row),
                        v2 = Vector128.Load(s + (2 * row)), v3 = Vector128.Load(s + (3 * row));
                    Vector128<float> low01 = Sse.UnpackLow(v0, v1), high01 = Sse.UnpackHigh(v0, v1);
                    Vector128<float> low23 = Sse.UnpackLow(v2, v3), high23 = Sse.UnpackHigh(v2, v3);
                    Clip(Sse.MoveLowToHigh(low01, low23) + b0, limit).Store(r0 + p);
                    Clip(Sse.MoveHighToLow(low23, low01) + b1, limit).Store(r1 + p);
                    Clip(Sse.MoveLowToHigh(high01, high23) + b2, limit).Store(r2 + p);
                    Clip(Sse.MoveHighToLow(high23, high01) + b3, limit).Store(r3 + p);
                }

                for (; p < count; p++, s += row)
                {
                    r0[p] = Clip(s[0] + b0[0], limit[0]);
                    r1[p] = Clip(s[1] + b1[0], limit[0]);
                    r2[p] = Clip(s[2] + b2[0], limit[0]);
                    r3[p] = Clip(s[3] + b3[0], limit[0]);
                }
            }
        }

        for (; channel < channels; channel++)
        {
            T* s = source + channel, r = result + (channel * plane);
            T shift = bias == null ? T.Zero : bias[channel], limit = fuseReLU ? T.Zero : T.NaN;
            for (int p = 0; p < count; p++, s += row) r[p] = Clip(*s + shift, limit);
        }
    }

    /// <summary>0 in place of values up to a limit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Clip(Vector128<float> y, Vector128<float> limit) =>
        Vector128.AndNot(y, Vector128.LessThanOrEqual(y, limit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Clip<T>(T y, T limit) where T : IFloatingPointIeee754<T> => y <= limit ? T.Zero : y;

    /// <summary>A row of the result is a channel: with its bias, and 0 in place of values up to a limit.</summary>
    private struct ShiftAndClip : IRowRule
    {
        /// <summary>The bias of the first row; null adds nothing but 0.</summary>
        public float* Bias;

        public Vector512<float> Limit;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<float> Apply(Vector512<float> row, int index) =>
            Simd.ZeroUpTo(row + Vector512.Create(Bias == null ? 0 : Bias[index]), Limit);
    }
}
