using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The largest value of each window. The search runs slice by slice, row by row. As in PyTorch, a value becomes the
/// winner if it is larger than all before it, or NaN. So the first of equal values wins, and the last NaN wins.
/// </summary>
internal static unsafe class MaxPool
{
    /// <summary>
    /// y and, if wanted, the place of each winner in its volume. The place is -1 if the window covers padding only.
    /// </summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="winners">Receives one place per result, or null.</param>
    /// <param name="shape">The sizes and the windows.</param>
    public static void Forward<T>(T* x, T* y, int* winners, in PoolShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(shape.IsSound);
        if (shape.IsQuads && winners is null) Quads.Forward<T, Rule>(x, y, shape);
        else if (typeof(T) == typeof(float) && WholePool.Fits(shape))
            WholePool.Max((float*)x, (float*)y, winners, shape);
        else if (typeof(T) != typeof(float)
            || (!MaxPoolNarrow.TryForward((float*)x, (float*)y, winners, shape)
                && !MaxPoolLanes.TryForward((float*)x, (float*)y, winners, shape)
                && !MaxPoolRows.TryForward((float*)x, (float*)y, winners, shape)))
        {
            Workers.Run(shape.Chunks, new ForwardJob<T> { X = x, Y = y, Winners = winners, Volumes = shape });
        }
    }

    /// <summary>
    /// dx from dy. Each dy goes to the winner of its window. If windows overlap, their values are added in the order of
    /// the windows.
    /// </summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="winners">The places that <see cref="Forward"/> found.</param>
    /// <param name="dx">The gradients of the volumes.</param>
    /// <param name="shape">The sizes and the windows.</param>
    public static void Backward<T>(T* dy, int* winners, T* dx, in PoolShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(shape.IsSound);
        Debug.Assert(Contracts.AreApart(
            dx, (long)shape.Count * shape.InputSize, dy, (long)shape.Count * shape.OutputSize), "dx overlaps dy");
        if (typeof(T) == typeof(float) && WholePool.Fits(shape))
            WholePool.MaxBackward((float*)dy, winners, (float*)dx, shape);
        else
            Workers.Run(shape.Chunks, new BackwardJob<T> { Dy = dy, Winners = winners, Dx = dx, Volumes = shape });
    }

    /// <summary>dx for quads that cover the shape. The winners are searched again in x.</summary>
    public static void QuadsBackward<T>(T* dy, T* x, T* dx, in PoolShape shape)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Quads.Backward<T, Rule>(dy, x, dx, shape);

