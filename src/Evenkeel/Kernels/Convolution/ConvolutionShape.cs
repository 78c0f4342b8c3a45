namespace Evenkeel.Kernels;

/// <summary>
/// The sizes of a convolution over volumes; a plane is a volume of one slice, a row is a plane of one row. Channels and
/// filters are counted over all groups. A window may begin up to <see cref="Top"/> rows above the input, and likewise
/// in front of it and left of it.
/// </summary>
internal readonly record struct ConvolutionShape
{
    /// <summary>Number of images.</summary>
    public int Images { get; init; }

    /// <summary>Channels of the input, over all groups.</summary>
    public int Channels { get; init; }

    /// <summary>Slices of an input volume: its planes, one behind the other.</summary>
    public int Depth { get; init; }

    /// <summary>Rows of an input plane.</summary>
    public int Height { get; init; }

    /// <summary>Columns of an input plane.</summary>
    public int Width { get; init; }

    /// <summary>Channels of the output, over all groups.</summary>
    public int Filters { get; init; }

    /// <summary>Slices of the window.</summary>
    public int KernelDepth { get; init; }

    /// <summary>Rows of the window.</summary>
    public int KernelHeight { get; init; }

    /// <summary>Columns of the window.</summary>
    public int KernelWidth { get; init; }

    public int StrideDepth { get; init; }

    public int StrideHeight { get; init; }

    public int StrideWidth { get; init; }

    public int DilationDepth { get; init; }

    public int DilationHeight { get; init; }

    public int DilationWidth { get; init; }

    /// <summary>Slices of zeros in front of the input. The size of the output determines those behind.</summary>
    public int Front { get; init; }

    /// <summary>Rows of zeros above the input. The size of the output determines those below.</summary>
    public int Top { get; init; }

    /// <summary>Columns of zeros left of the input.</summary>
    public int Left { get; init; }

    public int Groups { get; init; }

    /// <summary>Slices of an output volume.</summary>
    public int OutDepth { get; init; }

    /// <summary>Rows of an output plane.</summary>
    public int OutHeight { get; init; }

    /// <summary>Columns of an output plane.</summary>
    public int OutWidth { get; init; }

    /// <summary>True if the numbers make sense: windows exist and move on, and the groups are whole.</summary>
    public bool IsSound => Images >= 0 && Channels >= 1 && Filters >= 1 && Groups >= 1 && Channels % Groups == 0
        && Filters % Groups == 0 && KernelDepth >= 1 && KernelHeight >= 1 && KernelWidth >= 1 && StrideDepth >= 1
        && StrideHeight >= 1 && StrideWidth >= 1 && DilationDepth >= 1 && DilationHeight >= 1 && DilationWidth >= 1
        && Front >= 0 && Top >= 0 && Left >= 0 && OutDepth >= 1 && OutHeight >= 1 && OutWidth >= 1;

    /// <summary>True if the volumes and the window have one slice.</summary>
    public bool IsFlat => Depth == 1 && KernelDepth == 1 && OutDepth == 1;

    /// <summary>True if each filter reads one plane, through a window of 3x3.</summary>
    public bool IsSingleThree => this is
    {
        IsFlat: true, GroupChannels: 1, GroupFilters: 1, KernelHeight: 3, KernelWidth: 3, DilationHeight: 1,
        DilationWidth: 1,
    };

    /// <summary>Channels of the input that a filter reads.</summary>
    public int GroupChannels => Channels / Groups;

    /// <summary>Filters per group.</summary>
    public int GroupFilters => Filters / Groups;

    /// <summary>Places of the window.</summary>
    public int Window => KernelDepth * KernelHeight * KernelWidth;

    /// <summary>Weights per filter: the terms of an output element.</summary>
    public int Taps => GroupChannels * Window;

    /// <summary>Values of an input plane.</summary>
    public int Plane => Height * Width;

    /// <summary>Values of an input volume.</summary>
    public int Volume => Depth * Plane;

    /// <summary>Values of an output plane.</summary>
    public int OutPlane => OutHeight * OutWidth;

    /// <summary>Values of an output volume.</summary>
    public int OutVolume => OutDepth * OutPlane;
}
