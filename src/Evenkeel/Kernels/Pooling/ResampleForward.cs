using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>Chunks of rows of planes in their new size; see <see cref="Resample.Forward"/>.</summary>
internal unsafe struct ResampleForward<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    public T* X, Y;

    /// <summary>The end of the inputs.</summary>
    public T* End;

    public ResampleTable<T> Rows, Columns;

    /// <summary>Rows of all results, and those of a chunk.</summary>
    public int RowCount, PerChunk;

    /// <summary>Whether all packs of results are whole and aligned, and stored past the caches.</summary>
    public bool Streams;

    /// <inheritdoc/>
    public readonly void Invoke(int chunk)
    {
        if (Streams)
        {
            Run<PastCaches>(chunk);
            Simd.StreamFence();
        }
        else if (Columns.Axis.Output >= Vector512<T>.Count)
        {
            Run<WholePack>(chunk);
        }
        else
        {
            Run<PartOfPack>(chunk);
        }
    }

    private readonly void Run<TStore>(int chunk) where TStore : IPackStore
    {
        int outputRows = Rows.Axis.Output, count = Columns.Axis.Output;
        int width = Vector512<T>.Count, last = Math.Max(0, count - width);
        // Where two packs are a row, no later pack reads the same rows again.
        int most = last <= width ? outputRows : Resample.BlockRows;
        int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
        for (int at = chunk * PerChunk; at < end;)
        {
            (int plane, int row) = Math.DivRem(at, outputRows);
            int here = Math.Min(Math.Min(most, outputRows - row), end - at);
            T* x = X + ((nint)plane * Rows.Axis.Input * Columns.Axis.Input), y = Y + ((nint)at * count);
            // The last pack overlaps the one before, so that none runs over its row.
            for (int c = 0; ;)
            {
                int next = Math.Min(c + width, last);
                bool isPair = c < last && TryPair<TStore>(x, y, row, here, c, next);
                if (!isPair) Column<TStore>(x, y, row, here, c);
                int done = isPair ? next : c;
                if (done == last) break;
                c = Math.Min(done + width, last);
            }

            at += here;
        }
    }

    /// <summary>
    /// A pack of columns of some rows, from <paramref name="c"/> on. Rows at the end of the tensor are read value by
    /// value.
    /// </summary>
    private readonly void Column<TStore>(T* x, T* y, int row, int rows, int c) where TStore : IPackStore
    {
        int* near = Columns.First + c, far = Columns.Second + c;
        bool isInside = IsInside(x, row + rows - 1);
        if (isInside && FromOnePack<T>.Reaches(near, far))
            Walk<FromOnePack<T>, Count1, TStore>(x, y, row, rows, c, c);
        else if (isInside && FromTwoPacks<T>.Reaches(near, far))
            Walk<FromTwoPacks<T>, Count1, TStore>(x, y, row, rows, c, c);
        else Walk<FromAnywhere<T>, Count1, TStore>(x, y, row, rows, c, c);
    }

    /// <summary>Two packs of columns, from <paramref name="c"/> and from <paramref name="d"/> on.</summary>
    /// <returns>False if they are not made together.</returns>
    private readonly bool TryPair<TStore>(T* x, T* y, int row, int rows, int c, int d) where TStore : IPackStore
    {
        int* first = Columns.First, second = Columns.Second;
        if (!IsInside(x, row + rows - 1)) return false;
        if (FromOnePack<T>.Reaches(first + c, second + c) && FromOnePack<T>.Reaches(first + d, second + d))
            Walk<FromOnePack<T>, Count2, TStore>(x, y, row, rows, c, d);
        else if (FromTwoPacks<T>.Reaches(first + c, second + c) && FromTwoPacks<T>.Reaches(first + d, second + d))
            Walk<FromTwoPacks<T>, Count2, TStore>(x, y, row, rows, c, d);
        else return false;
        return true;
    }

    /// <summary>
    /// Whether packs can be read from the last input row of an output row, and do not reach beyond the tensor.
    /// </summary>
    private readonly bool IsInside(T* x, int row) =>
        End - (x + ((nint)Rows.Second[row] * Columns.Axis.Input)) >= Resample.Room<T>(Columns.Axis.Input);

    private readonly void Walk<TPicker, TPacks, TStore>(T* x, T* y, int row, int rows, int c, int d)
        where TPicker : struct, IPicker<T>
        where TPacks : ICount
        where TStore : IPackStore
    {
        if (Columns.Axis.Blends) Blend<TPicker, TPacks, TStore>(x, y, row, rows, c, d);
        else Repeat<TPicker, TPacks, TStore>(x, y, row, rows, c, d);
    }

    /// <summary>
    /// Walks down the rows with the two stretched input rows that a run of output rows blends. Each input row is
    /// stretched once. What a row needs beside its values is found once for one pack of columns, or for two.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Blend<TPicker, TPacks, TStore>(T* x, T* y, int row, int rows, int c, int d)
        where TPicker : struct, IPicker<T>
        where TPacks : ICount
        where TStore : IPackStore
    {
        int inputs = Columns.Axis.Input, count = Columns.Axis.Output, end = row + rows, lowerRow = -1;
        int* near = Columns.First + c, far = Columns.Second + c, nearer = Columns.First + d,
            farther = Columns.Second + d;
        Vector512<T> first = TPicker.Lanes(near, near), second = TPicker.Lanes(far, near);
        Vector512<T> third = TPicker.Lanes(nearer, nearer), fourth = TPicker.Lanes(farther, nearer);
        Vector512<T> left = Simd.Load(Columns.Left + c), right = Simd.Load(Columns.Right + c);
        Vector512<T> leftD = Simd.Load(Columns.Left + d), rightD = Simd.Load(Columns.Right + d);
        Vector512<T> upper, lower = default, upperD, lowerD = default;
        int middle = Vector256<T>.Count, c0 = near[0], c1 = near[middle], d0 = nearer[0], d1 = nearer[middle];
        int* firstRows = Rows.First;
        T* above = Rows.Left, below = Rows.Right;
        for (int o = row; o < end;)
        {
            int upperRow = firstRows[o];
            T* from = x + ((nint)upperRow * inputs);
            if (upperRow == lowerRow)
            {
                (upper, upperD) = (lower, lowerD);
            }
            else
            {
                upper = Stretch<TPicker>(from, first, second, near, far, c0, c1, left, right);
                upperD = TPacks.Value == 1 ? default
                    : Stretch<TPicker>(from, third, fourth, nearer, farther, d0, d1, leftD, rightD);
            }

            lowerRow = Rows.Second[o];
            if (upperRow == lowerRow)
            {
                (lower, lowerD) = (upper, upperD);
            }
            else
            {
                from += inputs;
                lower = Stretch<TPicker>(from, first, second, near, far, c0, c1, left, right);
                if (TPacks.Value > 1)
                    lowerD = Stretch<TPicker>(from, third, fourth, nearer, farther, d0, d1, leftD, rightD);
            }

            do
            {
                Vector512<T> high = Simd.Broadcast(above[o]), low = Simd.Broadcast(below[o]);
                TStore.Put(y + c, Simd.Fma(lower, low, upper * high), count);
                if (TPacks.Value > 1) TStore.Put(y + d, Simd.Fma(lowerD, low, upperD * high), count);
                y += count;
                o++;
            }
            while (o < end && firstRows[o] == upperRow);
        }
    }

    /// <summary>A pack of a row in its new width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Stretch<TPicker>(T* x, Vector512<T> first, Vector512<T> second, int* near, int* far,
        int begin, int half, Vector512<T> left, Vector512<T> right) where TPicker : struct, IPicker<T> => Simd.Fma(
        TPicker.Pick(x, second, far, begin, half), right, TPicker.Pick(x, first, near, begin, half) * left);

    /// <summary>The nearest input of each output. An input row is read once for the rows that repeat it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Repeat<TPicker, TPacks, TStore>(T* x, T* y, int row, int rows, int c, int d)
        where TPicker : struct, IPicker<T>
        where TPacks : ICount
        where TStore : IPackStore
    {
        int inputs = Columns.Axis.Input, count = Columns.Axis.Output, end = row + rows;
        int* near = Columns.First + c, nearer = Columns.First + d, inputRows = Rows.First;
        int middle = Vector256<T>.Count, c0 = near[0], c1 = near[middle], d0 = nearer[0], d1 = nearer[middle];
        Vector512<T> lanes = TPicker.Lanes(near, near), lanesD = TPicker.Lanes(nearer, nearer);
        for (int o = row; o < end;)
        {
            int input = inputRows[o];
            T* from = x + ((nint)input * inputs);
            Vector512<T> values = TPicker.Pick(from, lanes, near, c0, c1);
            Vector512<T> valuesD = TPacks.Value == 1 ? default : TPicker.Pick(from, lanesD, nearer, d0, d1);
            do
            {
                TStore.Put(y + c, values, count);
                if (TPacks.Value > 1) TStore.Put(y + d, valuesD, count);
                y += count;
                o++;
            }
            while (o < end && inputRows[o] == input);
        }
    }
}
