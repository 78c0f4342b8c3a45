using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Convolution over rows, y = x ⋆ W + b, with x (N, in, L) or (in, L), W (out, in/groups, k), b (out), y (N, out, L').
/// L' = ⌊(L + 2·padding - dilation·(k - 1) - 1)/stride⌋ + 1. Source: torch.nn.Conv1d.
/// </summary>
/// <remarks>Modes of padding, state-dict keys: see <see cref="ConvNd"/>.</remarks>
public sealed class Conv1d : ConvNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments and default start values, U(±1/√fan_in) with fan_in = in/groups·k for
    /// the weight, then the bias.
    /// </summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output.</param>
    /// <param name="kernelSize">Size of the window.</param>
    /// <param name="stride">Step of the window.</param>
    /// <param name="padding">
    /// What is added at both ends, at each with <see cref="Padding.Sides"/>; <see cref="Padding.Same"/> or <see
    /// cref="Padding.Valid"/>.
    /// </param>
    /// <param name="dilation">Distance of the window's points.</param>
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
    /// rows.
    /// </exception>
    public Conv1d(
        int inChannels, int outChannels, int kernelSize, int stride = 1, Padding padding = default,
        int dilation = 1, int groups = 1, bool bias = true, PaddingMode paddingMode = PaddingMode.Zeros,
        IRandomStream? random = null)
        : base(ConvolutionSettings.Rows(stride, padding, dilation, groups) with { Mode = paddingMode },
            inChannels, outChannels, (1, 1, kernelSize), bias, random)
    {
    }

    /// <summary>Size of the window.</summary>
    public int KernelSize => Kernel.Width;

    /// <summary>Step of the window.</summary>
    public int Stride => Settings.Stride.Width;

    /// <summary>Distance of the window's points.</summary>
    public int Dilation => Settings.Dilation.Width;
}
