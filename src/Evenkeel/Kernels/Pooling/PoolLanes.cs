using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>What a pooling by lanes does with a row.</summary>
internal unsafe interface ILaneRule
{
    /// <summary>Takes a row of sources into scratch memory.</summary>
    /// <param name="plan">The windows.</param>
    /// <param name="source">The row, a pack per column.</param>
    /// <param name="slice">The slice of the row.</param>
    /// <param name="row">Its number in the slice.</param>
    /// <param name="to">Receives what the targets read.</param>
    void Take(in LanePlan plan, float* source, int slice, int row, float* to);

    /// <summary>Makes a row of targets.</summary>
    /// <param name="plan">The windows.</param>
    /// <param name="rows">The rows in scratch memory that it reads, in the order of memory.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="slice">The slice of the targets.</param>
    /// <param name="row">The number of their row in the slice.</param>
    /// <param name="target">Receives the row, a pack per column.</param>
    /// <param name="second">The same row of the second array of targets, if there is one.</param>
    void Make(in LanePlan plan, float** rows, int count, int slice, int row, float* target, float* second);
}

/// <summary>
/// Pooling of sixteen volumes of floats at once, one per lane, whatever their sizes. Bands of rows are transposed, so
/// the places of a window are whole packs. Each row of sources is taken once; a row of targets is made of such rows.
/// </summary>
/// <typeparam name="TRule">What is done with a row.</typeparam>
internal unsafe struct PoolLanes<TRule> : IJob where TRule : struct, ILaneRule
{
    private const int Lanes = LaneTranspose.Lanes;

    /// <summary>The sources.</summary>
    public float* Source;

    /// <summary>The targets.</summary>
    public float* Target;

    /// <summary>More targets of the same shape, or null.</summary>
    public float* SecondTarget;

    /// <summary>The windows.</summary>
    public LanePlan Plan;

    /// <summary>What is done with a row.</summary>
    public TRule Rule;

    /// <summary>The volumes of a chunk.</summary>
    [SkipLocalsInit]
    public readonly void Invoke(int chunk)
    {
        int bands = Plan.Slices.Longest * Plan.SourceBytes;
        byte* memory = stackalloc byte[Plan.RingBytes + bands + (2 * Plan.TargetBytes) + Simd.Alignment];
        var ring = (float*)Simd.Align((double*)memory);
        int first = chunk * Plan.GroupsPerChunk * Lanes;
        int end = Math.Min(Plan.Count, first + (Plan.GroupsPerChunk * Lanes));
        for (int volume = first; volume < end; volume += Lanes)
            Group(volume, Math.Min(Lanes, end - volume), ring, ring + (Plan.RingBytes / sizeof(float)));
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Group(int volume, int lanes, float* ring, float* memory)
    {
        int slices = Plan.Slices.Longest, height = Plan.SourceHeight, width = Plan.SourceWidth, columns
            = Plan.Columns.Count, rowLength = Plan.RowBytes / sizeof(float);
        int bandLength = Plan.SourceBytes / sizeof(float), made = 0;
        float* bands = memory;
        float* results = memory + (slices * bandLength);
        float* others = SecondTarget == null ? null : results + (Plan.TargetBytes / sizeof(float));
        int* next = stackalloc int[slices + 1], bandFrom = stackalloc int[slices + 1],
            bandTo = stackalloc int[slices + 1];
        float** rows = stackalloc float*[Plan.MostReads + 1];
        nint from = (nint)volume * Plan.SourceSize, to = (nint)volume * Plan.TargetSize;
        for (int slice = 0; slice < Plan.Slices.Count; slice++)
        {
            for (int d = 0; d < slices; d++) next[d] = bandFrom[d] = bandTo[d] = 0;
            for (int row = 0; row < Plan.Rows.Count; row++)
            {
                int count = 0, rowsRead = Plan.Rows.Length(row), last = Plan.To[row];
                for (int d = 0; d < Plan.Slices.Length(slice) && rowsRead > 0; d++)
                {
                    int sourceSlice = Plan.Slices.At(slice, d);
                    float* slot = ring + ((nint)d * Plan.Ring * rowLength);
                    for (int h = Math.Max(next[d], Plan.From[row]); h <= last; h++)
                    {
                        if (h >= bandTo[d])
                        {
                            (bandFrom[d], bandTo[d]) = (h, Math.Min(h + Plan.SourceBand, height));
                            nint at = from + (((sourceSlice * height) + h) * width);
                            int places = (bandTo[d] - h) * width;
                            LaneTranspose.Load(
                                Source + at, Plan.SourceSize, lanes, places, bands + (d * bandLength));
                        }

                        int place = (d * bandLength) + ((h - bandFrom[d]) * width * Lanes);
                        Rule.Take(Plan, bands + place, sourceSlice, h, slot + (h % Plan.Ring * rowLength));
                    }

                    next[d] = Math.Max(next[d], last + 1);
                    for (int i = 0; i < rowsRead; i++, count++)
                        rows[count] = slot + (Plan.Rows.At(row, i) % Plan.Ring * rowLength);
                }

                int result = made * columns * Lanes;
                Rule.Make(Plan, rows, count, slice, row, results + result, others == null ? null : others + result);
                if (++made < Plan.TargetBand && (row < Plan.Rows.Count - 1 || slice < Plan.Slices.Count - 1)) continue;
                LaneTranspose.Store(results, made * columns, Target + to, Plan.TargetSize, lanes);
                if (others != null)
                    LaneTranspose.Store(others, made * columns, SecondTarget + to, Plan.TargetSize, lanes);
                to += made * columns;
                made = 0;
            }
        }
    }
}
