using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
        Workers.Run((int)(((long)all + perChunk - 1) / perChunk), new ForwardJob<T>
        {
            X = x,
            Y = y,
            End = x + (planes * inputs),
            Rows = rows,
            Columns = columns,
            RowCount = all,
            PerChunk = perChunk,
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

    /// <summary>
    /// Whether <see cref="Take"/> reaches the places of a pack, the last of which are at <paramref name="last"/>. If
    /// not, values are read one by one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AreNear<T>(int* first, int* last) => Avx512F.IsSupported
        ? last[Vector512<T>.Count - 1] - first[0] < 2 * Vector512<T>.Count
        : Avx2.IsSupported && typeof(T) == typeof(float) && last[7] - first[0] < 16 && last[15] - first[8] < 16;

    /// <summary>
    /// The values <c>x[places[lane]]</c>, picked from two packs that begin at the first place, or from two half packs
    /// for each half of the lanes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Take<T>(T* x, int* places, int* first) where T : unmanaged
    {
        if (!Avx512F.IsSupported)
        {
            return Vector512.Create(
                TakeHalf((float*)x, places, first[0]), TakeHalf((float*)x, places + 8, first[8])).As<float, T>();
        }

        Vector512<T> low = Simd.Load(x + first[0]), high = Simd.Load(x + first[0] + Vector512<T>.Count);
        if (typeof(T) == typeof(float))
        {
            return Avx512F.PermuteVar16x32x2(
                low.AsSingle(), Simd.Load(places) - Vector512.Create(first[0]), high.AsSingle()).As<float, T>();
        }

        return Avx512F.PermuteVar8x64x2(
            low.AsDouble(), Longs(places) - Vector512.Create((long)first[0]), high.AsDouble()).As<double, T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> TakeHalf(float* x, int* places, int first)
    {
        // The permutation reads the lowest three bits of a lane's number.
        Vector256<int> lanes = Vector256.Load(places) - Vector256.Create(first);
        Vector256<float> near = Avx2.PermuteVar8x32(Vector256.Load(x + first), lanes),
            far = Avx2.PermuteVar8x32(Vector256.Load(x + first + 8), lanes);
        return Vector256.ConditionalSelect(Vector256.GreaterThan(lanes, Vector256.Create(7)).AsSingle(), far, near);
    }

    /// <summary>All ones in the lanes whose count is above a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Above<T>(int* counts, int number) => typeof(T) == typeof(float)
        ? Vector512.GreaterThan(Simd.Load(counts), Vector512.Create(number)).As<int, T>()
        : Vector512.GreaterThan(Longs(counts), Vector512.Create((long)number)).As<long, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Longs(int* p)
    {
        (Vector256<long> low, Vector256<long> high) = Vector256.Widen(Vector256.Load(p));
        return Vector512.Create(low, high);
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Y, End;
        public ResampleTable<T> Rows, Columns;
        public int RowCount, PerChunk;

        public readonly void Invoke(int chunk)
        {
            int outputRows = Rows.Axis.Output, count = Columns.Axis.Output;
            nint room = Room<T>(Columns.Axis.Input), line = Room<T>(count);
            T* copy = (T*)GemmPacking.Scratch((room + (2 * BlockRows * line)) * sizeof(T)), lines = copy + room;
            T** ends = stackalloc T*[2 * BlockRows];
            int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            T* stop = Y + ((nint)end * count);
            for (int at = chunk * PerChunk; at < end;)
            {
                (int plane, int row) = Math.DivRem(at, outputRows);
                int here = Math.Min(Math.Min(BlockRows, outputRows - row), end - at);
                T* y = Y + ((nint)at * count);
                T* x = X + ((nint)plane * Rows.Axis.Input * Columns.Axis.Input);
                if (Columns.Axis.Blends)
                {
                    Stretch(x, row, here, copy, lines, ends);
                    Mix(ends, y, stop, Rows.Left + row, Rows.Right + row, here);
                }
                else
                {
                    Repeat(x, row, here, copy, y);
                }

                at += here;
            }
        }

        /// <summary>
        /// Stretches or shrinks each input row that a block of output rows reads, once. An output row is made from two
        /// of these lines, or is one of them: <c>ends[2i]</c> and <c>ends[2i + 1]</c>. The lines are read after all are
        /// written, so no load waits for a store.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Stretch(T* x, int row, int rows, T* copy, T* lines, T** ends)
        {
            int width = Columns.Axis.Input;
            nint step = Room<T>(Columns.Axis.Output);
            int former = -1, latest = -1;
            T* next = lines;
            for (int i = 0; i < 2 * rows; i++)
            {
                int input = (i & 1) == 0 ? Rows.First[row + (i / 2)] : Rows.Second[row + (i / 2)];
                if (input == latest || (input == former && former >= 0))
                {
                    ends[i] = next - (input == latest ? step : 2 * step);
                    continue;
                }

                Blend(Readable(x + ((nint)input * width), copy), next);
                (former, latest) = (latest, input);
                ends[i] = next;
                next += step;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Blend(T* x, T* to)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Output;
            int* firsts = Columns.First, seconds = Columns.Second;
            T* lefts = Columns.Left, rights = Columns.Right;
            for (int c = 0; c < count; c += width)
            {
                if (AreNear<T>(firsts + c, seconds + c))
                {
                    Vector512<T> first = Take(x, firsts + c, firsts + c), second = Take(x, seconds + c, firsts + c);
                    Simd.Store(to + c, Simd.Fma(second, Simd.Load(rights + c), first * Simd.Load(lefts + c)));
                    continue;
                }

                for (int k = c; k < Math.Min(count, c + width); k++)
                    to[k] = Simd.Fma(x[seconds[k]], rights[k], x[firsts[k]] * lefts[k]);
            }
        }

        /// <summary>The same row, or its copy if packs cannot be read from all its places.</summary>
        private readonly T* Readable(T* x, T* copy)
        {
            int width = Columns.Axis.Input;
            if (End - x >= Room<T>(width)) return x;
            new Span<T>(x, width).CopyTo(new Span<T>(copy, width));
            return copy;
        }

        /// <summary>The nearest input of each output; rows with the same input row are written together.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Repeat(T* x, int row, int rows, T* copy, T* y)
        {
            for (int end = row + rows; row < end;)
            {
                int input = Rows.First[row], same = 1;
                while (row + same < end && Rows.First[row + same] == input) same++;
                Repeat(Readable(x + ((nint)input * Columns.Axis.Input), copy), y, same);
                row += same;
                y += (nint)same * Columns.Axis.Output;
            }
        }

        /// <summary>Some equal rows. The last pack overlaps the one before, so that none runs over its row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Repeat(T* x, T* y, int rows)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Output, last = Math.Max(0, count - width);
            int* firsts = Columns.First;
            for (int i = 0; ; i += width)
            {
                int c = Math.Min(i, last);
                T* to = y + c;
                if (!AreNear<T>(firsts + c, firsts + c))
                {
                    for (int row = 0; row < rows; row++, to += count)
                        for (int k = 0; k < Math.Min(count, width); k++) to[k] = x[firsts[c + k]];
                }
                else
                {
                    Vector512<T> values = Take(x, firsts + c, firsts + c);
                    for (int row = 0; row < rows; row++, to += count)
                    {
                        if (count >= width) Simd.Store(to, values);
                        else Simd.StorePartial(to, values, count);
                    }
                }

                if (i >= last) return;
            }
        }

        /// <summary>
        /// y = upper·a + lower·b for each row. The lines a and b may be read beyond their ends. A last pack may run
        /// over into the rows that are written next.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Mix(T** ends, T* y, T* stop, T* uppers, T* lowers, int rows)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Output;
            for (; rows > 0; rows--, ends += 2, y += count)
            {
                T* a = ends[0], b = ends[1];
                Vector512<T> up = Simd.Broadcast(*uppers++), low = Simd.Broadcast(*lowers++);
                int whole = stop - y < count + width ? count - width + 1 : count, c = 0;
                for (; c < whole; c += width)
                    Simd.Store(y + c, Simd.Fma(Simd.Load(b + c), low, Simd.Load(a + c) * up));
                for (; c < count; c++) y[c] = Simd.Fma(b[c], low[0], a[c] * up[0]);
            }
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
                if (terms <= ResampleTable<T>.LaneTerms && AreNear<T>(begins + c, begins + c))
                {
                    Vector512<T> sum = default;
                    for (int k = 0; k < terms; k++)
                    {
                        Vector512<T> next = Simd.Fma(
                            Take(sums + k, begins + c, begins + c), Simd.Load(shares + (k * step) + c), sum);
                        sum = Vector512.ConditionalSelect(Above<T>(counts + c, k), next, sum);
                    }

                    if (count >= width) Simd.Store(dx + c, sum);
                    else Simd.StorePartial(dx, sum, count);
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
