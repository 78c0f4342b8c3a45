using System.Numerics;
using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// How a batch lies in memory: its channels, a few neighbours at a time, as groups. A <see cref="ColumnBlock"/> is
/// these neighbours, in either layout.
/// </summary>
internal interface IBatchLayout<TGroups>
{
    /// <summary>Channels of a chunk: fixed by the shape.</summary>
    int ChannelsPerChunk { get; }

    /// <summary>True if results are stored past the caches.</summary>
    bool Streams { get; }

    /// <summary>The first channels that go together, of a chunk that begins at <paramref name="first"/>.</summary>
    ColumnBlock First(int first);

    /// <summary>The next ones before channel <paramref name="end"/>; no lanes behind the last.</summary>
    ColumnBlock Next(ColumnBlock channels, int end);

    /// <summary>
    /// From the batch's first value to the first one of these channels in sample <paramref name="start"/>.
    /// </summary>
    nint Offset(ColumnBlock channels, int start);

    /// <summary>These channels in some samples.</summary>
    TGroups Groups(ColumnBlock channels, int start, int samples);
}

/// <summary>(N, C, …), channel by channel: a channel is a run of S values in each sample, C·S apart.</summary>
/// <param name="x">The batch.</param>
/// <param name="channels">C.</param>
/// <param name="spatial">S.</param>
/// <param name="stream">Store past the caches.</param>
/// <param name="mask">Which positions count in the statistics; a run has one sample's.</param>
internal readonly unsafe struct BatchPlanes<T, TMask>(T* x, int channels, int spatial, bool stream, TMask mask)
    : IBatchLayout<SegmentGroup<T, TMask>>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMask : struct, IPositionMask<T, TMask>
{
    /// <summary>
    /// So many neighbouring channels that their planes fill a memory page: they share pages, and two threads
    /// seldom write to one cache line.
    /// </summary>
    public int ChannelsPerChunk => Math.Max(1, CacheSizes.Page / sizeof(T) / spatial);

    public bool Streams => stream;

    public ColumnBlock First(int first) => new(first, 1);

    public ColumnBlock Next(ColumnBlock block, int end) => block.Start + 1 < end ? new(block.Start + 1, 1) : default;

    public nint Offset(ColumnBlock block, int start) => ((nint)start * channels + block.Start) * spatial;

    public SegmentGroup<T, TMask> Groups(ColumnBlock block, int start, int samples)
    {
        // This channel and the next one fit the second-level cache together.
        bool ahead = (long)samples * spatial * sizeof(T) <= CacheSizes.SecondLevel;
        return new(x + Offset(block, start),
            new Runs(0, samples, (nint)channels * spatial, spatial), mask.Run(start), stream, ahead);
    }

    /// <inheritdoc cref="BatchShape.ForEachChannel{T, TStep}"/>
    public void ForEachChannel<TStep>(TStep step, int from, int to, long values)
        where TStep : struct, IChannelStep<T> =>
        new ChannelJob<T, BatchPlanes<T, TMask>, SegmentGroup<T, TMask>, TStep>(this, step, from, to).Run(values);
}

/// <summary>(N, C): a chunk is a stripe of columns; the last one ends with single, overlapping packs.</summary>
/// <param name="x">The batch.</param>
/// <param name="channels">C.</param>
/// <param name="mask">Which samples count in the statistics.</param>
internal readonly unsafe struct BatchColumns<T, TMask>(T* x, int channels, TMask mask)
    : IBatchLayout<ColumnGroups<T, TMask>>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TMask : struct, IPositionMask<T, TMask>
{
    public int ChannelsPerChunk => Columns.StripeColumns<T>();

    public bool Streams => false;

    public ColumnBlock First(int first) => ColumnBlock.First<T>(first / ChannelsPerChunk, channels);

    public ColumnBlock Next(ColumnBlock block, int end) =>
        block.Start + block.Lanes < end ? block.Next<T>((end - 1) / ChannelsPerChunk, channels) : default;

    public nint Offset(ColumnBlock block, int start) => (nint)start * channels + block.Start;

    public ColumnGroups<T, TMask> Groups(ColumnBlock block, int start, int samples) =>
        new(x + Offset(block, start), samples, channels, block.Lanes, mask.Run(start));

    /// <inheritdoc cref="BatchShape.ForEachChannel{T, TStep}"/>
    public void ForEachChannel<TStep>(TStep step, int from, int to, long values)
        where TStep : struct, IChannelStep<T> =>
        new ChannelJob<T, BatchColumns<T, TMask>, ColumnGroups<T, TMask>, TStep>(this, step, from, to).Run(values);
}

/// <summary>What is done with some neighbouring channels, in one text for all layouts.</summary>
internal interface IChannelStep<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <param name="layout">How the batch lies.</param>
    /// <param name="channels">The channels.</param>
    /// <param name="table">A table for them, of undefined content.</param>
    void Invoke<TLayout, TGroups>(TLayout layout, ColumnBlock channels, NormTable table)
        where TLayout : struct, IBatchLayout<TGroups>
        where TGroups : struct, IGroups<T, TGroups>;
}

/// <summary>A step for the channels from .. to, chunk by chunk.</summary>
internal readonly struct ChannelJob<T, TLayout, TGroups, TStep>(TLayout layout, TStep step, int from, int to) : IJob
    where T : unmanaged, IFloatingPointIeee754<T>
    where TLayout : struct, IBatchLayout<TGroups>
    where TGroups : struct, IGroups<T, TGroups>
    where TStep : struct, IChannelStep<T>
{
    /// <summary>Does the step for all of them.</summary>
    /// <param name="values">Values of a channel.</param>
    public void Run(long values)
    {
        if (values == 0) return;
        int perChunk = layout.ChannelsPerChunk;
        Workers.Run((to - from + perChunk - 1) / perChunk, this, values * (to - from));
    }

    [SkipLocalsInit]
    public unsafe void Invoke(int chunk)
    {
        double* memory = stackalloc double[NormTable.ChunkDoubles];
        NormTable table = NormTable.Chunk(memory);
        int perChunk = layout.ChannelsPerChunk, first = from + chunk * perChunk, end = Math.Min(to, first + perChunk);
        for (ColumnBlock channels = layout.First(first); channels.Lanes > 0; channels = layout.Next(channels, end))
            step.Invoke<TLayout, TGroups>(layout, channels, table);
        // What was stored past the caches is visible before the chunk counts as done.
        if (layout.Streams) Simd.StreamFence();
    }
}
