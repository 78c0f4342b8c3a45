using Evenkeel.Data;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Training;

/// <summary>How the samples of a batch are chosen.</summary>
public enum Sampling
{
    /// <summary>Each epoch goes through the samples in a new random order; <see cref="TrainerOptions.LastBatch"/> says what becomes of those that do not fill a last batch.</summary>
    Shuffled,

    /// <summary>Each batch is drawn anew with replacement, as <c>np.random.choice(N, batch)</c> does.</summary>
    WithReplacement,
}

/// <summary>What to do when the loss, or the gradient of a parameter, is NaN or infinite.</summary>
public enum NonFiniteLoss
{
    /// <summary>Throw a <see cref="DivergedException"/> that names the first layer with non-finite output, or the parameter.</summary>
    Throw,

    /// <summary>End the run; <see cref="History.Divergence"/> says where. For experiments that study divergence.</summary>
    EndRun,

    /// <summary>Undo the step, running statistics included, count it in <see cref="History.SkippedBatches"/>, and go on.</summary>
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
    /// <summary>Epochs in all, those before a resumed checkpoint included. Default: 10.</summary>
    public int Epochs { get; set; } = 10;

    /// <summary>Samples a batch. <see cref="Trainer.Plan"/> says what that makes of a set. Default: 100.</summary>
    public int BatchSize { get; set; } = 100;

    /// <summary>
    /// What becomes of samples that do not fill a last batch, where samples are shuffled. Batches drawn with replacement
    /// have one size, and an epoch has max(N / batch, 1), rounded down. Default: Merge, as for a loader: every sample
    /// is used, as in PyTorch, and none is a batch by itself, which batch norm could not normalize.
    /// </summary>
    public LastBatch LastBatch { get; set; } = LastBatch.Merge;

    /// <summary>How the samples of a batch are chosen. Default: Shuffled.</summary>
    public Sampling Sampling { get; set; } = Sampling.Shuffled;

    /// <summary>
    /// The stream that batches and accuracy samples are drawn from; null makes a <see cref="Philox"/> of <see cref="Seed"/>. Draws, in order: the batch of the iteration
    /// (or, shuffled, the order at the start of an epoch); at a check, training samples, then validation samples, each only where the set is larger than the number asked for.
    /// Default: null.
    /// </summary>
    public IRandomStream? RandomStream { get; set; }

    /// <summary>Seed of dropout, and of the stream where none is given. Default: 0.</summary>
    public ulong Seed { get; set; }

    /// <summary>
    /// Samples, drawn with replacement, of an accuracy check on a larger training set; null checks all. Default: 1000.
    /// </summary>
    public int? TrainSamples { get; set; } = 1000;

    /// <summary>
    /// Samples, drawn with replacement, of an accuracy check on a larger validation set; null checks all.
    /// Default: null.
    /// </summary>
    public int? ValidationSamples { get; set; }

    /// <summary>
    /// Samples evaluated at a time: bounds the memory. The same size gives the same bits; with another one the last bits of the scores may differ, for the order of a matrix
    /// product's sums may depend on its rows. A batch norm without running statistics normalizes over these samples.
    /// Default: 256.
    /// </summary>
    public int EvaluationBatchSize { get; set; } = 256;

    /// <summary>The learning rates are multiplied by this at the end of each epoch. Default: 1.</summary>
    public double LearningRateDecay { get; set; } = 1;

    /// <summary>
    /// A schedule of the learning rate, made for the trainer's optimizer; null for none. Default: null.
    /// </summary>
    public LearningRateScheduler? Scheduler { get; set; }

    /// <summary>When the scheduler steps. Default: Epoch.</summary>
    public ScheduleBy ScheduleBy { get; set; }

    /// <summary>
    /// Strength of the penalty 0.5·L2·ΣW² over the parameters whose role is <see cref="ParameterRole.Weight"/> (not
    /// biases, gamma or beta), added to the loss and, as L2·W, to the gradients. CS231n's <c>reg</c>. Default: 0.
    /// </summary>
    public double L2 { get; set; }

    /// <summary>
    /// Gradients are scaled down to this norm, L2 penalty included; null does not clip. Default: null.
    /// </summary>
    public double? MaxGradientNorm { get; set; }

    /// <summary>What to do when the loss, or the gradient of a parameter, is NaN or infinite. Default: Throw.</summary>
    public NonFiniteLoss NonFiniteLoss { get; set; }

    /// <summary>
    /// Whether the model with the best validation accuracy, running statistics included, is put back at the end.
    /// Default: true.
    /// </summary>
    public bool RestoreBestModel { get; set; } = true;

    /// <summary>
    /// Where checkpoints go: <c>PATH_epoch_N.safetensors</c> at each accuracy check, <c>PATH_last.safetensors</c> when cancelled; null writes none.
    /// Default: null.
    /// </summary>
    public string? CheckpointPath { get; set; }

    /// <summary>Iterations between two progress reports; each accuracy check reports as well. Default: 10.</summary>
    public int ReportEvery { get; set; } = 10;

    internal void Check()
    {
        AtLeastOne(Epochs, nameof(Epochs));
        AtLeastOne(BatchSize, nameof(BatchSize));
        AtLeastOne(EvaluationBatchSize, nameof(EvaluationBatchSize));
        AtLeastOne(ReportEvery, nameof(ReportEvery));
        if (TrainSamples is { } train) AtLeastOne(train, nameof(TrainSamples));
        if (ValidationSamples is { } validation) AtLeastOne(validation, nameof(ValidationSamples));
        if (L2 is not (>= 0 and < double.PositiveInfinity)) throw new ArgumentException($"TrainerOptions: expected {nameof(L2)} to be 0 or more and finite, got {L2}.");
        if (LearningRateDecay is not (>= 0 and < double.PositiveInfinity))
            throw new ArgumentException($"TrainerOptions: expected {nameof(LearningRateDecay)} to be 0 or more and finite, got {LearningRateDecay}.");
        if (MaxGradientNorm is { } norm && !(norm >= 0)) throw new ArgumentException($"TrainerOptions: expected {nameof(MaxGradientNorm)} to be 0 or more, got {norm}.");
    }

    private static void AtLeastOne(int value, string name)
    {
        if (value < 1) throw new ArgumentException($"TrainerOptions: expected {name} of 1 or more, got {value}.");
    }
}
