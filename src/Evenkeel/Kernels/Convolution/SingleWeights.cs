using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The gradient of the weights of a depthwise convolution with a window of 3x3 and a stride of 1 or 2, without a copy.
/// A chunk is a channel in a part of the blocks of rows of all images.
/// </summary>
/// <remarks>
/// A pack of columns walks down the rows of dy and of x. A tap has a lane per column of the pack: an FMA chain over the
/// rows of a block. These are added in the order (image, block, pack), then the parts, and the lanes at the very end.
/// Rows beside the plane are left out. Rows of x and dy at an end of the tensor, where packs would read beyond it, are
/// copied.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct SingleWeights<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The largest number of rows of dy in a block.</summary>
    public const int BlockRows = 128;

    private const int Taps = 9;

    /// <summary>Chunks that a convolution has at least, if there are so many blocks.</summary>
    private const int LeastChunks = 16;

    private ConvolutionShape _shape;
    private int _parts;
    private T* _x, _xEnd, _dy, _dyEnd, _partials;

    private static int Width => Vector512<T>.Count;

    /// <summary>Values before and behind the rows that packs reach.</summary>
    private readonly int Margin
    {
        get
        {
            int last = (_shape.OutWidth - 1) / Width * Width * _shape.StrideWidth;
            return Math.Max(_shape.Left, Math.Max(0, last - _shape.Left - _shape.Width) + (3 * Width) + 1);
        }
    }

    /// <summary>Whether a convolution has that form.</summary>
    public static bool Applies(in ConvolutionShape shape) =>
        shape is { IsSingleThree: true, StrideHeight: 1 or 2 } && shape.StrideWidth == shape.StrideHeight;

    /// <summary>Elements of scratch memory that <see cref="Run"/> needs.</summary>
    public static int ScratchCount(in ConvolutionShape shape) => Parts(shape) * shape.Channels * Taps * Width;

    /// <summary>dweight from dy and x.</summary>
    public static void Run(in ConvolutionShape shape, T* dy, T* x, T* dweight, T* scratch)
    {
        Debug.Assert(Applies(shape) && shape.Images > 0);
        nint planes = (nint)shape.Images * shape.Channels;
        var job = new SingleWeights<T>
        {
            _shape = shape,
            _parts = Parts(shape),
            _x = x,
            _xEnd = x + (planes * shape.Plane),
            _dy = dy,
            _dyEnd = dy + (planes * shape.OutPlane),
            _partials = scratch,
        };
        Workers.Run(job._parts * shape.Channels, job);
        int taps = shape.Channels * Taps;
        WeightJob<T>.AddLanes(scratch, job._parts, (nint)taps * Width, taps, dweight);
    }

    private static int BlocksOf(in ConvolutionShape shape) => Convolution.DivideUp(shape.OutHeight, BlockRows);

    private static int Parts(in ConvolutionShape shape) => Math.Clamp(Convolution.DivideUp(LeastChunks, shape.Channels),
        1, Math.Max(1, shape.Images * BlocksOf(shape)));

    /// <inheritdoc/>
    public readonly void Invoke(int chunk)
    {
        (int part, int channel) = Math.DivRem(chunk, _shape.Channels);
        T* sums = _partials + ((nint)chunk * Taps * Width);
        new Span<T>(sums, Taps * Width).Clear();
        int blocks = BlocksOf(_shape), units = _shape.Images * blocks, end = Convolution.Cut(units, part + 1, _parts);
        for (int unit = Convolution.Cut(units, part, _parts); unit < end; unit++)
        {
            (int image, int block) = Math.DivRem(unit, blocks);
            int row = Convolution.Cut(_shape.OutHeight, block, blocks),
                rows = Convolution.Cut(_shape.OutHeight, block + 1, blocks) - row;
            nint plane = ((nint)image * _shape.Channels) + channel;
            T* x = _x + (plane * _shape.Plane), dy = _dy + (plane * _shape.OutPlane);
            CopyAtEnds(ref x, ref dy, row, rows);
            for (int column = 0; column < _shape.OutWidth; column += Width)
            {
                if (_shape.StrideWidth == 1) Walk<Count1>(x, dy, row, rows, column, sums);
                else Walk<Count2>(x, dy, row, rows, column, sums);
            }
        }
    }

    /// <summary>
    /// Puts the rows of a block into memory that packs may read around them, if they lie at an end of the tensor. The
    /// planes then begin where they would begin around the copies.
    /// </summary>
    private readonly void CopyAtEnds(ref T* x, ref T* dy, int row, int rows)
    {
        int margin = Margin, width = _shape.Width, outWidth = _shape.OutWidth;
        int first = Math.Clamp((row * _shape.StrideHeight) - _shape.Top, 0, _shape.Height);
        int end = Math.Clamp(((row + rows - 1) * _shape.StrideHeight) + 3 - _shape.Top, first, _shape.Height);
        T* xRows = x + ((nint)first * width), dyRows = dy + ((nint)row * outWidth);
        nint xCount = (nint)(end - first) * width, dyCount = (nint)rows * outWidth;
        if (xRows - _x >= margin && _xEnd - xRows >= xCount + margin && _dyEnd - dyRows >= dyCount + margin) return;
        T* memory = (T*)GemmPacking.Scratch(((3 * (nint)margin) + xCount + dyCount) * sizeof(T));
        T* xCopy = memory + margin, dyCopy = xCopy + xCount + margin;
        new Span<T>(memory, margin).Clear();
        new ReadOnlySpan<T>(xRows, (int)xCount).CopyTo(new Span<T>(xCopy, (int)xCount));
        new Span<T>(xCopy + xCount, margin).Clear();
        new ReadOnlySpan<T>(dyRows, (int)dyCount).CopyTo(new Span<T>(dyCopy, (int)dyCount));
        new Span<T>(dyCopy + dyCount, margin).Clear();
        x = xCopy - ((nint)first * width);
        dy = dyCopy - ((nint)row * outWidth);
    }

    private readonly void Walk<TStride>(T* x, T* dy, int row, int rows, int column, T* sums) where TStride : ICount
    {
        int at = (column * TStride.Value) - _shape.Left;
        dy += ((nint)row * _shape.OutWidth) + column;
        x += at;
        if (Gemm.IsWide)
        {
            WalkWindow<TStride>(x, dy, row, rows, column, at, sums);
            return;
        }

        for (int u = 0; u < 3; u++) WalkRow<TStride>(x, dy, row, rows, column, at, u, sums + (3 * u * Width));
    }

    /// <summary>All taps, with 32 registers: a row of x is read once for all rows of the window.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkWindow<TStride>(T* x, T* dy, int row, int rows, int column, int at, T* sums)
        where TStride : ICount
    {
        int width = _shape.Width, height = _shape.Height, outWidth = _shape.OutWidth, from;
        Masks<TStride>(column, at, out Vector512<T> inside, out Vector512<T> in0, out Vector512<T> in1,
            out Vector512<T> in2);
        Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default,
            s7 = default, s8 = default;
        Vector512<T> a0 = default, a1 = default, a2 = default, b0 = default, b1 = default, b2 = default, c0 = default,
            c1 = default, c2 = default;
        from = (row * TStride.Value) - _shape.Top;
        x += (nint)from * width;
        // The rows that the first step finds as those before: the upper one, and with a stride of 1 the middle one.
        if ((uint)from < (uint)height)
        {
            if (TStride.Value == 1) Read<TStride>(x, in0, in1, in2, out b0, out b1, out b2);
            else Read<TStride>(x, in0, in1, in2, out c0, out c1, out c2);
        }

        if (TStride.Value == 1)
        {
            x += width;
            from++;
            if ((uint)from < (uint)height) Read<TStride>(x, in0, in1, in2, out c0, out c1, out c2);
        }

        for (; rows > 0; rows--, dy += outWidth)
        {
            Vector512<T> d = Simd.Load(dy) & inside;
            if (TStride.Value == 1)
            {
                (a0, a1, a2) = (b0, b1, b2);
                (b0, b1, b2) = (c0, c1, c2);
            }
            else
            {
                (a0, a1, a2) = (c0, c1, c2);
                x += width;
                from++;
                if ((uint)from < (uint)height) Read<TStride>(x, in0, in1, in2, out b0, out b1, out b2);
            }

            x += width;
            from++;
            if ((uint)from < (uint)height) Read<TStride>(x, in0, in1, in2, out c0, out c1, out c2);
            if ((uint)(from - 2) < (uint)height)
            {
                s0 = Simd.Fma(d, a0, s0);
                s1 = Simd.Fma(d, a1, s1);
                s2 = Simd.Fma(d, a2, s2);
            }

            if ((uint)(from - 1) < (uint)height)
            {
                s3 = Simd.Fma(d, b0, s3);
                s4 = Simd.Fma(d, b1, s4);
                s5 = Simd.Fma(d, b2, s5);
            }

            if ((uint)from < (uint)height)
            {
                s6 = Simd.Fma(d, c0, s6);
                s7 = Simd.Fma(d, c1, s7);
                s8 = Simd.Fma(d, c2, s8);
            }
        }

        Add(sums, s0, s1, s2);
        Add(sums + (3 * Width), s3, s4, s5);
        Add(sums + (6 * Width), s6, s7, s8);
    }

    /// <summary>The taps of a row of the window.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void WalkRow<TStride>(T* x, T* dy, int row, int rows, int column, int at, int u, T* sums)
        where TStride : ICount
    {
        int width = _shape.Width, height = _shape.Height, outWidth = _shape.OutWidth;
        Masks<TStride>(column, at, out Vector512<T> inside, out Vector512<T> in0, out Vector512<T> in1,
            out Vector512<T> in2);
        Vector512<T> s0 = default, s1 = default, s2 = default;
        for (int end = row + rows; row < end; row++, dy += outWidth)
        {
            int from = (row * TStride.Value) + u - _shape.Top;
            if ((uint)from >= (uint)height) continue;
            Vector512<T> d = Simd.Load(dy) & inside;
            Read<TStride>(x + ((nint)from * width), in0, in1, in2, out Vector512<T> v0, out Vector512<T> v1,
                out Vector512<T> v2);
            s0 = Simd.Fma(d, v0, s0);
            s1 = Simd.Fma(d, v1, s1);
            s2 = Simd.Fma(d, v2, s2);
        }

        Add(sums, s0, s1, s2);
    }

    /// <summary>
    /// The lanes of dy that there are, and for each tap of a row those that read a value of x. Other values are zeros,
    /// so that none of them, whatever it is, reaches a sum.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Masks<TStride>(int column, int at, out Vector512<T> inside, out Vector512<T> in0,
        out Vector512<T> in1, out Vector512<T> in2) where TStride : ICount
    {
        int width = _shape.Width;
        inside = Simd.Within<T>(column, _shape.OutWidth);
        if (TStride.Value == 1)
        {
            in0 = Simd.Within<T>(at, width);
            in1 = Simd.Within<T>(at + 1, width);
            in2 = Simd.Within<T>(at + 2, width);
        }
        else
        {
            Strided.ThreeWithin(at, width, out in0, out in1, out in2);
        }

        in0 &= inside;
        in1 &= inside;
        in2 &= inside;
    }

    /// <summary>The values of a row of x at the three taps of a pack of windows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Read<TStride>(T* x, Vector512<T> in0, Vector512<T> in1, Vector512<T> in2,
        out Vector512<T> v0, out Vector512<T> v1, out Vector512<T> v2) where TStride : ICount
    {
        if (TStride.Value == 1)
            (v0, v1, v2) = (Simd.Load(x) & in0, Simd.Load(x + 1) & in1, Simd.Load(x + 2) & in2);
        else Strided.Three(x, in0, in1, in2, out v0, out v1, out v2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(T* sums, Vector512<T> s0, Vector512<T> s1, Vector512<T> s2)
    {
        Simd.Store(sums, Simd.Load(sums) + s0);
        Simd.Store(sums + Width, Simd.Load(sums + Width) + s1);
        Simd.Store(sums + (2 * Width), Simd.Load(sums + (2 * Width)) + s2);
    }
}
