using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <summary>
/// Changes the learning rate of an optimizer's groups over time. Call <see cref="Step"/> once per epoch, or once per
/// training step. A schedule knows the count only, not the time.
/// </summary>
/// <remarks>
/// <para>A new schedule changes nothing. It starts with the optimizer's next step, which uses the rates of count 0. It
/// starts earlier with <see cref="Start"/> or <see cref="Step"/>. A schedule with a loaded state starts at the position
/// of that state. When it starts, the base rate of each group is its <see cref="ParameterGroup.InitialLearningRate"/>:
/// the rate that was last given by hand, not a rate that another schedule has set. A group that joins later has a base
/// rate of its own.</para>
/// <para>Two schedules may share an optimizer, as PyTorch's may. <see cref="StepLR"/>, <see cref="MultiStepLR"/>,
/// <see cref="ExponentialLR"/>, <see cref="ConstantLR"/>, <see cref="LinearLR"/>, <see cref="PolynomialLR"/>,
/// <see cref="CosineAnnealingLR"/> and <see cref="ReduceLROnPlateau"/> go on from the current rate. The others compute
/// the rate from the base rate, or from rates of their own, and ignore the current one. <see cref="SequentialLR"/> runs
/// schedules one after another.</para>
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

    /// <summary>The number of calls of <see cref="Step"/>.</summary>
    public long Count { get; private set; }

    /// <summary>Whether the schedule has set learning rates, or was loaded from a schedule that had.</summary>
    public bool IsStarted => _baseRates is not null;

    internal string Name => GetType().Name;

    /// <summary>The settings with which the schedule was made.</summary>
    internal abstract ReadOnlySpan<Setting> Settings { get; }

    /// <summary>Whether a step takes the monitored value.</summary>
    internal virtual bool NeedsValue => false;

    /// <summary>The momentum of all groups at a count. Null, of the function or its result, changes nothing.</summary>
    internal virtual Func<long, double?>? MomentumAt => null;

    /// <summary>What the schedule remembers besides its count.</summary>
    private protected virtual Memory? Remembered => null;

    /// <summary>Numbers that a schedule remembers from step to step.</summary>
    /// <param name="Names">The names, the last part of the keys.</param>
    /// <param name="Values">The numbers, in the schedule's own array.</param>
    /// <param name="Problem">Null if numbers of a state make sense, else what is wrong.</param>
    private protected sealed record Memory(string[] Names, double[] Values, Func<double[], string?> Problem);

    /// <summary>
    /// Sets the rates of count 0, as the optimizer's next step would. It does nothing if the schedule has started.
    /// </summary>
    public void Start()
    {
        if (!IsStarted) Apply();
    }

    /// <summary>Advances the count by one and sets the learning rates.</summary>
    /// <exception cref="InvalidOperationException">
    /// The schedule needs the monitored value (<see cref="ReduceLROnPlateau.Step(double)"/>).
    /// </exception>
    public void Step()
    {
        if (NeedsValue)
        {
            throw new InvalidOperationException(
                $"{Name}: expected the monitored value, got none. Call Step(value) instead of Step().");
        }

        Advance();
    }

    /// <summary>
    /// The state as named tensors: <c>NAME.count</c> and <c>NAME.setting.SETTING</c>. Once the schedule has started,
    /// the state also has the base rates and the current rates of the groups, <c>NAME.base_rates</c> and
    /// <c>NAME.rates</c>. <see cref="ReduceLROnPlateau"/> adds what it remembers of the monitored values.
    /// </summary>
    public StateDict StateDict()
    {
        var state = new StateDict { { $"{Name}.count", Tensor.From([Count], []) } };
        StateSettings.Write(state, Name, Settings);
        if (Remembered is { } memory)
        {
            for (int i = 0; i < memory.Names.Length; i++)
                state.Add($"{Name}.{memory.Names[i]}", Tensor.Scalar(memory.Values[i], DType.Float64));
        }

        if (!IsStarted) return state;
        int groups = Optimizer.Groups.Count;
        state.Add($"{Name}.base_rates", Tensor.From(BaseRates(), [groups]));
        double[] rates = [.. Optimizer.Groups.Select(static group => group.LearningRate)];
        state.Add($"{Name}.rates", Tensor.From(rates, [groups]));
        return state;
    }

    /// <summary>
    /// Loads the state of a schedule of the same kind and settings, and sets the learning rates that it had set. The
    /// base rates come from the state. All is checked before anything changes.
    /// </summary>
    /// <remarks>
    /// A state of an earlier version holds a count only. Its settings are not compared, and the rates do not change.
    /// Load the optimizer's state of that version; it has the rates.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// A key is missing or does not fit, a setting differs (the text names it), or a number is out of range.
    /// </exception>
    public void LoadStateDict(StateDict state) => Check(state)();

    /// <summary>
    /// Checks a state and changes nothing. The result loads the state, and does not fail.
    /// </summary>
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

        Demand(state, key, count, StateRange.Count);
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

        double[] remembered = CheckMemory(state);
        return () =>
        {
            Count = count.AsSpan<long>()[0];
            remembered.CopyTo(Remembered?.Values ?? []);
            _baseRates = baseRates?.ToArray<double>();
            for (int g = 0; g < (rates?.Count ?? 0); g++) Optimizer.Groups[g].Schedule(rates!.AsSpan<double>()[g]);
            if (isEarlier) BaseRates();
            if (IsStarted)
            {
                Optimizer.AwaitNoMore(this);
                SetMomenta();
            }
            else Await();
        };
    }

    /// <summary>
    /// The last line of every constructor, after the checks of the arguments. With it the optimizer's next step starts
    /// the schedule.
    /// </summary>
    private protected void Await() => Optimizer.Await(this);

    /// <summary>The learning rate of a group.</summary>
    /// <param name="group">The group's index.</param>
    /// <param name="count">The count; 0 is the start.</param>
    /// <param name="baseRate">The group's base rate.</param>
    /// <param name="rate">The group's current rate, that of the count before; at count 0 the base rate.</param>
    internal abstract double RateAt(int group, long count, double baseRate, double rate);

    /// <summary>Advances the count by one and sets the learning rates.</summary>
    private protected void Advance()
    {
        // A rate that is made from the one before needs that of count 0, also if no step was taken yet.
        Start();
        Count++;
        Apply();
    }

    /// <summary>Demands an optimizer whose momentum can be changed.</summary>
    private protected void DemandMomentum(Optimizer optimizer)
    {
        if (optimizer.GivenMomentum is not null) return;
        throw new ArgumentException($"{Name}: expected an optimizer with momentum, got {optimizer.Name} without. "
            + "Make it with a momentum above 0, or pass cycleMomentum: false.", nameof(optimizer));
    }

    /// <summary>Demands one value per group where a schedule takes a list.</summary>
    private protected double[] PerGroup(IReadOnlyList<double> values, string argument)
    {
        ArgumentNullException.ThrowIfNull(values, argument);
        if (values.Count != Optimizer.Groups.Count)
        {
            throw new ArgumentException($"{Name}: expected {argument} of {Optimizer.Groups.Count} values, one per "
                + $"group, got {values.Count}.", argument);
        }

        return [.. values.Select(value => Guard.NotNegative(value, Name, argument))];
    }

    /// <summary>The same value for every group that there is.</summary>
    private protected double[] ForAll(double value) => [.. Optimizer.Groups.Select(_ => value)];

    /// <summary>The value of a group in a list of values. A group that has joined later takes the last one.</summary>
    private protected static double Of(double[] values, int group) => values[Math.Min(group, values.Length - 1)];

    private void Apply()
    {
        // This comes first. Otherwise a rate that is refused would make the optimizer wait for ever.
        Optimizer.AwaitNoMore(this);
        double[] baseRates = BaseRates();
        for (int g = 0; g < baseRates.Length; g++)
        {
            ParameterGroup group = Optimizer.Groups[g];
            group.Schedule(RateAt(g, Count, baseRates[g], group.LearningRate));
        }

        SetMomenta();
    }

    private void SetMomenta()
    {
        if (MomentumAt?.Invoke(Count) is not { } momentum) return;
        foreach (ParameterGroup group in Optimizer.Groups) group.Momentum = momentum;
    }

    private double[] CheckMemory(StateDict state)
    {
        if (Remembered is not { } memory) return [];
        double[] values = new double[memory.Names.Length];
        for (int i = 0; i < values.Length; i++)
        {
            string key = $"{Name}.{memory.Names[i]}";
            if (!state.TryGetValue(key, out Tensor? tensor) || tensor.DType != DType.Float64 || tensor.Count != 1)
            {
                throw new ArgumentException(
                    $"{Name}: expected one number of Float64 under '{key}', got "
                    + $"{(tensor is null ? "none" : $"{tensor.DType} of shape {tensor.Shape}")}. "
                    + "The state is damaged; load another one.", nameof(state));
            }

            values[i] = tensor.Item();
        }

        return memory.Problem(values) is { } problem
            ? throw new ArgumentException($"{Name}: {problem}. The state is damaged; load another one.", nameof(state))
            : values;
    }

    /// <summary>The base rates of the current groups.</summary>
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

        Demand(state, key, rates, StateRange.Variance);
        return rates;
    }

    private void Demand(StateDict state, string key, Tensor values, StateRange range)
    {
        if (StateRanges.Problem(range, values, values, "group") is { } problem)
        {
            throw new ArgumentException(
                $"{Name}: '{key}'{problem}. The state is damaged; load another one.", nameof(state));
        }
    }
}
