using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// Values and gradients against the naive twin, over the sizes at which the kernels change their ways.
/// </summary>
public sealed class ConvolutionTests
{
    /// <summary>
    /// Sums of up to 576 terms, or of all pixels, in Float32: their roundings are relative to the size of the terms.
    /// </summary>
    private const double OfTerms32 = 2e-5;

    // images, channels, height, width, filters, kernel, stride, padding, dilation, groups
    public static TheoryData<int, int, int, int, int, (int, int), (int, int), (int, int), (int, int), int> Shapes =>
        new()
        {
            { 1, 1, 1, 1, 1, (1, 1), (1, 1), (0, 0), (1, 1), 1 },
            { 3, 1, 28, 28, 6, (5, 5), (1, 1), (2, 2), (1, 1), 1 },
            { 5, 6, 14, 14, 16, (5, 5), (1, 1), (0, 0), (1, 1), 1 },
            { 2, 3, 32, 32, 32, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 2, 33, 9, 11, 35, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 1, 64, 8, 8, 64, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 1, 64, 23, 20, 64, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 2, 19, 7, 5, 9, (1, 1), (1, 1), (0, 0), (1, 1), 1 },
            { 2, 5, 7, 5, 17, (1, 1), (2, 2), (0, 0), (1, 1), 1 },
            { 4, 3, 7, 9, 5, (3, 2), (2, 1), (1, 0), (1, 1), 1 },
            { 2, 4, 13, 11, 6, (3, 5), (1, 2), (2, 3), (2, 1), 2 },
            { 3, 6, 9, 9, 6, (3, 3), (1, 1), (1, 1), (1, 1), 6 },
            { 2, 4, 17, 19, 8, (3, 3), (3, 2), (4, 5), (2, 3), 4 },
            { 2, 2, 6, 7, 3, (4, 3), (5, 4), (3, 2), (1, 1), 1 },
            { 2, 3, 5, 40, 2, (1, 7), (1, 3), (0, 3), (1, 2), 1 },
            { 1, 2, 41, 3, 7, (9, 3), (2, 1), (8, 6), (1, 1), 1 },
            { 18, 2, 5, 6, 33, (2, 2), (1, 1), (0, 1), (1, 1), 1 },
            { 37, 3, 4, 4, 13, (4, 4), (1, 1), (0, 0), (1, 1), 1 },
            { 1, 48, 6, 100, 3, (2, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 2, 9, 12, 12, 20, (7, 7), (4, 4), (3, 3), (1, 1), 1 },
            { 1, 1, 3, 300, 1, (3, 3), (1, 1), (1, 1), (1, 1), 1 },

            // Images enough, and filters and lanes, for the gradient of the input to be scattered.
            { 9, 6, 14, 14, 16, (5, 5), (1, 1), (0, 0), (1, 1), 1 },
            { 8, 16, 7, 6, 19, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 9, 6, 13, 11, 16, (5, 5), (2, 3), (2, 1), (1, 1), 1 },
            { 8, 32, 9, 12, 32, (2, 3), (3, 4), (0, 0), (1, 1), 2 },
            { 10, 16, 8, 9, 17, (3, 3), (1, 1), (3, 4), (2, 2), 1 },
            { 8, 16, 3, 4, 16, (1, 1), (2, 2), (2, 1), (1, 1), 1 },
            { 8, 33, 4, 4, 70, (3, 3), (1, 1), (0, 0), (1, 1), 1 },

            // More taps, and more filters, than a chunk.
            { 1, 70, 5, 5, 2, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 8, 16, 4, 4, 600, (1, 2), (1, 1), (0, 0), (1, 1), 1 },

            // Tiles of eleven to fourteen results along filters, two rows of seven, and more than one block of rows.
            { 2, 24, 5, 11, 33, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 1, 24, 5, 12, 32, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 1, 24, 22, 27, 40, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 1, 72, 7, 7, 48, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 1, 24, 41, 7, 33, (3, 3), (1, 1), (1, 1), (1, 1), 1 },

            // More than one band.
            { 2, 64, 64, 65, 3, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
            { 1, 40, 81, 60, 18, (3, 3), (2, 2), (1, 1), (1, 1), 1 },
            { 0, 2, 5, 5, 3, (3, 3), (1, 1), (1, 1), (1, 1), 1 },
        };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Agrees_with_the_naive_twin(
        int images, int channels, int height, int width, int filters, (int, int) kernel, (int, int) stride,
        (int, int) padding, (int, int) dilation, int groups)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            var random = new Philox(7);
            Tensor x = Tensor.RandomNormal([images, channels, height, width], random, dtype),
                weight = Tensor.RandomNormal([filters, channels / groups, kernel.Item1, kernel.Item2], random, dtype);
            Tensor bias = Tensor.RandomNormal([filters], random, dtype);
            var tape = new Tape();
            for (int pass = 0; pass < 2; pass++)
            {
                // The second pass has no gradient of x and finds memory that the first has left dirty.
                tape.Reset();
                Tensor input = tape.Input(x, requiresGradient: pass == 0),
                    w = tape.Input(weight, requiresGradient: true), b = tape.Input(bias, requiresGradient: true);
                Tensor y = input.Conv2d(w, b, stride, padding, dilation, groups);
                Tensor dy = Tensor.RandomNormal(y.Shape, random, dtype);
                double[] dys = NaiveOps.Doubles(dy);
                var expected = new NaiveConvolution(
                    stride, padding, dilation, groups).Run(x, weight, bias, i => dys[i], out Shape shape);
                Assert.Equal(shape, y.Shape);
                y.Backward(dy);

                double tolerance = dtype == DType.Float32 ? OfTerms32 : Tolerances.Float64Sums;
                Close.To(expected.Y, y, tolerance * Size(expected.Y));
                if (pass == 0) Close.To(expected.Dx, input.Gradient!, tolerance * Size(expected.Dx));
                Close.To(expected.Dweight, w.Gradient!, tolerance * Size(expected.Dweight));
                Close.To(expected.Dbias, b.Gradient!, tolerance * Size(expected.Dbias));
            }
        }
    }

    /// <summary>The largest value, 1 at least.</summary>
    private static double Size(double[] values) => values.Length == 0 ? 1 : Math.Max(1, values.Max(Math.Abs));
}
