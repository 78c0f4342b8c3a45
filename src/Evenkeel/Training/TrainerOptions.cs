using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Optim;

namespace Evenkeel.Training;

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

    /// <summary>
    /// Samples per batch, if Fit is given a data set and not a loader. Default: 100.
    /// </summary>
    public int BatchSize { get; set; } = 100;

    /// <summary>
    /// What happens to samples that do not fill a last batch, if Fit is given a data set and not a loader. Default:
    /// Merge, as for a loader. Every sample is used, as in PyTorch, and no sample is a batch by itself, which batch
    /// norm could not normalize.
    /// </summary>
    public LastBatch LastBatch { get; set; } = LastBatch.Merge;

    /// <summary>
    /// Number of threads that make batches in the background, if Fit is given a data set and not a loader. With 0, each
    /// batch is made when it is asked for, on all workers. Default: 1.
    /// </summary>
    public int LoaderWorkers { get; set; } = 1;

    /// <summary>
    /// Seed of dropout, of the order of the samples, and of the choice of <see cref="TrainingSamples"/>. Default: 0.
    /// </summary>
    public ulong Seed { get; set; }

    /// <summary>
    /// Into how many parts a batch is cut. The parts go through the network in lockstep, each on a thread of its own,
    /// and batch norms take their statistics over all parts (<see cref="Replicas"/>). Forward pass, gradients and
    /// running statistics are those of the whole batch, up to rounding, if the loss is a mean over samples. Default: 1.
    /// </summary>
    public int MicroBatches { get; set; } = 1;

    /// <summary>
    /// Whether every batch norm takes its statistics over all parts of a batch. False leaves that to
    /// <see cref="Nn.SyncBatchNorm"/>: other batch norms take those of their part, and the model keeps the running ones
    /// of part 0. Default: true.
    /// </summary>
    public bool PoolsBatchStatistics { get; set; } = true;

    /// <summary>
    /// The processes that train together. Each has equally many of the <see cref="MicroBatches"/> parts, makes only its
    /// own samples, and ends with the same weights: those of one process with as many parts. Null trains alone.
    /// Default: null.
    /// </summary>
    /// <remarks>
    /// All processes make the same model, optimizer, data and callbacks. Only the first one writes checkpoints and
    /// logs. The start of Fit compares them.
    /// </remarks>
    public IProcessGroup? Processes { get; set; }

    /// <summary>
    /// Steps after which the processes compare their weights; 0 never compares them. Default: 100.
    /// </summary>
    public int CompareWeightsEvery { get; set; } = 100;

    /// <summary>
    /// Whether the <see cref="Processes"/> share the state of the optimizer (ZeRO, stage 1): each keeps the moments of
    /// 1/P of the elements of every parameter, updates these, and gets the other weights from the others. The result
    /// has the same bits. A checkpoint has the whole state, and goes on with any number of processes, with and without
    /// this. Default: false.
    /// </summary>
    /// <remarks>
    /// <para>A step sends as many bytes as without, weights in place of sums of gradients. With
    /// <see cref="MaxGradientNorm"/> or a <see cref="Doctor"/>, which read whole gradients, it sends half as many
    /// again.</para>
    /// <para>After Fit the optimizer still has its share alone: it steps in this trainer, and its state is in the
    /// checkpoints of <see cref="Checkpoints"/>. Source: Rajbhandari et al., "ZeRO", SC 2020.</para>
    /// </remarks>
    public bool ShardsOptimizerState { get; set; }

    /// <summary>
    /// What is measured at the end of each epoch, beside the loss. Null takes the metrics of the loss
    /// (<see cref="Loss.DefaultMetrics"/>), for example the accuracy for class labels. Default: null.
    /// </summary>
    public IReadOnlyList<Metric>? Metrics { get; set; }

    /// <summary>
    /// The name of the score that decides which model is best: a metric's, or <see cref="Scores.LossName"/>. It is
    /// taken on the validation set. Without one it is taken on samples of the training set, and without those it is the
    /// mean training loss of the epoch. Null takes the first metric, or the loss if there is none. Default: null.
    /// </summary>
    public string? Monitor { get; set; }

    /// <summary>
    /// Number of training samples on which the scores are measured as well, in Eval, at the end of each epoch. They are
    /// drawn once. A smaller set is measured as a whole; 0 measures none. Default: 1000.
    /// </summary>
    public int TrainingSamples { get; set; } = 1000;

    /// <summary>
    /// Number of samples evaluated at a time. It limits the memory. The same size gives the same bits. Another size may
    /// change the last bits of the scores, because the order of a matrix product's sums may depend on its rows. A batch
    /// norm without running statistics normalizes over these samples. Default: 256.
    /// </summary>
    public int EvaluationBatchSize { get; set; } = 256;

    /// <summary>
    /// What else happens during the training, in this order. Default: none.
    /// </summary>
    public IReadOnlyList<Callback> Callbacks { get; set; } = [];

    /// <summary>
    /// Which checkpoints are written, and where. Null writes none. Default: null.
    /// </summary>
    public Checkpoints? Checkpoints { get; set; }

    /// <summary>
    /// A schedule of the learning rate, made for the trainer's optimizer. <see cref="ReduceLROnPlateau"/> gets the
    /// monitored score. Null uses none. Default: null.
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
    /// Whether the model with the best monitored score, including running statistics, is restored at the end. Default:
    /// true.
    /// </summary>
    public bool RestoreBestModel { get; set; } = true;

    /// <summary>
    /// Looks at the training while it runs and says what is wrong (<see cref="History.Findings"/>). It changes no bit
    /// of the result. Null looks at nothing. Default: null.
    /// </summary>
    public TrainingDoctor? Doctor { get; set; }

    /// <summary>Iterations between two progress reports. The end of an epoch reports as well. Default: 10.</summary>
    public int ReportEvery { get; set; } = 10;

    internal void Check()
    {
        AtLeast(1, Epochs, nameof(Epochs));
        AtLeast(1, BatchSize, nameof(BatchSize));
        AtLeast(0, LoaderWorkers, nameof(LoaderWorkers));
        AtLeast(1, MicroBatches, nameof(MicroBatches));
        AtLeast(0, CompareWeightsEvery, nameof(CompareWeightsEvery));
        if (Processes is { } processes) BatchShare.Of(MicroBatches, processes.Rank, processes.Size);
        AtLeast(0, TrainingSamples, nameof(TrainingSamples));
        AtLeast(1, EvaluationBatchSize, nameof(EvaluationBatchSize));
        AtLeast(1, ReportEvery, nameof(ReportEvery));
        if (L2 is not (>= 0 and < double.PositiveInfinity))
            throw Refused($"expected {nameof(L2)} to be 0 or more and finite, got {L2}.", nameof(L2));
        if (MaxGradientNorm is { } norm && !(norm >= 0))
            throw Refused($"expected {nameof(MaxGradientNorm)} to be 0 or more, got {norm}.", nameof(MaxGradientNorm));
    }

    private static void AtLeast(int minimum, int value, string name)
    {
        if (value < minimum) throw Refused($"expected {name} of {minimum} or more, got {value}.", name);
    }

    private static ArgumentException Refused(string why, string name) => new($"TrainerOptions: {why}", name);
}
