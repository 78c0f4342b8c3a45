using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class LocalResponseNormTests
{
    public static TheoryData<int[], int, double> Cases => new()
    {
        { [2, 7, 5, 5], 5, 0.75 }, { [3, 4, 3], 3, 0.75 }, { [1, 9, 4, 9], 4, 0.6 }, { [2, 3, 2, 2], 2, 1.3 },
        { [2, 1, 17], 5, 0.75 }, { [1, 6, 2, 3, 7], 1, 0.5 }, { [2, 2, 33], 9, 2 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Is_the_formula(int[] shape, int size, double beta)
    {
        const double alpha = 0.4, k = 1.25;
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1), dtype);
            double[] values = NaiveOps.Doubles(x), expected = new double[values.Length];
            int channels = shape[1], inner = x.Count / shape[0] / channels;
            for (int i = 0; i < values.Length; i++)
            {
                int channel = i / inner % channels;
                double sum = 0;
                for (int c = channel - (size / 2); c <= channel + ((size - 1) / 2); c++)
                {
                    if (c >= 0 && c < channels) sum += Math.Pow(values[i + ((c - channel) * inner)], 2);
                }

                expected[i] = values[i] / Math.Pow(k + (alpha / size * sum), beta);
            }

            Close.To(expected, x.LocalResponseNorm(size, alpha, beta, k));
        }

        GradientCheckResult result = GradientCheck.Run(v => v.LocalResponseNorm(size, alpha, beta, k),
            Tensor.RandomNormal(new Shape(shape), new Philox(2), DType.Float64));
        Assert.True(result.Passed, result.ToString());
    }

    /// <summary>
    /// Values from torch 1.13.1: LocalResponseNorm(4, alpha=0.5) of arange(12).reshape(1, 6, 2)/4 - 1.
    /// </summary>
    [Fact]
    public void Values_are_Torchs()
    {
        Tensor x = Tensor.Zeros([1, 6, 2]);
        for (int i = 0; i < 12; i++) x.AsSpan<float>()[i] = (i / 4f) - 1;
        Close.To(Golden, new LocalResponseNorm(4, alpha: 0.5).Forward(x));
    }

    [Fact]
    public void Bad_settings_are_errors()
    {
        Assert.StartsWith(
            "LocalResponseNorm: expected a window of 1 or more channels, got 0.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new LocalResponseNorm(0)).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "LocalResponseNorm: expected finite constants",
            Assert.Throws<ArgumentOutOfRangeException>(() => new LocalResponseNorm(5, double.NaN)).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "LocalResponseNorm: expected (N, C, ...) with at least one more dimension, got (4, 3).",
            Assert.Throws<ArgumentException>(() => Tensor.Ones([4, 3]).LocalResponseNorm(5)).Message,
            StringComparison.Ordinal);
        Assert.Equal("LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)", new LocalResponseNorm(5).ToString());
        Assert.Equal(new Shape(0, 3, 4), Tensor.Zeros([0, 3, 4]).LocalResponseNorm(5).Shape);
    }

    private static double[] Golden =>
    [
        -0.89683223, -0.70885825, -0.44841611, -0.23501003, 0, 0.22420806, 0.43953633, 0.62278169, 0.76171786,
        0.85618103, 1.1425767, 1.2029115,
    ];
}
