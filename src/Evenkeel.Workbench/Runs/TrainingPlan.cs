using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Models;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Runs;

/// <summary>What settings and data make: network, loss, optimizer, schedule, trainer.</summary>
internal sealed class TrainingPlan
{
    private const double OneCyclePeak = 10;

    /// <summary>Builds everything; nothing runs yet.</summary>
    /// <param name="settings">The settings, all filled in (<see cref="TrainDefaults"/>).</param>
    /// <param name="data">The data.</param>
    /// <exception cref="WorkbenchException">A setting does not fit the data or the network.</exception>
    public TrainingPlan(TrainSettings settings, PreparedData data)
    {
        (Settings, Data) = (settings, data);
        if (settings.BatchSize > data.Training.Count)
        {
            throw WorkbenchException.Usage(
                $"--batch-size: expected at most the {data.Training.Count} samples that train, got "
                + $"{settings.BatchSize}. Give a smaller one.");
        }

        try
        {
            Model = ModelCatalog.Create(
                settings.Model!, data.Preparation.SampleShape, data.Preparation.Outputs,
                settings.Norm is { } norm ? NormName.Parse(norm) : null, settings.Dropout,
                new Philox(settings.Seed, "weights"));
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw UserText.Usage(failure);
        }

        Batches = new BatchPlan(data.Training.Count, settings.BatchSize!.Value, LastBatch.Merge);
        CheckSettings();
    }

    public TrainSettings Settings { get; }

    public PreparedData Data { get; }

    public Module Model { get; }

    /// <summary>The layers with their output shapes, and what a training of them takes.</summary>
    /// <exception cref="WorkbenchException">The network does not take batches of this size.</exception>
    public (string Summary, ModelCost Cost) Describe()
    {
        Preparation made = Data.Preparation;
        int batch = Settings.BatchSize!.Value;
        try
        {
            string summary = Model.Summary([batch, .. made.SampleShape]).TrimEnd();
            ModelCost cost = ModelCost.Measure(
                Model, made.SampleShape, made.Outputs, made.IsClassification, batch, Batches.Batches);
            return (summary, cost);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw UserText.Usage(failure);
        }
    }

    /// <summary>How an epoch is cut into batches.</summary>
    public BatchPlan Batches { get; }

    /// <summary>Steps in which the learning rate rises.</summary>
    private long Warmup => (long)Math.Round(Settings.Warmup * Batches.Batches);

    private long Steps => (long)Batches.Batches * Settings.Epochs!.Value;

    /// <summary>The trainer.</summary>
    /// <param name="callbacks">What happens during the training.</param>
    /// <param name="checkpoints">Where it can go on after an interruption.</param>
    /// <param name="workers">Threads that prepare batches.</param>
    /// <param name="processes">The processes that train together; null trains alone.</param>
    /// <param name="shardsOptimizer">Whether they share the state of the optimizer.</param>
    public Trainer CreateTrainer(
        IReadOnlyList<Callback> callbacks, Checkpoints? checkpoints, int workers, IProcessGroup? processes = null,
        bool shardsOptimizer = false)
    {
        Optimizer optimizer = CreateOptimizer();
        LearningRateScheduler? schedule = CreateSchedule(optimizer);
        var options = new TrainerOptions
        {
            Epochs = Settings.Epochs!.Value,
            BatchSize = Settings.BatchSize!.Value,
            LastBatch = LastBatch.Merge,
            LoaderWorkers = workers,
            Seed = Settings.Seed,
            Metrics = Metrics(Data.Preparation, isBalanced: Settings.ClassWeights == "balanced"),
            Callbacks = Settings.Patience > 0 ? [.. callbacks, new EarlyStopping(Settings.Patience)] : callbacks,
            Checkpoints = checkpoints,
            Scheduler = schedule,
            ScheduleBy = Settings.Schedule == "plateau" ? ScheduleBy.Epoch : ScheduleBy.Iteration,
            MaxGradientNorm = Settings.Clip,
            MicroBatches = Settings.Parts ?? 1,
            PoolsBatchStatistics = Settings.BatchStatistics != "local",
            Processes = processes,
            ShardsOptimizerState = shardsOptimizer,
        };
        return new Trainer(Model, optimizer, CreateLoss(), options);
    }

    /// <summary>What is measured: in the units of the data.</summary>
    /// <param name="preparation">What the outputs mean.</param>
    /// <param name="isBalanced">Whether rare classes count: F1, too.</param>
    public static IReadOnlyList<Metric> Metrics(Preparation preparation, bool isBalanced) =>
        preparation.IsClassification
            ? isBalanced ? [new Accuracy(), new F1Score()] : [new Accuracy()]
            :
            [
                new UnitsMetric(new RootMeanSquaredError(), preparation),
                new UnitsMetric(new MeanAbsoluteError(), preparation), new UnitsMetric(new RSquared(), preparation),
            ];

