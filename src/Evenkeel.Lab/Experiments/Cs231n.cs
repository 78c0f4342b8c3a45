using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments;

/// <summary>What the notebook of CS231n chooses for its batch norm and for its <c>Solver</c>.</summary>
internal static class Cs231n
{
    /// <summary>
    /// <c>Keep(0.9)</c>, the biased variance, and start values 0 and 0 (PyTorch tracks the unbiased one and starts at 0
    /// and 1).
    /// </summary>
    public static RunningAverage Average =>
        RunningAverage.Keep(0.9) with { Estimator = VarianceEstimator.Biased, InitialVariance = 0 };

    /// <summary>
    /// The <c>Solver</c>: batches drawn with replacement, accuracy on 1000 training samples and all validation samples,
    /// the
    /// best model at the end. One mistake of it is mended: here the best model includes the running statistics, so it
    /// scores
    /// in use what it scored when it was found.
    /// </summary>
    /// <param name="random">The notebook's stream.</param>
    /// <param name="epochs">Epochs.</param>
    /// <param name="batchSize">Samples per batch.</param>
    public static TrainerOptions Training(IRandomStream random, int epochs = 10, int batchSize = 100) => new()
    {
        RandomStream = random,
        Epochs = epochs,
        BatchSize = batchSize,
        Sampling = Sampling.WithReplacement,
        TrainSamples = 1000,
    };
}
