using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Evenkeel;

/// <summary>The part that a parameter plays in its layer. Its shape does not show it.</summary>
public enum ParameterRole
{
    /// <summary>None of the others, for example the slope of an activation.</summary>
    Other,

    /// <summary>
    /// The weights of a linear map, a convolution or an embedding. They start with random values and are subject to
    /// weight decay.
    /// </summary>
    Weight,

    /// <summary>A bias: a layer with weights adds it to its output.</summary>
    Bias,

    /// <summary>gamma: a normalization layer multiplies by it.</summary>
    NormScale,

    /// <summary>beta: a normalization layer adds it.</summary>
    NormShift,
}

/// <summary>
/// A trainable tensor and its gradient, the sum over all passes. It stays the same object when its element type
/// changes. It is used like a tensor: operators, methods and arguments take it (<c>x * gamma + beta</c>,
/// <c>gamma.Square()</c>).
/// </summary>
[DebuggerDisplay("Parameter {Name} {Value}")]
public sealed partial class Parameter
{
    private Tensor? _gradient;
    private Tensor? _value;
    private ParameterRole? _role;

    /// <summary>A parameter whose value is computed.</summary>
    internal Parameter(IParameterSource source, string name, ParameterRole? role) =>
        (Source, Name, _role) = (source, name, role);

    /// <summary>Makes a parameter of a tensor outside any tape. The parameter takes over the tensor's memory.</summary>
    /// <param name="value">The start value.</param>
    /// <param name="name">The name. If it is empty, the parameter takes the name under which it is registered.</param>
    /// <param name="role">The part it plays in its layer; if null, the name decides (see <see cref="Role"/>).</param>
    /// <exception cref="ArgumentException">The tensor rides on a tape or holds integers.</exception>
    public Parameter(Tensor value, string name = "", ParameterRole? role = null)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Tape is not null)
        {
            throw new ArgumentException(
                "Parameter: expected a tensor outside any tape, got an activation. Clone() it first.", nameof(value));
        }

        if (!value.DType.IsFloatingPoint())
        {
            throw new ArgumentException(
                $"Parameter: expected a floating-point tensor, got {value.DType}. Convert it with To(DType).",
                nameof(value));
        }

        Value = Owned(value);
        Name = name;
        _role = role;
    }

    /// <summary>The name under which it was registered; the last part of its state-dict key.</summary>
    public string Name { get; internal set; }

    /// <summary>
    /// The part that the parameter plays in its layer, as given when it was made or registered. Weight decay, the L2
    /// penalty and start values depend on it.
    /// </summary>
    /// <remarks>
    /// If no role was given, the name decides: <c>bias</c> is a bias, <c>gamma</c> the scale of a norm, <c>beta</c> the
    /// shift of a norm. With any other name a parameter of two dimensions or more is a weight; a vector or a scalar is
    /// <see cref="ParameterRole.Other"/>.
    /// </remarks>
    public ParameterRole Role => _role ?? Name switch
    {
        "bias" => ParameterRole.Bias,
        "gamma" => ParameterRole.NormScale,
        "beta" => ParameterRole.NormShift,
        _ => Shape.Rank >= 2 ? ParameterRole.Weight : ParameterRole.Other,
    };

    /// <summary>The role that was given; null if none was.</summary>
    internal ParameterRole? GivenRole => _role;

    /// <summary>
    /// The current value. That of a parametrized weight (<c>AddWeightNorm</c>) is computed by each call: writing into
    /// it changes nothing.
    /// </summary>
    public Tensor Value
    {
        get => Source is null ? _value! : Owned(Source.Compute(tape: null));
        private set => _value = value;
    }

    /// <summary>What computes the value; null for an ordinary parameter, which holds it.</summary>
    internal IParameterSource? Source { get; private set; }

    /// <summary>The shape of the value and of the gradient.</summary>
    public Shape Shape => Source is null ? Value.Shape : Source.Raw.Shape;

    /// <summary>Number of elements.</summary>
    public int Count => Shape.Count;

    /// <summary>The element type of the value and of the gradient.</summary>
    public DType DType => Source is null ? Value.DType : Source.Raw.DType;

    /// <summary>
    /// False if a pass computes no gradient for this parameter (it is frozen). Default: true. Of a parametrized weight
    /// it is that of what is trained in its place.
    /// </summary>
    public bool RequiresGradient
    {
        get => Source is null ? field : Source.Trained.Any(static parameter => parameter.RequiresGradient);
        set
        {
            field = value;
            if (Source is null) return;
            foreach (Parameter parameter in Source.Trained) parameter.RequiresGradient = value;
        }
    } = true;

    /// <summary>
    /// The sum of the gradients of all passes since <see cref="ZeroGrad"/>, or null if no pass has written one. Its
    /// memory belongs to the parameter and is reused.
    /// </summary>
    public Tensor? Gradient => HasGradient ? _gradient : null;

    /// <summary>True once a pass has written a gradient.</summary>
    internal bool HasGradient { get; set; }

    /// <summary>Marks the gradient empty; the next pass overwrites it.</summary>
    public void ZeroGrad() => HasGradient = false;

    /// <summary>The memory of the gradient, filled or empty.</summary>
    internal Tensor GradientMemory => _gradient ??= Tensor.Empty(Shape, DType);

    /// <summary>
    /// Converts value and gradient to another element type, in place. The parameter stays the same object.
    /// </summary>
    public void To(DType dtype)
    {
        if (Source is not null || dtype == DType) return;
        Value = Owned(Value.To(dtype));
        _gradient = HasGradient ? _gradient!.To(dtype) : null;
    }

    /// <summary>Sets the role of an existing parameter. A tied parameter has the same role in all its layers.</summary>
    /// <exception cref="ArgumentException">The parameter already has another role.</exception>
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

    /// <summary>Has the value computed from now on; what it was is let go, and so is the gradient.</summary>
    internal void ComputeBy(IParameterSource source) => (Source, _value, _gradient, HasGradient) =
        (source, null, null, false);

    /// <summary>Holds what is computed now, as an ordinary parameter.</summary>
    internal void HoldComputed()
    {
        (Tensor value, bool requiresGradient) = (Value, RequiresGradient);
        (Source, _value, RequiresGradient) = (null, value, requiresGradient);
    }

    /// <summary>
    /// Takes another parameter's memory as the value. Both then have the same values, but each has a gradient of its
    /// own.
    /// </summary>
    internal void ShareValueOf(Parameter other)
    {
        if (Value.SharesMemoryWith(other.Value) && DType == other.DType) return;
        if (DType != other.DType) _gradient = null;
        HasGradient = false;
        Value = Owned(other.Value.Alias(other.Shape, arena: null));
    }

    /// <summary>A parameter converts to its value. When it meets a taped tensor, it joins that tape.</summary>
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
