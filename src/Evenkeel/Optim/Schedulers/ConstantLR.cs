namespace Evenkeel.Optim;

/// <summary>
/// lr ← factor·lr for the first <c>totalIters</c> counts, then lr as it was. Semantics of
/// <c>torch.optim.lr_scheduler.ConstantLR</c>.
/// </summary>
public sealed class ConstantLR : LearningRateScheduler
{
    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="factor">The factor, above 0 and up to 1. Default: 0.3333333333333333.</param>
    /// <param name="totalIters">The count at which the factor is taken back. Default: 5.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// factor is outside (0, 1], or totalIters is below 1. PyTorch takes factor 0 and then divides by it.
    /// </exception>
    public ConstantLR(Optimizer optimizer, double factor = 1.0 / 3, long totalIters = 5)
        : base(optimizer)
    {
        Factor = Guard.ShareAboveZero(factor, Name, nameof(factor));
        TotalIters = Guard.AtLeast(totalIters, 1, Name, nameof(totalIters));
        Await();
    }

    /// <summary>The factor.</summary>
    public double Factor { get; }

    /// <summary>The count at which the factor is taken back.</summary>
    public long TotalIters { get; }

    internal override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("factor", Factor), new("total_iters", TotalIters) };

    internal override double RateAt(int group, long count, double baseRate, double rate) =>
        count == 0 ? rate * Factor : count == TotalIters ? rate * (1 / Factor) : rate;
}
