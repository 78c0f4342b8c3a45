namespace Evenkeel.Optim;

/// <summary>How the height of the cycles changes.</summary>
public enum CyclicMode
{
    /// <summary>All cycles have the same height.</summary>
    Triangular,

    /// <summary>Each cycle has half the height of the one before.</summary>
    Triangular2,

    /// <summary>The height at count t is gammaᵗ of the full one.</summary>
    ExpRange,
}

/// <summary>
/// The rate rises from a base rate to a largest one along a line, falls back, and so on; the momentum falls and rises
/// against it. Semantics of <c>torch.optim.lr_scheduler.CyclicLR</c>. Call <see cref="LearningRateScheduler.Step"/>
/// after each training step.
/// </summary>
/// <remarks>
/// <para>The schedule ignores the optimizer's learning rate.</para>
/// <para>Source: Smith, "Cyclical learning rates for training neural networks", 2017.</para>
/// </remarks>
public sealed class CyclicLR : LearningRateScheduler
{
    private readonly double[] _base, _largest;

    /// <summary>Creates the schedule with the same rates for all groups.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="baseLearningRate">The rate between the cycles.</param>
    /// <param name="maxLearningRate">The rate at the top of the first cycle.</param>
    /// <param name="stepSizeUp">Number of steps in which the rate rises. Default: 2000.</param>
    /// <param name="stepSizeDown">
    /// Number of steps in which the rate falls; null takes <paramref name="stepSizeUp"/>. Default: null.
    /// </param>
    /// <param name="mode">How the height of the cycles changes. Default: Triangular.</param>
    /// <param name="gamma">The factor per step of ExpRange. Default: 1.</param>
    /// <param name="cycleMomentum">
    /// Whether the momentum (β1 for Adam and its kin) is cycled as well. Default: true.
    /// </param>
    /// <param name="baseMomentum">The momentum at the top of a cycle. Default: 0.8.</param>
    /// <param name="maxMomentum">The momentum between the cycles. Default: 0.9.</param>
    /// <exception cref="ArgumentException">A value is out of range, or the optimizer has no momentum.</exception>
    public CyclicLR(
        Optimizer optimizer, double baseLearningRate, double maxLearningRate, long stepSizeUp = 2000,
        long? stepSizeDown = null, CyclicMode mode = CyclicMode.Triangular, double gamma = 1, bool cycleMomentum = true,
        double baseMomentum = 0.8, double maxMomentum = 0.9)
        : this(optimizer, (baseLearningRate, maxLearningRate), null, stepSizeUp, stepSizeDown, mode, gamma,
            cycleMomentum, baseMomentum, maxMomentum)
    {
    }

    /// <summary>Creates the schedule with rates per group.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="baseLearningRates">The rates between the cycles, one per group of the optimizer.</param>
    /// <param name="maxLearningRates">The rates at the top of the first cycle, one per group.</param>
    /// <param name="stepSizeUp">Number of steps in which the rate rises. Default: 2000.</param>
    /// <param name="stepSizeDown">
    /// Number of steps in which the rate falls; null takes <paramref name="stepSizeUp"/>. Default: null.
    /// </param>
    /// <param name="mode">How the height of the cycles changes. Default: Triangular.</param>
    /// <param name="gamma">The factor per step of ExpRange. Default: 1.</param>
    /// <param name="cycleMomentum">
    /// Whether the momentum (β1 for Adam and its kin) is cycled as well. Default: true.
    /// </param>
    /// <param name="baseMomentum">The momentum at the top of a cycle. Default: 0.8.</param>
    /// <param name="maxMomentum">The momentum between the cycles. Default: 0.9.</param>
    /// <exception cref="ArgumentException">A value is out of range, or the optimizer has no momentum.</exception>
    public CyclicLR(
        Optimizer optimizer, IReadOnlyList<double> baseLearningRates, IReadOnlyList<double> maxLearningRates,
        long stepSizeUp = 2000, long? stepSizeDown = null, CyclicMode mode = CyclicMode.Triangular, double gamma = 1,
        bool cycleMomentum = true, double baseMomentum = 0.8, double maxMomentum = 0.9)
        : this(optimizer, default, (baseLearningRates, maxLearningRates), stepSizeUp, stepSizeDown, mode, gamma,
            cycleMomentum, baseMomentum, maxMomentum)
    {
    }

