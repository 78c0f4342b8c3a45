using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>A norm as the rules of a training see it.</summary>
public sealed class TrainedNorm
{
    // The sums of the window, a row of Channels values each; then the number of batches.
    private const int Rows = 6;
    private const int SumOfMeans = 0, SumOfVariances = 1, LastMean = 2, LastVariance = 3, MeanSteps = 4,
        VarianceSteps = 5;

    private readonly double[] _mean;
    private readonly double[] _variance;
    private readonly double[] _sums;
    private long _updates;

    internal TrainedNorm(string name, Module module, Func<string, int, double[]> memory)
    {
        (Name, Module) = (name, module);
        Tracking = module as ITrackingNorm;
        Gamma = module.OwnParameters.Values.FirstOrDefault(static own => own.Role == ParameterRole.NormScale);
        Beta = module.OwnParameters.Values.FirstOrDefault(static own => own.Role == ParameterRole.NormShift);
        int channels = Tracking?.Running is null ? 0 : Tracking.NumFeatures;
        (_mean, _variance) = (new double[channels], new double[channels]);
        _sums = channels == 0 ? [] : memory($"window.{name}", (Rows * channels) + 1);
    }

    /// <summary>The name of the layer, for example <c>bn1</c>.</summary>
    public string Name { get; }

    /// <summary>The layer.</summary>
    public Module Module { get; }

    /// <summary>The layer, if it is one that can keep running statistics; null for another norm.</summary>
    public ITrackingNorm? Tracking { get; }

    /// <summary>gamma; null if there is none.</summary>
    public Parameter? Gamma { get; }

    /// <summary>beta; null if there is none.</summary>
    public Parameter? Beta { get; }

    /// <summary>
    /// The values per channel in a batch, and the samples, as the layer got them in the first step; 0 if it did not
    /// run then.
    /// </summary>
    public (long Values, int Samples) PerChannel { get; internal set; }

    /// <summary>How many times the running statistics have followed a batch in this step.</summary>
    public long UpdatesInStep { get; private set; }

    /// <summary>The number of batches in the window at the end of the epoch.</summary>
    public int WindowBatches => _sums.Length == 0 ? 0 : (int)_sums[^1];

    /// <summary>The mean of a channel over the batches of the window.</summary>
    /// <param name="channel">The channel.</param>
    public double WindowMean(int channel) => Row(SumOfMeans)[channel] / WindowBatches;

    /// <summary>The mean of a channel's variances in the batches of the window.</summary>
    /// <param name="channel">The channel.</param>
    public double WindowVariance(int channel) => Row(SumOfVariances)[channel] / WindowBatches;

    /// <summary>
    /// The deviation of a channel's mean from batch to batch, in deviations of its values. It is taken from the
    /// differences of neighbours, √(½·mean(Δ²)), so that a slow drift does not count.
    /// </summary>
    /// <param name="channel">The channel.</param>
    public double NoiseOfMean(int channel) =>
        HasVariance(channel) ? Noise(MeanSteps, channel) / Math.Sqrt(WindowVariance(channel)) : 0;

    /// <summary>The deviation of a channel's variance from batch to batch, in variances.</summary>
    /// <param name="channel">The channel.</param>
    public double NoiseOfVariance(int channel) =>
        HasVariance(channel) ? Noise(VarianceSteps, channel) / WindowVariance(channel) : 0;

    internal void TakeBefore(bool isInWindow)
    {
        if (Tracking?.Running is not { } running) return;
        _updates = running.NumBatchesTracked.Value.AsSpan<long>()[0];
        if (!isInWindow) return;
        Copy(running.Mean.Value, _mean);
        Copy(running.Variance.Value, _variance);
    }

    internal void ClearWindow() => Array.Clear(_sums);

    /// <summary>
    /// Takes what the step has done to the running statistics. From the values before and after an update follow those
    /// of the batch: new = (1 - w)·old + w·batch.
    /// </summary>
    internal void TakeAfter(bool isInWindow)
    {
        UpdatesInStep = 0;
        if (Tracking?.Running is not { } running) return;
        long updates = running.NumBatchesTracked.Value.AsSpan<long>()[0];
        UpdatesInStep = updates - _updates;
        if (!isInWindow || UpdatesInStep != 1) return;
        double weight = running.Average.WeightAt(updates);
        if (!(weight > 0)) return;
        bool isFirst = WindowBatches == 0;
        Add(running.Mean.Value, _mean, weight, isFirst, SumOfMeans, LastMean, MeanSteps);
        Add(running.Variance.Value, _variance, weight, isFirst, SumOfVariances, LastVariance, VarianceSteps);
        _sums[^1]++;
    }

    private void Add(Tensor now, double[] before, double weight, bool isFirst, int sum, int last, int steps)
    {
        Span<double> sums = Row(sum), lasts = Row(last), squares = Row(steps);
        for (int c = 0; c < before.Length; c++)
        {
            double value = now.DType == DType.Float64 ? now.AsSpan<double>()[c] : now.AsSpan<float>()[c];
            double batch = before[c] + ((value - before[c]) / weight), difference = batch - lasts[c];
            sums[c] += batch;
            lasts[c] = batch;
            if (!isFirst) squares[c] += difference * difference;
        }
    }

    /// <summary>Below eps nothing is normalized, and what is left may be rounding.</summary>
    private bool HasVariance(int channel) => WindowVariance(channel) > Tracking!.Eps;

    private double Noise(int steps, int channel) =>
        WindowBatches < 2 ? 0 : Math.Sqrt(0.5 * Row(steps)[channel] / (WindowBatches - 1));

    private Span<double> Row(int row) => _sums.AsSpan(row * _mean.Length, _mean.Length);

    private static void Copy(Tensor tensor, double[] into)
    {
        if (tensor.DType == DType.Float64)
        {
            tensor.AsSpan<double>().CopyTo(into);
            return;
        }

        Span<float> values = tensor.AsSpan<float>();
        for (int c = 0; c < into.Length; c++) into[c] = values[c];
    }
}
