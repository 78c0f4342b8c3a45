using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>
/// The windows of a pooling along one dimension. Window o begins at o·stride - before and takes every dilation-th
/// place. If the kernel is 0 (adaptive), it reaches from floor(o·input/output) to ceil((o + 1)·input/output).
/// </summary>
/// <param name="Input">Places of the input.</param>
/// <param name="Output">Number of windows.</param>
/// <param name="Kernel">Places of a window.</param>
/// <param name="Stride">From one window to the next.</param>
/// <param name="Before">Places of padding before the input.</param>
/// <param name="After">Places of padding behind the input.</param>
/// <param name="Dilation">From one place of a window to the next.</param>
internal readonly record struct PoolAxis(
    int Input, int Output, int Kernel, int Stride, int Before, int After, int Dilation)
{
    /// <summary>Largest input with its padding, and largest window: sums of two are still ints.</summary>
    public const int Longest = 1 << 30;

    /// <summary>
    /// True if the windows are pairs side by side and at most one input lies behind the last pair. No window covers
    /// that input.
    /// </summary>
    public bool IsPairs => Kernel == 2 && Stride == 2 && Before == 0 && Dilation == 1 && Output == Input / 2;

    /// <summary>True if each window is one place, and each place has one.</summary>
    public bool IsIdentity => Kernel == 1 && Stride == 1 && Before == 0 && Output == Input;

    /// <summary>True if the numbers make sense: windows exist and move on.</summary>
    public bool IsSound => Input >= 0 && Output >= 0
        && (Kernel == 0 || (Kernel >= 1 && Stride >= 1 && Before >= 0 && After >= 0 && Dilation >= 1));

    /// <summary>From the first place of a window to its last one, both counted.</summary>
    public int Span => ((Kernel - 1) * Dilation) + 1;

    /// <summary>One window over a single place: the rows of a one-dimensional pooling.</summary>
    public static PoolAxis Single => new(1, 1, 1, 1, 0, 0, 1);

    /// <summary>Windows that cut the input into parts as even as possible, one per output.</summary>
    public static PoolAxis Adaptive(int input, int output) => output > 0 && input % output == 0
        ? new(input, output, input / output, input / output, 0, 0, 1)
        : new(input, output, 0, 0, 0, 0, 1);

    /// <summary>The places of window <paramref name="o"/>.</summary>
    /// <param name="o">The window.</param>
    /// <param name="first">The first place inside the input. The others follow at the dilation's distance.</param>
    /// <param name="count">Places inside the input; 0 if all are padding.</param>
    /// <param name="counted">Places inside the input and its padding.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Window(int o, out int first, out int count, out int counted)
    {
        if (Kernel == 0)
        {
            first = (int)((long)o * Input / Output);
            counted = count = (int)((((long)o + 1) * Input + Output - 1) / Output) - first;
            return;
        }

        first = (o * Stride) - Before;
        int inside = Input - first, padded = inside + After, skipped = 0;
        if (Dilation != 1)
        {
            inside = Steps(inside);
            padded = Steps(padded);
            if (first < 0) skipped = Steps(-first);
        }
        else if (first < 0)
        {
            skipped = -first;
        }

        first += skipped * Dilation;
        counted = Math.Min(Kernel, padded);
        count = Math.Max(0, Math.Min(Kernel, inside) - skipped);
    }

    /// <summary>Places at the dilation's distance within so many.</summary>
    private int Steps(int places) => places <= 0 ? 0 : (places + Dilation - 1) / Dilation;
}

/// <summary>
/// Pooling of volumes (slices x rows x columns, one after the other in memory). Planes are volumes of one slice, rows
/// are planes of one row.
/// </summary>
/// <param name="Count">Number of volumes.</param>
/// <param name="Slices">The windows along the depth.</param>
/// <param name="Rows">The windows along the height.</param>
/// <param name="Columns">The windows along the width.</param>
internal readonly record struct PoolShape(int Count, PoolAxis Slices, PoolAxis Rows, PoolAxis Columns)
{
    /// <summary>Elements per chunk: enough to be worth a thread.</summary>
    private const int ChunkElements = 1 << 14;

    /// <summary>
    /// Volumes whose slices are not pooled are planes, and planes whose rows are not pooled are rows.
    /// </summary>
    public static PoolShape Create(int count, PoolAxis slices, PoolAxis rows, PoolAxis columns)
    {
        if (slices.IsIdentity) (count, slices) = (count * slices.Input, PoolAxis.Single);
        if (slices == PoolAxis.Single && rows.IsIdentity) (count, rows) = (count * rows.Input, PoolAxis.Single);
        return new PoolShape(count, slices, rows, columns);
    }

    /// <summary>True if the numbers make sense.</summary>
    public bool IsSound => Count >= 0 && Slices.IsSound && Rows.IsSound && Columns.IsSound;

    /// <summary>Elements of an input volume.</summary>
    public int InputSize => Slices.Input * Rows.Input * Columns.Input;

    /// <summary>Elements of an output volume.</summary>
    public int OutputSize => Slices.Output * Rows.Output * Columns.Output;

    /// <summary>Volumes per chunk.</summary>
    public int PerChunk => Math.Max(1, ChunkElements / Math.Max(1, Math.Max(InputSize, OutputSize)));

    public int Chunks => (int)(((long)Count + PerChunk - 1) / PerChunk);

    /// <summary>True if every window is two rows by two columns and the windows lie side by side.</summary>
    public bool IsQuads => Slices == PoolAxis.Single && Rows.IsPairs && Columns.IsPairs;

    /// <summary>True if the windows of <see cref="IsQuads"/> cover every input.</summary>
    public bool IsQuadsExactly => IsQuads && (Rows.Input & 1) == 0 && (Columns.Input & 1) == 0;
}
