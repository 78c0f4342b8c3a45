using System.Diagnostics;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Training;

/// <summary>Which weights a model has.</summary>
public enum ModelWeights
{
    /// <summary>Those of the last step. A training goes on from them.</summary>
    Last,

    /// <summary>Those with the best monitored score at the end of an epoch, with their running statistics.</summary>
    Best,
}

/// <summary>
/// Trains a network for any task: batches, forward, loss, backward, step. At the end of each epoch it measures the
/// metrics, keeps the best model, and writes checkpoints.
/// </summary>
/// <remarks>
/// <para>The order of an iteration: the next batch of the loader, forward, loss, backward, penalty, clip, step,
/// schedule (by iteration), callbacks. At the end of an epoch: evaluation, record, best model, schedule (by epoch),
/// callbacks, checkpoint.</para>
/// <para>While Fit runs, the model has its last weights. When Fit returns, it has the best ones, or the last ones if
/// <see cref="TrainerOptions.RestoreBestModel"/> is false or Fit throws. <see cref="Weights"/> says which, and
/// <see cref="Restore"/> changes it. The next Fit goes on from the last ones. The best model includes the running
/// statistics, so its score later is the one with which it was found.</para>
/// <para>A run resumed from a checkpoint ends with the same bits as a run that was never interrupted.</para>
/// </remarks>
public sealed partial class Trainer
{
    private readonly DType _dtype;
    private readonly RunningStatistics[] _statistics;
    private readonly IReadOnlyList<Metric> _metrics;
    private readonly Evaluator _evaluator;
    private ModelSnapshot _best = new();
    private readonly ModelSnapshot _last = new();
    private TrainingStep? _step;

    // The optimizer's state of all processes while a checkpoint is written.
    private Tensor[]? _gatheredState;
    private TrainingExamination? _examination;

    // What the rules of the doctor remember.
    private readonly Dictionary<string, double[]> _examined = new(StringComparer.Ordinal);
    private long _iteration;
    private int _epoch;
    private bool _isInFit;

    // Where the training loader stands. Null before the first call of Fit.
    private LoaderPosition? _position;

    // How the training loader cuts and orders the samples.
    private string? _plan;
    private bool _isResumed;

    // True if the evaluation at the end of an epoch was cancelled. The next call of Fit begins with it.
    private bool _isEvaluationDue;
    private string? _note;
    private long _noted;
    private long _trainingTicks;
    private long _evaluationTicks;
    private long _examples;

