using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>
/// The windows of a pooling along one dimension. Window o begins at o·stride - padding and takes every dilation-th
/// place. If the kernel is 0 (adaptive), it reaches from floor(o·input/output) to ceil((o + 1)·input/output).
/// </summary>
internal readonly record struct PoolAxis(int Input, int Output, int Kernel, int Stride, int Pad, int Dilation)
{
    /// <summary>
    /// True if the windows are pairs side by side and at most one input lies behind the last pair. No window covers
    /// that input.
    /// </summary>
    public bool IsPairs => Kernel == 2 && Stride == 2 && Pad == 0 && Dilation == 1 && Output == Input / 2;

    /// <summary>True if the numbers make sense: windows exist and move on.</summary>
    public bool IsSound => Input >= 0 && Output >= 0
        && (Kernel == 0 || (Kernel >= 1 && Stride >= 1 && Pad >= 0 && Dilation >= 1));

    /// <summary>One window over a single place: the rows of a one-dimensional pooling.</summary>
    public static PoolAxis Single => new(1, 1, 1, 1, 0, 1);

    /// <summary>Windows that cut the input into parts as even as possible, one per output.</summary>
    public static PoolAxis Adaptive(int input, int output) => new(input, output, 0, 0, 0, 1);

    /// <summary>
    /// Window <paramref name="o"/> without dilation: the inputs from <paramref name="first"/> up to
    /// <paramref name="end"/>, and its size with the padding that it covers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Window(int o, out int first, out int end, out int padded)
    {
        if (Kernel == 0)
        {
            first = (int)((long)o * Input / Output);
            end = (int)((((long)o + 1) * Input + Output - 1) / Output);
            padded = end - first;
            return;
        }

        Debug.Assert(Dilation == 1);
        first = (o * Stride) - Pad;
        end = Math.Min(first + Kernel, Input + Pad);
        padded = end - first;
        first = Math.Max(first, 0);
        end = Math.Min(end, Input);
    }

    /// <summary>
    /// Window <paramref name="o"/> with dilation: from <paramref name="first"/> in steps up to below
    /// <paramref name="end"/>. It has no place if first is not below end.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void DilatedWindow(int o, out int first, out int end)
    {
        Debug.Assert(Kernel >= 1, "an adaptive window has no dilation");
        first = (o * Stride) - Pad;
        end = Math.Min(first + ((Kernel - 1) * Dilation) + 1, Input);
        while (first < 0) first += Dilation;
    }
}

/// <summary>Pooling of planes (rows x columns, one after the other in memory).</summary>
internal readonly record struct PoolPlanes(int Count, PoolAxis Rows, PoolAxis Columns)
{
    /// <summary>Elements per chunk: enough to be worth a thread.</summary>
    private const int ChunkElements = 1 << 14;

    /// <summary>True if the numbers make sense.</summary>
    public bool IsSound => Count >= 0 && Rows.IsSound && Columns.IsSound;

    /// <summary>Elements of an input plane.</summary>
    public int InputSize => Rows.Input * Columns.Input;

    /// <summary>Elements of an output plane.</summary>
    public int OutputSize => Rows.Output * Columns.Output;

    /// <summary>Planes per chunk.</summary>
    public int PerChunk => Math.Max(1, ChunkElements / Math.Max(1, Math.Max(InputSize, OutputSize)));

    public int Chunks => (Count + PerChunk - 1) / PerChunk;

    /// <summary>True if every window is two rows by two columns and the windows lie side by side.</summary>
    public bool IsQuads => Rows.IsPairs && Columns.IsPairs;

    /// <summary>True if the windows of <see cref="IsQuads"/> cover every input.</summary>
    public bool IsQuadsExactly => IsQuads && (Rows.Input & 1) == 0 && (Columns.Input & 1) == 0;
}
