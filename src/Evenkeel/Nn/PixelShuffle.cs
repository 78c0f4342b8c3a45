namespace Evenkeel.Nn;

/// <summary>
/// Channels as pixels: (N, C·r², H, W) becomes (N, C, H·r, W·r) with y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w].
/// Source: Shi et al. 2016, torch.nn.PixelShuffle.
/// </summary>
public sealed class PixelShuffle : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="upscaleFactor">r, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is below 1.</exception>
    public PixelShuffle(int upscaleFactor)
    {
        PixelShuffling.CheckFactor(upscaleFactor);
        UpscaleFactor = upscaleFactor;
    }

    /// <summary>r: rows and columns per row and column of the input.</summary>
    public int UpscaleFactor { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.PixelShuffle(UpscaleFactor);

    /// <inheritdoc/>
    public override string ToString() => $"PixelShuffle(upscale_factor={UpscaleFactor})";
}
