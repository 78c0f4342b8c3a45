using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>The rule of a pooling for one quad (two rows by two columns).</summary>
internal unsafe interface IQuadRule
{
    /// <summary>
    /// Eight quads of floats from sixteen columns of two rows. The results are in the low halves of the lanes.
    /// </summary>
    static abstract Vector512<ulong> Forward(Vector512<float> top, Vector512<float> bottom);

    /// <summary>One quad of doubles. The result is in the lower lane.</summary>
    static abstract Vector128<double> Forward(Vector128<double> top, Vector128<double> bottom);

    /// <summary>One quad of floats.</summary>
    static abstract float Forward(float topLeft, float topRight, float bottomLeft, float bottomRight);

    /// <summary>Whether the gradient needs x.</summary>
    static abstract bool ReadsX { get; }

    /// <summary>
    /// The gradients of eight quads. dy is in the low halves of the lanes, and the high halves are zero.
    /// </summary>
    static abstract void Backward(
        Vector512<ulong> dy, Vector512<float> top, Vector512<float> bottom, out Vector512<ulong> dTop,
        out Vector512<ulong> dBottom);

    /// <summary>The gradients of one quad of doubles. dy is in both lanes.</summary>
    static abstract void Backward(
        Vector128<double> dy, Vector128<double> top, Vector128<double> bottom, out Vector128<double> dTop,
        out Vector128<double> dBottom);

    /// <summary>The gradients of one quad of floats.</summary>
    static abstract void Backward(float dy, float* top, float* bottom, float* dTop, float* dBottom);
}

/// <summary>
/// Pooling with windows of 2 x 2 side by side. A pair of neighbouring floats is one 64-bit lane. The left float is the
/// low half; a shift moves the right one there.
/// </summary>
/// <remarks>
/// A row narrower than a pack is done by one pack. The pack reads on into the next row and writes beyond its own
/// results; the next row then overwrites them. The last rows of a chunk are done one by one if the pack would leave the
/// chunk.
/// </remarks>
internal static unsafe class Quads
{
    private const int Pack = 16;
    private const int Half = 8;

    /// <summary>y from x.</summary>
    public static void Forward<T, TRule>(T* x, T* y, in PoolShape planes)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : struct, IQuadRule
    {
        Debug.Assert(planes.IsSound && planes.IsQuads);
        Debug.Assert(Contracts.AreApart(
            x, (long)planes.Count * planes.InputSize, y, (long)planes.Count * planes.OutputSize), "y overlaps x");
        Workers.Run(planes.Chunks, new ForwardJob<T, TRule> { X = x, Y = y, Planes = planes });
    }

    /// <summary>dx from dy, and from x if the rule reads it. The sizes of the planes are even.</summary>
    public static void Backward<T, TRule>(T* dy, T* x, T* dx, in PoolShape planes)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : struct, IQuadRule
    {
        Debug.Assert(planes.IsSound && planes.IsQuadsExactly, "some inputs belong to no quad");
        Debug.Assert(Contracts.AreApart(
            dx, (long)planes.Count * planes.InputSize, dy, (long)planes.Count * planes.OutputSize), "dx overlaps dy");
        Debug.Assert(!TRule.ReadsX || x != dx, "dx is x");
        Workers.Run(planes.Chunks, new BackwardJob<T, TRule> { Dy = dy, X = x, Dx = dx, Planes = planes });
    }

    private struct ForwardJob<T, TRule> : IJob
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : struct, IQuadRule
    {
        public T* X, Y;
        public PoolShape Planes;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Planes.PerChunk, count = Math.Min(Planes.PerChunk, Planes.Count - first);
            T* x = X + ((long)first * Planes.InputSize), y = Y + ((long)first * Planes.OutputSize);
            int rows = Planes.Rows.Output, width = Planes.Columns.Input, results = Planes.Columns.Output;
            if ((Planes.Rows.Input & 1) == 0)
            {
                // Planes of an even height can be walked as one high plane.
                Plane(x, y, rows * count, width, results);
                return;
            }

            for (int plane = 0; plane < count; plane++)
            {
                Plane(
                    x + ((long)plane * Planes.InputSize), y + ((long)plane * Planes.OutputSize), rows, width, results);
            }
        }

