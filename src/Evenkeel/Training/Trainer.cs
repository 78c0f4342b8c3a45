using System.Diagnostics;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Training;

/// <summary>
/// Trains a classifier: batches, forward, loss, backward, step. It checks accuracies, keeps the best model, and writes
/// checkpoints.
/// </summary>
/// <remarks>
/// <para>The best model includes the running statistics, so its accuracy later is the one with which it was
/// found.</para>
/// <para>The order of an iteration: draw the batch, forward, penalty, backward, clip, step. At the end of an epoch, the
/// learning-rate decay and the schedule follow. After the first iteration, at the end of each epoch and after the last
/// iteration, the accuracies, the best model and a checkpoint follow.</para>
/// <para>A run resumed from a checkpoint ends with the same bits as a run that was never interrupted.</para>
/// </remarks>
public sealed partial class Trainer
{
    private readonly Tape _tape = new(Mode.Train);
    private readonly DType _dtype;
    private readonly Parameter[] _parameters;
    private readonly string[] _names;
    private readonly Parameter[] _weights;
    private readonly List<RunningStatistics> _statistics = [];
    private readonly Accuracy _accuracy;
    private readonly IRandomStream _random;
    private ModelSnapshot _best = new();
    private readonly ModelSnapshot _last = new();
    private readonly BatchSource _batches;
    private long _iteration;
    private int _epoch;

    // True if an accuracy check was cancelled. The next call of Fit begins with it.
    private bool _isCheckDue;
    private double _bestAccuracy = double.NegativeInfinity;
    private string? _note;
    private long _noted;
    private long _trainingTicks;
    private long _evaluationTicks;
    private long _examples;
    private int _samples;
    private int? _resumedSamples;

    /// <summary>Makes a trainer for a model.</summary>
    /// <param name="model">The model: scores (N, classes) for samples (N, ...).</param>
    /// <param name="optimizer">The optimizer over the model's parameters.</param>
    /// <param name="loss">
    /// A loss of scores and class labels (<see cref="Loss.TakesClassLabels"/>), because the accuracy decides which
    /// model is best.
    /// </param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range, the loss takes no class labels, the model has no
    /// parameters, or the schedule belongs to another optimizer.</exception>
    public Trainer(Module model, Optimizer optimizer, Loss loss, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(loss);
        Options = options ?? new TrainerOptions();
        Options.Check();
        if (!loss.TakesClassLabels)
            throw new ArgumentException(
                "Trainer: expected a loss of class labels, because the trainer measures accuracy and keeps the most " +
                $"accurate model; got {loss}, which may have other targets (a regression's). Train with a loop of " +
                "your own (tape.Reset, Forward, Backward, optimizer.Step, optimizer.ZeroGrad) and judge by the loss " +
                $"on validation data. If {loss.GetType().Name} does take one class label per sample, override " +
                $"{nameof(Loss.TakesClassLabels)} in it to say so.", nameof(loss));
        Model = model;
        Optimizer = optimizer;
        Loss = loss;
        CheckSchedule(Options);
        IReadOnlyList<(string Name, Parameter Parameter)> named = model.NamedParameters();
        _parameters = [.. named.Select(static entry => entry.Parameter)];
        _names = [.. named.Select(static entry => entry.Name)];
        if (_parameters.Length == 0)
            throw new ArgumentException("Trainer: expected a model with parameters, got none.", nameof(model));
        _weights = Array.FindAll(_parameters, static parameter => parameter.Role == ParameterRole.Weight);
        foreach ((_, Module module) in model.NamedModules())
        {
            if (module is ITrackingNorm { Running: { } running }) _statistics.Add(running);
        }

        _dtype = _parameters[0].DType;
        _accuracy = new Accuracy(model, _dtype, Options.EvaluationBatchSize);
        _random = Options.RandomStream ?? new Philox(Options.Seed, "trainer");
        _batches = new BatchSource(Options, _random);
        _tape.Seed = Options.Seed;
    }

    /// <summary>The model.</summary>
    public Module Model { get; }

    /// <summary>The optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The loss.</summary>
    public Loss Loss { get; }

    /// <summary>The settings.</summary>
    public TrainerOptions Options { get; }

    /// <summary>What the training has measured so far, including resumed parts.</summary>
    public History History { get; private set; } = new();

    /// <summary>Iterations completed, including resumed ones.</summary>
    public long Iteration => _iteration;

    /// <summary>Epochs completed, including resumed ones.</summary>
    public int Epoch => _epoch;

    /// <summary>
    /// Bytes of the training tape. They do not grow from step to step once every batch size has occurred.
    /// </summary>
    public long TapeCapacityInBytes => _tape.CapacityInBytes;

