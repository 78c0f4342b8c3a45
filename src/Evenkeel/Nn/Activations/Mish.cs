namespace Evenkeel.Nn;

/// <summary>y = x·tanh(ln(1 + eˣ)), for tensors of any shape. Source: torch.nn.Mish.</summary>
public sealed class Mish : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Mish();
}
