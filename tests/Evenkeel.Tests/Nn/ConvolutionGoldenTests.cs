using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn;

/// <summary>Each option of each convolution against PyTorch, the definition and differences.</summary>
public sealed class ConvolutionGoldenTests
{
    private static readonly GoldenVectors s_golden = new("convolutions");

    public static TheoryData<string> Names => [.. ConvolutionCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_and_gradients_are_PyTorchs(string name)
    {
        s_golden.Compare(name, DType.Float64, ConvolutionCases.Run(name, DType.Float64));
        s_golden.Compare(name, DType.Float32, ConvolutionCases.Run(name, DType.Float32));
    }

    [Fact]
    public void Every_golden_case_is_compared() => Assert.Equal(s_golden.Names, ConvolutionCases.All.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_and_gradients_are_those_of_the_definition(string name)
    {
        ConvolutionCase one = ConvolutionCases.All[name];
        Tensor x = Batch(ConvolutionCases.Values(new Shape(one.Input), ConvolutionCases.Input, DType.Float64), one),
            weight = ConvolutionCases.Values(new Shape(one.Weight), ConvolutionCases.Weight, DType.Float64);
        Tensor? bias = one.Bias
            ? ConvolutionCases.Values([one.OutChannels], ConvolutionCases.Bias, DType.Float64)
            : null;
        (Size3 before, Size3 after) = Around(one);
        bool isPadded = one.Mode != PaddingMode.Zeros;
        if (isPadded) x = NaiveConvolution.Pad(x, before, after, one.Mode);
        var naive = new NaiveConvolution(
            one.Stride, isPadded ? 0 : before, isPadded ? 0 : after, one.Dilation, one.Groups);
        (double[] y, double[] dx, double[] dweight, double[] dbias) = one.IsTransposed
            ? naive.RunTransposed(x, weight, bias, one.OutputPadding, ConvolutionCases.Cotangent, out _)
            : naive.Run(x, weight, bias, ConvolutionCases.Cotangent, out _);

        // All numbers are small multiples of 1/64, so their sums are exact.
        double[] actual = ConvolutionCases.Run(name, DType.Float64);
        Assert.Equal(y, actual[..y.Length]);
        int count = new Shape(one.Input).Count;
        if (!isPadded) Assert.Equal(dx, actual[y.Length..(y.Length + count)]);
        Assert.Equal(dweight, actual[(y.Length + count)..(y.Length + count + dweight.Length)]);
        if (one.Bias) Assert.Equal(dbias, actual[^dbias.Length..]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_are_those_of_differences(string name)
    {
        ConvolutionCase one = ConvolutionCases.All[name];
        var random = new Philox(7);
        Tensor x = Tensor.RandomNormal(new Shape(one.Input), random, DType.Float64),
            weight = Tensor.RandomNormal(new Shape(one.Weight), random, DType.Float64),
            bias = Tensor.RandomNormal([one.OutChannels], random, DType.Float64);
        Module layer = one.Create();
        ConvolutionSettings settings =
            layer is ConvNd convolution ? convolution.Settings : ((ConvTransposeNd)layer).Settings;
        GradientCheckResult result = GradientCheck.Run(
            t => one.IsTransposed
                ? t[0].ConvolveTransposed(settings, t[1], t[2])
                : t[0].Convolve(settings, t[1], t[2]),
            [x, weight, bias]);
        Assert.True(result.Passed, result.ToString());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_ReLU_in_the_same_pass_gives_the_same_bits(string name)
    {
        ConvolutionCase one = ConvolutionCases.All[name];
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Module layer = one.Create();
            var model = new Sequential(layer, new ReLU());
            model.To(dtype);
            Tensor x = Tensor.RandomNormal(new Shape(one.Input), new Philox(3), dtype);
            double[] apart = NaiveOps.Doubles(layer.Forward(x).ReLU());
            Assert.Equal(apart, NaiveOps.Doubles(model.Forward(x)));
            var eval = new Tape(Mode.Eval);
            Assert.Equal(apart, NaiveOps.Doubles(model.Forward(eval.Input(x))));
            Assert.Equal(0, eval.OpCount);
            Assert.Equal(apart, NaiveOps.Doubles(model.Forward(new Tape(Mode.Train).Input(x))));
        }
    }

    private static Tensor Batch(Tensor x, ConvolutionCase one) =>
        x.Shape.Rank == one.Spatial + 2 ? x : x.Reshape([1, .. x.Shape]);

    /// <summary>What the padding of a case adds, by PyTorch's documentation.</summary>
    private static (Size3 Before, Size3 After) Around(ConvolutionCase one)
    {
        Padding p = one.Padding;
        if (p.IsSame)
        {
            Size3 total = new(one.Dilation.Depth * (one.Kernel.Depth - 1),
                one.Dilation.Height * (one.Kernel.Height - 1), one.Dilation.Width * (one.Kernel.Width - 1));
            Size3 half = new(total.Depth / 2, total.Height / 2, total.Width / 2);
            return (half,
                new(total.Depth - half.Depth, total.Height - half.Height, total.Width - half.Width));
        }

        return one.Spatial switch
        {
            1 => ((0, 0, p.Left), (0, 0, p.Right)),
            2 => ((0, p.Top, p.Left), (0, p.Bottom, p.Right)),
            _ => ((p.Front ?? p.Top, p.Top, p.Left), (p.Back ?? p.Bottom, p.Bottom, p.Right)),
        };
    }
}
