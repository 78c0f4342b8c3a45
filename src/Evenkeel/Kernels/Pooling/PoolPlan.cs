namespace Evenkeel.Kernels;

/// <summary>
/// How the windows of a pooling of floats are walked by packs: along a row by taps, and over rows and slices by lists.
/// Either the taps are of windows, which read inputs, or of inputs, which read the windows that cover them.
/// </summary>
internal unsafe struct PoolPlan
{
    /// <summary>Largest memory for the rows that a chunk keeps, in bytes.</summary>
    public const int MostScratch = 1 << 16;

    /// <summary>Largest number of rows of one result.</summary>
    private const int MostRows = 256;

    /// <summary>The sizes and the windows.</summary>
    public PoolShape Volumes;

    /// <summary>The slices that a slice of results reads, and the rows that a row of results reads.</summary>
    public PoolLists Slices, Rows;

    /// <summary>The places of a row that its results read, and the same as lists.</summary>
    public PoolTaps Columns;

    public PoolLists ColumnLists;

    /// <summary>Values of a row in scratch memory: whole packs.</summary>
    public int RowLength;

    /// <summary>
    /// For each row of results: the first row that it or a later one reads, and the last row that it or an earlier one
    /// reads. With a dilation, later windows may begin further up.
    /// </summary>
    public int* From, To;

    /// <summary>Rows of each slice in scratch memory: as many as there are between From and To.</summary>
    public int Ring;

    /// <summary>The first place of a row that each of its results reads; then lanes of no use.</summary>
    public int* Firsts;

    /// <summary>Rows in scratch memory.</summary>
    public readonly int ScratchRows => Slices.Longest * Ring;

    /// <summary>Rows that one row of results reads at most.</summary>
    public readonly int MostReads => Slices.Longest * Rows.Longest;

    /// <summary>True if there are inputs and results, and the windows are small enough for a plan.</summary>
    public static bool Fits(in PoolShape shape) => shape.InputSize > 0 && shape.OutputSize > 0
        && Fits(shape.Slices) && Fits(shape.Rows) && Fits(shape.Columns);

    /// <summary>Numbers of the lists of a plan.</summary>
    public const int Numbers = (3 * ((2 * PoolLists.Most) + 2)) + (4 * (PoolLists.Most + PoolTap.Lanes));

    /// <summary>A plan, unless it would need too much memory.</summary>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="isBackward">Whether inputs read the windows that cover them.</param>
    /// <param name="valueSize">Bytes of a value of a row that is kept in scratch memory; 0 if none is kept.</param>
    /// <param name="numbers">Memory for <see cref="Numbers"/>.</param>
    /// <param name="taps">Memory for <see cref="PoolTaps.Most"/> taps.</param>
    /// <param name="plan">The plan.</param>
    public static bool TryCreate(
        in PoolShape shape, bool isBackward, int valueSize, int* numbers, PoolTap* taps, out PoolPlan plan)
    {
        plan = new PoolPlan { Volumes = shape };
        plan.Slices = List(shape.Slices, isBackward, ref numbers);
        plan.Rows = List(shape.Rows, isBackward, ref numbers);
        PoolLists columns = plan.ColumnLists = List(shape.Columns, isBackward, ref numbers);
        int source = isBackward ? shape.Columns.Output : shape.Columns.Input, depth = 1;
        int* offsets = numbers, firsts = numbers + PoolLists.Most;
        for (int i = 0; i < columns.Count; i++)
        {
            offsets[i] = Offset(shape.Columns, isBackward, i);
            firsts[i] = columns.Length(i) > 0 ? columns.At(i, 0) : 0;
            depth = Math.Max(depth, offsets[i] + columns.Length(i));
        }

        new Span<int>(firsts + columns.Count, PoolTap.Lanes).Clear();
        plan.Firsts = firsts;
        plan.RowLength = ((isBackward ? source : columns.Count) + PoolTap.Lanes - 1) & -PoolTap.Lanes;
        plan.From = firsts + PoolLists.Most + PoolTap.Lanes;
        plan.To = plan.From + PoolLists.Most;
        plan.Ring = Bounds(plan.Rows, plan.From, plan.To);
        long blocks = (columns.Count + PoolTap.Lanes - 1) / PoolTap.Lanes;
        if ((!isBackward && columns.Shortest == 0) || depth * blocks > PoolTaps.Most
            || (long)plan.Slices.Longest * plan.Rows.Longest > MostRows
            || (long)plan.Slices.Longest * plan.Ring * plan.RowLength * valueSize > MostScratch)
        {
            return false;
        }

        plan.Columns = PoolTaps.Create(taps, columns, source, depth, offsets);
        return true;
    }

    /// <summary>Fills the bounds of the lists and returns the largest distance, both ends counted.</summary>
    public static int Bounds(in PoolLists lists, int* from, int* to)
    {
        int last = -1, first = int.MaxValue, largest = 1;
        for (int i = 0; i < lists.Count; i++)
        {
            if (lists.Length(i) > 0) last = Math.Max(last, lists.At(i, lists.Length(i) - 1));
            to[i] = last;
        }

        for (int i = lists.Count - 1; i >= 0; i--)
        {
            if (lists.Length(i) > 0) first = Math.Min(first, lists.At(i, 0));
            from[i] = first;
            if (lists.Length(i) > 0) largest = Math.Max(largest, to[i] - first + 1);
        }

        return largest;
    }

    /// <summary>
    /// The items before the first one that would be there without a border: places of a window before the input, or
    /// windows before the first one.
    /// </summary>
    private static int Offset(in PoolAxis axis, bool isBackward, int at)
    {
        if (axis.Kernel == 0 || (isBackward && axis.Dilation != 1)) return 0;
        if (!isBackward)
        {
            axis.Window(at, out int first, out _, out _);
            return (first - ((at * axis.Stride) - axis.Before)) / axis.Dilation;
        }

        int before = axis.Kernel - 1 - axis.Before - at;
        return before <= 0 ? 0 : before / axis.Stride;
    }

    private static bool Fits(in PoolAxis axis) => PoolLists.ItemsOf(axis) <= PoolLists.Most
        && Math.Max(axis.Input, axis.Output) <= PoolLists.Most;

    /// <summary>The sources of each target along a dimension.</summary>
    /// <param name="axis">The windows.</param>
    /// <param name="isBackward">Whether inputs read the windows that cover them.</param>
    /// <param name="numbers">Memory for the list; it is moved on.</param>
    public static PoolLists List(in PoolAxis axis, bool isBackward, ref int* numbers)
    {
        int* ends = numbers, items = numbers + PoolLists.Most + 2;
        numbers = items + PoolLists.Most;
        return isBackward ? PoolLists.Windows(axis, ends, items) : PoolLists.Places(axis, ends, items);
    }
}