    /// <summary>Makes a trainer for a model.</summary>
    /// <param name="model">The model: predictions for samples (N, ...).</param>
    /// <param name="optimizer">The optimizer over the model's parameters.</param>
    /// <param name="loss">The loss of predictions and targets.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of range, the monitored score is not measured, the model has no parameters, or the schedule
    /// belongs to another optimizer.
    /// </exception>
    public Trainer(Module model, Optimizer optimizer, Loss loss, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(loss);
        Options = options ?? new TrainerOptions();
        Options.Check();
        Model = model;
        Optimizer = optimizer;
        Loss = loss;
        IReadOnlyList<Parameter> parameters = model.Parameters();
        if (parameters.Count == 0)
            throw new ArgumentException("Trainer: expected a model with parameters, got none.", nameof(model));
        CheckOptimizer(parameters, optimizer);
        _dtype = parameters[0].DType;
        _statistics = [.. model.Statistics().Select(static entry => entry.Running)];
        _metrics = Options.Metrics ?? loss.DefaultMetrics();
        History.Monitor = MonitoredName(Options);
        HigherIsBetter = _metrics.FirstOrDefault(metric => metric.Name == History.Monitor)?.HigherIsBetter ?? false;
        CheckSchedule(Options);
        _evaluator = new Evaluator(model, loss, _metrics);
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

    /// <summary>Whether a higher monitored score is a better one. A lower loss is better.</summary>
    public bool HigherIsBetter { get; }

    /// <summary>Which weights the model has, as far as this trainer has set them.</summary>
    public ModelWeights Weights => _last.IsEmpty ? ModelWeights.Last : ModelWeights.Best;

    /// <summary>Iterations completed, including resumed ones.</summary>
    public long Iteration => _iteration;

    /// <summary>Epochs completed, including resumed ones.</summary>
    public int Epoch => _epoch;

    /// <summary>Iterations of an epoch in the running or the last call of Fit; 0 before the first one.</summary>
    public int StepsPerEpoch { get; private set; }

    /// <summary>Training examples per second of training so far in this process, without evaluation.</summary>
    public double ExamplesPerSecond =>
        _trainingTicks == 0 ? 0 : _examples / (_trainingTicks / (double)Stopwatch.Frequency);

    /// <summary>The number of the running step in its epoch, from 0.</summary>
    internal int StepInEpoch => _position?.Batch ?? 0;

    /// <summary>
    /// Whether this process writes: checkpoints, logs. Of several processes that train together only the first does.
    /// </summary>
    public bool IsWriter => Options.Processes is null or { Rank: 0 };

    /// <summary>The token of the running or the last call of Fit. Callbacks that take long look at it.</summary>
    internal CancellationToken CancellationToken { get; private set; }

    /// <summary>
    /// Bytes of the training tape. They do not grow from step to step once every batch size has occurred.
    /// </summary>
    public long TapeCapacityInBytes => _step?.CapacityInBytes ?? 0;

    /// <summary>
    /// Trains up to <see cref="TrainerOptions.Epochs"/> epochs, from the start, or from the trainer's current position.
    /// At the end the model is the best one found, if the options ask for it.
    /// </summary>
    /// <param name="training">
    /// The batches to learn from. The loader cuts and shuffles them, makes them ahead, and has the model's element
    /// type.
    /// </param>
    /// <param name="validation">
    /// The batches that decide which model is best. Null takes samples of the training set
    /// (<see cref="TrainerOptions.Monitor"/>).
    /// </param>
    /// <param name="progress">
    /// Receives a report every <see cref="TrainerOptions.ReportEvery"/> iterations and at the end of each epoch.
    /// </param>
    /// <param name="cancellationToken">
    /// Ends the run between two iterations, while it waits for a batch, or in the middle of an evaluation. The model
    /// keeps its last weights. A checkpoint is written if the options have a place for it.
    /// </param>
    /// <returns>
    /// What the training has measured so far, including earlier calls. A later call does not change it.
    /// </returns>
    /// <exception cref="DivergedException">
    /// The loss or a gradient is NaN or infinite, and the options ask to throw. The weights are those before that step.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The number of samples differs from that of the resumed run, a loader has another element type than the model, or
    /// the targets do not fit the loss.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A callback has thrown (it is the inner exception), the monitored metric is undefined for the data, or Fit is
    /// called by a callback.
    /// </exception>
    /// <exception cref="IOException">
    /// A checkpoint could not be written. The last one before it is unharmed, and Fit can be called again.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">The folder of the checkpoints may not be written.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public History Fit(
        DataLoader training, DataLoader? validation = null, IProgress<TrainProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        Options.Check();
        CheckSchedule(Options);
        Check(training, nameof(training));
        if (validation is not null) Check(validation, nameof(validation));
        CheckPlan(training);
        CheckMonitor(validation);
        if (_isInFit)
        {
            throw new InvalidOperationException(
                "Trainer.Fit: expected one call at a time, got one inside another. A callback stops a training with "
                + "Stop, and does not begin one.");
        }

        _isInFit = true;
        CancellationToken = cancellationToken;
        try
        {
            return new FitRun(this, training, validation, progress, cancellationToken).Run();
        }
        finally
        {
            _isInFit = false;
        }
    }

    /// <summary>
    /// Trains on data sets: the same with loaders that the options describe (<see cref="TrainerOptions.BatchSize"/>,
    /// <see cref="TrainerOptions.LastBatch"/>, <see cref="TrainerOptions.LoaderWorkers"/>,
    /// <see cref="TrainerOptions.Seed"/>). The samples are shuffled in each epoch.
    /// </summary>
    /// <param name="training">The samples to learn from.</param>
    /// <param name="validation">
    /// The samples that decide which model is best. Null takes samples of the training set.
    /// </param>
    /// <param name="progress">Receives reports.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    /// <returns>What the training has measured so far.</returns>
    /// <exception cref="ArgumentException">
    /// There are no samples, or <see cref="TrainerOptions.LastBatch"/> refuses the last batch.
    /// </exception>
    /// <inheritdoc cref="Fit(DataLoader, DataLoader?, IProgress{TrainProgress}?, CancellationToken)"
    /// path="/exception"/>
    public History Fit(
        IDataset training, IDataset? validation = null, IProgress<TrainProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        Options.Check();
        CheckNotEmpty(training, nameof(training));
        if (validation is not null) CheckNotEmpty(validation, nameof(validation));
        using DataLoader batches = Loader(training);
        using DataLoader? checks = validation is null ? null : InOrder(validation);
        return Fit(batches, checks, progress, cancellationToken);
    }

