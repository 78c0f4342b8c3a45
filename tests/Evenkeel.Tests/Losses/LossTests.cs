using Evenkeel.Losses;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Losses;

public sealed class LossTests
{
    private static readonly double[] s_scores = [1, 2, 0.5, -1, 3, 0];

    [Fact]
    public void Cross_entropy_is_the_mean_of_minus_LogSoftmax()
    {
        double first = Math.Log(Math.Exp(1) + Math.Exp(2) + Math.Exp(0.5)) - 2,
            second = Math.Log(Math.Exp(-1) + Math.Exp(3) + 1) - 0;
        Check(new CrossEntropyLoss(), Tensor.Labels(1, 2), (first + second) / 2);
        Check(new CrossEntropyLoss(Tensor.From(5.0, 1, 3)), Tensor.Labels(1, 2), (first + 3 * second) / 4);
        Check(new CrossEntropyLoss(ignoreIndex: 2), Tensor.Labels(1, 2), first);
        Check(new CrossEntropyLoss(), Tensor.From([0.0, 1, 0, 0, 0, 1], [2, 3]), (first + second) / 2);
    }

    // Row 0, label 1: max(0, 1-2+1) + max(0, 0.5-2+1) = 0. Row 1, label 2: max(0, -1-0+1) + max(0, 3-0+1) = 4.
    [Fact]
    public void MultiClassHinge_is_the_notebooks_SVM_loss() => Check(new MultiClassHingeLoss(), Tensor.Labels(1, 2), 2);

    [Fact]
    public void NLL_is_the_mean_of_minus_the_labels_values() =>
        Check(new NLLLoss(Tensor.From(1.0, 2, 6)), Tensor.Labels(1, 2), -(2 * 2 + 6 * 0) / 8.0);

    [Fact]
    public void Losses_of_numbers_by_hand()
    {
        Tensor target = Tensor.From([0.0, 0, 0.5, 0, 0, 0], [2, 3]);
        Check(new MSELoss(), target, (1 + 4 + 1 + 9) / 6.0);
        Check(new L1Loss(), target, (1 + 2 + 1 + 3) / 6.0);
        Check(new HuberLoss(), target, (0.5 + 1.5 + 0.5 + 2.5) / 6);
        Check(new HuberLoss(2), target, (0.5 + 2 + 0.5 + 4) / 6);
        Check(new SmoothL1Loss(2), target, (0.25 + 1 + 0.25 + 2) / 6);
        Check(new SmoothL1Loss(0), target, 7 / 6.0);
        Check(new CombinedLoss((new MSELoss(), 1), (new L1Loss(), 0.5)), target, (15 + 3.5) / 6);
        Check(new HingeLoss(), Tensor.From([1.0, 1, 1, -1, -1, 1], [2, 3]), (0 + 0 + 0.5 + 0 + 4 + 1) / 6);
        Check(Loss.Of("sum of squares", (x, t) => (x - t).Square().Sum()), target, 15);
    }

    [Fact]
    public void Binary_cross_entropy_by_hand()
    {
        double[] targets = [1, 0, 1, 0, 1, 0.25];
        double sum = s_scores.Zip(targets, static (x, t) => Math.Log(1 + Math.Exp(x)) - t * x).Sum();
        Check(new BCEWithLogitsLoss(), Tensor.From(targets, [2, 3]), sum / 6);
        double weighted = s_scores.Zip(targets, static (x, t) =>
            2 * (3 * t * Math.Log(1 + Math.Exp(-x)) + (1 - t) * Math.Log(1 + Math.Exp(x)))).Sum();
        Check(new BCEWithLogitsLoss(Tensor.From(2.0), Tensor.From(3.0)), Tensor.From(targets, [2, 3]), weighted / 6);
    }

    [Fact]
    public void Every_loss_says_what_targets_it_takes_and_brings_fresh_metrics()
    {
        (Loss Loss, TargetKind Targets, string[] Metrics)[] all =
        [
            (new CrossEntropyLoss(), TargetKind.ClassLabelsOrNumbers, ["accuracy"]),
            (new NLLLoss(), TargetKind.ClassLabels, ["accuracy"]),
            (new MultiClassHingeLoss(), TargetKind.ClassLabels, ["accuracy"]),
            (new HingeLoss(), TargetKind.Numbers, ["accuracy"]),
            (new BCEWithLogitsLoss(), TargetKind.Numbers, ["accuracy"]),
            (new MSELoss(), TargetKind.Numbers, ["rmse", "mae", "r2"]),
            (new HuberLoss(), TargetKind.Numbers, ["rmse", "mae", "r2"]),
            (new SmoothL1Loss(), TargetKind.Numbers, ["rmse", "mae", "r2"]),
            (new L1Loss(), TargetKind.Numbers, ["mae", "rmse", "r2"]),
            (new CombinedLoss((new L1Loss(), 1), (new MSELoss(), 1)), TargetKind.Numbers, ["mae", "rmse", "r2"]),
            (new CombinedLoss((new CrossEntropyLoss(), 1), (new NLLLoss(), 1)), TargetKind.ClassLabels, ["accuracy"]),
            (Loss.Of("own", (x, _) => x.Sum()), TargetKind.Any, []),
            (Loss.Of("own", (x, _) => x.Sum(), TargetKind.Numbers, () => [new RSquared()]), TargetKind.Numbers, ["r2"]),
        ];
        Assert.All(all, static one =>
        {
            Assert.Equal(one.Targets, one.Loss.Targets);
            Assert.Equal(one.Metrics, one.Loss.DefaultMetrics().Select(static metric => metric.Name));
            Assert.DoesNotContain(one.Loss.DefaultMetrics()
                .Zip(one.Loss.DefaultMetrics(), ReferenceEquals), static same => same);
        });
    }

