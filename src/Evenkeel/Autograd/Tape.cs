using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Records the operations of one pass and owns all its memory. <see cref="Reset"/> rewinds the memory and recycles the
/// recorded ops, so a steady training step allocates almost nothing.
/// </summary>
/// <remarks>
/// The activations carry the tape (<see cref="Tensor.Tape"/>). There is no ambient state, so two tapes on two threads
/// need no lock. Only one thread at a time may use a tape.
/// </remarks>
public sealed class Tape
{
    private readonly Arena _arena;
    private readonly List<Op> _ops = [];
    private readonly Dictionary<Type, Stack<Op>> _pool = [];
    private readonly Dictionary<Parameter, Tensor> _watched = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Parameter, Tensor> _computed = new(ReferenceEqualityComparer.Instance);
    private readonly List<Op> _lent = [];
    private readonly List<Tensor> _open = [];
    private readonly List<Action> _afterBackward = [];
    private readonly List<(Parameter Parameter, int FirstOp)> _uses = [];
    private int _draws;

    /// <summary>Creates a tape for passes of one mode.</summary>
    /// <param name="mode">Train, or Eval.</param>
    /// <param name="recordGradients">
    /// False for passes whose gradients nobody needs. Null records in Train only.
    /// </param>
    public Tape(Mode mode = Mode.Train, bool? recordGradients = null) : this(mode, recordGradients, new Arena())
    {
    }

    private Tape(Mode mode, bool? recordGradients, Arena arena)
    {
        Mode = mode;
        RecordGradients = recordGradients ?? mode == Mode.Train;
        _arena = arena;
    }

    /// <summary>A tape whose first memory is small, for passes that may need little.</summary>
    internal static Tape Small(Mode mode) => new(mode, recordGradients: false, new Arena(firstSlabBytes: 1 << 12));

    /// <summary>The mode of the passes.</summary>
    public Mode Mode { get; }

    /// <summary>Whether passes keep the values that a backward pass needs.</summary>
    public bool RecordGradients { get; }

    /// <summary>The number of the current pass: the number of resets so far.</summary>
    public long Step => _arena.Epoch;

    /// <summary>
    /// Seed of all random ops in a pass (dropout). A draw is a function of the seed, the step, and the number of the
    /// draw in the pass. Ops that draw nothing do not count.
    /// </summary>
    public ulong Seed { get; set; }

    /// <summary>
    /// Step number that random ops use. A resumed training sets it to continue its stream. Default: <see cref="Step"/>.
    /// </summary>
    public long? RandomStep { get; set; }

    /// <summary>
    /// The group whose members compute one logical batch together; this tape computes one part of it. Layers whose
    /// statistics span the group (<c>SyncBatchNorm</c>) find it here. Null for a pass without a group.
    /// </summary>
    public ICollective? Collective { get; init; }

    /// <summary>
    /// If true, every batch norm takes its statistics over the whole <see cref="Collective"/>, not only
    /// <c>SyncBatchNorm</c>: the members compute one large batch in parts.
    /// </summary>
    public bool PoolsBatchStatistics { get; init; }

    /// <summary>
    /// If true, norms that keep running statistics take those of the batch in Eval too, while everything else (dropout)
    /// is as in use. Undo what the running ones follow with <see cref="Reject"/>. Default: false.
    /// </summary>
    internal bool UsesBatchStatistics { get; init; }

    /// <summary>
    /// Records which op makes and which ops use each tensor of a pass; null (no record) for most passes.
    /// </summary>
    internal TapeTrace? Trace { get; init; }

    /// <summary>Is told in the backward pass which gradients are complete; null for most passes.</summary>
    internal IGradientListener? GradientListener { get; set; }

    /// <summary>Bytes of all slabs. They only grow. A steady pass does not change them.</summary>
    public long CapacityInBytes => _arena.Capacity;

    /// <summary>Number of ops recorded in the current pass.</summary>
    public int OpCount => _ops.Count;

    /// <summary>
    /// Begins the next pass and takes back everything of the last one. It may be called in any state.
    /// </summary>
    public void Reset()
    {
        foreach (Op op in _lent)
        {
            op.Recycle();
            if (!_pool.TryGetValue(op.GetType(), out Stack<Op>? free)) _pool.Add(op.GetType(), free = new Stack<Op>());
            free.Push(op);
        }

        _lent.Clear();
        _ops.Clear();
        _open.Clear();
        _computed.Clear();
        _afterBackward.Clear();
        _uses.Clear();
        _arena.Rewind();
        _draws = 0;
        IsSpent = false;
    }

