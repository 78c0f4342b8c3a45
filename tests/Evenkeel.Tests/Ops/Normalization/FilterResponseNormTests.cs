using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

public sealed class FilterResponseNormTests
{
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 2, 3, 1 }, { 3, 2, 7 }, { 2, 5, 16 }, { 4, 3, 17 }, { 2, 2, 257 }, { 1, 3, 5000 },
        { 40, 33, 49 }, { 0, 3, 4 }, { 2, 3, 0 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_matches_the_graph_of_its_formula(int samples, int channels, int positions)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            var tape = new Tape();
            Tensor[] inputs = Inputs(samples, channels, positions, dtype);
            Tensor[] fused = [.. inputs.Select(input => tape.Input(input, requiresGradient: true))],
                graph = [.. inputs.Select(input => tape.Input(input.To(DType.Float64), requiresGradient: true))];
            Tensor dy = Tensor.RandomNormal(inputs[0].Shape, new Philox(8), dtype);
            Tensor y = fused[0].FilterResponseNorm(fused[1], fused[2], fused[3]);
            y.Backward(dy);
            var other = new Tape();
            graph = [.. inputs.Select(input => other.Input(input.To(DType.Float64), requiresGradient: true))];
            Tensor expected = Graph(graph);
            expected.Backward(dy.To(DType.Float64));
            double tolerance = dtype == DType.Float32 ? Tolerances.Float32Sums : Tolerances.Float64Roundoff;
            Close.To(NaiveOps.Doubles(expected), y, tolerance);
            for (int i = 0; i < fused.Length; i++)
            {
                double[] gradient = NaiveOps.Doubles(graph[i].Gradient!);
                double scale = Math.Max(1, gradient.Select(Math.Abs).DefaultIfEmpty(0).Max());
                NormCompare.Close($"d{i}", fused[i].Gradient!, gradient, tolerance, scale);
            }
        }
    }

    [Fact]
    public void Gradients_match_differences_in_double()
    {
        foreach ((int n, int c, int s) in new[] { (2, 3, 5), (3, 2, 1), (2, 2, 40) })
        {
            Tensor[] inputs = Inputs(n, c, s, DType.Float64);
            GradientCheckResult result =
                GradientCheck.Run(v => v[0].FilterResponseNorm(v[1], v[2], v[3], eps: 0.1), inputs);
            Assert.True(result.Passed, result.ToString());
            Assert.True(GradientCheck.Run(v => v[0].FilterResponseNorm(v[1], v[2], null), inputs[..3]).Passed);
            Assert.True(GradientCheck.Run(v => v[0].FilterResponseNorm(null, null, null), inputs[..1]).Passed);
        }
    }

    [Fact]
    public void The_numbers_worked_out_by_hand_hold()
    {
        // nu² = (1 + 49)/2 = 25: xhat = (0.2, -1.4), z = (1.4, -1.8), cut at -1.
        Tensor x = new Tape().Input(Tensor.From([1.0, -7.0], [1, 1, 2]), requiresGradient: true);
        var gamma = new Parameter(Tensor.From([2.0], [1]));
        var beta = new Parameter(Tensor.From([1.0], [1]));
        var tau = new Parameter(Tensor.From([-1.0], [1]));
        Tensor y = x.FilterResponseNorm(gamma, beta, tau, eps: 0);
        y.Backward(Tensor.From([1.0, 3.0], [1, 1, 2]));
        Close.To([1.4, -1], y);
        // h = (1, 0): dx = 2/5·(h - xhat·mean(h·xhat)) = 0.4·(1 - 0.02, 0.14).
        Close.To([0.392, 0.056], x.Gradient!);
        Close.To([0.2], gamma.Gradient!);
        Close.To([1], beta.Gradient!);
        Close.To([3], tau.Gradient!);
    }

    [Fact]
    public void A_channel_of_zeros_gives_beta_and_scaling_a_sample_changes_nothing_without_eps()
    {
        Tensor[] inputs = Inputs(2, 3, 20, DType.Float64);
        Tensor zeros = Tensor.Zeros([1, 2, 20]), beta = Tensor.Full([2], 0.5);
        Assert.Equal(Enumerable.Repeat(0.5f, 40), zeros.FilterResponseNorm(null, beta, null, 0).ToArray<float>());
        Close.To(NaiveOps.Doubles(inputs[0].FilterResponseNorm(inputs[1], inputs[2], inputs[3], 0)),
            (inputs[0] * 3.5).FilterResponseNorm(inputs[1], inputs[2], inputs[3], 0), Tolerances.Float64Sums);
    }

    [Theory]
    [InlineData(1e-30)]
    [InlineData(1e25)]
    public void Squares_that_float_does_not_hold_are_taken_in_double(double scale)
    {
        Tensor x = Tensor.RandomNormal([2, 3, 40], new Philox(3), DType.Float64);
        Close.To(NaiveOps.Doubles(x.FilterResponseNorm(null, null, null, 0)),
            (x * scale).To(DType.Float32).FilterResponseNorm(null, null, null, 0), Tolerances.Float32Roundoff);
    }

    [Fact]
    public void Samples_do_not_see_each_other()
    {
        Tensor x = Tensor.RandomNormal([4, 3, 5, 5], new Philox(3));
        var layer = new FilterResponseNorm(3);
        float[] all = layer.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>();
        Assert.Equal(all[..75], layer.Forward(x.Rows(0, 1)).ToArray<float>());
        Assert.Equal(["weight", "bias", "tau"], layer.StateDict().Keys);
        Assert.Equal(["weight", "bias"], new FilterResponseNorm(3, applyAct: false).StateDict().Keys);
        Assert.Equal("FilterResponseNorm(3, eps=1e-06, apply_act=True)", layer.ToString());
    }

    [Fact]
    public void Errors_say_what_was_expected_what_came_and_what_to_do()
    {
        Tensor x = Tensor.Ones([2, 3, 4]);
        Says(() => Tensor.Ones([3]).FilterResponseNorm(null, null, null),
            "FilterResponseNorm: expected a batch", "(3)");
        Says(() => x.FilterResponseNorm(Tensor.Ones([2]), null, null), "expected gamma (weight) of shape (3)", "(2)");
        Says(() => x.FilterResponseNorm(null, null, Tensor.Ones([2])), "of shape (3)", "(2)");
        Says(() => x.FilterResponseNorm(null, null, null, -1), "expected a finite eps of 0 or more, got -1");
        Says(() => new FilterResponseNorm(0), "FilterResponseNorm: expected at least one feature, got 0");

        static void Says(Func<object> act, params string[] parts)
        {
            string message = Assert.ThrowsAny<ArgumentException>(act).Message;
            Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
        }
    }

    private static Tensor[] Inputs(int samples, int channels, int positions, DType dtype) =>
    [
        Tensor.RandomNormal([samples, channels, positions], new Philox(1), dtype),
        Tensor.RandomNormal([channels], new Philox(2), dtype), Tensor.RandomNormal([channels], new Philox(3), dtype),
        Tensor.RandomNormal([channels], new Philox(4), dtype) - 0.5,
    ];

    private static Tensor Graph(Tensor[] inputs)
    {
        int channels = inputs[1].Count;
        Tensor meanSquare = inputs[0].Square().Mean([2], keepDims: true);
        Tensor xhat = inputs[0] / (meanSquare + 1e-6).Sqrt();
        return (xhat * inputs[1].Reshape(channels, 1) + inputs[2].Reshape(channels, 1))
            .Maximum(inputs[3].Reshape(channels, 1));
    }
}
