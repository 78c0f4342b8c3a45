using System.Diagnostics;

namespace Evenkeel.Kernels;

/// <summary>
/// A map from planes to planes whose results are sums over a window: result[i, j] = Σ_c,u,v w[c,u,v]·source[c, i·stride
/// + u·dilation - top, j·stride + v·dilation - left], with zeros beside the source.
/// </summary>
/// <remarks>
/// The forward pass is one map. The gradient of the input is one map per phase: the place of a pixel between two steps
/// of the window.
/// </remarks>
internal readonly record struct PlaneMap
{
    public int Channels { get; init; }

    public int Height { get; init; }

    public int Width { get; init; }

    public int KernelHeight { get; init; }

    public int KernelWidth { get; init; }

    public int StrideHeight { get; init; }

    public int StrideWidth { get; init; }

    public int DilationHeight { get; init; }

    public int DilationWidth { get; init; }

    /// <summary>Rows of zeros above the source. If negative, no window reads the first -Top rows.</summary>
    public int Top { get; init; }

    /// <summary>Columns of zeros left of the source. If negative, no window reads the first -Left columns.</summary>
    public int Left { get; init; }

    /// <summary>Rows of results.</summary>
    public int Rows { get; init; }

    /// <summary>Results per row.</summary>
    public int Columns { get; init; }

    /// <summary>Terms per result.</summary>
    public int Taps => Channels * KernelHeight * KernelWidth;

    /// <summary>Rows of the source, with the rows of zeros, under a number of rows of results.</summary>
    public int RowsUnder(int rows) => ((rows - 1) * StrideHeight) + ((KernelHeight - 1) * DilationHeight) + 1;

    /// <summary>Columns of the source, with the columns of zeros, under a row of results.</summary>
    public int ColumnsUnder => ((Columns - 1) * StrideWidth) + ((KernelWidth - 1) * DilationWidth) + 1;

    /// <summary>The forward pass of one group.</summary>
    public static PlaneMap Forward(in ConvolutionShape shape) => new()
    {
        Channels = shape.GroupChannels,
        Height = shape.Height,
        Width = shape.Width,
        KernelHeight = shape.KernelHeight,
        KernelWidth = shape.KernelWidth,
        StrideHeight = shape.StrideHeight,
        StrideWidth = shape.StrideWidth,
        DilationHeight = shape.DilationHeight,
        DilationWidth = shape.DilationWidth,
        Top = shape.Top,
        Left = shape.Left,
        Rows = shape.OutHeight,
        Columns = shape.OutWidth,
    };

    /// <summary>The gradient of the input of one group, at the pixels of one phase.</summary>
    public static PlaneMap Backward(in ConvolutionShape shape, in Phase rows, in Phase columns) => new()
    {
        Channels = shape.GroupFilters,
        Height = shape.OutHeight,
        Width = shape.OutWidth,
        KernelHeight = rows.Taps,
        KernelWidth = columns.Taps,
        StrideHeight = 1,
        StrideWidth = 1,
        DilationHeight = rows.Dilation,
        DilationWidth = columns.Dilation,
        Top = rows.Before,
        Left = columns.Before,
        Rows = rows.Count,
        Columns = columns.Count,
    };
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
