namespace Evenkeel.Nn;

/// <summary>Logistic function, y = 1/(1 + e⁻ˣ), for tensors of any shape.</summary>
public sealed class Sigmoid : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Sigmoid();
}
