using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Regularization;

/// <summary>Batch norm and dropout, each alone, both and neither, on few images.</summary>
internal sealed class DropoutGrid : Experiment
{
    private const int BatchSize = 50;
    private const double LearningRate = 0.01;
    private const double Momentum = 0.9;

    private static readonly int[] s_hidden = [100, 100, 100];

    public static IReadOnlyList<double> Rates { get; } = [0, 0.1, 0.25, 0.5];

    public static IReadOnlyList<string> Norms { get; } = [FullyConnectedNet.None, FullyConnectedNet.BatchNorm];

    public override string Name => "dropout";

    public override string Title => "Batch norm, dropout, both or neither";

    public override string Lesson => "D7";

    public override string Description =>
        "Three hidden layers of 100 on a thousand images, trained until they are known by heart: with and without " +
        "batch norm, each with dropout 0, 0.1, 0.25 and 0.5 behind every ReLU. " +
        "Test accuracy and the gap to training accuracy.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#dropout";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants =>
        [.. Norms.SelectMany(static norm => Rates.Select(rate => Variant(norm, rate)))];

    public override (int Lesson, int Quick)? Epochs => (40, 8);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (16, 3);

    /// <summary><c>batchnorm-0.25</c>: norm and rate.</summary>
    internal static string Variant(string norm, double rate) =>
        string.Create(CultureInfo.InvariantCulture, $"{norm}-{rate}");

    public override ExperimentResult Run(ExperimentContext context)
    {
        FewGarments images = FewGarments.Draw(context);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        int run = 0, runs = Norms.Count * Rates.Count;
        foreach (string norm in Norms)
        {
            double[] tests = new double[Rates.Count], trains = new double[Rates.Count];
            for (int r = 0; r < Rates.Count; r++)
            {
                string variant = Variant(norm, Rates[r]);
                // Every net has the same first weights and the same batches; what differs is what is compared.
                var random = new NumPyRandomState((uint)context.Seed);
                FullyConnectedNet net =
                    KaimingNet.Create(random, images.Inputs, s_hidden, norm, context.DType, Rates[r]);
                var training = new ClassifierTraining(net.Model,
                    new SGD(net.Model.Parameters(), LearningRate, Momentum), (ulong)context.Seed);
                for (int epoch = 0; epoch < context.Epochs; epoch++)
                {
                    training.Epoch(images.Batches(BatchSize, random), static _ => { });
                    context.Report((run + ((epoch + 1.0) / context.Epochs)) / runs,
                        string.Create(CultureInfo.InvariantCulture,
                        $"{variant}, epoch {epoch + 1}/{context.Epochs}"));
                }

                run++;
                Score train = training.Evaluate(images.InOrder(images.Train)),
                    test = training.Evaluate(images.InOrder(images.Test));
                (trains[r], tests[r]) = (train.Accuracy, test.Accuracy);
                result.Figures[$"{variant}.trainAccuracy"] = train.Accuracy;
                result.Figures[$"{variant}.testAccuracy"] = test.Accuracy;
                result.Figures[$"{variant}.gap"] = train.Accuracy - test.Accuracy;
                hash.Add(variant, net.Model);
                rows.Add([norm, Rates[r], train.Accuracy, test.Accuracy, train.Accuracy - test.Accuracy, test.Loss]);
            }

            result.Series.Add(new Series($"{norm}/test-accuracy", Rates, tests));
            result.Series.Add(new Series($"{norm}/train-accuracy", Rates, trains));
            result.Series.Add(new Series($"{norm}/gap", Rates,
                [.. trains.Zip(tests, static (train, test) => train - test)]));
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable("After training", ["norm", "dropout", "train", "test", "gap", "test loss"],
            rows, [null, "G3", "F3", "F3", "F3", "F3"]));
        Judge(result);
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        Chart Plot(string name, string title, string set) => new(
            name, title, new Axis("Dropout rate"), new Axis($"{title[..title.IndexOf(',', StringComparison.Ordinal)]}"),
            [.. Norms.Select(norm =>
                Curve.Of(result, $"{norm}/{set}", norm == FullyConnectedNet.None ? "no norm" : "batch norm",
                    norm == FullyConnectedNet.None ? Marker.Triangle : Marker.Circle))]);
        return [Plot("test-accuracy", "Test accuracy, after training", "test-accuracy"), Plot("gap",
            "Training less test accuracy, after training", "gap")];
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"test {figures["none-0.testAccuracy"]:F3}; BN {figures["batchnorm-0.testAccuracy"]:F3}, dropout " +
        $"{Best(figures, FullyConnectedNet.None):F3}, both {Best(figures, FullyConnectedNet.BatchNorm):F3}");

    private static void Judge(ExperimentResult result)
    {
        double none = result.Figures["none-0.trainAccuracy"], norm = result.Figures["batchnorm-0.trainAccuracy"];
        result.Checks.Add(Check.Judge("D7.by-heart", "Without dropout both nets come to know the training images by " +
            "heart", "training accuracy of 0.95 and more for both",
            string.Create(CultureInfo.InvariantCulture, $"{norm:F3} with batch norm, {none:F3} " +
                $"without"), none >= 0.95 && norm >= 0.95));
        double smallest = Norms.Min(kind => result.Figures[$"{Variant(kind, 0)}.gap"] - result.Figures[
            $"{Variant(kind, Rates[^1])}.gap"]);
        result.Checks.Add(Check.Judge("D7.dropout", "Much dropout narrows the gap, with and without batch norm",
            $"training less test accuracy smaller with dropout {Rates[^1]} than with none, for both",
            string.Create(CultureInfo.InvariantCulture, $"by {smallest:F3} at least"), smallest > 0));
    }

    private static double Best(IReadOnlyDictionary<string, double> figures, string norm) =>
        Rates.Where(static rate => rate > 0).Max(rate => figures[
        $"{Variant(norm, rate)}.testAccuracy"]);
}
