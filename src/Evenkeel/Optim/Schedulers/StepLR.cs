namespace Evenkeel.Optim;

/// <summary>lr ← gamma·lr every <c>stepSize</c> counts. Semantics of <c>torch.optim.lr_scheduler.StepLR</c>.</summary>
public sealed class StepLR : LearningRateScheduler
{
    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="stepSize">Number of counts between two changes.</param>
    /// <param name="gamma">The factor. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">stepSize is below 1, or gamma is negative.</exception>
    public StepLR(Optimizer optimizer, int stepSize, double gamma = 0.1)
        : base(optimizer)
    {
        if (stepSize < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(stepSize), $"StepLR: expected stepSize of 1 or more, got {stepSize}.");
        }

        StepSize = stepSize;
        Gamma = Guard.NotNegative(gamma, nameof(StepLR), nameof(gamma));
        Await();
    }

    /// <summary>Number of counts between two changes.</summary>
    public int StepSize { get; }

    /// <summary>The factor.</summary>
    public double Gamma { get; }

    internal override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("step_size", StepSize), new("gamma", Gamma) };

    internal override double RateAt(int group, long count, double baseRate, double rate) =>
        count == 0 || count % StepSize != 0 ? rate : rate * Gamma;
}