    [Fact]
    public void Targets_that_do_not_fit_are_an_error_that_says_what_to_do()
    {
        Tensor scores = Tensor.Zeros([4, 3]), output = Tensor.Zeros([4, 1]), labels = Tensor.Labels(0, 1, 2, 0);
        Says("MSELoss: expected numbers (Float32) of shape (4, 1) as the prediction, got Int64 of shape (4). "
            + "Class labels go with CrossEntropyLoss; numbers are made of them by To(DType.Float32) and Reshape.",
            () => new MSELoss().Forward(output, labels));
        Says("L1Loss: expected numbers (Float32) of shape (4, 1) as the prediction, got Float32 of shape (4). "
            + "Reshape the targets, or change the number of outputs; losses do not broadcast.",
            () => new L1Loss().Forward(output, Tensor.Zeros([4])));
        Says("HuberLoss: expected numbers (Float32) of shape (4, 1) as the prediction, got Float64 of shape (4, 1). "
            + "Convert the targets with To(DType).",
            () => new HuberLoss().Forward(output, output.To(DType.Float64)));
        Says("NLLLoss: expected class labels (Int64), one per sample of a prediction of (4, 3), got Float32 of shape "
            + "(4, 1). Numbers go with MSELoss, L1Loss or HuberLoss; class labels are made by Tensor.Labels(...).",
            () => new NLLLoss().Forward(scores, output));
        Says("CrossEntropyLoss: expected class labels (Int64), one per sample of a prediction of (4, 3), or numbers "
            + "(Float32) of shape (4, 3) as the prediction, got Float32 of shape (4, 1).",
            () => new CrossEntropyLoss().Forward(scores, output));
        Says("CrossEntropyLoss: expected class labels of shape (4) for a prediction of shape (4, 3), got (3). ",
            () => new CrossEntropyLoss().Forward(scores, labels[..3]));
        Says("MultiClassHingeLoss: expected a prediction with a score per class, of shape (N, classes), got (4). ",
            () => new MultiClassHingeLoss().Forward(Tensor.Zeros([4]), labels));
        Says("own: expected numbers (Float32) of shape (4, 3) as the prediction, got Int64 of shape (4).",
            () => Loss.Of("own", (x, _) => x.Sum(), TargetKind.Numbers).Forward(scores, labels));
        Says("own: expected a loss of one element, got shape (4, 3). Reduce it with Mean().",
            () => Loss.Of("own", (x, t) => x - t).Forward(scores, scores));
        Says("CrossEntropy: expected labels from 0 to 2 (3 classes), got 3 at position 1.",
            () => new CrossEntropyLoss().Forward(scores, Tensor.Labels(0, 3, 1, 1)));
    }

