namespace Evenkeel.Nn;

/// <summary>
/// y = scale·x for x &gt; 0, scale·alpha·(eˣ - 1) elsewhere, with scale = 1.0507009873554805 and alpha =
/// 1.6732632423543772, for tensors of any shape. Source: torch.nn.SELU.
/// </summary>
public sealed class SELU : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.SELU();
}
