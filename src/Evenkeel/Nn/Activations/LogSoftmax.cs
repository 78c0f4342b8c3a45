namespace Evenkeel.Nn;

/// <summary>
/// yᵢ = xᵢ - ln Σⱼ e^xⱼ along one axis: the logarithm of <see cref="Softmax"/>, without its loss of precision.
/// Source: torch.nn.LogSoftmax.
/// </summary>
public sealed class LogSoftmax : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="dim">The axis to normalize over; -1 is the innermost.</param>
    public LogSoftmax(int dim = -1) => Dim = dim;

    /// <summary>The axis to normalize over.</summary>
    public int Dim { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.LogSoftmax(Dim);

    /// <inheritdoc/>
    public override string ToString() => $"LogSoftmax(dim={Dim})";
}
