namespace Evenkeel.Nn;

/// <summary>
/// y = x for x &gt; 0, alpha·(eˣ - 1) elsewhere, for tensors of any shape. Source: torch.nn.ELU.
/// </summary>
public sealed class ELU : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="alpha">The negative limit of y is -alpha.</param>
    /// <exception cref="ArgumentOutOfRangeException">alpha is not finite.</exception>
    public ELU(double alpha = 1)
    {
        ELUOp.CheckAlpha(alpha);
        Alpha = alpha;
    }

    /// <summary>The negative limit of y is -alpha.</summary>
    public double Alpha { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.ELU(Alpha);

    /// <inheritdoc/>
    public override string ToString() => $"ELU(alpha={PythonNumber.Format(Alpha)})";
}
