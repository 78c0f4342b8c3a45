namespace Evenkeel;

/// <summary>
/// Records the operations of one pass and owns every byte of it. <see cref="Reset"/> rewinds the memory and recycles the recorded ops, so that a
/// steady training step allocates next to nothing.
/// </summary>
/// <remarks>
/// A tape rides on the activations (<see cref="Tensor.Tape"/>); there is no ambient state, and two tapes on two threads need no lock. One tape is used by one thread at a time.
/// </remarks>
public sealed class Tape
{
    private readonly Arena _arena = new();
    private readonly List<Op> _ops = [];
    private readonly Dictionary<Type, Stack<Op>> _pool = [];
    private readonly Dictionary<Parameter, Tensor> _watched = new(ReferenceEqualityComparer.Instance);
    private readonly List<Op> _lent = [];
    private bool _spent;

    /// <summary>Creates a tape for passes of one mode.</summary>
    /// <param name="mode">Train, or Eval.</param>
    /// <param name="recordGradients">False for passes whose gradients nobody needs; null means: record in Train only.</param>
    public Tape(Mode mode = Mode.Train, bool? recordGradients = null)
    {
        Mode = mode;
        RecordGradients = recordGradients ?? mode == Mode.Train;
    }

    /// <summary>What the passes are for.</summary>
    public Mode Mode { get; }

    /// <summary>Whether passes keep what a backward pass needs.</summary>
    public bool RecordGradients { get; }

    /// <summary>The number of the current pass: how often the tape has been reset.</summary>
    public long Step => _arena.Epoch;

    /// <summary>Seed of everything random in a pass (dropout): the draw of an op is a function of (seed, step, position of the op).</summary>
    public ulong Seed { get; set; }

    /// <summary>Step number that random ops use; by default <see cref="Step"/>. A resumed training sets it to continue its stream.</summary>
    public long? RandomStep { get; set; }

    /// <summary>Bytes of all slabs; they only ever grow, and a steady pass leaves them as they are.</summary>
    public long CapacityInBytes => _arena.Capacity;

    /// <summary>Number of ops recorded in the current pass.</summary>
    public int OpCount => _ops.Count;

    /// <summary>Begins the next pass: everything of the last one is taken back. Works from any state.</summary>
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
        _arena.Rewind();
        _spent = false;
    }

    /// <summary>Copies a plain tensor onto the tape.</summary>
    /// <param name="values">The values; a batch may be reused by its loader right after.</param>
    /// <param name="requiresGradient">True to have <see cref="Tensor.Gradient"/> of the result after the backward pass.</param>
    public Tensor Input(Tensor values, bool requiresGradient = false)
    {
        ArgumentNullException.ThrowIfNull(values);
        Tensor input = NewTensor(values.Shape, values.DType).On(this, requiresGradient && RecordGradients);
        input.CopyFrom(values);
        return input;
    }

    /// <summary>
    /// Joins a parameter to the pass without a copy: gradients of what is computed from the result add up in <see cref="Parameter.Gradient"/>. Layers do this for their own parameters.
    /// </summary>
    public Tensor Watch(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        bool wanted = RecordGradients && parameter.RequiresGradient;
        if (_watched.TryGetValue(parameter, out Tensor? handle) && handle.DType == parameter.DType && handle.SharesMemoryWith(parameter.Value))
        {
            handle.Renew(_arena, wanted);
            return handle;
        }

        handle = parameter.Value.Alias(parameter.Shape, _arena).On(this, wanted);
        handle.Parameter = parameter;
        _watched[parameter] = handle;
        return handle;
    }

    /// <summary>
    /// Takes back what this pass has done to running statistics, as if it had not been: for steps that are rejected (NaN, overflow, cancelled).
    /// </summary>
    public void Reject()
    {
        for (int i = _lent.Count - 1; i >= 0; i--) _lent[i].Undo();
    }

    /// <summary>Memory of this pass, of undefined content, not yet on the graph.</summary>
    internal Tensor NewTensor(Shape shape, DType dtype) => Tensor.Rent(_arena, shape, dtype).On(this, requiresGradient: false);

    /// <summary>An op object to bind anew: a recycled one where there is one.</summary>
    internal TOp RentOp<TOp>() where TOp : Op, new()
    {
        TOp op = _pool.TryGetValue(typeof(TOp), out Stack<Op>? free) && free.Count > 0 ? (TOp)free.Pop() : new TOp();
        _lent.Add(op);
        return op;
    }

    /// <summary>Position of the next op: with seed and step, it names a random draw.</summary>
    internal int NextOpIndex => _lent.Count;

    internal void Record(Op op)
    {
        if (_spent)
            throw new InvalidOperationException($"{op.Name}: the backward pass of this step has run; nothing can be added to it. Call tape.Reset() and start the next pass.");
        op.Position = _ops.Count;
        _ops.Add(op);
    }

    internal void Backward(Tensor result, Tensor? cotangent)
    {
        result.ThrowIfStale();
        if (!RecordGradients)
            throw new InvalidOperationException($"Backward: this tape ({Mode}) records no gradients. Create it with new Tape(Mode.{Mode}, recordGradients: true).");
        if (_spent)
            throw new InvalidOperationException("Backward: the backward pass of this step has already run. Call tape.Reset() and compute the result again; add several losses before one Backward().");
        if (!result.RequiresGradient)
            throw new InvalidOperationException("Backward: this result depends on no parameter and no input with requiresGradient: true; there is nothing to differentiate.");
        _spent = true;
        if (cotangent is null) result.GradientMemory.Fill(1);
        else result.AdoptGradient(cotangent);
        result.HasGradient = true;
        for (int i = result.Producer?.Position ?? -1; i >= 0; i--) _ops[i].RunBackward();
    }
}
