using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Computes the weight of a layer from parameters that are trained in its place. It stands below the layer under
/// PyTorch's name, <c>parametrizations.weight</c>, and the layer's own <c>weight</c> is no parameter of it meanwhile.
/// </summary>
internal abstract class WeightParametrization : Module, IParameterSource, IInitializable
{
    /// <summary>The place below the layer.</summary>
    public const string Place = "parametrizations.weight";

    /// <inheritdoc/>
    public abstract Parameter Raw { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Parameter> Trained => [.. OwnParameters.Values];

    /// <summary>
    /// The keys of PyTorch's older functions (<c>torch.nn.utils.weight_norm</c>, <c>spectral_norm</c>), relative to the
    /// layer, and those here.
    /// </summary>
    public abstract IReadOnlyList<(string Old, string New)> OlderKeys { get; }

    /// <inheritdoc/>
    public abstract Tensor Compute(Tape? tape);

    /// <inheritdoc/>
    public abstract void SetStartValues(Init init, IRandomStream random);

    /// <summary>A parameter as a pass uses it.</summary>
    protected static Tensor On(Tape? tape, Parameter parameter) =>
        tape is null ? parameter.Value : tape.Watch(parameter);

    /// <inheritdoc/>
    protected sealed override Tensor ForwardCore(Tensor x) => throw new NotSupportedException(
        $"{TypeName}.Forward: expected no call; it computes the weight of its layer. Call the layer's Forward.");
}
