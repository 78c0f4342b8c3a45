namespace Evenkeel.Nn;

/// <summary>
/// Means over as even windows as there are outputs: output o takes the rows from floor(o·H/out)
/// up to ceil((o + 1)·H/out), and columns alike. With an output of 1 it is the mean of each plane,
/// so that a network takes inputs of any size.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W) or (C, H, W); output: the same with H and W replaced by the output size.</para>
/// <para>Source: torch.nn.AdaptiveAvgPool2d.</para>
/// </remarks>
public sealed class AdaptiveAvgPool2d : AdaptivePoolNd
{
    /// <summary>Creates the layer with a square output.</summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public AdaptiveAvgPool2d(int outputSize)
        : base("AdaptiveAvgPool2d", 2, (1, outputSize, outputSize), isOneNumber: true)
    {
    }

    /// <summary>Creates the layer with an output of any sides.</summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more; null keeps the input's.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public AdaptiveAvgPool2d((int? Height, int? Width) outputSize)
        : base("AdaptiveAvgPool2d", 2, (1, outputSize.Height, outputSize.Width), isOneNumber: false)
    {
    }

    /// <summary>Rows and columns of the output; null keeps the input's.</summary>
    public (int? Height, int? Width) OutputSize => (Sizes.Height, Sizes.Width);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => AveragePoolOp.ApplyAdaptive(LayerName, 2, Sizes, x);
}
