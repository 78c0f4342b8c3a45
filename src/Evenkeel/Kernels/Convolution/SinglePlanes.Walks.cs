using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <content>
/// Frequent windows without a copy, with 32 registers: a pack of columns walks down the rows of a plane. What lies
/// beside the plane counts as zero. A plane at an end of the tensor is copied if packs would reach beyond it. The bits
/// are the same.
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
            (3, 3, 2, 2) => Avx512F.IsSupported && typeof(T) == typeof(float) ? Walk.ThreeByTwo : Walk.None,
            _ => Walk.None,
        };
    }

    /// <summary>
    /// Whether the values before and behind a plane that its packs reach can be read. They are not used.
    /// </summary>
    private readonly bool CanWalk(T* plane)
    {
        if (_walk == Walk.None) return false;
        int width = Vector512<T>.Count, packs = _map.StrideWidth;
        int last = (Math.Max(0, _map.Columns - width) * _map.StrideWidth) - _map.Left + _map.KernelWidth - 1
            + (packs * width);
        return plane - Math.Max(0, _map.Left) >= _source
            && plane + ((nint)(_map.Height - 1) * _map.Width) + Math.Max(_map.Width, last) <= _sourceEnd;
    }

    /// <summary>All results of a plane.</summary>
    private readonly void SumByWalks(T* x, T* weight, T bias, T* to)
    {
        int columns = _map.Columns, last = Math.Max(0, columns - Vector512<T>.Count);
        for (int row = 0; row < _map.Rows; row += BlockRows)
        {
            int rows = Math.Min(BlockRows, _map.Rows - row);
            for (int i = 0; ; i += Vector512<T>.Count)
            {
                // The last pack overlaps the one before.
                int column = Math.Min(i, last), from = (row * _map.StrideHeight) - _map.Top,
                    at = (column * _map.StrideWidth) - _map.Left;
                T* source = x + ((nint)from * _map.Width) + at, target = to + ((nint)row * columns) + column;
                if (_walk == Walk.Three) WalkThree(source, weight, bias, target, from, rows, at);
                else if (_walk == Walk.Five) WalkFive(source, weight, bias, target, from, rows, at);
                else WalkThreeByTwo((float*)source, (float*)weight, bias, (float*)target, from, rows, at);
                if (i >= last) break;
            }
        }
    }

    /// <summary>
    /// Three sums at once: a row of the plane is the last row of one window, the middle one of the next, and the first
    /// one of the next but one. Each sum gets its terms in the order of the taps.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkThree(T* x, T* weight, T bias, T* to, int from, int rows, int at)
    {
        int width = _map.Width, height = _map.Height, columns = _map.Columns;
        Vector512<T> w0 = Simd.Broadcast(weight[0]), w1 = Simd.Broadcast(weight[1]), w2 = Simd.Broadcast(weight[2]);
        Vector512<T> w3 = Simd.Broadcast(weight[3]), w4 = Simd.Broadcast(weight[4]), w5 = Simd.Broadcast(weight[5]);
        Vector512<T> w6 = Simd.Broadcast(weight[6]), w7 = Simd.Broadcast(weight[7]), w8 = Simd.Broadcast(weight[8]);
        Vector512<T> in0 = Simd.Within<T>(at, width), in1 = Simd.Within<T>(at + 1, width);
        Vector512<T> in2 = Simd.Within<T>(at + 2, width), shift = Simd.Broadcast(bias);
        Vector512<T> limit = Simd.Broadcast(_fuseReLU ? T.Zero : T.NaN), zero = default;
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

            Vector512<T> done = Simd.Fma(w8, v2, Simd.Fma(w7, v1, Simd.Fma(w6, v0, second)));
            second = Simd.Fma(w5, v2, Simd.Fma(w4, v1, Simd.Fma(w3, v0, first)));
            first = Simd.Fma(w2, v2, Simd.Fma(w1, v1, Simd.Fma(w0, v0, zero)));
            if (row < 0) continue;
            Put(to, Simd.ZeroUpTo(done + shift, limit), columns);
            to += columns;
        }
    }

    /// <summary>The same with five sums. The weights stay in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkFive(T* x, T* w, T bias, T* to, int from, int rows, int at)
    {
        int width = _map.Width, height = _map.Height, columns = _map.Columns;
        Vector512<T> in0 = Simd.Within<T>(at, width), in1 = Simd.Within<T>(at + 1, width);
        Vector512<T> in2 = Simd.Within<T>(at + 2, width), in3 = Simd.Within<T>(at + 3, width);
        Vector512<T> in4 = Simd.Within<T>(at + 4, width), shift = Simd.Broadcast(bias);
        Vector512<T> limit = Simd.Broadcast(_fuseReLU ? T.Zero : T.NaN), zero = default;
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

            Vector512<T> done = Chain(fourth, v0, v1, v2, v3, v4, w + 20);
            fourth = Chain(third, v0, v1, v2, v3, v4, w + 15);
            third = Chain(second, v0, v1, v2, v3, v4, w + 10);
            second = Chain(first, v0, v1, v2, v3, v4, w + 5);
            first = Chain(zero, v0, v1, v2, v3, v4, w);
            if (row < 0) continue;
            Put(to, Simd.ZeroUpTo(done + shift, limit), columns);
            to += columns;
        }
    }

    /// <summary>
    /// Each second value is picked by a permutation. The last row of a window is the first one of the next window.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkThreeByTwo(float* x, float* weight, T bias, float* to, int from, int rows, int at)
    {
        int width = _map.Width, height = _map.Height, columns = _map.Columns;
        Vector512<float> w0 = Vector512.Create(weight[0]), w1 = Vector512.Create(weight[1]);
        Vector512<float> w2 = Vector512.Create(weight[2]), w3 = Vector512.Create(weight[3]);
        Vector512<float> w4 = Vector512.Create(weight[4]), w5 = Vector512.Create(weight[5]);
        Vector512<float> w6 = Vector512.Create(weight[6]), w7 = Vector512.Create(weight[7]);
        Vector512<float> w8 = Vector512.Create(weight[8]), shift = Vector512.Create(float.CreateTruncating(bias));
        Vector512<float> limit = Vector512.Create(_fuseReLU ? 0 : float.NaN), zero = default;
        Vector512<int> even = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        Vector512<int> odd = even + Vector512.Create(1);
        Vector512<float> in0 = Within(even, at, width), in1 = Within(odd, at, width), in2 = Within(even, at + 2, width);
        Vector512<float> a0 = default, a1 = default, a2 = default;
        if ((uint)from < (uint)height) Read(x, even, odd, in0, in1, in2, out a0, out a1, out a2);
        for (int row = 0; row < rows; row++, to += columns)
        {
            Vector512<float> b0 = default, b1 = default, b2 = default, c0 = default, c1 = default, c2 = default;
            from++;
            x += width;
            if ((uint)from < (uint)height) Read(x, even, odd, in0, in1, in2, out b0, out b1, out b2);
            from++;
            x += width;
            if ((uint)from < (uint)height) Read(x, even, odd, in0, in1, in2, out c0, out c1, out c2);
            Vector512<float> sum = Simd.Fma(w2, a2, Simd.Fma(w1, a1, Simd.Fma(w0, a0, zero)));
            sum = Simd.Fma(w5, b2, Simd.Fma(w4, b1, Simd.Fma(w3, b0, sum)));
            sum = Simd.Fma(w8, c2, Simd.Fma(w7, c1, Simd.Fma(w6, c0, sum)));
            Put((T*)to, Simd.ZeroUpTo(sum + shift, limit).As<float, T>(), columns);
            (a0, a1, a2) = (c0, c1, c2);
        }
    }

    /// <summary>The values of a row at the three taps of sixteen windows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Read(float* x, Vector512<int> even, Vector512<int> odd, Vector512<float> in0,
        Vector512<float> in1, Vector512<float> in2, out Vector512<float> v0, out Vector512<float> v1,
        out Vector512<float> v2)
    {
        Vector512<float> near = Simd.Load(x), far = Simd.Load(x + Vector512<float>.Count);
        v0 = Avx512F.PermuteVar16x32x2(near, even, far) & in0;
        v1 = Avx512F.PermuteVar16x32x2(near, odd, far) & in1;
        v2 = Avx512F.PermuteVar16x32x2(Simd.Load(x + 2), even, Simd.Load(x + Vector512<float>.Count + 2)) & in2;
    }

    /// <summary>All ones in the lanes whose place, so far behind <paramref name="at"/>, lies in a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Within(Vector512<int> behind, int at, int width)
    {
        Vector512<int> place = behind + Vector512.Create(at);
        return (Vector512.GreaterThanOrEqual(place, Vector512<int>.Zero)
            & Vector512.LessThan(place, Vector512.Create(width))).AsSingle();
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(T* to, Vector512<T> y, int columns)
    {
        if (columns >= Vector512<T>.Count) Simd.Store(to, y);
        else Simd.StorePartial(to, y, columns);
    }
}
