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
            new Func<Tensor, Tensor, Tensor>[]
            {
                (x, y) => x.CrossEntropy(y), (x, y) => x.MultiClassHinge(y), (x, y) => x.NegativeLogLikelihood(y),
                (x, y) => x.CrossEntropy(y, labelSmoothing: 0.1),
            })
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
        Passes(GradientCheck.Run((v, t) => v.MeanAbsoluteError(t) * 3, x, x.Exp()));
        Passes(GradientCheck.Run((v, t) => v.Huber(t, 0.7) * 3, x, x.Exp()));
        Passes(GradientCheck.Run((v, t) => v.SmoothL1(t, 0.7) * 3, x, x.Exp()));
        Passes(GradientCheck.Run((v, t) => v.Hinge(t) * 3, x, x.Exp()));
        Tensor weight = Tensor.From(0.5, 2, 0, 1, 3), sampleWeight = Tensor.From([1.0, 2, 0.5, 3, 0, 1], [6, 1]);
        Passes(GradientCheck.Run((v, t) => v.BinaryCrossEntropyWithLogits(t) * 3, x, x.Sigmoid()));
        Passes(GradientCheck.Run(
            (v, t) => v.BinaryCrossEntropyWithLogits(t, sampleWeight, weight) * 3, x, x.Sigmoid()));
        Passes(GradientCheck.Run(v => v.NegativeLogLikelihood(labels, weight, ignoreIndex: 3) * 3, x));
        Passes(GradientCheck.Run(v => v.CrossEntropy(labels, weight, ignoreIndex: 3, labelSmoothing: 0.2) * 3, x));
        Tensor probabilities = x.Square();
        Passes(GradientCheck.Run(v => v.CrossEntropy(probabilities, weight, labelSmoothing: 0.2) * 3, x));
        Tensor images = Tensor.RandomNormal([2, 5, 3, 2], new Philox(5), DType.Float64);
        Tensor places = Tensor.From([0L, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 2], [2, 3, 2]);
        Passes(GradientCheck.Run(v => v.CrossEntropy(places, weight) * 3, images));
        Passes(GradientCheck.Run(v => v.NegativeLogLikelihood(places, weight) * 3, images));
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
            "CrossEntropy: expected labels of shape (2, 10), one per sample and place of the scores (2, 2, 10), got ",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([2, 2, 10]).CrossEntropy(Tensor.Labels(0))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "CrossEntropy: expected scores of shape (N, classes) or (N, classes, ...), got (10).",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([10]).CrossEntropy(Tensor.Labels(0))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "CrossEntropy: expected labels from 0 to 1 (2 classes), got 5 at position (1, 2).",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([2, 2, 3])
                .CrossEntropy(Tensor.From([0L, 1, 0, 1, 0, 5], [2, 3]))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "MultiClassHinge: expected scores of shape (N, classes), got (2, 2, 10).",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([2, 2, 10]).MultiClassHinge(Tensor.Labels(0))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "MeanSquaredError: expected a target of shape (4, 10) like the input, got (4).",
            Assert.Throws<ArgumentException>(() => x.MeanSquaredError(Tensor.Zeros([4]))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_of_options_say_what_to_do()
    {
        Tensor x = Tensor.Zeros([4, 3]), labels = Tensor.Labels(0, 1, 2, 0);
        Says("CrossEntropy: expected a labelSmoothing from 0 to 1, got 1.5.",
            () => x.CrossEntropy(labels, labelSmoothing: 1.5));
        Says("CrossEntropy: expected a labelSmoothing from 0 to 1, got NaN.",
            () => x.CrossEntropy(labels, labelSmoothing: double.NaN));
        Says("CrossEntropy: expected weights of shape (3), one per class, got Float32 of shape (4).",
            () => x.CrossEntropy(labels, Tensor.Ones([4])));
        Says("NegativeLogLikelihood: expected weights of the classes that are finite and not negative, "
            + "got -1 for class 1.", () => x.NegativeLogLikelihood(labels, Tensor.From(1f, -1, 2)));
        Says("CrossEntropy: expected weights of the classes that are finite and not negative, got NaN for class 0.",
            () => x.CrossEntropy(labels, Tensor.From(float.NaN, 1, 2)));
        Says("CrossEntropy: expected at least one label that counts, got 4 labels that are all -100, the ignored one.",
            () => x.CrossEntropy(Tensor.Labels(-100, -100, -100, -100)));
        Says("NegativeLogLikelihood: expected at least one label that counts, got 2 labels that are all 1",
            () => x[..2].NegativeLogLikelihood(Tensor.Labels(1, 1), ignoreIndex: 1));
        Says("CrossEntropy: expected a label whose class has a weight above 0, got 2 labels of classes of weight 0.",
            () => x[..2].CrossEntropy(Tensor.Labels(1, 1), Tensor.From(1f, 0, 1)));
        Says("CrossEntropy: expected labels from 0 to 2 (3 classes), got -100 at position 0.",
            () => x.CrossEntropy(Tensor.Labels(-100, 0, 0, 0), ignoreIndex: 7));
        Says("CrossEntropy: expected a weight that is constant, got one that requires a gradient (shape (3)).",
            () => x.CrossEntropy(labels, new Parameter(Tensor.Ones([3]))));
        Says("CrossEntropy: expected a target that is constant, got one that requires a gradient (shape (4, 3)).",
            () => new Tape().Input(x).CrossEntropy(new Parameter(Tensor.Ones([4, 3]))));
        Says("CrossEntropy: expected operands of one element type, got Float32 and Float64.",
            () => x.CrossEntropy(x.To(DType.Float64)));
        Says("Huber: expected a finite delta above 0, the error from which on the loss grows in proportion, got 0.",
            () => x.Huber(x, 0));
        Says("SmoothL1: expected a finite beta from 0 on, the error below which the loss is a square, got -1.",
            () => x.SmoothL1(x, -1));
        Says("BinaryCrossEntropyWithLogits: expected a posWeight of numbers whose shape broadcasts to the input's "
            + "(4, 3), got Float32 of shape (2, 4, 3).",
            () => x.BinaryCrossEntropyWithLogits(x, posWeight: Tensor.Ones([2, 4, 3])));
        Says("BinaryCrossEntropyWithLogits, weight: expected shapes that broadcast",
            () => x.BinaryCrossEntropyWithLogits(x, Tensor.Ones([4])));
        foreach (Func<Tensor, Tensor, Tensor> loss in Numbers)
        {
            string error = Assert.Throws<ArgumentException>(() => loss(x, Tensor.Zeros([4]))).Message;
            Assert.Contains(
                "expected a target of shape (4, 3) like the input, got (4).", error, StringComparison.Ordinal);
            error = Assert.Throws<ArgumentException>(() => loss(Tensor.Zeros([0, 3]), Tensor.Zeros([0, 3]))).Message;
            Assert.Contains("expected at least one element, got shape (0, 3).", error, StringComparison.Ordinal);
        }

        static void Says(string start, Func<Tensor> loss) => Assert.StartsWith(
            start, Assert.ThrowsAny<ArgumentException>(loss).Message, StringComparison.Ordinal);
    }

    private static Func<Tensor, Tensor, Tensor>[] Numbers =>
    [
        (x, t) => x.MeanSquaredError(t), (x, t) => x.MeanAbsoluteError(t), (x, t) => x.Huber(t, 0.5),
        (x, t) => x.SmoothL1(t, 0.5), (x, t) => x.Hinge(t), (x, t) => x.BinaryCrossEntropyWithLogits(t),
    ];

    // The formulas of the documentation in double, for every count of elements around one and two packs.
    [Fact]
    public void Losses_of_numbers_are_the_means_of_their_formulas()
    {
        Func<double, double, double>[] formulas =
        [
            (x, t) => (x - t) * (x - t), (x, t) => Math.Abs(x - t),
            (x, t) => Math.Abs(x - t) <= 0.5 ? (x - t) * (x - t) / 2 : 0.5 * (Math.Abs(x - t) - 0.25),
            (x, t) => Math.Abs(x - t) < 0.5 ? (x - t) * (x - t) : Math.Abs(x - t) - 0.25,
            (x, t) => Math.Max(0, 1 - t * x),
            (x, t) => -t * Math.Log(1 / (1 + Math.Exp(-x))) - (1 - t) * Math.Log(1 / (1 + Math.Exp(x))),
        ];
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            for (int count = 1; count <= 35; count++)
            {
                Tensor x = Tensor.RandomNormal([count], new Philox((ulong)count), dtype);
                Tensor t = Tensor.RandomUniform([count], new Philox((ulong)count, "t"), dtype);
                for (int k = 0; k < formulas.Length; k++)
                {
                    double expected = NaiveOps.Doubles(x).Zip(NaiveOps.Doubles(t), formulas[k]).Sum() / count;
                    Close.To([expected], Numbers[k](x, t),
                        dtype == DType.Float32 ? Tolerances.Float32Roundoff : Tolerances.Float64Sums);
                }
            }
        }
    }

    [Fact]
    public void Weights_smoothing_and_ignored_labels_equal_the_composed_twin()
    {
        (Tensor x, Tensor labels) = Batch(9, 21, DType.Float64);
        Tensor weight = Tensor.RandomUniform([21], new Philox(8), DType.Float64);
        labels.AsSpan<long>()[4] = -100;
        double[] q = new double[9 * 21];
        double divisor = 0;
        for (int n = 0; n < 9; n++)
        {
            if (n == 4) continue;
            int label = (int)labels.AsSpan<long>()[n];
            divisor += weight.AsSpan<double>()[label];
            for (int c = 0; c < 21; c++)
                q[(n * 21) + c] = weight.AsSpan<double>()[c] * ((c == label ? 0.7 : 0) + (0.3 / 21));
        }

        Twins(x, Tensor.From(q, [9, 21]), divisor, v => v.CrossEntropy(labels, weight, labelSmoothing: 0.3));

        Tensor target = Tensor.RandomUniform([9, 21], new Philox(9), DType.Float64);
        Twins(x, weight * (target * 0.7 + 0.3 / 21), 9, v => v.CrossEntropy(target, weight, labelSmoothing: 0.3));

        static void Twins(Tensor x, Tensor q, double divisor, Func<Tensor, Tensor> loss)
        {
            Tape first = new(), second = new();
            Tensor a = first.Input(x, requiresGradient: true), b = second.Input(x, requiresGradient: true);
            Tensor fused = loss(a), composed = -(b.LogSoftmax() * q).Sum() / divisor;
            fused.Backward();
            composed.Backward();
            Assert.Equal(composed.Item(), fused.Item(), Tolerances.Float64Steps);
            Close.To(NaiveOps.Doubles(b.Gradient!), a.Gradient!);
        }
    }

    [Fact]
    public void Ignored_labels_are_as_if_their_samples_were_not_there()
    {
        (Tensor x, Tensor labels) = Batch(7, 5, DType.Float64);
        Tensor kept = Tensor.Concat([x[..2], x[3..]], 0), keptLabels = Tensor.Labels(
            [.. labels.ToArray<long>().Where((_, i) => i != 2).Select(label => (int)label)]);
        labels.AsSpan<long>()[2] = -100;
        x.AsSpan<double>().Slice(10, 5).Fill(double.NaN);
        foreach (Func<Tensor, Tensor, Tensor> loss in new Func<Tensor, Tensor, Tensor>[]
            { (v, y) => v.CrossEntropy(y), (v, y) => v.LogSoftmax().NegativeLogLikelihood(y) })
        {
            Assert.Equal(loss(kept, keptLabels).Item(), loss(x, labels).Item(), Tolerances.Float64Steps);
        }

        Tensor taped = new Tape().Input(x, requiresGradient: true);
        taped.CrossEntropy(labels).Backward();
        Assert.Equal(new double[5], taped.Gradient!.ToArray<double>()[10..15]);
        Assert.All(taped.Gradient.ToArray<double>(), static slope => Assert.True(double.IsFinite(slope)));
    }

    [Fact]
    public void Options_that_change_nothing_give_the_plain_loss()
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            (Tensor x, Tensor labels) = Batch(40, 11, dtype);
            double plain = x.CrossEntropy(labels).Item();
            Assert.Equal(plain, x.CrossEntropy(labels, ignoreIndex: 99).Item());
            Close.To([plain], x.CrossEntropy(labels, Tensor.Full([11], 3)));
            double[] values = new double[40 * 11];
            for (int n = 0; n < 40; n++) values[(n * 11) + (int)labels.AsSpan<long>()[n]] = 1;
            Close.To([plain], x.CrossEntropy(Tensor.From(values, [40, 11]).To(dtype)));
            Close.To([plain], x.Reshape(40, 11, 1).CrossEntropy(labels.Reshape(40, 1)));
            Close.To([plain], x.LogSoftmax().NegativeLogLikelihood(labels));
        }
    }

    [Fact]
    public void Large_logits_keep_the_digits_of_binary_cross_entropy()
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach ((double logit, double target, double loss, double slope) in new[]
            {
                (1000.0, 1.0, 0.0, 0.0), (1000, 0, 1000, 1), (-1000, 0, 0, 0), (-1000, 1, 1000, -1),
                (40, 1, 4.248354255291589e-18, -4.248354255291589e-18), (0, 0.5, Math.Log(2), 0),
                (-30, 0, 9.357622968839737e-14, 9.357622968839299e-14),
            })
            {
                Tensor x = new Tape().Input(Tensor.From(logit).To(dtype), requiresGradient: true);
                Tensor value = x.BinaryCrossEntropyWithLogits(Tensor.From(target).To(dtype));
                value.Backward();
                double tolerance = dtype == DType.Float32 ? Tolerances.Float32Roundoff : Tolerances.Float64Steps;
                Assert.Equal(loss, value.Item(), tolerance * Math.Abs(loss));
                Assert.Equal(slope, x.Gradient!.Item(), tolerance * Math.Abs(slope));
            }
        }
    }

    [Fact]
    public void NaN_in_a_prediction_reaches_the_loss_and_only_its_own_gradient()
    {
        Tensor t = Tensor.From(0.5, 1, 0);
        foreach (Func<Tensor, Tensor, Tensor> loss in Numbers)
        {
            Tensor x = new Tape().Input(Tensor.From(1, double.NaN, 2), requiresGradient: true);
            Tensor value = loss(x, t);
            value.Backward();
            Assert.True(double.IsNaN(value.Item()));
            double[] slopes = x.Gradient!.ToArray<double>();
            Assert.True(double.IsFinite(slopes[0]) && double.IsFinite(slopes[2]));
        }
    }

    [Fact]
    public void The_number_of_threads_changes_no_bit()
    {
        (Tensor x, Tensor labels) = Batch(4100, 33, DType.Float32);
        Tensor t = Tensor.RandomUniform(x.Shape, new Philox(6)), weight = Tensor.RandomUniform([33], new Philox(7)),
            sampleWeight = Tensor.RandomUniform([4100, 1], new Philox(8));
        Func<Tensor, Tensor>[] losses =
        [
            v => v.CrossEntropy(labels, weight, 3, 0.1), v => v.CrossEntropy(t, weight),
            v => v.NegativeLogLikelihood(labels, weight),
            v => v.BinaryCrossEntropyWithLogits(t, sampleWeight, weight),
            .. Numbers.Select(loss => (Func<Tensor, Tensor>)(v => loss(v, t))),
        ];
        foreach (Func<Tensor, Tensor> loss in losses)
        {
            float[][] results = [.. new[] { 1, 2, 3, 8 }.Select(threads =>
            {
                using IDisposable scope = Compute.UseThreads(threads);
                Tensor taped = new Tape().Input(x, requiresGradient: true);
                Tensor value = loss(taped);
                value.Backward();
                return (float[])[value.AsSpan<float>()[0], .. taped.Gradient!.ToArray<float>()];
            })];
            Assert.All(results, result => Assert.Equal(results[0], result));
        }
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
