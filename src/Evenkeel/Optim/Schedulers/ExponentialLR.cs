namespace Evenkeel.Optim;

/// <summary>
/// lr ← gamma·lr at every count, the <c>lr_decay</c> of CS231n's Solver. Semantics of
/// <c>torch.optim.lr_scheduler.ExponentialLR</c>.
/// </summary>
public sealed class ExponentialLR : LearningRateScheduler
{
    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="gamma">The factor.</param>
    /// <exception cref="ArgumentOutOfRangeException">gamma is negative.</exception>
    public ExponentialLR(Optimizer optimizer, double gamma)
        : base(optimizer)
    {
        Gamma = Guard.NotNegative(gamma, nameof(ExponentialLR), nameof(gamma));
        Await();
    }

    /// <summary>The factor.</summary>
    public double Gamma { get; }

    internal override ReadOnlySpan<Setting> Settings => new Setting[] { new("gamma", Gamma) };

    internal override double RateAt(int group, long count, double baseRate, double rate) =>
        count == 0 ? rate : rate * Gamma;
}
