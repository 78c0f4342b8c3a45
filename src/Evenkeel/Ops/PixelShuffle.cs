namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// (..., C·r², H, W) as (..., C, H·r, W·r): each r² channels become the r by r values of one place (Shi et al.
    /// 2016). y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w]. The result is a copy.
    /// </summary>
    /// <param name="upscaleFactor">r, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is below 1.</exception>
    /// <exception cref="ArgumentException">
    /// There are fewer than three dimensions, or the channels are no multiple of r².
    /// </exception>
    public Tensor PixelShuffle(int upscaleFactor)
    {
        PixelShuffling.CheckFactor(upscaleFactor);
        long square = (long)upscaleFactor * upscaleFactor;
        int rank = Shape.Rank;
        if (rank < 3 || Shape[-3] % square != 0)
        {
            throw new ArgumentException(
                $"PixelShuffle: expected (..., C·{square}, H, W), got {Shape}. The channels are a multiple of the "
                + "factor's square.", nameof(upscaleFactor));
        }

        int r = upscaleFactor, channels = (int)(Shape[-3] / square), height = Shape[-2], width = Shape[-1];
        int groups = channels;
        for (int i = 0; i < rank - 3; i++) groups *= Shape[i];
        Shape result = Shape.With(-3, channels).With(-2, height * r).With(-1, width * r);
        return Reshape(new Shape(groups, r, r, height, width)).Permute(0, 3, 1, 4, 2).Reshape(result);
    }
}

/// <summary>The check that the op and its layer share.</summary>
internal static class PixelShuffling
{
    public static void CheckFactor(int upscaleFactor)
    {
        if (upscaleFactor >= 1) return;
        throw new ArgumentOutOfRangeException(
            nameof(upscaleFactor), $"PixelShuffle: expected a factor of 1 or more, got {upscaleFactor}.");
    }
}
