namespace Evenkeel.Nn;

/// <summary>yᵢ = e^xᵢ / Σⱼ e^xⱼ along one axis: probabilities. Source: torch.nn.Softmax.</summary>
public sealed class Softmax : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="dim">The axis to normalize over; -1 is the innermost.</param>
    public Softmax(int dim = -1) => Dim = dim;

    /// <summary>The axis to normalize over.</summary>
    public int Dim { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Softmax(Dim);

    /// <inheritdoc/>
    public override string ToString() => $"Softmax(dim={Dim})";
}
