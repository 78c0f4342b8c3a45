using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Volumes with values of their own around them, and back: the gradient of a value is the sum of those at the places
/// where it stands. A chunk is some volumes; a sum runs over the places in their order.
/// </summary>
internal unsafe struct PadJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Elements per chunk: enough to be worth a thread.</summary>
    private const int ChunkElements = 1 << 14;

    private PadAxis _slices, _rows, _columns;
    private int _volumes, _perChunk;
    private bool _isBackward;
    private T* _inner, _outer;

    /// <summary>Writes the padded volumes.</summary>
    public static void Forward(PadAxis slices, PadAxis rows, PadAxis columns, int volumes, T* x, T* y) =>
        Run(slices, rows, columns, volumes, x, y, isBackward: false);

    /// <summary>dx from the gradient of the padded volumes.</summary>
    public static void Backward(PadAxis slices, PadAxis rows, PadAxis columns, int volumes, T* dy, T* dx) =>
        Run(slices, rows, columns, volumes, dx, dy, isBackward: true);

    private static void Run(
        PadAxis slices, PadAxis rows, PadAxis columns, int volumes, T* inner, T* outer, bool isBackward)
    {
        Debug.Assert(volumes >= 0 && slices.IsSound && rows.IsSound && columns.IsSound);
        int volume = slices.Output * rows.Output * columns.Output;
        Debug.Assert(Contracts.AreApart(inner, (long)volumes * slices.Input * rows.Input * columns.Input,
            outer, (long)volumes * volume), "the padded volumes overlap the others");
        var job = new PadJob<T>
        {
            _slices = slices,
            _rows = rows,
            _columns = columns,
            _volumes = volumes,
            _perChunk = Math.Max(1, ChunkElements / volume),
            _isBackward = isBackward,
            _inner = inner,
            _outer = outer,
        };
        Workers.Run(Convolution.DivideUp(volumes, job._perChunk), job);
    }

    public readonly void Invoke(int chunk)
    {
        int end = Math.Min(_volumes, (chunk + 1) * _perChunk), width = _columns.Input;
        nint count = (nint)_slices.Input * _rows.Input * width;
        T* outer = _outer + ((nint)chunk * _perChunk * _slices.Output * _rows.Output * _columns.Output);
        for (int volume = chunk * _perChunk; volume < end; volume++)
        {
            T* inner = _inner + (volume * count);
            if (_isBackward) new Span<T>(inner, (int)count).Clear();
            for (int slice = 0; slice < _slices.Output; slice++)
            {
                nint first = (nint)_slices.Source(slice) * _rows.Input;
                for (int row = 0; row < _rows.Output; row++, outer += _columns.Output)
                {
                    T* from = inner + ((first + _rows.Source(row)) * width);
                    if (_isBackward) AddRow(outer, from);
                    else CopyRow(from, outer);
                }
            }
        }
    }

    private readonly void CopyRow(T* inner, T* outer)
    {
        int before = _columns.Before, width = _columns.Input;
        for (int j = 0; j < before; j++) outer[j] = inner[_columns.Source(j)];
        new ReadOnlySpan<T>(inner, width).CopyTo(new Span<T>(outer + before, width));
        for (int j = before + width; j < _columns.Output; j++) outer[j] = inner[_columns.Source(j)];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void AddRow(T* outer, T* inner)
    {
        int before = _columns.Before, width = _columns.Input, pack = Vector512<T>.Count, i = 0;
        for (int j = 0; j < before; j++) inner[_columns.Source(j)] += outer[j];
        T* middle = outer + before;
        for (; i <= width - pack; i += pack) Simd.Store(inner + i, Simd.Load(inner + i) + Simd.Load(middle + i));
        if (i < width)
        {
            Simd.StorePartial(inner + i,
                Simd.LoadPartial(inner + i, width - i) + Simd.LoadPartial(middle + i, width - i), width - i);
        }

        for (int j = before + width; j < _columns.Output; j++) inner[_columns.Source(j)] += outer[j];
    }
}
