using System.Security.Cryptography;
using Evenkeel.Data;
using Xunit;

namespace Evenkeel.Tests.Data;

/// <summary>
/// Golden values from Pillow 9.4: <c>Image.resize((width, height), Image.BILINEAR)</c> of the picture that
/// <see cref="Create"/> draws, as planes.
/// </summary>
public sealed class ImageResizeTests
{
    [Fact]
    public void Small_pictures_are_those_of_Pillow()
    {
        Assert.Equal([91, 198, 136, 137, 121, 178, 138, 145, 76, 122, 81, 165],
            ImageResize.Bilinear(Create(1, 5, 7, 7), 3, 4).Pixels);
        Assert.Equal(
            [61, 90, 166, 229, 195, 160, 187, 223, 237, 37, 69, 153, 221, 176, 130, 124, 125, 125, 13, 49, 143, 219,
                172, 124, 85, 48, 34, 16, 54, 156, 244, 234, 224, 181, 133, 115, 66, 88, 145, 196, 199, 201, 188, 173,
                168, 115, 119, 130, 141, 147, 153, 171, 191, 199],
            ImageResize.Bilinear(Create(1, 4, 4, 7), 6, 9).Pixels);
        Assert.Equal([161, 147, 111, 94, 167, 139], ImageResize.Bilinear(Create(1, 3, 5, 7), 3, 2).Pixels);
        Assert.Equal([88, 204, 93, 159], ImageResize.Bilinear(Create(1, 6, 2, 7), 2, 2).Pixels);
    }

    [Theory]
    [InlineData(3, 37, 53, 32, 32, "4cb984381ffc01f1")]
    [InlineData(3, 106, 215, 32, 32, "99729fbd56f5665c")]
    [InlineData(3, 17, 13, 64, 50, "c2edb6987625e412")]
    [InlineData(1, 600, 800, 31, 57, "fcf166d6ab167b56")]
    [InlineData(3, 64, 64, 1, 1, "872090327ddc764b")]
    [InlineData(3, 1, 1, 5, 4, "0f8805208f6b05b6")]
    [InlineData(3, 32, 48, 32, 20, "38153cb676dcbb8d")]
    [InlineData(1, 28, 28, 29, 27, "32a7090aea1d13c0")]
    [InlineData(3, 237, 421, 33, 32, "a48aaa461ec68cd3")]
    public void Every_bit_is_Pillows(int channels, int height, int width, int newHeight, int newWidth, string sha256)
    {
        ByteImage scaled = ImageResize.Bilinear(
            Create(channels, height, width, (uint)(channels * height * width)), newHeight, newWidth);
        Assert.Equal((channels, newHeight, newWidth), (scaled.Channels, scaled.Height, scaled.Width));
        Assert.StartsWith(sha256, Convert.ToHexStringLower(SHA256.HashData(scaled.Pixels)), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_size_is_a_copy()
    {
        ByteImage image = Create(3, 9, 8, 1), same = ImageResize.Bilinear(image, 9, 8);
        Assert.Equal(image.Pixels, same.Pixels);
        Assert.NotSame(image.Pixels, same.Pixels);
    }

    /// <summary>Rows first, as Pillow, this one would need 2.5 billion values between the passes.</summary>
    [Fact]
    public void A_picture_of_one_dot_by_millions_is_scaled()
    {
        var pixels = new byte[5_000_000];
        pixels.AsSpan(2_500_000).Fill(200);
        byte[] scaled = ImageResize.Bilinear(new ByteImage(pixels, 1, pixels.Length, 1), 4, 500).Pixels;
        Assert.Equal(2000, scaled.Length);
        Assert.All(scaled[..500], value => Assert.Equal(0, value));
        Assert.All(scaled[1500..], value => Assert.Equal(200, value));
    }

    [Fact]
    public void Sizes_start_at_one()
    {
        ByteImage image = Create(1, 2, 2, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageResize.Bilinear(image, 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageResize.Bilinear(image, 4, -1));
        Assert.Throws<ArgumentNullException>(() => ImageResize.Bilinear(null!, 4, 4));
    }

    /// <summary>Bytes 24 to 31 of x = 1664525·x + 1013904223 mod 2³², from x = seed on.</summary>
    internal static ByteImage Create(int channels, int height, int width, uint seed)
    {
        var pixels = new byte[channels * height * width];
        foreach (ref byte pixel in pixels.AsSpan())
            pixel = (byte)((seed = unchecked(seed * 1664525 + 1013904223)) >> 24);
        return new ByteImage(pixels, channels, height, width);
    }
}
