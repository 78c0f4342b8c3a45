using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Metrics;

public sealed class RocAucTests
{
    // The example of scikit-learn's roc_auc_score: of the four pairs only (0.35, 0.4) is in the wrong order.
    [Fact]
    public void The_area_of_scikit_learns_example()
    {
        Tensor scores = Tensor.From(0.1, 0.4, 0.35, 0.8);
        Assert.Equal(0.75, Of(scores, Tensor.Labels(0, 0, 1, 1)));
        Assert.Equal(0.75, Of(scores.Reshape(4, 1), Tensor.From([0.0, 0, 1, 1], [4, 1])));
        Assert.Equal(0.25, Of(-scores, Tensor.Labels(0, 0, 1, 1)));
        Assert.Equal(0.5, Of(Tensor.Zeros([4]), Tensor.Labels(0, 0, 1, 1)));
        Assert.Equal("roc-auc", new RocAuc().Name);
    }

    [Fact]
    public void The_area_is_the_share_of_pairs_in_the_right_order_with_ties_as_half()
    {
        var random = new Philox(2);
        for (int run = 0; run < 20; run++)
        {
            // Few different scores, so that there are many ties.
            float[] scores = new float[40];
            int[] labels = new int[40];
            for (int i = 0; i < 40; i++) (scores[i], labels[i]) = (random.NextInt(9), random.NextInt(2));
            Assert.Equal(Pairs([.. scores], label => label == 1, labels),
                Of(Tensor.From(scores), Tensor.Labels(labels)), Tolerances.Float64Ulps);
        }
    }

    [Fact]
    public void Two_scores_count_by_their_difference()
    {
        Tensor scores = Tensor.RandomNormal([50, 2], new Philox(4));
        float[] values = scores.ToArray<float>();
        int[] labels = [.. Enumerable.Range(0, 50).Select(static n => n * 7 % 3 % 2)];
        double[] differences = [.. Enumerable.Range(0, 50).Select(n => (double)values[(2 * n) + 1] - values[2 * n])];
        Assert.Equal(Pairs(differences, static label => label == 1, labels), Of(scores, Tensor.Labels(labels)));
        Assert.Equal(Of(scores, Tensor.Labels(labels)), Of(scores.Softmax(), Tensor.Labels(labels)), 0.01);
    }

    [Fact]
    public void More_classes_are_averaged_each_against_all_others()
    {
        Tensor scores = Tensor.RandomNormal([60, 4], new Philox(6), DType.Float64);
        double[] p = NaiveOps.Doubles(scores.Softmax());
        int[] labels = [.. Enumerable.Range(0, 60).Select(static n => n * 11 % 4)];
        double expected = Enumerable.Range(0, 4).Average(c => Pairs(
            [.. Enumerable.Range(0, 60).Select(n => p[(n * 4) + c])], label => label == c, labels));
        Assert.Equal(expected, Of(scores, Tensor.Labels(labels)), Tolerances.Float64Ulps);
        var ofProbabilities = new RocAuc(fromLogits: false);
        ofProbabilities.Update(scores.Softmax(), Tensor.Labels(labels));
        Assert.Equal(expected, ofProbabilities.Compute(), Tolerances.Float64Ulps);

        // A class without a sample is left out.
        int[] three = [.. labels.Select(static label => label % 3)];
        expected = Enumerable.Range(0, 3).Average(c => Pairs(
            [.. Enumerable.Range(0, 60).Select(n => p[(n * 4) + c])], label => label == c, three));
        Assert.Equal(expected, Of(scores, Tensor.Labels(three)), Tolerances.Float64Ulps);
    }

    [Fact]
    public void Undefined_areas_are_NaN()
    {
        Assert.True(double.IsNaN(new RocAuc().Compute()));
        Assert.True(double.IsNaN(Of(Tensor.From(1f, 2), Tensor.Labels(1, 1))));
        Assert.True(double.IsNaN(Of(Tensor.From(1f, 2), Tensor.Labels(0, 0))));
        Assert.True(double.IsNaN(Of(Tensor.From(1, float.NaN), Tensor.Labels(0, 1))));
        Assert.True(double.IsNaN(Of(Tensor.Zeros([2, 3]), Tensor.Labels(1, 1))));
        Assert.Equal(1, Of(Tensor.From(1, float.NaN, 2), Tensor.Labels(0, -100, 1)));
    }

    private static double Of(Tensor prediction, Tensor target)
    {
        var metric = new RocAuc();
        metric.Update(prediction, target);
        return metric.Compute();
    }

    private static double Pairs(double[] scores, Func<int, bool> isPositive, int[] labels)
    {
        double right = 0, all = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            for (int j = 0; j < labels.Length; j++)
            {
                if (!isPositive(labels[i]) || isPositive(labels[j])) continue;
                all++;
                right += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
        }

        return right / all;
    }
}
