using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The means of windows of floats and their gradients, sixteen volumes at once. The additions of a result are in the
/// order of <see cref="AveragePoolRows"/>, so the bits are the same.
/// </summary>
internal static unsafe class AveragePoolLanes
{
    private const int Lanes = LaneTranspose.Lanes;

    private const int Half = Lanes / 2;

    /// <summary>y from x. False if there are too few volumes or too large windows.</summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">What the sums are divided by.</param>
    [SkipLocalsInit]
    public static bool TryForward(float* x, float* y, in PoolShape shape, AverageDivisor divisor)
    {
        if (!LanePlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        if (!LanePlan.TryCreate(shape, isBackward: false, Lanes * sizeof(double), 1, numbers, out LanePlan plan))
            return false;
        double* sizes = stackalloc double[WindowSizes.Most];
        Workers.Run(plan.Chunks, new PoolLanes<ForwardRule>
        {
            Source = x,
            Target = y,
            Plan = plan,
            Rule = new ForwardRule { Sizes = WindowSizes.Create(shape, divisor, sizes) },
        });
        return true;
    }

    /// <summary>dx from dy. False if there are too few volumes or too large windows.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="dx">The gradients of the volumes.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">As in the forward pass.</param>
    [SkipLocalsInit]
    public static bool TryBackward(float* dy, float* dx, in PoolShape shape, AverageDivisor divisor)
    {
        if (!LanePlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        if (!LanePlan.TryCreate(shape, isBackward: true, Lanes * sizeof(float), 1, numbers, out LanePlan plan))
            return false;
        double* sizes = stackalloc double[WindowSizes.Most];
        Workers.Run(plan.Chunks, new PoolLanes<BackwardRule>
        {
            Source = dy,
            Target = dx,
            Plan = plan,
            Rule = new BackwardRule { Sizes = WindowSizes.Create(shape, divisor, sizes) },
        });
        return true;
    }

    /// <summary>A row in scratch memory has the sum of each window, in double.</summary>
    private struct ForwardRule : ILaneRule
    {
        public WindowSizes Sizes;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Take(in LanePlan plan, float* source, float* second, int slice, int row, float* to)
        {
            PoolLists lists = plan.Columns;
            var sums = (double*)to;
            for (int column = 0; column < lists.Count; column++, sums += Lanes)
            {
                int* places = lists.Begin(column);
                int count = lists.Length(column);
                Vector512<double> low = default, high = default;
                for (int i = 0; i < count; i++)
                    Widen.Add(source + (places[i] * Lanes), ref low, ref high);
                low.Store(sums);
                high.Store(sums + Half);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Make(
            in LanePlan plan, float** rows, int count, int slice, int row, float* target, float* second)
        {
            // Windows of padding alone have no rows, so their sums are zeros, which any number divides.
            double factor = count == 0 ? 1 : Sizes.Of(slice, row);
            int columns = plan.Columns.Count;
            for (int column = 0; column < columns; column++, target += Lanes)
            {
                Vector512<double> low = default, high = default;
                for (int i = 0; i < count; i++)
                {
                    double* sums = (double*)rows[i] + (column * Lanes);
                    low += Vector512.Load(sums);
                    high += Vector512.Load(sums + Half);
                }

                var inverse = Vector512.Create(1 / (Sizes.Columns[column] * factor));
                Widen.Narrow(low * inverse, high * inverse).Store(target);
            }
        }
    }

    /// <summary>A row in scratch memory has the share of each input of the windows.</summary>
    private struct BackwardRule : ILaneRule
    {
        public WindowSizes Sizes;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Take(in LanePlan plan, float* source, float* second, int slice, int row, float* to)
        {
            double factor = Sizes.Of(slice, row);
            for (int column = 0; column < plan.SourceWidth; column++, source += Lanes, to += Lanes)
                (Vector512.Load(source) / Vector512.Create((float)(Sizes.Columns[column] * factor))).Store(to);
            default(Vector512<float>).Store(to);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Make(
            in LanePlan plan, float** rows, int count, int slice, int row, float* target, float* second)
        {
            int* cells = plan.Cells;
            int depth = plan.Depth, columns = plan.Columns.Count;
            for (int column = 0; column < columns; column++, cells += depth, target += Lanes)
            {
                Vector512<float> sum = default;
                if (depth == 2)
                {
                    int left = cells[0], right = cells[1];
                    for (int i = 0; i < count; i++)
                        sum = sum + Vector512.Load(rows[i] + left) + Vector512.Load(rows[i] + right);
                }
                else if (depth == 3)
                {
                    int left = cells[0], middle = cells[1], right = cells[2];
                    for (int i = 0; i < count; i++)
                    {
                        sum = sum + Vector512.Load(rows[i] + left) + Vector512.Load(rows[i] + middle)
                            + Vector512.Load(rows[i] + right);
                    }
                }
                else
                {
                    for (int i = 0; i < count; i++)
                    {
                        for (int w = 0; w < depth; w++) sum += Vector512.Load(rows[i] + cells[w]);
                    }
                }

                sum.Store(target);
            }
        }
    }
}
