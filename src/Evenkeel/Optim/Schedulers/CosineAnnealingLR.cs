using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// Half a cosine from the base rate to etaMin: lr = etaMin + (lr₀ - etaMin)·(1 + cos(π·t / tMax)) / 2. After tMax the
/// rate rises again. Semantics of <c>torch.optim.lr_scheduler.CosineAnnealingLR</c>.
/// </summary>
/// <remarks>
/// As in PyTorch a step goes on from the current rate, so that other changes of it are kept. With a warm-up, or to stay
/// at the smallest rate, use <see cref="CosineWithWarmup"/>; for restarts, <see cref="CosineAnnealingWarmRestarts"/>.
/// </remarks>
public sealed class CosineAnnealingLR : LearningRateScheduler
{
    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="tMax">The count at which the smallest rate is reached.</param>
    /// <param name="etaMin">The smallest rate. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">tMax is below 1, or etaMin is negative.</exception>
    public CosineAnnealingLR(Optimizer optimizer, long tMax, double etaMin = 0)
        : base(optimizer)
    {
        TMax = Guard.AtLeast(tMax, 1, Name, nameof(tMax));
        EtaMin = Guard.NotNegative(etaMin, Name, nameof(etaMin));
        Await();
    }

    /// <summary>The count at which the smallest rate is reached.</summary>
    public long TMax { get; }

    /// <summary>The smallest rate.</summary>
    public double EtaMin { get; }

    internal override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("t_max", TMax), new("eta_min", EtaMin) };

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        if (count == 0) return rate;
        // At the lowest point the quotient of heights is 0 / 0; the rate rises from there by the first difference.
        double next = (count - 1 - TMax) % (2 * TMax) == 0
            ? rate + (baseRate - EtaMin) * (2 - Height(1)) / 2
            : Height(count) / Height(count - 1) * (rate - EtaMin) + EtaMin;
        return Math.Max(0, next);
    }

    private double Height(long count) => 1 + VectorMath.Cos(Math.PI * (count % (2 * TMax)) / TMax);
}
