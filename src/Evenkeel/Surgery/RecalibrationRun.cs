using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Training;

namespace Evenkeel.Surgery;

/// <summary>
/// One recalibration: finds the layers, runs the passes, writes the statistics, and restores everything if it fails.
/// </summary>
internal sealed class RecalibrationRun(
    Module model, IDataset data, RecalibrationOptions options, IProgress<RecalibrationProgress>? progress,
    CancellationToken cancellationToken)
{
    private readonly BatchPlan _plan = new(data.Count, options.BatchSize);
    private readonly DType _dtype = TypeOf(model);
    private int[] _indices = [];

    public RecalibrationReport Run()
    {
        List<Layer> layers = Find();
        Evaluator? accuracy = options.Check is null ? null : new Evaluator(model, loss: null, [new Accuracy()]);
        try
        {
            double? before = Measure(accuracy);
            List<Layer> order = Order(layers);
            List<Layer> open = order.FindAll(static layer => !layer.IsFrozen);
            if (options.Order == RecalibrationOrder.LayerByLayer)
            {
                var tape = new Tape(Mode.Eval);
                for (int i = 0; i < open.Count; i++)
                {
                    Pass(tape, [open[i]], i + 1, open.Count);
                    // As with one batch of all data, the layers after this one see its output normalized by the biased
                    // variance. The variance of the layer's convention is written at the end.
                    open[i].Write(open[i].InBatch, _plan.Batches);
                }
            }
            else
            {
                Pass(new Tape(Mode.Train, recordGradients: false), open, 1, 1);
            }

            foreach (Layer layer in open) layer.Write(layer.Tracked, _plan.Batches);
            double? after = Measure(accuracy);
            var reports = new List<RecalibratedLayer>();
            foreach (Layer layer in order) reports.Add(layer.Report());
            foreach (Layer layer in layers)
            {
                if (!order.Contains(layer)) reports.Add(layer.Report());
            }

            foreach ((string name, Module module) in model.NamedModules())
            {
                if (module is not INormalization { MixesSamples: true }) continue;
                reports.Add(new RecalibratedLayer(name, module.TypeName, RecalibrationStatus.NoStatistics, 0, [], []));
            }

            return new RecalibrationReport(reports, _plan, before, after);
        }
        catch
        {
            foreach (Layer layer in layers) layer.PutBack();
            throw;
        }
    }

    /// <summary>
    /// The element type that the model computes in. For a model of norms alone, it is that of their statistics.
    /// </summary>
    internal static DType TypeOf(Module model)
    {
        foreach (Module.StateEntry entry in model.StateEntries())
        {
            if (entry.Live.DType.IsFloatingPoint()) return entry.Live.DType;
        }

        return DType.Float32;
    }

    private List<Layer> Find()
    {
        var layers = new List<Layer>();
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (module is ITrackingNorm { Running: { } running } norm)
                layers.Add(new Layer(name, module, norm, running));
        }

        return layers;
    }

    /// <summary>The layers in the order in which the first samples reach them.</summary>
    private List<Layer> Order(List<Layer> layers)
    {
        var order = new List<Layer>();
        var hooks = new List<IDisposable>();
        try
        {
            foreach (Layer layer in layers)
            {
                hooks.Add(layer.Module.AddForwardHook((_, _, _) =>
                {
                    if (!order.Contains(layer)) order.Add(layer);
                }));
            }

            var tape = new Tape(Mode.Eval);
            tape.Reset();
            model.Forward(Batch(tape, 0));
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }

        return order;
    }

    private void Pass(Tape tape, List<Layer> watched, int pass, int passes)
    {
        var hooks = new List<IDisposable>();
        try
        {
            foreach (Layer layer in watched) hooks.Add(layer.Module.AddForwardHook((_, x, _) => layer.Add(x)));
            for (int batch = 0; batch < _plan.Batches; batch++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                tape.Reset();
                try
                {
                    model.Forward(Batch(tape, batch));
                }
                finally
                {
                    // In Train the pass itself updates running statistics.
                    tape.Reject();
                }

                foreach (Layer layer in watched) layer.Check(batch);
                progress?.Report(new RecalibrationProgress(
                    pass, passes, batch == _plan.Batches - 1 ? _plan.Used : (batch + 1) * _plan.BatchSize, _plan.Used));
            }
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }
    }

    private Tensor Batch(Tape tape, int batch)
    {
        int size = _plan.SizeOf(batch);
        if (_indices.Length != size) _indices = new int[size];
        for (int i = 0; i < size; i++) _indices[i] = batch * _plan.BatchSize + i;
        Tensor x = tape.NewTensor(data.BatchShape(size), _dtype);
        data.CopyTo(_indices, x);
        return x;
    }

    private double? Measure(Evaluator? accuracy)
    {
        if (accuracy is null) return null;
        using var samples = new DataLoader(
            options.Check!, options.BatchSize, lastBatch: LastBatch.Keep, workers: 0)
        { DType = _dtype };
        return accuracy.Measure(samples, cancellationToken).Values.Single();
    }

    /// <summary>A layer with running statistics, their old values, and the pooled moments.</summary>
    private sealed class Layer(string name, Module module, ITrackingNorm norm, RunningStatistics running)
    {
        private readonly Tensor _mean = running.Mean.Value.Clone();
        private readonly Tensor _variance = running.Variance.Value.Clone();
        private readonly Tensor _batches = running.NumBatchesTracked.Value.Clone();
        private readonly long _skipped = running.SkippedBatches;
        private readonly (double StartValuesLeft, long Batches) _origin = running.Origin;
        private readonly PopulationMoments _pool = new(running.Mean.Value.Count, norm.Eps, norm.IsPerSample);

        public Module Module => module;

        /// <summary>The variance that the layer's convention keeps.</summary>
        public VarianceEstimator Tracked => running.Average.Estimator;

        public bool IsFrozen => running.IsFrozen;

        /// <summary>
        /// The variance that the layer normalizes a batch by. Instance norm normalizes as in use, because its training
        /// statistics are not a fixed map.
        /// </summary>
        public VarianceEstimator InBatch => norm.IsPerSample ? running.Average.Estimator : VarianceEstimator.Biased;

        public void Add(Tensor x) => _pool.Add(norm.AsPlanes(x));

        public void Check(int batch)
        {
            if (_pool.FirstNotFinite() is var channel and >= 0)
            {
                throw new InvalidOperationException($"Recalibrate: expected finite inputs of {Label}, got a NaN or an "
                    + $"infinity in channel {channel} of batch {batch + 1} (or values whose squares exceed a double's "
                    + $"range). Look for it with an ActivationProbe; the network was left as it was.");
            }
        }

        public void Write(VarianceEstimator estimator, int batches)
        {
            if (estimator == VarianceEstimator.Unbiased && _pool.Freedom <= 0)
            {
                throw new ArgumentException(
                    $"Recalibrate: expected more than one value per channel at {Label}, got {_pool.Count}; "
                    + $"a single one has no variance. Use more samples; the network was left as it was.",
                    nameof(estimator));
            }

            for (int c = 0; c < running.Mean.Value.Count; c++)
            {
                running.Mean.Value.SetValueAt(c, _pool.Mean(c));
                running.Variance.Value.SetValueAt(c, _pool.Variance(c, estimator));
                if (!double.IsFinite(running.Mean.Value.ValueAt(c))
                    || !double.IsFinite(running.Variance.Value.ValueAt(c)))
                {
                    throw new InvalidOperationException(
                        $"Recalibrate: expected statistics of {Label} that fit {running.Mean.Value.DType}, "
                        + $"got mean {_pool.Mean(c)} and variance {_pool.Variance(c, estimator)} in channel {c}. "
                        + $"Scale its inputs, or convert the model to Float64; the network was left as it was.");
                }
            }

            // A cumulative average continues from the batches that are in it. For other averages the count says how
            // long the training has lasted (the limits of renormalization open by it), so it is never lowered.
            running.NumBatchesTracked.Value.Fill(
                running.Average.IsCumulative ? batches : Math.Max(batches, _batches.Item()));
            running.SkippedBatches = _skipped;
            running.BeginWith(startValuesLeft: 0);
        }

        public void PutBack()
        {
            running.Mean.Value.CopyFrom(_mean);
            running.Variance.Value.CopyFrom(_variance);
            running.NumBatchesTracked.Value.CopyFrom(_batches);
            running.SkippedBatches = _skipped;
            running.BeginAs(_origin);
        }

        public RecalibratedLayer Report()
        {
            if (IsFrozen || _pool.Count == 0)
            {
                RecalibrationStatus left = IsFrozen ? RecalibrationStatus.Frozen : RecalibrationStatus.NotReached;
                return new RecalibratedLayer(name, module.TypeName, left, _pool.Count, [], []);
            }

            var shift = new double[_mean.Count];
            var ratio = new double[_mean.Count];
            for (int c = 0; c < shift.Length; c++)
            {
                double variance = _pool.Variance(c, running.Average.Estimator) + norm.Eps;
                double difference = _mean.ValueAt(c) - _pool.Mean(c), old = _variance.ValueAt(c) + norm.Eps;
                // A constant channel without eps: there is no shift if the running values agree.
                shift[c] = difference == 0 ? 0 : difference / Math.Sqrt(variance);
                ratio[c] = old == variance ? 1 : old / variance;
            }

            return new RecalibratedLayer(
                name, module.TypeName, RecalibrationStatus.Recalibrated, _pool.Count, shift, ratio);
        }

        private string Label => module.Label(name);
    }
}
