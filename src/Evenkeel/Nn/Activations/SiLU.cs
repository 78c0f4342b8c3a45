namespace Evenkeel.Nn;

/// <summary>y = x·σ(x) = x/(1 + e⁻ˣ), for tensors of any shape. Source: torch.nn.SiLU.</summary>
public sealed class SiLU : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.SiLU();
}
