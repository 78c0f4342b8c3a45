using System.Numerics;

namespace Evenkeel;

/// <summary>
/// One recorded operation. Its fields are exactly the values that its backward pass needs. One op is one file: shape
/// check, forward, backward, derivation, and the public member.
/// </summary>
/// <remarks>
/// The life of an op: all checks; <c>Join</c> finds the tape; <c>Rent</c> takes a recycled object; its fields are set;
/// <see cref="Execute"/> runs the forward pass and records the op if a gradient is wanted; later
/// <see cref="RunBackward"/>; and <see cref="Recycle"/> when the tape is reset. The switch from <see cref="DType"/> to
/// a type stands only here, for the forward and the backward pass of every op.
/// </remarks>
internal abstract class Op
{
    private Tape? _tape;

    // The memory made for this op if there is no tape.
    private List<Tensor>? _plain;

    /// <summary>The name at the start of the op's errors.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// What the op computes: another word than <see cref="Name"/> where several ops share a name, or have a layer's.
    /// </summary>
    public virtual string Kind => Name;

    /// <summary>Position on the tape's list of recorded ops.</summary>
    public int Position { get; set; }

    /// <summary>The result. <see cref="Bind"/> sets it before <see cref="Execute"/>.</summary>
    public Tensor Output { get; private set; } = null!;

    /// <summary>The result's gradient: dL/dy. Valid in Backward.</summary>
    protected Tensor Dy => Output.GradientMemory;

    /// <summary>The tape of this pass; null for plain mathematics.</summary>
    protected Tape? Tape => _tape;

    /// <summary>
    /// Finds the tape of an op's operands. A parameter that meets a taped tensor is watched: its taped handle replaces
    /// the reference.
    /// </summary>
    /// <exception cref="ArgumentException">The operands have two element types, or are integers.</exception>
    /// <exception cref="InvalidOperationException">
    /// The operands ride on two tapes, one is stale, one was computed from a parameter without a tape, or the backward
    /// pass has run.
    /// </exception>
    public static Tape? Join(string op, ref Tensor a)
    {
        ArgumentNullException.ThrowIfNull(a);
        Check(op, a);
        CheckNotSpent(op, a);
        return a.Tape;
    }

    /// <inheritdoc cref="Join(string, ref Tensor)"/>
    public static Tape? Join(string op, ref Tensor a, ref Tensor b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        Check(op, a);
        Check(op, b);
        if (a.DType != b.DType)
        {
            throw new ArgumentException($"{op}: expected operands of one element type, got {a.DType} and {b.DType}. "
                + $"Convert one of them with To(DType).", nameof(b));
        }

        if (a.Tape is not null && b.Tape is not null && a.Tape != b.Tape)
        {
            throw new InvalidOperationException($"{op}: the operands ride on two different tapes. "
                + $"Clone() one of them and enter it through tape.Input.");
        }

        Tape? tape = a.Tape ?? b.Tape;
        if (tape is not null)
        {
            Enter(op, tape, ref a);
            Enter(op, tape, ref b);
            CheckNotSpent(op, a);
            CheckNotSpent(op, b);
        }

        return tape;
    }

    /// <summary>
    /// Puts an optional operand (a bias, gamma, beta) on the tape of the other operands and checks its type.
    /// </summary>
    public static void JoinOptional(string op, Tape? tape, Tensor reference, ref Tensor? operand)
    {
        if (operand is null) return;
        Tensor tensor = operand;
        Tensor first = reference;
        Tape? joined = Join(op, ref first, ref tensor);
        if (joined != tape && joined is not null)
        {
            throw new InvalidOperationException(
                $"{op}: a parameter rides on a tape that the input does not. Enter the input through tape.Input.");
        }

        // The reference may be plain although another operand rides on the tape.
        if (tape is not null)
        {
            Enter(op, tape, ref tensor);
            CheckNotSpent(op, tensor);
        }

        operand = tensor;
    }

