using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>Samples of channels of values, and how many channels around each a window holds: <paramref name="Before"/> and <paramref name="After"/> it; the squares' weight.</summary>
internal readonly record struct ChannelWindows(int Samples, int Channels, int Values, int Before, int After, double Weight);

/// <summary>Local response normalization: a sum over neighbouring channels, walked along each channel's values.</summary>
internal static unsafe class ResponseNorm
{
    /// <summary>d = k + weight·Σ x² over the windows, y = x·d^-beta.</summary>
    public static void Forward<T>(T* x, T* d, T* y, ChannelWindows windows, double beta, double k) where T : unmanaged, IFloatingPointIeee754<T> =>
        Workers.Run(windows.Values == 0 ? 0 : windows.Samples, new ForwardJob<T> { X = x, D = d, Y = y, Windows = windows, Beta = beta, K = k });

    /// <summary>dx = dy·d^-beta - 2·beta·weight·x·Σ products over the mirrored windows; products = dy·y/d are scratch memory.</summary>
    public static void Backward<T>(T* x, T* d, T* y, T* dy, T* products, T* dx, ChannelWindows windows, double beta) where T : unmanaged, IFloatingPointIeee754<T> =>
        Workers.Run(windows.Values == 0 ? 0 : windows.Samples, new BackwardJob<T> { X = x, D = d, Y = y, Dy = dy, Products = products, Dx = dx, Windows = windows, Beta = beta });

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, D, Y;
        public ChannelWindows Windows;
        public double Beta, K;

        public readonly void Invoke(int sample)
        {
            long at = (long)sample * Windows.Channels * Windows.Values;
            T weight = T.CreateTruncating(Windows.Weight), k = T.CreateTruncating(K), beta = T.CreateTruncating(Beta);
            for (int channel = 0; channel < Windows.Channels; channel++)
            {
                int first = Math.Max(0, channel - Windows.Before), end = Math.Min(Windows.Channels, channel + Windows.After + 1);
                long own = at + ((long)channel * Windows.Values);
                Channel(X + at + ((long)first * Windows.Values), end - first, X + own, D + own, Y + own, Windows.Values, weight, k, beta);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Channel(T* window, int channels, T* x, T* d, T* y, int values, T weight, T k, T beta)
        {
            int width = Vector512<T>.Count;
            if (values < width)
            {
                Short(window, channels, x, d, y, values, weight, k, beta);
                return;
            }

            Vector512<T> weights = Simd.Broadcast(weight), ks = Simd.Broadcast(k), betas = Simd.Broadcast(-beta);
            bool threeQuarters = beta == T.CreateTruncating(0.75);
            for (int i = 0; i < values; i += width)
            {
                int p = Math.Min(i, values - width);
                Vector512<T> sum = default;
                for (int c = 0; c < channels; c++)
                {
                    Vector512<T> value = Simd.Load(window + ((long)c * values) + p);
                    sum = Simd.Fma(value, value, sum);
                }

                sum = Simd.Fma(sum, weights, ks);
                Simd.Store(d + p, sum);
                Simd.Store(y + p, threeQuarters ? Simd.Load(x + p) / ThreeQuarters(sum) : Simd.Load(x + p) * VectorMath.Pow(sum, betas));
            }
        }

        private static void Short(T* window, int channels, T* x, T* d, T* y, int values, T weight, T k, T beta)
        {
            Vector512<T> sum = default;
            for (int c = 0; c < channels; c++)
            {
                Vector512<T> value = Simd.LoadPartial(window + ((long)c * values), values);
                sum = Simd.Fma(value, value, sum);
            }

            sum = Simd.Fma(sum, Simd.Broadcast(weight), Simd.Broadcast(k));
            Simd.StorePartial(d, sum, values);
            Vector512<T> own = Simd.LoadPartial(x, values);
            Simd.StorePartial(y, beta == T.CreateTruncating(0.75) ? own / ThreeQuarters(sum) : own * VectorMath.Pow(sum, Simd.Broadcast(-beta)), values);
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, D, Y, Dy, Products, Dx;
        public ChannelWindows Windows;
        public double Beta;

        public readonly void Invoke(int sample)
        {
            int values = Windows.Values;
            long at = (long)sample * Windows.Channels * values;
            Multiply(Dy + at, Y + at, D + at, Products + at, Windows.Channels * values);
            T factor = T.CreateTruncating(2 * Beta * Windows.Weight), beta = T.CreateTruncating(Beta);
            for (int channel = 0; channel < Windows.Channels; channel++)
            {
                // The windows that hold this channel begin as far behind it as they reach back.
                int first = Math.Max(0, channel - Windows.After), end = Math.Min(Windows.Channels, channel + Windows.Before + 1);
                long own = at + ((long)channel * values);
                Channel(Products + at + ((long)first * values), end - first, X + own, D + own, Dy + own, Dx + own, values, factor, beta);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Multiply(T* dy, T* y, T* d, T* products, int count)
        {
            int width = Vector512<T>.Count;
            if (count < width)
            {
                Simd.StorePartial(products, Simd.LoadPartial(dy, count) * Simd.LoadPartial(y, count) / Simd.LoadPartial(d, count, T.One), count);
                return;
            }

            for (int i = 0; i < count; i += width)
            {
                int p = Math.Min(i, count - width);
                Simd.Store(products + p, Simd.Load(dy + p) * Simd.Load(y + p) / Simd.Load(d + p));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Channel(T* window, int channels, T* x, T* d, T* dy, T* dx, int values, T factor, T beta)
        {
            int width = Vector512<T>.Count;
            if (values < width)
            {
                Short(window, channels, x, d, dy, dx, values, factor, beta);
                return;
            }

            Vector512<T> factors = Simd.Broadcast(-factor), betas = Simd.Broadcast(-beta);
            bool threeQuarters = beta == T.CreateTruncating(0.75);
            for (int i = 0; i < values; i += width)
            {
                int p = Math.Min(i, values - width);
                Vector512<T> sum = default;
                for (int c = 0; c < channels; c++) sum += Simd.Load(window + ((long)c * values) + p);
                Vector512<T> own = Simd.Load(d + p), direct = threeQuarters ? Simd.Load(dy + p) / ThreeQuarters(own) : Simd.Load(dy + p) * VectorMath.Pow(own, betas);
                Simd.Store(dx + p, Simd.Fma(Simd.Load(x + p) * factors, sum, direct));
            }
        }

        private static void Short(T* window, int channels, T* x, T* d, T* dy, T* dx, int values, T factor, T beta)
        {
            Vector512<T> sum = default;
            for (int c = 0; c < channels; c++) sum += Simd.LoadPartial(window + ((long)c * values), values);
            Vector512<T> own = Simd.LoadPartial(d, values, T.One), given = Simd.LoadPartial(dy, values);
            Vector512<T> direct = beta == T.CreateTruncating(0.75) ? given / ThreeQuarters(own) : given * VectorMath.Pow(own, Simd.Broadcast(-beta));
            Simd.StorePartial(dx, Simd.Fma(Simd.LoadPartial(x, values) * Simd.Broadcast(-factor), sum, direct), values);
        }
    }

    /// <summary>d^¾ = √d·√√d: the usual power, without logarithms.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> ThreeQuarters<T>(Vector512<T> d) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector512<T> root = Vector512.Sqrt(d);
        return root * Vector512.Sqrt(root);
    }
}
