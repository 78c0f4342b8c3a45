using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Planes in another size. Output (r, c) is the blend of two rows, each of which is the blend of two columns:
/// y = (1 - μ)·((1 - λ)·x00 + λ·x01) + μ·((1 - λ)·x10 + λ·x11). For the nearest input it is x00.
/// </summary>
internal static unsafe class Resample
{
    /// <summary>Outputs per chunk, or inputs on the way back.</summary>
    private const int ChunkElements = 1 << 15;

    /// <summary>Rows of a plane that are made together.</summary>
    private const int BlockRows = 16;

    /// <summary>y from x.</summary>
    /// <param name="x">The planes, one after the other.</param>
    /// <param name="y">The planes in their new size.</param>
    /// <param name="planes">Number of planes.</param>
    /// <param name="rows">The rows' tables.</param>
    /// <param name="columns">The columns' tables.</param>
    public static void Forward<T>(
        T* x, T* y, int planes, in ResampleTable<T> rows, in ResampleTable<T> columns)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        long inputs = (long)rows.Axis.Input * columns.Axis.Input,
            outputs = (long)rows.Axis.Output * columns.Axis.Output;
        Debug.Assert(planes >= 0);
        Debug.Assert(Contracts.AreApart(x, planes * inputs, y, planes * outputs), "y overlaps x");
        int all = planes * rows.Axis.Output, perChunk = Math.Max(1, ChunkElements / columns.Axis.Output);
        bool streams = planes * outputs * sizeof(T) >= CacheSizes.LastLevel
            && columns.Axis.Output % Vector512<T>.Count == 0 && (nint)y % Simd.Alignment == 0;
        Workers.Run((int)(((long)all + perChunk - 1) / perChunk), new ForwardJob<T>
        {
            X = x,
            Y = y,
            End = x + (planes * inputs),
            Rows = rows,
            Columns = columns,
            RowCount = all,
            PerChunk = perChunk,
            Streams = streams,
        });
    }

    /// <summary>
    /// dx from dy: each input gets the share that each output takes of it, in the order of the outputs.
    /// </summary>
    /// <param name="dy">The gradients of the outputs.</param>
    /// <param name="dx">The gradients of the inputs.</param>
    /// <param name="planes">Number of planes.</param>
    /// <param name="rows">The rows' tables.</param>
    /// <param name="columns">The columns' tables.</param>
    public static void Backward<T>(
        T* dy, T* dx, int planes, in ResampleTable<T> rows, in ResampleTable<T> columns)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(planes >= 0);
        Debug.Assert(
            Contracts.AreApart(dx, (long)planes * rows.Axis.Input * columns.Axis.Input,
                dy, (long)planes * rows.Axis.Output * columns.Axis.Output),
            "dx overlaps dy");

        // A chunk reads about as many outputs as a chunk of the way there makes.
        double work = Math.Max(columns.Axis.Input, (double)columns.Axis.Output * rows.Axis.Output / rows.Axis.Input);
        int all = planes * rows.Axis.Input, perChunk = (int)Math.Max(1, ChunkElements / work);
        Workers.Run((int)(((long)all + perChunk - 1) / perChunk), new BackwardJob<T>
        {
            Dy = dy,
            Dx = dx,
            Rows = rows,
            Columns = columns,
            RowCount = all,
            PerChunk = perChunk,
        });
    }

    /// <summary>
    /// Elements of a row in scratch memory: two packs can be read from each value on, and from the places of the terms
    /// behind the last one.
    /// </summary>
    private static nint Room<T>(int count) where T : unmanaged, IFloatingPointIeee754<T> =>
        (count + ResampleTable<T>.LaneTerms + (4 * Vector512<T>.Count) - 1) & -Vector512<T>.Count;

    /// <summary>All ones in the lanes whose count is above a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Above<T>(int* counts, int number) => typeof(T) == typeof(float)
        ? Vector512.GreaterThan(Simd.Load(counts), Vector512.Create(number)).As<int, T>()
        : Vector512.GreaterThan(Simd.LoadLongs(counts), Vector512.Create((long)number)).As<long, T>();

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Y, End;
        public ResampleTable<T> Rows, Columns;
        public int RowCount, PerChunk;
        public bool Streams;

        public readonly void Invoke(int chunk)
        {
            int outputRows = Rows.Axis.Output, count = Columns.Axis.Output;
            int width = Vector512<T>.Count, last = Math.Max(0, count - width);
            int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            for (int at = chunk * PerChunk; at < end;)
            {
                (int plane, int row) = Math.DivRem(at, outputRows);
                int here = Math.Min(Math.Min(BlockRows, outputRows - row), end - at);
                T* x = X + ((nint)plane * Rows.Axis.Input * Columns.Axis.Input), y = Y + ((nint)at * count);
                // The last pack overlaps the one before, so that none runs over its row.
                for (int c = 0; ;)
                {
                    int next = Math.Min(c + width, last);
                    bool isPair = c < last && TryPair(x, y, row, here, c, next);
                    if (!isPair) Column(x, y, row, here, c);
                    int done = isPair ? next : c;
                    if (done == last) break;
                    c = Math.Min(done + width, last);
                }

                at += here;
            }

            if (Streams) Simd.StreamFence();
        }

        /// <summary>
        /// A pack of columns of some rows, from <paramref name="c"/> on. Rows at the end of the tensor are read value
        /// by value.
        /// </summary>
        private readonly void Column(T* x, T* y, int row, int rows, int c)
        {
            int* near = Columns.First + c, far = Columns.Second + c;
            bool isInside = IsInside(x, row + rows - 1);
            if (isInside && FromOnePack<T>.Reaches(near, far)) Column<FromOnePack<T>>(x, y, row, rows, c);
            else if (isInside && FromTwoPacks<T>.Reaches(near, far)) Column<FromTwoPacks<T>>(x, y, row, rows, c);
            else Column<FromAnywhere<T>>(x, y, row, rows, c);
        }

        /// <summary>Two packs of columns that blend, from <paramref name="c"/> and from <paramref name="d"/> on.
        /// </summary>
        /// <returns>False if they are not blended together.</returns>
        private readonly bool TryPair(T* x, T* y, int row, int rows, int c, int d)
        {
            int* first = Columns.First, second = Columns.Second;
            if (!Columns.Axis.Blends || !IsInside(x, row + rows - 1)) return false;
            if (FromOnePack<T>.Reaches(first + c, second + c) && FromOnePack<T>.Reaches(first + d, second + d))
                Blend<FromOnePack<T>, Count2>(x, y, row, rows, c, d);
            else if (FromTwoPacks<T>.Reaches(first + c, second + c) && FromTwoPacks<T>.Reaches(first + d, second + d))
                Blend<FromTwoPacks<T>, Count2>(x, y, row, rows, c, d);
            else return false;
            return true;
        }

        /// <summary>Whether packs can be read from the last input row of an output row, and do not reach beyond the
        /// tensor.</summary>
        private readonly bool IsInside(T* x, int row) =>
            End - (x + ((nint)Rows.Second[row] * Columns.Axis.Input)) >= Room<T>(Columns.Axis.Input);

        private readonly void Column<TPicker>(T* x, T* y, int row, int rows, int c) where TPicker : struct, IPicker<T>
        {
            if (Columns.Axis.Blends) Blend<TPicker, Count1>(x, y, row, rows, c, c);
            else Repeat<TPicker>(x, y + c, row, rows, c);
        }

        /// <summary>
        /// Walks down the rows with the two stretched input rows that an output row blends. Each input row is
        /// stretched once. What a row needs beside its values is found once for one pack of columns, or for two.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Blend<TPicker, TPacks>(T* x, T* y, int row, int rows, int c, int d)
            where TPicker : struct, IPicker<T>
            where TPacks : ICount
        {
            int inputs = Columns.Axis.Input, count = Columns.Axis.Output;
            int* near = Columns.First + c, far = Columns.Second + c, nearer = Columns.First + d,
                farther = Columns.Second + d;
            Vector512<T> first = TPicker.Lanes(near, near), second = TPicker.Lanes(far, near);
            Vector512<T> third = TPicker.Lanes(nearer, nearer), fourth = TPicker.Lanes(farther, nearer);
            Vector512<T> left = Simd.Load(Columns.Left + c), right = Simd.Load(Columns.Right + c);
            Vector512<T> leftD = Simd.Load(Columns.Left + d), rightD = Simd.Load(Columns.Right + d);
            Vector512<T> upper = default, lower = default, upperD = default, lowerD = default;
            int* firstRows = Rows.First, secondRows = Rows.Second;
            T* above = Rows.Left, below = Rows.Right;
            int upperRow = -1, lowerRow = -1;
            for (int o = row; o < row + rows; o++, y += count)
            {
                if (firstRows[o] != upperRow)
                {
                    upperRow = firstRows[o];
                    T* from = x + ((nint)upperRow * inputs);
                    if (upperRow == lowerRow) (upper, upperD) = (lower, lowerD);
                    else
                    {
                        upper = Stretch<TPicker>(from, first, second, near, far, left, right);
                        if (TPacks.Value > 1)
                            upperD = Stretch<TPicker>(from, third, fourth, nearer, farther, leftD, rightD);
                    }
                }

                if (secondRows[o] != lowerRow)
                {
                    lowerRow = secondRows[o];
                    T* from = x + ((nint)lowerRow * inputs);
                    if (lowerRow == upperRow) (lower, lowerD) = (upper, upperD);
                    else
                    {
                        lower = Stretch<TPicker>(from, first, second, near, far, left, right);
                        if (TPacks.Value > 1)
                            lowerD = Stretch<TPicker>(from, third, fourth, nearer, farther, leftD, rightD);
                    }
                }

                Vector512<T> high = Simd.Broadcast(above[o]), low = Simd.Broadcast(below[o]);
                Put(y + c, Simd.Fma(lower, low, upper * high));
                if (TPacks.Value > 1) Put(y + d, Simd.Fma(lowerD, low, upperD * high));
            }
        }

        /// <summary>A pack of a row in its new width.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<T> Stretch<TPicker>(T* x, Vector512<T> first, Vector512<T> second, int* near, int* far,
            Vector512<T> left, Vector512<T> right) where TPicker : struct, IPicker<T> =>
            Simd.Fma(TPicker.Pick(x, second, far, near), right, TPicker.Pick(x, first, near, near) * left);

        /// <summary>The nearest input of each output. An input row is read once for the rows that repeat it.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Repeat<TPicker>(T* x, T* y, int row, int rows, int c) where TPicker : struct, IPicker<T>
        {
            int inputs = Columns.Axis.Input, count = Columns.Axis.Output, input = -1;
            int* near = Columns.First + c;
            Vector512<T> lanes = TPicker.Lanes(near, near), values = default;
            for (int o = row; o < row + rows; o++, y += count)
            {
                if (Rows.First[o] != input)
                {
                    input = Rows.First[o];
                    values = TPicker.Pick(x + ((nint)input * inputs), lanes, near, near);
                }

                Put(y, values);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Put(T* to, Vector512<T> values)
        {
            if (Streams) Simd.StoreStream(to, values);
            else Simd.StoreUpTo(to, values, Columns.Axis.Output);
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Dy, Dx;
        public ResampleTable<T> Rows, Columns;
        public int RowCount, PerChunk;

        public readonly void Invoke(int chunk)
        {
            int inputRows = Rows.Axis.Input, width = Columns.Axis.Output;
            nint line = Room<T>(width);
            T* sums = (T*)GemmPacking.Scratch(BlockRows * line * sizeof(T));
            int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            for (int at = chunk * PerChunk; at < end;)
            {
                (int plane, int row) = Math.DivRem(at, inputRows);
                int here = Math.Min(Math.Min(BlockRows, inputRows - row), end - at);
                T* dy = Dy + ((nint)plane * Rows.Axis.Output * width);
                for (int i = 0; i < here; i++) SumRows(dy, row + i, sums + (i * line));
                T* dx = Dx + ((nint)at * Columns.Axis.Input);
                for (int i = 0; i < here; i++) SumColumns(sums + (i * line), dx + (i * Columns.Axis.Input));
                at += here;
            }
        }

        /// <summary>The sum of the output rows that read an input row, with their shares.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void SumRows(T* dy, int row, T* sums)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Output, begin = Rows.Begin[row], end = Rows.End[row];
            int last = count - width;
            T* share = Rows.Share + Rows.At[row] - begin;
            if (last < 0)
            {
                for (int c = 0; c < count; c++)
                {
                    T sum = default;
                    for (int o = begin; o < end; o++) sum = Simd.Fma(dy[((long)o * count) + c], share[o], sum);
                    sums[c] = sum;
                }

                return;
            }

            for (int i = 0; ; i += width)
            {
                int c = Math.Min(i, last);
                Vector512<T> sum = default;
                T* from = dy + ((nint)begin * count) + c;
                for (int o = begin; o < end; o++, from += count)
                    sum = Simd.Fma(Simd.Load(from), Simd.Broadcast(share[o]), sum);
                Simd.Store(sums + c, sum);
                if (i >= last) return;
            }
        }

        /// <summary>The sum of the outputs in a row that read an input, with their shares: packs of inputs.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void SumColumns(T* sums, T* dx)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Input, last = Math.Max(0, count - width);
            int terms = Columns.Terms;
            nint step = ResampleTable<T>.Padded(count);
            int* begins = Columns.Begin, counts = Columns.Counts;
            T* shares = Columns.LaneShare;
            for (int i = 0; ; i += width)
            {
                int c = Math.Min(i, last);
                if (terms <= ResampleTable<T>.LaneTerms && FromTwoPacks<T>.Reaches(begins + c, begins + c))
                {
                    Vector512<T> sum = default, lanes = FromTwoPacks<T>.Lanes(begins + c, begins + c);
                    for (int k = 0; k < terms; k++)
                    {
                        Vector512<T> next = Simd.Fma(
                            FromTwoPacks<T>.Pick(sums + k, lanes, begins + c, begins + c),
                            Simd.Load(shares + (k * step) + c), sum);
                        sum = Vector512.ConditionalSelect(Above<T>(counts + c, k), next, sum);
                    }

                    Simd.StoreUpTo(dx + c, sum, count);
                }
                else
                {
                    SumEach(sums, dx, c, Math.Min(count, c + width));
                }

                if (i >= last) return;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void SumEach(T* sums, T* dx, int first, int end)
        {
            T* share = Columns.Share + Columns.At[first];
            for (int i = first; i < end; i++)
            {
                T sum = default;
                for (int o = Columns.Begin[i]; o < Columns.End[i]; o++) sum = Simd.Fma(sums[o], *share++, sum);
                dx[i] = sum;
            }
        }
    }
}
