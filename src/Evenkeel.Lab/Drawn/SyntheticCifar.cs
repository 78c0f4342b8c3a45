using System.Runtime.CompilerServices;
using Evenkeel.Data;
using Evenkeel.Kernels;
using Evenkeel.Random;

namespace Evenkeel.Lab.Drawn;

/// <summary>
/// A made-up image set of CIFAR-10's shape, so that everything runs without a download: 3x32x32 bytes, ten classes of
/// figures.
/// </summary>
/// <remarks>
/// <para>Each image is one figure on a ground. Place, size, turn, colours of figure and ground, lighting and noise are
/// random and say nothing about the
/// class. The figure is as often darker than the ground as lighter, so the mean image of every class is the same and no
/// linear
/// model of the pixels can do much; a small network can.</para>
/// <para>Every image has a random stream of its own (<see cref="Philox.Split(ulong)"/>) and is drawn with + - * / and
/// square root only: the bits depend on
/// the seed, the part and the index, not on the machine, the number of threads or how many images were asked
/// for.</para>
/// </remarks>
internal static class SyntheticCifar
{
    private const int Side = 32;
    private const int Plane = Side * Side;
    private const int ImageSize = 3 * Plane;
    private const int ImagesPerChunk = 32;

    // How much varies: chosen so that on 1000 images a linear model stays near chance on new ones, and five layers of
    // 100 units with batch norm
    // reach some 70 % in ten epochs, above the same without. More shift or turn, and nothing small learns it.
    private const double Shift = 3.5, RadiusLow = 9, RadiusHigh = 12.5, Turn = 0.045;
    private const double ContrastLow = 50, ContrastHigh = 120, Light = 25, Noise = 3;

