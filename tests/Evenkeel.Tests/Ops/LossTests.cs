using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class LossTests
{
    [Fact]
    public void Labels_may_be_filled_anew_before_the_backward_pass()
    {
        foreach (Func<Tensor, Tensor, Tensor> loss in
            new Func<Tensor, Tensor, Tensor>[] { (x, y) => x.CrossEntropy(y), (x, y) => x.MultiClassHinge(y) })
        {
            Tensor labels = Tensor.Labels(0, 2);
            var tape = new Tape();
            Tensor x = tape.Input(Tensor.From(new double[,] { { 1, 2, 3 }, { 2, 1, 0 } }), requiresGradient: true);
            loss(x, labels).Backward();
            double[] expected = x.Gradient!.ToArray<double>();
            tape.Reset();
            x = tape.Input(Tensor.From(new double[,] { { 1, 2, 3 }, { 2, 1, 0 } }), requiresGradient: true);
            Tensor value = loss(x, labels);
            labels.Fill(1_000_000_000);
            value.Backward();
            Assert.Equal(expected, x.Gradient!.ToArray<double>());
        }
    }

    [Theory]
    [InlineData(50, 10)]
    [InlineData(1, 2)]
    [InlineData(7, 33)]
    [InlineData(3000, 16)]
    [InlineData(2, 2100)]
    public void Cross_entropy_is_the_mean_negative_log_probability(int samples, int classes)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            (Tensor x, Tensor labels) = Batch(samples, classes, dtype);
            double expected = 0;
            double[] gradient = new double[samples * classes];
            double[] values = NaiveOps.Doubles(x);
            for (int n = 0; n < samples; n++)
            {
                double[] p = NaiveOps.Softmax(values[(n * classes)..((n + 1) * classes)]);
                int label = (int)labels.AsSpan<long>()[n];
                expected -= Math.Log(p[label]) / samples;
                for (int j = 0; j < classes; j++) gradient[(n * classes) + j] = p[j] - (j == label ? 1 : 0);
            }

            var tape = new Tape();
            Tensor taped = tape.Input(x, requiresGradient: true);
            Tensor loss = taped.CrossEntropy(labels);
            Close.To([expected], loss);
            loss.Backward();
            Close.To(gradient, taped.Gradient! * samples,
                dtype == DType.Float32 ? Tolerances.Float32Roundoff : Tolerances.Float64Roundoff);
        }
    }

    [Fact]
    public void Gradients_of_the_losses()
    {
        (Tensor x, Tensor labels) = Batch(6, 5, DType.Float64);
        Passes(GradientCheck.Run(v => v.CrossEntropy(labels) * 3, x));
        Passes(GradientCheck.Run(v => v.MultiClassHinge(labels) * 3, x));
        Passes(GradientCheck.Run((v, t) => v.MeanSquaredError(t) * 3, x, x.Exp()));
        Passes(GradientCheck.Run(v => v.Softmax(), x));
        Passes(GradientCheck.Run(v => v.LogSoftmax(), x));
        Passes(GradientCheck.Run(v => v.Softmax(0), x));
        Passes(GradientCheck.Run(v => v.LogSoftmax(1), x.Reshape(2, 3, 5)));
    }

    [Fact]
    public void Hinge_and_square_by_hand()
    {
        Tensor scores = Tensor.From(new float[,] { { 3.2f, 5.1f, -1.7f }, { 1.3f, 4.9f, 2.0f } });
        Assert.Equal((2.9 + 0) / 2, scores.MultiClassHinge(Tensor.Labels(0, 1)).Item(), Tolerances.Float32Roundoff);
        Assert.Equal(2.5, Tensor.From(1f, 2f).MeanSquaredError(Tensor.From(3f, 1f)).Item());
    }

    [Fact]
    public void Fused_loss_equals_its_composed_twin()
    {
        (Tensor x, Tensor labels) = Batch(9, 7, DType.Float64);
        Tensor oneHot = Tensor.Zeros([9, 7], DType.Float64);
        for (int n = 0; n < 9; n++) oneHot.AsSpan<double>()[(n * 7) + (int)labels.AsSpan<long>()[n]] = 1;
        Tape first = new(), second = new();
        Tensor a = first.Input(x, requiresGradient: true), b = second.Input(x, requiresGradient: true);
        Tensor fused = a.CrossEntropy(labels), composed = -(b.LogSoftmax() * oneHot).Sum() / 9;
        fused.Backward();
        composed.Backward();
        Assert.Equal(composed.Item(), fused.Item(), Tolerances.Float64Steps);
        Close.To(NaiveOps.Doubles(b.Gradient!), a.Gradient!);
    }

    [Fact]
    public void Softmax_of_large_scores()
    {
        Assert.Equal([0.5f, 0.5f, 0f], Tensor.From(new[] { 1000f, 1000f, -1000f }, [1, 3]).Softmax().ToArray<float>());
        Close.To([-Math.Log(2), -Math.Log(2), -2000 - Math.Log(2)],
            Tensor.From(new[] { 1000f, 1000f, -1000f }, [1, 3]).LogSoftmax());
        Assert.Equal(0, Tensor.From(new[] { 1e30f, 0f }, [1, 2]).CrossEntropy(Tensor.Labels(0)).Item());
        Tensor x = Tensor.RandomNormal([4, 3, 5], new Philox(1));
        Close.To(NaiveOps.Doubles(Tensor.Ones([4, 5])), x.Softmax(1).Sum([1]), Tolerances.Float32Roundoff);
        Close.To(NaiveOps.Doubles(x.Softmax(1).Log()), x.LogSoftmax(1));
    }

    [Fact]
    public void Errors_name_value_position_and_classes()
    {
        Tensor x = Tensor.Zeros([4, 10]);
        Assert.StartsWith(
            "CrossEntropy: expected labels from 0 to 9 (10 classes), got 10 at position 2. "
            + "Check the number of outputs, and that labels count from 0.",
            Assert.Throws<ArgumentException>("labels", () => x.CrossEntropy(Tensor.Labels(0, 9, 10, 1))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "MultiClassHinge: expected labels from 0 to 9 (10 classes), got -1 at position 0.",
            Assert.Throws<ArgumentException>(() => x.MultiClassHinge(Tensor.Labels(-1, 0, 0, 0))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "CrossEntropy: expected at least one sample, got an empty batch of shape (0, 10).",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([0, 10]).CrossEntropy(Tensor.Labels())).Message,
            StringComparison.Ordinal);
        Assert.StartsWith("CrossEntropy: expected labels of shape (4)",
            Assert.Throws<ArgumentException>(() => x.CrossEntropy(Tensor.Labels(0))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "CrossEntropy: expected class labels of type Int64, got Float32",
            Assert.Throws<ArgumentException>(() => x.CrossEntropy(Tensor.Zeros([4]))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "CrossEntropy: expected scores of shape (N, classes), got (2, 2, 10).",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([2, 2, 10]).CrossEntropy(Tensor.Labels(0))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "MeanSquaredError: expected a target of shape (4, 10) like the input, got (4).",
            Assert.Throws<ArgumentException>(() => x.MeanSquaredError(Tensor.Zeros([4]))).Message,
            StringComparison.Ordinal);
    }

    private static (Tensor X, Tensor Labels) Batch(int samples, int classes, DType dtype)
    {
        var random = new Philox(4);
        Tensor x = Tensor.RandomNormal([samples, classes], random, dtype) * 2;
        int[] labels = new int[samples];
        random.Choice(classes, labels);
        return (x, Tensor.Labels(labels));
    }

    private static void Passes(GradientCheckResult result) => Assert.True(result.Passed, result.ToString());
}
