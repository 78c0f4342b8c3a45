using System.Diagnostics;

namespace Evenkeel.Kernels;

/// <summary>
/// A map from volumes to volumes whose results are sums over a window: result[k, i, j] = Σ_c,t,u,v
/// w[c,t,u,v]·source[c, k·stride + t·dilation - front, i·stride + u·dilation - top, j·stride + v·dilation - left], with
/// zeros beside the source.
/// </summary>
/// <remarks>
/// The forward pass is one map. The gradient of the input is one map per phase: the place of a pixel between two steps
/// of the window.
/// </remarks>
internal readonly record struct PlaneMap
{
    public int Channels { get; init; }

    public int Depth { get; init; }

    public int Height { get; init; }

    public int Width { get; init; }

    public int KernelDepth { get; init; }

    public int KernelHeight { get; init; }

    public int KernelWidth { get; init; }

    public int StrideDepth { get; init; }

    public int StrideHeight { get; init; }

    public int StrideWidth { get; init; }

    public int DilationDepth { get; init; }

    public int DilationHeight { get; init; }

    public int DilationWidth { get; init; }

    /// <summary>
    /// True if the results are the pixels of all phases of rows and columns of a stride of 2. The window, turned, is
    /// the whole one, and every second result belongs to a value of the source.
    /// </summary>
    public bool IsTransposed { get; init; }

    /// <summary>Slices of zeros in front of the source. If negative, no window reads the first -Front.</summary>
    public int Front { get; init; }

    /// <summary>Rows of zeros above the source. If negative, no window reads the first -Top rows.</summary>
    public int Top { get; init; }

    /// <summary>Columns of zeros left of the source. If negative, no window reads the first -Left columns.</summary>
    public int Left { get; init; }

    /// <summary>Slices of results.</summary>
    public int Slices { get; init; }

    /// <summary>Rows of results.</summary>
    public int Rows { get; init; }

    /// <summary>Results per row.</summary>
    public int Columns { get; init; }

    /// <summary>Values of the source of a group.</summary>
    public nint SourceVolume => (nint)Channels * Depth * Height * Width;

    /// <summary>Terms per result.</summary>
    public int Taps => KernelDepth * SliceTaps;

    /// <summary>Terms per result from a slice of the window.</summary>
    public int SliceTaps => Channels * KernelHeight * KernelWidth;

    /// <summary>Whether a slice of the window lies in the source for a slice of results.</summary>
    public bool IsInside(int slice, int tap) =>
        (uint)((slice * StrideDepth) + (tap * DilationDepth) - Front) < (uint)Depth;

    /// <summary>
    /// The slices of the window that a slice of results reads: from one up to another. Those of zeros are left out, but
    /// one remains if there is no other.
    /// </summary>
    public (int First, int End) TapSlices(int slice)
    {
        int first = 0, end = KernelDepth;
        while (first < end - 1 && !IsInside(slice, first)) first++;
        while (end > first + 1 && !IsInside(slice, end - 1)) end--;
        return (first, end);
    }

    /// <summary>Slices of the source, with the slices of zeros, under a number of slices of results.</summary>
    public int SlicesUnder(int slices) => ((slices - 1) * StrideDepth) + ((KernelDepth - 1) * DilationDepth) + 1;

    /// <summary>Rows of the source, with the rows of zeros, under a number of rows of results.</summary>
    public int RowsUnder(int rows) => ((rows - 1) * StrideHeight) + ((KernelHeight - 1) * DilationHeight) + 1;

    /// <summary>Columns of the source, with the columns of zeros, under a row of results.</summary>
    public int ColumnsUnder => ((Columns - 1) * StrideWidth) + ((KernelWidth - 1) * DilationWidth) + 1;

    /// <summary>The forward pass of one group.</summary>
    public static PlaneMap Forward(in ConvolutionShape shape) => new()
    {
        Channels = shape.GroupChannels,
        Depth = shape.Depth,
        Height = shape.Height,
        Width = shape.Width,
        KernelDepth = shape.KernelDepth,
        KernelHeight = shape.KernelHeight,
        KernelWidth = shape.KernelWidth,
        StrideDepth = shape.StrideDepth,
        StrideHeight = shape.StrideHeight,
        StrideWidth = shape.StrideWidth,
        DilationDepth = shape.DilationDepth,
        DilationHeight = shape.DilationHeight,
        DilationWidth = shape.DilationWidth,
        Front = shape.Front,
        Top = shape.Top,
        Left = shape.Left,
        Slices = shape.OutDepth,
        Rows = shape.OutHeight,
        Columns = shape.OutWidth,
    };

    /// <summary>The gradient of the input of one group, at the pixels of one phase.</summary>
    public static PlaneMap Backward(in ConvolutionShape shape, in Phases phases) => new()
    {
        Channels = shape.GroupFilters,
        Depth = shape.OutDepth,
        Height = shape.OutHeight,
        Width = shape.OutWidth,
        KernelDepth = phases.Slices.Taps,
        KernelHeight = phases.Rows.Taps,
        KernelWidth = phases.Columns.Taps,
        StrideDepth = 1,
        StrideHeight = 1,
        StrideWidth = 1,
        DilationDepth = phases.Slices.Dilation,
        DilationHeight = phases.Rows.Dilation,
        DilationWidth = phases.Columns.Dilation,
        Front = phases.Slices.Before,
        Top = phases.Rows.Before,
        Left = phases.Columns.Before,
        Slices = phases.Slices.Count,
        Rows = phases.Rows.Count,
        Columns = phases.Columns.Count,
    };

    /// <summary>
    /// The gradient of the input of one group, at all pixels of the slices of one phase. The stride of rows and columns
    /// is 2, and their padding 1.
    /// </summary>
    /// <param name="shape">The convolution.</param>
    /// <param name="phases">A phase of slices, and rows and columns as if their stride were 1.</param>
    public static PlaneMap Transposed(in ConvolutionShape shape, in Phases phases) => Backward(shape, phases) with
    {
        IsTransposed = true,
        // The first result of a window of three reads values from the first one on, that of four from one before.
        Top = shape.KernelHeight - 3,
        Left = shape.KernelWidth - 3,
    };
}

