using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Random;

namespace Evenkeel.Images;

/// <summary>
/// What is done to every picture before a network sees it: it is scaled until it covers a height and a width, its
/// middle is cut out, and it gets 1 or 3 channels. Training and prediction must do the same, so it is stored with a
/// model.
/// </summary>
/// <remarks>
/// Scaling is bilinear with antialias, as in Pillow, and keeps the proportions. A JPEG that is at least four times too
/// large is decoded at a half, a quarter or an eighth of its size, which takes a fraction of the time. It is then still
/// twice as large as needed, or more.
/// </remarks>
public sealed record PicturePreparation
{
    /// <summary>Resize and CenterCrop take a stream and draw no number.</summary>
    private static readonly Philox s_unused = new(0);

    [ThreadStatic]
    private static ImageBuffer? t_buffer;

    /// <summary>A preparation.</summary>
    /// <param name="height">The height of prepared pictures in pixels, 1 or more.</param>
    /// <param name="width">Their width in pixels, 1 or more.</param>
    /// <param name="channels">3 for colour, 1 for gray. Default: 3.</param>
    /// <exception cref="ArgumentException">
    /// There are other channels, or the size is below 1 x 1 or above <see cref="ImageFile.MaxPixels"/>.
    /// </exception>
    public PicturePreparation(int height, int width, int channels = 3)
    {
        if (height < 1 || width < 1 || (long)height * width > ImageFile.MaxPixels)
        {
            throw new ArgumentException(
                $"PicturePreparation: expected a size from 1 x 1 to {ImageFile.MaxPixels} pixels, "
                + $"got {height} x {width}.", nameof(height));
        }

        (Height, Width, Channels) = (height, width, Checked(channels, nameof(channels)));
    }

    /// <summary>The height of prepared pictures.</summary>
    public int Height { get; }

    /// <summary>The width of prepared pictures.</summary>
    public int Width { get; }

    /// <summary>1 or 3.</summary>
    public int Channels { get; }

    /// <summary>The shape of a prepared picture: (C, H, W).</summary>
    public Shape Shape => [Channels, Height, Width];

    /// <summary>Number of bytes of a prepared picture: C·H·W.</summary>
    internal long Bytes => (long)Channels * Height * Width;

    /// <summary>Reads the preparation that <see cref="Write"/> has written.</summary>
    /// <param name="json">An object with the numbers height, width and channels.</param>
    /// <exception cref="InvalidDataException">A number is missing or out of range.</exception>
    public static PicturePreparation Read(JsonElement json)
    {
        try
        {
            return new PicturePreparation(Number(json, "height"), Number(json, "width"), Number(json, "channels"));
        }
        catch (ArgumentException failure)
        {
            throw new InvalidDataException(failure.Message, failure);
        }
    }

    /// <summary>Writes the preparation as an object: <c>{"height":224,"width":224,"channels":3}</c>.</summary>
    /// <param name="json">Where the value goes.</param>
    public void Write(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteNumber("height", Height);
        json.WriteNumber("width", Width);
        json.WriteNumber("channels", Channels);
        json.WriteEndObject();
    }

    /// <summary>Decodes a picture and prepares it.</summary>
    /// <param name="path">The file.</param>
    /// <returns>A picture of <see cref="Shape"/>.</returns>
    /// <inheritdoc cref="ImageFile.Read(string)"/>
    public ByteImage Decode(string path) => Apply(ImageFile.Read(path, this));

    /// <summary>Prepares a decoded picture of any size.</summary>
    /// <param name="image">The picture.</param>
    /// <returns>A picture of <see cref="Shape"/>.</returns>
    public ByteImage Apply(ByteImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (Channels == 1) image = WithChannels(image, 1);
        if (image.Height != Height || image.Width != Width)
        {
            ImageBuffer buffer = t_buffer ??= new ImageBuffer();
            buffer.Load(image.Pixels, image.Channels, image.Height, image.Width);
            (int height, int width) = Covering(image.Height, image.Width);
            new Resize(height, width).Apply(buffer, s_unused);
            new CenterCrop(Height, Width).Apply(buffer, s_unused);
            image = new ByteImage(buffer.Pixels.ToArray(), image.Channels, Height, Width);
        }

        return WithChannels(image, Channels);
    }

    /// <summary>For example <c>3x224x224</c>.</summary>
    public override string ToString() => $"{Channels}x{Height}x{Width}";

    /// <summary>The picture with as many channels; null leaves it as it is.</summary>
    internal static ByteImage WithChannels(ByteImage image, int? channels)
    {
        if (channels is null || channels == image.Channels) return image;
        if (channels == 3)
            return new ByteImage([.. image.Pixels, .. image.Pixels, .. image.Pixels], 3, image.Height, image.Width);
        byte[] gray = GC.AllocateUninitializedArray<byte>(image.Height * image.Width);
        ReadOnlySpan<byte> red = image.Plane(0), green = image.Plane(1), blue = image.Plane(2);
        for (int i = 0; i < gray.Length; i++) gray[i] = PixelMath.Luma(red[i], green[i], blue[i]);
        return new ByteImage(gray, 1, image.Height, image.Width);
    }

    /// <summary>Refuses other numbers of channels than 1 and 3.</summary>
    internal static int Checked(int channels, string name) => channels is 1 or 3 ? channels
        : throw new ArgumentException(
            $"PicturePreparation: expected 1 channel (gray) or 3 (colour), got {channels}.", name);

    /// <summary>
    /// The smallest size of the same proportions that covers <see cref="Height"/> and <see cref="Width"/>. The side
    /// that is cut is rounded down, as in torchvision.
    /// </summary>
    private (int Height, int Width) Covering(int height, int width) => (long)height * Width <= (long)width * Height
        ? (Height, (int)((long)Height * width / height))
        : ((int)((long)Width * height / width), Width);

    private static int Number(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw new InvalidDataException(
                $"PicturePreparation: expected an object with the whole number \"{name}\", got {json.GetRawText()}.");
}
