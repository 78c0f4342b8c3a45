using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Evenkeel;

/// <summary>What a parameter is to its layer; its shape does not say.</summary>
public enum ParameterRole
{
    /// <summary>None of the others, for example the slope of an activation.</summary>
    Other,

    /// <summary>
    /// The weights of a linear map, a convolution or an embedding: drawn at the start, and subject to weight decay.
    /// </summary>
    Weight,

    /// <summary>What a layer with weights adds to its output.</summary>
    Bias,

    /// <summary>gamma, by which a normalization layer multiplies.</summary>
    NormScale,

    /// <summary>beta, which a normalization layer adds.</summary>
    NormShift,
}

/// <summary>
/// A trainable tensor with the gradient that passes add up in it. Its identity stays when its element type changes.
/// It is used like a tensor: operators, methods and arguments take it (<c>x * gamma + beta</c>, <c>gamma.Square()</c>).
/// </summary>
[DebuggerDisplay("Parameter {Name} {Value}")]
public sealed partial class Parameter
{
    private Tensor? _gradient;
    private ParameterRole? _role;

    /// <summary>Makes a parameter of a tensor outside any tape; the tensor's memory becomes the parameter's.</summary>
    /// <param name="value">The start value.</param>
    /// <param name="name">The name; one without a name takes that under which it is registered.</param>
    /// <param name="role">What it is to its layer; null: see <see cref="Role"/>.</param>
    /// <exception cref="ArgumentException">The tensor rides on a tape or holds integers.</exception>
    public Parameter(Tensor value, string name = "", ParameterRole? role = null)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Tape is not null)
            throw new ArgumentException("Parameter: expected a tensor outside any tape, got an activation. Clone() it first.", nameof(value));
        if (!value.DType.IsFloatingPoint())
            throw new ArgumentException($"Parameter: expected a floating-point tensor, got {value.DType}. Convert it with To(DType).", nameof(value));
        Value = Owned(value);
        Name = name;
        _role = role;
    }

    /// <summary>The name it was registered under; the last part of its state-dict key.</summary>
    public string Name { get; internal set; }

    /// <summary>
    /// What the parameter is to its layer, as was said when it was made or registered. It decides about weight decay,
    /// the L2 penalty and start values.
    /// </summary>
    /// <remarks>
    /// If nothing was said, the name decides: <c>bias</c> is a bias, <c>gamma</c> a norm's scale, <c>beta</c> a norm's
    /// shift. With any other name a parameter of two dimensions or more is a weight; a vector or a scalar is
    /// <see cref="ParameterRole.Other"/>.
    /// </remarks>
    public ParameterRole Role => _role ?? Name switch
    {
        "bias" => ParameterRole.Bias,
        "gamma" => ParameterRole.NormScale,
        "beta" => ParameterRole.NormShift,
        _ => Shape.Rank >= 2 ? ParameterRole.Weight : ParameterRole.Other,
    };

    /// <summary>The role that was said; null if none was.</summary>
    internal ParameterRole? GivenRole => _role;

    /// <summary>The current value.</summary>
    public Tensor Value { get; private set; }

    /// <summary>The shape of the value and of the gradient.</summary>
    public Shape Shape => Value.Shape;

    /// <summary>Number of elements.</summary>
    public int Count => Value.Count;

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

    /// <summary>Says the role of a parameter that exists already; a tied one has the same role everywhere.</summary>
    /// <exception cref="ArgumentException">Another role was said before.</exception>
    internal void SayRole(string owner, ParameterRole role)
    {
        if (_role is { } known && known != role)
        {
            throw new ArgumentException(
                $"{owner}: expected the role {known} for {this}, which it was given before, got {role}. "
                + "A tied parameter has one role; register it with that role, or without one.", nameof(role));
        }

        _role = role;
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
