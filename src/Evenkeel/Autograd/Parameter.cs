using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Evenkeel;

/// <summary>
/// A trainable tensor with the gradient that passes add up in it. Its identity stays when its element type changes.
/// </summary>
[DebuggerDisplay("Parameter {Name} {Value}")]
public sealed class Parameter
{
    private Tensor? _gradient;

    /// <summary>Makes a parameter of a tensor outside any tape; the tensor's memory becomes the parameter's.</summary>
    /// <exception cref="ArgumentException">The tensor rides on a tape or holds integers.</exception>
    public Parameter(Tensor value, string name = "")
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Tape is not null)
            throw new ArgumentException("Parameter: expected a tensor outside any tape, got an activation. Clone() it first.", nameof(value));
        if (!value.DType.IsFloatingPoint())
            throw new ArgumentException($"Parameter: expected a floating-point tensor, got {value.DType}. Convert it with To(DType).", nameof(value));
        Value = Owned(value);
        Name = name;
    }

    /// <summary>The name it was registered under; the last part of its state-dict key.</summary>
    public string Name { get; internal set; }

    /// <summary>The current value.</summary>
    public Tensor Value { get; private set; }

    /// <summary>The shape of the value and of the gradient.</summary>
    public Shape Shape => Value.Shape;

    /// <summary>The element type of the value and of the gradient.</summary>
    public DType DType => Value.DType;

    /// <summary>True unless switched off: a pass then computes no gradient for it.</summary>
    public bool RequiresGradient { get; set; } = true;

    /// <summary>
    /// The sum of the gradients of all passes since <see cref="ZeroGrad"/>, or null where there is none. Its memory belongs to the parameter and is reused.
    /// </summary>
    public Tensor? Gradient => HasGradient ? _gradient : null;

    /// <summary>True once a pass has written a gradient.</summary>
    internal bool HasGradient { get; set; }

    /// <summary>Marks the gradient empty; the next pass overwrites it.</summary>
    public void ZeroGrad() => HasGradient = false;

    /// <summary>The memory of the gradient, whether it is filled or not.</summary>
    internal Tensor GradientMemory => _gradient ??= Tensor.Empty(Shape, DType);

    /// <summary>Converts value and gradient to another element type, in place: the parameter keeps its identity.</summary>
    public void To(DType dtype)
    {
        if (dtype == DType) return;
        Value = Owned(Value.To(dtype));
        _gradient = HasGradient ? _gradient!.To(dtype) : null;
    }

    /// <summary>Takes another parameter's memory as its value: what is written into one is the other's too, while each has a gradient of its own.</summary>
    internal void ShareValueOf(Parameter other)
    {
        if (Value.SharesMemoryWith(other.Value) && DType == other.DType) return;
        if (DType != other.DType) _gradient = null;
        HasGradient = false;
        Value = Owned(other.Value.Alias(other.Shape, arena: null));
    }

    /// <summary>A parameter is used like a tensor; meeting a taped tensor, it joins that tape.</summary>
    [return: NotNullIfNotNull(nameof(parameter))]
    public static implicit operator Tensor?(Parameter? parameter) => parameter?.Value;

    /// <summary>Name, shape and type.</summary>
    public override string ToString() => $"{(Name.Length == 0 ? "Parameter" : Name)} {Shape} {DType}";

    private Tensor Owned(Tensor value)
    {
        Tensor owned = value.Parameter is null ? value : value.Clone();
        owned.Parameter = this;
        owned.IsDetachedFromParameter = false;
        return owned;
    }
}
