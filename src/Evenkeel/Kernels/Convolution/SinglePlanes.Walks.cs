using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <content>
/// Frequent windows without a copy, with 32 registers: a pack of columns walks down the rows of a plane. What lies
/// beside the plane counts as zero. In a volume it walks down one plane after the other, and each walk continues the
/// chains of the walk before. A plane at an end of the tensor is copied if packs would reach beyond it. The bits are
/// the same.
/// </content>
internal unsafe partial struct SinglePlanes<T>
{
    /// <summary>Rows of results that a pack of columns walks down, so that what it reads stays in the cache.</summary>
    private const int BlockRows = 16;

    private enum Walk
    {
        /// <summary>Another window: the plane is copied.</summary>
        None,

        /// <summary>Three by three.</summary>
        Three,

        /// <summary>Five by five.</summary>
        Five,

        /// <summary>Three by three with a stride of 2.</summary>
        ThreeByTwo,
    }

    private static Walk WalkOf(in PlaneMap map)
    {
        if (!Gemm.IsWide || map.DilationHeight != 1 || map.DilationWidth != 1) return Walk.None;
        return (map.KernelHeight, map.KernelWidth, map.StrideHeight, map.StrideWidth) switch
        {
            (3, 3, 1, 1) => Walk.Three,
            (5, 5, 1, 1) => Walk.Five,
            (3, 3, 2, 2) => Avx512F.IsSupported ? Walk.ThreeByTwo : Walk.None,
            _ => Walk.None,
        };
    }

    /// <summary>
    /// Whether the values before and behind the planes under a slice of results that packs reach can be read. They are
    /// not used.
    /// </summary>
    private readonly bool CanWalk(T* volume, in Band band)
    {
        if (_walk == Walk.None) return false;
        (int tap, int end) = _map.TapSlices(band.Slice0);
        if (!_map.IsInside(band.Slice0, tap)) return false;
        int width = Vector512<T>.Count;
        int last = ((Math.Max(0, _map.Columns - width) + width) * _map.StrideWidth) - _map.Left + _map.KernelWidth - 1;
        return PlaneUnder(volume, band.Slice0, tap) - Math.Max(0, _map.Left) >= _source
            && PlaneUnder(volume, band.Slice0, end - 1) + ((nint)(_map.Height - 1) * _map.Width)
            + Math.Max(_map.Width, last) <= _sourceEnd;
    }

    /// <summary>The plane of the source that a slice of the window reads for a slice of results.</summary>
    private readonly T* PlaneUnder(T* volume, int slice, int tap) => volume
        + ((nint)((slice * _map.StrideDepth) + (tap * _map.DilationDepth) - _map.Front) * _map.Height * _map.Width);

    /// <summary>The results of a band of one slice: a walk for each slice of the window, pack of columns and block.
    /// </summary>
    private readonly void SumByWalks(T* volume, T* weight, T bias, T* to, in Band band)
    {
        (int first, int end) = _map.TapSlices(band.Slice0);
        T* plane = PlaneUnder(volume, band.Slice0, first);
        nint step = (nint)_map.DilationDepth * _map.Height * _map.Width;
        int window = _map.KernelHeight * _map.KernelWidth, last = Math.Max(0, _map.Columns - Vector512<T>.Count);
        T limit = _fuseReLU ? T.Zero : T.NaN;
        for (int row = 0; row < band.Rows; row += BlockRows)
        {
            int from = ((band.Row0 + row) * _map.StrideHeight) - _map.Top, rows = Math.Min(BlockRows, band.Rows - row);
            for (int i = 0; ; i += Vector512<T>.Count)
            {
                // The last pack overlaps the one before.
                int column = Math.Min(i, last), at = (column * _map.StrideWidth) - _map.Left;
                T* x = plane + ((nint)from * _map.Width) + at, w = weight + (first * window),
                    target = to + ((nint)row * _map.Columns) + column;
                if (end - first == 1) WalkDown<FromZero>(x, w, bias, limit, target, from, rows, at);
                else WalkSlices(x, w, bias, limit, target, from, rows, at, end - first, step);
                if (i >= last) break;
            }
        }
    }

