using Evenkeel.Kernels;

namespace Evenkeel.Optim;

/// <summary>The curve between two rates.</summary>
public enum AnnealStrategy
{
    /// <summary>Half a cosine.</summary>
    Cos,

    /// <summary>A line.</summary>
    Linear,
}

/// <summary>
/// One cycle: the rate rises from maxLearningRate / divFactor to maxLearningRate over the first share of the steps, and
/// falls to maxLearningRate / divFactor / finalDivFactor over the rest. The momentum falls and rises against it.
/// Semantics of <c>torch.optim.lr_scheduler.OneCycleLR</c>. Call <see cref="LearningRateScheduler.Step"/> after each
/// training step.
/// </summary>
/// <remarks>
/// <para>With three phases the rate first falls back to its start, as fast as it has risen, and then to its end.</para>
/// <para>The schedule ignores the optimizer's learning rate. After totalSteps the rate stays the same, where PyTorch
/// throws.</para>
/// <para>Source: Smith and Topin, "Super-convergence", 2018.</para>
/// </remarks>
public sealed class OneCycleLR : LearningRateScheduler
{
    private readonly double[] _largest;
    private readonly Phase[] _phases;

    /// <summary>From one level to the next, up to the count <c>End</c>.</summary>
    private readonly record struct Phase(double End, Level From, Level To);

    private enum Level
    {
        Start,
        Top,
        End,
    }

    /// <summary>Creates the schedule with one largest rate for all groups.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="maxLearningRate">The largest rate, above 0.</param>
    /// <param name="totalSteps">Number of steps of the cycle.</param>
    /// <param name="pctStart">The share of the steps in which the rate rises, from 0 to 1. Default: 0.3.</param>
    /// <param name="annealStrategy">The curve between the rates. Default: Cos.</param>
    /// <param name="cycleMomentum">
    /// Whether the momentum (β1 for Adam and its kin) is cycled as well. Default: true.
    /// </param>
    /// <param name="baseMomentum">The momentum at the largest rate. Default: 0.85.</param>
    /// <param name="maxMomentum">The momentum at the start and at the end. Default: 0.95.</param>
    /// <param name="divFactor">The largest rate over that of the start. Default: 25.</param>
    /// <param name="finalDivFactor">The rate of the start over that of the end. Default: 1e4.</param>
    /// <param name="threePhase">Whether the rate first falls back to its start. Default: false.</param>
    /// <exception cref="ArgumentException">A value is out of range, or the optimizer has no momentum.</exception>
    public OneCycleLR(
        Optimizer optimizer, double maxLearningRate, long totalSteps, double pctStart = 0.3,
        AnnealStrategy annealStrategy = AnnealStrategy.Cos, bool cycleMomentum = true, double baseMomentum = 0.85,
        double maxMomentum = 0.95, double divFactor = 25, double finalDivFactor = 1e4, bool threePhase = false)
        : this(optimizer, null, maxLearningRate, totalSteps, pctStart, annealStrategy, cycleMomentum, baseMomentum,
            maxMomentum, divFactor, finalDivFactor, threePhase)
    {
    }

    /// <summary>Creates the schedule with a largest rate per group.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="maxLearningRates">The largest rates, one per group of the optimizer.</param>
    /// <param name="totalSteps">Number of steps of the cycle.</param>
    /// <param name="pctStart">The share of the steps in which the rate rises, from 0 to 1. Default: 0.3.</param>
    /// <param name="annealStrategy">The curve between the rates. Default: Cos.</param>
    /// <param name="cycleMomentum">
    /// Whether the momentum (β1 for Adam and its kin) is cycled as well. Default: true.
    /// </param>
    /// <param name="baseMomentum">The momentum at the largest rate. Default: 0.85.</param>
    /// <param name="maxMomentum">The momentum at the start and at the end. Default: 0.95.</param>
    /// <param name="divFactor">The largest rate over that of the start. Default: 25.</param>
    /// <param name="finalDivFactor">The rate of the start over that of the end. Default: 1e4.</param>
    /// <param name="threePhase">Whether the rate first falls back to its start. Default: false.</param>
    /// <exception cref="ArgumentException">A value is out of range, or the optimizer has no momentum.</exception>
    public OneCycleLR(
        Optimizer optimizer, IReadOnlyList<double> maxLearningRates, long totalSteps, double pctStart = 0.3,
        AnnealStrategy annealStrategy = AnnealStrategy.Cos, bool cycleMomentum = true, double baseMomentum = 0.85,
        double maxMomentum = 0.95, double divFactor = 25, double finalDivFactor = 1e4, bool threePhase = false)
        : this(optimizer, maxLearningRates ?? throw new ArgumentNullException(nameof(maxLearningRates)), 0, totalSteps,
            pctStart, annealStrategy, cycleMomentum, baseMomentum, maxMomentum, divFactor, finalDivFactor, threePhase)
    {
    }

