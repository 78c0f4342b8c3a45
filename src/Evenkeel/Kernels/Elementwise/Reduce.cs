using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Sums of terms over some of a tensor's dimensions: result[k] = Σ f(a[i], b[i], c[k]) / divisor
/// over all i that belong to k.
/// </summary>
/// <remarks>
/// Lanes add up in T over at most 64 packs; then they are added in double, in index order. Long sums are cut into parts
/// that depend on the shape only. If a part leaves the range of float, it is summed again with every term in double. So
/// a sum is infinite or NaN only if one of its terms is. There are two walks: rows, if the innermost dimension is
/// summed, and columns, if it is kept.
/// </remarks>
internal static unsafe class Reduce
{
    private const int ChunkElements = 1 << 15;
    private const int BlockPacks = 64;
    private const int ColumnPacks = 4;
    private const int MaxParts = 64;
    private const int MaxPartials = 4096;

    /// <summary>Sums the formula's values. The third operand has one element per element of the result.</summary>
    public static void Sum<T, TFormula>(
        in ReductionPlan plan, T* a, T* b, T* c, T* result, double divisor, TFormula formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        Debug.Assert(Contracts.AreApart(result, plan.Kept, a, plan.Count), "the result overlaps a");
        Debug.Assert(!TFormula.ReadsB || Contracts.AreApart(result, plan.Kept, b, plan.Count), "the result overlaps b");
        Debug.Assert(!TFormula.ReadsC || Contracts.AreApart(result, plan.Kept, c, plan.Kept), "the result overlaps c");
        if (plan.Kept == 0) return;
        if (plan.Reduced == 0)
        {
            new Span<T>(result, plan.Kept).Fill(T.CreateTruncating(0.0 / divisor));
            return;
        }

        int width = Vector512<T>.Count;
        int block = plan.InnerReduced ? 1 : Math.Min(plan.Inner, ColumnPacks * width);
        long elements = (long)plan.Reduced * block;
        int parts = (int)Math.Min(
            Math.Min((elements + ChunkElements - 1) / ChunkElements, MaxParts), Math.Max(1, MaxPartials / plan.Kept));
        int round = plan.InnerReduced ? BlockPacks * width : BlockPacks;
        int length = plan.Reduced;
        if (parts > 1)
        {
            length = (int)((((long)plan.Reduced + parts - 1) / parts + round - 1) / round * round);
            parts = (int)(((long)plan.Reduced + length - 1) / length);
        }

        int blocks = plan.InnerReduced ? 1 : (plan.Inner + (ColumnPacks * width) - 1) / (ColumnPacks * width);
        int outer = plan.InnerReduced ? plan.Kept : plan.Kept / plan.Inner;
        double* partials = stackalloc double[parts == 1 ? 1 : parts * plan.Kept];
        long tasks = (long)outer * blocks * parts;
        int tasksPerChunk = (int)Math.Max(1, ChunkElements / Math.Max(1, (long)length * block));
        int chunks = (int)((tasks + tasksPerChunk - 1) / tasksPerChunk);
        Workers.Run(chunks, new Job<T, TFormula>
        {
            Plan = plan,
            A = a,
            B = b,
            C = c,
            Result = result,
            Divisor = divisor,
            Formula = formula,
            Partials = partials,
            Parts = parts,
            PartLength = length,
            Blocks = blocks,
            Tasks = (int)tasks,
            TasksPerChunk = tasksPerChunk,
        });
        if (parts == 1) return;
        for (int k = 0; k < plan.Kept; k++)
        {
            double total = 0;
            for (int part = 0; part < parts; part++) total += partials[(part * plan.Kept) + k];
            result[k] = T.CreateTruncating(total / divisor);
        }
    }

    /// <summary>
    /// Σ f(a[i], b[i]) over all i that belong to a kept index, in double and in order. It is slow, for results whose
    /// partial sums leave the range of T.
    /// </summary>
    public static double SumSlowly<T>(in ReductionPlan plan, T* a, T* b, int kept, Func<double, double, double> term)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double total = 0;
        for (int r = 0; r < plan.Reduced; r++)
        {
            int at = plan.ElementAt(kept, r);
            total += term(double.CreateTruncating(a[at]), double.CreateTruncating(b[at]));
        }

