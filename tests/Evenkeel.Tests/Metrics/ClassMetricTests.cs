using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Metrics;

public sealed class ClassMetricTests
{
    // The example of scikit-learn's precision_score, recall_score and f1_score.
    private static readonly int[] s_true = [0, 1, 2, 0, 1, 2], s_predicted = [0, 2, 1, 0, 0, 1];

    /// <summary>Scores of three classes whose highest is that of the given class.</summary>
    private static Tensor Scores(int[] predicted, int classes = 3)
    {
        float[] scores = new float[predicted.Length * classes];
        for (int n = 0; n < predicted.Length; n++) scores[(n * classes) + predicted[n]] = 1;
        return Tensor.From(scores, [predicted.Length, classes]);
    }

    private static double Of(Metric metric, Tensor prediction, Tensor target)
    {
        metric.Update(prediction, target);
        return metric.Compute();
    }

    [Fact]
    public void Accuracy_is_the_share_of_right_answers()
    {
        Assert.Equal(2 / 6.0, Of(new Accuracy(), Scores(s_predicted), Tensor.Labels(s_true)));
        Assert.Equal(2 / 5.0, Of(new Accuracy(), Scores(s_predicted), Tensor.Labels(0, 1, 2, 0, 1, -100)));
        Assert.Equal(2 / 4.0, Of(new Accuracy(ignoreIndex: 2), Scores(s_predicted), Tensor.Labels(s_true)));
        Assert.Equal(2 / 6.0, Of(new Accuracy(), Scores(s_predicted), Scores(s_true)));
        Assert.True(double.IsNaN(new Accuracy().Compute()));
        Assert.True(double.IsNaN(Of(new Accuracy(), Scores([1]), Tensor.Labels(-100))));
        Assert.True(double.IsNaN(Of(new Accuracy(), Tensor.Zeros([0, 3]), Tensor.Labels())));
    }

    [Fact]
    public void The_first_of_equal_scores_counts_and_NaN_is_the_highest()
    {
        Tensor scores = Tensor.From(
            [1, 1, 0, 0, float.NaN, 9, 9, float.NaN, float.NaN, float.NegativeInfinity, 0, float.PositiveInfinity],
            [4, 3]);
        Assert.Equal(1, Of(new Accuracy(), scores, Tensor.Labels(0, 1, 1, 2)));
        Assert.Equal(1, Of(new TopKAccuracy(1), scores, Tensor.Labels(0, 1, 1, 2)));
        Assert.Equal(0, Of(new Accuracy(), scores, Tensor.Labels(1, 2, 2, 1)));
        Assert.Equal(0, Of(new TopKAccuracy(1), scores, Tensor.Labels(1, 2, 2, 1)));
    }

    [Fact]
    public void Classes_lie_along_axis_1_also_of_images()
    {
        Tensor scores = Tensor.RandomNormal([3, 4, 5, 2], new Philox(1));
        long[] labels = scores.ArgMax(1).ToArray<long>();
        Tensor target = Tensor.From(labels, [3, 5, 2]);
        Assert.Equal(1, Of(new Accuracy(), scores, target));
        Assert.Equal(1, Of(new TopKAccuracy(1), scores, target));
        Assert.Equal(1, Of(new F1Score(), scores, target));
        target.AsSpan<long>()[7] = (labels[7] + 1) % 4;
        target.AsSpan<long>()[8] = -100;
        Assert.Equal(28 / 29.0, Of(new Accuracy(), scores, target));
    }

    [Fact]
    public void One_value_per_sample_is_the_logit_of_class_1()
    {
        Tensor logits = Tensor.From([-1f, 2, 0, 3, float.NaN], [5, 1]);
        Assert.Equal(3 / 5.0, Of(new Accuracy(), logits, Tensor.Labels(0, 1, 1, 0, 1)));
        Assert.Equal(3 / 5.0, Of(new Accuracy(), logits.Reshape(5), Tensor.From(0f, 1, 1, 0, 1)));
        Assert.Equal(3 / 5.0, Of(new Accuracy(), logits, Tensor.From([0f, 0.9f, 0.6f, 0.2f, 1], [5, 1])));
        Assert.Equal(2 / 3.0, Of(new Recall(ofClass: 1), logits, Tensor.Labels(0, 1, 1, 0, 1)));
    }

    [Fact]
    public void Binary_accuracy_counts_every_column()
    {
        Tensor logits = Tensor.From([-1f, 2, 0.2f, 3, float.NaN, -2], [3, 2]);
        Assert.Equal(4 / 6.0, Of(new BinaryAccuracy(), logits, Tensor.From([0f, 1, 0, 0, 1, 0], [3, 2])));
        Assert.Equal(4 / 6.0, Of(new BinaryAccuracy(), logits, Tensor.From([-1f, 1, -1, -1, 1, -1], [3, 2])));
        Assert.Equal(5 / 6.0, Of(new BinaryAccuracy(0.5), logits, Tensor.From([0L, 1, 0, 0, 1, 0], [3, 2])));
        Assert.True(double.IsNaN(new BinaryAccuracy().Compute()));
    }

