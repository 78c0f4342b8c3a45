using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>Passes over a whole gradient: the sum of squares, scaling, clamping, the L2 penalty.</summary>
internal static unsafe class GradientKernels
{
    private const int ChunkElements = Optimizer.ChunkElements;

    private enum Pass
    {
        SumOfSquares,
        Scale,
        Clamp,
        Penalty,
    }

    /// <summary>Σ x². Squares are computed and added in double, and chunks are combined in order.</summary>
    public static double SumOfSquares(Tensor x) => Dispatch(Pass.SumOfSquares, x, x, 0);

    /// <summary>Σ x² of some elements, for a caller that asks whether it is finite.</summary>
    public static double SumOfSquares(Tensor x, int start, int count) => x.DType == DType.Float64
        ? Run(Pass.SumOfSquares, x.AsSpan<double>().Slice(start, count), x.AsSpan<double>().Slice(start, count), 0)
        : Run(Pass.SumOfSquares, x.AsSpan<float>().Slice(start, count), x.AsSpan<float>().Slice(start, count), 0);

    /// <summary>
    /// x ← factor·x. If x is float and the factor is too small for a float with all its digits, it takes two steps.
    /// </summary>
    public static void Scale(Tensor x, double factor)
    {
        bool isTiny = x.DType == DType.Float32 && factor < SmallestFloatFactor && factor > 0;
        Dispatch(Pass.Scale, x, x, isTiny ? factor * TinyStep : factor);
        if (isTiny) Dispatch(Pass.Scale, x, x, 1 / TinyStep);
    }

    private const double SmallestFloatFactor = 1.1754943508222875e-38;
    private const double TinyStep = 1L << 60;

    /// <summary>x ← min(max(x, -limit), limit); NaN stays NaN.</summary>
    public static void Clamp(Tensor x, double limit) => Dispatch(Pass.Clamp, x, x, limit);

    /// <summary>gradient ← gradient + strength·weight; returns Σ weight².</summary>
    public static double AddPenalty(Tensor weight, Tensor gradient, double strength) =>
        Dispatch(Pass.Penalty, weight, gradient, strength);

    private static double Dispatch(Pass pass, Tensor x, Tensor y, double scalar) => x.DType == DType.Float64
        ? Run(pass, x.AsSpan<double>(), y.AsSpan<double>(), scalar)
        : Run(pass, x.AsSpan<float>(), y.AsSpan<float>(), scalar);

    private static double Run<T>(Pass pass, Span<T> xs, Span<T> ys, double scalar)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int chunks = (xs.Length + ChunkElements - 1) / ChunkElements;
        double[] partial = ArrayPool<double>.Shared.Rent(chunks);
        try
        {
            fixed (T* x = xs, y = ys)
            {
                Workers.Run(chunks,
                    new Job<T> { Pass = pass, X = x, Y = y, Count = xs.Length, Scalar = scalar, Partial = partial });
            }

            double sum = 0;
            if (pass is Pass.SumOfSquares or Pass.Penalty)
            {
                for (int c = 0; c < chunks; c++) sum += partial[c];
            }

            return sum;
        }
        finally
        {
            ArrayPool<double>.Shared.Return(partial);
        }
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public Pass Pass;
        public T* X;
        public T* Y;
        public int Count;
        public double Scalar;
        public double[] Partial;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            T* x = X + (long)chunk * ChunkElements;
            T* y = Y + (long)chunk * ChunkElements;
            int count = Math.Min(ChunkElements, Count - chunk * ChunkElements);
            if (Pass == Pass.SumOfSquares)
            {
                Partial[chunk] = Squares(x, count);
                return;
            }

            int width = Vector512<T>.Count;
            Vector512<T> scalar = Simd.Broadcast(T.CreateTruncating(Scalar));
            Vector512<double> low = default, high = default;
            int i = 0;
            for (; i <= count - width; i += width)
            {
                Vector512<T> value = Simd.Load(x + i);
                if (Pass == Pass.Penalty) AddSquares(value, ref low, ref high);
                Simd.Store(y + i, Change(value, Simd.Load(y + i), scalar));
            }

            int rest = count - i;
            if (rest > 0)
            {
                Vector512<T> value = Simd.LoadPartial(x + i, rest);
                if (Pass == Pass.Penalty) AddSquares(value, ref low, ref high);
                Simd.StorePartial(y + i, Change(value, Simd.LoadPartial(y + i, rest), scalar), rest);
            }

            Partial[chunk] = Simd.SumLanes(low + high);
        }

        // Two packs per turn: four running sums hide the latency of the multiply-add.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static double Squares(T* x, int count)
        {
            int width = Vector512<T>.Count, rest = count % width;
            Vector512<double> low = default, high = default, low2 = default, high2 = default;
            // The partial pack comes first: a call behind the loop would force the sums out of their registers inside
            // the loop.
            if (rest > 0) AddSquares(Simd.LoadPartial(x + count - rest, rest), ref low2, ref high2);
            int i = 0;
            for (; i <= count - (2 * width); i += 2 * width)
            {
                AddSquares(Simd.Load(x + i), ref low, ref high);
                AddSquares(Simd.Load(x + i + width), ref low2, ref high2);
            }

            if (i <= count - width) AddSquares(Simd.Load(x + i), ref low, ref high);
            return Simd.SumLanes((low + low2) + (high + high2));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly Vector512<T> Change(Vector512<T> x, Vector512<T> y, Vector512<T> scalar)
        {
            if (Pass == Pass.Scale) return y * scalar;
            if (Pass == Pass.Penalty) return Simd.Fma(scalar, x, y);
            Vector512<T> below = Vector512.ConditionalSelect(Vector512.GreaterThan(y, scalar), scalar, y);
            return Vector512.ConditionalSelect(Vector512.LessThan(below, -scalar), -scalar, below);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddSquares(Vector512<T> value, ref Vector512<double> low, ref Vector512<double> high)
        {
            if (typeof(T) == typeof(double))
            {
                Vector512<double> d = value.AsDouble();
                low = Simd.Fma(d, d, low);
                return;
            }

            Vector512<double> lower = Vector512.WidenLower(value.AsSingle()),
                upper = Vector512.WidenUpper(value.AsSingle());
            low = Simd.Fma(lower, lower, low);
            high = Simd.Fma(upper, upper, high);
        }
    }
}
