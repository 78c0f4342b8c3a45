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
            LastFull = x + (planes * inputs) - Vector512<T>.Count,
            Rows = rows,
            Columns = columns,
            RowCount = all,
            PerChunk = perChunk,
        });
    }

    /// <summary>Number of values of scratch memory that <see cref="Backward"/> needs.</summary>
    public static int ScratchValues(int planes, in ResampleAxis rows, in ResampleAxis columns) =>
        checked(BackwardChunks(planes, rows, columns, out _) * columns.Output);

    /// <summary>
    /// dx from dy: each input gets the share that each output takes of it, in the order of the outputs.
    /// </summary>
    /// <param name="dy">The gradients of the outputs.</param>
    /// <param name="dx">The gradients of the inputs.</param>
    /// <param name="planes">Number of planes.</param>
    /// <param name="rows">The rows' tables.</param>
    /// <param name="columns">The columns' tables.</param>
    /// <param name="scratch">Memory for <see cref="ScratchValues"/>.</param>
    public static void Backward<T>(
        T* dy, T* dx, int planes, in ResampleTable<T> rows, in ResampleTable<T> columns, T* scratch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(planes >= 0);
        Debug.Assert(
            Contracts.AreApart(dx, (long)planes * rows.Axis.Input * columns.Axis.Input,
                dy, (long)planes * rows.Axis.Output * columns.Axis.Output),
            "dx overlaps dy");
        int chunks = BackwardChunks(planes, rows.Axis, columns.Axis, out int perChunk);
        Workers.Run(chunks, new BackwardJob<T>
        {
            Dy = dy,
            Dx = dx,
            Scratch = scratch,
            Rows = rows,
            Columns = columns,
            RowCount = planes * rows.Axis.Input,
            PerChunk = perChunk,
        });
    }

    /// <summary>Chunks of input rows whose outputs are about as many as in a chunk of the way there.</summary>
    private static int BackwardChunks(int planes, in ResampleAxis rows, in ResampleAxis columns, out int perChunk)
    {
        double work = Math.Max(columns.Input, (double)columns.Output * rows.Output / rows.Input);
        perChunk = (int)Math.Max(1, ChunkElements / work);
        return (int)((((long)planes * rows.Input) + perChunk - 1) / perChunk);
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Y, LastFull;
        public ResampleTable<T> Rows, Columns;
        public int RowCount, PerChunk;

        public readonly void Invoke(int chunk)
        {
            int outputRows = Rows.Axis.Output, width = Columns.Axis.Input;
            int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            for (int at = chunk * PerChunk; at < end; at++)
            {
                int plane = at / outputRows, row = at - (plane * outputRows);
                T* x = X + ((long)plane * Rows.Axis.Input * width);
                T* top = x + ((long)Rows.First[row] * width), bottom = x + ((long)Rows.Second[row] * width);
                T* y = Y + ((long)at * Columns.Axis.Output);
                if (Columns.Axis.Blends) Blend(top, bottom, y, Rows.Left[row], Rows.Right[row]);
                else Copy(top, y);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Blend(T* top, T* bottom, T* y, T upper, T lower)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Output, last = Math.Max(0, count - width);
            Vector512<T> up = Simd.Broadcast(upper), low = Simd.Broadcast(lower);
            int* firsts = Columns.First, seconds = Columns.Second;
            for (int i = 0; ; i += width)
            {
                int c = Math.Min(i, last), from = firsts[c];
                if (Shuffles && seconds[c + width - 1] - from < width)
                {
                    Vector512<T> left = Simd.Load(Columns.Left + c), right = Simd.Load(Columns.Right + c);
                    Vector512<T> a = Window(top + from), b = Window(bottom + from);
                    Vector512<T> rowA = Simd.Fma(Pick(a, seconds + c, from), right, Pick(a, firsts + c, from) * left);
                    Vector512<T> rowB = Simd.Fma(Pick(b, seconds + c, from), right, Pick(b, firsts + c, from) * left);
                    Vector512<T> blended = Simd.Fma(rowB, low, rowA * up);
                    if (count >= width) Simd.Store(y + c, blended);
                    else Simd.StorePartial(y, blended, count);
                }
                else
                {
                    for (int k = c; k < Math.Min(count, c + width); k++)
                    {
                        int first = firsts[k], second = seconds[k];
                        T left = Columns.Left[k], right = Columns.Right[k];
                        T a = Simd.Fma(top[second], right, top[first] * left);
                        T b = Simd.Fma(bottom[second], right, bottom[first] * left);
                        y[k] = Simd.Fma(b, lower, a * upper);
                    }
                }

                if (i >= last) break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Copy(T* x, T* y)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Output, last = Math.Max(0, count - width);
            int* firsts = Columns.First;
            for (int i = 0; ; i += width)
            {
                int c = Math.Min(i, last), from = firsts[c];
                if (Shuffles && firsts[c + width - 1] - from < width)
                {
                    Vector512<T> picked = Pick(Window(x + from), firsts + c, from);
                    if (count >= width) Simd.Store(y + c, picked);
                    else Simd.StorePartial(y, picked, count);
                }
                else
                {
                    for (int k = c; k < Math.Min(count, c + width); k++) y[k] = x[firsts[k]];
                }

                if (i >= last) break;
            }
        }

        /// <summary>A pack from p on. Behind the end of the last plane it reads nothing.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly Vector512<T> Window(T* p) => p <= LastFull
            ? Simd.Load(p)
            : Simd.LoadPartial(p, Vector512<T>.Count - (int)(p - LastFull));

        /// <summary>
        /// Whether lanes can be picked in one instruction. Otherwise the library picks them one by one, which values in
        /// memory do faster.
        /// </summary>
        private static bool Shuffles => Vector512.IsHardwareAccelerated;

        /// <summary>The lanes of a window that begins at input <paramref name="from"/>.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<T> Pick(Vector512<T> window, int* inputs, int from)
        {
            if (typeof(T) == typeof(float))
            {
                return Vector512.ShuffleNative(window.AsSingle(), Simd.Load(inputs) - Vector512.Create(from))
                    .As<float, T>();
            }

            (Vector256<long> low, Vector256<long> high) = Vector256.Widen(Vector256.Load(inputs));
            Vector512<long> lanes = Vector512.Create(low, high) - Vector512.Create((long)from);
            return Vector512.ShuffleNative(window.AsDouble(), lanes).As<double, T>();
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Dy, Dx, Scratch;
        public ResampleTable<T> Rows, Columns;
        public int RowCount, PerChunk;

        public readonly void Invoke(int chunk)
        {
            int inputRows = Rows.Axis.Input, width = Columns.Axis.Output;
            T* sums = Scratch + ((long)chunk * width);
            int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            for (int at = chunk * PerChunk; at < end; at++)
            {
                int plane = at / inputRows, row = at - (plane * inputRows);
                SumRows(Dy + ((long)plane * Rows.Axis.Output * width), row, sums);
                SumColumns(sums, Dx + ((long)at * Columns.Axis.Input));
            }
        }

        /// <summary>The sum of the output rows that read an input row, with their shares.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void SumRows(T* dy, int row, T* sums)
        {
            int width = Vector512<T>.Count, count = Columns.Axis.Output, begin = Rows.Begin[row], end = Rows.End[row];
            T* share = Rows.Share + Rows.At[row] - begin;
            int c = 0;
            for (; c <= count - width; c += width)
            {
                Vector512<T> sum = default;
                for (int o = begin; o < end; o++)
                    sum = Simd.Fma(Simd.Load(dy + ((long)o * count) + c), Simd.Broadcast(share[o]), sum);
                Simd.Store(sums + c, sum);
            }

            for (; c < count; c++)
            {
                T sum = default;
                for (int o = begin; o < end; o++) sum = Simd.Fma(dy[((long)o * count) + c], share[o], sum);
                sums[c] = sum;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void SumColumns(T* sums, T* dx)
        {
            int count = Columns.Axis.Input;
            int* begins = Columns.Begin, ends = Columns.End;
            T* share = Columns.Share;
            for (int i = 0; i < count; i++)
            {
                T sum = default;
                int end = ends[i];
                for (int o = begins[i]; o < end; o++) sum = Simd.Fma(sums[o], *share++, sum);
                dx[i] = sum;
            }
        }
    }
}
