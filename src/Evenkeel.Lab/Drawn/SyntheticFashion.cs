using Evenkeel.Data;
using Evenkeel.Kernels;
using Evenkeel.Random;

namespace Evenkeel.Lab.Drawn;

/// <summary>
/// A made-up image set of Fashion-MNIST's shape and classes, so that everything runs without a download: 1x28x28 bytes,
/// garments and shoes, light on black.
/// </summary>
/// <remarks>
/// <para>Cut, size, place, turn, brightness, light, texture and noise vary; t-shirt, pullover, coat, shirt and dress
/// share their outlines in part, as in the real set, so a
/// network is not done after a few steps.</para>
/// <para>Every image has a random stream of its own and is drawn with + - * / and square root only: the bits depend on
/// the seed, the part and the index, not on the machine, the
/// number of threads or how many images were asked for.</para>
/// </remarks>
internal static class SyntheticFashion
{
    private const int Side = 28;
    private const int ImageSize = Side * Side;
    private const int ImagesPerChunk = 64;

    /// <summary>Half the picture in units of a garment, less a margin.</summary>
    private const double Scale = 12.3;

    /// <summary>The ten classes, by label: Fashion-MNIST's.</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
        Array.AsReadOnly(["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
            "Ankle boot"]);

    /// <summary>
    /// Draws a set: training and test images, classes as equally frequent as the counts allow, in random order.
    /// </summary>
    /// <param name="seed">Any number.</param>
    /// <param name="train">Training images.</param>
    /// <param name="test">Test images.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative or above 600,000.</exception>
    public static (ImageSet Train, ImageSet Test) Create(ulong seed, int train, int test) =>
        (CreatePart(seed, "train", train), CreatePart(seed, "test", test));