    // The example of scikit-learn's top_k_accuracy_score.
    [Fact]
    public void Top_k_accuracy_of_scikit_learns_example()
    {
        Tensor scores = Tensor.From(
            [0.5f, 0.2f, 0.2f, 0.3f, 0.4f, 0.2f, 0.2f, 0.4f, 0.3f, 0.7f, 0.2f, 0.1f], [4, 3]);
        Tensor labels = Tensor.Labels(0, 1, 2, 2);
        Assert.Equal(0.75, Of(new TopKAccuracy(2), scores, labels));
        Assert.Equal(0.5, Of(new TopKAccuracy(1), scores, labels));
        Assert.Equal(1, Of(new TopKAccuracy(3), scores, labels));
        Assert.Equal("top-2-accuracy", new TopKAccuracy(2).Name);
    }

    [Fact]
    public void Top_k_accuracy_is_what_sorting_gives()
    {
        var random = new Philox(3);
        Tensor scores = Tensor.RandomNormal([200, 9], random);
        float[] values = scores.ToArray<float>();
        int[] labels = new int[200];
        random.Choice(9, labels);
        for (int k = 1; k <= 9; k++)
        {
            int right = Enumerable.Range(0, 200).Count(n => Enumerable.Range(0, 9)
                .OrderByDescending(c => values[(n * 9) + c]).Take(k).Contains(labels[n]));
            Assert.Equal(right / 200.0, Of(new TopKAccuracy(k), scores, Tensor.Labels(labels)));
        }
    }

    // Class 0: 2 hits of 3 predictions and 2 samples. Classes 1 and 2: no hit.
    [Fact]
    public void Precision_recall_and_F1_of_scikit_learns_example()
    {
        Tensor scores = Scores(s_predicted), labels = Tensor.Labels(s_true);
        Assert.Equal(2 / 9.0, Of(new Precision(), scores, labels), Tolerances.Float64Ulps);
        Assert.Equal(2 / 6.0, Of(new Precision(ClassAverage.Micro), scores, labels));
        Assert.Equal(2 / 9.0, Of(new Precision(ClassAverage.Weighted), scores, labels), Tolerances.Float64Ulps);
        Assert.Equal(2 / 3.0, Of(new Precision(ofClass: 0), scores, labels));
        Assert.Equal(1 / 3.0, Of(new Recall(), scores, labels));
        Assert.Equal(2 / 6.0, Of(new Recall(ClassAverage.Micro), scores, labels));
        Assert.Equal(1, Of(new Recall(ofClass: 0), scores, labels));
        Assert.Equal(0.8 / 3, Of(new F1Score(), scores, labels), Tolerances.Float64Ulps);
        Assert.Equal(2 / 6.0, Of(new F1Score(ClassAverage.Micro), scores, labels));
        Assert.Equal(0.8, Of(new F1Score(ofClass: 0), scores, labels));
        Assert.Equal(0, Of(new F1Score(ofClass: 1), scores, labels));
    }

    [Fact]
    public void Weighted_scores_count_classes_by_their_samples()
    {
        // Class 0: 3 samples, 2 hits, 2 predictions; class 1: 1 sample, 1 hit, 2 predictions.
        Tensor scores = Scores([0, 0, 1, 1], 2), labels = Tensor.Labels(0, 0, 0, 1);
        Assert.Equal((3 * 1 + 1 * 0.5) / 4, Of(new Precision(ClassAverage.Weighted), scores, labels));
        Assert.Equal((1 + 0.5) / 2, Of(new Precision(), scores, labels));
        Assert.Equal((3 * (2 / 3.0) + 1) / 4, Of(new Recall(ClassAverage.Weighted), scores, labels));
        Assert.Equal((3 * 0.8 + 2 / 3.0) / 4, Of(new F1Score(ClassAverage.Weighted), scores, labels));
    }

    // scikit-learn's example of zero_division: classes 1 and 2 occur but are never predicted.
    [Fact]
    public void Zero_by_zero_is_what_is_asked_for()
    {
        Tensor scores = Scores([0, 0, 0, 0, 0, 0]), labels = Tensor.Labels(s_true);
        double first = 2 / 6.0;
        Assert.Equal(first / 3, Of(new Precision(), scores, labels), Tolerances.Float64Ulps);
        Assert.Equal((first + 2) / 3, Of(new Precision(zeroDivision: 1), scores, labels), Tolerances.Float64Ulps);
        Assert.Equal(first, Of(new Precision(zeroDivision: double.NaN), scores, labels));
        Assert.Equal(1, Of(new Precision(ofClass: 2, zeroDivision: 1), scores, labels));
        Assert.True(double.IsNaN(Of(new Precision(ofClass: 2, zeroDivision: double.NaN), scores, labels)));
        Assert.True(double.IsNaN(new Precision().Compute()));
    }

