using System.Runtime.CompilerServices;
using Evenkeel.Kernels;
using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <summary>
/// Changes parameters along their gradients. One step is one fused pass over all parameters: it reads and writes each
/// weight and each state value once, and reads each gradient once.
/// </summary>
/// <remarks>
/// <para>Parameters are distinct by reference, so tied weights step once. A parameter without a gradient is skipped and
/// its step is not counted, as in PyTorch.</para>
/// <para>The pass is cut into chunks that depend on the shapes only, and elements do not depend on each other. So the
/// result has the same bits for any number of threads.</para>
/// </remarks>
public abstract unsafe class Optimizer
{
    /// <summary>
    /// Elements per chunk: 64 KB per array in float32, so three or four arrays stay within a core's second-level cache.
    /// </summary>
    internal const int ChunkElements = 1 << 14;

    private readonly List<ParameterGroup> _groups = [];
    private readonly List<Parameter> _parameters = [];
    private readonly List<ParameterGroup> _groupOf = [];
    private readonly HashSet<Parameter> _seen = new(ReferenceEqualityComparer.Instance);
    private Tensor?[] _state = [];
    private UpdateEntry[] _entries = [];
    private long[] _steps = [];
    private Segment[] _segments = [];
    private int[] _chunkEnds = [];

    // Schedules that have not started yet. The next step begins with their rates of count 0.
    private readonly List<LearningRateScheduler> _waiting = [];

    /// <summary>A part of one parameter within a chunk.</summary>
    private readonly record struct Segment(int Parameter, int Offset, int Count);

    private readonly double _defaultLearningRate;
    private readonly double _defaultWeightDecay;

    private protected Optimizer(double learningRate, double weightDecay)
    {
        _defaultLearningRate = Guard.NotNegative(learningRate, Name, nameof(learningRate));
        _defaultWeightDecay = Guard.NotNegative(weightDecay, Name, nameof(weightDecay));
    }

    /// <summary>The optimizer's name: the first word of its errors and of its state keys.</summary>
    public string Name => GetType().Name;

    /// <summary>The parameter groups, each with its own learning rate and weight decay.</summary>
    public IReadOnlyList<ParameterGroup> Groups => _groups;

    /// <summary>
    /// The learning rate of the first group. Setting it sets that of every group. Schedules that are made later start
    /// from it.
    /// </summary>
    public double LearningRate
    {
        get => _groups[0].LearningRate;
        set
        {
            foreach (ParameterGroup group in _groups) group.LearningRate = value;
        }
    }

    /// <summary>The state tensors of a parameter.</summary>
    private protected abstract ReadOnlySpan<StateSlot> States { get; }

    /// <summary>
    /// The settings with which the optimizer was made, without those that a group may have of its own.
    /// </summary>
    private protected abstract ReadOnlySpan<Setting> Settings { get; }

    /// <summary>
    /// Computes the scalars of a parameter's next update. <paramref name="step"/> is 1 at the first one.
    /// </summary>
    private protected abstract void Prepare(ParameterGroup group, long step, ref UpdateEntry entry);

    /// <summary>
    /// Updates <paramref name="count"/> elements of a parameter, from <paramref name="offset"/> on.
    /// </summary>
    private protected abstract void Update(in UpdateEntry entry, int offset, int count);

    /// <summary>Adds a group. Its parameters must not be in another one.</summary>
    /// <exception cref="ArgumentException">A parameter is already optimized.</exception>
    public void AddGroup(ParameterGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        foreach (Parameter parameter in group.Parameters)
        {
            if (_seen.Contains(parameter))
            {
                throw new ArgumentException(
                    $"{Name}: expected each parameter in one group, got {parameter} in two. Leave it in one of them.",
                    nameof(group));
            }
        }

        if (!group.IsLearningRateGiven) group.LearningRate = _defaultLearningRate;
        if (!group.IsWeightDecayGiven) group.WeightDecay = _defaultWeightDecay;
        group.IsLearningRateGiven = group.IsWeightDecayGiven = true;
        _groups.Add(group);
        foreach (Parameter parameter in group.Parameters)
        {
            _seen.Add(parameter);
            _parameters.Add(parameter);
            _groupOf.Add(group);
        }

        CutChunks();
    }

    /// <summary>
    /// Changes every parameter that has a gradient. It allocates nothing after the first step. Schedules that were made
    /// for this optimizer and have not started yet first set their rates of count 0.
    /// </summary>
    public void Step()
    {
        while (_waiting.Count > 0) _waiting[0].Start();
        for (int i = 0; i < _parameters.Count; i++)
        {
            Parameter parameter = _parameters[i];
            ref UpdateEntry entry = ref _entries[i];
            if (parameter.Gradient is not { } gradient)
            {
                entry.Weight = null;
                continue;
            }

            EnsureState(i);
            if (parameter.DType == DType.Float64) Point<double>(ref entry, i, parameter.Value, gradient);
            else Point<float>(ref entry, i, parameter.Value, gradient);
            Prepare(_groupOf[i], ++_steps[i], ref entry);
        }

        Workers.Run(_chunkEnds.Length, new Job { Owner = this });
        // The entries are addresses. This optimizer keeps the memory alive: its state, and its parameters with their
        // gradients.
        GC.KeepAlive(this);
    }

    /// <summary>Marks the gradients of all parameters empty. The next backward pass overwrites them.</summary>
    public void ZeroGrad()
    {
        for (int i = 0; i < _parameters.Count; i++) _parameters[i].ZeroGrad();
    }

