using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// lr·(1 - t / totalIters)^power for t up to <c>totalIters</c>, where the rate reaches 0. Semantics of
/// <c>torch.optim.lr_scheduler.PolynomialLR</c>.
/// </summary>
public sealed class PolynomialLR : LearningRateScheduler
{
    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="totalIters">The count at which the rate is 0. Default: 5.</param>
    /// <param name="power">The power, above 0. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// totalIters is below 1, or power is not above 0 and finite.
    /// </exception>
    public PolynomialLR(Optimizer optimizer, long totalIters = 5, double power = 1)
        : base(optimizer)
    {
        TotalIters = Guard.AtLeast(totalIters, 1, Name, nameof(totalIters));
        Power = Guard.AboveZero(power, Name, nameof(power));
        Await();
    }

    /// <summary>The count at which the rate is 0.</summary>
    public long TotalIters { get; }

    /// <summary>The power.</summary>
    public double Power { get; }

    internal override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("total_iters", TotalIters), new("power", Power) };

    // The quotient of the factors of two neighbouring counts, so that other changes of the rate are kept.
    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        if (count == 0 || count > TotalIters) return rate;
        double total = TotalIters;
        return rate * VectorMath.Pow((1 - count / total) / (1 - (count - 1) / total), Power);
    }
}
