namespace Evenkeel.Optim;

/// <summary>The direction in which a monitored value gets better.</summary>
public enum PlateauMode
{
    /// <summary>A smaller value is better: a loss.</summary>
    Min,

    /// <summary>A larger value is better: an accuracy.</summary>
    Max,
}

/// <summary>How a threshold makes a value better than the best one.</summary>
public enum ThresholdMode
{
    /// <summary>By a share of the best value: below best·(1 - threshold), or above best·(1 + threshold).</summary>
    Relative,

    /// <summary>By an amount: below best - threshold, or above best + threshold.</summary>
    Absolute,
}

/// <summary>
/// lr ← max(factor·lr, the smallest rate) when a monitored value has not become better for more than <c>patience</c>
/// steps. Semantics of <c>torch.optim.lr_scheduler.ReduceLROnPlateau</c>.
/// </summary>
/// <remarks>
/// Call <see cref="Step(double)"/> with the value; the step without a value is refused. NaN counts as a value that is
/// not better.
/// </remarks>
public sealed class ReduceLROnPlateau : LearningRateScheduler
{
    private const int BestAt = 0, BadAt = 1, CooldownAt = 2;
    private readonly double[] _memory;
    private bool _isReducing;

    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="mode">The direction in which the value gets better. Default: Min.</param>
    /// <param name="factor">The factor, from 0 to below 1. Default: 0.1.</param>
    /// <param name="patience">Steps without a better value that are let pass. Default: 10.</param>
    /// <param name="threshold">
    /// How much better a value must be; a relative threshold is below 1. Default: 1e-4.
    /// </param>
    /// <param name="thresholdMode">How the threshold is meant. Default: Relative.</param>
    /// <param name="cooldown">Steps after a reduction in which nothing is counted. Default: 0.</param>
    /// <param name="minLearningRate">The smallest rate. Default: 0.</param>
    /// <param name="eps">A change of the rate that is not larger is left out. Default: 1e-8.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of range.</exception>
    public ReduceLROnPlateau(
        Optimizer optimizer, PlateauMode mode = PlateauMode.Min, double factor = 0.1, long patience = 10,
        double threshold = 1e-4, ThresholdMode thresholdMode = ThresholdMode.Relative, long cooldown = 0,
        double minLearningRate = 0, double eps = 1e-8)
        : base(optimizer)
    {
        Mode = mode is PlateauMode.Min or PlateauMode.Max ? mode : throw new ArgumentOutOfRangeException(
            nameof(mode), $"ReduceLROnPlateau: expected mode Min or Max, got {mode}.");
        ThresholdMode = thresholdMode is ThresholdMode.Relative or ThresholdMode.Absolute
            ? thresholdMode : throw new ArgumentOutOfRangeException(nameof(thresholdMode),
                $"ReduceLROnPlateau: expected thresholdMode Relative or Absolute, got {thresholdMode}.");
        Factor = Guard.BelowOne(factor, Name, nameof(factor));
        Patience = Guard.AtLeast(patience, 0, Name, nameof(patience));
        Threshold = thresholdMode == ThresholdMode.Relative
            ? Guard.BelowOne(threshold, Name, nameof(threshold))
            : Guard.NotNegative(threshold, Name, nameof(threshold));
        Cooldown = Guard.AtLeast(cooldown, 0, Name, nameof(cooldown));
        MinLearningRate = Guard.NotNegative(minLearningRate, Name, nameof(minLearningRate));
        Eps = Guard.NotNegative(eps, Name, nameof(eps));
        _memory = [mode == PlateauMode.Min ? double.PositiveInfinity : double.NegativeInfinity, 0, 0];
        Await();
    }

    /// <summary>The direction in which the value gets better.</summary>
    public PlateauMode Mode { get; }

    /// <summary>The factor.</summary>
    public double Factor { get; }

    /// <summary>Steps without a better value that are let pass.</summary>
    public long Patience { get; }

    /// <summary>How much better a value must be.</summary>
    public double Threshold { get; }

    /// <summary>How the threshold is meant.</summary>
    public ThresholdMode ThresholdMode { get; }

    /// <summary>Steps after a reduction in which nothing is counted.</summary>
    public long Cooldown { get; }

    /// <summary>The smallest rate.</summary>
    public double MinLearningRate { get; }

    /// <summary>A change of the rate that is not larger is left out.</summary>
    public double Eps { get; }

    /// <summary>The best value so far; infinite before the first one.</summary>
    public double Best => _memory[BestAt];

    internal override ReadOnlySpan<Setting> Settings => new Setting[]
    {
        new("mode", (int)Mode), new("factor", Factor), new("patience", Patience), new("threshold", Threshold),
        new("threshold_mode", (int)ThresholdMode), new("cooldown", Cooldown), new("min_lr", MinLearningRate),
        new("eps", Eps),
    };

    internal override bool NeedsValue => true;

    private protected override Memory Remembered =>
        new(["best", "num_bad_epochs", "cooldown_counter"], _memory, static values => double.IsNaN(values[BestAt])
            ? "expected a number as 'best', got NaN"
            : values.AsSpan(BadAt).ContainsAnyExceptInRange(0, StateRanges.LargestCount)
                ? "expected counts of 0 or more as 'num_bad_epochs' and 'cooldown_counter', got "
                    + $"{values[BadAt]} and {values[CooldownAt]}"
                : null);

    /// <summary>Advances the count by one, and reduces the learning rates if the value asks for it.</summary>
    /// <param name="value">The monitored value, for example the validation loss.</param>
    public void Step(double value)
    {
        if (IsBetter(value)) (_memory[BestAt], _memory[BadAt]) = (value, 0);
        else _memory[BadAt]++;
        if (_memory[CooldownAt] > 0)
        {
            _memory[CooldownAt]--;
            _memory[BadAt] = 0;
        }

        _isReducing = _memory[BadAt] > Patience;
        if (_isReducing) (_memory[CooldownAt], _memory[BadAt]) = (Cooldown, 0);
        Advance();
        _isReducing = false;
    }

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        double reduced = Math.Max(rate * Factor, MinLearningRate);
        return _isReducing && rate - reduced > Eps ? reduced : rate;
    }

    private bool IsBetter(double value) => (Mode, ThresholdMode) switch
    {
        (PlateauMode.Min, ThresholdMode.Relative) => value < Best * (1 - Threshold),
        (PlateauMode.Min, _) => value < Best - Threshold,
        (_, ThresholdMode.Relative) => value > Best * (1 + Threshold),
        _ => value > Best + Threshold,
    };
}
