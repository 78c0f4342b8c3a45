using System.Numerics;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The loops down the columns of a matrix, from 0 to 257 rows and for every number of columns that goes together, with
/// guards at both ends; and the walk over blocks of 0 to 257 columns.
/// </summary>
public sealed unsafe class ColumnsTests
{
    private const int Gap = 3;

    private static readonly int[] s_someRows = [0, 1, 63, 64, 65];

    [Fact]
    public void Every_number_of_rows_in_float() => Rows<float>();

    [Fact]
    public void Every_number_of_rows_in_double() => Rows<double>();

    [Fact]
    public void Every_number_of_lanes_in_float() => Lanes<float>();

    [Fact]
    public void Every_number_of_lanes_in_double() => Lanes<double>();

    [Fact]
    public void Blocks_cover_every_matrix_once_in_float() => Blocks<float>();

    [Fact]
    public void Blocks_cover_every_matrix_once_in_double() => Blocks<double>();

    private static void Rows<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        for (int rows = 0; rows <= KernelSweep.Longest; rows++)
        {
            foreach (int lanes in new[] { 3, width, 4 * width }) Check<T>(rows, lanes, (Fence)(rows % 2));
        }
    }

    private static void Lanes<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        foreach (int rows in s_someRows)
        {
            for (int lanes = 1; lanes <= width; lanes++)
            {
                Check<T>(rows, lanes, Fence.Behind);
                Check<T>(rows, lanes, Fence.Before);
            }
        }
    }

    /// <summary>Sums and maps of a matrix of some columns of a wider one, against a loop in double.</summary>
    private static void Check<T>(int rows, int lanes, Fence fence) where T : unmanaged, IFloatingPointIeee754<T>
    {
        // Constants and sums are read and written as whole packs.
        int width = Vector512<T>.Count, padded = Math.Max(lanes, width), stride = lanes + Gap;
        int count = rows == 0 ? 0 : ((rows - 1) * stride) + lanes;
        GuardedBuffer<T> x = new GuardedBuffer<T>(count, 1, fence).WithGaps(lanes, stride),
            dy = new GuardedBuffer<T>(count, 2, fence).WithGaps(lanes, stride),
            y = new GuardedBuffer<T>(count, 3, fence).WithGaps(lanes, stride),
            numbers = new(Constants<T>.Rows * padded, 4, fence);
        GuardedBuffer<double> sums = new(padded, 5, fence), products = new(padded, 6, fence);
        var constants = new Constants<T>(numbers.Pointer, padded);
        GuardedBuffer<T> bits = KernelSweep.Mask<T>(rows, rows, out bool[] counts);
        var mask = new RowMask<T>(bits.Pointer, 1);
        string name = $"{rows} rows of {lanes} lanes";

        Columns.Sum<T, Cotangent<T, NoEpilogue>>(
            x.Pointer, dy.Pointer, rows, stride, lanes, constants, sums.Pointer, products.Pointer);
        Sums((at, lane, row) => dy[at], sums);
        Sums((at, lane, row) => dy[at] * (x[at] - numbers[lane]), products);
        Columns.Sum<T, Deviation<T>, RowMask<T>>(
            x.Pointer, null, rows, stride, lanes, constants, sums.Pointer, products.Pointer, mask);
        Sums((at, lane, row) => counts[row] ? x[at] - numbers[lane] : 0, sums);
        Sums((at, lane, row) => counts[row] ? (x[at] - numbers[lane]) * (x[at] - numbers[lane]) : 0, products);

        // Without a product, products is not written.
        Columns.Sum<T, Value<T>>(x.Pointer, null, rows, stride, lanes, constants, sums.Pointer, null);
        Sums((at, lane, row) => x[at], sums);

        Columns.Map<T, Normalize<T, NoEpilogue>>(x.Pointer, null, y.Pointer, rows, stride, lanes, constants);
        Results((at, lane, row) => ((x[at] - numbers[lane]) * numbers[padded + lane]) + numbers[(2 * padded) + lane]);
        Columns.Map<T, InputGradient<T, NoEpilogue>, RowMask<T>>(
            x.Pointer, dy.Pointer, y.Pointer, rows, stride, lanes, constants, mask);
        Results((at, lane, row) => (numbers[padded + lane] * dy[at]) + (counts[row]
            ? (numbers[(3 * padded) + lane] * (x[at] - numbers[lane])) + numbers[(4 * padded) + lane]
            : 0));

        void Sums(Func<int, int, int, double> term, GuardedBuffer<double> actual)
        {
            actual.Check();
            for (int lane = 0; lane < lanes; lane++)
            {
                double sum = 0;
                for (int row = 0; row < rows; row++) sum += term((row * stride) + lane, lane, row);
                KernelSweep.Near<T>(sum, actual[lane], name, lane, rows);
            }

            actual.Values.Fill(double.NaN);
        }

        void Results(Func<int, int, int, double> expected)
        {
            y.Check(lanes, stride);
            for (int row = 0; row < rows; row++)
            {
                for (int lane = 0; lane < lanes; lane++)
                {
                    int at = (row * stride) + lane;
                    KernelSweep.Near<T>(expected(at, lane, row), y[at], name, at);
                    y.Values[at] = T.NaN;
                }
            }
        }
    }

    private static void Blocks<T>() where T : unmanaged
    {
        int width = Vector512<T>.Count, stripe = Columns.StripeColumns<T>();
        Assert.Equal(4 * width, stripe);
        for (int columns = 0; columns <= KernelSweep.Longest; columns++)
        {
            int next = 0;
            for (int number = 0; number * stripe < columns; number++)
            {
                ColumnBlock block = ColumnBlock.First<T>(number, columns);
                for (; block.Lanes > 0; block = block.Next<T>(number, columns))
                {
                    // No block passes the end, none leaves a column out; only the last one may begin too early.
                    int end = block.Start + block.Lanes;
                    Assert.InRange(block.Start, 0, next);
                    Assert.InRange(end, next + 1, columns);
                    Assert.True(block.Start == next || end == columns, $"{columns} columns: {block} after {next}");
                    Assert.True(block.Lanes == width || block.Lanes == stripe || columns < width, $"{block}");
                    next = end;
                }

                Assert.Equal(Math.Min(columns, (number + 1) * stripe), next);
            }

            Assert.Equal(columns, next);
        }
    }
}