    [Fact]
    public void Values_of_targets_that_do_not_fit_are_named_with_their_sample()
    {
        Tensor scores = Tensor.Zeros([2, 3]);
        foreach (Loss loss in new Loss[] { new MSELoss(), new L1Loss(), new HuberLoss(), new SmoothL1Loss() })
        {
            foreach (double bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
            {
                Says($"{loss.GetType().Name}: expected finite targets, got {bad} for sample (1, 0) of the batch. "
                    + $"Remove the sample or correct the value.",
                    () => loss.Forward(scores, Tensor.From([0, 0, 0, bad, 0, 0], [2, 3]).To(DType.Float32)));
            }
        }

        Says("BCEWithLogitsLoss: expected finite targets from 0 to 1, got 2 for sample (0, 2) of the batch.",
            () => new BCEWithLogitsLoss().Forward(scores, Tensor.From([0f, 1, 2, 0, 0, 0], [2, 3])));
        Says("BCEWithLogitsLoss: expected finite targets from 0 to 1, got NaN for sample 1 of the batch.",
            () => new BCEWithLogitsLoss().Forward(Tensor.Zeros([2]), Tensor.From(0f, float.NaN)));
        Says("HingeLoss: expected targets of -1 or 1, got 0 for sample (0, 1) of the batch. Make 2·t - 1",
            () => new HingeLoss().Forward(scores, Tensor.From([1f, 0, 1, 1, 1, 1], [2, 3])));
        Says("CrossEntropyLoss: expected finite targets from 0 on, got -0.5 for sample (1, 2) of the batch.",
            () => new CrossEntropyLoss().Forward(scores, Tensor.From([1f, 0, 0, 1, 0, -0.5f], [2, 3])));

        // A target that the pass itself computes may be NaN because training diverges: that is the trainer's to judge.
        var tape = new Tape();
        Tensor computed = tape.Input(Tensor.Full([2, 3], double.NaN), requiresGradient: true).Exp();
        Assert.True(double.IsNaN(new MSELoss().Forward(tape.Input(scores), computed).Item()));
    }

    [Fact]
    public void Settings_out_of_range_are_refused_when_the_loss_is_made()
    {
        Says("CrossEntropyLoss: expected a labelSmoothing from 0 to 1, got -0.1.",
            () => new CrossEntropyLoss(labelSmoothing: -0.1));
        Says("CrossEntropyLoss: expected weights of shape (2), one per class, got Float32 of shape (2, 1).",
            () => new CrossEntropyLoss(Tensor.Ones([2, 1])));
        Says("NLLLoss: expected weights of the classes that are finite and not negative, got -1 for class 0.",
            () => new NLLLoss(Tensor.From(-1f, 1)));
        Says("HuberLoss: expected a finite delta above 0", () => new HuberLoss(double.NaN));
        Says("SmoothL1Loss: expected a finite beta from 0 on", () => new SmoothL1Loss(double.PositiveInfinity));
        Says("CombinedLoss: expected one loss or more, got none.", () => new CombinedLoss());
        Says("CombinedLoss: expected finite weights, got NaN for MSELoss().",
            () => new CombinedLoss((new MSELoss(), double.NaN)));
        Says("CombinedLoss: expected losses that take the same targets, got Numbers before NLLLoss(), which takes "
            + "ClassLabels.", () => new CombinedLoss((new MSELoss(), 1), (new NLLLoss(), 1)));
        Assert.Throws<ArgumentException>(() => Loss.Of(" ", (x, _) => x));
        Assert.Throws<ArgumentNullException>(() => Loss.Of("own", null!));
    }

    [Fact]
    public void A_loss_prints_its_options()
    {
        Assert.Equal("CrossEntropyLoss()", new CrossEntropyLoss().ToString());
        Assert.Equal("CrossEntropyLoss(weight: 2 classes, ignoreIndex: 1, labelSmoothing: 0.1)",
            new CrossEntropyLoss(Tensor.From(1.0, 2), 1, 0.1).ToString());
        Assert.Equal("NLLLoss(weight: 2 classes)", new NLLLoss(Tensor.From(1.0, 2)).ToString());
        Assert.Equal("BCEWithLogitsLoss(posWeight: (3))", new BCEWithLogitsLoss(null, Tensor.Ones([3])).ToString());
        Assert.Equal("CombinedLoss(1·MSELoss() + 0.5·HuberLoss(delta: 2))",
            new CombinedLoss((new MSELoss(), 1), (new HuberLoss(2), 0.5)).ToString());
    }

    [Fact]
    public void Weights_are_copied_and_converted_to_the_predictions_type()
    {
        Tensor weight = Tensor.From(1f, 2, 4), scores = Tensor.From(s_scores, [2, 3]);
        var loss = new CrossEntropyLoss(weight);
        var binary = new BCEWithLogitsLoss(posWeight: weight);
        Tensor targets = Tensor.From([1.0, 0, 0, 1, 1, 0], [2, 3]);
        double before = loss.Forward(scores, Tensor.Labels(0, 2)).Item(),
            binaryBefore = binary.Forward(scores, targets).Item();
        weight.Fill(9);
        loss.Weight!.Fill(9);
        Assert.Equal(before, loss.Forward(scores, Tensor.Labels(0, 2)).Item());
        Assert.Equal(binaryBefore, binary.Forward(scores, targets).Item());
    }

    private static void Says(string start, Func<object> action) => Assert.StartsWith(
        start, Assert.ThrowsAny<Exception>(action).Message, StringComparison.Ordinal);

    private static void Check(Loss loss, Tensor target, double expected)
    {
        var parameter = new Parameter(Tensor.From(s_scores, [2, 3]));
        var tape = new Tape();
        Tensor value = loss.Forward(tape.Watch(parameter), target);
        Assert.Equal(expected, value.Item(), Tolerances.Float64Steps);
        value.Backward();
        Assert.NotNull(parameter.Gradient);
        Assert.Throws<ArgumentNullException>(() => loss.Forward(null!, target));
    }
}
