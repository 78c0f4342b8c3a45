namespace Evenkeel.Nn;

/// <summary>
/// Gaussian error linear unit, y = x·Φ(x) = x/2·(1 + erf(x/√2)), for tensors of any shape. Source:
/// Hendrycks and Gimpel 2016, torch.nn.GELU.
/// </summary>
public sealed class GELU : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="approximate">
    /// True computes y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), PyTorch's <c>approximate='tanh'</c>.
    /// </param>
    public GELU(bool approximate = false) => Approximate = approximate;

    /// <summary>Whether tanh stands for erf.</summary>
    public bool Approximate { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.GELU(Approximate);

    /// <inheritdoc/>
    public override string ToString() => $"GELU(approximate='{(Approximate ? "tanh" : "none")}')";
}
