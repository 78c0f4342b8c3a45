using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <summary>
/// Changes the learning rate of an optimizer's groups over time. Call <see cref="Step"/> once per epoch, or once per
/// training step: the count is the schedule's only notion of time.
/// </summary>
/// <remarks>
/// <para>Making a schedule changes nothing. It starts with the optimizer's next step, which takes the rates of count 0;
/// with <see cref="Start"/> or <see cref="Step"/>, if one of them comes first; or where a loaded state stood. When it
/// starts, the base rate of each group is its <see cref="ParameterGroup.InitialLearningRate"/>: the rate that was last
/// given by hand, not one that another schedule has set. A group that joins later brings its own.</para>
/// <para>Two schedules may share an optimizer. <see cref="StepLR"/> and <see cref="ExponentialLR"/> multiply the rate
/// they find. <see cref="CosineWithWarmup"/> computes the rate from the base rate, whatever it finds.</para>
/// </remarks>
public abstract class LearningRateScheduler
{
    private double[]? _baseRates;

    private protected LearningRateScheduler(Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        Optimizer = optimizer;
    }

    /// <summary>The optimizer whose groups are scheduled.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>How often <see cref="Step"/> has been called.</summary>
    public long Count { get; private set; }

    /// <summary>Whether the schedule has set learning rates, or was loaded from one that had.</summary>
    public bool IsStarted => _baseRates is not null;

    private string Name => GetType().Name;

    /// <summary>What the schedule was made with.</summary>
    private protected abstract ReadOnlySpan<Setting> Settings { get; }

    /// <summary>
    /// Sets the rates of count 0, as the optimizer's next step would; does nothing once it is started.
    /// </summary>
    public void Start()
    {
        if (!IsStarted) Apply();
    }

    /// <summary>Moves on by one and sets the learning rates.</summary>
    public void Step()
    {
        Count++;
        Apply();
    }

    /// <summary>
    /// The state as named tensors: <c>NAME.count</c>, <c>NAME.setting.SETTING</c> and, once it is started, the base
    /// rates and the current rates of the groups, <c>NAME.base_rates</c> and <c>NAME.rates</c>.
    /// </summary>
    public StateDict StateDict()
    {
        var state = new StateDict { { $"{Name}.count", Tensor.From([Count], []) } };
        StateSettings.Write(state, Name, Settings);
        if (!IsStarted) return state;
        int groups = Optimizer.Groups.Count;
        state.Add($"{Name}.base_rates", Tensor.From(BaseRates(), [groups]));
        double[] rates = [.. Optimizer.Groups.Select(static group => group.LearningRate)];
        state.Add($"{Name}.rates", Tensor.From(rates, [groups]));
        return state;
    }

    /// <summary>
    /// Takes over the state of a schedule of the same kind and settings, and sets the learning rates that it had set;
    /// base rates come from the state. All is checked before anything changes.
    /// </summary>
    /// <remarks>
    /// A state of an earlier version is a count alone. Its settings are not compared, and the rates stay what they are:
    /// load the optimizer's state of that version, which has them.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// A key is missing or does not fit, a setting is another one (the text says which), or a number is out of range.
    /// </exception>
    public void LoadStateDict(StateDict state) => Check(state)();

    /// <summary>Checks a state and changes nothing; what is returned takes it over, and does not fail.</summary>
    internal Action Check(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        string key = $"{Name}.count";
        if (!state.TryGetValue(key, out Tensor? count) || count.DType != DType.Int64 || count.Count != 1)
        {
            string got = count is null ? "none" : $"{count.DType} of shape {count.Shape}";
            throw new ArgumentException(
                $"{Name}: expected the key '{key}' with one integer, got {got}. "
                + "The state belongs to another kind of schedule.", nameof(state));
        }

        Demand(key, count, StateRange.Count);
        StateSettings.Check(state, Name, Settings);
        bool isEarlier = Settings.Length > 0 && !state.ContainsKey(StateSettings.Key(Name, Settings[0].Name));
        Tensor? baseRates = Rates(state, "base_rates"), rates = Rates(state, "rates");
        if (baseRates is null != rates is null)
        {
            throw new ArgumentException(
                $"{Name}: expected both of '{Name}.base_rates' and '{Name}.rates', or none, got one. "
                + "The state is damaged; load another one.",
                nameof(state));
        }

        return () =>
        {
            Count = count.AsSpan<long>()[0];
            _baseRates = baseRates?.ToArray<double>();
            for (int g = 0; g < (rates?.Count ?? 0); g++) Optimizer.Groups[g].Schedule(rates!.AsSpan<double>()[g]);
            if (isEarlier) BaseRates();
            if (IsStarted) Optimizer.AwaitNoMore(this);
            else Await();
        };
    }

    /// <summary>
    /// The last line of every constructor, once the arguments are checked: the optimizer's next step starts the
    /// schedule.
    /// </summary>
    private protected void Await() => Optimizer.Await(this);

    /// <summary>The learning rate of a group.</summary>
    /// <param name="count">The count; 0 is the start.</param>
    /// <param name="baseRate">The group's base rate.</param>
    /// <param name="rate">The rate it has had.</param>
    private protected abstract double RateAt(long count, double baseRate, double rate);

    private void Apply()
    {
        // First, or a rate that is refused would have the optimizer wait for ever.
        Optimizer.AwaitNoMore(this);
        double[] baseRates = BaseRates();
        for (int g = 0; g < baseRates.Length; g++)
        {
            ParameterGroup group = Optimizer.Groups[g];
            group.Schedule(RateAt(Count, baseRates[g], group.LearningRate));
        }
    }

    /// <summary>The base rates of the groups that there are now.</summary>
    private double[] BaseRates()
    {
        int known = _baseRates?.Length ?? 0;
        if (known < Optimizer.Groups.Count || _baseRates is null)
        {
            IEnumerable<double> joined = Optimizer.Groups.Skip(known).Select(static group => group.InitialLearningRate);
            _baseRates = [.. _baseRates ?? [], .. joined];
        }

        return _baseRates;
    }

    private Tensor? Rates(StateDict state, string name)
    {
        string key = $"{Name}.{name}";
        if (!state.TryGetValue(key, out Tensor? rates)) return null;
        int groups = Optimizer.Groups.Count;
        if (rates.DType != DType.Float64 || rates.Shape != new Shape([groups]))
        {
            throw new ArgumentException(
                $"{Name}: expected '{key}' to be Float64 of shape ({groups}), a rate per group, "
                + $"got {rates.DType} of shape {rates.Shape}. "
                + "Make the schedule for an optimizer with the groups of the one that was saved.", nameof(state));
        }

        Demand(key, rates, StateRange.Variance);
        return rates;
    }

    private void Demand(string key, Tensor values, StateRange range)
    {
        if (StateRanges.Problem(range, values, values, "group") is { } problem)
            throw new ArgumentException($"{Name}: '{key}'{problem}. The state is damaged; load another one.");
    }
}
