namespace Evenkeel;

public sealed partial class Tensor
{
    private Tensor? _gradient;
    private bool _hasGradient;

    /// <summary>The tape that this tensor rides on; null for plain tensors.</summary>
    public Tape? Tape { get; private set; }

    /// <summary>True if a backward pass through this tensor's tape computes its gradient.</summary>
    public bool RequiresGradient { get; private set; }

    /// <summary>
    /// The derivative of the loss with respect to this tensor. It is null before <see cref="Backward()"/> has run, and
    /// if the pass did not need it. It is valid until the tape's next <see cref="Tape.Reset"/>. The gradient of a
    /// parameter is <see cref="Parameter.Gradient"/>.
    /// </summary>
    public Tensor? Gradient => HasGradient ? GradientMemory : null;

    /// <summary>The op of the tape that made this tensor; null for inputs and parameters.</summary>
    internal Op? Producer { get; set; }

    /// <summary>The parameter that this tensor is the value of; null for every other tensor.</summary>
    internal Parameter? Parameter { get; set; }

    /// <summary>
    /// True if this tensor was computed from a parameter without a tape, or converted with <see cref="To"/>. Such a
    /// tensor throws when it meets a tape, because its gradient would be lost silently.
    /// </summary>
    internal bool IsDetachedFromParameter { get; set; }

    /// <summary>True if this plain tensor is a parameter's value or was computed from one.</summary>
    internal bool IsFromParameter => IsDetachedFromParameter || (Parameter is not null && Tape is null);

    /// <summary>
    /// True once a consumer has written its contribution into the gradient. All handles of a parameter share the
    /// parameter's slot.
    /// </summary>
    internal bool HasGradient
    {
        get => Parameter is { } parameter ? parameter.HasGradient : _hasGradient;
        set
        {
            if (Parameter is { } parameter) parameter.HasGradient = value;
            else _hasGradient = value;
        }
    }

    /// <summary>Puts this handle on a tape.</summary>
    internal Tensor On(Tape tape, bool requiresGradient)
    {
        Tape = tape;
        RequiresGradient = requiresGradient;
        return this;
    }

    /// <summary>Makes a cached parameter handle valid for the tape's current pass.</summary>
    internal void Renew(Arena arena, bool requiresGradient)
    {
        _epoch = arena.Epoch;
        RequiresGradient = requiresGradient;
    }

    /// <summary>
    /// The memory of the gradient. A parameter has its own. An activation rents it from its tape at the first use.
    /// </summary>
    internal Tensor GradientMemory =>
        Parameter is { } parameter ? parameter.GradientMemory : _gradient ??= Tape!.NewTensor(Shape, DType);

    /// <summary>
    /// Takes a cotangent as the gradient without a copy. Nobody adds to it: the ops that follow the result on the tape
    /// are not part of this backward pass.
    /// </summary>
    internal void AdoptGradient(Tensor cotangent) => _gradient = cotangent;

    /// <summary>A copy of the values outside any tape; no gradient flows through it.</summary>
    public Tensor Detach() => Clone();

    /// <summary>Computes the gradients of this scalar with respect to everything it was computed from.</summary>
    /// <exception cref="InvalidOperationException">
    /// The tensor is not a single value, rides on no recording tape, or a backward pass has already run.
    /// </exception>
    public void Backward()
    {
        if (Count != 1)
        {
            throw new InvalidOperationException($"Backward: expected a single value (a loss), got shape {Shape}. "
                + $"Reduce it (Sum, Mean) or call Backward(cotangent) with a tensor of that shape.");
        }

        RequireTape().Backward(this, cotangent: null);
    }

    /// <summary>Computes the gradients of Σ cotangent·this with respect to everything it was computed from.</summary>
    /// <param name="cotangent">dL/d(this): same shape and type as this tensor.</param>
    /// <exception cref="ArgumentException">Shape or type differ.</exception>
    /// <exception cref="InvalidOperationException">
    /// The tensor rides on no recording tape, or a backward pass has already run.
    /// </exception>
    public void Backward(Tensor cotangent)
    {
        ArgumentNullException.ThrowIfNull(cotangent);
        if (cotangent.Shape != Shape || cotangent.DType != DType)
        {
            throw new ArgumentException(
                $"Backward: expected a cotangent of {DType} with shape {Shape}, "
                + $"got {cotangent.DType} with shape {cotangent.Shape}.",
                nameof(cotangent));
        }

        RequireTape().Backward(this, cotangent);
    }

    private Tape RequireTape() => Tape ?? throw new InvalidOperationException("Backward: expected a result computed on "
        + "a tape, got a plain tensor. Enter the inputs through tape.Input(...) or tape.Watch(...).");
}
