using Evenkeel.Data;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Training;

/// <summary>How the samples of a batch are chosen.</summary>
public enum Sampling
{
    /// <summary>
    /// Each epoch goes through the samples in a new random order. <see cref="TrainerOptions.LastBatch"/> says what
    /// happens to samples that do not fill a last batch.
    /// </summary>
    Shuffled,

    /// <summary>Each batch is drawn anew with replacement, as <c>np.random.choice(N, batch)</c> does.</summary>
    WithReplacement,
}

/// <summary>What to do when the loss, or the gradient of a parameter, is NaN or infinite.</summary>
public enum NonFiniteLoss
{
    /// <summary>
    /// Throw a <see cref="DivergedException"/> that names the first layer with non-finite output, or the parameter.
    /// </summary>
    Throw,

    /// <summary>
    /// End the run. <see cref="History.Divergence"/> says where. This is for experiments that study divergence.
    /// </summary>
    EndRun,

    /// <summary>
    /// Undo the step, including running statistics, count it in <see cref="History.SkippedBatches"/>, and continue.
    /// </summary>
    SkipBatch,
}

/// <summary>When the scheduler steps.</summary>
public enum ScheduleBy
{
    /// <summary>At the end of each epoch.</summary>
    Epoch,

    /// <summary>After each iteration.</summary>
    Iteration,
}

/// <summary>Settings of a <see cref="Trainer"/>.</summary>
public sealed class TrainerOptions
{
    /// <summary>Total number of epochs, including those before a resumed checkpoint. Default: 10.</summary>
    public int Epochs { get; set; } = 10;

    /// <summary>Samples per batch. <see cref="Trainer.Plan"/> says how it cuts a set. Default: 100.</summary>
    public int BatchSize { get; set; } = 100;

    /// <summary>
    /// What happens to samples that do not fill a last batch, if samples are shuffled. Batches drawn with replacement
    /// all have the same size, and an epoch has max(N / batch, 1) of them, rounded down. Default: Merge, as for a
    /// loader. Every sample is used, as in PyTorch, and no sample is a batch by itself, which batch norm could not
    /// normalize.
    /// </summary>
    public LastBatch LastBatch { get; set; } = LastBatch.Merge;

    /// <summary>How the samples of a batch are chosen. Default: Shuffled.</summary>
    public Sampling Sampling { get; set; } = Sampling.Shuffled;

    /// <summary>
    /// The stream from which batches and accuracy samples are drawn. Null makes a <see cref="Philox"/> of
    /// <see cref="Seed"/>. The draws, in order: the batch of the iteration (or, if shuffled, the order at the start of
    /// an epoch); at a check, training samples, then validation samples, each only if the set is larger than the number
    /// asked for. Default: null.
    /// </summary>
    public IRandomStream? RandomStream { get; set; }

    /// <summary>Seed of dropout, and of the stream if none is given. Default: 0.</summary>
    public ulong Seed { get; set; }

    /// <summary>
    /// Number of samples, drawn with replacement, of an accuracy check on a larger training set. Null checks all.
    /// Default: 1000.
    /// </summary>
    public int? TrainSamples { get; set; } = 1000;

    /// <summary>
    /// Number of samples, drawn with replacement, of an accuracy check on a larger validation set. Null checks all.
    /// Default: null.
    /// </summary>
    public int? ValidationSamples { get; set; }

    /// <summary>
    /// Number of samples evaluated at a time. It limits the memory. The same size gives the same bits. Another size may
    /// change the last bits of the scores, because the order of a matrix product's sums may depend on its rows. A batch
    /// norm without running statistics normalizes over these samples. Default: 256.
    /// </summary>
    public int EvaluationBatchSize { get; set; } = 256;

    /// <summary>The learning rates are multiplied by this at the end of each epoch. Default: 1.</summary>
    public double LearningRateDecay { get; set; } = 1;

    /// <summary>
    /// A schedule of the learning rate, made for the trainer's optimizer. Null uses none. Default: null.
    /// </summary>
    public LearningRateScheduler? Scheduler { get; set; }

    /// <summary>When the scheduler steps. Default: Epoch.</summary>
    public ScheduleBy ScheduleBy { get; set; }

    /// <summary>
    /// Strength of the penalty 0.5·L2·ΣW² over the parameters whose role is <see cref="ParameterRole.Weight"/> (not
    /// biases, gamma or beta). The penalty is added to the loss and, as L2·W, to the gradients. CS231n's <c>reg</c>.
    /// Default: 0.
    /// </summary>
    public double L2 { get; set; }

    /// <summary>
    /// Gradients, including the L2 penalty, are scaled down to this norm. Null does not clip. Default: null.
    /// </summary>
    public double? MaxGradientNorm { get; set; }

    /// <summary>What to do when the loss, or the gradient of a parameter, is NaN or infinite. Default: Throw.</summary>
    public NonFiniteLoss NonFiniteLoss { get; set; }

    /// <summary>
    /// Whether the model with the best validation accuracy, including running statistics, is restored at the end.
    /// Default: true.
    /// </summary>
    public bool RestoreBestModel { get; set; } = true;

    /// <summary>
    /// The PATH of checkpoints: <c>PATH_epoch_N.safetensors</c> at each accuracy check, and
    /// <c>PATH_last.safetensors</c> when cancelled. Null writes none. Default: null.
    /// </summary>
    public string? CheckpointPath { get; set; }

    /// <summary>Iterations between two progress reports. Each accuracy check reports as well. Default: 10.</summary>
    public int ReportEvery { get; set; } = 10;

    internal void Check()
    {
        AtLeastOne(Epochs, nameof(Epochs));
        AtLeastOne(BatchSize, nameof(BatchSize));
        AtLeastOne(EvaluationBatchSize, nameof(EvaluationBatchSize));
        AtLeastOne(ReportEvery, nameof(ReportEvery));
        if (TrainSamples is { } train) AtLeastOne(train, nameof(TrainSamples));
        if (ValidationSamples is { } validation) AtLeastOne(validation, nameof(ValidationSamples));
        NotNegative(L2, nameof(L2));
        NotNegative(LearningRateDecay, nameof(LearningRateDecay));
        if (MaxGradientNorm is { } norm && !(norm >= 0))
            throw Refused($"expected {nameof(MaxGradientNorm)} to be 0 or more, got {norm}.", nameof(MaxGradientNorm));
    }

    private static void AtLeastOne(int value, string name)
    {
        if (value < 1) throw Refused($"expected {name} of 1 or more, got {value}.", name);
    }

    private static void NotNegative(double value, string name)
    {
        if (value is not (>= 0 and < double.PositiveInfinity))
            throw Refused($"expected {name} to be 0 or more and finite, got {value}.", name);
    }

    private static ArgumentException Refused(string why, string name) => new($"TrainerOptions: {why}", name);
}
