using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// A formula of up to three operands on packs: a struct of one to three lines. Its loops are in <see cref="Map"/> and
/// <see cref="Reduce"/>.
/// </summary>
internal interface IFormula<T> where T : unmanaged
{
    /// <summary>Whether the second operand is read; if not, it is zero.</summary>
    static abstract bool ReadsB { get; }

    /// <summary>Whether the third operand is read; if not, it is zero.</summary>
    static abstract bool ReadsC { get; }

    /// <summary>The formula's value for one pack of each operand.</summary>
    Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c);
}

/// <summary>
/// Elementwise loops: y[i] = f(a[i], b[i], c[i]), contiguous or with broadcasting. y may be one of the operands that
/// are not repeated.
/// </summary>
internal static unsafe class Map
{
    /// <summary>Elements per chunk. A smaller operation runs on the calling thread.</summary>
    public const int ChunkElements = 1 << 13;

    /// <summary>y[i] = f(a[i], b[i], c[i]) for i below <paramref name="count"/>.</summary>
    public static void Run<T, TFormula>(T* a, T* b, T* c, T* y, int count, TFormula formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        Debug.Assert(count >= 0);
        Debug.Assert(Contracts.AreSameOrApart(a, y, count), "y overlaps a");
        Debug.Assert(!TFormula.ReadsB || Contracts.AreSameOrApart(b, y, count), "y overlaps b");
        Debug.Assert(!TFormula.ReadsC || Contracts.AreSameOrApart(c, y, count), "y overlaps c");
        Workers.Run(Chunks(count),
            new ContiguousJob<T, TFormula> { A = a, B = b, C = c, Y = y, Count = count, Formula = formula });
    }

    /// <summary>
    /// y[r·yStep + i] = f(a[r·aStep + i], b[r·bStep + i], c[r·cStep + i]) for rows r and i below
    /// <paramref name="length"/>: rows that do not follow one another.
    /// </summary>
    public static void Rows<T, TFormula>(
        int rows, int length, T* a, int aStep, T* b, int bStep, T* c, int cStep, T* y, int yStep, TFormula formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        Debug.Assert(rows >= 0 && length >= 0);
        Debug.Assert(rows <= 1 || yStep >= length, "rows of y overlap");
        if (rows == 0 || length == 0) return;
        int pieces = Chunks(length), perChunk = Math.Max(1, ChunkElements / length);
        Workers.Run(pieces == 1 ? ((rows - 1) / perChunk) + 1 : rows * pieces, new RowsJob<T, TFormula>
        {
            A = a,
            B = b,
            C = c,
            Y = y,
            StepA = aStep,
            StepB = bStep,
            StepC = cStep,
            StepY = yStep,
            RowCount = rows,
            Length = length,
            Pieces = pieces,
            PerChunk = perChunk,
            Formula = formula,
        });
    }

    /// <summary>y[i] = f(a[..], b[..], c[..]). The plan gives the element of each operand for element i of y.</summary>
    public static void Broadcast<T, TFormula>(in BroadcastPlan plan, T* a, T* b, T* c, T* y, TFormula formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        Debug.Assert(y != a || !plan.RepeatsA, "y is a, which is repeated");
        Debug.Assert(!TFormula.ReadsB || y != b || !plan.RepeatsB, "y is b, which is repeated");
        Debug.Assert(!TFormula.ReadsC || y != c || !plan.RepeatsC, "y is c, which is repeated");
        Workers.Run(Chunks(plan.Count),
            new BroadcastJob<T, TFormula> { Plan = plan, A = a, B = b, C = c, Y = y, Formula = formula });
    }

    private static int Chunks(int count) => (int)(((long)count + ChunkElements - 1) / ChunkElements);

    private struct ContiguousJob<T, TFormula> : IJob
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        public T* A, B, C, Y;
        public int Count;
        public TFormula Formula;

