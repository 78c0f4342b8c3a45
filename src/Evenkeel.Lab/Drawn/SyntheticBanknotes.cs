using System.Runtime.CompilerServices;
using Evenkeel.Data;
using Evenkeel.Kernels;
using Evenkeel.Random;

namespace Evenkeel.Lab.Drawn;

/// <summary>
/// Made-up photographs of two denominations of banknotes, "1" and "100", 3x64x64 bytes, in bursts of near-duplicates,
/// so that the experiment on banknotes runs without a
/// download.
/// </summary>
/// <remarks>
/// <para>A note has numerals, a guilloche of fine lines, a rosette, a portrait and a frame; it lies turned on a ground,
/// under a light. Colours of paper, ink and ground are drawn
/// alike for both classes, and the camera's exposure sets the mean colour of each photograph to one drawn alike: only
/// the figures tell the classes apart.</para>
/// <para>A burst is one note in one place, photographed one to six times by a hand that shakes: neighbours in the set,
/// as in a folder of real photographs. A random split leaks
/// them from training to validation; a grouped one does not.</para>
/// <para>Every photograph has random streams of its own (its burst's and its own) and is drawn with + - * / and square
/// root only: the bits depend on the seed and the index, not
/// on the machine, the number of threads or how many photographs were asked for.</para>
/// </remarks>
internal static class SyntheticBanknotes
{
    /// <summary>Height and width of a photograph.</summary>
    public const int Side = 64;

    private const int ImageSize = 3 * Side * Side;
    private const int MostInBurst = 6;

    /// <summary>The two classes, by label.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = Array.AsReadOnly(["1", "100"]);

    /// <summary>Draws photographs: bursts of either class in random order.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="count">Photographs in all.</param>
    /// <returns>The photographs, and for each the number of its burst, counted from 0.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative or above 100,000.</exception>
    public static (ImageSet Images, int[] Bursts) Create(ulong seed, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 100_000);
        var random = new Philox(seed, "synthetic-banknotes");
        int[] ofBurst = SyntheticLabels.Draw(random, count, ClassNames.Count);
        var (labels, bursts) = (new int[count], new int[count]);
        for (int i = 0, burst = 0; i < count; burst++)
        {
            // The length is the first number of the burst's stream of lengths.
            int length = 1 + random.Split("length").Split((ulong)burst).NextInt(MostInBurst);
            for (; length > 0 && i < count; length--, i++) (labels[i], bursts[i]) = (ofBurst[burst], burst);
        }

