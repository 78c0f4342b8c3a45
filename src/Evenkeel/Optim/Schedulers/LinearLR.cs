namespace Evenkeel.Optim;

/// <summary>
/// The rate goes from startFactor·lr to endFactor·lr along a line, over <c>totalIters</c> counts. Then it stays.
/// Semantics of <c>torch.optim.lr_scheduler.LinearLR</c>.
/// </summary>
public sealed class LinearLR : LearningRateScheduler
{
    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="startFactor">The factor of count 0, above 0 and up to 1. Default: 0.3333333333333333.</param>
    /// <param name="endFactor">The factor of the end, from 0 to 1. Default: 1.</param>
    /// <param name="totalIters">The count at which the end is reached. Default: 5.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A factor is out of its range, or totalIters is below 1.
    /// </exception>
    public LinearLR(Optimizer optimizer, double startFactor = 1.0 / 3, double endFactor = 1, long totalIters = 5)
        : base(optimizer)
    {
        StartFactor = Guard.ShareAboveZero(startFactor, Name, nameof(startFactor));
        EndFactor = Guard.UpToOne(endFactor, Name, nameof(endFactor));
        TotalIters = Guard.AtLeast(totalIters, 1, Name, nameof(totalIters));
        Await();
    }

    /// <summary>The factor of count 0.</summary>
    public double StartFactor { get; }

    /// <summary>The factor of the end.</summary>
    public double EndFactor { get; }

    /// <summary>The count at which the end is reached.</summary>
    public long TotalIters { get; }

    internal override ReadOnlySpan<Setting> Settings => new Setting[]
    {
        new("start_factor", StartFactor), new("end_factor", EndFactor), new("total_iters", TotalIters),
    };

    // The quotient of the factors of two neighbouring counts, so that other changes of the rate are kept.
    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        if (count == 0) return rate * StartFactor;
        if (count > TotalIters) return rate;
        double change = EndFactor - StartFactor;
        return Math.Max(0, rate * (1 + change / (TotalIters * StartFactor + (count - 1) * change)));
    }
}