        private static void Plane(T* x, T* y, int rows, int width, int results)
        {
            if (rows == 0 || results == 0) return;
            int done = 0;
            if (typeof(T) == typeof(float))
            {
                done = 2 * results >= Pack ? rows : SafeRows(rows, width, results);
                ForwardRows<TRule>((float*)x, (float*)y, done, width, results);
            }

            ForwardSingly<T, TRule>(x, y, done, rows, width, results);
        }
    }

    private struct BackwardJob<T, TRule> : IJob
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : struct, IQuadRule
    {
        public T* Dy, X, Dx;
        public PoolShape Planes;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Planes.PerChunk, count = Math.Min(Planes.PerChunk, Planes.Count - first);
            T* dy = Dy + ((long)first * Planes.OutputSize), x = X + ((long)first * Planes.InputSize),
                dx = Dx + ((long)first * Planes.InputSize);
            int rows = Planes.Rows.Output * count, width = Planes.Columns.Input, results = Planes.Columns.Output;
            if (rows == 0 || results == 0) return;
            int done = 0;
            if (typeof(T) == typeof(float))
            {
                done = width >= Pack ? rows : SafeRows(rows, width, results);
                BackwardRows<TRule>((float*)dy, (float*)x, (float*)dx, done, width, results);
            }

            BackwardSingly<T, TRule>(dy, x, dx, done, rows, width, results);
        }
    }

    /// <summary>
    /// The number of rows of results, from the first one, for which a whole pack of each input row and half a pack of
    /// results lie inside the plane.
    /// </summary>
    private static int SafeRows(int rows, int width, int results)
    {
        int byResults = rows - ((Half + results - 1) / results) + 1;
        int byInputs = ((2 * rows * width) - Pack - width) / (2 * width) + 1;
        return (2 * rows * width) - Pack - width < 0 ? 0 : Math.Max(0, Math.Min(byResults, byInputs));
    }

    // The rule stands only once in each loop: twice would be more than the JIT inlines if a pack is two halves.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardRows<TRule>(float* x, float* y, int rows, int width, int results)
        where TRule : struct, IQuadRule
    {
        // The last pack of a row overlaps the one before it. If the row is narrower than a pack, there is only one
        // pack, from the start of the row.
        int last = Math.Max(0, (2 * results) - Pack);
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; ; i += Pack)
            {
                int at = Math.Min(i, last);
                Vector256.Store(
                    LowHalves(TRule.Forward(Simd.Load(x + at), Simd.Load(x + width + at))), (uint*)y + (at / 2));
                if (i >= last) break;
            }

            x += 2 * width;
            y += results;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRows<TRule>(float* dy, float* x, float* dx, int rows, int width, int results)
        where TRule : struct, IQuadRule
    {
        int last = Math.Max(0, width - Pack);
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; ; i += Pack)
            {
                int at = Math.Min(i, last);
                TRule.Backward(
                    Widened((uint*)dy + (at / 2)), TRule.ReadsX ? Simd.Load(x + at) : default,
                    TRule.ReadsX ? Simd.Load(x + width + at) : default,
                    out Vector512<ulong> dTop, out Vector512<ulong> dBottom);
                Simd.Store(dx + at, dTop.AsSingle());
                Simd.Store(dx + width + at, dBottom.AsSingle());
                if (i >= last) break;
            }

            dy += results;
            x += 2 * width;
            dx += 2 * width;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardSingly<T, TRule>(T* x, T* y, int row, int rows, int width, int results)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : struct, IQuadRule
    {
        for (; row < rows; row++)
        {
            T* top = x + (2L * row * width);
            T* bottom = top + width;
            T* to = y + ((long)row * results);
            for (int i = 0; i < results; i++)
            {
                if (typeof(T) == typeof(double))
                {
                    *(double*)(to + i) = TRule
                        .Forward(Vector128.Load((double*)(top + (2 * i))), Vector128.Load((double*)(bottom + (2 * i))))
                        .ToScalar();
                }
                else
                {
                    *(float*)(to + i) = TRule.Forward(((float*)top)[2 * i],
                        ((float*)top)[(2 * i) + 1], ((float*)bottom)[2 * i], ((float*)bottom)[(2 * i) + 1]);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardSingly<T, TRule>(T* dy, T* x, T* dx, int row, int rows, int width, int results)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRule : struct, IQuadRule
    {
        for (; row < rows; row++)
        {
            T* from = dy + ((long)row * results);
            T* top = x + (2L * row * width);
            T* bottom = top + width;
            T* dTop = dx + (2L * row * width);
            T* dBottom = dTop + width;
            for (int i = 0; i < results; i++)
            {
                if (typeof(T) == typeof(double))
                {
                    TRule.Backward(
                        Vector128.Create(((double*)from)[i]),
                        TRule.ReadsX ? Vector128.Load((double*)(top + (2 * i))) : default,
                        TRule.ReadsX ? Vector128.Load((double*)(bottom + (2 * i))) : default,
                        out Vector128<double> toTop, out Vector128<double> toBottom);
                    toTop.Store((double*)(dTop + (2 * i)));
                    toBottom.Store((double*)(dBottom + (2 * i)));
                }
                else
                {
                    TRule.Backward(((float*)from)[i], (float*)top + (2 * i),
                        (float*)bottom + (2 * i), (float*)dTop + (2 * i), (float*)dBottom + (2 * i));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> LowHalves(Vector512<ulong> lanes) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector256UInt32(lanes)
        : Vector256.Narrow(lanes.GetLower(), lanes.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Widened(uint* p)
    {
        Vector256<uint> eight = Vector256.Load(p);
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector512UInt64(eight)
            : Vector512.Create(Vector256.WidenLower(eight), Vector256.WidenUpper(eight));
    }
}
