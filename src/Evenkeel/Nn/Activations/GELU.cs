namespace Evenkeel.Nn;

/// <summary>
/// Gaussian error linear unit, y = x·Φ(x) = x/2·(1 + erf(x/√2)), for tensors of any shape. Source:
/// Hendrycks and Gimpel 2016.
/// </summary>
public sealed class GELU : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.GELU();

    /// <inheritdoc/>
    public override string ToString() => "GELU(approximate='none')";
}
