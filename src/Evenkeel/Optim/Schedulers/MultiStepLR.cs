namespace Evenkeel.Optim;

/// <summary>
/// lr ← gamma·lr at each milestone. Semantics of <c>torch.optim.lr_scheduler.MultiStepLR</c>.
/// </summary>
public sealed class MultiStepLR : LearningRateScheduler
{
    private readonly long[] _milestones;

    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="milestones">
    /// The counts at which the rate changes, in any order. One that is there twice changes it twice.
    /// </param>
    /// <param name="gamma">The factor. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A milestone is below 1, or gamma is negative.</exception>
    public MultiStepLR(Optimizer optimizer, IEnumerable<long> milestones, double gamma = 0.1)
        : base(optimizer)
    {
        ArgumentNullException.ThrowIfNull(milestones);
        _milestones = [.. milestones.Order()];
        foreach (long milestone in _milestones) Guard.AtLeast(milestone, 1, Name, nameof(milestones));
        Gamma = Guard.NotNegative(gamma, Name, nameof(gamma));
        Await();
    }

    /// <summary>The counts at which the rate changes, in rising order.</summary>
    public IReadOnlyList<long> Milestones => _milestones;

    /// <summary>The factor.</summary>
    public double Gamma { get; }

    internal override ReadOnlySpan<Setting> Settings => (Setting[])
    [
        new("gamma", Gamma), new("milestones", _milestones.Length),
        .. _milestones.Select(static (milestone, i) => new Setting($"milestone_{i}", milestone)),
    ];

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        foreach (long milestone in _milestones)
        {
            if (milestone == count) rate *= Gamma;
        }

        return rate;
    }
}
