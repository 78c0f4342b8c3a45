using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Dynamic Tanh and Dynamic erf.</summary>
public sealed class DynamicCurveTests
{
    private static readonly (int[] Shape, bool Last)[] s_cases =
    [
        ([1, 1], true), ([4, 7], true), ([3, 2, 17], true), ([300, 33], true), ([2, 3, 5], false), ([4, 6], false),
        ([3, 4, 5, 7], false), ([2, 1, 40], false), ([0, 3], true), ([0, 3, 2], false),
    ];

    public static TheoryData<int, bool> Cases
    {
        get
        {
            var data = new TheoryData<int, bool>();
            for (int i = 0; i < s_cases.Length; i++)
            {
                data.Add(i, true);
                data.Add(i, false);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_matches_the_graph_of_its_formula(int at, bool isErf)
    {
        (int[] shape, bool last) = s_cases[at];
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Tensor[] inputs = Inputs(shape, last, dtype);
            Tape tape = new(), other = new();
            Tensor[] fused = [.. inputs.Select(input => tape.Input(input, requiresGradient: true))],
                graph = [.. inputs.Select(input => other.Input(input.To(DType.Float64), requiresGradient: true))];
            Tensor dy = Tensor.RandomNormal(inputs[0].Shape, new Philox(8), dtype);
            Tensor y = Fused(fused, isErf, last), expected = Graph(graph, isErf, last);
            y.Backward(dy);
            expected.Backward(dy.To(DType.Float64));
            double tolerance = dtype == DType.Float32 ? Tolerances.Float32Sums : Tolerances.Float64Roundoff;
            Close.To(NaiveOps.Doubles(expected), y, tolerance);
            for (int i = 0; i < fused.Length; i++)
            {
                if (i == 2 && !isErf) continue;
                double[] gradient = NaiveOps.Doubles(graph[i].Gradient!);
                double scale = Math.Max(1, Math.Sqrt(y.Count));
                NormCompare.Close($"d{i}", fused[i].Gradient!, gradient, tolerance, scale);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_match_differences_in_double(int at, bool isErf)
    {
        (int[] shape, bool last) = s_cases[at];
        if (shape[0] == 0 || shape[0] == 300) return;
        Tensor[] inputs = Inputs(shape, last, DType.Float64);
        if (!isErf) inputs = [.. inputs.Where((_, i) => i != 2)];
        GradientCheckResult result = GradientCheck.Run(
            v => isErf ? Fused(v, isErf, last) : v[0].DynamicTanh(v[1], v[2], v[3], last), inputs);
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void With_alpha_0_it_is_a_constant_whose_alpha_still_learns()
    {
        var layer = new DynamicTanh([4], alphaInitValue: 0);
        Tensor x = new Tape().Input(Tensor.RandomNormal([3, 4], new Philox(1)), requiresGradient: true);
        layer.Forward(x).Backward(Tensor.Ones([3, 4]));
        Assert.All(x.Gradient!.ToArray<float>(), static value => Assert.Equal(0, value));
        Assert.Equal(x.ToArray<float>().Sum(), layer.Alpha.Gradient!.Item(), Tolerances.Float32Steps);
    }

    [Fact]
    public void Layers_have_the_keys_and_start_values_of_the_papers()
    {
        Assert.Equal(["alpha", "weight", "bias"], new DynamicTanh([3]).StateDict().Keys);
        Assert.Equal(["alpha", "shift", "weight", "bias"], new DynamicErf([2, 3]).StateDict().Keys);
        Assert.Equal([0.5f], new DynamicTanh([3]).Alpha.ToArray<float>());
        Assert.Equal([0f], new DynamicErf([3]).Shift.ToArray<float>());
        var layer = new DynamicErf([3], channelsLast: false, 0.25, 0.125);
        foreach (Parameter parameter in layer.Parameters()) parameter.Value.Fill(7);
        layer.Initialize(Init.KaimingNormal, 1);
        Assert.Equal([0.25f, 0.125f, 1, 1, 1, 0, 0, 0],
            layer.Parameters().SelectMany(static parameter => parameter.ToArray<float>()));
        Assert.Equal("DynamicTanh(normalized_shape=(3), alpha_init_value=0.5, channels_last=True)",
            new DynamicTanh([3]).ToString());
        Assert.Equal(
            "DynamicErf(normalized_shape=(3), alpha_init_value=0.25, shift_init_value=0.125, channels_last=False)",
            layer.ToString());
    }

    [Fact]
    public void Errors_say_what_was_expected_what_came_and_what_to_do()
    {
        Tensor x = Tensor.Ones([2, 3]), one = Tensor.Ones([1]), three = Tensor.Ones([3]);
        Says(() => x.DynamicTanh(three, three, three), "DynamicTanh: expected alpha as one number", "(3)");
        Says(() => x.DynamicErf(one, three, three, three), "DynamicErf: expected shift as one number", "(3)");
        Says(() => x.DynamicTanh(one, Tensor.Ones([2]), three), "DynamicTanh: expected", "(2, 3)");
        Says(() => x.DynamicTanh(one, three, Tensor.Ones([2])), "beta (bias)", "(2)");
        Says(() => x.DynamicTanh(one, Tensor.Ones([2]), three, channelsLast: false), "gamma (weight)", "(3)");
        Says(() => new DynamicTanh([]), "DynamicTanh: expected the trailing dimensions", "Pass for example");
        Says(() => new DynamicErf([2, 3], channelsLast: false), "DynamicErf: expected one dimension", "(2, 3)");
        Says(() => new DynamicTanh([3], alphaInitValue: double.NaN), "expected a finite alpha, got NaN", "0.5");
        Says(() => new DynamicErf([3], shiftInitValue: double.NaN), "expected a finite shift, got NaN");

        static void Says(Func<object> act, params string[] parts)
        {
            string message = Assert.ThrowsAny<ArgumentException>(act).Message;
            Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
        }
    }

    private static Tensor[] Inputs(int[] shape, bool last, DType dtype)
    {
        int features = last ? shape[^1] : shape[1];
        return
        [
            Tensor.RandomNormal(new Shape(shape), new Philox(1), dtype), Tensor.Full([1], 0.75, dtype),
            Tensor.Full([1], -0.25, dtype), Tensor.RandomNormal([features], new Philox(2), dtype),
            Tensor.RandomNormal([features], new Philox(3), dtype),
        ];
    }

    private static Tensor Fused(Tensor[] v, bool isErf, bool last) =>
        isErf ? v[0].DynamicErf(v[1], v[2], v[3], v[4], last) : v[0].DynamicTanh(v[1], v[3], v[4], last);

    /// <summary>The primitive ops have no erf; erf(u) = 2·GELU(√2·u)/(√2·u) - 1 where u is not 0.</summary>
    private static Tensor Graph(Tensor[] v, bool isErf, bool last)
    {
        int[] view = last ? [v[3].Count] : [v[3].Count, .. Enumerable.Repeat(1, v[0].Shape.Rank - 2)];
        Tensor u = (v[0] * v[1]) + (isErf ? v[2] : Tensor.Zeros([1], DType.Float64));
        double root = Math.Sqrt(2);
        Tensor f = isErf ? (((u * root).GELU() / (u * root)) * 2) - 1 : u.Tanh();
        return (f * v[3].Reshape(view)) + v[4].Reshape(view);
    }
}