    /// <summary>
    /// Puts the last or the best weights into <see cref="Model"/>, with their running statistics. A later Fit goes on
    /// from the last ones in any case.
    /// </summary>
    /// <param name="weights">Which ones.</param>
    /// <exception cref="InvalidOperationException">
    /// There is no best model yet: no epoch has ended. Or Fit is running.
    /// </exception>
    public void Restore(ModelWeights weights)
    {
        CheckIdle(nameof(Restore), "The model has its last weights until Fit returns.");
        if (weights == ModelWeights.Best && _best.IsEmpty)
        {
            throw new InvalidOperationException(
                "Trainer.Restore: expected a best model, got none, because no epoch has ended. Call Fit first.");
        }

        if (weights == Weights) return;
        if (weights == ModelWeights.Best) PutBest();
        else PutLast();
    }

    /// <summary>
    /// Ends the running call of Fit after the current step. Callbacks call it. Fit returns as at the end of its epochs,
    /// and <see cref="History.StopReason"/> says why.
    /// </summary>
    /// <param name="reason">Why, in words for the user.</param>
    public void Stop(string reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        History.StopReason ??= reason;
    }

    /// <summary>The loss and the metrics of the model on all samples, in Eval. It draws no random numbers.</summary>
    /// <param name="data">The samples.</param>
    /// <param name="cancellationToken">Ends it between two batches.</param>
    /// <exception cref="ArgumentException">There are no samples, or the targets do not fit the loss.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Scores Evaluate(IDataset data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        CheckNotEmpty(data, nameof(data));
        using DataLoader loader = InOrder(data);
        return _evaluator.Measure(loader, cancellationToken);
    }

    /// <summary>The loss and the metrics of the model on the batches of a loader, in Eval.</summary>
    /// <param name="data">The batches. One epoch of the loader is used.</param>
    /// <param name="cancellationToken">Ends it between two batches.</param>
    /// <exception cref="ArgumentException">
    /// The loader has another element type than the model, or the targets do not fit the loss.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Scores Evaluate(DataLoader data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        Check(data, nameof(data));
        return _evaluator.Measure(data, cancellationToken);
    }

    /// <summary>
    /// How Fit would cut an epoch of this set into batches. It prints as <c>60000 samples in 235 batches of 256, the
    /// last of 96</c>.
    /// </summary>
    /// <param name="training">The set.</param>
    /// <exception cref="ArgumentException">
    /// There are no samples, or <see cref="TrainerOptions.LastBatch"/> refuses the last batch.
    /// </exception>
    public BatchPlan Plan(IDataset training)
    {
        ArgumentNullException.ThrowIfNull(training);
        CheckNotEmpty(training, nameof(training));
        return new BatchPlan(training.Count, Options.BatchSize, Options.LastBatch);
    }

    private DataLoader Loader(IDataset training) =>
        new(training, Options.BatchSize, shuffle: true, Options.LastBatch, Options.LoaderWorkers, Options.Seed)
        {
            DType = _dtype,
        };

    /// <summary>
    /// All samples of a set in their order. The batches are made on all workers, between two of them.
    /// </summary>
    private DataLoader InOrder(IDataset data) =>
        new(data, Options.EvaluationBatchSize, lastBatch: LastBatch.Keep, workers: 0) { DType = _dtype };

    /// <summary>
    /// The training samples whose scores are measured at the end of each epoch; null if there are none.
    /// </summary>
    private DataLoader? TrainingSamples(IDataset training)
    {
        int wanted = Options.TrainingSamples;
        if (wanted == 0) return null;
        if (wanted >= training.Count) return InOrder(training);
        int[] drawn = new Philox(Options.Seed, "training samples").Permutation(training.Count);
        Array.Resize(ref drawn, wanted);
        Array.Sort(drawn);
        return InOrder(new Subset(training, drawn));
    }

    private void CheckIdle(string method, string advice)
    {
        if (!_isInFit) return;
        throw new InvalidOperationException(
            $"Trainer.{method}: expected no training under way, got a call inside Fit. {advice}");
    }

    private void PutBest()
    {
        _last.Take(Model);
        _best.PutBack(Model);
    }

    private void PutLast()
    {
        _last.PutBack(Model);
        _last.Clear();
    }

    /// <summary>What a trainer does not know is not cleared, not clipped, and not in its checkpoints.</summary>
    private static void CheckOptimizer(IReadOnlyList<Parameter> known, Optimizer optimizer)
    {
        var set = new HashSet<Parameter>(known, ReferenceEqualityComparer.Instance);
        int foreign = optimizer.Groups.Sum(group => group.Parameters.Count(parameter => !set.Contains(parameter)));
        if (foreign == 0) return;
        throw new ArgumentException(
            $"Trainer: expected an optimizer over parameters of the model, got {foreign} others. Make it with "
            + "model.Parameters() of this model. Parameters of a loss belong into the model: register them there.",
            nameof(optimizer));
    }

    private string MonitoredName(TrainerOptions options)
    {
        string[] names = [.. _metrics.Select(static metric => metric.Name), Scores.LossName];
        if (names.Distinct(StringComparer.Ordinal).Count() < names.Length)
        {
            throw new ArgumentException(
                $"Trainer: expected metrics of different names, got {string.Join(", ", names)}. \"{Scores.LossName}\" "
                + "is the loss itself.", nameof(options));
        }

        if (options.Monitor is not { } wanted) return names[0];
        return names.Contains(wanted, StringComparer.Ordinal)
            ? wanted
            : throw new ArgumentException(
                $"Trainer: expected {nameof(TrainerOptions.Monitor)} to be one of {string.Join(", ", names)}, got "
                + $"\"{wanted}\". Add the metric to {nameof(TrainerOptions.Metrics)}.", nameof(options));
    }

    private void CheckSchedule(TrainerOptions options)
    {
        if (options.Scheduler is not { } schedule) return;
        if (!ReferenceEquals(schedule.Optimizer, Optimizer))
        {
            throw new ArgumentException(
                $"Trainer: expected a schedule of the trainer's optimizer, got a {schedule.GetType().Name} "
                + $"of another one ({schedule.Optimizer.Name}), which would change no rate of this run. "
                + "Make the schedule with the optimizer that the trainer is given.", nameof(options));
        }

        if (schedule is not ReduceLROnPlateau plateau) return;
        if (options.ScheduleBy == ScheduleBy.Iteration)
        {
            throw new ArgumentException(
                "Trainer: expected ReduceLROnPlateau to step by epoch, because it follows the monitored score, got "
                + "ScheduleBy.Iteration.", nameof(options));
        }

        PlateauMode wanted = HigherIsBetter ? PlateauMode.Max : PlateauMode.Min;
        if (plateau.Mode == wanted) return;
        throw new ArgumentException(
            $"Trainer: expected ReduceLROnPlateau with the mode {wanted}, because "
            + $"{(HigherIsBetter ? "higher" : "lower")} is better for the monitored score \"{History.Monitor}\", got "
            + $"{plateau.Mode}.",
            nameof(options));
    }

    private void Check(DataLoader loader, string name)
    {
        if (loader.DType != _dtype)
        {
            throw new ArgumentException(
                $"Trainer: expected a loader of {_dtype}, the element type of the model, got {loader.DType}. Make it "
                + $"with {{ DType = DType.{_dtype} }}.", name);
        }
    }

    private static void CheckNotEmpty(IDataset data, string name)
    {
        if (data.Count < 1) throw new ArgumentException("Trainer: expected samples, got a data set with none.", name);
    }

    /// <summary>
    /// A resumed run, and a run that goes on in the middle of an epoch, needs the batches of its first part.
    /// </summary>
    private void CheckPlan(DataLoader training)
    {
        string plan = PlanText(training);
        if (_plan is null || _plan == plan || (!_isResumed && _position is null or { Batch: 0 })) return;
        throw new ArgumentException(
            $"Trainer.Fit: expected the batches of the run so far ({_plan}), got {plan}. Continue with the same set, "
            + "batch size and order, or start a new trainer from the weights alone.", nameof(training));
    }

    private static string PlanText(DataLoader training) => $"{training.Plan}, {training.Sampler}";

    /// <summary>A metric needs data to be measured on.</summary>
    private void CheckMonitor(DataLoader? validation)
    {
        if (Options.Monitor is not { } name || name == Scores.LossName) return;
        if (validation is not null || Options.TrainingSamples > 0) return;
        throw new ArgumentException(
            $"Trainer.Fit: expected data to measure \"{name}\" on, got neither a validation set nor "
            + $"{nameof(TrainerOptions.TrainingSamples)}. Pass a validation set, or monitor \"{Scores.LossName}\".",
            nameof(validation));
    }
}
