using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <content>What an optimizer saves and loads.</content>
public abstract partial class Optimizer
{
    /// <summary>
    /// Everything that a continued run needs besides the parameters, as named tensors in a fixed order.
    /// <c>NAME.steps</c> has one count per parameter. <c>NAME.groups</c> has the learning rate, the rate that was given
    /// by hand, and the weight decay of each group. <c>NAME.setting.SETTING</c> has one number per setting.
    /// <c>NAME.momenta</c> has the momentum of each group if a schedule has changed one. <c>NAME.i.STATE</c> is a state
    /// tensor of parameter i. The tensors are copies.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// Several processes share the state (<see cref="Evenkeel.Training.TrainerOptions.ShardsOptimizerState"/>).
    /// </exception>
    public StateDict StateDict()
    {
        RefuseIfShared(nameof(StateDict));
        for (int i = 0; i < _parameters.Count; i++) EnsureState(i);
        return Write((i, s) => _state[i * States.Length + s]!.Clone());
    }

    private StateDict Write(Func<int, int, Tensor?> tensorOf)
    {
        var state = new StateDict { { $"{Name}.steps", Tensor.From(_steps, [_steps.Length]) } };
        double[] values = new double[_groups.Count * 3];
        for (int g = 0; g < _groups.Count; g++)
        {
            values[3 * g] = _groups[g].LearningRate;
            values[3 * g + 1] = _groups[g].InitialLearningRate;
            values[3 * g + 2] = _groups[g].WeightDecay;
        }

        state.Add($"{Name}.groups", Tensor.From(values, [_groups.Count, 3]));
        StateSettings.Write(state, Name, AllSettings);
        if (_groups.Exists(group => group.Momentum != (GivenMomentum ?? 0)))
            state.Add(MomentaKey, Tensor.From([.. _groups.Select(static group => group.Momentum)], [_groups.Count]));
        if (HasMomentumProducts)
        {
            state.Add(ProductsKey,
                Tensor.From([.. _entries.Select(static entry => entry.MomentumProduct)], [_entries.Length]));
        }

        ReadOnlySpan<StateSlot> slots = States;
        for (int i = 0; i < _parameters.Count; i++)
        {
            for (int s = 0; s < slots.Length; s++)
            {
                if (tensorOf(i, s) is { } tensor) state.Add(Key(i, slots[s]), tensor);
            }
        }

        return state;
    }

    /// <summary>
    /// Loads a state from <see cref="StateDict"/> of an optimizer of the same kind and settings over the same
    /// parameters. Its learning rates and weight decay apply at once. All is checked before anything changes.
    /// </summary>
    /// <param name="state">The state. A state of an earlier version has no settings; they are then not
    /// compared.</param>
    /// <param name="checkValues">
    /// True refuses moments that finite gradients cannot produce: NaN, a second moment below 0, an infinite mean. False
    /// accepts them. Counts and rates are always checked. Default: true.
    /// </param>
    /// <exception cref="ArgumentException">
    /// A key is missing, its shape or type does not fit, a setting differs (the text names it), or a number is out of
    /// range (the text gives place and number). Nothing was changed.
    /// </exception>
    public void LoadStateDict(StateDict state, bool checkValues = true) => Check(state, checkValues)();

    /// <summary>
    /// Prepares for steps that will be undone: schedules that wait for the first step go on waiting. The result brings
    /// states, rates and schedules back.
    /// </summary>
    internal Action Snapshot()
    {
        LearningRateScheduler[] waiting = [.. _waiting];
        _waiting.Clear();
        Action restore = Check(StateDict(), checkValues: false);
        return () =>
        {
            restore();
            _waiting.AddRange(waiting);
        };
    }

