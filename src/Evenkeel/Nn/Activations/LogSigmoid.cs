namespace Evenkeel.Nn;

/// <summary>
/// y = ln(1/(1 + e⁻ˣ)), for tensors of any shape: the logarithm of <see cref="Sigmoid"/> without its loss of
/// precision. Source: torch.nn.LogSigmoid.
/// </summary>
public sealed class LogSigmoid : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.LogSigmoid();
}
