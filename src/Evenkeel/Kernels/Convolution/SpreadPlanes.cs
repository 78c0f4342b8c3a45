using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// The gradient of the input of a depthwise convolution with a window of 3x3, a stride of 2 and a padding of 1, at all
/// phases together, with AVX-512. A chunk is some planes.
/// </summary>
/// <remarks>
/// A pack of columns walks down the rows of dy. Two of its rows, and the same ones a column further, make two rows of
/// dx: even and odd columns, which are stored in turn. Each result is one FMA chain in the order of the taps of its
/// phase, so the bits are those of the maps of the phases.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct SpreadPlanes<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    private ConvolutionShape _shape;
    private int _planes, _perChunk;
    private bool _fuseReLU;
    private T* _dy, _dyEnd, _weight, _bias, _dx;

    /// <summary>
    /// Whether a convolution has that form. Without AVX-512 it goes by phases, so that infinities and NaN reach the
    /// same results.
    /// </summary>
    public static bool HasForm(in ConvolutionShape shape) =>
        shape is { IsSingleThree: true, StrideHeight: 2, StrideWidth: 2, Top: 1, Left: 1 };

    /// <summary>Whether a convolution has that form, and the hardware the registers.</summary>
    public static bool Applies(in ConvolutionShape shape) => Avx512F.IsSupported && HasForm(shape);

    /// <summary>dx + bias, or max(dx + bias, 0).</summary>
    public static void Run(in ConvolutionShape shape, T* dy, T* weight, T* bias, T* dx, bool fuseReLU)
    {
        Debug.Assert(Applies(shape) && shape.Width <= (2 * shape.OutWidth) + 1);
        var job = new SpreadPlanes<T>
        {
            _shape = shape,
            _planes = shape.Images * shape.Channels,
            _perChunk = Convolution.UnitsPerChunk((double)shape.OutPlane * shape.Taps),
            _fuseReLU = fuseReLU,
            _dy = dy,
            _dyEnd = dy + ((nint)shape.Images * shape.Channels * shape.OutPlane),
            _weight = weight,
            _bias = bias,
            _dx = dx,
        };
        Workers.Run(Convolution.DivideUp(job._planes, job._perChunk), job);
    }

    /// <inheritdoc/>
    public readonly void Invoke(int chunk)
    {
        int pack = Vector512<T>.Count, end = Math.Min(_planes, (chunk + 1) * _perChunk), outWidth = _shape.OutWidth;
        // From each value of a row a pack is read, and the same a column further.
        int room = outWidth + pack + 1, rows = Math.Min(_shape.OutHeight, Convolution.DivideUp(room, outWidth));
        for (int plane = chunk * _perChunk; plane < end; plane++)
        {
            T* dy = _dy + ((nint)plane * _shape.OutPlane), next = dy + _shape.OutPlane, tail = null;
            int tailRow = _shape.OutHeight;
            if (_dyEnd - (next - outWidth) < room)
            {
                int count = rows * outWidth;
                tail = (T*)GemmPacking.Scratch(((nint)count + pack + 1) * sizeof(T));
                new ReadOnlySpan<T>(next - count, count).CopyTo(new Span<T>(tail, count));
                new Span<T>(tail + count, pack + 1).Clear();
                tailRow -= rows;
            }

            Plane(dy, tail, tailRow, plane % _shape.Channels, _dx + ((nint)plane * _shape.Plane));
        }
    }

    /// <summary>A plane. Its rows of dy from <paramref name="tailRow"/> on lie somewhere else.</summary>
    private readonly void Plane(T* dy, T* tail, int tailRow, int channel, T* dx)
    {
        int pack = Vector512<T>.Count, width = _shape.Width;
        for (int column = 0; column < width; column += 2 * pack)
        {
            // The last two packs overlap those before, if their columns come in pairs.
            int at = width >= 2 * pack && width % 2 == 0 ? Math.Min(column, width - (2 * pack)) : column, from = at / 2;
            if (width - at >= 2 * pack) Walk<WholePack>(dy + from, tail + from, tailRow, channel, dx + at, at);
            else Walk<PartOfPack>(dy + from, tail + from, tailRow, channel, dx + at, at);
        }
    }

    /// <summary>Two packs of columns of a plane, from column <paramref name="at"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Walk<TStore>(T* dy, T* tail, int tailRow, int channel, T* dx, int at)
        where TStore : IPackStore
    {
        T* w = _weight + (9 * channel);
        Vector512<T> w0 = Simd.Broadcast(w[0]), w1 = Simd.Broadcast(w[1]), w2 = Simd.Broadcast(w[2]);
        Vector512<T> w3 = Simd.Broadcast(w[3]), w4 = Simd.Broadcast(w[4]), w5 = Simd.Broadcast(w[5]);
        Vector512<T> w6 = Simd.Broadcast(w[6]), w7 = Simd.Broadcast(w[7]), w8 = Simd.Broadcast(w[8]);
        Vector512<T> shift = Simd.Broadcast(_bias == null ? T.Zero : _bias[channel]);
        Vector512<T> limit = Simd.Broadcast(_fuseReLU ? T.Zero : T.NaN), zero = default;
        int outWidth = _shape.OutWidth, outHeight = _shape.OutHeight, height = _shape.Height, width = _shape.Width;
        int pack = Vector512<T>.Count, near = Math.Min(pack, width - at), far = Math.Clamp(width - at - pack, 0, pack);
        Vector512<T> inside = Simd.Within<T>(at / 2, outWidth), insideNext = Simd.Within<T>((at / 2) + 1, outWidth);
        if (tailRow == 0) dy = tail;
        Vector512<T> a = Simd.Load(dy) & inside, aNext = Simd.Load(dy + 1) & insideNext;
        for (int row = 0; row < height; row += 2, dx += width)
        {
            Vector512<T> even = Simd.Fma(w4, a, zero), odd = Simd.Fma(w3, aNext, Simd.Fma(w5, a, zero));
            Strided.MergePack<T, TStore>(even, odd, shift, limit, dx, near, far);
            if (row + 1 == height) return;
            Vector512<T> b = default, bNext = default;
            int next = (row / 2) + 1;
            dy = next == tailRow ? tail : dy + outWidth;
            if (next < outHeight) (b, bNext) = (Simd.Load(dy) & inside, Simd.Load(dy + 1) & insideNext);
            even = Simd.Fma(w1, b, Simd.Fma(w7, a, zero));
            odd = Simd.Fma(w0, bNext, Simd.Fma(w2, b, Simd.Fma(w6, aNext, Simd.Fma(w8, a, zero))));
            dx += width;
            Strided.MergePack<T, TStore>(even, odd, shift, limit, dx, near, far);
            (a, aNext) = (b, bNext);
        }
    }
}
