using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The largest values of windows of floats and their gradients, sixteen volumes at once. The order of the comparisons
/// and of the additions is that of one by one.
/// </summary>
internal static unsafe class MaxPoolLanes
{
    private const int Lanes = LaneTranspose.Lanes;

    /// <summary>Floats of a column in scratch memory: two packs.</summary>
    private const int Cell = 2 * Lanes;

    /// <summary>Longer rows are pooled faster by packs of neighbours, which need no transposition.</summary>
    private const int MostColumns = 64;

    /// <summary>y and, if wanted, the winners from x.</summary>
    /// <remarks>False if there are too few volumes, too long rows or too large windows.</remarks>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="winners">Receives one place per result, or null.</param>
    /// <param name="shape">The sizes and the windows.</param>
    [SkipLocalsInit]
    public static bool TryForward(float* x, float* y, int* winners, in PoolShape shape)
    {
        if (shape.Columns.Input > MostColumns || !LanePlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        if (!LanePlan.TryCreate(
            shape, isBackward: false, Cell * sizeof(float), keepsRows: false, 2, numbers, out LanePlan plan))
        {
            return false;
        }

        Workers.Run(plan.Chunks, new PoolLanes<ForwardRule>
        {
            Source = x,
            Target = y,
            SecondTarget = (float*)winners,
            Plan = plan,
        });
        return true;
    }

    /// <summary>dx from dy. False if there are too few volumes or too large windows.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="winners">The places that the forward pass found.</param>
    /// <param name="dx">The gradients of the volumes.</param>
    /// <param name="shape">The sizes and the windows.</param>
    [SkipLocalsInit]
    public static bool TryBackward(float* dy, int* winners, float* dx, in PoolShape shape)
    {
        if (!LanePlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        if (!LanePlan.TryCreate(
            shape, isBackward: true, Cell * sizeof(float), keepsRows: true, 2, numbers, out LanePlan plan))
        {
            return false;
        }

        Workers.Run(plan.Chunks, new PoolLanes<BackwardRule>
        {
            Source = dy,
            SecondSource = (float*)winners,
            Target = dx,
            Plan = plan,
            Rule = new BackwardRule { Height = shape.Rows.Input },
        });
        return true;
    }

    /// <summary>A row in scratch memory has the largest value of each window and the place of it.</summary>
    private readonly struct ForwardRule : ILaneRule
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Take(in LanePlan plan, float* source, float* second, int slice, int row, float* to)
        {
            PoolLists lists = plan.Columns;
            int first = ((slice * plan.SourceHeight) + row) * plan.SourceWidth;
            for (int column = 0; column < lists.Count; column++, to += Cell)
            {
                int* places = lists.Begin(column);
                int count = lists.Length(column);
                Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
                Vector512<int> winner = Vector512.Create(first + places[0]);
                for (int i = 0; i < count; i++)
                {
                    Vector512<float> value = Vector512.Load(source + (places[i] * Lanes));
                    Vector512<float> beats = Beats(value, largest);
                    largest = Vector512.ConditionalSelect(beats, value, largest);
                    winner = Vector512.ConditionalSelect(
                        beats.AsInt32(), Vector512.Create(first + places[i]), winner);
                }

                largest.Store(to);
                winner.Store((int*)to + Lanes);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Make(in LanePlan plan, float** rows, int count, int slice, int row, float* target, float* second)
        {
            int length = plan.Columns.Count * Cell;
            for (int at = 0; at < length; at += Cell, target += Lanes)
            {
                // The winner of a row is its first place if no value beats -∞, so the first row begins.
                Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
                Vector512<int> winner = count == 0
                    ? Vector512.Create(-1) : Vector512.Load((int*)rows[0] + at + Lanes);
                for (int i = 0; i < count; i++)
                {
                    Vector512<float> value = Vector512.Load(rows[i] + at);
                    Vector512<float> beats = Beats(value, largest);
                    largest = Vector512.ConditionalSelect(beats, value, largest);
                    winner = Vector512.ConditionalSelect(
                        beats.AsInt32(), Vector512.Load((int*)rows[i] + at + Lanes), winner);
                }

                largest.Store(target);
                if (second == null) continue;
                winner.Store((int*)second);
                second += Lanes;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Beats(Vector512<float> later, Vector512<float> earlier) =>
            Vector512.GreaterThan(later, earlier) | ~Vector512.Equals(later, later);
    }

    /// <summary>A row in scratch memory has dy and the winner of each window.</summary>
    private struct BackwardRule : ILaneRule
    {
        public int Height;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Take(in LanePlan plan, float* source, float* second, int slice, int row, float* to)
        {
            int length = plan.SourceWidth * Lanes;
            for (int at = 0; at < length; at += Lanes, to += Cell)
            {
                Vector512.Load(source + at).Store(to);
                Vector512.Load(second + at).Store(to + Lanes);
            }

            // No place is -1, so the cell behind the row goes to none.
            Vector512.Create(-1).Store((int*)to + Lanes);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Make(
            in LanePlan plan, float** rows, int count, int slice, int row, float* target, float* second)
        {
            int* cells = plan.Cells;
            int depth = plan.Depth, columns = plan.Columns.Count, place = ((slice * Height) + row) * columns;
            for (int column = 0; column < columns; column++, place++, cells += depth, target += Lanes)
            {
                Vector512<int> here = Vector512.Create(place);
                Vector512<float> sum = default;
                if (depth == 2)
                {
                    int left = cells[0], right = cells[1];
                    for (int i = 0; i < count; i++) sum = sum + Won(rows[i] + left, here) + Won(rows[i] + right, here);
                }
                else if (depth == 3)
                {
                    int left = cells[0], middle = cells[1], right = cells[2];
                    for (int i = 0; i < count; i++)
                    {
                        sum = sum + Won(rows[i] + left, here) + Won(rows[i] + middle, here)
                            + Won(rows[i] + right, here);
                    }
                }
                else
                {
                    for (int i = 0; i < count; i++)
                    {
                        for (int w = 0; w < depth; w++) sum += Won(rows[i] + cells[w], here);
                    }
                }

                sum.Store(target);
            }
        }

        /// <summary>dy of the volumes in which the window of a cell was won by a place, else 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Won(float* cell, Vector512<int> place) =>
            Vector512.Load(cell) & Vector512.Equals(Vector512.Load((int*)cell + Lanes), place).AsSingle();
    }
}
