namespace Evenkeel.Nn;

/// <summary>
/// y = min(max(x, 0), 6), for tensors of any shape. The derivative is 0 at 0 and at 6. Source: torch.nn.ReLU6.
/// </summary>
public sealed class ReLU6 : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.ReLU6();
}