    /// <summary>Copies a plain tensor onto the tape.</summary>
    /// <param name="values">The values. The caller may overwrite them right after the call.</param>
    /// <param name="requiresGradient">
    /// If true, the result has a <see cref="Tensor.Gradient"/> after the backward pass.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// The values belong to a parameter, were computed from one, or are an activation that requires a gradient. A copy
    /// would lose the gradient silently. <see cref="Watch"/> the parameter, or <see cref="Tensor.Detach"/> the values.
    /// </exception>
    public Tensor Input(Tensor values, bool requiresGradient = false)
    {
        ArgumentNullException.ThrowIfNull(values);
        values.ThrowIfStale();
        if (values.IsFromParameter || values.RequiresGradient)
        {
            throw new InvalidOperationException($"Tape.Input: expected data, got values of shape {values.Shape} "
                + $"that belong to a parameter or were computed from one; a copy would lose its gradient. Join the "
                + $"parameter with tape.Watch(parameter), or Detach() the values to say that no gradient is wanted.");
        }

        Tensor input = NewTensor(values.Shape, values.DType).On(this, requiresGradient && RecordGradients);
        input.CopyFrom(values);
        return input;
    }

    /// <summary>
    /// Puts plain data onto the tape without a copy. The caller must not write to them before the pass is over.
    /// </summary>
    internal Tensor Borrow(Tensor values)
    {
        values.ThrowIfStale();
        return values.Alias(values.Shape, _arena).On(this, requiresGradient: false);
    }

    /// <summary>
    /// Joins a parameter to the pass without a copy. Every use of the result adds its gradient to
    /// <see cref="Parameter.Gradient"/>. Layers do this for their own parameters.
    /// </summary>
    public Tensor Watch(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        if (parameter.Source is { } source) return Computed(parameter, source);
        bool wanted = RecordGradients && parameter.RequiresGradient;
        if (_watched.TryGetValue(parameter, out Tensor? handle) && handle.DType == parameter.DType
            && handle.SharesMemoryWith(parameter.Value) && (handle.IsStale || handle.RequiresGradient == wanted))
        {
            if (GradientListener is not null && handle.IsStale) _uses.Add((parameter, _ops.Count));
            // A handle of this pass never changes: ops that hold it have already decided by it.
            handle.Renew(_arena, wanted);
            return handle;
        }

        if (GradientListener is not null) _uses.Add((parameter, _ops.Count));
        handle = parameter.Value.Alias(parameter.Shape, _arena).On(this, wanted);
        handle.Parameter = parameter;
        _watched[parameter] = handle;
        return handle;
    }

    /// <summary>A parameter whose value is computed: once a pass, by the first that asks.</summary>
    private Tensor Computed(Parameter parameter, IParameterSource source)
    {
        if (_computed.TryGetValue(parameter, out Tensor? value)) return value;
        value = source.Compute(this);
        _computed.Add(parameter, value);
        return value;
    }

    /// <summary>
    /// Takes back all changes of this pass to running statistics. It is for steps that are rejected (NaN, overflow,
    /// cancelled).
    /// </summary>
    public void Reject()
    {
        for (int i = _lent.Count - 1; i >= 0; i--) _lent[i].Undo();
        GC.KeepAlive(this);
    }

    /// <summary>
    /// Takes back the memory of a result that nothing reads any more, for later ops of the pass. Does nothing if
    /// gradients are recorded or the pass is traced: then results are read again.
    /// </summary>
    internal void Release(Tensor result)
    {
        if (!RecordGradients && Trace is null) Return(result);
    }

    /// <summary>Takes back memory that only one op has used, before the pass ends.</summary>
    internal void Return(Tensor scratch) => scratch.ReturnTo(_arena);

    /// <summary>Memory of this pass with undefined content, not yet on the graph.</summary>
    internal Tensor NewTensor(Shape shape, DType dtype) =>
        Tensor.Rent(_arena, shape, dtype).On(this, requiresGradient: false);

    /// <summary>An op object to bind: a recycled one if there is one, else a new one.</summary>
    internal TOp RentOp<TOp>() where TOp : Op, new()
    {
        TOp op = _pool.TryGetValue(typeof(TOp), out Stack<Op>? free) && free.Count > 0 ? (TOp)free.Pop() : new TOp();
        _lent.Add(op);
        return op;
    }

    /// <summary>
    /// True once the backward pass of this step has begun. Ops that need a gradient can then not be added.
    /// </summary>
    internal bool IsSpent { get; private set; }

