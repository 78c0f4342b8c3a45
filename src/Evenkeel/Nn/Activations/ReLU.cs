namespace Evenkeel.Nn;

/// <summary>Rectified linear unit, y = max(x, 0), for tensors of any shape. The derivative at 0 is 0.</summary>
public sealed class ReLU : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.ReLU();
}
