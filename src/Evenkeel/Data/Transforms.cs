using Evenkeel.Random;

namespace Evenkeel.Data;

/// <summary>
/// A step from a stored picture to what a network sees. The names are torchvision's. A random transform draws the same
/// count of numbers for every picture. Each picture has its own stream, split by (seed, epoch, sample), so the result
/// does not depend on the order or the number of threads.
/// </summary>
public abstract class Transform
{
    /// <summary>Whether it draws random numbers.</summary>
    public virtual bool IsRandom => false;

    /// <summary>Changes the picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="random">The stream from which random transforms draw.</param>
    public abstract void Apply(ImageBuffer image, IRandomStream random);

    /// <summary>Checks that a share is from 0 to 1.</summary>
    private protected static double Share(double p, string transform) => p is >= 0 and <= 1
        ? p
        : throw new ArgumentOutOfRangeException(
            nameof(p), $"{transform}: expected a probability from 0 to 1, got {p}.");
}

/// <summary>Several transforms, one after the other.</summary>
/// <param name="transforms">The transforms in their order.</param>
public sealed class Compose(params IReadOnlyList<Transform> transforms) : Transform
{
    /// <summary>The transforms, in their order.</summary>
    public IReadOnlyList<Transform> Transforms { get; } = transforms;

    /// <inheritdoc/>
    public override bool IsRandom => Transforms.Any(static transform => transform.IsRandom);

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        for (int i = 0; i < Transforms.Count; i++) Transforms[i].Apply(image, random);
    }

    /// <summary>For example <c>Compose(Resize(32, 32), ToTensor)</c>.</summary>
    public override string ToString() => $"Compose({string.Join(", ", Transforms)})";
}

/// <summary>
/// Scales a picture: bilinear with antialias, bit for bit as Pillow and so torchvision do (<see cref="ImageResize"/>).
/// </summary>
public sealed class Resize : Transform
{
    private readonly int _height;
    private readonly int? _width;

    /// <summary>Scales to this height and width, whatever the picture's size.</summary>
    /// <param name="height">The height in pixels, 1 or more.</param>
    /// <param name="width">The width in pixels, 1 or more.</param>
    public Resize(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        (_height, _width) = (height, width);
    }

    /// <summary>Scales the shorter side to this size. The longer side keeps its proportion, rounded down.</summary>
    public Resize(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        _height = size;
    }

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        int height = _height, width = _width ?? _height;
        if (_width is null && image.Height < image.Width) width = (int)((long)_height * image.Width / image.Height);
        else if (_width is null) height = (int)((long)_height * image.Height / image.Width);
        ImageResize.Scale(image, height, width);
    }

    /// <inheritdoc/>
    public override string ToString() => _width is { } width ? $"Resize({_height}, {width})" : $"Resize({_height})";
}

/// <summary>Cuts out the middle; a smaller picture is padded with zeros.</summary>
public sealed class CenterCrop : Transform
{
    private readonly int _height;
    private readonly int _width;

    /// <summary>A part of this height and width.</summary>
    /// <param name="height">The height in pixels, 1 or more.</param>
    /// <param name="width">The width in pixels, 1 or more.</param>
    public CenterCrop(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        (_height, _width) = (height, width);
    }

    /// <summary>A square part.</summary>
    public CenterCrop(int size)
        : this(size, size)
    {
    }

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        PixelMath.Crop(image, Middle(image.Height, _height), Middle(image.Width, _width), _height, _width);
    }

    /// <summary>
    /// Halves are rounded to even, as in Python's round. A margin is as large as torchvision's, which puts the smaller
    /// half first.
    /// </summary>
    private static int Middle(int size, int part) =>
        part <= size ? (int)Math.Round((size - part) / 2.0) : -((part - size) / 2);

    /// <inheritdoc/>
    public override string ToString() => $"CenterCrop({_height}, {_width})";
}

/// <summary>Cuts out a part at a random place, after padding every side with zeros.</summary>
public sealed class RandomCrop : Transform
{
    private readonly int _height;
    private readonly int _width;
    private readonly int _padding;

    /// <summary>A part of this height and width.</summary>
    /// <param name="height">The height in pixels, 1 or more.</param>
    /// <param name="width">The width in pixels, 1 or more.</param>
    /// <param name="padding">Black pixels around the picture before it is cut, 0 or more on each side.</param>
    public RandomCrop(int height, int width, int padding)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        (_height, _width, _padding) = (height, width, padding);
    }

    /// <summary>A square part.</summary>
    /// <param name="size">The height and width in pixels, 1 or more.</param>
    /// <param name="padding">Black pixels around the picture, 0 or more on each side. Default: 0.</param>
    public RandomCrop(int size, int padding = 0)
        : this(size, size, padding)
    {
    }

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(random);
        int rows = image.Height + 2 * _padding - _height, columns = image.Width + 2 * _padding - _width;
        if (rows < 0 || columns < 0)
        {
            throw new ArgumentException(
                $"RandomCrop: expected a picture of at least {_height} x {_width} with padding, "
                + $"got {image.Height + 2 * _padding} x {image.Width + 2 * _padding}. Resize it first, or pad more.",
                nameof(image));
        }

        int top = random.NextInt(rows + 1), left = random.NextInt(columns + 1);
        PixelMath.Crop(image, top - _padding, left - _padding, _height, _width);
    }

    /// <inheritdoc/>
    public override string ToString() => $"RandomCrop({_height}, {_width}, padding: {_padding})";
}