    private static ImageSet CreatePart(ulong seed, string part, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 600_000);
        var random = new Philox(seed, "synthetic-fashion/" + part);
        var pixels = new byte[count * ImageSize];
        int[] labels = SyntheticLabels.Draw(random, count, ClassNames.Count);
        Workers.Run((count + ImagesPerChunk - 1) / ImagesPerChunk, new DrawJob(random, pixels, labels));
        return new ImageSet(pixels, labels, 1, Side, Side, ClassNames, "synthetic fashion " + part,
            $"drawn from seed {seed}");
    }

    private readonly struct DrawJob(Philox random, byte[] pixels, int[] labels) : IJob
    {
        public void Invoke(int chunk)
        {
            int end = Math.Min(labels.Length, (chunk + 1) * ImagesPerChunk);
            var sketch = new Sketch(Side, Side, 1);
            for (int i = chunk * ImagesPerChunk; i < end; i++)
                new Garment(random.Split((ulong)i), sketch).Draw(labels[i], pixels.AsSpan(i * ImageSize, ImageSize));
        }
    }

    /// <summary>One garment: what varies is drawn as the shape needs it.</summary>
    private readonly struct Garment(Philox random, Sketch sketch)
    {
        public void Draw(int label, Span<byte> image)
        {
            sketch.Clear();
            bool isShoe = label is 5 or 7 or 9;
            double stretch = Vary(1, 0.1);
            sketch.Place(14 + Vary(0, 1.2), 14 + Vary(0, 1.2), Scale * Vary(0.93, 0.08) * stretch,
                Scale * Vary(0.93, 0.08) / stretch, Vary(0, 0.014), Vary(0, 0.06));
            // Levels before light: a garment is seldom darker than a third.
            double level = Between(85, 235);
            switch (label)
            {
                case 0: TShirt(level); break;
                case 1: Trouser(level); break;
                case 2: Pullover(level); break;
                case 3: Dress(level); break;
                case 4: Coat(level); break;
                case 5: Sandal(level); break;
                case 6: Shirt(level); break;
                case 7: Sneaker(level); break;
                case 8: Bag(level); break;
                default: Boot(level); break;
            }

            Finish(isShoe, image);
        }

        private void TShirt(double level)
        {
            double shoulder = Vary(0.5, 0.06), waist = Vary(0.52, 0.08), hem = Vary(0.85, 0.1), top = -0.85;
            Sleeves(level, shoulder, top, lengthU: Vary(0.42, 0.08), lengthV: Vary(0.42, 0.14), width: Vary(0.4, 0.06));
            Torso(level, shoulder, waist, Vary(waist, 0.05), top, hem);
            Neck(Vary(0.25, 0.05), top, Vary(0.16, 0.08));
            if (Chance(0.35)) Print(level);
            if (Chance(0.3)) Seam(0, hem - 0.1);
        }

        private void Pullover(double level)
        {
            double shoulder = Vary(0.5, 0.06), waist = Vary(0.5, 0.07), hem = Vary(0.85, 0.08), top = -0.85;
            LongSleeves(level, shoulder, top, Vary(0.42, 0.08), Vary(0.72, 0.14));
            Torso(level, shoulder, waist, Vary(waist, 0.04), top, hem);
            sketch.Mirrored(0, hem - 0.14, waist, hem - 0.14, waist, hem, 0, hem).Shade(Vary(0.8, 0.1));
            Neck(Vary(0.2, 0.04), top, Vary(0.1, 0.05));
            if (Chance(0.3)) Print(level);
        }

        private void Coat(double level)
        {
            double shoulder = Vary(0.5, 0.06), waist = Vary(0.46, 0.06), hem = Vary(0.95, 0.06), top = -0.9;
            LongSleeves(level, shoulder, top, Vary(0.36, 0.08), Vary(0.85, 0.12));
            Torso(level, shoulder, waist, Vary(0.58, 0.08), top, hem);
            // Open in front: a dark line all the way, lapels, sometimes a belt or pockets.
            double inner = Vary(0.17, 0.05);
            sketch.Polygon(-inner, top, inner, top, 0.02, Vary(-0.25, 0.15), -0.02, -0.2).Shade(Vary(0.3, 0.15));
            sketch.Stroke(Vary(0.075, 0.02), 0, -0.3, Vary(0, 0.03), hem).Shade(Vary(0.35, 0.15));
            if (Chance(0.4)) sketch.Stroke(0.1, -waist, 0.1, waist, 0.1).Shade(Vary(0.55, 0.15));
            if (Chance(0.5))
            {
                sketch.Stroke(0.08, 0.2, 0.38, 0.4, 0.34).Shade(0.6);
                sketch.Stroke(0.08, -0.2, 0.38, -0.4, 0.34).Shade(0.6);
            }
        }

        private void Shirt(double level)
        {
            double shoulder = Vary(0.48, 0.06), waist = Vary(0.48, 0.08), hem = Vary(0.88, 0.08), top = -0.85;
            if (Chance(0.6)) LongSleeves(level, shoulder, top, Vary(0.38, 0.08), Vary(0.75, 0.14));
            else Sleeves(level, shoulder, top, Vary(0.38, 0.08), Vary(0.45, 0.14), Vary(0.38, 0.06));
            Torso(level, shoulder, waist, Vary(waist, 0.06), top, hem);
            // A collar that stands lighter on the cloth, a placket with buttons.
            double collar = Vary(0.24, 0.04), point = top + Vary(0.26, 0.06);
            sketch.Polygon(-collar * 0.7, top, collar * 0.7, top, 0, point).Shade(Vary(0.35, 0.15));
            sketch.Polygon(0.02, point - 0.02, collar, top - 0.08, collar + 0.12, point - 0.02)
                .Paint(Math.Min(level * Vary(1.2, 0.12), 255));
            sketch.Polygon(-0.02, point - 0.02, -collar, top - 0.08, -collar - 0.12, point - 0.02)
                .Paint(Math.Min(level * Vary(1.2, 0.12), 255));
            double gap = Vary(0.27, 0.04), button = level > 150 ? Vary(0.35, 0.15) : Vary(1.7, 0.2);
            for (double v = point + 0.14; v < hem - 0.05; v += gap) sketch.Ellipse(0, v, 0.055, 0.055).Shade(button);
            if (Chance(0.4)) sketch.Polygon(0.14, -0.25, 0.36, -0.25, 0.36, 0.0, 0.14, 0.0).Shade(Vary(0.8, 0.1));
        }

        private void Dress(double level)
        {
            double shoulder = Vary(0.3, 0.07), waist = Vary(0.24, 0.06), hip = Vary(0.36, 0.08),
                flare = Vary(0.52, 0.16), top = -0.95, middle = Vary(-0.2, 0.12);
            if (Chance(0.35)) Sleeves(level, shoulder, top, Vary(0.25, 0.08), Vary(0.3, 0.12), Vary(0.28, 0.05));
            sketch.Mirrored(0, top, shoulder, top, shoulder * 0.9, -0.6, waist, middle, hip, middle + 0.4, flare, 0.96,
                0, 0.98).Paint(level);
            Neck(Vary(0.15, 0.05), top, Vary(0.22, 0.1));
            if (Chance(0.5)) sketch.Stroke(0.08, -waist, middle, waist, middle).Shade(Vary(0.6, 0.2));
            for (int fold = Chance(0.5) ? 3 : 0; fold > 0; fold--) sketch.Stroke(0.05, Vary(0, 0.1), middle + 0.15,
                Vary(0, flare * 0.8), 0.92).Shade(Vary(0.8, 0.1));
        }

        private void Trouser(double level)
        {
            double waist = Vary(0.33, 0.06), hip = Vary(0.4, 0.07), crotch = Vary(-0.32, 0.1), gap = Vary(0.07, 0.05),
                ankle = Vary(0.2, 0.08), top = -0.95, hem = Vary(0.92, 0.06);
            sketch.Mirrored(0, top, waist, top, hip, crotch, gap + ankle + 0.06, 0.35, gap + ankle, hem, gap, hem,
                gap * 0.7, 0.3, 0, crotch).Paint(level);
            sketch.Mirrored(0, top, waist, top, waist + 0.01, top + 0.12, 0, top + 0.12).Shade(Vary(0.8, 0.15));
            if (Chance(0.5)) sketch.Stroke(0.05, 0, top + 0.12, 0, crotch).Shade(0.6);
        }

        private void Bag(double level)
        {
            double topWidth = Vary(0.75, 0.14), bottomWidth = Vary(0.85, 0.12), top = Vary(-0.15, 0.18),
                bottom = Vary(0.78, 0.12);
            double handle = Vary(0.42, 0.14), rise = top - Vary(0.5, 0.14);
            if (Chance(0.85))
            {
                double thick = Vary(0.11, 0.04);
                sketch.Stroke(thick, -handle, top + 0.1, -handle * 0.8, (top + rise) / 2, -handle * 0.4, rise,
                    handle * 0.4, rise, handle * 0.8, (top + rise) / 2, handle, top + 0.1)
                    .Paint(level * Vary(0.8, 0.15));
            }

            sketch.Mirrored(0, top, topWidth, top, bottomWidth, bottom - 0.1, bottomWidth - 0.1, bottom, 0, bottom)
                .Paint(level);
            if (Chance(0.6)) sketch.Mirrored(0, top, topWidth, top, topWidth * 0.95, top + Vary(0.34, 0.1), 0,
                top + Vary(0.42, 0.1)).Shade(Vary(0.75, 0.15));
            if (Chance(0.5)) sketch.Ellipse(0, top + Vary(0.42, 0.08), 0.09, 0.08).Shade(Vary(0.4, 0.2));
            if (Chance(0.3)) sketch.Stroke(0.06, -bottomWidth * 0.9, bottom - 0.2, bottomWidth * 0.9, bottom - 0.2)
                .Shade(0.6);
        }

        private void Sneaker(double level)
        {
            // Toe to the left, sole to the bottom, as in the real set.
            double sole = Vary(0.5, 0.08), heel = Vary(-0.28, 0.12), tongue = Vary(-0.3, 0.12), toe = Vary(0.16, 0.08);
            sketch.Polygon(-0.97, sole, -0.95, toe, -0.7, toe - 0.1, -0.25, tongue + 0.15, 0.05, tongue - 0.06, 0.25,
                tongue + 0.1, 0.6, heel + 0.08, 0.88, heel, 0.95, sole).Paint(level);
            sketch.Polygon(-1.0, sole - 0.03, 0.97, sole - 0.06, 0.96, sole + Vary(0.16, 0.05), -0.95,
                sole + Vary(0.16, 0.05)).Paint(Chance(0.6) ? Between(190, 250) : level * 0.5);
            double laces = Vary(0.55, 0.2);
            for (int i = 0; i < 3; i++) sketch.Stroke(0.06, -0.45 + 0.2 * i, toe - 0.12 - 0.12 * i, -0.3 + 0.2 * i,
                toe + 0.06 - 0.12 * i).Shade(laces);
            if (Chance(0.6)) sketch.Stroke(Vary(0.1, 0.04), -0.1, sole - 0.1, Vary(0.3, 0.15), heel + 0.2)
                .Shade(Vary(0.45, 0.25));
        }

        private void Sandal(double level)
        {
            double sole = Vary(0.5, 0.1), raise = Chance(0.45) ? Vary(0.3, 0.12) : Vary(0.06, 0.05),
                thick = Vary(0.15, 0.06);
            // The sole rises to the heel; a high one stands on a post.
            sketch.Polygon(-0.97, sole, -0.4, sole - 0.02, 0.2, sole - raise * 0.7, 0.92, sole - raise, 0.94,
                sole - raise + thick, 0.25, sole - raise * 0.6 + thick, -0.4, sole + thick, -0.95, sole + thick)
                .Paint(level);
            if (raise > 0.15) sketch.Polygon(0.7, sole - raise, 0.93, sole - raise, 0.9, sole + thick, 0.78,
                sole + thick).Paint(level * 0.9);
            double strap = Vary(0.1, 0.035), colour = level * Vary(0.9, 0.15);
            double arch = sole - Vary(0.5, 0.1);
            sketch.Stroke(strap, -0.75, sole, -0.55, arch + 0.15, -0.28, sole - 0.02).Paint(colour);
            if (Chance(0.7)) sketch.Stroke(strap, -0.45, sole, -0.2, arch, 0.1, sole - raise * 0.5).Paint(colour);
            double ankle = sole - raise - Vary(0.45, 0.12);
            sketch.Stroke(strap, 0.88, sole - raise, 0.85, ankle, 0.4, ankle + Vary(0.1, 0.08), 0.2, sole - raise * 0.6)
                .Paint(colour);
            if (Chance(0.4)) sketch.Stroke(strap, -0.3, arch + 0.05, 0.42, ankle + 0.1).Paint(colour);
        }

        private void Boot(double level)
        {
            double sole = Vary(0.72, 0.07), top = Vary(-0.72, 0.18), front = Vary(-0.02, 0.1), toe = Vary(0.35, 0.08),
                back = Vary(0.8, 0.06);
            sketch.Polygon(-0.95, sole, -0.95, toe + 0.1, -0.7, toe, -0.3, toe - 0.12, front - 0.08, toe - 0.35, front,
                top, back, top + Vary(0, 0.06), back - 0.03, 0.2, back + 0.08, sole).Paint(level);
            double heel = Vary(0.16, 0.08);
            sketch.Polygon(-0.97, sole - 0.03, 0.9, sole - 0.03, 0.9, sole + heel, 0.5, sole + heel, 0.45, sole + 0.08,
                -0.95, sole + 0.08).Paint(level * Vary(0.5, 0.2));
            if (Chance(0.5)) sketch.Stroke(0.06, front + 0.12, top, front + 0.06, toe - 0.3, -0.35, toe)
                .Shade(Vary(0.6, 0.2));
            if (Chance(0.4)) sketch.Stroke(0.1, front, top + 0.1, back, top + 0.1).Shade(Vary(0.65, 0.2));
            if (Chance(0.3)) sketch.Stroke(0.05, (front + back) / 2, top + 0.1, (front + back) / 2, sole - 0.1)
                .Shade(0.65);
        }

        private void Torso(double level, double shoulder, double waist, double hemWidth, double top, double hem) =>
            sketch.Mirrored(0, top, 0.2, top - 0.02, shoulder, top + 0.1, shoulder * 1.02, top + 0.45, waist, 0.1,
                hemWidth, hem, 0, hem + 0.02).Paint(level);

        /// <summary>Short sleeves: from the shoulder outwards and down.</summary>
        private void Sleeves(double level, double shoulder, double top, double lengthU, double lengthV, double width)
        {
            double tint = level * Vary(0.95, 0.08);
            sketch.Polygon(shoulder - 0.1, top + 0.04, shoulder + 0.04, top + 0.1, shoulder + lengthU, top + lengthV,
                shoulder + lengthU - 0.14, top + lengthV + width * 0.5, shoulder - 0.05, top + width + 0.1).Paint(tint);
            sketch.Polygon(0.1 - shoulder, top + 0.04, -shoulder - 0.04, top + 0.1, -shoulder - lengthU, top + lengthV,
                0.14 - shoulder - lengthU, top + lengthV + width * 0.5, 0.05 - shoulder, top + width + 0.1).Paint(tint);
        }

        /// <summary>Sleeves that hang beside the body to the given height, with a cuff.</summary>
        private void LongSleeves(double level, double shoulder, double top, double lengthU, double end)
        {
            double tint = level * Vary(0.92, 0.08), outer = shoulder + lengthU, cuff = Vary(0.2, 0.04);
            for (int side = -1; side <= 1; side += 2)
            {
                sketch.Polygon(side * (shoulder - 0.12), top + 0.04, side * (shoulder + 0.08), top + 0.12, side * outer,
                    end, side * (outer - cuff), end + 0.03, side * (shoulder - 0.04), top + 0.62).Paint(tint);
                sketch.Polygon(side * outer, end - 0.1, side * outer, end, side * (outer - cuff), end + 0.03,
                    side * (outer - cuff), end - 0.07).Shade(0.8);
            }
        }

        /// <summary>The opening for the neck shows the ground, dimly.</summary>
        private void Neck(double width, double top, double depth) =>
            sketch.Polygon(-width, top - 0.05, width, top - 0.05, width * 0.6, top + depth * 0.8, 0, top + depth,
                -width * 0.6, top + depth * 0.8).Shade(Vary(0.2, 0.15));

        /// <summary>Something printed on the chest: a disk, a box or lines.</summary>
        private void Print(double level)
        {
            double ink = level > 150 ? level * Vary(0.4, 0.2) : Between(180, 250), v = Vary(-0.15, 0.15);
            int kind = random.NextInt(3);
            if (kind == 0) sketch.Ellipse(0, v, Vary(0.24, 0.06), Vary(0.22, 0.06)).Paint(ink);
            else if (kind == 1) sketch.Mirrored(0, v - 0.15, Vary(0.28, 0.08), v - 0.15, 0.28, v + Vary(0.15, 0.06), 0,
                v + 0.15).Paint(ink);
            else sketch.Stroke(0.09, -0.28, v - 0.08, 0.28, v - 0.08, 0.28, v + 0.14, -0.28, v + 0.14).Paint(ink);
        }

        private void Seam(double u, double end) => sketch.Stroke(0.05, u, -0.4, u, end).Shade(Vary(0.75, 0.1));

        /// <summary>Cloth, light and noise over the garment; the ground stays black but for a little dust.</summary>
        private void Finish(bool isShoe, Span<byte> image)
        {
            int cloth = random.NextInt(isShoe ? 8 : 6);
            double period = Between(2.2, 6), depth = cloth < 3 ? Between(0.15, 0.5) : 0, phase = Between(0, 1);
            double lightX = Vary(0, 0.02), lightY = Vary(0, 0.02), grain = Between(0.02, 0.13);
            double[] values = sketch.Values[0];
            for (int y = 0; y < Side; y++)
            {
                for (int x = 0; x < Side; x++)
                {
                    int at = y * Side + x;
                    double along = (cloth == 0 ? x : cloth == 1 ? y : x + y) / period + phase;
                    double wave = Math.Abs(along - Math.Floor(along) - 0.5) * 2;
                    double light = 1 + lightX * (x - 13.5) + lightY * (y - 13.5);
                    uint bits = random.NextUInt32();
                    // The sum of four uniform bytes, as a number from -2 to 2.
                    double noise = (int)((bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + (bits >> 24)
                        - 510) / 255.0;
                    double value = values[at] * (1 - depth * (wave > 0.5 ? 1 : 0.4 * wave)) * light * (1
                        + grain * noise) + 1.2 * noise;
                    image[at] = (byte)Math.Clamp((int)(value + 0.5), 0, 255);
                }
            }
        }

        private bool Chance(double share) => random.NextDouble() < share;

        private double Between(double low, double high) => low + (high - low) * random.NextDouble();

        private double Vary(double middle, double spread) => middle + spread * (2 * random.NextDouble() - 1);
    }
}