    private OneCycleLR(
        Optimizer optimizer, IReadOnlyList<double>? maxLearningRates, double maxLearningRate, long totalSteps,
        double pctStart, AnnealStrategy annealStrategy, bool cycleMomentum, double baseMomentum, double maxMomentum,
        double divFactor, double finalDivFactor, bool threePhase)
        : base(optimizer)
    {
        _largest = maxLearningRates is null
            ? ForAll(Guard.AboveZero(maxLearningRate, Name, nameof(maxLearningRate)))
            : PerGroup(maxLearningRates, nameof(maxLearningRates));
        TotalSteps = Guard.AtLeast(totalSteps, 1, Name, nameof(totalSteps));
        PctStart = Guard.UpToOne(pctStart, Name, nameof(pctStart));
        AnnealStrategy = annealStrategy is AnnealStrategy.Cos or AnnealStrategy.Linear
            ? annealStrategy : throw new ArgumentOutOfRangeException(nameof(annealStrategy),
                $"OneCycleLR: expected annealStrategy Cos or Linear, got {annealStrategy}.");
        CycleMomentum = cycleMomentum;
        BaseMomentum = Guard.BelowOne(baseMomentum, Name, nameof(baseMomentum));
        MaxMomentum = Guard.BelowOne(maxMomentum, Name, nameof(maxMomentum));
        DivFactor = Guard.AboveZero(divFactor, Name, nameof(divFactor));
        FinalDivFactor = Guard.AboveZero(finalDivFactor, Name, nameof(finalDivFactor));
        ThreePhase = threePhase;
        if (cycleMomentum) DemandMomentum(optimizer);
        double rise = pctStart * totalSteps;
        _phases = threePhase
            ? [new(rise - 1, Level.Start, Level.Top), new(2 * pctStart * totalSteps - 2, Level.Top, Level.Start),
                new(totalSteps - 1, Level.Start, Level.End)]
            : [new(rise - 1, Level.Start, Level.Top), new(totalSteps - 1, Level.Top, Level.End)];
        Await();
    }

    /// <summary>The largest rate of each group.</summary>
    public IReadOnlyList<double> MaxLearningRates => _largest;

    /// <summary>Number of steps of the cycle.</summary>
    public long TotalSteps { get; }

    /// <summary>The share of the steps in which the rate rises.</summary>
    public double PctStart { get; }

    /// <summary>The curve between the rates.</summary>
    public AnnealStrategy AnnealStrategy { get; }

    /// <summary>Whether the momentum is cycled as well.</summary>
    public bool CycleMomentum { get; }

    /// <summary>The momentum at the largest rate.</summary>
    public double BaseMomentum { get; }

    /// <summary>The momentum at the start and at the end.</summary>
    public double MaxMomentum { get; }

    /// <summary>The largest rate over that of the start.</summary>
    public double DivFactor { get; }

    /// <summary>The rate of the start over that of the end.</summary>
    public double FinalDivFactor { get; }

    /// <summary>Whether the rate first falls back to its start.</summary>
    public bool ThreePhase { get; }

    internal override ReadOnlySpan<Setting> Settings => (Setting[])
    [
        new("total_steps", TotalSteps), new("pct_start", PctStart), new("anneal_strategy", (int)AnnealStrategy),
        new("cycle_momentum", CycleMomentum), new("base_momentum", BaseMomentum), new("max_momentum", MaxMomentum),
        new("div_factor", DivFactor), new("final_div_factor", FinalDivFactor), new("three_phase", ThreePhase),
        .. _largest.Select(static (rate, i) => new Setting($"max_lr_{i}", rate)),
    ];

    internal override Func<long, double?>? MomentumAt => CycleMomentum
        ? count => Anneal(count, level => level == Level.Top ? BaseMomentum : MaxMomentum)
        : null;

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        double top = Of(_largest, group), start = top / DivFactor;
        return Math.Max(0, Anneal(count, level => level switch
        {
            Level.Start => start,
            Level.Top => top,
            _ => start / FinalDivFactor,
        }));
    }

    private double Anneal(long count, Func<Level, double> valueOf)
    {
        double t = Math.Min(count, TotalSteps - 1), begin = 0;
        int i = 0;
        for (; i < _phases.Length - 1 && t > _phases[i].End; i++) begin = _phases[i].End;
        (double end, Level from, Level to) = _phases[i];
        // A phase of no length is a jump; PyTorch divides by 0.
        double share = end == begin ? 1 : (t - begin) / (end - begin), first = valueOf(from), last = valueOf(to);
        return AnnealStrategy == AnnealStrategy.Linear
            ? (last - first) * share + first
            : last + (first - last) / 2 * (VectorMath.Cos(Math.PI * share) + 1);
    }
}
