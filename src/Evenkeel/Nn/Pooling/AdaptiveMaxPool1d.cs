namespace Evenkeel.Nn;

/// <summary>
/// Largest values over as even windows as there are outputs: output o takes the values from floor(o·L/out) up to
/// ceil((o + 1)·L/out). With an output of 1 it is the largest value of each row,
/// so that a network takes inputs of any size.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, L) or (C, L); output: the same with L replaced by the output size.</para>
/// <para>NaN wins. The gradient goes to the first of equal values.</para>
/// <para>Source: torch.nn.AdaptiveMaxPool1d.</para>
/// </remarks>
public sealed class AdaptiveMaxPool1d : AdaptivePoolNd
{
    /// <summary>Creates the layer with PyTorch's argument.</summary>
    /// <param name="outputSize">Values of the output, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public AdaptiveMaxPool1d(int outputSize)
        : base("AdaptiveMaxPool1d", 1, (1, 1, outputSize), isOneNumber: true)
    {
    }

    /// <summary>Values of the output.</summary>
    public int OutputSize => Sizes.Width!.Value;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => MaxPoolOp.ApplyAdaptive(LayerName, 1, Sizes, x);
}
