using System.Numerics;
using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel.Surgery;

/// <summary>
/// Count, mean and squared deviations of each channel over any number of batches, in double and in the batches' order.
/// </summary>
/// <remarks>
/// Two sets of n and m values with means a and b have together (Chan, Golub and LeVeque, 1979), with delta = b - a: the mean a + delta·m/(n+m), and as
/// Σ(x-mean)² the sum of their two + delta²·n·m/(n+m). Nothing large is subtracted from something large, as E[x²]-E[x]² would.
/// <para>With <paramref name="perSample"/>, as instance norm tracks them, the variance is the mean of the samples' own: the spread of their means is left out, and an unbiased one loses a degree of freedom a sample.</para>
/// </remarks>
internal sealed class PopulationMoments(int channels, double eps, bool perSample)
{
    private readonly double[] _mean = new double[channels];
    private readonly double[] _squares = new double[channels];

    /// <summary>Values a channel so far.</summary>
    public double Count { get; private set; }

    private double Samples { get; set; }

    /// <summary>The mean of a channel.</summary>
    public double Mean(int channel) => _mean[channel];

    /// <summary>The variance of a channel: divided by n, or by n - 1.</summary>
    public double Variance(int channel, VarianceEstimator estimator) => _squares[channel] / (estimator == VarianceEstimator.Unbiased ? Freedom : Count);

    /// <summary>n - 1, or as many ones less as there are samples; above 0 where there is a variance.</summary>
    public double Freedom => Count - (perSample ? Samples : 1);

    /// <summary>Adds a batch (N, C) or (N, C, …).</summary>
    public void Add(Tensor x)
    {
        if (x.Count == 0) return;
        int samples = x.Shape[0], spatial = x.Count / samples / channels;
        if (x.DType == DType.Float64) Workers.Run(channels, new Job<double> { Pool = this, X = x, Samples = samples, Spatial = spatial });
        else Workers.Run(channels, new Job<float> { Pool = this, X = x, Samples = samples, Spatial = spatial });
        Count += (double)samples * spatial;
        Samples += samples;
    }

    /// <summary>The first channel that is not finite, or -1.</summary>
    public int FirstNotFinite()
    {
        for (int c = 0; c < channels; c++)
        {
            if (!double.IsFinite(_mean[c]) || !double.IsFinite(_squares[c])) return c;
        }

        return -1;
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public PopulationMoments Pool;
        public Tensor X;
        public int Samples;
        public int Spatial;

        public readonly unsafe void Invoke(int chunk)
        {
            int channels = Pool._mean.Length;
            fixed (T* values = X.AsSpan<T>()) Add(values + (nint)chunk * Spatial, chunk, channels);
        }

        private readonly unsafe void Add(T* x, int chunk, int channels)
        {
            if (!Pool.PerSample)
            {
                Pool.Join(chunk, Spatial == 1 ? OfColumn(x, Samples, channels) : Moments.Of(x, Samples, (nint)channels * Spatial, Spatial, Pool.Eps), Pool.Count, (double)Samples * Spatial, between: 1);
                return;
            }

            for (int n = 0; n < Samples; n++)
                Pool.Join(chunk, Moments.Of(x + (nint)n * channels * Spatial, 1, 0, Spatial, Pool.Eps), Pool.Count + (double)n * Spatial, Spatial, between: 0);
        }
    }

    private bool PerSample => perSample;

    private double Eps => eps;

    /// <summary>Adds m values of a channel to the n there are.</summary>
    private void Join(int channel, Moments more, double n, double m, double between)
    {
        more = more.Unscaled;
        // Both parts of the mean by themselves: their sum would round before the difference is taken.
        double delta = more.Pivot - _mean[channel] + more.Low;
        double share = m / (n + m);
        _squares[channel] += m * more.Variance + between * (delta * delta * (n * share));
        _mean[channel] += delta * share;
    }

    /// <summary>A channel of (N, C): single values, some way apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe Moments OfColumn<T>(T* x, int samples, int channels) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double sum = 0, low = 0, squares = 0;
        for (int n = 0; n < samples; n++) sum += double.CreateTruncating(x[(nint)n * channels]);
        double mean = sum / samples;
        for (int n = 0; n < samples; n++)
        {
            double d = double.CreateTruncating(x[(nint)n * channels]) - mean;
            low += d;
            squares += d * d;
        }

        low /= samples;
        // Rounding may take a constant column below 0; NaN stays.
        return new Moments(mean, low, Math.Max(squares / samples - low * low, 0));
    }
}
