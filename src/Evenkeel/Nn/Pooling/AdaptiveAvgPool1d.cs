namespace Evenkeel.Nn;

/// <summary>
/// Means over as even windows as there are outputs: output o takes the values from floor(o·L/out) up to
/// ceil((o + 1)·L/out). With an output of 1 it is the mean of each row,
/// so that a network takes inputs of any size.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, L) or (C, L); output: the same with L replaced by the output size.</para>
/// <para>Source: torch.nn.AdaptiveAvgPool1d.</para>
/// </remarks>
public sealed class AdaptiveAvgPool1d : AdaptivePoolNd
{
    /// <summary>Creates the layer with PyTorch's argument.</summary>
    /// <param name="outputSize">Values of the output, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public AdaptiveAvgPool1d(int outputSize)
        : base("AdaptiveAvgPool1d", 1, (1, 1, outputSize), isOneNumber: true)
    {
    }

    /// <summary>Values of the output.</summary>
    public int OutputSize => Sizes.Width!.Value;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => AveragePoolOp.ApplyAdaptive(LayerName, 1, Sizes, x);
}
