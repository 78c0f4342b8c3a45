namespace Evenkeel.Lab.Experiments;

/// <summary>What the notebook of CS231n chooses for its batch norm. <see cref="Solver"/> is its training.</summary>
internal static class Cs231n
{
    /// <summary>
    /// <c>Keep(0.9)</c>, the biased variance, and start values 0 and 0 (PyTorch tracks the unbiased one and starts at 0
    /// and 1).
    /// </summary>
    public static RunningAverage Average =>
        RunningAverage.Keep(0.9) with { Estimator = VarianceEstimator.Biased, InitialVariance = 0 };
}
