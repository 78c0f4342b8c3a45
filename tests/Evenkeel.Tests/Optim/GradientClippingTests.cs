using Evenkeel.Optim;
using Xunit;

namespace Evenkeel.Tests.Optim;

public sealed class GradientClippingTests
{
    [Fact]
    public void Norm_matches_PyTorch()
    {
        Parameter a = With([1f, -2, 3], [3]), b = With([4f, -5, 0.5f, 0.25f], [2, 2]), none = new(Tensor.Ones([2]));
        Assert.Equal(7.437237739562988, GradientClipping.Norm([a, none, b], 2), Tolerances.Float32Roundoff);
        // torch.nn.utils.clip_grad_norm_, PyTorch 1.13.
        float[] expected =
        [
            0.2689170241355896f, -0.5378340482711792f, 0.8067510724067688f, 1.0756680965423584f, -1.3445851802825928f,
            0.1344585120677948f, 0.0672292560338974f,
        ];
        float[] actual = [.. a.Gradient!.ToArray<float>(), .. b.Gradient!.ToArray<float>()];
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], Tolerances.Float32Ulps);
        Assert.Null(none.Gradient);
    }

    [Fact]
    public void A_small_norm_changes_nothing()
    {
        Parameter a = With([1f, -2, 3], [3]);
        Assert.Equal(Math.Sqrt(14), GradientClipping.Norm([a], 100), Tolerances.Float64Ulps);
        Assert.Equal([1f, -2, 3], a.Gradient!.ToArray<float>());
    }

    [Fact]
    public void Squares_beyond_the_range_of_float_do_not_overflow()
    {
        Parameter a = With([3e30f, 4e30f], [2]);
        Assert.Equal(5e30, GradientClipping.Norm([a], 1), 1e24);
        Assert.Equal(0.6f, a.Gradient!.AsSpan<float>()[0], Tolerances.Float32Roundoff);
    }

    [Fact]
    public void Every_length_is_summed_once()
    {
        for (int length = 1; length < 258; length++)
        {
            foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
            {
                var parameter = new Parameter(Tensor.Zeros([length], dtype));
                OptimizerTests.SetGradient(parameter, static i => i + 1);
                double expected = Math.Sqrt(Enumerable.Range(1, length).Sum(static i => (long)i * i));
                Assert.Equal(expected, GradientClipping.Norm([parameter], double.PositiveInfinity));
            }
        }
    }

    [Fact]
    public void Value_clamps_and_keeps_NaN()
    {
        float[] values =
        [
            float.NaN, 5, -5, 0.5f, float.PositiveInfinity, float.NegativeInfinity, -1, 1, 0, 2, 3, 4, 5, 6, 7, 8, 9,
            -9,
        ];
        Parameter a = With(values, [values.Length]);
        GradientClipping.Value([a], 1.5);
        float[] clipped = a.Gradient!.ToArray<float>();
        Assert.True(float.IsNaN(clipped[0]));
        for (int i = 1; i < values.Length; i++) Assert.Equal(Math.Clamp(values[i], -1.5f, 1.5f), clipped[i]);
    }

    [Fact]
    public void Arguments_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(static () => GradientClipping.Norm([], double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(static () => GradientClipping.Value([], -1));
    }

    [Fact]
    public void A_sequence_that_can_be_read_once_is_clipped()
    {
        Parameter a = With([3f, 0], [2]), b = With([4f], [1]);
        var queue = new Queue<Parameter>([a, b]);
        Assert.Equal(5, GradientClipping.Norm(Drain(queue), 1), Tolerances.Float64Roundoff);
        Assert.Equal(0.6f, a.Gradient!.AsSpan<float>()[0], Tolerances.Float32Roundoff);
        Assert.Equal(0.8f, b.Gradient!.AsSpan<float>()[0], Tolerances.Float32Roundoff);

        static IEnumerable<Parameter> Drain(Queue<Parameter> queue)
        {
            while (queue.TryDequeue(out Parameter? parameter)) yield return parameter;
        }
    }

    [Fact]
    public void A_parameter_named_twice_counts_and_is_scaled_once()
    {
        Parameter a = With([3f, 4], [2]);
        Assert.Equal(5, GradientClipping.Norm([a, a, a], 1), Tolerances.Float64Roundoff);
        Assert.Equal(0.6f, a.Gradient!.AsSpan<float>()[0], Tolerances.Float32Roundoff);
        Assert.Equal(0.8f, a.Gradient!.AsSpan<float>()[1], Tolerances.Float32Roundoff);
    }

    [Fact]
    public void A_missing_parameter_is_refused_before_any_gradient_changes()
    {
        Parameter a = With([3f, 4], [2]);
        Assert.Contains("got null among them",
            Assert.Throws<ArgumentException>(() => GradientClipping.Norm([a, null!], 1)).Message,
            StringComparison.Ordinal);
        Assert.Contains("got null among them",
            Assert.Throws<ArgumentException>(() => GradientClipping.Value([a, null!], 1)).Message,
            StringComparison.Ordinal);
        Assert.Equal([3f, 4], a.Gradient!.ToArray<float>());
    }

    private static Parameter With(float[] gradient, Shape shape)
    {
        var parameter = new Parameter(Tensor.Ones(shape));
        OptimizerTests.SetGradient(parameter, i => gradient[i]);
        return parameter;
    }
}
