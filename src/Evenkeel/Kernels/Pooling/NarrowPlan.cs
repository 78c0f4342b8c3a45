using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// How planes and volumes of at most two packs of columns are pooled from registers, with AVX-512. A step makes one
/// pack of results. It reads two packs for each row of a window, and a permutation of the two picks the places of a
/// tap.
/// </summary>
/// <remarks>
/// The two packs are the begin and the end of a row. Where a row fits a pack and its results fit half a pack, they are
/// the rows of two windows, and the step makes two rows of results.
/// </remarks>
internal unsafe struct NarrowPlan
{
    /// <summary>Numbers of a plan.</summary>
    public const int Numbers = (MostTaps * 3 * Pack) + (MostSteps * (Pack + 4)) + (3 * MostReads);

    /// <summary>Floats that a chunk copies of the last plane of a tensor, and a pack behind them.</summary>
    public const int StageSize = MostInputs + Pack;

    private const int Pack = 16, MostTaps = 4, MostSteps = 64, MostReads = 1024, MostInputs = 4096;

    /// <summary>Steps of a plane or volume, and taps of a step.</summary>
    public int Steps, Depth;

    /// <summary>Where the permutation finds the places of each tap: a pack per tap.</summary>
    public int* Index;

    /// <summary>All ones in the lanes that have a tap: a pack per tap.</summary>
    public int* Mask;

    /// <summary>
    /// The column of each tap: a pack per tap. A lane without that tap has its last one, which changes no maximum.
    /// </summary>
    public int* Column;

    /// <summary>The first place of each result's window in its plane or volume, in column 0: a pack per step.</summary>
    public int* First;

    /// <summary>The rows that each step reads through its first pack and through its second one.</summary>
    public int* Counts;

    /// <summary>Reads of each step: slices times rows.</summary>
    public int* Reads;

    /// <summary>Results of each step.</summary>
    public int* Lanes;

    /// <summary>From the first place of a window to that of each read.</summary>
    public int* Places;

    /// <summary>Where each step finds the two packs of each row. A pack without that row has its last one.</summary>
    public int* Offsets;

    /// <summary>From the reads of a step to those of the next one.</summary>
    public int Longest;

    /// <summary>Rows of results that a step makes.</summary>
    public int RowsPerStep;

    /// <summary>
    /// A plan, if the planes are narrow and have a pack of values, and the hardware has registers of a pack.
    /// </summary>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="numbers">Memory for <see cref="Numbers"/>.</param>
    /// <param name="plan">The plan.</param>
    public static bool TryCreate(in PoolShape shape, int* numbers, out NarrowPlan plan)
    {
        plan = default;
        if (!Avx512F.IsSupported || shape.InputSize < Pack || (RunsOver(shape) && shape.InputSize > MostInputs)
            || shape.Columns.Input > 2 * Pack || shape.Columns.Output is 0 or > Pack || shape.OutputSize == 0)
        {
            return false;
        }

        plan.RowsPerStep = shape.Columns.Input <= Pack && shape.Columns.Output <= Pack / 2 ? 2 : 1;
        long steps = shape.Slices.Output * (((long)shape.Rows.Output + plan.RowsPerStep - 1) / plan.RowsPerStep),
            longest = (long)LongestOf(shape.Slices) * LongestOf(shape.Rows);
        plan.Depth = LongestOf(shape.Columns);
        if (plan.Depth is 0 or > MostTaps || steps > MostSteps || steps * longest > MostReads) return false;
        plan.Steps = (int)steps;
        plan.Longest = (int)longest;
        plan.Index = numbers;
        plan.Mask = plan.Index + (MostTaps * Pack);
        plan.Column = plan.Mask + (MostTaps * Pack);
        plan.First = plan.Column + (MostTaps * Pack);
        plan.Counts = plan.First + (MostSteps * Pack);
        plan.Reads = plan.Counts + (2 * MostSteps);
        plan.Lanes = plan.Reads + MostSteps;
        plan.Places = plan.Lanes + MostSteps;
        plan.Offsets = plan.Places + MostReads;
        plan.FillTaps(shape.Columns);
        plan.FillSteps(shape);
        return true;
    }