    [Fact]
    public void Classes_that_neither_occur_nor_are_predicted_are_left_out()
    {
        Tensor scores = Scores([0, 1, 1, 0], 10), labels = Tensor.Labels(0, 1, 0, 0);
        Assert.Equal((1 + 0.5) / 2, Of(new Precision(), scores, labels));
        Assert.Equal((2 / 3.0 + 1) / 2, Of(new Recall(), scores, labels));
        Assert.Equal((0.8 + 2 / 3.0) / 2, Of(new F1Score(), scores, labels));
    }

    [Fact]
    public void Scores_of_one_class_and_of_averages_have_names_of_their_own() => Assert.Equal(
        ["precision", "precision-class-1", "recall-micro", "f1-weighted"],
        new Metric[]
        {
            new Precision(), new Precision(ofClass: 1), new Recall(ClassAverage.Micro),
            new F1Score(ClassAverage.Weighted),
        }.Select(static metric => metric.Name));

    // The example of scikit-learn's confusion_matrix.
    [Fact]
    public void Confusion_matrix_of_scikit_learns_example()
    {
        var matrix = new ConfusionMatrix(["ant", "bird", "cat"]);
        Assert.Equal("ConfusionMatrix: no batch yet", matrix.ToString());
        matrix.Update(Scores([0, 0, 2, 2, 0, 2]), Tensor.Labels(2, 0, 2, 2, 0, 1));
        long[,] expected = { { 2, 0, 0 }, { 0, 0, 1 }, { 1, 0, 2 } };
        for (int a = 0; a < 3; a++)
        {
            for (int p = 0; p < 3; p++) Assert.Equal(expected[a, p], matrix[a, p]);
        }

        Assert.Equal(4 / 6.0, matrix.Compute());
        Assert.Equal(3, matrix.Support(2));
        Assert.Equal(2 / 3.0, matrix.Precision(0));
        Assert.Equal(2 / 3.0, matrix.Recall(2));
        Assert.Equal(0.8, matrix.F1(0));
        Assert.True(double.IsNaN(matrix.Precision(1)));
        Assert.Equal(
            """
            true \ predicted  ant  bird  cat  samples  precision  recall     F1
            ant                 2     0    0        2      0.667   1.000  0.800
            bird                0     0    1        1          -   0.000  0.000
            cat                 1     0    2        3      0.667   0.667  0.667
            accuracy 0.667 of 6 samples
            """.ReplaceLineEndings("\n"), matrix.ToString());
        matrix.Reset();
        Assert.True(double.IsNaN(matrix.Compute()));
        matrix.Update(Scores([1]), Tensor.Labels(1));
        Assert.Equal(1, matrix[1, 1]);
        Assert.Equal(0, matrix[0, 0]);
    }

    [Fact]
    public void Batches_add_up_and_reset_forgets_them()
    {
        var random = new Philox(5);
        Tensor scores = Tensor.RandomNormal([101, 4], random);
        int[] labels = new int[101];
        random.Choice(4, labels);
        Tensor target = Tensor.Labels(labels);
        foreach (Func<Metric> create in new Func<Metric>[]
        {
            () => new Accuracy(), () => new TopKAccuracy(2), () => new ConfusionMatrix(), () => new Precision(),
            () => new Recall(ClassAverage.Weighted), () => new F1Score(), () => new RocAuc(),
        })
        {
            double whole = Of(create(), scores, target);
            Metric metric = create();
            metric.Update(scores[..50], target[..50]);
            metric.Reset();
            Assert.True(double.IsNaN(metric.Compute()), metric.Name);
            for (int at = 0; at < 101; at += 30)
                metric.Update(scores[at..Math.Min(101, at + 30)], target[at..Math.Min(101, at + 30)]);
            Assert.Equal(whole, metric.Compute());
            Assert.True(metric.HigherIsBetter);
        }
    }

    [Fact]
    public void After_the_first_batch_a_metric_allocates_nothing()
    {
        Tensor scores = Scores(s_predicted), labels = Tensor.Labels(s_true);
        foreach (Metric metric in new Metric[]
            { new Accuracy(), new TopKAccuracy(2), new ConfusionMatrix(), new Precision(), new F1Score() })
        {
            metric.Update(scores, labels);
            Assert.Equal(0, Allocations.Of(() => metric.Update(scores, labels)));
        }
    }