    /// <summary>A walk for each of several slices of the window, which goes on with the chains of the one before.
    /// </summary>
    private readonly void WalkSlices(
        T* x, T* weight, T bias, T limit, T* to, int from, int rows, int at, int slices, nint step)
    {
        int window = _map.KernelHeight * _map.KernelWidth;

        // A chain that goes on stays as it is: -0 changes no value, and none is up to NaN.
        WalkDown<FromZero>(x, weight, T.NegativeZero, T.NaN, to, from, rows, at);
        for (int slice = 1; slice < slices; slice++)
        {
            bool isLast = slice == slices - 1;
            x += step;
            weight += window;
            WalkDown<FromResults>(
                x, weight, isLast ? bias : T.NegativeZero, isLast ? limit : T.NaN, to, from, rows, at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void WalkDown<TStart>(T* x, T* weight, T bias, T most, T* to, int from, int rows, int at)
        where TStart : struct, IStart
    {
        if (_walk == Walk.Three) WalkThree<TStart>(x, weight, bias, most, to, from, rows, at);
        else if (_walk == Walk.Five) WalkFive<TStart>(x, weight, bias, most, to, from, rows, at);
        else WalkThreeByTwo<TStart>(x, weight, bias, most, to, from, rows, at);
    }

    /// <summary>What the chains of a walk start from.</summary>
    private interface IStart
    {
        static abstract bool IsResult { get; }
    }

    private readonly struct FromZero : IStart
    {
        public static bool IsResult => false;
    }

    /// <summary>The chains of the walk before go on.</summary>
    private readonly struct FromResults : IStart
    {
        public static bool IsResult => true;
    }

    /// <summary>
    /// Three sums at once: a row of the plane is the last row of one window, the middle one of the next, and the first
    /// one of the next but one. Each sum gets its terms in the order of the taps.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkThree<TStart>(T* x, T* weight, T bias, T most, T* to, int from, int rows, int at)
        where TStart : struct, IStart
    {
        int width = _map.Width, height = _map.Height, columns = _map.Columns;
        Vector512<T> w0 = Simd.Broadcast(weight[0]), w1 = Simd.Broadcast(weight[1]), w2 = Simd.Broadcast(weight[2]);
        Vector512<T> w3 = Simd.Broadcast(weight[3]), w4 = Simd.Broadcast(weight[4]), w5 = Simd.Broadcast(weight[5]);
        Vector512<T> w6 = Simd.Broadcast(weight[6]), w7 = Simd.Broadcast(weight[7]), w8 = Simd.Broadcast(weight[8]);
        Vector512<T> in0 = Simd.Within<T>(at, width), in1 = Simd.Within<T>(at + 1, width);
        Vector512<T> in2 = Simd.Within<T>(at + 2, width), shift = Simd.Broadcast(bias);
        Vector512<T> limit = Simd.Broadcast(most), zero = default;
        T* ahead = to;
        Vector512<T> first = default, second = default;
        for (int row = -2; row < rows; row++, from++, x += width)
        {
            Vector512<T> v0 = default, v1 = default, v2 = default;
            if ((uint)from < (uint)height)
            {
                v0 = Simd.Load(x) & in0;
                v1 = Simd.Load(x + 1) & in1;
                v2 = Simd.Load(x + 2) & in2;
            }

            Vector512<T> start = TStart.IsResult && row + 2 < rows ? Simd.LoadUpTo(ahead, columns) : zero;
            if (TStart.IsResult) ahead += columns;
            Vector512<T> done = Simd.Fma(w8, v2, Simd.Fma(w7, v1, Simd.Fma(w6, v0, second)));
            second = Simd.Fma(w5, v2, Simd.Fma(w4, v1, Simd.Fma(w3, v0, first)));
            first = Simd.Fma(w2, v2, Simd.Fma(w1, v1, Simd.Fma(w0, v0, start)));
            if (row < 0) continue;
            Simd.StoreUpTo(to, Simd.ZeroUpTo(done + shift, limit), columns);
            to += columns;
        }
    }

    /// <summary>The same with five sums. The weights stay in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkFive<TStart>(T* x, T* w, T bias, T most, T* to, int from, int rows, int at)
        where TStart : struct, IStart
    {
        int width = _map.Width, height = _map.Height, columns = _map.Columns;
        Vector512<T> in0 = Simd.Within<T>(at, width), in1 = Simd.Within<T>(at + 1, width);
        Vector512<T> in2 = Simd.Within<T>(at + 2, width), in3 = Simd.Within<T>(at + 3, width);
        Vector512<T> in4 = Simd.Within<T>(at + 4, width), shift = Simd.Broadcast(bias);
        Vector512<T> limit = Simd.Broadcast(most), zero = default;
        T* ahead = to;
        Vector512<T> first = default, second = default, third = default, fourth = default;
        for (int row = -4; row < rows; row++, from++, x += width)
        {
            Vector512<T> v0 = default, v1 = default, v2 = default, v3 = default, v4 = default;
            if ((uint)from < (uint)height)
            {
                v0 = Simd.Load(x) & in0;
                v1 = Simd.Load(x + 1) & in1;
                v2 = Simd.Load(x + 2) & in2;
                v3 = Simd.Load(x + 3) & in3;
                v4 = Simd.Load(x + 4) & in4;
            }

            Vector512<T> start = TStart.IsResult && row + 4 < rows ? Simd.LoadUpTo(ahead, columns) : zero;
            if (TStart.IsResult) ahead += columns;
            Vector512<T> done = Chain(fourth, v0, v1, v2, v3, v4, w + 20);
            fourth = Chain(third, v0, v1, v2, v3, v4, w + 15);
            third = Chain(second, v0, v1, v2, v3, v4, w + 10);
            second = Chain(first, v0, v1, v2, v3, v4, w + 5);
            first = Chain(start, v0, v1, v2, v3, v4, w);
            if (row < 0) continue;
            Simd.StoreUpTo(to, Simd.ZeroUpTo(done + shift, limit), columns);
            to += columns;
        }
    }

    /// <summary>
    /// Each second value is picked by a permutation. The last row of a window is the first one of the next window.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkThreeByTwo<TStart>(T* x, T* weight, T bias, T most, T* to, int from, int rows, int at)
        where TStart : struct, IStart
    {
        int width = _map.Width, height = _map.Height, columns = _map.Columns;
        Vector512<T> w0 = Simd.Broadcast(weight[0]), w1 = Simd.Broadcast(weight[1]), w2 = Simd.Broadcast(weight[2]);
        Vector512<T> w3 = Simd.Broadcast(weight[3]), w4 = Simd.Broadcast(weight[4]), w5 = Simd.Broadcast(weight[5]);
        Vector512<T> w6 = Simd.Broadcast(weight[6]), w7 = Simd.Broadcast(weight[7]), w8 = Simd.Broadcast(weight[8]);
        Strided.ThreeWithin(at, width, out Vector512<T> in0, out Vector512<T> in1, out Vector512<T> in2);
        Vector512<T> shift = Simd.Broadcast(bias), limit = Simd.Broadcast(most), zero = default;
        Vector512<T> a0 = default, a1 = default, a2 = default;
        if ((uint)from < (uint)height) Strided.Three(x, in0, in1, in2, out a0, out a1, out a2);
        for (int row = 0; row < rows; row++, to += columns)
        {
            Vector512<T> b0 = default, b1 = default, b2 = default, c0 = default, c1 = default, c2 = default;
            from++;
            x += width;
            if ((uint)from < (uint)height) Strided.Three(x, in0, in1, in2, out b0, out b1, out b2);
            from++;
            x += width;
            if ((uint)from < (uint)height) Strided.Three(x, in0, in1, in2, out c0, out c1, out c2);
            Vector512<T> start = TStart.IsResult ? Simd.LoadUpTo(to, columns) : zero;
            Vector512<T> sum = Simd.Fma(w2, a2, Simd.Fma(w1, a1, Simd.Fma(w0, a0, start)));
            sum = Simd.Fma(w5, b2, Simd.Fma(w4, b1, Simd.Fma(w3, b0, sum)));
            sum = Simd.Fma(w8, c2, Simd.Fma(w7, c1, Simd.Fma(w6, c0, sum)));
            Simd.StoreUpTo(to, Simd.ZeroUpTo(sum + shift, limit), columns);
            (a0, a1, a2) = (c0, c1, c2);
        }
    }

    /// <summary>A chain with five more terms.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Chain(Vector512<T> sum, Vector512<T> v0, Vector512<T> v1, Vector512<T> v2,
        Vector512<T> v3, Vector512<T> v4, T* w)
    {
        sum = Simd.Fma(v1, Simd.Broadcast(w[1]), Simd.Fma(v0, Simd.Broadcast(w[0]), sum));
        sum = Simd.Fma(v3, Simd.Broadcast(w[3]), Simd.Fma(v2, Simd.Broadcast(w[2]), sum));
        return Simd.Fma(v4, Simd.Broadcast(w[4]), sum);
    }
}
