using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Transposed convolution over rows, y = Aᵀ·x + b, with x (N, in, L) or (in, L), W (in, out/groups, k), b (out), y (N,
/// out, L'). L' = (L - 1)·stride - 2·padding + dilation·(k - 1) + outputPadding + 1. Source: torch.nn.ConvTranspose1d.
/// </summary>
/// <remarks>The map, start values and state-dict keys: see <see cref="ConvTransposeNd"/>.</remarks>
public sealed class ConvTranspose1d : ConvTransposeNd
{
    /// <summary>Creates the layer with PyTorch's arguments and default start values.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output.</param>
    /// <param name="kernelSize">Size of the window.</param>
    /// <param name="stride">Distance between the places of neighbouring values.</param>
    /// <param name="padding">Results that are cut off at both ends, at each with <see cref="Padding.Sides"/>.</param>
    /// <param name="outputPadding">Results that are added at the end; below the stride or the dilation.</param>
    /// <param name="groups">Number of groups of channels.</param>
    /// <param name="bias">False if a normalization layer follows: it removes the bias again.</param>
    /// <param name="dilation">Distance of the window's points.</param>
    /// <param name="random">
    /// The stream of the start values. Null: a stream of the layer's own, which depends on the order in which layers
    /// are made in the process.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is below 1, the padding negative, or the output padding neither below the stride nor below the dilation.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The groups do not divide the channels, or the padding is not one of rows.
    /// </exception>
    public ConvTranspose1d(
        int inChannels, int outChannels, int kernelSize, int stride = 1, Padding padding = default,
        int outputPadding = 0, int groups = 1, bool bias = true, int dilation = 1,
        IRandomStream? random = null)
        : base(
            ConvolutionSettings.Rows(stride, padding, dilation, groups) with
            {
                IsTransposed = true,
                OutputPadding = (0, 0, outputPadding),
            },
            inChannels, outChannels, (1, 1, kernelSize), bias, random)
    {
    }

    /// <summary>Size of the window.</summary>
    public int KernelSize => Kernel.Width;

    /// <summary>Distance between the places of neighbouring values.</summary>
    public int Stride => Settings.Stride.Width;

    /// <summary>Distance of the window's points.</summary>
    public int Dilation => Settings.Dilation.Width;

    /// <summary>Results that are added at the end.</summary>
    public int OutputPadding => Settings.OutputPadding.Width;
}
