using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>What each window counts along the three dimensions; the divisor is the product.</summary>
internal readonly unsafe struct WindowSizes(float* slices, float* rows, float* columns)
{
    /// <summary>Memory for the numbers.</summary>
    public const int Most = (3 * PoolLists.Most) + PoolTap.Lanes;

    /// <summary>What each column counts.</summary>
    public readonly float* Columns = columns;

    /// <summary>The sizes of a pooling.</summary>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">What the sums are divided by.</param>
    /// <param name="numbers">Memory for them.</param>
    public static WindowSizes Create(in PoolShape shape, AverageDivisor divisor, float* numbers)
    {
        float* slices = numbers, rows = slices + shape.Slices.Output, columns = rows + shape.Rows.Output;
        Fill(shape.Slices, divisor with { Number = divisor.Number == 0 ? 0 : 1 }, slices);
        Fill(shape.Rows, divisor with { Number = divisor.Number == 0 ? 0 : 1 }, rows);
        Fill(shape.Columns, divisor, columns);
        new Span<float>(columns + shape.Columns.Output, PoolTap.Lanes).Fill(1);
        return new WindowSizes(slices, rows, columns);
    }

    /// <summary>What a row of windows counts of slices and rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Of(int slice, int row) => slices[slice] * rows[row];

    private static void Fill(in PoolAxis axis, AverageDivisor divisor, float* sizes)
    {
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out _, out int count, out int counted);
            sizes[o] = (float)divisor.Of(count, counted);
        }
    }
}