    /// <summary>What contradicts itself is refused before the folder of the run is made.</summary>
    private void CheckSettings()
    {
        if (Settings.Warmup > 0 && Settings.Schedule != "cosine")
            throw WorkbenchException.Usage($"--warmup: expected --schedule cosine with it, got {Settings.Schedule}.");
        if (Warmup >= Steps)
        {
            throw WorkbenchException.Usage(
                $"--warmup: expected fewer epochs than the {Settings.Epochs} of the training, got {Settings.Warmup}.");
        }

        if (Settings.Norm?.StartsWith("instance", StringComparison.Ordinal) == true
            && Data.Preparation.SampleShape.Rank == 1)
        {
            throw WorkbenchException.Usage(
                "--norm: expected pictures with instance, got a table: one number has no deviation. Say batch or "
                + "layer.");
        }

        if (Settings.Parts > Settings.BatchSize)
        {
            throw WorkbenchException.Usage(
                $"--parts: expected at most the {Settings.BatchSize} samples of a batch, got {Settings.Parts}.");
        }

        if (Settings.Momentum > 0 && Settings.Optimizer is not ("sgd" or "rmsprop"))
            throw WorkbenchException.Usage($"--momentum: expected sgd or rmsprop with it, got {Settings.Optimizer}.");
        if (!Data.Preparation.IsClassification && (Settings.LabelSmoothing > 0 || Settings.ClassWeights != "none"))
        {
            throw WorkbenchException.Usage(
                "--label-smoothing and --class-weights: expected a classification with them, got a regression.");
        }

        try
        {
            CreateSchedule(CreateOptimizer());
        }
        catch (ArgumentException failure)
        {
            throw UserText.Usage(failure);
        }
    }

    private Loss CreateLoss() => Data.Preparation.IsClassification
        ? new CrossEntropyLoss(
            Settings.ClassWeights == "balanced" ? BalancedWeights() : null, labelSmoothing: Settings.LabelSmoothing)
        : new MSELoss();

    /// <summary>
    /// n/(k·n_c) for a class with n_c of n samples among k classes: the mean weight of a sample is 1.
    /// </summary>
    private Tensor BalancedWeights()
    {
        IDataset samples = Data.Training.Samples;
        var counts = new long[Data.Preparation.ClassNames.Count];
        foreach (long label in samples.LabelsOf()) counts[label]++;
        double share = (double)samples.Count / counts.Length;
        return Tensor.From(
            Array.ConvertAll(counts, count => count == 0 ? 1f : (float)(share / count)), [counts.Length]);
    }

    private Optimizer CreateOptimizer()
    {
        double rate = Settings.LearningRate!.Value, decay = Settings.WeightDecay!.Value;
        double momentum = Settings.Momentum!.Value;
        IReadOnlyList<Parameter> parameters = Model.Parameters();
        return Settings.Optimizer switch
        {
            "sgd" => new SGD(parameters, rate, momentum, weightDecay: decay, decayNormAndBias: false),
            "adamw" => new AdamW(parameters, rate, weightDecay: decay, decayNormAndBias: false),
            "nadam" => new NAdam(parameters, rate, weightDecay: decay, decayNormAndBias: false),
            "radam" => new RAdam(parameters, rate, weightDecay: decay, decayNormAndBias: false),
            "rmsprop" => new RMSprop(
                parameters, rate, weightDecay: decay, momentum: momentum, decayNormAndBias: false),
            "adagrad" => new Adagrad(parameters, rate, weightDecay: decay, decayNormAndBias: false),
            _ => new Adam(parameters, rate, weightDecay: decay, decayNormAndBias: false),
        };
    }

    private LearningRateScheduler? CreateSchedule(Optimizer optimizer) => Settings.Schedule switch
    {
        "cosine" => new CosineWithWarmup(optimizer, Warmup, Steps),
        "step" => new StepLR(optimizer, Math.Max(1, (int)(Steps / 3))),
        "onecycle" => new OneCycleLR(
            optimizer, Settings.LearningRate!.Value, Math.Max(2, Steps), cycleMomentum: false,
            divFactor: OneCyclePeak),
        "plateau" => new ReduceLROnPlateau(
            optimizer, Data.Preparation.IsClassification ? PlateauMode.Max : PlateauMode.Min),
        _ => null,
    };
}
