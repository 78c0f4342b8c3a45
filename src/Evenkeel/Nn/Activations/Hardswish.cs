namespace Evenkeel.Nn;

/// <summary>
/// y = x·min(max(x + 3, 0), 6)/6, a <see cref="SiLU"/> of straight lines, for tensors of any shape. Source:
/// torch.nn.Hardswish.
/// </summary>
public sealed class Hardswish : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Hardswish();
}
