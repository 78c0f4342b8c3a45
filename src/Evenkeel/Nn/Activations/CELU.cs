namespace Evenkeel.Nn;

/// <summary>
/// y = x for x &gt; 0, alpha·(e^(x/alpha) - 1) elsewhere, for tensors of any shape. Source: torch.nn.CELU.
/// </summary>
public sealed class CELU : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="alpha">The negative limit of y is -alpha; not 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">alpha is 0 or not finite.</exception>
    public CELU(double alpha = 1)
    {
        CELUOp.CheckAlpha(alpha);
        Alpha = alpha;
    }

    /// <summary>The negative limit of y is -alpha.</summary>
    public double Alpha { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.CELU(Alpha);

    /// <inheritdoc/>
    public override string ToString() => $"CELU(alpha={PythonNumber.Format(Alpha)})";
}
