using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Transposed convolution over volumes, y = Aᵀ·x + b, with x (N, in, D, H, W) or (in, D, H, W), W (in, out/groups, kd,
/// kh, kw), b (out), y (N, out, D', H', W'). D' = (D - 1)·stride - 2·padding + dilation·(kd - 1) + outputPadding + 1,
/// H' and W' likewise. Source: torch.nn.ConvTranspose3d.
/// </summary>
/// <remarks>The map, start values and state-dict keys: see <see cref="ConvTransposeNd"/>.</remarks>
public sealed class ConvTranspose3d : ConvTransposeNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments and default start values. A size is an <c>int</c> or a tuple (depth,
    /// height, width).
    /// </summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output.</param>
    /// <param name="kernelSize">Size of the window.</param>
    /// <param name="stride">Distance between the places of neighbouring values; null for 1.</param>
    /// <param name="padding">Results that are cut off on all sides, at each with <see cref="Padding.Sides"/>.</param>
    /// <param name="outputPadding">
    /// Results that are added behind, below and on the right; below the stride or the dilation.
    /// </param>
    /// <param name="groups">Number of groups of channels.</param>
    /// <param name="bias">False if a normalization layer follows: it removes the bias again.</param>
    /// <param name="dilation">Distance of the window's points; null for 1.</param>
    /// <param name="random">
    /// The stream of the start values. Null: a stream of the layer's own, which depends on the order in which layers
    /// are made in the process.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is below 1, the padding negative, or the output padding neither below the stride nor below the dilation.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The groups do not divide the channels, or the padding is not one of volumes.
    /// </exception>
    public ConvTranspose3d(
        int inChannels, int outChannels, Size3 kernelSize, Size3? stride = null, Padding padding = default,
        Size3 outputPadding = default, int groups = 1, bool bias = true, Size3? dilation = null,
        IRandomStream? random = null)
        : base(
            ConvolutionSettings.Volumes(stride, padding, dilation, groups) with
            {
                IsTransposed = true,
                OutputPadding = outputPadding,
            },
            inChannels, outChannels, kernelSize, bias, random)
    {
    }

    /// <summary>Size of the window.</summary>
    public Size3 KernelSize => Kernel;

    /// <summary>Distance between the places of neighbouring values.</summary>
    public Size3 Stride => Settings.Stride;

    /// <summary>Distance of the window's points.</summary>
    public Size3 Dilation => Settings.Dilation;

    /// <summary>Results that are added behind, below and on the right.</summary>
    public Size3 OutputPadding => Settings.OutputPadding;
}