    /// <summary>
    /// Trains up to <see cref="TrainerOptions.Epochs"/> epochs, from the start, or from the trainer's current position.
    /// At the end the model is the best one found, if the options ask for it.
    /// </summary>
    /// <param name="training">The samples to learn from.</param>
    /// <param name="validation">The samples that decide which model is best.</param>
    /// <param name="progress">
    /// Receives a report every <see cref="TrainerOptions.ReportEvery"/> iterations and at each accuracy check.
    /// </param>
    /// <param name="cancellationToken">
    /// Ends the run between two iterations, or in the middle of an accuracy check. The model keeps its last weights.
    /// <c>PATH_last.safetensors</c> is written if the options have a path. <see cref="RestoreBestModel"/> can still
    /// restore the best model.
    /// </param>
    /// <returns>
    /// What the training has measured so far, including earlier calls. A later call does not change it.
    /// </returns>
    /// <exception cref="DivergedException">
    /// The loss or a gradient is NaN or infinite, and the options ask to throw. The weights are those before that step.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// There are no samples, their number differs from that of the resumed run, or
    /// <see cref="TrainerOptions.LastBatch"/> refuses the last batch.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public History Fit(
        IDataset training, IDataset validation, IProgress<TrainProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(validation);
        Options.Check();
        CheckSchedule(Options);
        if (training.Count < 1 || validation.Count < 1)
        {
            throw new ArgumentException(
                $"Trainer.Fit: expected samples, got {training.Count} for training and "
                + $"{validation.Count} for validation.",
                nameof(training));
        }

        if (_resumedSamples is { } samples && samples != training.Count)
        {
            throw new ArgumentException(
                $"Trainer.Fit: expected the {samples} training samples of the resumed run, got {training.Count}. "
                + $"Continue with the same set, or start a new trainer from the weights alone.",
                nameof(training));
        }

        // An earlier call has restored the best model. Training continues from the last one. If the user has changed
        // the weights since then, they stay.
        bool isForeign = !_last.IsEmpty && !ShowsBest;
        if (ShowsBest) _last.PutBack(Model);
        _last.Clear();
        History.Divergence = null;
        DropLossesFrom(_iteration);
        long begun = _iteration;
        _batches.Begin(training, _iteration);
        int perEpoch = _batches.Plan.Batches;
        long total = (long)Options.Epochs * perEpoch;
        Begin(training, total);
        if (_isCheckDue) CheckAccuracy(training, validation, cancellationToken);
        for (; _iteration < total;)
        {
            if (cancellationToken.IsCancellationRequested) Cancel(cancellationToken);
            long start = Stopwatch.GetTimestamp();
            bool wentWell = Step(training);
            _trainingTicks += Stopwatch.GetTimestamp() - start;
            if (!wentWell) break;
            _examples += _batches.Labels.Count;
            bool first = _iteration == 0, last = _iteration == total - 1, epochEnd = (_iteration + 1) % perEpoch == 0;
            _iteration++;
            if (epochEnd) EndEpoch();
            if (Options is { Scheduler: { } scheduler, ScheduleBy: ScheduleBy.Iteration }) scheduler.Step();
            bool check = first || last || epochEnd;
            if (check)
            {
                _isCheckDue = true;
                CheckAccuracy(training, validation, cancellationToken);
            }

            if (progress is not null && (check || _iteration % Options.ReportEvery == 0))
                progress.Report(Progress(total, check));
        }

        History.TrainingSeconds = _trainingTicks / (double)Stopwatch.Frequency;
        History.EvaluationSeconds = _evaluationTicks / (double)Stopwatch.Frequency;
        History.ExamplesPerSecond = _trainingTicks == 0 ? 0 : _examples / History.TrainingSeconds;
        if (Options.RestoreBestModel && !_best.IsEmpty && !(isForeign && _iteration == begun))
        {
            _last.Take(Model);
            _best.PutBack(Model);
        }

