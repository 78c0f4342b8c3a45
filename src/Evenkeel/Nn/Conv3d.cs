using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Convolution over volumes, y = x ⋆ W + b, with x (N, in, D, H, W) or (in, D, H, W), W (out, in/groups, kd, kh, kw), b
/// (out), y (N, out, D', H', W'). D' = ⌊(D + 2·padding - dilation·(kd - 1) - 1)/stride⌋ + 1, H' and W' likewise.
/// Source: torch.nn.Conv3d.
/// </summary>
/// <remarks>Modes of padding, state-dict keys: see <see cref="ConvNd"/>.</remarks>
public sealed class Conv3d : ConvNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments and default start values, U(±1/√fan_in) with fan_in =
    /// in/groups·kd·kh·kw for the weight, then the bias. A size is an <c>int</c> or a tuple (depth, height, width).
    /// </summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output.</param>
    /// <param name="kernelSize">Size of the window.</param>
    /// <param name="stride">Steps of the window; null for 1.</param>
    /// <param name="padding">
    /// What is added around the input, on each side with <see cref="Padding.Sides"/>; <see cref="Padding.Same"/> or
    /// <see cref="Padding.Valid"/>.
    /// </param>
    /// <param name="dilation">Distance of the window's points; null for 1.</param>
    /// <param name="groups">
    /// Number of groups of channels. A depthwise convolution has as many groups as channels.
    /// </param>
    /// <param name="bias">False if a normalization layer follows: it removes the bias again.</param>
    /// <param name="paddingMode">What stands where the padding is: zeros, or values of the input.</param>
    /// <param name="random">
    /// The stream of the start values. Null: a stream of the layer's own, which depends on the order in which layers
    /// are made in the process.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or the padding negative.</exception>
    /// <exception cref="ArgumentException">
    /// The groups do not divide the channels, <see cref="Padding.Same"/> meets a stride, or the padding is not one of
    /// volumes.
    /// </exception>
    public Conv3d(
        int inChannels, int outChannels, Size3 kernelSize, Size3? stride = null, Padding padding = default,
        Size3? dilation = null, int groups = 1, bool bias = true, PaddingMode paddingMode = PaddingMode.Zeros,
        IRandomStream? random = null)
        : base(ConvolutionSettings.Volumes(stride, padding, dilation, groups) with { Mode = paddingMode },
            inChannels, outChannels, kernelSize, bias, random)
    {
    }

    /// <summary>Size of the window.</summary>
    public Size3 KernelSize => Kernel;

    /// <summary>Steps of the window.</summary>
    public Size3 Stride => Settings.Stride;

    /// <summary>Distance of the window's points.</summary>
    public Size3 Dilation => Settings.Dilation;
}