    /// <summary>
    /// The upper half of Philox's counter for the next random draw: the step, and the number of the draw in this pass.
    /// The lower half counts the elements. 2^24 draws per step are more than a tape can hold.
    /// </summary>
    internal ulong NextDraw() => ((ulong)(RandomStep ?? Step) << 24) | (uint)_draws++;

    /// <summary>
    /// Memory for a contribution to an operand's gradient. It is the slot itself if that is empty. It is scratch memory
    /// if the slot is filled, or open for another operand.
    /// </summary>
    internal Tensor OpenGradient(Tensor operand)
    {
        Tensor slot = Slot(operand);
        if (operand.HasGradient || _open.Contains(slot)) return NewTensor(operand.Shape, operand.DType);
        _open.Add(slot);
        return slot;
    }

    /// <summary>
    /// Takes a contribution that has been written. The slot then counts as filled, or the scratch memory is added to
    /// it.
    /// </summary>
    internal unsafe void CloseGradient<T>(Tensor operand, Tensor written) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tensor slot = Slot(operand);
        if (ReferenceEquals(slot, written))
        {
            _open.Remove(slot);
            operand.HasGradient = true;
            return;
        }

        if (!operand.HasGradient)
        {
            throw new InvalidOperationException($"Tape: expected the first contribution to a gradient of shape "
                + $"{slot.Shape} to be closed before a later one. Close operands in the order they were opened in.");
        }

        fixed (T* from = written.AsSpan<T>(), to = slot.AsSpan<T>()) Accumulate.Add(from, to, slot.Count);
    }

    /// <summary>
    /// Calls <paramref name="look"/> at the end of this pass's backward pass, while all gradients exist.
    /// <see cref="Reset"/> removes the call.
    /// </summary>
    internal void AfterBackward(Action look) => _afterBackward.Add(look);

    internal void Record(Op op)
    {
        op.Position = _ops.Count;
        _ops.Add(op);
    }

    internal void Backward(Tensor result, Tensor? cotangent)
    {
        result.ThrowIfStale();
        cotangent?.ThrowIfStale();
        if (!RecordGradients)
        {
            throw new InvalidOperationException($"Backward: this tape ({Mode}) records no gradients. "
                + $"Create it with new Tape(Mode.{Mode}, recordGradients: true).");
        }

        if (IsSpent)
        {
            throw new InvalidOperationException("Backward: the backward pass of this step has already run. "
                + "Call tape.Reset() and compute the result again; add several losses before one Backward().");
        }

        if (!result.RequiresGradient)
        {
            throw new InvalidOperationException("Backward: this result depends on no parameter and no input with "
                + "requiresGradient: true; there is nothing to differentiate.");
        }

        IsSpent = true;
        if (result.Parameter is not null)
        {
            AddToParameter(result, cotangent);
            return;
        }

        if (cotangent is null) result.GradientMemory.Fill(1);
        else result.AdoptGradient(cotangent);
        result.HasGradient = true;
        for (int i = result.Producer?.Position ?? -1; i >= 0; i--)
        {
            _ops[i].RunBackward();
            if (GradientListener is not null) TellComplete(i);
        }

        foreach (Action look in _afterBackward) look();
    }

    /// <summary>
    /// An op that reads a parameter is recorded after the parameter has joined the pass. So nothing before its place
    /// adds to the gradient.
    /// </summary>
    private void TellComplete(int done)
    {
        while (_uses.Count > 0 && _uses[^1].FirstOp >= done)
        {
            Parameter parameter = _uses[^1].Parameter;
            _uses.RemoveAt(_uses.Count - 1);
            GradientListener!.Complete(parameter);
        }
    }

    /// <summary>The derivative of a parameter with respect to itself: the cotangent is one more contribution.</summary>
    private void AddToParameter(Tensor watched, Tensor? cotangent)
    {
        Tensor gradient = OpenGradient(watched);
        if (cotangent is null) gradient.Fill(1);
        else gradient.CopyFrom(cotangent);
        if (watched.DType == DType.Float64) CloseGradient<double>(watched, gradient);
        else CloseGradient<float>(watched, gradient);
    }

    private static Tensor Slot(Tensor operand)
    {
        if (operand.Parameter is { } parameter && parameter.DType != operand.DType)
        {
            throw new InvalidOperationException($"Backward: expected the parameter {parameter} to be of type "
                + $"{operand.DType} as in the forward pass; it was converted to another type in the middle of a pass. "
                + $"Reset the tape and compute the pass again.");
        }

        return operand.GradientMemory;
    }
}