    /// <summary>True if packs reach beyond a plane. They reach no further than into the next one.</summary>
    public static bool RunsOver(in PoolShape shape) => shape.Columns.Input < Pack;

    /// <summary>True if there are windows of padding alone.</summary>
    public static bool HasEmptyWindows(in PoolShape shape) =>
        HasEmpty(shape.Slices) || HasEmpty(shape.Rows) || HasEmpty(shape.Columns);

    private static bool HasEmpty(in PoolAxis axis)
    {
        bool isAny = false;
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out _, out int count, out _);
            isAny |= count == 0;
        }

        return isAny;
    }

    private static int LongestOf(in PoolAxis axis)
    {
        int longest = 0;
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out _, out int count, out _);
            longest = Math.Max(longest, count);
        }

        return longest;
    }

    private readonly void FillTaps(in PoolAxis columns)
    {
        new Span<int>(Index, 3 * MostTaps * Pack).Clear();
        for (int lane = 0; lane < RowsPerStep * columns.Output; lane++)
        {
            (int half, int window) = Math.DivRem(lane, columns.Output);
            columns.Window(window, out int first, out int count, out _);
            for (int tap = 0; tap < Depth && count > 0; tap++)
            {
                int column = first + (Math.Min(tap, count - 1) * columns.Dilation), at = (tap * Pack) + lane;
                // The second pack is a row of its own, or ends where the row ends.
                Index[at] = RowsPerStep == 2 ? (half * Pack) + column
                    : column < Pack ? column : column - (columns.Input - Pack) + Pack;
                Mask[at] = tap < count ? -1 : 0;
                Column[at] = column;
            }
        }
    }

    private readonly void FillSteps(in PoolShape shape)
    {
        int step = 0;
        for (int slice = 0; slice < shape.Slices.Output; slice++)
        {
            for (int row = 0; row < shape.Rows.Output; row += RowsPerStep) FillStep(shape, step++, slice, row);
        }
    }

    private readonly void FillStep(in PoolShape shape, int step, int slice, int row)
    {
        PoolAxis rows = shape.Rows, columns = shape.Columns;
        int width = columns.Input, behind = RowsPerStep == 2 ? 0 : Math.Max(0, width - Pack),
            plane = rows.Input * width, next = Math.Min(row + RowsPerStep - 1, rows.Output - 1);
        shape.Slices.Window(slice, out int front, out int slices, out _);
        rows.Window(row, out int near, out int nearCount, out _);
        rows.Window(next, out int far, out int farCount, out _);
        int reads = Math.Max(nearCount, farCount), read = step * Longest;
        Counts[2 * step] = nearCount;
        Counts[(2 * step) + 1] = farCount;
        Reads[step] = slices * reads;
        Lanes[step] = (next - row + 1) * columns.Output;
        for (int lane = 0; lane < Pack; lane++)
        {
            int top = RowsPerStep == 2 && lane >= columns.Output ? far : near;
            First[(step * Pack) + lane] = (front * plane) + (top * width);
        }

        for (int d = 0; d < slices; d++)
        {
            for (int i = 0; i < reads; i++, read++)
            {
                int at = (front + (d * shape.Slices.Dilation)) * plane;
                Places[read] = (d * shape.Slices.Dilation * plane) + (i * rows.Dilation * width);
                Offsets[2 * read] = at + ((near + (Math.Min(i, Math.Max(0, nearCount - 1)) * rows.Dilation)) * width);
                Offsets[(2 * read) + 1] =
                    at + ((far + (Math.Min(i, Math.Max(0, farCount - 1)) * rows.Dilation)) * width) + behind;
            }
        }
    }

    /// <summary>The values of two packs in the order of a tap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Pick(Vector512<float> near, Vector512<int> index, Vector512<float> far) =>
        Avx512F.PermuteVar16x32x2(near, index, far);
}