        return total;
    }

    /// <summary>Fills y, of the full shape, with f(a[i], b[k], c[k]): the reverse of a reduction.</summary>
    public static void Expand<T, TFormula>(in ReductionPlan plan, T* a, T* b, T* c, T* y, TFormula formula)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T> =>
        Map.Broadcast(plan.ToBroadcast(), a, b, c, y, formula);

    private struct Job<T, TFormula> : IJob
        where T : unmanaged, IFloatingPointIeee754<T>
        where TFormula : struct, IFormula<T>
    {
        public ReductionPlan Plan;
        public T* A, B, C, Result;
        public double* Partials;
        public double Divisor;
        public TFormula Formula;
        public int Parts, PartLength, Blocks, Tasks, TasksPerChunk;

        public void Invoke(int chunk)
        {
            int end = Math.Min(Tasks, (chunk + 1) * TasksPerChunk);
            for (int task = chunk * TasksPerChunk; task < end; task++)
            {
                int rest = task / Parts, part = task - (rest * Parts);
                int first = part * PartLength,
                    stop = Math.Min(Plan.Reduced, first + Math.Min(PartLength, Plan.Reduced - first));
                if (Plan.InnerReduced)
                {
                    double total = InRange(Row(rest, first, stop), rest, first, stop);
                    if (Parts == 1) Result[rest] = T.CreateTruncating(total / Divisor);
                    else Partials[(part * Plan.Kept) + rest] = total;
                    continue;
                }

                int outer = rest / Blocks;
                Block(outer, (rest - (outer * Blocks)) * ColumnPacks * Vector512<T>.Count, first, stop, part);
            }
        }

        /// <summary>The sum over reduced indices first .. stop-1 for one kept index.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double Row(int kept, int first, int stop)
        {
            TFormula formula = Formula;
            int width = Vector512<T>.Count;
            int inner = Plan.Inner;
            int origin = Plan.Offset(kept, reduced: false);
            Vector512<T> c = TFormula.ReadsC ? Simd.Broadcast(C[kept]) : default;
            Vector512<T> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
            double total = 0;
            int packs = 0;
            int r = first;
            while (r < stop)
            {
                int run = r / inner, column = r - (run * inner);
                int length = Math.Min(inner - column, stop - r);
                int offset = origin + Plan.Offset(run, reduced: true) + column;
                T* a = A + offset;
                T* b = B + offset;
                r += length;
                int i = 0;
                while (length - i >= 4 * width)
                {
                    int end = Math.Min(length, i + ((BlockPacks - packs) * width));
                    for (; i <= end - (4 * width); i += 4 * width)
                    {
                        sum0 += formula.Invoke(Simd.Load(a + i), TFormula.ReadsB ? Simd.Load(b + i) : default, c);
                        sum1 += formula.Invoke(
                            Simd.Load(a + i + width), TFormula.ReadsB ? Simd.Load(b + i + width) : default, c);
                        sum2 += formula.Invoke(Simd.Load(a + i + (2 * width)),
                            TFormula.ReadsB ? Simd.Load(b + i + (2 * width)) : default, c);
                        sum3 += formula.Invoke(Simd.Load(a + i + (3 * width)),
                            TFormula.ReadsB ? Simd.Load(b + i + (3 * width)) : default, c);
                        packs += 4;
                    }

                    if (packs <= BlockPacks - 4) continue;
                    total += Simd.SumLanes((sum0 + sum1) + (sum2 + sum3));
                    sum0 = sum1 = sum2 = sum3 = default;
                    packs = 0;
                }

                for (; i <= length - width; i += width, packs++)
                    sum0 += formula.Invoke(Simd.Load(a + i), TFormula.ReadsB ? Simd.Load(b + i) : default, c);
                if (i < length)
                {
                    int fresh = length - i;
                    if (length >= width)
                    {
                        Vector512<T> tail = formula.Invoke(Simd.Load(a + length - width),
                            TFormula.ReadsB ? Simd.Load(b + length - width) : default, c);
                        sum1 += tail & Simd.TailMask<T>(fresh);
                    }
                    else
                    {
                        Vector512<T> tail = formula.Invoke(
                            Simd.LoadPartial(a, fresh), TFormula.ReadsB ? Simd.LoadPartial(b, fresh) : default, c);
                        sum1 += tail & Simd.HeadMask<T>(fresh);
                    }

                    packs++;
                }

                if (packs > BlockPacks - 4)
                {
                    total += Simd.SumLanes((sum0 + sum1) + (sum2 + sum3));
                    sum0 = sum1 = sum2 = sum3 = default;
                    packs = 0;
                }
            }

            return total + Simd.SumLanes((sum0 + sum1) + (sum2 + sum3));
        }

        /// <summary>
        /// Up to four packs of columns, beginning at <paramref name="column"/>, over reduced indices first .. stop-1.
        /// </summary>
        private void Block(int outer, int column, int first, int stop, int part)
        {
            int width = Vector512<T>.Count;
            int inner = Plan.Inner;
            if (inner < width)
            {
                NarrowColumns(outer, first, stop, part);
                return;
            }

            // The last pack of a row of columns overlaps the one before it. Its columns are computed twice, with the
            // same result.
            int end = Math.Min(inner, column + (ColumnPacks * width));
            if (end - column == ColumnPacks * width)
            {
                FourColumns(outer, column, first, stop, part);
                return;
            }

            for (; column < end; column += width) OneColumn(outer, Math.Min(column, inner - width), first, stop, part);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void FourColumns(int outer, int column, int first, int stop, int part)
        {
            TFormula formula = Formula;
            int width = Vector512<T>.Count;
            int origin = Plan.Offset(outer, reduced: false) + column;
            T* c = C + (outer * Plan.Inner) + column;
            Vector512<T> c0 = default, c1 = default, c2 = default, c3 = default;
            if (TFormula.ReadsC)
            {
                (c0, c1, c2, c3) =
                    (Simd.Load(c), Simd.Load(c + width), Simd.Load(c + (2 * width)), Simd.Load(c + (3 * width)));
            }

            Wide<T> total0 = default, total1 = default, total2 = default, total3 = default;
            for (int r = first; r < stop;)
            {
                Vector512<T> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
                int end = Math.Min(stop, r + BlockPacks);
                for (; r < end; r++)
                {
                    int offset = origin + Plan.Offset(r, reduced: true);
                    T* a = A + offset;
                    T* b = B + offset;
                    sum0 += formula.Invoke(Simd.Load(a), TFormula.ReadsB ? Simd.Load(b) : default, c0);
                    sum1 += formula.Invoke(Simd.Load(a + width), TFormula.ReadsB ? Simd.Load(b + width) : default, c1);
                    sum2 += formula.Invoke(
                        Simd.Load(a + (2 * width)), TFormula.ReadsB ? Simd.Load(b + (2 * width)) : default, c2);
                    sum3 += formula.Invoke(
                        Simd.Load(a + (3 * width)), TFormula.ReadsB ? Simd.Load(b + (3 * width)) : default, c3);
                }

                total0.Add(sum0);
                total1.Add(sum1);
                total2.Add(sum2);
                total3.Add(sum3);
            }

            int k = (outer * Plan.Inner) + column;
            Finish(total0, k, width, first, stop, part);
            Finish(total1, k + width, width, first, stop, part);
            Finish(total2, k + (2 * width), width, first, stop, part);
            Finish(total3, k + (3 * width), width, first, stop, part);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void OneColumn(int outer, int column, int first, int stop, int part)
        {
            TFormula formula = Formula;
            int origin = Plan.Offset(outer, reduced: false) + column;
            int k = (outer * Plan.Inner) + column;
            Vector512<T> c = TFormula.ReadsC ? Simd.Load(C + k) : default;
            Wide<T> total = default;
            for (int r = first; r < stop;)
            {
                Vector512<T> sum = default;
                int end = Math.Min(stop, r + BlockPacks);
                for (; r < end; r++)
                {
                    int offset = origin + Plan.Offset(r, reduced: true);
                    sum += formula.Invoke(Simd.Load(A + offset), TFormula.ReadsB ? Simd.Load(B + offset) : default, c);
                }

                total.Add(sum);
            }

            Finish(total, k, Vector512<T>.Count, first, stop, part);
        }

        /// <summary>
        /// Fewer columns than a pack. A full pack is read if the tensor continues behind it; the surplus lanes are
        /// never stored.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void NarrowColumns(int outer, int first, int stop, int part)
        {
            TFormula formula = Formula;
            int width = Vector512<T>.Count;
            int inner = Plan.Inner;
            int lastFull = Plan.Count - width;
            int origin = Plan.Offset(outer, reduced: false);
            int k = outer * inner;
            Vector512<T> c = TFormula.ReadsC ? Simd.LoadPartial(C + k, inner) : default;
            Wide<T> total = default;
            for (int r = first; r < stop;)
            {
                Vector512<T> sum = default;
                int end = Math.Min(stop, r + BlockPacks);
                for (; r < end; r++)
                {
                    int offset = origin + Plan.Offset(r, reduced: true);
                    sum += offset <= lastFull
                        ? formula.Invoke(Simd.Load(A + offset), TFormula.ReadsB ? Simd.Load(B + offset) : default, c)
                        : formula.Invoke(Simd.LoadPartial(A + offset, inner),
                            TFormula.ReadsB ? Simd.LoadPartial(B + offset, inner) : default, c);
                }

                total.Add(sum);
            }

            Finish(total, k, inner, first, stop, part);
        }

        private readonly void Finish(Wide<T> total, int k, int count, int first, int stop, int part)
        {
            if (typeof(T) == typeof(float) && !total.IsFinite)
            {
                for (int i = 0; i < count; i++) total[i] = InRange(total[i], k + i, first, stop);
            }

            if (Parts == 1)
            {
                Vector512<T> values = total.Divide(Divisor);
                Simd.StoreUpTo(Result + k, values, count);
                return;
            }

            double* partials = Partials + (part * Plan.Kept) + k;
            for (int i = 0; i < count; i++) partials[i] = total[i];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly double InRange(double total, int kept, int first, int stop) =>
            typeof(T) != typeof(float) || double.IsFinite(total) ? total : SumInDouble(kept, first, stop);

        /// <summary>
        /// The sum over reduced indices first .. stop-1 for one kept index. Each term is widened before it is added. It
        /// is slow, for sums whose partial sums leave the range of float.
        /// </summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private readonly double SumInDouble(int kept, int first, int stop)
        {
            TFormula formula = Formula;
            Vector512<T> c = TFormula.ReadsC ? Simd.Broadcast(C[kept]) : default;
            double total = 0;
            for (int r = first; r < stop; r++)
            {
                int offset = Plan.ElementAt(kept, r);
                total += double.CreateTruncating(formula.Invoke(
                    Simd.Broadcast(A[offset]), TFormula.ReadsB ? Simd.Broadcast(B[offset]) : default, c)[0]);
            }

            return total;
        }
    }
}

/// <summary>
/// The sums of one pack in double: two packs of doubles for a pack of floats, one for a pack of doubles.
/// </summary>
internal struct Wide<T> where T : unmanaged
{
    /// <summary>The first lanes (all of them if T is double).</summary>
    public Vector512<double> Low;

    /// <summary>The other lanes, if T is float.</summary>
    public Vector512<double> High;

    /// <summary>False if a lane is infinite or NaN.</summary>
    public readonly bool IsFinite
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.EqualsAll((Low - Low) + (High - High), default);
    }

    /// <summary>One sum.</summary>
    public double this[int lane]
    {
        readonly get =>
            lane < Vector512<double>.Count ? Low.GetElement(lane) : High.GetElement(lane - Vector512<double>.Count);
        set
        {
            if (lane < Vector512<double>.Count) Low = Low.WithElement(lane, value);
            else High = High.WithElement(lane - Vector512<double>.Count, value);
        }
    }

    /// <summary>Adds a pack, lane by lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(Vector512<T> values)
    {
        if (typeof(T) == typeof(float))
        {
            Low += Vector512.WidenLower(values.AsSingle());
            High += Vector512.WidenUpper(values.AsSingle());
        }
        else
        {
            Low += values.AsDouble();
        }
    }

    /// <summary>The sums divided by a divisor, rounded to T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector512<T> Divide(double divisor)
    {
        Vector512<double> by = Vector512.Create(divisor);
        return Widen.Narrow<T>(Low / by, High / by);
    }
}