    /// <summary>y and, if wanted, the winners of some volumes, window by window, value by value.</summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="winners">Receives one place per result, or null.</param>
    /// <param name="count">Number of volumes.</param>
    /// <param name="shape">The sizes and the windows.</param>
    public static void OneByOne<T>(T* x, T* y, int* winners, int count, in PoolShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int volume = 0; volume < count; volume++, x += shape.InputSize, y += shape.OutputSize)
        {
            ForwardJob<T>.Volume(x, y, winners, shape);
            if (winners is not null) winners += shape.OutputSize;
        }
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Y;
        public int* Winners;
        public PoolShape Volumes;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Volumes.PerChunk, count = Math.Min(Volumes.PerChunk, Volumes.Count - first);
            long at = (long)first * Volumes.OutputSize;
            OneByOne(X + ((long)first * Volumes.InputSize), Y + at, Winners is null ? null : Winners + at, count,
                Volumes);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void Volume(T* x, T* y, int* winners, in PoolShape shape)
        {
            int width = shape.Columns.Input, height = shape.Rows.Input, sliceStep = shape.Slices.Dilation,
                rowStep = shape.Rows.Dilation, columnStep = shape.Columns.Dilation, at = 0;
            for (int slice = 0; slice < shape.Slices.Output; slice++)
            {
                shape.Slices.Window(slice, out int firstSlice, out int slices, out _);
                for (int row = 0; row < shape.Rows.Output; row++)
                {
                    shape.Rows.Window(row, out int firstRow, out int rows, out _);
                    int first = ((firstSlice * height) + firstRow) * width;
                    for (int column = 0; column < shape.Columns.Output; column++, at++)
                    {
                        shape.Columns.Window(column, out int firstColumn, out int columns, out _);
                        T largest = T.NegativeInfinity;
                        int winner = Math.Min(slices, Math.Min(rows, columns)) > 0 ? first + firstColumn : -1;
                        for (int d = 0; d < slices; d++)
                        {
                            for (int h = 0; h < rows; h++)
                            {
                                int i = first + (((d * sliceStep * height) + (h * rowStep)) * width) + firstColumn;
                                for (int w = 0; w < columns; w++, i += columnStep)
                                {
                                    T value = x[i];
                                    if (!(value > largest) && !T.IsNaN(value)) continue;
                                    largest = value;
                                    winner = i;
                                }
                            }
                        }

                        y[at] = largest;
                        if (winners is not null) winners[at] = winner;
                    }
                }
            }
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Dy, Dx;
        public int* Winners;
        public PoolShape Volumes;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Volumes.Count, (chunk + 1) * Volumes.PerChunk), size = Volumes.OutputSize;
            for (int volume = chunk * Volumes.PerChunk; volume < end; volume++)
            {
                T* dx = Dx + ((long)volume * Volumes.InputSize);
                T* dy = Dy + ((long)volume * size);
                int* winners = Winners + ((long)volume * size);
                new Span<T>(dx, Volumes.InputSize).Clear();
                for (int i = 0; i < size; i++)
                {
                    Debug.Assert(winners[i] >= -1 && winners[i] < Volumes.InputSize, "a winner outside its volume");
                    if (winners[i] >= 0) dx[winners[i]] += dy[i];
                }
            }
        }
    }

    /// <summary>
    /// Compares left with right in each row, then the winners of the rows. That is the order row by row: the upper
    /// winner stays unless the lower one is larger or NaN.
    /// </summary>
    private readonly struct Rule : IQuadRule
    {
        public static bool ReadsX => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<ulong> Forward(Vector512<float> top, Vector512<float> bottom)
        {
            // If a pack is two halves, each half is written out: the JIT would not inline as many calls as the pack
            // needs.
            if (!Vector512.IsHardwareAccelerated)
            {
                return Vector512
                    .Create(Half(top.GetLower(), bottom.GetLower()), Half(top.GetUpper(), bottom.GetUpper()))
                    .AsUInt64();
            }

            Vector512<float> topRight = Right(top), bottomRight = Right(bottom);
            Vector512<float> upper = Vector512.ConditionalSelect(Beats(topRight, top), topRight, top),
                lower = Vector512.ConditionalSelect(Beats(bottomRight, bottom), bottomRight, bottom);
            return Vector512.ConditionalSelect(Beats(lower, upper), lower, upper).AsUInt64();
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<float> Half(Vector256<float> top, Vector256<float> bottom)
        {
            Vector256<float> topRight = (top.AsUInt64() >>> 32).AsSingle(),
                bottomRight = (bottom.AsUInt64() >>> 32).AsSingle();
            Vector256<float> upper = Vector256.ConditionalSelect(
                Vector256.GreaterThan(topRight, top) | ~Vector256.Equals(topRight, topRight), topRight, top);
            Vector256<float> lower = Vector256.ConditionalSelect(
                Vector256.GreaterThan(bottomRight, bottom) | ~Vector256.Equals(bottomRight, bottomRight), bottomRight,
                bottom);
            return Vector256.ConditionalSelect(
                Vector256.GreaterThan(lower, upper) | ~Vector256.Equals(lower, lower), lower, upper);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<double> Forward(Vector128<double> top, Vector128<double> bottom)
        {
            Vector128<double> topRight = Right(top), bottomRight = Right(bottom);
            Vector128<double> upper = Vector128.ConditionalSelect(Beats(topRight, top), topRight, top),
                lower = Vector128.ConditionalSelect(Beats(bottomRight, bottom), bottomRight, bottom);
            return Vector128.ConditionalSelect(Beats(lower, upper), lower, upper);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Forward(float topLeft, float topRight, float bottomLeft, float bottomRight)
        {
            float upper = Beats(topRight, topLeft) ? topRight : topLeft,
                lower = Beats(bottomRight, bottomLeft) ? bottomRight : bottomLeft;
            return Beats(lower, upper) ? lower : upper;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(
            Vector512<ulong> dy, Vector512<float> top, Vector512<float> bottom, out Vector512<ulong> dTop,
            out Vector512<ulong> dBottom)
        {
            Vector512<float> topRight = Right(top), bottomRight = Right(bottom);
            Vector512<float> rightOfTop = Beats(topRight, top), rightOfBottom = Beats(bottomRight, bottom);
            Vector512<float> upper = Vector512.ConditionalSelect(rightOfTop, topRight, top),
                lower = Vector512.ConditionalSelect(rightOfBottom, bottomRight, bottom);
            Vector512<ulong> below = Beats(lower, upper).AsUInt64();

            // The high halves of the masks have no meaning; the high halves of dy are zero.
            Vector512<ulong> toTop = Vector512.AndNot(dy, below), toBottom = dy & below;
            dTop = Vector512.AndNot(toTop, rightOfTop.AsUInt64()) | ((toTop & rightOfTop.AsUInt64()) << 32);
            dBottom =
                Vector512.AndNot(toBottom, rightOfBottom.AsUInt64()) | ((toBottom & rightOfBottom.AsUInt64()) << 32);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(
            Vector128<double> dy, Vector128<double> top, Vector128<double> bottom, out Vector128<double> dTop,
            out Vector128<double> dBottom)
        {
            // The mask of the lower lane, copied to both lanes. The left place gets dy if the right one does not.
            Vector128<double> topRight = Right(top), bottomRight = Right(bottom), rightOfTop = Beats(topRight, top),
                rightOfBottom = Beats(bottomRight, bottom);
            Vector128<double> below = Left(Beats(Vector128.ConditionalSelect(rightOfBottom, bottomRight, bottom),
                Vector128.ConditionalSelect(rightOfTop, topRight, top)));
            Vector128<double> left = Vector128.Create(-1L, 0L).AsDouble();
            dTop = Vector128.AndNot(dy, below) & (Left(rightOfTop) ^ left);
            dBottom = dy & below & (Left(rightOfBottom) ^ left);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(float dy, float* top, float* bottom, float* dTop, float* dBottom)
        {
            bool rightOfTop = Beats(top[1], top[0]), rightOfBottom = Beats(bottom[1], bottom[0]);
            bool below = Beats(rightOfBottom ? bottom[1] : bottom[0], rightOfTop ? top[1] : top[0]);
            dTop[0] = below || rightOfTop ? 0 : dy;
            dTop[1] = below || !rightOfTop ? 0 : dy;
            dBottom[0] = !below || rightOfBottom ? 0 : dy;
            dBottom[1] = !below || !rightOfBottom ? 0 : dy;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Right(Vector512<float> pairs) => (pairs.AsUInt64() >>> 32).AsSingle();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Beats(Vector512<float> later, Vector512<float> earlier) =>
            Vector512.GreaterThan(later, earlier) | ~Vector512.Equals(later, later);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<double> Right(Vector128<double> pair) =>
            Vector128.Shuffle(pair, Vector128.Create(1L, 1L));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<double> Left(Vector128<double> pair) =>
            Vector128.Shuffle(pair, Vector128.Create(0L, 0L));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<double> Beats(Vector128<double> later, Vector128<double> earlier) =>
            Vector128.GreaterThan(later, earlier) | ~Vector128.Equals(later, later);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static bool Beats(float later, float earlier) => later > earlier || float.IsNaN(later);
    }
}
