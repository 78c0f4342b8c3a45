using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Norms to length 1 against their formula, at ordinary and extreme sizes, and what is refused.</summary>
public sealed class NormalizeTests
{
    private static readonly (int[] Shape, int[] Axes)[] s_cases =
    [
        ([5, 7], [1]), ([5, 7], [0]), ([3, 4, 5], [1]), ([3, 4, 5], [0, 2]), ([2, 3, 4, 5], [1, 2, 3]), ([9], []),
        ([2, 300, 17], [1]), ([4, 1], [1]), ([3, 70], [-1]), ([1, 1], [0]),
    ];

    private static readonly double[] s_exponents = [2, 1, 3, 1.5, 0.5, double.PositiveInfinity];

    public static TheoryData<int, double> Cases
    {
        get
        {
            var data = new TheoryData<int, double>();
            for (int i = 0; i < s_cases.Length; i++)
            {
                foreach (double p in s_exponents)
                    if (double.IsFinite(p) || s_cases[i].Axes.Length == 1) data.Add(i, p);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_matches_its_formula(int at, double p)
    {
        (int[] shape, int[] axes) = s_cases[at];
        Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1), DType.Float64);
        double[] expected = Formula(x, axes, p, 1e-12);
        Close.To(expected, x.Normalize(axes, p), Tolerances.Float64Sums);
        Close.To(Formula(x.To(DType.Float32), axes, p, 1e-12), x.To(DType.Float32).Normalize(axes, p),
            Tolerances.Float32Steps);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_match_differences_in_double(int at, double p)
    {
        (int[] shape, int[] axes) = s_cases[at];
        if (shape.Length == 3 && shape[1] == 300) return;
        Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(2), DType.Float64);
        Assert.True(GradientCheck.Run(v => v.Normalize(axes, p, eps: 50), x).Passed);
        // A group of one value becomes its sign, which has no slope that could be compared.
        if (NaiveOps.Groups(x, axes)[0].Length == 1) return;
        GradientCheckResult result = GradientCheck.Run(v => v.Normalize(axes, p), x);
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void A_small_group_is_divided_by_eps()
    {
        Tensor x = new Tape().Input(Tensor.From([3e-4, 4e-4, 3, 4], [2, 2]), requiresGradient: true);
        Tensor y = x.Normalize([1], eps: 1e-3);
        Close.To([0.3, 0.4, 0.6, 0.8], y);
        y.Backward(Tensor.From([1.0, 2.0, 0.0, 1.0], [2, 2]));
        Close.To([1000, 2000, -0.096, 0.072], x.Gradient!);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_group_of_zeros_gives_zeros_and_no_gradient_without_eps(double p)
    {
        Tensor x = new Tape().Input(Tensor.Zeros([2, 20]), requiresGradient: true);
        Tensor y = x.Normalize([1], p, eps: 0);
        y.Backward(Tensor.Ones([2, 20]));
        Assert.All(y.ToArray<float>(), value => Assert.Equal(0, value));
        Assert.All(x.Gradient!.ToArray<float>(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(DType.Float32, 1e-35)]
    [InlineData(DType.Float32, 1e30)]
    [InlineData(DType.Float64, 1e-300)]
    [InlineData(DType.Float64, 1e300)]
    public void Squares_that_the_type_does_not_hold_do_not_matter(DType dtype, double scale)
    {
        Tensor x = Tensor.RandomNormal([3, 40], new Philox(3), DType.Float64);
        double[] expected = Formula(x, [1], 2, 0);
        Close.To(expected, (x * scale).To(dtype).Normalize([1], eps: 0),
            dtype == DType.Float32 ? Tolerances.Float32Roundoff : Tolerances.Float64Steps);
    }

    [Fact]
    public void Values_that_are_not_finite_stay_in_their_group()
    {
        double[] y = Tensor.From([1, double.NaN, 3, 4, double.PositiveInfinity, 1], [3, 2]).Normalize([1])
            .ToArray<double>();
        Assert.Equal([double.NaN, double.NaN, 0.6, 0.8, double.NaN, 0], y.Select(value => Math.Round(value, 12)));
    }

    [Fact]
    public void Nothing_gives_nothing()
    {
        foreach (int[] shape in new int[][] { [0, 3], [3, 0], [2, 0, 4] })
        {
            Tensor x = new Tape().Input(Tensor.Zeros(new Shape(shape)), requiresGradient: true);
            Tensor y = x.Normalize([1]);
            Assert.Equal(new Shape(shape), y.Shape);
            y.Backward(Tensor.Zeros(new Shape(shape)));
            Assert.Equal(0, x.Gradient!.Count);
        }
    }

    [Fact]
    public void A_step_does_not_change_the_length_to_first_order()
    {
        Tensor x = new Tape().Input(Tensor.RandomNormal([4, 30], new Philox(4), DType.Float64), requiresGradient: true);
        x.Normalize([1]).Backward(Tensor.RandomNormal([4, 30], new Philox(5), DType.Float64));
        Close.To(new double[4], (x.Gradient! * x.Detach()).Sum([1]), Tolerances.Float64Sums);
    }

    [Fact]
    public void Layers_are_the_op()
    {
        Tensor x = Tensor.RandomNormal([3, 4, 5], new Philox(6));
        Assert.Equal(x.Normalize([1]).ToArray<float>(), new LpNormalization().Forward(x).ToArray<float>());
        Assert.Equal(x.Normalize([2], 1, 0.5).ToArray<float>(),
            new LpNormalization(1, -1, 0.5).Forward(x).ToArray<float>());
        Assert.Equal(x.Normalize([2], 2, 1e-6).ToArray<float>(), new UnitNormalization().Forward(x).ToArray<float>());
        Assert.Equal(x.Normalize([1, 2], 2, 1e-6).ToArray<float>(),
            new UnitNormalization(1, 2).Forward(x).ToArray<float>());
        Assert.Equal("LpNormalization(p=2.0, dim=1, eps=1e-12)", new LpNormalization().ToString());
        Assert.Equal("UnitNormalization(axis=(1, 2))", new UnitNormalization(1, 2).ToString());
    }

    [Fact]
    public void Errors_say_what_was_expected_what_came_and_what_to_do()
    {
        Tensor x = Tensor.Ones([2, 3]);
        Says(() => x.Normalize([1], p: 0), "Normalize: expected an exponent above 0, got 0", "Take 2");
        Says(() => x.Normalize([1], p: double.NaN), "Normalize: expected an exponent above 0, got NaN", "Take 2");
        Says(() => x.Normalize([1], eps: -1), "Normalize: expected a finite eps of 0 or more, got -1", "1e-12");
        Says(() => x.Normalize([2]), "Normalize: expected an axis from -2 to 1", "got 2");
        Says(() => x.Normalize([1, 1]), "Normalize: expected each axis once", "twice");
        Says(() => x.Normalize([0, 1], double.PositiveInfinity), "expected one axis with p = infinity, got 2",
            "Flatten");
        Says(() => new LpNormalization(-1), "LpNormalization: expected an exponent above 0, got -1", "Take 2");
        Says(() => new UnitNormalization(1, 1), "UnitNormalization: expected each dimension once", "Name it once");

        static void Says(Func<object> act, params string[] parts)
        {
            string message = Assert.ThrowsAny<ArgumentException>(act).Message;
            Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
        }
    }

    /// <summary>x / max(‖x‖, eps), value by value in double.</summary>
    private static double[] Formula(Tensor x, int[] axes, double p, double eps)
    {
        double[] values = NaiveOps.Doubles(x);
        int[] groups = new int[values.Length];
        var norms = new Dictionary<int, double>();
        for (int i = 0; i < values.Length; i++)
        {
            int[] index = NaiveOps.Unravel(i, x.Shape.ToArray());
            for (int d = 0; d < index.Length; d++)
            {
                bool isReduced = axes.Length == 0 || axes.Contains(d) || axes.Contains(d - index.Length);
                groups[i] = (groups[i] * x.Shape[d]) + (isReduced ? 0 : index[d]);
            }

            double sum = norms.GetValueOrDefault(groups[i]), magnitude = Math.Abs(values[i]);
            norms[groups[i]] = double.IsInfinity(p) ? Math.Max(sum, magnitude) : sum + Math.Pow(magnitude, p);
        }

        return [.. values.Select((value, i) => value
            / Math.Max(eps, double.IsInfinity(p) ? norms[groups[i]] : Math.Pow(norms[groups[i]], 1 / p)))];
    }
}