    private CyclicLR(
        Optimizer optimizer, (double Base, double Max) rates,
        (IReadOnlyList<double> Base, IReadOnlyList<double> Max)? perGroup, long stepSizeUp, long? stepSizeDown,
        CyclicMode mode, double gamma, bool cycleMomentum, double baseMomentum, double maxMomentum)
        : base(optimizer)
    {
        if (perGroup is { } given)
        {
            _base = PerGroup(given.Base, "baseLearningRates");
            _largest = PerGroup(given.Max, "maxLearningRates");
        }
        else
        {
            _base = ForAll(Guard.NotNegative(rates.Base, Name, "baseLearningRate"));
            _largest = ForAll(Guard.NotNegative(rates.Max, Name, "maxLearningRate"));
        }

        StepSizeUp = Guard.AtLeast(stepSizeUp, 1, Name, nameof(stepSizeUp));
        StepSizeDown = Guard.AtLeast(stepSizeDown ?? stepSizeUp, 1, Name, nameof(stepSizeDown));
        Mode = mode is CyclicMode.Triangular or CyclicMode.Triangular2 or CyclicMode.ExpRange
            ? mode : throw new ArgumentOutOfRangeException(
                nameof(mode), $"CyclicLR: expected mode Triangular, Triangular2 or ExpRange, got {mode}.");
        Gamma = Guard.UpToOne(gamma, Name, nameof(gamma));
        CycleMomentum = cycleMomentum;
        BaseMomentum = Guard.BelowOne(baseMomentum, Name, nameof(baseMomentum));
        MaxMomentum = Guard.BelowOne(maxMomentum, Name, nameof(maxMomentum));
        if (cycleMomentum) DemandMomentum(optimizer);
        Await();
    }

    /// <summary>The rate between the cycles, of each group.</summary>
    public IReadOnlyList<double> BaseLearningRates => _base;

    /// <summary>The rate at the top of the first cycle, of each group.</summary>
    public IReadOnlyList<double> MaxLearningRates => _largest;

    /// <summary>Number of steps in which the rate rises.</summary>
    public long StepSizeUp { get; }

    /// <summary>Number of steps in which the rate falls.</summary>
    public long StepSizeDown { get; }

    /// <summary>How the height of the cycles changes.</summary>
    public CyclicMode Mode { get; }

    /// <summary>The factor per step of ExpRange.</summary>
    public double Gamma { get; }

    /// <summary>Whether the momentum is cycled as well.</summary>
    public bool CycleMomentum { get; }

    /// <summary>The momentum at the top of a cycle.</summary>
    public double BaseMomentum { get; }

    /// <summary>The momentum between the cycles.</summary>
    public double MaxMomentum { get; }

    internal override ReadOnlySpan<Setting> Settings => (Setting[])
    [
        new("step_size_up", StepSizeUp), new("step_size_down", StepSizeDown), new("mode", (int)Mode),
        new("gamma", Gamma), new("cycle_momentum", CycleMomentum), new("base_momentum", BaseMomentum),
        new("max_momentum", MaxMomentum),
        .. _base.Select(static (rate, i) => new Setting($"base_lr_{i}", rate)),
        .. _largest.Select(static (rate, i) => new Setting($"max_lr_{i}", rate)),
    ];

    internal override Func<long, double?>? MomentumAt => CycleMomentum
        ? count => MaxMomentum - (MaxMomentum - BaseMomentum) * Height(count)
        : null;

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        double lowest = Of(_base, group);
        return Math.Max(0, lowest + (Of(_largest, group) - lowest) * Height(count));
    }

    /// <summary>The height at a count: 0 between the cycles, 1 at the top of the first one.</summary>
    private double Height(long count)
    {
        long length = StepSizeUp + StepSizeDown, cycle = count / length, within = count % length;
        double height = within <= StepSizeUp
            ? within / (double)StepSizeUp
            : (length - within) / (double)StepSizeDown;
        return height * Mode switch
        {
            CyclicMode.Triangular => 1,
            CyclicMode.Triangular2 => Math.ScaleB(1, (int)-Math.Min(cycle, 2000)),
            _ => Optimizer.Power(Gamma, count),
        };
    }
}
