using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Convolution over planes, y = x ⋆ W + b, with x (N, in, H, W) or (in, H, W), W (out, in/groups, kh, kw), b (out), y
/// (N, out, H', W'). H' = ⌊(H + 2·padding - dilation·(kh - 1) - 1)/stride⌋ + 1, W' likewise. Source: torch.nn.Conv2d.
/// </summary>
/// <remarks>Modes of padding, state-dict keys: see <see cref="ConvNd"/>.</remarks>
public sealed class Conv2d : ConvNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments and default start values, U(±1/√fan_in) with fan_in = in/groups·kh·kw
    /// for the weight, then the bias. A size is an <c>int</c> or a tuple (height, width).
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
    /// planes.
    /// </exception>
    public Conv2d(
        int inChannels, int outChannels, Size2 kernelSize, Size2? stride = null, Padding padding = default,
        Size2? dilation = null, int groups = 1, bool bias = true, PaddingMode paddingMode = PaddingMode.Zeros,
        IRandomStream? random = null)
        : base(ConvolutionSettings.Planes(stride, padding, dilation, groups) with { Mode = paddingMode },
            inChannels, outChannels, ConvolutionSettings.AsVolume(kernelSize), bias, random)
    {
    }

    /// <summary>Size of the window.</summary>
    public Size2 KernelSize => new(Kernel.Height, Kernel.Width);

    /// <summary>Steps of the window.</summary>
    public Size2 Stride => new(Settings.Stride.Height, Settings.Stride.Width);

    /// <summary>Distance of the window's points.</summary>
    public Size2 Dilation => new(Settings.Dilation.Height, Settings.Dilation.Width);
}
