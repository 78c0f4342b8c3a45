namespace Evenkeel.Nn;

/// <summary>
/// Largest values over as even windows as there are outputs: output o takes the slices from floor(o·D/out)
/// up to ceil((o + 1)·D/out), rows and columns alike. With an output of 1 it is the largest value of each volume,
/// so that a network takes inputs of any size.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, D, H, W) or (C, D, H, W); output: the same with D, H and W replaced by the output size.</para>
/// <para>NaN wins. The gradient goes to the first of equal values.</para>
/// <para>Source: torch.nn.AdaptiveMaxPool3d.</para>
/// </remarks>
public sealed class AdaptiveMaxPool3d : AdaptivePoolNd
{
    /// <summary>Creates the layer with a cubic output.</summary>
    /// <param name="outputSize">Slices, rows and columns of the output, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public AdaptiveMaxPool3d(int outputSize)
        : base("AdaptiveMaxPool3d", 3, (outputSize, outputSize, outputSize), isOneNumber: true)
    {
    }

    /// <summary>Creates the layer with an output of any sides.</summary>
    /// <param name="outputSize">Slices, rows and columns of the output, 1 or more; null keeps the input's.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public AdaptiveMaxPool3d((int? Depth, int? Height, int? Width) outputSize)
        : base("AdaptiveMaxPool3d", 3, outputSize, isOneNumber: false)
    {
    }

    /// <summary>Slices, rows and columns of the output; null keeps the input's.</summary>
    public (int? Depth, int? Height, int? Width) OutputSize => Sizes;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => MaxPoolOp.ApplyAdaptive(LayerName, 3, Sizes, x);
}
