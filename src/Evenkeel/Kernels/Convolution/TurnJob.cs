using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evenkeel.Kernels;

/// <summary>
/// The weights of a phase, reordered from (filter, channel, slice, row, column) to (channel, slice, filter, row,
/// column), from the last slice, row and column to the first. A chunk is some channels, so that what a line of a cache
/// holds is read at once.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct TurnJob<T> : IJob where T : unmanaged
{
    private const int PerChunk = 16;

    public ConvolutionShape Sizes;
    public Phases Phases;
    public T* Weight, Turned;

    public readonly int Chunks => Convolution.DivideUp(Sizes.Channels, PerChunk);

    public readonly void Invoke(int chunk)
    {
        int end = Math.Min(Sizes.Channels, (chunk + 1) * PerChunk);
        for (int channel = chunk * PerChunk; channel < end;)
        {
            int group = channel / Sizes.GroupChannels, next = Math.Min(end, (group + 1) * Sizes.GroupChannels);
            int window = Phases.Rows.Taps * Phases.Columns.Taps, slice = window * Sizes.GroupFilters,
                step = slice * Phases.Slices.Taps;
            T* from = Weight + ((nint)group * Sizes.GroupFilters * Sizes.Taps)
                + ((nint)(channel - (group * Sizes.GroupChannels)) * Sizes.Window),
                to = Turned + ((nint)channel * step);
            for (int filter = 0; filter < Sizes.GroupFilters; filter++, from += Sizes.Taps, to += window)
            {
                if (step == Sizes.GroupFilters) TurnPoints(from, to, next - channel, step);
                else TurnWindows(from, to, next - channel, slice);
            }

            channel = next;
        }
    }

    /// <summary>A weight of each of some channels.</summary>
    private readonly void TurnPoints(T* from, T* to, int channels, nint step)
    {
        from += (((Phases.Slices.LastTap * Sizes.KernelHeight) + Phases.Rows.LastTap) * Sizes.KernelWidth)
            + Phases.Columns.LastTap;
        for (nint window = Sizes.Window; channels > 0; channels--, from += window, to += step) *to = *from;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TurnWindows(T* from, T* to, int channels, nint slice)
    {
        (Phase slices, Phase rows, Phase columns) = Phases;
        for (; channels > 0; channels--, from += Sizes.Window)
        {
            for (int t = slices.LastTap, k = 0; k < slices.Taps; k++, t -= slices.TapStep, to += slice)
            {
                T* at = to;
                for (int u = rows.LastTap, i = 0; i < rows.Taps; i++, u -= rows.TapStep)
                {
                    T* row = from + (((t * Sizes.KernelHeight) + u) * Sizes.KernelWidth);
                    for (int v = columns.LastTap, j = 0; j < columns.Taps; j++, v -= columns.TapStep)
                        *at++ = row[v];
                }
            }
        }
    }
}
