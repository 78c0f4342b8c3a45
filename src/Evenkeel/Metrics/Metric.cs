namespace Evenkeel.Training;

/// <summary>
/// A number that says how good predictions are: it is reset, sees one batch after another, and is computed over all of
/// them. The words are those of TorchMetrics.
/// </summary>
/// <remarks>
/// Sums are in double and in the order of the batches, so the same batches give the same bits. A metric keeps counts
/// and memory between calls: use one from one thread at a time, and a metric of its own for every run.
/// </remarks>
public abstract class Metric
{
    /// <summary>The name in results and logs, for example <c>accuracy</c>.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// True if a larger value is better, which says what the best model is if the metric is monitored. Default: true.
    /// </summary>
    public virtual bool HigherIsBetter => true;

    /// <summary>Forgets all batches.</summary>
    public abstract void Reset();

    /// <summary>Adds one batch.</summary>
    /// <param name="prediction">The output of the model, with samples along axis 0.</param>
    /// <param name="target">The targets of these samples. What fits is said by the metric.</param>
    /// <exception cref="ArgumentException">Shape, type or a value of the target does not fit.</exception>
    public abstract void Update(Tensor prediction, Tensor target);

    /// <summary>
    /// The value over all batches since <see cref="Reset"/>; NaN if it is undefined, for example over no sample.
    /// </summary>
    public abstract double Compute();

    /// <summary>
    /// A metric of your own from a function of one batch. Its value is the mean over the samples: the function's
    /// values, each weighted by the number of samples of its batch (the size of axis 0 of the prediction).
    /// </summary>
    /// <param name="name">The name in results and logs.</param>
    /// <param name="ofBatch">The mean over a batch, from prediction and target. NaN makes the whole value NaN.</param>
    /// <param name="higherIsBetter">Whether a larger value is better. Default: true.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static Metric Of(string name, Func<Tensor, Tensor, double> ofBatch, bool higherIsBetter = true)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(ofBatch);
        return new BatchMean(name, ofBatch, higherIsBetter);
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    private sealed class BatchMean(string name, Func<Tensor, Tensor, double> ofBatch, bool higherIsBetter) : Metric
    {
        private double _sum;
        private long _samples;

        public override string Name => name;

        public override bool HigherIsBetter => higherIsBetter;

        public override void Reset()
        {
            _sum = 0;
            _samples = 0;
        }

        public override void Update(Tensor prediction, Tensor target)
        {
            ArgumentNullException.ThrowIfNull(prediction);
            ArgumentNullException.ThrowIfNull(target);
            int samples = prediction.Shape.Rank == 0 ? 1 : prediction.Shape[0];
            if (samples == 0) return;
            _sum += ofBatch(prediction, target) * samples;
            _samples += samples;
        }

        public override double Compute() => _samples == 0 ? double.NaN : _sum / _samples;
    }
}
