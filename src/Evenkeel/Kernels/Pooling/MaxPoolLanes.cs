using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The largest values of windows of floats, sixteen volumes at once. The order of the comparisons is that of one by
/// one.
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
        if (!LanePlan.TryCreate(shape, Cell * sizeof(float), keepsRows: false, 2, numbers, out LanePlan plan))
            return false;

        Workers.Run(plan.Chunks, new PoolLanes<ForwardRule>
        {
            Source = x,
            Target = y,
            SecondTarget = (float*)winners,
            Plan = plan,
        });
        return true;
    }

    /// <summary>A row in scratch memory has the largest value of each window and the place of it.</summary>
    private readonly struct ForwardRule : ILaneRule
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Take(in LanePlan plan, float* source, int slice, int row, float* to)
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
}
