namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// min(max(x, 0), 6), element by element. The derivative is 0 at 0 and at 6. NaN stays NaN, and the derivative
    /// there is 1, as in PyTorch (Howard et al. 2017).
    /// </summary>
    public Tensor ReLU6() => ReLU6Op.Apply(this);
}

/// <summary><see cref="HardtanhOp"/> from 0 to 6.</summary>
internal sealed class ReLU6Op : UnaryElementwise<HardtanhOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "ReLU6";

    public static Tensor Apply(Tensor x) => Apply<ReLU6Op>("ReLU6", x, 0, 6);
}
