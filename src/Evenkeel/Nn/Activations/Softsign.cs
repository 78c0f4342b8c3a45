namespace Evenkeel.Nn;

/// <summary>y = x/(1 + |x|), for tensors of any shape. Source: torch.nn.Softsign.</summary>
public sealed class Softsign : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Softsign();
}
