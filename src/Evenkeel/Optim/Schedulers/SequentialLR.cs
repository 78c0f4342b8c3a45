namespace Evenkeel.Optim;

/// <summary>
/// Schedules one after another: the first up to the first milestone, the next from there, starting at its count 0 with
/// the base rates. Semantics of <c>torch.optim.lr_scheduler.SequentialLR</c>.
/// </summary>
/// <remarks>
/// The schedules give their formulas only: they do not act by themselves any more, and their own
/// <see cref="LearningRateScheduler.Count"/> stays as it is. The state of this schedule holds their settings.
/// </remarks>
public sealed class SequentialLR : LearningRateScheduler
{
    private readonly LearningRateScheduler[] _schedules;
    private readonly long[] _milestones;

    /// <summary>Creates the schedule.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="schedules">The schedules, made for the same optimizer.</param>
    /// <param name="milestones">The counts at which the next schedule takes over, rising: one less.</param>
    /// <exception cref="ArgumentException">
    /// A schedule is of another optimizer, has started or needs a monitored value, or the milestones do not rise or are
    /// not one less than the schedules.
    /// </exception>
    public SequentialLR(
        Optimizer optimizer, IEnumerable<LearningRateScheduler> schedules, IEnumerable<long> milestones)
        : base(optimizer)
    {
        ArgumentNullException.ThrowIfNull(schedules);
        ArgumentNullException.ThrowIfNull(milestones);
        _schedules = [.. schedules];
        _milestones = [.. milestones];
        for (int i = 0; i < _schedules.Length; i++)
        {
            if (Problem(_schedules[i]) is { } problem)
                throw new ArgumentException($"SequentialLR: {problem} at {i}.", nameof(schedules));
        }

        if (_milestones.Length != _schedules.Length - 1)
        {
            throw new ArgumentException($"SequentialLR: expected {Math.Max(0, _schedules.Length - 1)} milestones for "
                + $"{_schedules.Length} schedules, got {_milestones.Length}.", nameof(milestones));
        }

        for (int i = 0; i < _milestones.Length; i++)
        {
            long least = i == 0 ? 1 : _milestones[i - 1] + 1;
            if (_milestones[i] >= least) continue;
            throw new ArgumentException($"SequentialLR: expected rising milestones from 1 on, "
                + $"got {string.Join(", ", _milestones)}.", nameof(milestones));
        }

        foreach (LearningRateScheduler schedule in _schedules) optimizer.AwaitNoMore(schedule);
        Await();
    }

    /// <summary>The schedules.</summary>
    public IReadOnlyList<LearningRateScheduler> Schedules => _schedules;

    /// <summary>The counts at which the next schedule takes over.</summary>
    public IReadOnlyList<long> Milestones => _milestones;

    internal override ReadOnlySpan<Setting> Settings
    {
        get
        {
            var settings = new List<Setting> { new("schedules", _schedules.Length) };
            for (int i = 0; i < _milestones.Length; i++) settings.Add(new($"milestone_{i}", _milestones[i]));
            for (int i = 0; i < _schedules.Length; i++)
            {
                foreach ((string name, double value) in _schedules[i].Settings)
                    settings.Add(new($"{i}.{_schedules[i].Name}.{name}", value));
            }

            return settings.ToArray();
        }
    }

    internal override Func<long, double?>? MomentumAt => count =>
    {
        int i = At(count);
        return _schedules[i].MomentumAt?.Invoke(count - Begin(i));
    };

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        int i = At(count);
        long within = count - Begin(i);
        return _schedules[i].RateAt(group, within, baseRate, within == 0 ? baseRate : rate);
    }

    /// <summary>The schedule of a count.</summary>
    private int At(long count)
    {
        int i = 0;
        while (i < _milestones.Length && _milestones[i] <= count) i++;
        return i;
    }

    private long Begin(int schedule) => schedule == 0 ? 0 : _milestones[schedule - 1];

    private string? Problem(LearningRateScheduler? schedule) => schedule switch
    {
        null => "expected schedules, got null",
        _ when !ReferenceEquals(schedule.Optimizer, Optimizer) =>
            $"expected schedules of the same optimizer, got {schedule.Name} of another one",
        { NeedsValue: true } => $"expected schedules that step without a value, got {schedule.Name}",
        { IsStarted: true } => $"expected schedules that have not started, got {schedule.Name} that has",
        _ => null,
    };
}