    /// <summary>
    /// Like <see cref="Join(string, ref Tensor)"/>, for an operand beside integers, which may ride on the tape too.
    /// </summary>
    public static Tape? JoinBeside(string op, Tensor integers, ref Tensor a)
    {
        integers.ThrowIfStale();
        Check(op, a);
        if (a.Tape is not null && integers.Tape is not null && a.Tape != integers.Tape)
        {
            throw new InvalidOperationException($"{op}: the operands ride on two different tapes. "
                + $"Clone() one of them and enter it through tape.Input.");
        }

        Tape? tape = a.Tape ?? integers.Tape;
        if (tape is not null) Enter(op, tape, ref a);
        CheckNotSpent(op, a);
        return tape;
    }

    /// <summary>
    /// Like <see cref="Join(string, ref Tensor)"/>, for any number of operands. Their taped handles replace parameters.
    /// </summary>
    public static Tape? JoinAll(string op, Span<Tensor> operands)
    {
        int taped = 0;
        for (int i = 0; i < operands.Length; i++)
        {
            ArgumentNullException.ThrowIfNull(operands[i], op);
            if (operands[i].Tape is not null) taped = i;
        }

        Tensor reference = operands[taped];
        Tape? tape = Join(op, ref reference);
        foreach (ref Tensor operand in operands) Join(op, ref reference, ref operand);
        return tape;
    }

    /// <summary>An op object to bind: one that the tape recycles, or a new one without a tape.</summary>
    public static TOp Rent<TOp>(Tape? tape) where TOp : Op, new()
    {
        TOp op = tape is null ? new TOp() : tape.RentOp<TOp>();
        op._tape = tape;
        return op;
    }

    /// <summary>
    /// Rents the result and sets the operands it comes from. The result requires a gradient if one of them does.
    /// </summary>
    protected void Bind(Shape shape, DType dtype, Tensor a, Tensor? b = null, Tensor? c = null)
    {
        bool fromParameter = IsFromParameter(a) || IsFromParameter(b) || IsFromParameter(c);
        Output = Memory(shape, dtype);
        if (_tape is null) Output.IsDetachedFromParameter = fromParameter;
        else
        {
            Output.On(_tape, _tape.RecordGradients
                && (a.RequiresGradient || b is { RequiresGradient: true } || c is { RequiresGradient: true }));
        }

        _tape?.Trace?.Note(Kind, Name, Output, a, b, c);
    }

    /// <summary>
    /// Like <see cref="Bind(Shape, DType, Tensor, Tensor?, Tensor?)"/>, but the result is another
    /// handle on the operand's memory.
    /// </summary>
    protected void BindAlias(Shape shape, Tensor a)
    {
        Output = a.Alias(shape);
        if (_tape is null) Output.IsDetachedFromParameter = IsFromParameter(a);
        else Output.On(_tape, _tape.RecordGradients && a.RequiresGradient);
        _tape?.Trace?.Note(Kind, Name, Output, isAlias: true, a);
    }

    /// <summary>Like <see cref="Bind(Shape, DType, Tensor, Tensor?, Tensor?)"/>, for any number of operands.</summary>
    protected void BindAll(Shape shape, DType dtype, ReadOnlySpan<Tensor> operands)
    {
        bool fromParameter = false, requiresGradient = false;
        foreach (Tensor operand in operands)
        {
            fromParameter |= IsFromParameter(operand);
            requiresGradient |= operand.RequiresGradient;
        }

        Output = Memory(shape, dtype);
        if (_tape is null) Output.IsDetachedFromParameter = fromParameter;
        else Output.On(_tape, _tape.RecordGradients && requiresGradient);
        if (_tape?.Trace is { } trace)
        {
            var all = new Tensor?[operands.Length];
            for (int i = 0; i < all.Length; i++) all[i] = operands[i];
            trace.Note(Kind, Name, Output, all);
        }
    }

    /// <summary>
    /// Memory of this pass with undefined content. It comes from the tape, or is plain and held by this op. So its
    /// address is valid until the op has run, even if only a local variable of the op knows the tensor: optimized code
    /// does not keep a local alive after its last use.
    /// </summary>
    protected Tensor NewTensor(Shape shape, DType dtype)
    {
        Tensor tensor = Memory(shape, dtype);
        if (_tape is null) (_plain ??= []).Add(tensor);
        return tensor;
    }

