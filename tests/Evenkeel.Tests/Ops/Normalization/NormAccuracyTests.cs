using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>
/// Batch norm and layer norm against the naive double twin on the same inputs, in training mode, forward and backward.
/// </summary>
public sealed class NormAccuracyTests
{
    /// <summary>What is promised for ordinary float32 inputs, times max(1, |y|).</summary>
    private const double OrdinaryTolerance = 2e-6;

    /// <summary>
    /// What is promised for hard float32 inputs (|mean| ≫ std, outliers, subnormals); PyTorch is
    /// off by 0.019 and 0.14 there.
    /// </summary>
    private const double HardTolerance = 1e-4;

    /// <summary>Rounding of double arithmetic over some thousand terms.</summary>
    private const double DoubleTolerance = 1e-11;

    public static TheoryData<string> Shapes =>
    [
        "2x1", "5x100", "50x100", "7x3", "2x15", "3x16", "3x17", "9x63", "9x64", "9x65", "130x80", "200x257",
        "3x5x1", "2x3x2", "4x7x15", "4x7x16", "4x7x17", "3x6x49", "2x2x130",
        "4x3x7x7", "2x5x1x3", "8x6x28x28", "3x4x5x6", "2x3x2x3x4", "1x4x9x9", "2x2x100x100",
    ];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Batch_norm_float_matches_the_twin(string text)
    {
        int[] shape = Parse(text);
        foreach (bool relu in new[] { false, true })
        {
            BatchNormErrors<float>(
                shape, DType.Float32, Normal(shape, 1), relu, OrdinaryTolerance, GradientTolerance(OrdinaryTolerance));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Batch_norm_double_matches_the_twin(string text) => BatchNormErrors<double>(
        Parse(text), DType.Float64, Normal(Parse(text), 1), relu: false, DoubleTolerance, DoubleTolerance);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Layer_norm_float_matches_the_twin(string text)
    {
        int[] shape = Parse(text);
        foreach (bool relu in new[] { false, true })
        {
            LayerNormErrors<float>(
                shape, DType.Float32, Normal(shape, 1), relu, OrdinaryTolerance, GradientTolerance(OrdinaryTolerance));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Layer_norm_double_matches_the_twin(string text) => LayerNormErrors<double>(
        Parse(text), DType.Float64, Normal(Parse(text), 1), relu: false, DoubleTolerance, DoubleTolerance);

    public static TheoryData<string, string> HardCases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string kind in new[] { "mean 1e4, std 0.01",
                "mean 1e6, std 1", "first outlier 1e6", "subnormal", "constant", "large", "std 1e20", })
            {
                foreach (string shape in new[] { "64x40", "8x3x14x14", "300x5", "4x6x9", "3x2x70x70" })
                    data.Add(kind, shape);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(HardCases))]
    public void Hard_inputs_keep_their_digits(string kind, string text)
    {
        int[] shape = Parse(text);
        double[] x = Hard(kind, shape);
        BatchNormErrors<float>(shape, DType.Float32, x, relu: false, HardTolerance, GradientTolerance(HardTolerance));
        LayerNormErrors<float>(shape, DType.Float32, x, relu: false, HardTolerance, GradientTolerance(HardTolerance));
    }

    [Theory]
    [InlineData(1e-24)]
    [InlineData(1e-20)]
    [InlineData(1e-16)]
    [InlineData(1e20)]
    [InlineData(1e37)]
    public void Without_eps_the_output_does_not_depend_on_the_scale(double scale)
    {
        foreach (string text in new[] { "64x40", "300x5", "8x3x14x14", "4x6x9" })
        {
            int[] shape = Parse(text);
            int channels = shape[1], spatial = Spatial(shape);
            double[] x = Array.ConvertAll(Normal(shape, 4), v => (double)(float)(scale * v));
            double[] ones = new double[channels], zeros = new double[channels];
            Array.Fill(ones, 1);
            double[] expected = NaiveNorm.Run(
                x, new double[x.Length], ones, zeros, 0, i => i / spatial % channels, i => i / spatial % channels).Y;
            var tape = new Tape(Mode.Train);
            Close(
                "y", tape.Input(Tensor.From(x, new Shape(shape)).To(DType.Float32)).BatchNorm(null, null, null, eps: 0),
                expected, HardTolerance, 1);
            int length = channels * spatial;
            double[] rowOnes = new double[length], rowZeros = new double[length];
            Array.Fill(rowOnes, 1);
            expected = NaiveNorm.Run(x, new double[x.Length], rowOnes, rowZeros, 0, i => i / length, i => i % length).Y;
            Close(
                "y",
                tape.Input(Tensor.From(x, new Shape(shape)).To(DType.Float32))
                    .LayerNorm(new Shape(shape[1..]), null, null, eps: 0),
                expected, HardTolerance, 1);
        }
    }

    [Theory]
    [InlineData(1e-5)]
    [InlineData(0)]
    public void A_constant_channel_gives_exactly_beta(double eps)
    {
        foreach (float constant in new[] { 0f, 1f, 0.1f, 12345.678f, -1e30f, 3e-41f, 1f / 3 })
        {
            foreach (int[] shape in new int[][] { [7, 20], [1000, 3], [3, 4, 5, 5], [4, 2, 70, 70], [300, 2, 7, 7] })
            {
                var layer = new BatchNormFor(shape, eps);
                Tensor x = Tensor.Full(new Shape(shape), constant);
                foreach (float value in layer.Forward(x)) Assert.Equal(0.75f, value);
            }
        }

        var norm = new LayerNorm([1]);
        Tensor rows = new Tape(Mode.Train).Input(Tensor.From([5f, -3f, 1e20f], [3, 1]));
        Assert.All(norm.Forward(rows).ToArray<float>(), value => Assert.Equal(0f, value));
    }

    /// <summary>
    /// dx is a difference of terms of size |gamma·dy|·rstd, dgamma and dbeta are sums: their
    /// largest values set the scale.
    /// </summary>
    private static double GradientTolerance(double forward) => 4 * forward;

    private static double[] Normal(int[] shape, ulong seed)
    {
        double[] values = new double[new Shape(shape).Count];
        new Philox(seed, "norm tests").FillNormal(values);
        for (int i = 0; i < values.Length; i++) values[i] = (float)(1.5 * values[i] + 0.5);
        return values;
    }

    private static double[] Hard(string kind, int[] shape)
    {
        double[] x = Normal(shape, 2);
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = kind switch
            {
                "mean 1e4, std 0.01" => (float)(1e4 + 0.01 * x[i]),
                "mean 1e6, std 1" => (float)(1e6 + x[i]),
                "first outlier 1e6" => i < shape[1] * Spatial(shape) && i % Spatial(shape) == 0 ? 1e6 : x[i],
                "subnormal" => (float)(1e-40 * x[i]),
                "constant" => 1234.5678f,
                "std 1e20" => (float)(1e20 * x[i]),
                _ => (float)(1e15 * x[i]),
            };
        }

        return x;
    }

    private static int[] Parse(string text) => Array.ConvertAll(text.Split('x'), int.Parse);

    private static int Spatial(int[] shape) => shape[2..].Aggregate(1, (a, b) => a * b);

    private static void BatchNormErrors<T>(
        int[] shape, DType dtype, double[] x, bool relu, double tolerance, double gradientTolerance) where T : unmanaged
    {
        int channels = shape[1], spatial = Spatial(shape);
        (double[] gamma, double[] beta, double[] dy) = Parameters(channels, x.Length);
        var twin = NaiveNorm.Run(
            x, dy, gamma, beta, 1e-5, i => i / spatial % channels, i => i / spatial % channels, relu);
        Compare<T>(new Shape(shape), [channels], dtype, x, dy, gamma,
            beta, twin, tolerance, gradientTolerance, (xs, g, b) => xs.BatchNorm(g, b, running: null, fuseReLU: relu));
    }

    private static void LayerNormErrors<T>(
        int[] shape, DType dtype, double[] x, bool relu, double tolerance, double gradientTolerance) where T : unmanaged
    {
        int length = shape[1..].Aggregate(1, (a, b) => a * b);
        (double[] gamma, double[] beta, double[] dy) = Parameters(length, x.Length);
        var twin = NaiveNorm.Run(x, dy, gamma, beta, 1e-5, i => i / length, i => i % length, relu);
        Compare<T>(new Shape(shape), new Shape(shape[1..]), dtype, x, dy, gamma, beta, twin, tolerance,
            gradientTolerance, (xs, g, b) => xs.FusedLayerNorm(new Shape(shape[1..]), g, b, 1e-5, fuseReLU: relu));
    }

    private static (double[] Gamma, double[] Beta, double[] Dy) Parameters(int count, int elements)
    {
        double[] gamma = new double[count], beta = new double[count], dy = new double[elements];
        var random = new Philox(3, "parameters");
        random.FillNormal(gamma);
        random.FillNormal(beta);
        random.FillNormal(dy);
        return (Array.ConvertAll(gamma, v => (double)(float)v),
            Array.ConvertAll(beta, v => (double)(float)v), Array.ConvertAll(dy, v => (double)(float)v));
    }

    private static void Compare<T>(
        Shape shape, Shape parameterShape, DType dtype, double[] x, double[] dy, double[] gamma, double[] beta,
        (double[] Y, double[] Dx, double[] Dgamma, double[] Dbeta, double Scale) twin, double tolerance,
        double gradientTolerance, Func<Tensor, Tensor, Tensor, Tensor> norm) where T : unmanaged
    {
        var tape = new Tape(Mode.Train);
        var gammas = new Parameter(Tensor.From(gamma, parameterShape).To(dtype), "gamma");
        var betas = new Parameter(Tensor.From(beta, parameterShape).To(dtype), "beta");
        Tensor input = tape.Input(Tensor.From(x, shape).To(dtype), requiresGradient: true);
        Tensor y = norm(input, gammas, betas);
        Close("y", y, twin.Y, tolerance, 1);
        y.Backward(Tensor.From(dy, shape).To(dtype));
        Close("dx", input.Gradient!, twin.Dx, gradientTolerance, twin.Scale);
        Close("dgamma", gammas.Gradient!, twin.Dgamma, gradientTolerance, Largest(twin.Dgamma));
        Close("dbeta", betas.Gradient!, twin.Dbeta, gradientTolerance, Largest(twin.Dbeta));
    }

    private static double Largest(double[] values) => values.Max(Math.Abs);

    private static void Close(string what, Tensor actual, double[] expected, double tolerance, double scale)
    {
        double[] values = actual.To(DType.Float64).ToArray<double>();
        for (int i = 0; i < values.Length; i++)
        {
            // Written so that a NaN fails too.
            if (!(Math.Abs(values[i] - expected[i]) <= tolerance * Math.Max(scale, Math.Abs(expected[i]))))
            {
                Assert.Fail($"{what}[{i}] of shape {actual.Shape}: expected {expected[i]:R}, "
                    + $"got {values[i]:R}, off by {Math.Abs(values[i] - expected[i]):G3}; "
                    + $"allowed {tolerance:G3} x {Math.Max(scale, Math.Abs(expected[i])):G4}");
            }
        }
    }

    /// <summary>A batch norm without tracking whose beta is 0.75 everywhere.</summary>
    private sealed class BatchNormFor(int[] shape, double eps)
    {
        public float[] Forward(Tensor x)
        {
            var tape = new Tape(Mode.Train);
            return tape.Input(x)
                .BatchNorm(Tensor.Full([shape[1]], 2), Tensor.Full([shape[1]], 0.75), running: null, eps)
                .ToArray<float>();
        }
    }
}