    /// <summary>
    /// Checks a state and changes nothing. The result loads the state, and does not fail.
    /// </summary>
    internal Action Check(StateDict state, bool checkValues)
    {
        ArgumentNullException.ThrowIfNull(state);
        Tensor steps = Find(state, $"{Name}.steps", [_parameters.Count], DType.Int64);
        Tensor groups = Find(state, $"{Name}.groups", [_groups.Count, 3], DType.Float64);
        StateSettings.Check(state, Name, AllSettings);
        Tensor? momenta = state.ContainsKey(MomentaKey) ? FindMomenta(state, MomentaKey, _groups.Count) : null,
            products = HasMomentumProducts ? FindMomenta(state, ProductsKey, _parameters.Count) : null;
        foreach (long count in steps.AsSpan<long>())
        {
            if (count is < 0 or > StateRanges.LargestCount)
            {
                throw new ArgumentException(
                    $"{Name}: expected counts of 0 or more, up to 2^53, in '{Name}.steps', got {count}. "
                    + "The state is damaged; load another one.", nameof(state));
            }
        }

        foreach (double value in groups.AsSpan<double>())
        {
            if (!(value >= 0 && double.IsFinite(value)))
            {
                throw new ArgumentException(
                    $"{Name}: expected rates of 0 or more and finite in '{Name}.groups', got {value}. "
                    + $"The state is damaged; load another one.",
                    nameof(state));
            }
        }

        ReadOnlySpan<StateSlot> slots = States;
        var tensors = new Tensor[_parameters.Count * slots.Length];
        for (int i = 0; i < _parameters.Count; i++)
        {
            for (int s = 0; s < slots.Length; s++)
            {
                string key = Key(i, slots[s]);
                Tensor? earlier = state.ContainsKey(key) ? null : slots[s].FromEarlier?.Invoke(state, $"{Name}.{i}.");
                Tensor tensor = tensors[i * slots.Length + s] = Fitting(state, earlier ?? Find(state, key), key,
                    _parameters[i].Shape, _parameters[i].DType);
                if (checkValues && StateRanges.Problem(slots[s].Range, tensor, tensor, "element") is { } problem)
                {
                    throw new ArgumentException(
                        $"{Name}: '{key}' ({_parameters[i].Name}){problem}. A gradient was not finite, or the state is "
                        + "damaged; load another one, or pass checkValues: false to take it as it is.", nameof(state));
                }
            }
        }

        return () =>
        {
            steps.AsSpan<long>().CopyTo(_steps);
            ReadOnlySpan<double> values = groups.AsSpan<double>();
            for (int g = 0; g < _groups.Count; g++)
            {
                _groups[g].LearningRate = values[3 * g + 1];
                _groups[g].Schedule(values[3 * g]);
                _groups[g].WeightDecay = values[3 * g + 2];
                _groups[g].Momentum = momenta?.AsSpan<double>()[g] ?? GivenMomentum ?? 0;
            }

            for (int i = 0; i < (products?.Count ?? 0); i++)
                _entries[i].MomentumProduct = products!.AsSpan<double>()[i];

            for (int i = 0; i < _parameters.Count; i++) EnsureState(i);
            for (int s = 0; s < tensors.Length; s++) Take(_share, tensors[s], _state[s]!);
        };
    }

    private string MomentaKey => $"{Name}.momenta";

    private string ProductsKey => $"{Name}.mu_products";

    private Setting[] AllSettings => [.. Settings, new("maximize", Maximize)];

    /// <summary>Finds momenta, or products of them.</summary>
    private Tensor FindMomenta(StateDict state, string key, int count)
    {
        Tensor momenta = Find(state, key, [count], DType.Float64);
        foreach (double value in momenta.AsSpan<double>())
        {
            if (value is >= 0 && double.IsFinite(value)) continue;
            throw new ArgumentException($"{Name}: expected numbers of 0 or more and finite in '{key}', got {value}. "
                + "The state is damaged; load another one.", nameof(state));
        }

        return momenta;
    }

    private string Key(int parameter, StateSlot slot) => $"{Name}.{parameter}.{slot.Name}";

    private Tensor Find(StateDict state, string key, Shape shape, DType dtype) =>
        Fitting(state, Find(state, key), key, shape, dtype);

    private Tensor Find(StateDict state, string key) => state.TryGetValue(key, out Tensor? tensor)
        ? tensor
        : throw new ArgumentException($"{Name}: expected the key '{key}', got none. The state belongs to another kind "
            + "of optimizer or to other parameters.", nameof(state));

    private Tensor Fitting(StateDict state, Tensor tensor, string key, Shape shape, DType dtype) =>
        tensor.Shape == shape && tensor.DType == dtype
        ? tensor
        : throw new ArgumentException($"{Name}: expected '{key}' to be {dtype} of shape {shape}, got {tensor.DType} "
            + $"of shape {tensor.Shape}. Create the optimizer over the same parameters, in the same order and type, "
            + "as the one that was saved.", nameof(state));
}
