namespace Evenkeel.Nn;

/// <summary>
/// Gated linear unit, y = a·σ(b), where a and b are the halves of x along one dimension, which y has half as large.
/// Source: Dauphin et al. 2016, torch.nn.GLU.
/// </summary>
public sealed class GLU : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="dim">The dimension to halve; negative ones count from the end.</param>
    public GLU(int dim = -1) => Dim = dim;

    /// <summary>The dimension to halve.</summary>
    public int Dim { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.GLU(Dim);

    /// <inheritdoc/>
    public override string ToString() => $"GLU(dim={Dim})";
}