/// <summary>
/// Makes a picture gray with probability p, but keeps its three channels: each (19595·R + 38470·G + 7471·B + 32768) >>
/// 16, Pillow's ITU-R 601-2 luma.
/// </summary>
/// <param name="p">From 0 to 1.</param>
public sealed class RandomGrayscale(double p = 0.1) : Transform
{
    private readonly double _p = Share(p, nameof(RandomGrayscale));

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(random);
        if (random.NextDouble() < _p) PixelMath.Gray(image.Pixels, image.Channels);
    }

    /// <inheritdoc/>
    public override string ToString() => $"RandomGrayscale({_p})";
}

/// <summary>Swaps left and right with probability p.</summary>
/// <param name="p">From 0 to 1.</param>
public sealed class RandomHorizontalFlip(double p = 0.5) : Transform
{
    private readonly double _p = Share(p, nameof(RandomHorizontalFlip));

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(random);
        if (!(random.NextDouble() < _p)) return;
        Span<byte> pixels = image.Pixels;
        for (int row = 0; row < pixels.Length; row += image.Width) pixels.Slice(row, image.Width).Reverse();
    }

    /// <inheritdoc/>
    public override string ToString() => $"RandomHorizontalFlip({_p})";
}

/// <summary>Swaps top and bottom with probability p.</summary>
/// <param name="p">From 0 to 1.</param>
public sealed class RandomVerticalFlip(double p = 0.5) : Transform
{
    private readonly double _p = Share(p, nameof(RandomVerticalFlip));

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(random);
        if (!(random.NextDouble() < _p)) return;
        ReadOnlySpan<byte> from = image.Pixels;
        Span<byte> to = image.Begin(image.Channels, image.Height, image.Width);
        int rows = image.Channels * image.Height;
        for (int row = 0; row < rows; row++)
        {
            int channel = row / image.Height, mirrored = (2 * channel + 1) * image.Height - 1 - row;
            from.Slice(row * image.Width, image.Width).CopyTo(to[(mirrored * image.Width)..]);
        }

        image.End();
    }

    /// <inheritdoc/>
    public override string ToString() => $"RandomVerticalFlip({_p})";
}

/// <summary>
/// Bytes become floats from 0 to 1: x / 255 in single precision, torchvision's <c>ToTensor</c> bit for bit.
/// </summary>
public sealed class ToTensor : Transform
{
    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        ReadOnlySpan<byte> pixels = image.BeginTensor();
        PixelMath.ToUnit(pixels, image.Values);
    }

    /// <inheritdoc/>
    public override string ToString() => "ToTensor";
}

/// <summary>
/// Each channel becomes (x - mean) / std in single precision, torchvision's <c>Normalize</c> bit for bit.
/// </summary>
public sealed class Normalize : Transform
{
    private readonly float[] _mean;
    private readonly float[] _std;

    /// <summary>Takes one mean and one standard deviation per channel, or one for all.</summary>
    /// <param name="mean">The means.</param>
    /// <param name="std">The standard deviations, above 0.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a standard deviation is not above 0.</exception>
    public Normalize(ReadOnlySpan<float> mean, ReadOnlySpan<float> std)
    {
        if (mean.Length != std.Length || mean.IsEmpty)
        {
            throw new ArgumentException(
                $"Normalize: expected as many means as standard deviations, from one on, "
                + $"got {mean.Length} and {std.Length}.",
                nameof(mean));
        }

        foreach (float value in std)
        {
            if (!(value > 0))
            {
                throw new ArgumentException(
                    $"Normalize: expected standard deviations above 0, got {value}.", nameof(std));
            }
        }

        (_mean, _std) = (mean.ToArray(), std.ToArray());
    }

    /// <summary>ImageNet's: means .485, .456, .406 and standard deviations .229, .224, .225.</summary>
    public static Normalize ImageNet => new([0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);

    /// <inheritdoc/>
    public override void Apply(ImageBuffer image, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(image);
        Apply(image.Values, image.Channels);
    }

    internal void Apply(Span<float> values, int channels)
    {
        if (_mean.Length != 1 && _mean.Length != channels)
        {
            throw new ArgumentException(
                $"Normalize: expected a picture of {_mean.Length} channels, got {channels}.", nameof(channels));
        }

        int plane = values.Length / channels;
        for (int c = 0; c < channels; c++)
        {
            int from = _mean.Length == 1 ? 0 : c;
            PixelMath.Normalize(values.Slice(c * plane, plane), _mean[from], _std[from]);
        }
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"Normalize([{InvariantText.List<float>(_mean)}], [{InvariantText.List<float>(_std)}])";
}
