using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>
/// Transposed convolutions and convolutions over volumes, over the sizes at which the kernels change their ways.
/// </summary>
public sealed class ConvTransposeTests
{
    /// <summary>Sums of some hundred terms in Float32: their roundings are relative to the size of the terms.</summary>
    private const double OfTerms32 = 2e-5;

    // images, channels, height, width, filters, kernel, stride, padding, output padding, dilation, groups
    public static TheoryData<int, int, int, int, int, int, int, int, int, int, int> Planes => new()
    {
        { 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1 },
        { 2, 33, 9, 11, 35, 3, 1, 1, 0, 1, 1 },
        { 2, 5, 9, 20, 17, 4, 2, 1, 0, 1, 1 },
        { 3, 6, 7, 5, 4, 2, 3, 0, 1, 1, 2 },
        { 2, 4, 6, 9, 4, 3, 2, 2, 1, 3, 4 },
        { 1, 64, 30, 33, 8, 3, 2, 1, 1, 1, 1 },

        // Images enough, and lanes, for the results to be scattered.
        { 9, 16, 10, 10, 6, 5, 1, 0, 0, 1, 1 },
        { 9, 32, 6, 7, 19, 3, 2, 1, 1, 1, 1 },
        { 8, 16, 4, 4, 16, 1, 2, 0, 1, 1, 1 },
        { 0, 3, 4, 5, 2, 3, 2, 1, 1, 1, 1 },

        // One window over the whole plane.
        { 3, 5, 1, 1, 7, 4, 2, 0, 0, 1, 1 },
        { 0, 3, 1, 1, 2, 3, 1, 0, 0, 1, 1 },
    };

    [Theory]
    [MemberData(nameof(Planes))]
    public void Transposed_planes_agree_with_the_naive_twin(int images, int channels, int height, int width,
        int filters, int kernel, int stride, int padding, int outputPadding, int dilation, int groups)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            var random = new Philox(5);
            Tensor x = Tensor.RandomNormal([images, channels, height, width], random, dtype),
                weight = Tensor.RandomNormal([channels, filters / groups, kernel, kernel], random, dtype),
                bias = Tensor.RandomNormal([filters], random, dtype);
            var naive = new NaiveConvolution(stride, (0, padding, padding), (0, padding, padding), dilation, groups);
            Compare(dtype, [x, weight, bias],
                t => t[0].ConvTranspose2d(t[1], t[2], stride, padding, outputPadding, groups, dilation),
                dy => naive.RunTransposed(
                    x, weight, bias, (0, outputPadding, outputPadding), i => dy[i], out _), random);
        }
    }

    // images, channels, depth, height, width, filters, kernel, stride, padding, dilation, groups
    public static TheoryData<int, int, int, int, int, int, int, int, int, int, int> Volumes => new()
    {
        { 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1 },
        { 2, 3, 5, 9, 20, 4, 3, 1, 1, 1, 1 },
        { 1, 33, 4, 6, 7, 35, 3, 1, 1, 1, 1 },
        { 2, 4, 9, 8, 11, 6, 2, 2, 1, 2, 2 },
        { 9, 4, 3, 4, 4, 16, 2, 1, 0, 1, 1 },
        { 3, 6, 4, 5, 6, 6, 3, 2, 2, 1, 6 },

        // More than one band of slices and of rows.
        { 1, 40, 5, 30, 32, 3, 3, 1, 1, 1, 1 },
        { 1, 64, 4, 40, 45, 2, 3, 2, 1, 1, 1 },
        { 0, 2, 3, 4, 5, 3, 2, 1, 0, 1, 1 },
    };

    [Theory]
    [MemberData(nameof(Volumes))]
    public void Volumes_agree_with_the_naive_twin(int images, int channels, int depth, int height, int width,
        int filters, int kernel, int stride, int padding, int dilation, int groups)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            var random = new Philox(5);
            Tensor x = Tensor.RandomNormal([images, channels, depth, height, width], random, dtype),
                weight = Tensor.RandomNormal([filters, channels / groups, kernel, kernel, kernel], random, dtype),
                bias = Tensor.RandomNormal([filters], random, dtype);
            var naive = new NaiveConvolution(stride, padding, padding, dilation, groups);
            Compare(dtype, [x, weight, bias],
                t => t[0].Conv3d(t[1], t[2], stride, padding, dilation, groups),
                dy => naive.Run(x, weight, bias, i => dy[i], out _), random);
        }
    }

    [Fact]
    public void A_transposed_convolution_is_the_gradient_of_a_convolution()
    {
        var random = new Philox(3);
        Tensor weight = Tensor.RandomNormal([5, 3, 3, 2], random, DType.Float64),
            dy = Tensor.RandomNormal([2, 5, 4, 3], random, DType.Float64);
        Tensor x = new Tape().Input(Tensor.Zeros([2, 3, 8, 6], DType.Float64), requiresGradient: true);
        x.Conv2d(weight, stride: 2, padding: (1, 0)).Backward(dy);
        Assert.Equal(x.Gradient!.ToArray<double>(),
            dy.ConvTranspose2d(weight, stride: 2, padding: (1, 0), outputPadding: (1, 0)).ToArray<double>());
    }

    [Fact]
    public void A_step_allocates_no_more_than_handles()
    {
        var random = new Philox(3);
        Module[] layers = [new Conv3d(2, 3, 3, padding: 1, random: random),
            new ConvTranspose2d(2, 3, 4, 2, 1, random: random),
            new Conv2d(2, 3, 3, padding: 1, paddingMode: PaddingMode.Circular, random: random)];
        foreach (Module layer in layers)
        {
            Tensor x = Tensor.RandomNormal(layer is Conv3d ? [2, 2, 4, 5, 6] : [2, 2, 5, 6], random);
            Tensor dy = Tensor.RandomNormal(layer.Forward(x).Shape, random);
            var tape = new Tape();
            for (int i = 0; i < 3; i++) Step();
            Assert.InRange(Allocations.Of(Step), 0, 4096);

            void Step()
            {
                tape.Reset();
                layer.Forward(tape.Input(x, requiresGradient: true)).Backward(dy);
                layer.ZeroGrad();
            }
        }
    }

    private static void Compare(DType dtype, Tensor[] operands, Func<Tensor[], Tensor> op,
        Func<double[], (double[] Y, double[] Dx, double[] Dweight, double[] Dbias)> twin, Philox random)
    {
        var tape = new Tape();
        for (int pass = 0; pass < 2; pass++)
        {
            // The second pass finds memory that the first has left dirty.
            tape.Reset();
            Tensor[] taped = [.. operands.Select(operand => tape.Input(operand, requiresGradient: true))];
            Tensor y = op(taped), dy = Tensor.RandomNormal(y.Shape, random, dtype);
            (double[] Y, double[] Dx, double[] Dweight, double[] Dbias) expected = twin(NaiveOps.Doubles(dy));
            y.Backward(dy);
            double tolerance = dtype == DType.Float32 ? OfTerms32 : Tolerances.Float64Sums;
            Close.To(expected.Y, y, tolerance * Size(expected.Y));
            Close.To(expected.Dx, taped[0].Gradient!, tolerance * Size(expected.Dx));
            Close.To(expected.Dweight, taped[1].Gradient!, tolerance * Size(expected.Dweight));
            Close.To(expected.Dbias, taped[2].Gradient!, tolerance * Size(expected.Dbias));
        }
    }

    /// <summary>The largest value, 1 at least.</summary>
    private static double Size(double[] values) => values.Length == 0 ? 1 : Math.Max(1, values.Max(Math.Abs));
}
