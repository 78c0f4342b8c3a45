namespace Evenkeel.Nn;

/// <summary>
/// y = min(max(x + 3, 0), 6)/6, a sigmoid of straight lines, for tensors of any shape. Source: torch.nn.Hardsigmoid.
/// </summary>
public sealed class Hardsigmoid : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Hardsigmoid();
}