    /// <summary>The ten classes, by label.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = Array.AsReadOnly(
        ["circle", "ring", "square", "triangle", "cross", "star", "horizontal stripes", "vertical stripes",
            "diagonal stripes", "checkerboard"]);

    private enum Figure
    {
        Circle,
        Ring,
        Square,
        Triangle,
        Cross,
        Star,
        HorizontalStripes,
        VerticalStripes,
        DiagonalStripes,
        Checkerboard,
    }

    /// <summary>
    /// Draws a set: training, validation and test images, classes as equally frequent as the counts allow, in random
    /// order.
    /// </summary>
    /// <param name="seed">Any number.</param>
    /// <param name="train">Training images, from 1 on.</param>
    /// <param name="validation">Validation images.</param>
    /// <param name="test">Test images.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative, or there is no training image, or there are
    /// more than 600,000 in a part.</exception>
    public static Cifar10Split Create(ulong seed, int train, int validation, int test)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(train, 1);
        ImageSet trainSet = CreatePart(seed, "train", train);
        return new Cifar10Split(trainSet, CreatePart(seed, "validation", validation), CreatePart(seed, "test", test),
            trainSet.MeanImage());
    }

    private static ImageSet CreatePart(ulong seed, string part, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 600_000);
        var random = new Philox(seed, "synthetic-cifar/" + part);
        var pixels = new byte[count * ImageSize];
        int[] labels = SyntheticLabels.Draw(random, count, ClassNames.Count);
        int chunks = (count + ImagesPerChunk - 1) / ImagesPerChunk;
        Workers.Run(chunks, new DrawJob(random, pixels, labels));
        return new ImageSet(pixels, labels, 3, Side, Side, ClassNames, "synthetic " + part, $"drawn from seed {seed}");
    }

    private readonly struct DrawJob(Philox random, byte[] pixels, int[] labels) : IJob
    {
        public void Invoke(int chunk)
        {
            int end = Math.Min(labels.Length, (chunk + 1) * ImagesPerChunk);
            for (int i = chunk * ImagesPerChunk; i < end; i++)
                Draw(random.Split((ulong)i), (Figure)labels[i], pixels.AsSpan(i * ImageSize, ImageSize));
        }
    }

    /// <summary>A number in [low, high).</summary>
    private static double Between(Philox random, double low, double high) => low + (high - low) * random.NextDouble();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Draw(Philox random, Figure figure, Span<byte> image)
    {
        // Place (pixels), size (radius in pixels), turn (in turns).
        double centerX = 16 + Between(random, -Shift, Shift), centerY = 16 + Between(random, -Shift, Shift);
        double radius = Between(random, RadiusLow, RadiusHigh);
        double turn = Between(random, -Turn, Turn);
        if (figure == Figure.DiagonalStripes) turn += 0.125;
        (double sin, double cos) = ScalarMath.SinCosTurns(turn < 0 ? turn + 1 : turn);

        // Colours: a ground, and a figure that is lighter or darker by a contrast that varies a little by channel.
        double sign = (random.NextUInt32() & 1) == 0 ? 1 : -1;
        double contrast = sign * Between(random, ContrastLow, ContrastHigh);
        double level = 127.5 - 0.5 * contrast + Between(random, -30, 30);
        Span<double> ground = stackalloc double[3], step = stackalloc double[3];
        for (int c = 0; c < 3; c++)
        {
            ground[c] = level + Between(random, -30, 30);
            step[c] = contrast + Between(random, -25, 25);
        }

        // Light falls off across the image, in levels a pixel.
        double lightX = Between(random, -Light, Light) / 16, lightY = Between(random, -Light, Light) / 16;

        double pixel = 1 / radius;
        Span<double> cover = stackalloc double[Plane];
        Span<double> light = stackalloc double[Plane];
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                double dx = (x + 0.5 - centerX) * pixel, dy = (y + 0.5 - centerY) * pixel;
                cover[y * Side + x] = Cover(figure, dx * cos + dy * sin, dy * cos - dx * sin, radius);
                light[y * Side + x] = lightX * (x - 15.5) + lightY * (y - 15.5);
            }
        }

        // Four values of noise a word of random bits: the sum of two uniform nibbles is spread as a triangle from -15
        // to 15.
        uint bits = 0;
        for (int c = 0, at = 0; c < 3; c++)
        {
            double colour = ground[c] + 0.5, delta = step[c];
            for (int i = 0; i < Plane; i++, at++)
            {
                bits = (at & 3) == 0 ? random.NextUInt32() : bits >> 8;
                double noise = (int)(bits & 15) + (int)((bits >> 4) & 15) - 15;
                double value = colour + delta * cover[i] + light[i] + noise * Noise;
                image[at] = value <= 0 ? (byte)0 : value >= 255 ? (byte)255 : (byte)value;
            }
        }
    }

    /// <summary>
    /// How much of a pixel the figure covers, 0 to 1: from the distance to its edge, in figure coordinates (u to the
    /// right, v down, the
    /// figure within about ±1).
    /// </summary>
    private static double Cover(Figure figure, double u, double v, double radius)
    {
        double absU = Math.Abs(u), absV = Math.Abs(v);
        double window = Math.Max(absU, absV) - 0.9;
        return figure switch
        {
            Figure.Circle => Soft(Math.Sqrt(u * u + v * v) - 0.85, radius),
            Figure.Ring => Soft(Math.Abs(Math.Sqrt(u * u + v * v) - 0.75) - 0.2, radius),
            Figure.Square => Soft(window + 0.1, radius),
            Figure.Triangle => Soft(Math.Max(0.8660254 * absU - 0.5 * v, v) - 0.55, radius),
            Figure.Cross =>
                Soft(Math.Min(Math.Max(absU - 0.26, absV - 0.95), Math.Max(absU - 0.95, absV - 0.26)), radius),
            Figure.Star => Soft(Star(absU, v), radius),
            Figure.HorizontalStripes => Soft(Math.Max(Stripes(v), window), radius),
            Figure.VerticalStripes or Figure.DiagonalStripes => Soft(Math.Max(Stripes(u), window), radius),
            _ => Checkers(Soft(Stripes(u - 0.18), radius),
                Soft(Stripes(v - 0.18), radius)) * Soft(window + 0.18, radius),
        };
    }

    private static double Soft(double distance, double radius) => Math.Min(Math.Max(0.5 - distance * radius, 0), 1);

    /// <summary>
    /// Distance to the edge of bars 0.36 wide that repeat every 0.72: three in the window, one through the middle.
    /// </summary>
    private static double Stripes(double t)
    {
        double scaled = t / 0.72;
        return 0.72 * Math.Abs(scaled - Math.Floor(scaled + 0.5)) - 0.18;
    }

    private static double Checkers(double a, double b) => a + b - 2 * a * b;

    /// <summary>
    /// A five-pointed star, point up: mirrored into one tenth of the plane at the lines through its points, where its
    /// edge is one line.
    /// </summary>
    private static double Star(double absU, double v)
    {
        // Mirrors through the centre at 54 degrees to the horizontal on either side; their normals are (±0.809,
        // -0.588).
        double x = absU, y = -v;
        double d1 = Math.Max(0.809016994 * x - 0.587785252 * y, 0);
        x -= 2 * d1 * 0.809016994;
        y += 2 * d1 * 0.587785252;
        double d2 = Math.Max(-0.809016994 * x - 0.587785252 * y, 0);
        x += 2 * d2 * 0.809016994;
        y += 2 * d2 * 0.587785252;
        x = Math.Abs(x);
        y -= 1;

        // The edge runs from the point, now the origin, to the notch, 0.45 from the centre; the distance is along its
        // normal.
        const double NotchX = 0.45 * 0.587785252, NotchY = 0.45 * 0.809016994 - 1, Length = 0.688;
        return (NotchX * y - NotchY * x) / Length;
    }
}
