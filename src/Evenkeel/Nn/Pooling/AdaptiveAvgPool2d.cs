namespace Evenkeel.Nn;

/// <summary>
/// Means over as even windows as there are outputs: output o takes the rows from floor(o·H/out) up to
/// ceil((o + 1)·H/out), and columns alike. With an output of 1 it is the mean of each plane, so that a
/// network takes images of any size.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W) or (C, H, W); output: the same with H and W replaced by the output size.</para>
/// <para>Source: torch.nn.AdaptiveAvgPool2d.</para>
/// </remarks>
public sealed class AdaptiveAvgPool2d : Module
{
    private readonly bool _pair;

    /// <summary>Creates the layer with a square output.</summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public AdaptiveAvgPool2d(int outputSize)
        : this((outputSize, outputSize)) => _pair = false;

    /// <summary>Creates the layer with an output of any sides.</summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more; null keeps the input's.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public AdaptiveAvgPool2d((int? Height, int? Width) outputSize)
    {
        AveragePoolOp.CheckAdaptive(outputSize);
        OutputSize = outputSize;
        _pair = true;
    }

    /// <summary>Rows and columns of the output; null keeps the input's.</summary>
    public (int? Height, int? Width) OutputSize { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => AveragePoolOp.ApplyAdaptive(x, OutputSize);

    /// <inheritdoc/>
    public override string ToString() =>
        $"AdaptiveAvgPool2d(output_size="
        + $"{(_pair ? $"({Text(OutputSize.Height)}, {Text(OutputSize.Width)})" : Text(OutputSize.Width))})";

    private static string Text(int? size) => size is { } value ? $"{value}" : "None";
}
