using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Examination;

/// <summary>Pools the inputs of one norm over the batches of a pass.</summary>
internal sealed class NormWatch
{
    private readonly string _name;
    private readonly ITrackingNorm _norm;
    private readonly PopulationMoments _pool;
    private readonly SampleSpread _spread;
    private double _samples, _values;

    public NormWatch(string name, Module module, ITrackingNorm norm)
    {
        (_name, Module, _norm) = (name, module, norm);
        _spread = new SampleSpread(norm.NumFeatures);
        _pool = new PopulationMoments(norm.NumFeatures, norm.Eps, norm.IsPerSample, _spread);
    }

    /// <summary>The norm.</summary>
    public Module Module { get; }

    /// <summary>Takes the inputs of a batch.</summary>
    public void Add(Tensor x)
    {
        if (x.Count == 0) return;
        Tensor planes = _norm.AsPlanes(x);
        _pool.Add(planes);
        // With the channels last, each position is a row of its own; the samples are those of the input.
        _samples += x.Shape[0];
        _values += (double)x.Count / _norm.NumFeatures;
    }

    /// <summary>What was measured.</summary>
    public MeasuredNorm Result()
    {
        RunningStatistics running = _norm.Running!;
        int channels = _norm.NumFeatures;
        var result = new double[6][];
        for (int i = 0; i < result.Length; i++) result[i] = new double[channels];
        (double[] mean, double[] variance, double[] shift, double[] ratio, double[] meanError,
            double[] varianceError) = (result[0], result[1], result[2], result[3], result[4], result[5]);
        for (int c = 0; c < channels; c++)
        {
            double eps = _norm.Eps, v = _pool.Variance(c, running.Average.Estimator);
            // One value alone has no unbiased variance.
            if (!double.IsFinite(v)) v = _pool.Variance(c, VarianceEstimator.Biased);
            (mean[c], variance[c]) = (_pool.Mean(c), v);
            double off = running.Mean.Value.ValueAt(c) - mean[c], old = running.Variance.Value.ValueAt(c) + eps;
            shift[c] = off == 0 ? 0 : off / Math.Sqrt(v + eps);
            ratio[c] = old == v + eps ? 1 : old / (v + eps);
            (double ofMean, double ofVariance) = _spread.Errors(c, _samples);
            meanError[c] = ofMean == 0 ? 0 : ofMean / Math.Sqrt(v + eps);
            varianceError[c] = ofVariance == 0 ? 0 : ofVariance / (v + eps);
        }

        return new MeasuredNorm(_name, Module.TypeName, _values / _samples)
        {
            Mean = mean,
            Variance = variance,
            MeanShift = shift,
            VarianceRatio = ratio,
            MeanError = meanError,
            VarianceError = varianceError,
        };
    }
}