    /// <summary>Gives memory back to the pass that only this op has used, and that it reads no more.</summary>
    protected void Return(Tensor scratch) => _tape?.Return(scratch);

    /// <summary>
    /// Runs the forward pass in the result's element type. Records the op if a gradient is wanted.
    /// </summary>
    public Tensor Execute()
    {
        if (_tape?.Trace?.Maker(Output) is { } traced) Describe(traced.Settings);
        if (Output.DType == DType.Float64) Forward<double>();
        else Forward<float>();
        Tensor output = Output;
        if (output.RequiresGradient)
        {
            output.Producer = this;
            _tape!.Record(this);
        }

        // Kernels work on addresses; this op keeps the memory alive.
        GC.KeepAlive(this);
        return output;
    }

    /// <summary>Runs the backward pass if a consumer has left a gradient in the result.</summary>
    public void RunBackward()
    {
        if (!Output.HasGradient) return;
        if (Output.DType == DType.Float64) Backward<double>();
        else Backward<float>();
        GC.KeepAlive(this);
    }

    /// <summary>Drops the references to the tensors of the last pass.</summary>
    public virtual void Recycle() => Output = null!;

    /// <summary>
    /// Takes back the changes that the forward pass made to state outside the tape (running statistics).
    /// </summary>
    public virtual void Undo()
    {
    }

    /// <summary>
    /// Says the settings of this op to a trace: with the operands they are all that <see cref="Output"/> depends on.
    /// </summary>
    protected virtual void Describe(OpSettings settings)
    {
    }

    /// <summary>Computes <see cref="Output"/>.</summary>
    protected abstract void Forward<T>() where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>Adds this op's contribution to the gradients of its operands.</summary>
    protected abstract void Backward<T>() where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>
    /// Opens the gradient of an operand for writing. The first writer gets the slot itself. Every later one gets
    /// scratch memory, also another operand of this op with the same slot. The result is null if no gradient is wanted.
    /// The op must write all of it before <see cref="Close{T}"/>.
    /// </summary>
    protected Tensor? Open(Tensor? operand) =>
        operand is { RequiresGradient: true } ? _tape!.OpenGradient(operand) : null;

    /// <summary>
    /// Closes a gradient opened with <see cref="Open"/>: marks the slot filled, or adds a later contribution to it.
    /// Operands are closed in the order in which they were opened.
    /// </summary>
    protected void Close<T>(Tensor? operand, Tensor? written) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (operand is not null && written is not null) _tape!.CloseGradient<T>(operand, written);
    }

    private Tensor Memory(Shape shape, DType dtype) =>
        _tape is null ? Tensor.Empty(shape, dtype) : _tape.NewTensor(shape, dtype);

    private static bool IsFromParameter(Tensor? operand) => operand is { IsFromParameter: true };

    private static void Enter(string op, Tape tape, ref Tensor operand)
    {
        if (operand.Tape is not null) return;
        if (operand.Parameter is { } parameter)
        {
            operand = tape.Watch(parameter);
            return;
        }

        if (operand.IsDetachedFromParameter)
        {
            throw new InvalidOperationException($"{op}: an operand of shape {operand.Shape} was "
                + $"computed from a parameter without a tape, or converted with To, so its gradient would be lost. "
                + $"Compute it from tape.Watch(parameter), or Detach() it to say that no gradient is wanted.");
        }
    }

    private static void CheckNotSpent(string op, Tensor operand)
    {
        if (operand is { RequiresGradient: true, Tape.IsSpent: true })
        {
            throw new InvalidOperationException($"{op}: the backward pass of this step has run; "
                + $"nothing can be added to it. Call tape.Reset() and start the next pass.");
        }
    }

    private static void Check(string op, Tensor operand)
    {
        operand.ThrowIfStale();
        if (!operand.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"{op}: expected floating-point values, got {operand.DType} of shape "
                + $"{operand.Shape}. Convert it with To(DType.Float32).", nameof(operand));
        }
    }
}
