using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>
/// A linear rise over <c>warmup</c> counts, then half a cosine down to the smallest share at <c>total</c>: lr = lr₀·s,
/// with s = t / warmup for t &lt; warmup, else s = min + (1 - min)·(1 + cos(π·(t - warmup) / (total - warmup))) / 2.
/// After <c>total</c> the rate stays the same.
/// </summary>
/// <remarks>
/// This is the common "cosine schedule with warm-up", a <c>LambdaLR</c> in PyTorch. With a warm-up the first step has
/// rate 0. Without one it is <c>CosineAnnealingLR</c> in closed form. lr₀ is the base rate; see
/// <see cref="LearningRateScheduler"/>.
/// </remarks>
public sealed class CosineWithWarmup : LearningRateScheduler
{
    /// <summary>Creates the schedule. The rates do not change until it starts.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="warmup">Number of counts of the linear rise.</param>
    /// <param name="total">Count at which the smallest share is reached.</param>
    /// <param name="minimumShare">Smallest share of the initial learning rate. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// warmup is negative or not below total, or the share is outside [0, 1].
    /// </exception>
    public CosineWithWarmup(Optimizer optimizer, long warmup, long total, double minimumShare = 0)
        : base(optimizer)
    {
        if (warmup < 0 || warmup >= total)
        {
            throw new ArgumentOutOfRangeException(nameof(warmup),
                $"CosineWithWarmup: expected 0 <= warmup < total, got warmup {warmup} and total {total}.");
        }

        if (minimumShare is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(minimumShare), $"CosineWithWarmup: expected minimumShare from 0 to 1, got {minimumShare}.");
        }

        Warmup = warmup;
        Total = total;
        MinimumShare = minimumShare;
        Await();
    }

    /// <summary>Number of counts of the linear rise.</summary>
    public long Warmup { get; }

    /// <summary>Count at which the smallest share is reached.</summary>
    public long Total { get; }

    /// <summary>Smallest share of the initial learning rate.</summary>
    public double MinimumShare { get; }

    internal override ReadOnlySpan<Setting> Settings =>
        new Setting[] { new("warmup", Warmup), new("total", Total), new("minimum_share", MinimumShare) };

    internal override double RateAt(int group, long count, double baseRate, double rate) =>
        baseRate * Share(Math.Min(count, Total));

    private double Share(long t)
    {
        if (t < Warmup) return t / (double)Warmup;
        double progress = (t - Warmup) / (double)(Total - Warmup);
        return MinimumShare + (1 - MinimumShare) * (0.5 * (1 + VectorMath.Cos(Math.PI * progress)));
    }
}
