using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class WeightStandardizationTests
{
    /// <summary>
    /// What an eps of 1e-12 changes beside variances that are scaled by 9 and more, with room for small ones.
    /// </summary>
    private const double OfEps = 1e-9;

    public static TheoryData<string> Layers => ["Linear", "Conv1d", "Conv2d", "Conv2d grouped"];

    [Theory]
    [MemberData(nameof(Layers))]
    public void The_output_is_that_of_the_standardized_weight(string name)
    {
        (Module layer, Tensor x) = Create(name, eps: 1e-3);
        Parameter weight = layer.OwnParameters["weight"];
        double[] raw = NaiveOps.Doubles(weight.Value);
        int filters = weight.Shape[0], m = raw.Length / filters;
        var standard = new double[raw.Length];
        for (int o = 0; o < filters; o++)
        {
            double[] filter = raw[(o * m)..((o + 1) * m)];
            double mean = filter.Average(), variance = filter.Average(value => (value - mean) * (value - mean));
            for (int i = 0; i < m; i++) standard[o * m + i] = (filter[i] - mean) / Math.Sqrt(variance + 1e-3);
        }

        double[] got = layer.Forward(x).ToArray<double>();
        Assert.Equal(["weight", "bias"], layer.StateDict().Keys);
        Assert.Equal(raw, NaiveOps.Doubles(weight.Value));
        Set(layer, null);
        weight.Value.CopyFrom(Tensor.From(standard, weight.Shape));
        Close.To(NaiveOps.Doubles(layer.Forward(x)), Tensor.From(got), Tolerances.Float64Roundoff);
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void The_gradient_is_exact_and_neither_shifts_nor_shrinks_a_filter(string name)
    {
        (Module layer, Tensor x) = Create(name, eps: 0);
        Parameter weight = layer.OwnParameters["weight"];
        GradientCheckResult result = GradientCheck.Parameters(tape => layer.Forward(tape.Input(x)), layer.Parameters());
        Assert.True(result.Passed, result.ToString());

        layer.ZeroGrad();
        Tensor y = layer.Forward(new Tape(Mode.Train).Input(x));
        y.Backward(Tensor.RandomNormal(y.Shape, new Philox(4), DType.Float64));
        double[] w = NaiveOps.Doubles(weight.Value), dw = NaiveOps.Doubles(weight.Gradient!);
        int m = w.Length / weight.Shape[0];
        for (int o = 0; o < weight.Shape[0]; o++)
        {
            double sum = 0, product = 0, size = 0;
            for (int i = o * m; i < (o + 1) * m; i++)
                (sum, product, size) = (sum + dw[i], product + dw[i] * w[i], size + Math.Abs(dw[i]));
            double rounding = Tolerances.Float64Sums * size;
            Assert.True(Math.Abs(sum) <= rounding && Math.Abs(product) <= rounding,
                $"filter {o}: {sum}, {product} of {size}");
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Shifting_or_scaling_a_filter_changes_nothing(string name)
    {
        (Module layer, Tensor x) = Create(name, eps: 1e-12);
        double[] before = NaiveOps.Doubles(layer.Forward(x));
        Tensor weight = layer.OwnParameters["weight"].Value;
        double[] values = NaiveOps.Doubles(weight);
        int m = values.Length / weight.Shape[0];
        for (int i = 0; i < values.Length; i++) values[i] = (values[i] + i / m) * (3 + i / m);
        weight.CopyFrom(Tensor.From(values, weight.Shape));
        Close.To(before, layer.Forward(x), OfEps);
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Baked_it_gives_the_same_bits(string name)
    {
        (Module layer, Tensor x) = Create(name, eps: 1e-6);
        layer.To(DType.Float32);
        x = x.To(DType.Float32);
        Module copy = layer.Clone();
        Assert.Equal(layer.ToString(), copy.ToString());
        Assert.EndsWith("weight_standardization=1e-06)", layer.ToString(), StringComparison.Ordinal);
        float[] before = layer.Predict(x).ToArray<float>();
        switch (layer)
        {
            case Linear linear: linear.BakeWeightStandardization(); break;
            case Conv1d row: row.BakeWeightStandardization(); break;
            default: ((Conv2d)layer).BakeWeightStandardization(); break;
        }

        Assert.Equal(before, layer.Predict(x).ToArray<float>());
        Assert.Equal(before, copy.Predict(x).ToArray<float>());
        Assert.DoesNotContain("weight_standardization", layer.ToString(), StringComparison.Ordinal);
        Set(layer, null);
    }

    [Fact]
    public void A_single_weight_cannot_be_standardized()
    {
        string text = Assert.Throws<ArgumentException>(
            () => new Conv2d(4, 4, 1, groups: 4) { WeightStandardization = new() }).Message;
        Assert.StartsWith(
            "Conv2d: expected two or more weights a filter to standardize, got a weight of shape (4, 1, 1, 1)", text,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new WeightStandardization(-1));
    }

    [Fact]
    public void A_steady_pass_allocates_little()
    {
        var layer = new Conv2d(8, 16, 3, bias: false) { WeightStandardization = new() };
        Tensor x = Tensor.RandomNormal([4, 8, 12, 12], new Philox(1));
        var tape = new Tape(Mode.Train);
        Pass();
        Pass();
        Assert.InRange(Allocations.Of(Pass), 0, 4096);

        void Pass()
        {
            tape.Reset();
            Tensor y = layer.Forward(tape.Input(x));
            y.Backward(y);
        }
    }

    private static (Module Layer, Tensor X) Create(string name, double eps)
    {
        var random = new Philox(7);
        var setting = new WeightStandardization(eps);
        (Module layer, Shape shape) = name switch
        {
            "Linear" =>
                ((Module)new Linear(7, 5, random: random) { WeightStandardization = setting }, new Shape([3, 7])),
            "Conv1d" =>
                (new Conv1d(3, 4, 3, padding: 1, random: random) { WeightStandardization = setting }, [2, 3, 6]),
            "Conv2d" =>
                (new Conv2d(2, 3, 3, stride: 2, random: random) { WeightStandardization = setting }, [2, 2, 5, 6]),
            _ =>
                (new Conv2d(4, 6, (2, 3), groups: 2, random: random) { WeightStandardization = setting }, [2, 4, 4, 5]),
        };
        layer.To(DType.Float64);
        return (layer, Tensor.RandomNormal(shape, random, DType.Float64));
    }

    private static void Set(Module layer, WeightStandardization? setting)
    {
        if (layer is Linear linear) linear.WeightStandardization = setting;
        else if (layer is Conv1d row) row.WeightStandardization = setting;
        else ((Conv2d)layer).WeightStandardization = setting;
    }
}
