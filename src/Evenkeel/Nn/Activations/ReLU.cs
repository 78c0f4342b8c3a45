namespace Evenkeel.Nn;

/// <summary>
/// Rectified linear unit, y = max(x, 0), for tensors of any shape. The derivative is 0 at 0
/// and 1 at NaN, as in PyTorch.
/// </summary>
public sealed class ReLU : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.ReLU();
}