        public readonly void Invoke(int chunk)
        {
            int start = chunk * ChunkElements;
            Span(A + start, B + start, C + start, Y + start, Math.Min(Count - start, ChunkElements), Formula);
        }
    }

    private struct RowsJob<T, TFormula> : IJob
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        public T* A, B, C, Y;
        public int StepA, StepB, StepC, StepY, RowCount, Length, Pieces, PerChunk;
        public TFormula Formula;

        public readonly void Invoke(int chunk)
        {
            if (Pieces > 1)
            {
                int start = chunk % Pieces * ChunkElements;
                Part(chunk / Pieces, start, Math.Min(Length - start, ChunkElements));
                return;
            }

            int end = Math.Min(RowCount, (chunk + 1) * PerChunk);
            for (int row = chunk * PerChunk; row < end; row++) Part(row, 0, Length);
        }

        private readonly void Part(int row, int start, int length) => Span(
            A + ((long)row * StepA) + start, B + ((long)row * StepB) + start, C + ((long)row * StepC) + start,
            Y + ((long)row * StepY) + start, length, Formula);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Span<T, TFormula>(T* a, T* b, T* c, T* y, int count, TFormula formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        int width = Vector512<T>.Count;
        if (count < width)
        {
            Short(a, b, c, y, count, formula);
            return;
        }

        // The last pack overlaps the one before it. It is loaded first, because y may be one of the operands. The
        // formula stands only once in the loop. A long formula, like the sigmoid's, twice would be more than the JIT
        // inlines if a pack is two halves.
        int last = count - width;
        Vector512<T> lastA = Simd.Load(a + last);
        Vector512<T> lastB = TFormula.ReadsB ? Simd.Load(b + last) : default;
        Vector512<T> lastC = TFormula.ReadsC ? Simd.Load(c + last) : default;
        for (int i = 0; ; i += width)
        {
            bool isLast = i >= last;
            int at = isLast ? last : i;
            Simd.Store(y + at, formula.Invoke(
                isLast ? lastA : Simd.Load(a + at),
                TFormula.ReadsB ? isLast ? lastB : Simd.Load(b + at) : default,
                TFormula.ReadsC ? isLast ? lastC : Simd.Load(c + at) : default));
            if (isLast) break;
        }
    }

    /// <summary>The loop for fewer elements than a pack holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Short<T, TFormula>(T* a, T* b, T* c, T* y, int count, TFormula formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T> =>
        Simd.StorePartial(y, formula.Invoke(
            Simd.LoadPartial(a, count),
            TFormula.ReadsB ? Simd.LoadPartial(b, count) : default,
            TFormula.ReadsC ? Simd.LoadPartial(c, count) : default), count);

    private struct BroadcastJob<T, TFormula> : IJob
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        public BroadcastPlan Plan;
        public T* A, B, C, Y;
        public TFormula Formula;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int chunk)
        {
            int i = chunk * ChunkElements;
            int end = Math.Min(Plan.Count, i + Math.Min(ChunkElements, Plan.Count - i));
            int inner = Plan.Inner;
            while (i < end)
            {
                int row = i / inner, column = i - (row * inner);
                int length = Math.Min(inner - column, end - i);
                Plan.Offsets(row, out int a, out int b, out int c);
                Row(A + a + (column * Plan.InnerA),
                    B + b + (column * Plan.InnerB), C + c + (column * Plan.InnerC), Y + i, length);
                i += length;
            }
        }

        /// <summary>A run along the innermost dimension. Each operand advances by one or repeats one element.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Row(T* a, T* b, T* c, T* y, int length)
        {
            TFormula formula = Formula;
            int width = Vector512<T>.Count;
            bool movesA = Plan.InnerA != 0, movesB = Plan.InnerB != 0, movesC = Plan.InnerC != 0;
            Vector512<T> va = movesA ? default : Simd.Broadcast(*a);
            Vector512<T> vb = movesB || !TFormula.ReadsB ? default : Simd.Broadcast(*b);
            Vector512<T> vc = movesC || !TFormula.ReadsC ? default : Simd.Broadcast(*c);
            if (length < width)
            {
                if (movesA) va = Simd.LoadPartial(a, length);
                if (TFormula.ReadsB && movesB) vb = Simd.LoadPartial(b, length);
                if (TFormula.ReadsC && movesC) vc = Simd.LoadPartial(c, length);
                Simd.StorePartial(y, formula.Invoke(va, vb, vc), length);
                return;
            }

            // As in the contiguous loop, the last pack overlaps and is loaded first.
            int last = length - width;
            Vector512<T> lastA = movesA ? Simd.Load(a + last) : va;
            Vector512<T> lastB = TFormula.ReadsB && movesB ? Simd.Load(b + last) : vb;
            Vector512<T> lastC = TFormula.ReadsC && movesC ? Simd.Load(c + last) : vc;
            for (int i = 0; i < last; i += width)
            {
                if (movesA) va = Simd.Load(a + i);
                if (TFormula.ReadsB && movesB) vb = Simd.Load(b + i);
                if (TFormula.ReadsC && movesC) vc = Simd.Load(c + i);
                Simd.Store(y + i, formula.Invoke(va, vb, vc));
            }

            Simd.Store(y + last, formula.Invoke(lastA, lastB, lastC));
        }
    }
}

/// <summary>
/// The element of each of three operands that belongs to an element of the result. It holds the dimensions of the
/// result and the steps of the operands; a step is 0 if the operand is repeated. Dimensions that can be walked as one
/// are merged.
/// </summary>
internal unsafe struct BroadcastPlan
{
    private const int MaxRank = 6;