        var pixels = new byte[count * ImageSize];
        Workers.Run(count, new DrawJob(random, pixels, labels, bursts));
        return (new ImageSet(pixels, labels, 3, Side, Side, ClassNames, "synthetic banknotes",
            $"drawn from seed {seed}"), bursts);
    }

    private readonly struct DrawJob(Philox random, byte[] pixels, int[] labels, int[] bursts) : IJob
    {
        public void Invoke(int chunk) =>
            new Photograph(random.Split("burst").Split((ulong)bursts[chunk]), random.Split("shot").Split((ulong)chunk))
            .Take(labels[chunk], pixels.AsSpan(chunk * ImageSize, ImageSize));
    }

    /// <summary>One photograph: what a burst shares comes from its scene, the rest from the shot.</summary>
    private sealed class Photograph(Philox scene, Philox shot)
    {
        private readonly Sketch _sketch = new(Side, Side, 3);

        public void Take(int label, Span<byte> image)
        {
            double x = 32 + Vary(0, 2.5) + Shake(0.5), y = 32 + Vary(0, 4.5) + Shake(0.5),
                size = Vary(26.5, 2.5) * (1 + Shake(0.012));
            _sketch.Clear();
            _sketch.Place(x, y, size, size * Vary(1, 0.06), Vary(0, 0.032) + Shake(0.004), Vary(0, 0.1));
            Span<double> paper = stackalloc double[3], ink = stackalloc double[3], tint = stackalloc double[3],
                dim = stackalloc double[3];
            for (int c = 0; c < 3; c++)
            {
                paper[c] = Between(165, 235);
                ink[c] = Between(15, 85);
                tint[c] = paper[c] * Between(0.62, 0.9);
                dim[c] = 0.5 * (paper[c] + ink[c]);
            }

            Ground();
            // A shadow below and to the right lifts the note off the ground.
            Rectangle(0.03, 0.035, 1, 0.5).Shade(Vary(0.6, 0.15));
            Rectangle(0, 0, 1, 0.5).Paint(paper);
            Guilloche(paper, tint);
            double side = (scene.NextUInt32() & 1) == 0 ? 1 : -1, portrait = side * Vary(0.66, 0.04),
                figures = -side * Vary(0.2, 0.05);
            Portrait(portrait, tint, dim);
            Rosette(figures, Vary(0, 0.03), Vary(0.36, 0.04), tint);
            Frame(dim);
            double height = Vary(0.34, 0.03), bold = Vary(0.13, 0.025);
            Numerals(label, figures, Vary(0, 0.03), height, bold, ink);
            Numerals(label, -side * 0.82, -0.34, 0.075, 0.04, ink);
            Numerals(label, side * 0.82, 0.34, 0.075, 0.04, ink);
            Expose(image);
        }

        /// <summary>What the note lies on: cloth, boards or checks in any colour.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Ground()
        {
            int kind = scene.NextInt(4);
            double period = Between(5, 16), depth = Between(0.08, 0.35), phase = Between(0, 1), slope = Vary(0, 0.7);
            double red = Between(40, 215), green = Between(40, 215), blue = Between(40, 215);
            for (int y = 0; y < Side; y++)
            {
                for (int x = 0; x < Side; x++)
                {
                    double along = (x + slope * y) / period + phase, across = (y - slope * x) / period + phase;
                    double a = Math.Abs(along - Math.Floor(along) - 0.5) * 2,
                        b = Math.Abs(across - Math.Floor(across) - 0.5) * 2;
                    double pattern = kind switch { 0 => 0, 1 => a, 2 => a > 0.5 == b > 0.5 ? 1 : 0, _ => a * b };
                    double level = 1 - depth * pattern;
                    (_sketch.Values[0][y * Side + x], _sketch.Values[1][y * Side + x],
                        _sketch.Values[2][y * Side + x]) = (red * level, green * level, blue * level);
                }
            }
        }

        /// <summary>Two families of waving lines over the whole note, which cross each other.</summary>
        private void Guilloche(ReadOnlySpan<double> paper, ReadOnlySpan<double> tint)
        {
            const int Steps = 20;
            Span<double> line = stackalloc double[2 * (Steps + 1)];
            double waves = Between(1, 2.5), swing = Between(0.03, 0.09), phase = Between(0, 1),
                gap = Between(0.14, 0.2);
            for (int family = 0; family < 2; family++)
            {
                for (double v = -0.42; v < 0.43; v += gap)
                {
                    for (int i = 0; i <= Steps; i++)
                    {
                        double u = -0.95 + 1.9 * i / Steps, turns = waves * (u + 1) / 2 + phase + 0.5 * family;
                        line[2 * i] = u;
                        line[2 * i + 1] =
                            Math.Clamp(v + swing * ScalarMath.SinCosTurns(turns - Math.Floor(turns)).Sin, -0.48, 0.48);
                    }

                    _sketch.Stroke(0.022, line);
                }

                if (family == 0) _sketch.Paint(tint);
                else _sketch.Paint(0.5 * (tint[0] + paper[0]), 0.5 * (tint[1] + paper[1]), 0.5 * (tint[2] + paper[2]));
            }
        }

        /// <summary>A rose of fine lines behind the figures.</summary>
        private void Rosette(double u, double v, double radius, ReadOnlySpan<double> tint)
        {
            const int Steps = 72;
            Span<double> line = stackalloc double[2 * (Steps + 1)];
            int leaves = 5 + scene.NextInt(6);
            double depth = Between(0.2, 0.45);
            for (int ring = 0; ring < 3; ring++)
            {
                double share = radius * (1 - 0.28 * ring);
                for (int i = 0; i <= Steps; i++)
                {
                    double turns = leaves * (i / (double)Steps) + 0.33 * ring;
                    (double sin, double cos) = ScalarMath.SinCosTurns(i / (double)Steps);
                    double r = share * (1
                        - depth * (0.5 + 0.5 * ScalarMath.SinCosTurns(turns - Math.Floor(turns)).Cos));
                    line[2 * i] = u + 1.15 * r * cos;
                    line[2 * i + 1] = v + r * sin;
                }

                _sketch.Stroke(0.025, line);
            }

            _sketch.Paint(tint);
        }

        /// <summary>An oval with a head and shoulders.</summary>
        private void Portrait(double u, ReadOnlySpan<double> tint, ReadOnlySpan<double> dim)
        {
            double head = Vary(0.09, 0.015);
            _sketch.Ellipse(u, 0, 0.22, 0.36).Paint(tint);
            _sketch.Ellipse(u, -0.07, head, head * 1.3)
                .Polygon(u - 0.16, 0.25, u - 0.12, 0.12, u, 0.06, u + 0.12, 0.12, u + 0.16, 0.25, u, 0.33).Paint(dim);
            _sketch.Ellipse(u, 0, 0.235, 0.375, inner: 0.9).Paint(dim);
        }

        private void Frame(ReadOnlySpan<double> dim) =>
            _sketch.Stroke(0.03, -0.95, -0.45, 0.95, -0.45, 0.95, 0.45, -0.95, 0.45, -0.95, -0.45).Paint(dim);

        /// <summary>"1" or "100" around a centre: half its height, and the width of a stroke.</summary>
        private void Numerals(int label, double u, double v, double height, double bold, ReadOnlySpan<double> ink)
        {
            double wide = height * 0.5, step = 2 * wide + bold * 0.6, one = label == 0 ? u : u - step + 0.3 * wide;
            // The one: a stem with a flag and, at times, a foot.
            _sketch.Polygon(one - bold * 0.5, v - height, one + bold * 0.5, v - height, one + bold * 0.5, v + height,
                one - bold * 0.5, v + height);
            _sketch.Polygon(one - bold * 0.5, v - height, one - bold * 0.5, v - height + bold * 1.1, one - bold * 1.5,
                v - height + bold * 1.9, one - bold * 1.5, v - height + bold * 0.9);
            if (height > 0.2 && (scene.NextUInt32() & 1) == 0)
                _sketch.Polygon(one - bold * 1.3, v + height - bold * 0.7, one + bold * 1.3, v + height - bold * 0.7,
                    one + bold * 1.3, v + height, one - bold * 1.3, v + height);
            if (label == 1)
            {
                double inner = 1 - bold / wide * 0.85;
                _sketch.Ellipse(u + 0.1 * wide, v, wide, height, inner);
                _sketch.Ellipse(u + 0.1 * wide + step, v, wide, height, inner);
            }

            _sketch.Paint(ink);
        }

        private Sketch Rectangle(double u, double v, double halfU, double halfV) =>
            _sketch.Polygon(u - halfU, v - halfV, u + halfU, v - halfV, u + halfU, v + halfV, u - halfU, v + halfV);

        /// <summary>
        /// Light, noise, and the exposure: each channel is scaled to a mean that says nothing about the class.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Expose(Span<byte> image)
        {
            double lightX = (Vary(0, 0.25) + Shake(0.02)) / 32, lightY = (Vary(0, 0.25) + Shake(0.02)) / 32,
                grain = Between(2, 7);
            double brightness = Between(95, 150);
            for (int c = 0; c < 3; c++)
            {
                double[] values = _sketch.Values[c];
                double sum = 0;
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] *= 1 + lightX * ((i % Side) - 31.5) + lightY * ((i / Side) - 31.5);
                    sum += values[i];
                }

                double gain = brightness * Vary(1, 0.12) * (1 + Shake(0.015)) / (sum / values.Length);
                uint bits = 0;
                for (int i = 0; i < values.Length; i++)
                {
                    bits = (i & 1) == 0 ? shot.NextUInt32() : bits >> 16;
                    double noise = ((int)((bits & 255) + ((bits >> 8) & 255)) - 255) / 255.0;
                    image[c * Side * Side + i] =
                        (byte)Math.Clamp((int)(gain * values[i] + grain * noise + 0.5), 0, 255);
                }
            }
        }

        private double Between(double low, double high) => low + (high - low) * scene.NextDouble();

        private double Vary(double middle, double spread) => middle + spread * (2 * scene.NextDouble() - 1);

        private double Shake(double spread) => spread * (2 * shot.NextDouble() - 1);
    }
}
