using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>A batch (N, C) or (N, C, …) as norms over channels see it.</summary>
/// <param name="Samples">N.</param>
/// <param name="Channels">C.</param>
/// <param name="Spatial">S: values of a channel in a sample; 0 if there are none.</param>
internal readonly record struct BatchShape(int Samples, int Channels, int Spatial)
{
    public static BatchShape Of(Tensor x)
    {
        int samples = x.Shape[0], channels = x.Shape[1];
        return new(samples, channels, x.Count == 0 ? 0 : x.Count / channels / samples);
    }

    /// <summary>Values of a channel.</summary>
    public int Values => Samples * Spatial;

    /// <summary>One value of a channel per sample: channels are columns.</summary>
    public bool IsMatrix => Spatial == 1;

    /// <summary>
    /// Does a step for all channels, some neighbours at a time, shared out to the threads. (N, C) is walked by columns,
    /// (N, C, …) by planes.
    /// </summary>
    public unsafe void ForEachChannel<T, TStep>(T* x, TStep step)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TStep : struct, IChannelStep<T>
    {
        if (IsMatrix) Columns(x, default(NoMask<T>)).ForEachChannel(step, 0, Channels, Values);
        else Planes(x, default(NoMask<T>)).ForEachChannel(step, 0, Channels, Values);
    }

    public unsafe BatchColumns<T, TMask> Columns<T, TMask>(T* x, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMask : struct, IPositionMask<T, TMask> => new(x, Channels, mask);

    /// <param name="x">The batch.</param>
    /// <param name="mask">Which positions count in the statistics.</param>
    /// <param name="together">Values of all members together that are written at a time; 0: this batch's.</param>
    public unsafe BatchPlanes<T, TMask> Planes<T, TMask>(T* x, TMask mask, double together = 0)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMask : struct, IPositionMask<T, TMask> =>
        new(x,
            Channels, Spatial, Math.Max(together, (double)Values * Channels) * sizeof(T) >= CacheSizes.LastLevel, mask);
}
