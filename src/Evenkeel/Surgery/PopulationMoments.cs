using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel.Surgery;

/// <summary>
/// Count, mean and squared deviations of each channel over any number of batches, in double and in the order of the
/// batches. They pool the moments that batch norm takes of each batch.
/// </summary>
/// <remarks>
/// With <paramref name="perSample"/>, as instance norm tracks them, the variance is the mean of the samples' own
/// variances. The spread of their means is left out, and an unbiased variance loses one degree of freedom per sample.
/// <paramref name="spread"/>, if there is one, sees the moments of each sample.
/// </remarks>
internal sealed class PopulationMoments(int channels, double eps, bool perSample, SampleSpread? spread = null)
{
    private readonly PooledMoments[] _pools = new PooledMoments[channels];
    private readonly Tensor _batch = Tensor.Empty([NormTable.StatisticsRows, channels], DType.Float64);

    /// <summary>Values per channel so far.</summary>
    public double Count { get; private set; }

    private double Samples { get; set; }

    /// <summary>The mean of a channel.</summary>
    public double Mean(int channel) => _pools[channel].Pivot + _pools[channel].Low;

    /// <summary>The variance of a channel: divided by n, or by n - 1.</summary>
    public double Variance(int channel, VarianceEstimator estimator) =>
        _pools[channel].Squares / (estimator == VarianceEstimator.Unbiased ? Freedom : Count);

    /// <summary>n - 1, or n minus the number of samples; above 0 if there is a variance.</summary>
    public double Freedom => Count - (perSample ? Samples : 1);

    /// <summary>Adds a batch (N, C) or (N, C, …).</summary>
    public void Add(Tensor x)
    {
        if (x.Count == 0) return;
        if (x.DType == DType.Float64) Add<double>(x);
        else Add<float>(x);
        Samples += x.Shape[0];
        Count += x.Count / channels;
    }

    /// <summary>The first channel that is not finite, or -1.</summary>
    public int FirstNotFinite()
    {
        for (int c = 0; c < channels; c++)
        {
            if (!double.IsFinite(Mean(c)) || !double.IsFinite(_pools[c].Squares)) return c;
        }

        return -1;
    }

    private unsafe void Add<T>(Tensor x) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var shape = BatchShape.Of(x);
        int samples = perSample || spread is not null ? 1 : shape.Samples;
        fixed (T* values = x.AsSpan<T>())
        fixed (double* memory = _batch.AsSpan<double>())
        {
            NormTable batch = NormTable.Of(memory, _batch.Shape);
            for (int start = 0; start < shape.Samples; start += samples)
            {
                (shape with { Samples = samples }).ForEachChannel(values, new Step<T>(batch, eps, start, samples));
                for (int c = 0; c < channels; c++)
                {
                    Moments moments = batch.Moments(c).Unscaled;
                    _pools[c].Add((double)samples * shape.Spatial,
                        moments.Pivot, moments.Low, moments.Variance, spread: !perSample);
                    spread?.Add(c, moments.Mean, moments.Variance);
                }
            }
        }
    }

    /// <summary>The statistics of some channels of some samples.</summary>
    private readonly struct Step<T>(NormTable batch, double eps, int start, int samples) : IChannelStep<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke<TLayout, TGroups>(TLayout layout, ColumnBlock channels, NormTable table)
            where TLayout : struct, IBatchLayout<TGroups>
            where TGroups : struct, IGroups<T, TGroups>
        {
            TGroups x = layout.Groups(channels, start, samples);
            NormTheorem.Moments(x, table, table.Rounded<T>(), x.Values, eps);
            table.CopyStatistics(batch.From(channels.Start), x.Count);
        }
    }
}
