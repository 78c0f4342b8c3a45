using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// The means of few windows of floats per row, sixteen volumes at once: faster than <see cref="AveragePoolRows"/> where
/// half packs are permuted. The additions of a result are in the same order, so the bits are the same.
/// </summary>
internal static unsafe class AveragePoolLanes
{
    private const int Lanes = LaneTranspose.Lanes;

    /// <summary>More windows of a row fill a pack well enough.</summary>
    private const int MostWindows = 7;

    /// <summary>
    /// y from x, of windows that have a plan by rows. False if that way is faster, or lanes take too much memory.
    /// </summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">What the sums are divided by.</param>
    [SkipLocalsInit]
    public static bool TryForward(float* x, float* y, in PoolShape shape, AverageDivisor divisor)
    {
        if (Avx512F.IsSupported || shape.Columns.Output > MostWindows || !LanePlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        if (!LanePlan.TryCreate(shape, Lanes * sizeof(float), keepsRows: true, 1, numbers, out LanePlan plan))
            return false;
        float* sizes = stackalloc float[WindowSizes.Most];
        Workers.Run(plan.Chunks, new PoolLanes<Rule>
        {
            Source = x,
            Target = y,
            Plan = plan,
            Rule = new Rule { Sizes = WindowSizes.Create(shape, divisor, sizes) },
        });
        return true;
    }

    /// <summary>A row in scratch memory is a row of the sources.</summary>
    private struct Rule : ILaneRule
    {
        public WindowSizes Sizes;

        public readonly void Take(in LanePlan plan, float* source, int slice, int row, float* to) =>
            new ReadOnlySpan<float>(source, plan.SourceWidth * Lanes).CopyTo(
                new Span<float>(to, plan.SourceWidth * Lanes));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Make(
            in LanePlan plan, float** rows, int count, int slice, int row, float* target, float* second)
        {
            PoolLists lists = plan.Columns;
            // Windows of padding alone have no rows, so their sums are zeros, which any number divides.
            float factor = count == 0 ? 1 : Sizes.Of(slice, row);
            for (int column = 0; column < lists.Count; column++, target += Lanes)
            {
                int* places = lists.Begin(column);
                int length = lists.Length(column);
                Vector512<float> sum = default;
                for (int i = 0; i < length; i++)
                {
                    nint at = places[i] * Lanes;
                    Vector512<float> place = default;
                    for (int k = 0; k < count; k++) place += Vector512.Load(rows[k] + at);
                    sum += place;
                }

                (sum / Vector512.Create(Sizes.Columns[column] * factor)).Store(target);
            }
        }
    }
}
