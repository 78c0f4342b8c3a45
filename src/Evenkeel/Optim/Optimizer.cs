using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

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
public abstract unsafe partial class Optimizer
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

    /// <summary>
    /// True steps along the gradients: it maximizes instead of minimizing. Weight decay still pulls weights to zero.
    /// PyTorch's <c>maximize</c>. Default: false.
    /// </summary>
    public bool Maximize { get; init; }

    /// <summary>
    /// The momentum with which the optimizer was made (β1 for Adam and its kin); null if it has none. It is that of a
    /// group until a schedule changes it.
    /// </summary>
    internal virtual double? GivenMomentum => null;

    /// <summary>Whether <see cref="UpdateEntry.MomentumProduct"/> is part of the state.</summary>
    private protected virtual bool HasMomentumProducts => false;

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
        group.Momentum = GivenMomentum ?? 0;
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
    /// <exception cref="InvalidOperationException">
    /// Several processes share the state (<see cref="Evenkeel.Training.TrainerOptions.ShardsOptimizerState"/>), and
    /// their trainer steps it.
    /// </exception>
    public void Step()
    {
        RefuseIfShared(nameof(Step));
        Update();
    }

    private void Update()
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
            entry.IsMaximized = Maximize;
            entry.Momentum = _groupOf[i].Momentum;
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
    internal static double Power(double x, long exponent)
    {
        double result = 1;
        for (; exponent > 0; exponent >>= 1, x *= x)
        {
            if ((exponent & 1) != 0) result *= x;
        }

        return result;
    }

    /// <summary>
    /// Makes the state tensors of a parameter, or converts them after the parameter has changed its element type.
    /// </summary>
    private void EnsureState(int parameter)
    {
        ReadOnlySpan<StateSlot> slots = States;
        DType dtype = _parameters[parameter].DType;
        if (_state.Length < _parameters.Count * slots.Length)
            Array.Resize(ref _state, _parameters.Count * slots.Length);
        for (int s = 0; s < slots.Length; s++)
        {
            ref Tensor? state = ref _state[parameter * slots.Length + s];
            if (state is null) state = Tensor.Full(StateShape(parameter), slots[s].Start, dtype);
            else if (state.DType != dtype) state = state.To(dtype);
        }
    }

    private void Point<T>(ref UpdateEntry entry, int parameter, Tensor weight, Tensor gradient) where T : unmanaged
    {
        int slots = States.Length;
        entry.IsDouble = typeof(T) == typeof(double);
        entry.Weight = weight.Pointer<T>();
        entry.Gradient = gradient.Pointer<T>();
        // A share of the state begins at a later element. What is before it is not touched.
        int start = _share.Of(weight.Count).Start;
        if (slots > 0) entry.State0 = _state[parameter * slots]!.Pointer<T>() - start;
        if (slots > 1) entry.State1 = _state[parameter * slots + 1]!.Pointer<T>() - start;
        if (slots > 2) entry.State2 = _state[parameter * slots + 2]!.Pointer<T>() - start;
    }

    /// <summary>
    /// Puts all parameters one after the other and cuts them into chunks. Small parameters share a chunk, large ones
    /// take several. Elements that are not in the share of this process are in no chunk.
    /// </summary>
    private void CutChunks()
    {
        int known = _entries.Length;
        Array.Resize(ref _entries, _parameters.Count);
        Array.Resize(ref _steps, _parameters.Count);
        for (int i = known; i < _entries.Length; i++) _entries[i].MomentumProduct = 1;
        var segments = new List<Segment>();
        var ends = new List<int>();
        int room = ChunkElements;
        for (int i = 0; i < _parameters.Count; i++)
        {
            (int first, int count) = _share.Of(_parameters[i].Shape.Count);
            for (int offset = first; offset < first + count;)
            {
                // The rest of a chunk keeps whole packs together: parts start at a multiple of the widest pack.
                int take = Math.Min(first + count - offset, room);
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
