using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The gradient of the input for shapes in which lanes of taps are faster. dy times the weights of a row of taps is
/// added to the row of the input that the taps read.
/// </summary>
/// <remarks>
/// The gradient of an image is held with its channels side by side and with its zeros. Then the taps of a window's row,
/// with all their channels, are one run of lanes, and no product has a padding zero as a factor. A tile is some results
/// of a column by one or two packs of lanes, with the filters as terms. The windows of these results lie on different
/// rows, so no addition waits for the one before. A chunk is some images.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct ScatterJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Rows of a tile of two packs: 20 of 32 registers.</summary>
    private const int WideRows = 10;

    private ConvolutionShape _shape;
    private int _perChunk, _runs, _packs;
    private bool _fuseReLU;
    private T* _dy, _weight, _bias, _dx;

    private static int Width => Vector512<T>.Count;

    /// <summary>Rows of an image's gradient, with the zeros.</summary>
    private readonly int Rows =>
        ((_shape.OutHeight - 1) * _shape.StrideHeight) + ((_shape.KernelHeight - 1) * _shape.DilationHeight) + 1;

    private readonly int Columns =>
        ((_shape.OutWidth - 1) * _shape.StrideWidth) + ((_shape.KernelWidth - 1) * _shape.DilationWidth) + 1;

    /// <summary>
    /// Lanes of a run of taps. A run is a row of the window; with a dilation it is one point of the window.
    /// </summary>
    private readonly int Lanes =>
        _shape.DilationWidth == 1 ? _shape.KernelWidth * _shape.GroupChannels : _shape.GroupChannels;

    /// <summary>Elements of scratch memory that <see cref="Run"/> needs.</summary>
    public static int ScratchCount(in ConvolutionShape shape)
    {
        var job = new ScatterJob<T>();
        job.Plan(shape);
        return shape.Filters * job._runs * job._packs * Width;
    }

    /// <summary>The cost per image in multiplications of packs; infinity if the form does not apply.</summary>
    public static double Cost(in ConvolutionShape shape)
    {
        var job = new ScatterJob<T>();
        job.Plan(shape);

        // An image is not cut into bands. So the image must be small, and there must be several images.
        if (!shape.IsFlat || shape.Images < 8 || (long)job.Rows * job.Columns * shape.GroupChannels > 1 << 16)
            return double.PositiveInfinity;
        return shape.Groups * (((double)shape.OutPlane * job._runs * job._packs * (shape.GroupFilters + 4))
            + (1.5 * shape.Plane * shape.GroupChannels));
    }

    /// <summary>dx + bias from dy and the weights, or max(dx + bias, 0).</summary>
    public static void Run(
        in ConvolutionShape shape, T* dy, T* weight, T* bias, T* dx, T* scratch, bool fuseReLU)
    {
        Debug.Assert(shape is { IsSound: true, IsFlat: true });
        Debug.Assert(Contracts.IsAligned(scratch));
        var job = new ScatterJob<T>();
        job.Plan(shape);
        job._dy = dy;
        job._dx = dx;
        job._bias = bias;
        job._fuseReLU = fuseReLU;
        job._weight = scratch;
        Workers.Run(shape.Groups, new WeightsJob { Scatter = job, Weight = weight });
        Workers.Run(Convolution.DivideUp(shape.Images, job._perChunk), job);
    }

    private void Plan(in ConvolutionShape shape)
    {
        _shape = shape;
        _runs = shape.DilationWidth == 1 ? shape.KernelHeight : shape.Window;
        _packs = Convolution.DivideUp(Lanes, Width);
        _perChunk = Convolution.UnitsPerChunk((double)shape.OutPlane * shape.Filters * shape.Taps);
    }

    public readonly void Invoke(int chunk)
    {
        int channels = _shape.GroupChannels, columns = Columns;
        nint count = ((nint)Rows * columns * channels) + ((nint)_packs * Width);
        T* sums = (T*)GemmPacking.Scratch(count * sizeof(T));
        int end = Math.Min(_shape.Images, (chunk + 1) * _perChunk);
        for (int image = chunk * _perChunk; image < end; image++)
        {
            for (int group = 0; group < _shape.Groups; group++)
            {
                nint plane = ((nint)image * _shape.Groups) + group;
                new Span<T>(sums, (int)count).Clear();
                Add(_dy + (plane * _shape.GroupFilters * _shape.OutPlane),
                    _weight + ((nint)group * _shape.GroupFilters * _runs * _packs * Width), sums);
                T* dx = _dx + (plane * channels * _shape.Plane);
                CopyOut(sums, dx, _bias == null ? null : _bias + (group * channels));
                if (_fuseReLU) Convolution.Clip(dx, channels * _shape.Plane);
            }
        }
    }

    /// <summary>Adds each product of dy and a run of taps at its place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Add(T* dy, T* weight, T* sums)
    {
        bool wide = Gemm.IsWide;
        int filters = _shape.GroupFilters, chunks = Convolution.DivideUp(filters, Convolution.TapChunk);
        int tiles = Convolution.DivideUp(_shape.OutHeight, wide ? WideRows : GemmMicro.NarrowRows);
        nint row = (nint)Columns * _shape.GroupChannels, step = (nint)_shape.StrideWidth * _shape.GroupChannels,
            cRow = row * _shape.StrideHeight, bRow = (nint)_packs * Width;
        for (int run = 0; run < _runs; run++, weight += filters * bRow)
        {
            (int u, int v) = _shape.DilationWidth == 1 ? (run, 0) : Math.DivRem(run, _shape.KernelWidth);
            T* at = sums + (u * _shape.DilationHeight * row) + ((nint)v * _shape.DilationWidth * _shape.GroupChannels);
            for (int pack = 0; pack < _packs;)
            {
                int packs = Math.Min(2, _packs - pack);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    int o = Convolution.Cut(filters, chunk, chunks),
                        count = Convolution.Cut(filters, chunk + 1, chunks) - o;
                    T* b = weight + (o * bRow) + ((nint)pack * Width);
                    for (int tile = 0; tile < tiles; tile++)
                    {
                        int i = Convolution.Cut(_shape.OutHeight, tile, tiles),
                            rows = Convolution.Cut(_shape.OutHeight, tile + 1, tiles) - i;
                        T* a = dy + ((nint)o * _shape.OutPlane) + ((nint)i * _shape.OutWidth),
                            c = at + (i * cRow) + ((nint)pack * Width);
                        if (packs == 1 || wide)
                        {
                            Tiles(packs, rows,
                                _shape.OutWidth, count, a, _shape.OutWidth, _shape.OutPlane, b, bRow, c, cRow, step);
                            continue;
                        }

                        // Pack by pack within a column, so the additions keep their order.
                        for (int j = 0; j < _shape.OutWidth; j++)
                        {
                            T* to = c + (j * step);
                            Tiles(1, rows, 1, count, a + j, _shape.OutWidth, _shape.OutPlane, b, bRow, to, cRow, step);
                            Tiles(1, rows, 1, count,
                                a + j, _shape.OutWidth, _shape.OutPlane, b + Width, bRow, to + Width, cRow, step);
                        }
                    }
                }

                pack += packs;
            }
        }
    }

    /// <summary>The tiles of neighbouring columns of results.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles(
        int packs, int rows, nint columns, nint k, T* a, nint aRow, nint aColumn, T* b, nint bRow, T* c, nint cRow,
        nint cStep)
    {
        if (packs == 2)
        {
            switch (rows)
            {
                case 1:
                    ConvolutionMicro.Scatter<T, Count1, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 2:
                    ConvolutionMicro.Scatter<T, Count2, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 3:
                    ConvolutionMicro.Scatter<T, Count3, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 4:
                    ConvolutionMicro.Scatter<T, Count4, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 5:
                    ConvolutionMicro.Scatter<T, Count5, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 6:
                    ConvolutionMicro.Scatter<T, Count6, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 7:
                    ConvolutionMicro.Scatter<T, Count7, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 8:
                    ConvolutionMicro.Scatter<T, Count8, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                case 9:
                    ConvolutionMicro.Scatter<T, Count9, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
                default:
                    ConvolutionMicro.Scatter<T, Count10, Count2>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                    return;
            }
        }

        switch (rows)
        {
            case 1:
                ConvolutionMicro.Scatter<T, Count1, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 2:
                ConvolutionMicro.Scatter<T, Count2, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 3:
                ConvolutionMicro.Scatter<T, Count3, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 4:
                ConvolutionMicro.Scatter<T, Count4, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 5:
                ConvolutionMicro.Scatter<T, Count5, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 6:
                ConvolutionMicro.Scatter<T, Count6, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 7:
                ConvolutionMicro.Scatter<T, Count7, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 8:
                ConvolutionMicro.Scatter<T, Count8, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            case 9:
                ConvolutionMicro.Scatter<T, Count9, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
            default:
                ConvolutionMicro.Scatter<T, Count10, Count1>(columns, k, a, aRow, aColumn, b, bRow, c, cRow, cStep);
                return;
        }
    }

    /// <summary>Copies the gradient of the pixels, without the zeros around them, channel by channel.</summary>
    private readonly void CopyOut(T* sums, T* dx, T* bias)
    {
        int channels = _shape.GroupChannels, rows = Rows, columns = Columns;
        if (_shape.Top == 0 && _shape.Left == 0 && columns == _shape.Width && rows >= _shape.Height)
        {
            PlaneTranspose.Run(sums, channels, _shape.Plane, channels, dx, _shape.Plane, bias);
            return;
        }

        int width = Math.Min(_shape.Width, columns - _shape.Left);
        for (int row = 0; row < _shape.Height; row++)
        {
            T* to = dx + ((nint)row * _shape.Width);
            int from = row + _shape.Top;
            int seen = from < rows ? Math.Max(0, width) : 0;
            if (seen > 0)
            {
                PlaneTranspose.Run(sums + ((((nint)from * columns) + _shape.Left) * channels),
                    channels, seen, channels, to, _shape.Plane, bias);
            }

            for (int channel = 0; seen < _shape.Width && channel < channels; channel++)
            {
                new Span<T>(to + ((nint)channel * _shape.Plane) + seen, _shape.Width - seen)
                    .Fill(bias == null ? T.Zero : bias[channel]);
            }
        }
    }

    /// <summary>The weights of a group as [run of taps][filter][lane]. The lanes behind a run are zero.</summary>
    private struct WeightsJob : IJob
    {
        public ScatterJob<T> Scatter;
        public T* Weight;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int group)
        {
            ConvolutionShape shape = Scatter._shape;
            int runs = Scatter._runs, points = shape.Window / runs;
            nint row = (nint)Scatter._packs * Width;
            T* to = Scatter._weight + ((nint)group * shape.GroupFilters * runs * row),
                from = Weight + ((nint)group * shape.GroupFilters * shape.Taps);
            new Span<T>(to, (int)(shape.GroupFilters * runs * row)).Clear();
            for (int run = 0; run < runs; run++)
            {
                for (int filter = 0; filter < shape.GroupFilters; filter++, to += row)
                {
                    for (int point = 0; point < points; point++)
                    {
                        for (int channel = 0; channel < shape.GroupChannels; channel++)
                        {
                            to[(point * shape.GroupChannels) + channel] =
                                from[((nint)filter * shape.Taps) + (channel * shape.Window) + (run * points) + point];
                        }
                    }
                }
            }
        }
    }
}