    /// <summary>
    /// Everything that a continued run needs besides the parameters, as named tensors in a fixed order.
    /// <c>NAME.steps</c> has one count per parameter. <c>NAME.groups</c> has the learning rate, the rate that was given
    /// by hand, and the weight decay of each group. <c>NAME.setting.SETTING</c> has one number per setting.
    /// <c>NAME.i.STATE</c> is a state tensor of parameter i. The tensors are copies.
    /// </summary>
    public StateDict StateDict()
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
        StateSettings.Write(state, Name, Settings);
        ReadOnlySpan<StateSlot> slots = States;
        for (int i = 0; i < _parameters.Count; i++)
        {
            EnsureState(i);
            for (int s = 0; s < slots.Length; s++) state.Add(Key(i, slots[s]), _state[i * slots.Length + s]!.Clone());
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
    /// Checks a state and changes nothing. The result loads the state, and does not fail.
    /// </summary>
    internal Action Check(StateDict state, bool checkValues)
    {
        ArgumentNullException.ThrowIfNull(state);
        Tensor steps = Find(state, $"{Name}.steps", [_parameters.Count], DType.Int64);
        Tensor groups = Find(state, $"{Name}.groups", [_groups.Count, 3], DType.Float64);
        StateSettings.Check(state, Name, Settings);
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
            }

            for (int i = 0; i < _parameters.Count; i++) EnsureState(i);
            for (int s = 0; s < tensors.Length; s++) _state[s]!.CopyFrom(tensors[s]);
        };
    }

    /// <summary>Registers a schedule that has not started yet.</summary>
    internal void Await(LearningRateScheduler schedule)
    {
        if (!_waiting.Contains(schedule)) _waiting.Add(schedule);
    }

    /// <summary>Removes a schedule that has started.</summary>
    internal void AwaitNoMore(LearningRateScheduler schedule) => _waiting.Remove(schedule);

    /// <summary>
    /// Adds the groups that a constructor was given. Loose parameters make one group, or two if only weights decay.
    /// </summary>
    private protected void AddGroups(IEnumerable<ParameterGroup> groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        foreach (ParameterGroup group in groups) AddGroup(group);
        if (_parameters.Count == 0)
        {
            throw new ArgumentException(
                $"{Name}: expected at least one parameter, got none. Pass model.Parameters().", nameof(groups));
        }
    }

    /// <inheritdoc cref="AddGroups"/>
    private protected void AddParameters(IEnumerable<Parameter> parameters, bool decayNormAndBias) =>
        AddGroups(decayNormAndBias ? [new ParameterGroup(parameters)] : ParameterGroup.Split(parameters));

    /// <summary>base^exponent by squaring. It uses products only, so the bits are the same on every machine.</summary>
    private protected static double Power(double x, long exponent)
    {
        double result = 1;
        for (; exponent > 0; exponent >>= 1, x *= x)
        {
            if ((exponent & 1) != 0) result *= x;
        }

        return result;
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

    /// <summary>
    /// Makes the state tensors of a parameter, or converts them after the parameter has changed its element type.
    /// </summary>
    private void EnsureState(int parameter)
    {
        int slots = States.Length;
        DType dtype = _parameters[parameter].DType;
        for (int s = parameter * slots; s < (parameter + 1) * slots; s++)
        {
            if (_state[s] is not { } state) _state[s] = Tensor.Zeros(_parameters[parameter].Shape, dtype);
            else if (state.DType != dtype) _state[s] = state.To(dtype);
        }
    }

    private void Point<T>(ref UpdateEntry entry, int parameter, Tensor weight, Tensor gradient) where T : unmanaged
    {
        int slots = States.Length;
        entry.IsDouble = typeof(T) == typeof(double);
        entry.Weight = weight.Pointer<T>();
        entry.Gradient = gradient.Pointer<T>();
        if (slots > 0) entry.State0 = _state[parameter * slots]!.Pointer<T>();
        if (slots > 1) entry.State1 = _state[parameter * slots + 1]!.Pointer<T>();
        if (slots > 2) entry.State2 = _state[parameter * slots + 2]!.Pointer<T>();
    }

    /// <summary>
    /// Puts all parameters one after the other and cuts them into chunks. Small parameters share a chunk, large ones
    /// take several.
    /// </summary>
    private void CutChunks()
    {
        Array.Resize(ref _entries, _parameters.Count);
        Array.Resize(ref _steps, _parameters.Count);
        Array.Resize(ref _state, _parameters.Count * States.Length);
        var segments = new List<Segment>();
        var ends = new List<int>();
        int room = ChunkElements;
        for (int i = 0; i < _parameters.Count; i++)
        {
            int count = _parameters[i].Shape.Count;
            for (int offset = 0; offset < count;)
            {
                // The rest of a chunk keeps whole packs together: parts start at a multiple of the widest pack.
                int take = Math.Min(count - offset, room);
                segments.Add(new Segment(i, offset, take));
                offset += take;
                room -= (take + 15) & ~15;
                if (room > 0) continue;
                ends.Add(segments.Count);
                room = ChunkElements;
            }
        }

        if (room < ChunkElements) ends.Add(segments.Count);
        _segments = [.. segments];
        _chunkEnds = [.. ends];
    }

    private readonly struct Job : IJob
    {
        public required Optimizer Owner { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int chunk)
        {
            Optimizer owner = Owner;
            int end = owner._chunkEnds[chunk];
            for (int s = chunk == 0 ? 0 : owner._chunkEnds[chunk - 1]; s < end; s++)
            {
                Segment segment = owner._segments[s];
                ref UpdateEntry entry = ref owner._entries[segment.Parameter];
                if (entry.Weight != null) owner.Update(entry, segment.Offset, segment.Count);
            }
        }
    }
}
