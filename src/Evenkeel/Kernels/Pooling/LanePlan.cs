namespace Evenkeel.Kernels;

/// <summary>
/// How sixteen volumes are pooled at once, one per lane. The targets are the results. They read the sources, the inputs
/// of their windows.
/// </summary>
internal unsafe struct LanePlan
{
    /// <summary>Places of a band: enough rows to be worth a transposition, few enough to stay in the cache.</summary>
    private const int BandPlaces = 128;

    /// <summary>Largest memory on the stack of a chunk, in bytes.</summary>
    private const int MostScratch = 3 << 16;

    /// <summary>Elements per chunk: enough to be worth a thread.</summary>
    private const int ChunkElements = 1 << 14;

    /// <summary>Number of volumes.</summary>
    public int Count;

    /// <summary>Groups of sixteen volumes that one chunk has.</summary>
    public int GroupsPerChunk;

    /// <summary>The sources that each target reads, along each dimension.</summary>
    public PoolLists Slices, Rows, Columns;

    /// <summary>The rows of sources that a row of targets and its neighbours read, as in a pool plan.</summary>
    public int* From, To;

    /// <summary>Rows of each slice in scratch memory.</summary>
    public int Ring;

    /// <summary>Sizes of the sources.</summary>
    public int SourceHeight, SourceWidth, SourceSize;

    /// <summary>Size of the targets.</summary>
    public int TargetSize;

    /// <summary>Rows of a band of sources and of a band of targets.</summary>
    public int SourceBand, TargetBand;

    /// <summary>Bytes of a row in scratch memory.</summary>
    public int RowBytes;

    /// <summary>Number of chunks.</summary>
    public readonly int Chunks
    {
        get
        {
            int groups = (Count + LaneTranspose.Lanes - 1) / LaneTranspose.Lanes;
            return (groups + GroupsPerChunk - 1) / GroupsPerChunk;
        }
    }

    /// <summary>Bytes of a band of sources.</summary>
    public readonly int SourceBytes => SourceBand * SourceWidth * LaneTranspose.Lanes * sizeof(float);

    /// <summary>Bytes of a band of targets.</summary>
    public readonly int TargetBytes => TargetBand * Columns.Count * LaneTranspose.Lanes * sizeof(float);

    /// <summary>Bytes of all rows in scratch memory.</summary>
    public readonly int RingBytes => Slices.Longest * Ring * RowBytes;

    /// <summary>Rows that one row of targets reads at most.</summary>
    public readonly int MostReads => Slices.Longest * Rows.Longest;

    /// <summary>True if there are volumes for two groups, and the windows are small enough for a plan.</summary>
    public static bool Fits(in PoolShape shape) =>
        shape.Count >= 2 * LaneTranspose.Lanes && PoolPlan.Fits(shape);

    /// <summary>A plan, unless it would need too much memory.</summary>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="cell">Bytes of a column of a row in scratch memory.</param>
    /// <param name="keepsRows">Whether a row in scratch memory has the columns of the sources, not of the targets.
    /// </param>
    /// <param name="arrays">Arrays of targets.</param>
    /// <param name="numbers">Memory for the numbers of a pool plan.</param>
    /// <param name="plan">The plan.</param>
    public static bool TryCreate(
        in PoolShape shape, int cell, bool keepsRows, int arrays, int* numbers, out LanePlan plan)
    {
        plan = new LanePlan { Count = shape.Count };
        plan.Slices = PoolPlan.List(shape.Slices, isBackward: false, ref numbers);
        plan.Rows = PoolPlan.List(shape.Rows, isBackward: false, ref numbers);
        plan.Columns = PoolPlan.List(shape.Columns, isBackward: false, ref numbers);
        plan.From = numbers;
        plan.To = numbers + PoolLists.Most;
        plan.Ring = PoolPlan.Bounds(plan.Rows, plan.From, plan.To);
        plan.SourceHeight = shape.Rows.Input;
        plan.SourceWidth = shape.Columns.Input;
        plan.SourceSize = shape.InputSize;
        plan.TargetSize = shape.OutputSize;
        plan.SourceBand = Math.Clamp(BandPlaces / plan.SourceWidth, 1, plan.SourceHeight);
        int targetRows = plan.Slices.Count * plan.Rows.Count;
        plan.TargetBand = Math.Clamp(BandPlaces / plan.Columns.Count, 1, targetRows);
        plan.RowBytes = (keepsRows ? plan.SourceWidth : plan.Columns.Count) * cell;
        plan.GroupsPerChunk = Math.Max(
            1, ChunkElements / (LaneTranspose.Lanes * Math.Max(plan.SourceSize, plan.TargetSize)));
        long scratch = ((long)plan.Slices.Longest * plan.Ring * plan.RowBytes)
            + ((long)plan.Slices.Longest * plan.SourceBytes) + (arrays * (long)plan.TargetBytes);
        return scratch <= MostScratch && plan.Columns.Shortest > 0;
    }
}
