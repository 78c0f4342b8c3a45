namespace Evenkeel.Nn;

/// <summary>Hyperbolic tangent, y = (eˣ - e⁻ˣ)/(eˣ + e⁻ˣ), for tensors of any shape.</summary>
public sealed class Tanh : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Tanh();
}
