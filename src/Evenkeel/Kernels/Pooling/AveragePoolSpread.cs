using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The gradients of means of floats in small planes: the shares of a plane's windows, the sums of their rows, and the
/// sums of the columns of those. The additions are in the same order as in <see cref="AveragePoolRows"/>, so the bits
/// are the same.
/// </summary>
internal static unsafe class AveragePoolSpread
{
    /// <summary>The largest number of values of a plane, and of results.</summary>
    private const int MostValues = 1024;

    /// <summary>Planes that go through a stage before the next one reads its results.</summary>
    private const int MostPlanes = 8;

    /// <summary>dx from dy. False if the planes are too large for it.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="dx">The gradients of the planes.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="sizes">What each window counts.</param>
    /// <param name="rows">The windows that cover each row.</param>
    /// <param name="columns">The windows that cover each column.</param>
    [SkipLocalsInit]
    public static bool TryBackward(
        float* dy, float* dx, in PoolShape shape, in WindowSizes sizes, in PoolLists rows, in PoolLists columns)
    {
        if (!FlatSums.IsSupported || shape.Slices != PoolAxis.Single || shape.OutputSize is 0 or > MostValues
            || shape.InputSize is 0 or > MostValues)
        {
            return false;
        }

        int* numbers = stackalloc int[4 * (MostValues + 1)];
        int* rowNumbers = stackalloc int[FlatSums.Numbers], columnNumbers = stackalloc int[FlatSums.Numbers];
        PoolLists eachRow = PoolLists.Each(shape.Rows.Input, numbers),
            eachColumn = PoolLists.Each(shape.Columns.Output, numbers + (2 * (MostValues + 1)));
        if (!FlatSums.TryCreate(rows, eachColumn, shape.Columns.Output, rowNumbers, out FlatSums rowSums)
            || !FlatSums.TryCreate(eachRow, columns, shape.Columns.Output, columnNumbers, out FlatSums columnSums))
        {
            return false;
        }

        float* divisors = stackalloc float[MostValues + PoolTap.Lanes];
        new Span<float>(divisors, shape.OutputSize + PoolTap.Lanes).Fill(1);
        for (int row = 0, at = 0; row < shape.Rows.Output; row++)
        {
            for (int column = 0; column < shape.Columns.Output; column++, at++)
                divisors[at] = sizes.Columns[column] * sizes.Of(0, row);
        }

        Workers.Run(shape.Chunks, new Job
        {
            Dy = dy,
            End = dy + ((nint)shape.Count * shape.OutputSize),
            Dx = dx,
            Divisors = divisors,
            Planes = shape,
            RowSums = rowSums,
            ColumnSums = columnSums,
        });
        return true;
    }

    private static int Room(int count) => ((count + PoolTap.Lanes - 1) & -PoolTap.Lanes) + FlatSums.Behind;

    private struct Job : IJob
    {
        public float* Dy, End, Dx, Divisors;
        public PoolShape Planes;
        public FlatSums RowSums, ColumnSums;

        [SkipLocalsInit]
        public readonly void Invoke(int chunk)
        {
            int outputs = Planes.OutputSize, inputs = Planes.InputSize;
            int shareRoom = Room(outputs), sumRoom = Room(RowSums.Count);
            float* scratch = (float*)GemmPacking.Scratch(MostPlanes * (nint)(shareRoom + sumRoom) * sizeof(float));
            float* shares = scratch, sums = scratch + (MostPlanes * shareRoom);
            int first = chunk * Planes.PerChunk, end = Math.Min(Planes.Count, first + Planes.PerChunk);
            float* limit = Dx + ((nint)end * inputs);
            for (; first < end; first += MostPlanes)
            {
                int here = Math.Min(MostPlanes, end - first);
                for (int i = 0; i < here; i++) Share(Dy + ((nint)(first + i) * outputs), shares + (i * shareRoom));
                for (int i = 0; i < here; i++)
                    RowSums.Run(shares + (i * shareRoom), sums + (i * sumRoom), sums + ((i + 1) * sumRoom));
                for (int i = 0; i < here; i++)
                    ColumnSums.Run(sums + (i * sumRoom), Dx + ((nint)(first + i) * inputs), limit);
            }
        }

        /// <summary>What each input of a window gets of its gradient.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Share(float* dy, float* shares)
        {
            int count = Planes.OutputSize;
            for (int i = 0; i < count; i += PoolTap.Lanes)
            {
                Vector512<float> values = End - (dy + i) >= PoolTap.Lanes
                    ? Simd.Load(dy + i) : Simd.LoadPartial(dy + i, count - i);
                Simd.Store(shares + i, values / Simd.Load(Divisors + i));
            }
        }
    }
}