/// <summary>One phase along each dimension.</summary>
/// <param name="Slices">Along the depth.</param>
/// <param name="Rows">Along the height.</param>
/// <param name="Columns">Along the width.</param>
internal readonly record struct Phases(Phase Slices, Phase Rows, Phase Columns);

/// <summary>The phases of a convolution that have pixels, and taps that reach them.</summary>
internal struct PhaseList(in ConvolutionShape shape)
{
    private readonly ConvolutionShape _shape = shape;
    private int _slice = -1, _row = shape.StrideHeight, _column = shape.StrideWidth;
    private Phase _slices, _rows, _columns;

    public readonly Phases Current => new(_slices, _rows, _columns);

    public readonly PhaseList GetEnumerator() => this;

    public bool MoveNext()
    {
        do
        {
            if (++_column >= _shape.StrideWidth)
            {
                if (!NextRow()) return false;
                _column = 0;
            }

            _columns = Phase.Create(_column,
                _shape.Width, _shape.KernelWidth, _shape.StrideWidth, _shape.DilationWidth, _shape.Left);
        }
        while (!_columns.IsReached);
        return true;
    }

    private bool NextRow()
    {
        do
        {
            if (++_row >= _shape.StrideHeight)
            {
                if (!NextSlice()) return false;
                _row = 0;
            }

            _rows = Phase.Create(_row,
                _shape.Height, _shape.KernelHeight, _shape.StrideHeight, _shape.DilationHeight, _shape.Top);
        }
        while (!_rows.IsReached);
        return true;
    }

    private bool NextSlice()
    {
        do
        {
            if (++_slice >= _shape.StrideDepth) return false;
            _slices = Phase.Create(_slice,
                _shape.Depth, _shape.KernelDepth, _shape.StrideDepth, _shape.DilationDepth, _shape.Front);
        }
        while (!_slices.IsReached);
        return true;
    }
}

/// <summary>
/// One phase along one dimension: the pixels h ≡ phase - padding (mod stride), and the taps u that reach them.
/// </summary>
/// <remarks>
/// h + padding = i·stride + u·dilation. So the taps with u·dilation ≡ phase (mod stride) reach a pixel,
/// from i = (h + padding - u·dilation)/stride. These taps have equal distances. With the last tap first, i grows with
/// the tap, as in a forward pass.
/// </remarks>
internal readonly record struct Phase
{
    /// <summary>The first pixel.</summary>
    public int First { get; private init; }

    /// <summary>Number of pixels; they lie a stride apart.</summary>
    public int Count { get; private init; }

    /// <summary>Number of taps that reach them.</summary>
    public int Taps { get; private init; }

    /// <summary>The largest of these taps. The others follow downwards, <see cref="TapStep"/> apart.</summary>
    public int LastTap { get; private init; }

    public int TapStep { get; private init; }

    /// <summary>Distance, in windows, between the places from which neighbouring taps reach a pixel.</summary>
    public int Dilation { get; private init; }

    /// <summary>Zeros before the first window.</summary>
    public int Before { get; private init; }

    /// <summary>True if there are pixels, and taps that reach them.</summary>
    public bool IsReached => Count > 0 && Taps > 0;

    /// <summary>
    /// True if taps reach every phase: u·dilation takes all values mod stride if the two have no common divisor, once
    /// in each stride of taps.
    /// </summary>
    public static bool ReachAll(int kernel, int stride, int dilation) => kernel >= stride && Gcd(dilation, stride) == 1;

    public static Phase Create(int phase, int size, int kernel, int stride, int dilation, int padding)
    {
        Debug.Assert(stride >= 1 && phase >= 0 && phase < stride);
        Debug.Assert(kernel >= 1 && dilation >= 1 && padding >= 0);
        int firstTap = 0;
        while (firstTap < kernel && (int)((long)firstTap * dilation % stride) != phase) firstTap++;
        int common = Gcd(dilation, stride), step = stride / common;
        int taps = firstTap < kernel ? ((kernel - 1 - firstTap) / step) + 1 : 0;
        int i0 = padding > phase ? (padding - phase + stride - 1) / stride : 0;
        int first = (i0 * stride) + phase - padding;
        int lastTap = firstTap + ((taps - 1) * step);
        return new Phase
        {
            First = first,
            Count = first < size ? ((size - 1 - first) / stride) + 1 : 0,
            Taps = taps,
            LastTap = lastTap,
            TapStep = step,
            Dilation = dilation / common,
            Before = taps == 0 ? 0 : (((lastTap * dilation) - phase) / stride) - i0,
        };
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}