    [Fact]
    public void Errors_name_the_metric_the_label_and_the_sample()
    {
        Tensor scores = Tensor.Zeros([3, 4]);
        Says("Accuracy: expected class labels from 0 to 3 for scores of 4 classes, got 4 for sample 1 of the batch.",
            () => new Accuracy().Update(scores, Tensor.Labels(0, 4, 1)));
        Says("F1Score: expected class labels from 0 to 3 for scores of 4 classes, got -1 for sample 2 of the batch.",
            () => new F1Score().Update(scores, Tensor.Labels(0, 0, -1)));
        Says("Accuracy: expected labels 0 or 1 for a prediction of one value per sample, which is the logit of class "
            + "1, got 3 for sample 0 of the batch. The Accuracy of a regression says nothing: judge it by "
            + "RootMeanSquaredError.", () => new Accuracy().Update(Tensor.Zeros([3, 1]), Tensor.Labels(3, 0, 1)));
        Says("Accuracy: expected labels 0 or 1 for a prediction of one value per sample",
            () => new Accuracy().Update(Tensor.Zeros([3, 1]), Tensor.From([0.5f, 1.5f, 0], [3, 1])));
        Says("Precision: expected finite targets, got NaN for sample 2 of the batch.",
            () => new Precision().Update(Tensor.Zeros([3]), Tensor.From(0, 0, float.NaN)));
        Says("Recall: expected class labels (Int64) of shape (3), or probabilities of shape (3, 4) as the prediction, "
            + "got Int64 of shape (2).", () => new Recall().Update(scores, Tensor.Labels(0, 1)));
        Says("ConfusionMatrix: expected class labels (Int64) of shape (3), or probabilities of shape (3, 4)",
            () => new ConfusionMatrix().Update(scores, Tensor.Zeros([3])));
        Says("TopKAccuracy: expected scores of 5 classes or more, one for each, got shape (3, 4).",
            () => new TopKAccuracy().Update(scores, Tensor.Labels(0, 1, 2)));
        Says("TopKAccuracy: expected scores of 2 classes or more, one for each, got shape (3, 1).",
            () => new TopKAccuracy(2).Update(Tensor.Zeros([3, 1]), Tensor.Labels(0, 1, 1)));
        Says("Accuracy: expected scores of shape (N, classes) for two classes or more, or one logit per sample, "
            + "(N) or (N, 1), got shape (3, 1, 2).",
            () => new Accuracy().Update(Tensor.Zeros([3, 1, 2]), Tensor.Zeros([3, 2], DType.Int64)));
        Says("Accuracy: expected scores of shape (N, classes), or one logit per sample, got Int64 of shape (3).",
            () => new Accuracy().Update(Tensor.Labels(0, 1, 2), Tensor.Labels(0, 1, 2)));
        Says("ConfusionMatrix: expected scores of 2 classes, as there are names, got 4 in shape (3, 4).",
            () => new ConfusionMatrix(["no", "yes"]).Update(scores, Tensor.Labels(0, 1, 2)));
        Says("Recall: expected scores of more than 7 classes, because class 7 is asked for, got shape (3, 4).",
            () => new Recall(ofClass: 7).Update(scores, Tensor.Labels(0, 1, 2)));
        Says("BinaryAccuracy: expected targets of shape (3, 4), one yes or no per element of the prediction, got Int64 "
            + "of shape (3)", () => new BinaryAccuracy().Update(scores, Tensor.Labels(0, 1, 1)));
        var seen = new Accuracy();
        seen.Update(scores, Tensor.Labels(0, 1, 2));
        Says("Accuracy: expected 4 classes as in the batches before, got 5 in scores of shape (3, 5).",
            () => seen.Update(Tensor.Zeros([3, 5]), Tensor.Labels(0, 1, 2)));
        Says("TopKAccuracy: expected a k of 1 or more, got 0.", () => _ = new TopKAccuracy(0));
        Says("Precision: expected a zeroDivision of 0, 1 or NaN, got 0.5.", () => _ = new Precision(zeroDivision: 0.5));
        Says("Recall: expected a known average, got 7.", () => _ = new Recall((ClassAverage)7));
        Says("F1Score: expected a class from 0 on, or null for the average, got -1.",
            () => _ = new F1Score(ofClass: -1));
        Says("BinaryAccuracy: expected a finite threshold, got NaN.", () => _ = new BinaryAccuracy(double.NaN));
        Says("ConfusionMatrix: expected a class from 0 to -1, got 0.", () => _ = new ConfusionMatrix()[0, 0]);

        static void Says(string start, Action action) => Assert.StartsWith(
            start, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }
}