    private int _rank;
    private fixed int _sizes[MaxRank];
    private fixed int _a[MaxRank];
    private fixed int _b[MaxRank];
    private fixed int _c[MaxRank];

    /// <summary>Number of elements of the result.</summary>
    public int Count { get; private set; }

    /// <summary>Length of the innermost dimension, 1 or more.</summary>
    public readonly int Inner => _sizes[_rank - 1];

    /// <summary>Step of operand a along the innermost dimension: 0 or 1.</summary>
    public readonly int InnerA => _a[_rank - 1];

    /// <summary>Step of operand b along the innermost dimension: 0 or 1.</summary>
    public readonly int InnerB => _b[_rank - 1];

    /// <summary>Step of operand c along the innermost dimension: 0 or 1.</summary>
    public readonly int InnerC => _c[_rank - 1];

    /// <summary>True if an element of operand a belongs to several elements of the result.</summary>
    public readonly bool RepeatsA => Repeats(MemoryMarshal.CreateReadOnlySpan(in _a[0], _rank));

    /// <summary>True if an element of operand b belongs to several elements of the result.</summary>
    public readonly bool RepeatsB => Repeats(MemoryMarshal.CreateReadOnlySpan(in _b[0], _rank));

    /// <summary>True if an element of operand c belongs to several elements of the result.</summary>
    public readonly bool RepeatsC => Repeats(MemoryMarshal.CreateReadOnlySpan(in _c[0], _rank));

    /// <summary>
    /// The plan for a result of shape <paramref name="y"/>; the operands' shapes must broadcast to it.
    /// </summary>
    public static BroadcastPlan Create(
        ReadOnlySpan<int> y, ReadOnlySpan<int> a, ReadOnlySpan<int> b, ReadOnlySpan<int> c)
    {
        Debug.Assert(y.Length <= MaxRank);
        Debug.Assert(BroadcastsTo(y, a), "a does not broadcast to y");
        Debug.Assert(BroadcastsTo(y, b), "b does not broadcast to y");
        Debug.Assert(BroadcastsTo(y, c), "c does not broadcast to y");
        var plan = new BroadcastPlan { Count = 1 };
        Span<int> stepsA = stackalloc int[MaxRank], stepsB = stackalloc int[MaxRank], stepsC = stackalloc int[MaxRank];
        Steps(y.Length, a, stepsA);
        Steps(y.Length, b, stepsB);
        Steps(y.Length, c, stepsC);
        for (int i = 0; i < y.Length; i++)
        {
            plan.Count *= y[i];
            if (y[i] == 1) continue;
            int last = plan._rank - 1;
            if (last >= 0 && plan._a[last] == stepsA[i] * y[i] && plan._b[last] == stepsB[i] * y[i]
                && plan._c[last] == stepsC[i] * y[i])
            {
                plan._sizes[last] *= y[i];
                (plan._a[last], plan._b[last], plan._c[last]) = (stepsA[i], stepsB[i], stepsC[i]);
                continue;
            }

            plan._sizes[plan._rank] = y[i];
            (plan._a[plan._rank], plan._b[plan._rank], plan._c[plan._rank]) = (stepsA[i], stepsB[i], stepsC[i]);
            plan._rank++;
        }

        if (plan._rank == 0) plan._sizes[plan._rank++] = 1;
        return plan;
    }

    /// <summary>The first elements of the operands for a run along the innermost dimension.</summary>
    public readonly void Offsets(int row, out int a, out int b, out int c)
    {
        a = b = c = 0;
        for (int i = _rank - 2; i >= 0; i--)
        {
            int next = row / _sizes[i];
            int index = row - (next * _sizes[i]);
            a += index * _a[i];
            b += index * _b[i];
            c += index * _c[i];
            row = next;
        }
    }

    private readonly bool Repeats(ReadOnlySpan<int> steps)
    {
        bool repeats = false;
        for (int i = 0; i < steps.Length; i++) repeats |= steps[i] == 0 && _sizes[i] > 1;
        return repeats && Count > 0;
    }

    private static bool BroadcastsTo(ReadOnlySpan<int> y, ReadOnlySpan<int> operand)
    {
        if (operand.Length > y.Length) return false;
        ReadOnlySpan<int> trailing = y[^operand.Length..];
        for (int i = 0; i < operand.Length; i++)
            if (operand[i] != 1 && operand[i] != trailing[i]) return false;
        return true;
    }

    private static void Steps(int rank, ReadOnlySpan<int> shape, Span<int> steps)
    {
        steps.Clear();
        int step = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            steps[i + rank - shape.Length] = shape[i] == 1 ? 0 : step;
            step *= shape[i];
        }
    }
}
