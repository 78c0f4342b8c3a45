using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Chunks of rows of the inputs' gradients; see <see cref="Resample.Backward"/>. An input adds the output rows that
/// read it first, then the columns of their sum.
/// </summary>
internal unsafe struct ResampleBackward<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    public T* Dy, Dx;

    /// <summary>The end of the gradients of the outputs.</summary>
    public T* End;

    public ResampleTable<T> Rows, Columns;

    /// <summary>Rows of all inputs, and those of a chunk.</summary>
    public int RowCount, PerChunk;

    /// <inheritdoc/>
    public readonly void Invoke(int chunk)
    {
        int inputRows = Rows.Axis.Input, inputs = Columns.Axis.Input, outputs = Columns.Axis.Output;
        int width = Vector512<T>.Count, last = Math.Max(0, inputs - width);
        nint line = Resample.Room<T>(outputs);
        int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
        for (int at = chunk * PerChunk; at < end;)
        {
            (int plane, int row) = Math.DivRem(at, inputRows);
            int here = Math.Min(Math.Min(Resample.BlockRows, inputRows - row), end - at);
            T* dy = Dy + ((nint)plane * Rows.Axis.Output * outputs), dx = Dx + ((nint)at * inputs);
            // Packs that are read from the last row do not reach beyond the tensor.
            bool isInside = End - (dy + ((nint)Rows.End[row + here - 1] * outputs)) >= line - outputs;
            T* sums = null;
            for (int i = 0; ; i += width)
            {
                int c = Math.Min(i, last);
                if (!isInside || !TryWalk(dy, dx, row, here, c, i / width))
                {
                    if (sums is null)
                    {
                        sums = (T*)GemmPacking.Scratch(here * line * sizeof(T));
                        for (int r = 0; r < here; r++) SumRows(dy, row + r, sums + (r * line));
                    }

                    for (int r = 0; r < here; r++)
                        SumColumns(sums + (r * line), dx + ((nint)r * inputs), c, Math.Min(inputs, c + width));
                }

                if (i >= last) break;
            }

            at += here;
        }
    }

    /// <summary>
    /// A pack of columns of some rows, from <paramref name="c"/> on, and its number; if permutations of at most four
    /// packs of a row pick all terms.
    /// </summary>
    private readonly bool TryWalk(T* dy, T* dx, int row, int rows, int c, int number)
    {
        int terms = Columns.Terms[number];
        if (!PickerPack<T>.IsSupported || terms > ResampleTable<T>.LaneTerms) return false;
        int span = PickerPack<T>.Span(Columns.Begin + c, Columns.Begin + c), pack = PickerPack<T>.Width;
        // A term is picked so many places behind the one before. Two packs have the first terms, two more the others.
        int shift = (2 * pack) - span;
        bool isSame = Columns.LeastTerms[number] == terms;
        if (span + terms <= pack)
        {
            if (isSame && terms == 1) Walk<Count1, Count1>(dy, dx, row, rows, c, terms, terms);
            else Walk<Count1, AnyCount>(dy, dx, row, rows, c, terms, terms);
        }
        else if (terms <= shift)
        {
            if (isSame && terms == 2) Walk<Count2, Count2>(dy, dx, row, rows, c, terms, terms);
            else Walk<Count2, AnyCount>(dy, dx, row, rows, c, terms, terms);
        }
        else if (terms <= 2 * shift)
        {
            Walk<Count4, AnyCount>(dy, dx, row, rows, c, terms, shift);
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <summary>
    /// Walks down the rows of the inputs with the sums of the output rows in registers. <typeparamref name="TPacks"/>
    /// is the number of packs of a row, <typeparamref name="TTerms"/> that of the terms, if all inputs have as many.
    /// </summary>
    /// <param name="dy">The gradients of the outputs of the plane.</param>
    /// <param name="dx">The gradients of the inputs, from the first row on.</param>
    /// <param name="row">The first row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="c">The first column.</param>
    /// <param name="terms">The largest number of terms of an input.</param>
    /// <param name="shift">Terms that the first packs have. The other two packs begin so many places behind.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Walk<TPacks, TTerms>(T* dy, T* dx, int row, int rows, int c, int terms, int shift)
        where TPacks : ICount
        where TTerms : ICount
    {
        int inputs = Columns.Axis.Input, outputs = Columns.Axis.Output, pack = PickerPack<T>.Width;
        int* counts = Columns.Counts + c, begins = Columns.Begin + c, rowBegins = Rows.Begin, rowCounts = Rows.Counts;
        int first = begins[0], half = begins[Vector256<T>.Count];
        nint step = ResampleTable<T>.Padded(inputs);
        T* share = Rows.Share + Rows.At[row], columnShares = Columns.LaneShare + c;
        Vector512<T> lanes = PickerPack<T>.Lanes(begins, begins), lanesBehind = PickerPack<T>.Next(lanes);
        Vector512<T> firstShare = Simd.Load(columnShares), secondShare = Simd.Load(columnShares + step);
        dx += c;
        for (int r = row; r < row + rows; r++, dx += inputs)
        {
            Vector512<T> near = default, far = default, nextNear = default, nextFar = default;
            T* from = dy + ((nint)rowBegins[r] * outputs);
            for (int o = rowCounts[r]; o > 0; o--, from += outputs, share++)
            {
                Vector512<T> factor = Simd.Broadcast(*share);
                near = Simd.Fma(PickerPack<T>.Load(from, first, half), factor, near);
                if (TPacks.Value > 1) far = Simd.Fma(PickerPack<T>.Load(from + pack, first, half), factor, far);
                if (TPacks.Value <= 2) continue;
                nextNear = Simd.Fma(PickerPack<T>.Load(from + shift, first, half), factor, nextNear);
                nextFar = Simd.Fma(PickerPack<T>.Load(from + shift + pack, first, half), factor, nextFar);
            }

            Vector512<T> sum = default, places = lanes;
            if (TTerms.Value > 0)
            {
                sum = Simd.Fma(Pick<TPacks>(near, far, lanes), firstShare, sum);
                if (TTerms.Value > 1) sum = Simd.Fma(Pick<TPacks>(near, far, lanesBehind), secondShare, sum);
                Simd.StoreUpTo(dx, sum, inputs);
                continue;
            }

            T* shares = columnShares;
            int k = 0;
            for (; k < shift; k++, shares += step)
            {
                sum = AddTerm(Pick<TPacks>(near, far, places), shares, counts, k, sum);
                places = PickerPack<T>.Next(places);
            }

            if (TPacks.Value > 2)
            {
                places = lanes;
                for (; k < terms; k++, shares += step)
                {
                    sum = AddTerm(Pick<TPacks>(nextNear, nextFar, places), shares, counts, k, sum);
                    places = PickerPack<T>.Next(places);
                }
            }

            Simd.StoreUpTo(dx, sum, inputs);
        }
    }

    /// <summary>A term of each lane, from one pack or from two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Pick<TPacks>(Vector512<T> near, Vector512<T> far, Vector512<T> lanes)
        where TPacks : ICount => TPacks.Value == 1
        ? PickerPack<T>.Permute(near, lanes) : PickerPack<T>.Permute(near, far, lanes);

    /// <summary>Any number of terms.</summary>
    private readonly struct AnyCount : ICount
    {
        public static int Value
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => 0;
        }
    }

    /// <summary>The sum with a term, in the lanes that have it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> AddTerm(Vector512<T> values, T* shares, int* counts, int term, Vector512<T> sum) =>
        Vector512.ConditionalSelect(Above(counts, term), Simd.Fma(values, Simd.Load(shares), sum), sum);

    /// <summary>All ones in the lanes whose count is above a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Above(int* counts, int number) => typeof(T) == typeof(float)
        ? Vector512.GreaterThan(Simd.Load(counts), Vector512.Create(number)).As<int, T>()
        : Vector512.GreaterThan(Simd.LoadLongs(counts), Vector512.Create((long)number)).As<long, T>();

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

    /// <summary>The sum of the outputs in a row that read an input, with their shares, for some inputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumColumns(T* sums, T* dx, int first, int end)
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