        return History.Copy();
    }

    /// <summary>
    /// Puts the best model found so far, including running statistics, into <see cref="Model"/>. Returns false if there
    /// is none. A later <see cref="Fit"/> continues from the last model.
    /// </summary>
    public bool RestoreBestModel()
    {
        if (_best.IsEmpty) return false;
        if (!ShowsBest) _last.Take(Model);
        _best.PutBack(Model);
        return true;
    }

    /// <summary>True while the best model is restored and the last one is kept separately.</summary>
    private bool ShowsBest => !_last.IsEmpty && _best.Matches(Model);

    /// <summary>The loss that ended a run belongs to a step that did not happen.</summary>
    private void DropLossesFrom(long iteration)
    {
        if (History.LossList.Count > iteration)
            History.LossList.RemoveRange((int)iteration, History.LossList.Count - (int)iteration);
    }

    /// <summary>
    /// The share of samples that the model classifies correctly, in Eval. It draws no random numbers.
    /// </summary>
    /// <param name="data">The samples.</param>
    /// <param name="cancellationToken">Ends the count between two batches.</param>
    /// <exception cref="ArgumentException">There are no samples.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public double Evaluate(IDataset data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Count < 1) throw new ArgumentException("Trainer.Evaluate: expected samples, got none.", nameof(data));
        return MeasureAccuracy(data, samples: null, cancellationToken);
    }

    /// <summary>
    /// How <see cref="Fit"/> would cut an epoch of this set into batches. It prints as <c>60000 samples in 234 batches
    /// of 256; 96 left out</c>.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// There are no samples, or <see cref="TrainerOptions.LastBatch"/> refuses the last batch.
    /// </exception>
    public BatchPlan Plan(IDataset training)
    {
        ArgumentNullException.ThrowIfNull(training);
        return BatchSource.PlanOf(Options, training);
    }

    internal static Shape BatchShape(IDataset data, int count)
    {
        Shape sample = data.SampleShape;
        Span<int> sizes = stackalloc int[Shape.MaxRank + 1];
        sizes[0] = count;
        sample.CopyTo(sizes[1..]);
        return new Shape(sizes[..(sample.Rank + 1)]);
    }

    private void CheckSchedule(TrainerOptions options)
    {
        if (options.Scheduler is not { } schedule || ReferenceEquals(schedule.Optimizer, Optimizer)) return;
        throw new ArgumentException(
            $"Trainer: expected a schedule of the trainer's optimizer, got a {schedule.GetType().Name} "
            + $"of another one ({schedule.Optimizer.Name}), which would change no rate of this run. "
            + "Make the schedule with the optimizer that the trainer is given.", nameof(options));
    }

    private void Begin(IDataset training, long total)
    {
        History.LossList.EnsureCapacity(checked((int)total));
        History.TrainList.EnsureCapacity(Options.Epochs + 1);
        History.ValidationList.EnsureCapacity(Options.Epochs + 1);
        _trainingTicks = _evaluationTicks = _examples = 0;
        _samples = training.Count;
    }

    /// <summary>
    /// Runs one iteration. Returns false if the run ends because the loss or a gradient is not finite. If a layer, a
    /// loss, a hook or the data set throws, the iteration leaves no trace in running statistics and gradients.
    /// </summary>
    private bool Step(IDataset training)
    {
        try
        {
            return TryStep(training);
        }
        catch
        {
            _tape.Reject();
            ClearGradients();
            throw;
        }
    }

    private bool TryStep(IDataset training)
    {
        // This comes before the data set is read. If the data set throws, the tape must not hold the previous step,
        // because that step is valid.
        _tape.Reset();
        if (training is IEpochDataset changing) changing.Epoch = _epoch;
        _batches.Draw(training, _iteration);
        _tape.RandomStep = _iteration;
        Tensor inputs = _tape.NewTensor(BatchShape(training, _batches.Labels.Count), _dtype);
        training.CopyTo(_batches.Indices, inputs);
        Tensor loss = Loss.Forward(Model.Forward(inputs), _batches.Labels);
        double value = loss.Item();
        if (double.IsFinite(value))
        {
            loss.Backward();
            if (Options.L2 > 0) value += 0.5 * Options.L2 * AddPenalty();
        }

        History.LossList.Add(value);
        if (!double.IsFinite(value)) return Reject(inputs, value, parameter: null);
        // A finite loss may have infinite gradients, and one step along them would spoil the weights for good.
        double squares = SumOfSquares(out string? spoilt);
        if (spoilt is not null) return Reject(inputs, value, spoilt);
        if (Options.MaxGradientNorm is { } norm) GradientClipping.Scale(_parameters, Math.Sqrt(squares), norm);
        Optimizer.Step();
        ClearGradients();
        return true;
    }

    private double AddPenalty()
    {
        double squares = 0;
        foreach (Parameter weight in _weights)
        {
            if (weight.Gradient is not { } gradient) continue;
            squares += GradientKernels.AddPenalty(weight.Value, gradient, Options.L2);
        }

        return squares;
    }

    /// <summary>
    /// The squared norm of all gradients, and the parameter nearest to the loss whose gradient is not finite. It was
    /// the first one in the backward pass.
    /// </summary>
    private double SumOfSquares(out string? spoilt)
    {
        spoilt = null;
        double squares = 0;
        for (int i = 0; i < _parameters.Length; i++)
        {
            if (_parameters[i].Gradient is not { } gradient) continue;
            double own = GradientKernels.SumOfSquares(gradient);
            squares += own;
            // Squares of finite doubles may overflow. The values themselves decide then.
            if (!double.IsFinite(own) && !DivergenceFinder.IsFinite(gradient)) spoilt = _names[i];
        }

        return squares;
    }

    private void ClearGradients()
    {
        foreach (Parameter parameter in _parameters) parameter.ZeroGrad();
    }

    private bool Reject(Tensor inputs, double loss, string? parameter)
    {
        _tape.Reject();
        ClearGradients();
        if (Options.NonFiniteLoss == NonFiniteLoss.SkipBatch)
        {
            History.SkippedBatches++;
            return true;
        }

        DivergedException diverged;
        if (parameter is not null)
        {
            diverged = DivergedException.OfGradient(_iteration + 1, parameter, loss);
        }
        else
        {
            (string layer, string detail) = DivergenceFinder.Find(Model, inputs, _tape.Seed, _iteration);
            diverged = new DivergedException(_iteration + 1, layer, loss, detail);
        }

        if (Options.NonFiniteLoss == NonFiniteLoss.Throw)
        {
            DropLossesFrom(_iteration);
            throw diverged;
        }

        History.Divergence = diverged;
        return false;
    }

    private void EndEpoch()
    {
        _epoch++;
        if (Options.LearningRateDecay != 1)
        {
            double decay = Options.LearningRateDecay;
            foreach (ParameterGroup group in Optimizer.Groups) group.Schedule(group.LearningRate * decay);
        }

        if (Options is { Scheduler: { } scheduler, ScheduleBy: ScheduleBy.Epoch }) scheduler.Step();
    }

    /// <summary>
    /// Measures both accuracies. A cancelled check leaves no trace, not even in the random stream. It is repeated when
    /// the run continues, so the run has the same bits as one that was never interrupted.
    /// </summary>
    private void CheckAccuracy(IDataset training, IDataset validation, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        RandomStreamState draws = _random.State;
        double trainAccuracy, accuracy;
        try
        {
            trainAccuracy = MeasureAccuracy(training, Options.TrainSamples, cancellationToken);
            accuracy = MeasureAccuracy(validation, Options.ValidationSamples, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _random.State = draws;
            Cancel(cancellationToken);
            throw;
        }

        _isCheckDue = false;
        History.TrainList.Add(trainAccuracy);
        History.ValidationList.Add(accuracy);
        if (accuracy > _bestAccuracy)
        {
            History.BestValidationAccuracy = _bestAccuracy = accuracy;
            History.BestEpoch = _epoch;
            _best.Take(Model);
        }

        _evaluationTicks += Stopwatch.GetTimestamp() - start;
        if (Options.CheckpointPath is { } path) SaveCheckpoint($"{path}_epoch_{_epoch}.safetensors");
    }

    private double MeasureAccuracy(IDataset data, int? samples, CancellationToken cancellationToken)
    {
        int count = samples is { } wanted && data.Count > wanted ? wanted : data.Count;
        Span<int> indices = _accuracy.Indices(count);
        if (count < data.Count)
        {
            _random.Choice(data.Count, indices);
        }
        else
        {
            for (int i = 0; i < count; i++) indices[i] = i;
        }

        return _accuracy.Measure(data, indices, cancellationToken);
    }

    private TrainProgress Progress(long total, bool isAccuracyNew) => new(
        _epoch,
        Options.Epochs,
        _iteration,
        total,
        History.LossList[^1],
        History.TrainList.Count > 0 ? History.TrainList[^1] : double.NaN,
        History.ValidationList.Count > 0 ? History.ValidationList[^1] : double.NaN,
        _trainingTicks == 0 ? 0 : _examples / (_trainingTicks / (double)Stopwatch.Frequency),
        isAccuracyNew,
        Note());

    /// <summary>
    /// Says what was skipped: whole steps, or only updates of running statistics if the loss stayed finite.
    /// </summary>
    private string? Note()
    {
        long updates = 0;
        foreach (RunningStatistics running in _statistics) updates += running.SkippedBatches;
        long skipped = History.SkippedBatches;
        if (skipped + updates == _noted) return _note;
        _noted = skipped + updates;
        string batches = $"{skipped} non-finite {(skipped == 1 ? "batch" : "batches")}",
            statistics = $"{updates} non-finite {(updates == 1 ? "update" : "updates")} of running statistics";
        _note = $"skipped {(skipped == 0 ? statistics : updates == 0 ? batches : $"{batches}, {statistics}")}";
        return _note;
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        if (Options.CheckpointPath is { } path) SaveCheckpoint($"{path}_last.safetensors");
        throw new OperationCanceledException(
            $"Trainer: cancelled after {_iteration} iterations; the model has its last weights, "
            + $"and RestoreBestModel() puts the best ones back.",
            cancellationToken);
    }
}
