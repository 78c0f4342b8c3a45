using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// Half a cosine from the base rate to etaMin, again and again: lr = etaMin + (lr₀ - etaMin)·(1 + cos(π·c / n)) / 2, c
/// counts after the last restart in a period of n. The first period is t0, each following one tMult times as long.
/// Semantics of <c>torch.optim.lr_scheduler.CosineAnnealingWarmRestarts</c>.
/// </summary>
public sealed class CosineAnnealingWarmRestarts : LearningRateScheduler
{
    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="t0">The length of the first period.</param>
    /// <param name="tMult">How many times longer each following period is. Default: 1.</param>
    /// <param name="etaMin">The smallest rate. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">t0 or tMult is below 1, or etaMin is negative.</exception>
    public CosineAnnealingWarmRestarts(Optimizer optimizer, long t0, long tMult = 1, double etaMin = 0)
        : base(optimizer)
    {
        T0 = Guard.AtLeast(t0, 1, Name, nameof(t0));
        TMult = Guard.AtLeast(tMult, 1, Name, nameof(tMult));
        EtaMin = Guard.NotNegative(etaMin, Name, nameof(etaMin));
        Await();
    }

    /// <summary>The length of the first period.</summary>
    public long T0 { get; }

    /// <summary>How many times longer each following period is.</summary>
    public long TMult { get; }

    /// <summary>The smallest rate.</summary>
    public double EtaMin { get; }

    internal override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("t_0", T0), new("t_mult", TMult), new("eta_min", EtaMin) };

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        long period = T0, current = TMult == 1 ? count % T0 : count;
        for (; current >= period; period *= TMult) current -= period;
        return EtaMin + (baseRate - EtaMin) * (1 + VectorMath.Cos(Math.PI * current / period)) / 2;
    }
}
