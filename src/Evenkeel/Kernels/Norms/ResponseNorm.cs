using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Samples of channels of values, and how many channels around each a window holds: <paramref name="Before"/> and
/// <paramref name="After"/> it; the squares' weight.
/// </summary>
internal readonly record struct ChannelWindows(
    int Samples, int Channels, int Values, int Before, int After, double Weight)
{
    /// <summary>Number of values.</summary>
    public long Count => (long)Samples * Channels * Values;

    /// <summary>True if the numbers make sense.</summary>
    public bool IsSound => Samples >= 0 && Channels >= 0 && Values >= 0 && Before >= 0 && After >= 0;
}

/// <summary>
/// Local response normalization: a sum over neighbouring channels, walked along each channel's values.
/// </summary>
/// <remarks>
/// A value whose d leaves the range of T is done again in double, in units of a power of two: squares overflow long
/// before x and y do (|x| beyond 1e19 in float). In the backward pass a sample with such a d is done again as a whole.
/// </remarks>
internal static unsafe class ResponseNorm
{
    /// <summary>d = k + weight·Σ x² over the windows, y = x·d^-beta.</summary>
    public static void Forward<T>(T* x, T* d, T* y, ChannelWindows windows, double beta, double k)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(windows.IsSound);
        Debug.Assert(Contracts.AreApart(x, windows.Count, d, windows.Count), "d overlaps x");
        Debug.Assert(Contracts.AreApart(x, windows.Count, y, windows.Count), "y overlaps x");
        Workers.Run(windows.Values == 0 ? 0 : windows.Samples,
            new ForwardJob<T> { X = x, D = d, Y = y, Windows = windows, Beta = beta, K = k });
    }

    /// <summary>
    /// dx = dy·d^-beta - 2·beta·weight·x·Σ products over the mirrored windows; products = dy·y/d are scratch memory.
    /// </summary>
    public static void Backward<T>(
        T* x, T* d, T* y, T* dy, T* products, T* dx, ChannelWindows windows, double beta, double k)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(windows.IsSound);
        Debug.Assert(Contracts.AreApart(x, windows.Count, dx, windows.Count), "dx overlaps x");
        Debug.Assert(Contracts.AreApart(dy, windows.Count, dx, windows.Count), "dx overlaps dy");
        Workers.Run(windows.Values == 0 ? 0 : windows.Samples, new BackwardJob<T>
        {
            X = x,
            D = d,
            Y = y,
            Dy = dy,
            Products = products,
            Dx = dx,
            Windows = windows,
            Beta = beta,
            K = k,
        });
    }

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
                int first = Math.Max(0, channel - Windows.Before),
                    end = Math.Min(Windows.Channels, channel + Windows.After + 1);
                long own = at + ((long)channel * Windows.Values);
                Channel(X + at + ((long)first * Windows.Values),
                    end - first, X + own, D + own, Y + own, Windows.Values, weight, k, beta);
                Slow(X + at, D + own, Y + own, channel);
            }
        }

        /// <summary>The values of a channel whose d leaves the range of T.</summary>
        private readonly void Slow(T* sample, T* d, T* y, int channel)
        {
            T least = T.CreateTruncating(typeof(T) == typeof(float) ? 1e-30 : 1e-290);
            for (int i = -1; (i = ValueRange.FirstOutside(
                d, Windows.Values, i + 1, least, T.CreateTruncating(ValueRange.Largest<T>()))) >= 0;)
            {
                double x = double.CreateTruncating(sample[((long)channel * Windows.Values) + i]);
                y[i] = T.CreateTruncating(ScaledWindow.Of(sample, Windows, channel, i, K).Times(x, 1, 1, -Beta));
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
                Simd.Store(y + p, threeQuarters
                    ? Simd.Load(x + p) / ThreeQuarters(sum)
                    : Simd.Load(x + p) * VectorMath.Pow(sum, betas));
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
            Simd.StorePartial(
                y,
                beta == T.CreateTruncating(0.75)
                    ? own / ThreeQuarters(sum)
                    : own * VectorMath.Pow(sum, Simd.Broadcast(-beta)),
                values);
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, D, Y, Dy, Products, Dx;
        public ChannelWindows Windows;
        public double Beta, K;

        public readonly void Invoke(int sample)
        {
            int values = Windows.Values;
            long at = (long)sample * Windows.Channels * values;
            // Beyond these dy·y/d may lose digits to subnormals, or overflow.
            (double low, double high) = typeof(T) == typeof(float) ? (1e-12, 1e12) : (1e-100, 1e100);
            if (ValueRange.FirstOutside(
                D + at, Windows.Channels * values, 0, T.CreateTruncating(low), T.CreateTruncating(high)) >= 0)
            {
                for (int channel = 0; channel < Windows.Channels; channel++)
                {
                    for (int i = 0; i < values; i++)
                        Dx[at + ((long)channel * values) + i] = T.CreateTruncating(Slow(X + at, Dy + at, channel, i));
                }

                return;
            }

            Multiply(Dy + at, Y + at, D + at, Products + at, Windows.Channels * values);
            T factor = T.CreateTruncating(2 * Beta * Windows.Weight), beta = T.CreateTruncating(Beta);
            for (int channel = 0; channel < Windows.Channels; channel++)
            {
                // The windows that hold this channel begin as far behind it as they reach back.
                int first = Math.Max(0, channel - Windows.After),
                    end = Math.Min(Windows.Channels, channel + Windows.Before + 1);
                long own = at + ((long)channel * values);
                Channel(Products + at + ((long)first * values),
                    end - first, X + own, D + own, Dy + own, Dx + own, values, factor, beta);
            }
        }

        /// <summary>dx of one value of a sample.</summary>
        private readonly double Slow(T* x, T* dy, int channel, int i)
        {
            double own = double.CreateTruncating(x[((long)channel * Windows.Values) + i]);
            double result = ScaledWindow.Of(x, Windows, channel, i, K)
                .Times(double.CreateTruncating(dy[((long)channel * Windows.Values) + i]), 1, 1, -Beta);
            int end = Math.Min(Windows.Channels, channel + Windows.Before + 1);
            for (int c = Math.Max(0, channel - Windows.After); c < end; c++)
            {
                double factor =
                    -2 * Beta * Windows.Weight * double.CreateTruncating(dy[((long)c * Windows.Values) + i]);
                double other = double.CreateTruncating(x[((long)c * Windows.Values) + i]);
                result += ScaledWindow.Of(x, Windows, c, i, K).Times(factor, other, own, -Beta - 1);
            }

            return result;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Multiply(T* dy, T* y, T* d, T* products, int count)
        {
            int width = Vector512<T>.Count;
            if (count < width)
            {
                Simd.StorePartial(
                    products,
                    Simd.LoadPartial(dy, count) * Simd.LoadPartial(y, count) / Simd.LoadPartial(d, count, T.One),
                    count);
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
                Vector512<T> own = Simd.Load(d + p), direct = threeQuarters
                    ? Simd.Load(dy + p) / ThreeQuarters(own)
                    : Simd.Load(dy + p) * VectorMath.Pow(own, betas);
                Simd.Store(dx + p, Simd.Fma(Simd.Load(x + p) * factors, sum, direct));
            }
        }

        private static void Short(T* window, int channels, T* x, T* d, T* dy, T* dx, int values, T factor, T beta)
        {
            Vector512<T> sum = default;
            for (int c = 0; c < channels; c++) sum += Simd.LoadPartial(window + ((long)c * values), values);
            Vector512<T> own = Simd.LoadPartial(d, values, T.One), given = Simd.LoadPartial(dy, values);
            Vector512<T> direct = beta == T.CreateTruncating(0.75)
                ? given / ThreeQuarters(own)
                : given * VectorMath.Pow(own, Simd.Broadcast(-beta));
            Simd.StorePartial(dx, Simd.Fma(Simd.LoadPartial(x, values) * Simd.Broadcast(-factor), sum, direct), values);
        }
    }

    /// <summary>d of one value, as Value·4^Exponent, in double.</summary>
    private readonly record struct ScaledWindow(double Value, int Exponent)
    {
        public static ScaledWindow Of<T>(T* sample, ChannelWindows windows, int channel, int i, double k)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            int first = Math.Max(0, channel - windows.Before),
                end = Math.Min(windows.Channels, channel + windows.After + 1);
            double peak = Math.Sqrt(Math.Abs(k)), squares = 0;
            for (int c = first; c < end; c++)
                peak = Math.Max(peak, Math.Abs(double.CreateTruncating(sample[((long)c * windows.Values) + i])));
            int exponent = ValueRange.Exponent(peak);
            for (int c = first; c < end; c++)
            {
                squares += ValueRange.Square(
                    Math.ScaleB(double.CreateTruncating(sample[((long)c * windows.Values) + i]), -exponent));
            }

            return new ScaledWindow(Math.ScaleB(k, -2 * exponent) + windows.Weight * squares, exponent);
        }

        /// <summary>a·b·c·d^power, where parts of it may leave the range of double.</summary>
        public double Times(double a, double b, double c, double power)
        {
            double product =
                Mantissa(a, out int ea) * Mantissa(b, out int eb) * Mantissa(c, out int ec) * Pow(Value, power);
            double exponent = ea + eb + ec + 2.0 * Exponent * power, whole = Math.Floor(exponent);
            return Math.ScaleB(product * Pow(2, exponent - whole), (int)whole);
        }

        private static double Pow(double x, double power) =>
            VectorMath.Pow(Vector512.Create(x), Vector512.Create(power))[0];

        private static double Mantissa(double value, out int exponent)
        {
            exponent = ValueRange.Exponent(Math.Abs(value));
            return Math.ScaleB(value, -exponent);
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
