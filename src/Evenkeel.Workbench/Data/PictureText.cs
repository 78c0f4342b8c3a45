using Evenkeel.Data;
using Evenkeel.Images;

namespace Evenkeel.Workbench.Data;

/// <summary>A picture inside a page.</summary>
internal static class PictureText
{
    /// <summary>The picture as the address <c>data:image/png;base64,...</c>, scaled down to a side.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="largest">The largest side.</param>
    public static string Of(ByteImage picture, int largest)
    {
        int side = Math.Max(picture.Height, picture.Width);
        if (side > largest)
        {
            var smaller = new PicturePreparation(
                Math.Max(1, picture.Height * largest / side), Math.Max(1, picture.Width * largest / side),
                picture.Channels);
            picture = smaller.Apply(picture);
        }

        return "data:image/png;base64," + Convert.ToBase64String(ImageFile.EncodePng(picture));
    }
}
