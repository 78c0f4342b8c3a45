using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Regularization;

/// <summary>
/// Which batch size leaves a net with batch norm best on new images. A batch size changes three things: the noise of
/// the statistics, the noise of the gradient, the number of steps. Here the
/// first is changed alone (the gradient is summed up over several batches), and all of them together, up to the same
/// training accuracy.
/// </summary>
internal sealed class BatchGeneralization : Experiment
{
    /// <summary>Images per step, if the batch of the statistics alone changes.</summary>
    private const int GradientBatch = 500;

    private const double Momentum = 0.9;
    private const double LearningRate = 0.02;
    private const double LearningRateOfLargeBatch = 0.1;

    /// <summary>Where the second sweep ends: equally well trained.</summary>
    private const double Matched = 0.99;

    private static readonly int[] s_hidden = [100, 100, 100];

    /// <summary>All divide the thousand training images, and the gradient's batch.</summary>
    public static IReadOnlyList<int> Sizes { get; } = [10, 25, 50, 100, 250, 500];

    public override string Name => "batch-generalization";

    public override string Title => "Which batch size generalizes best";

    public override string Lesson => "D8";

    public override string Description =>
        "Batch norm on a thousand images, batches of 10 to 500. First the batch that statistics are taken from " +
        "changes alone: gradients are summed up to 500 images. Then the whole batch does, up to the same training " +
        "accuracy. Test accuracy with exact statistics.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#batch-generalization";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants =>
        [.. Sizes.Select(static size => $"statistics-{size}"), .. Sizes.Select(static size => $"batch-{size}")];

    public override (int Lesson, int Quick)? Epochs => (40, 8);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (20, 4);

    public override ExperimentResult Run(ExperimentContext context)
    {
        FewGarments images = FewGarments.Draw(context);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        int run = 0;
        foreach ((string kind, bool isAlone) in (ReadOnlySpan<(string, bool)>)[("statistics", true), ("batch", false)])
        {
            double[] tests = new double[Sizes.Count];
            for (int s = 0; s < Sizes.Count; s++)
            {
                string variant = $"{kind}-{Sizes[s]}";
                int number = run++;
                (Score train, Score test, int epochs) = isAlone
                    ? Train(context, images, Sizes[s], GradientBatch / Sizes[s], LearningRateOfLargeBatch,
                        context.Epochs, stopAt: double.PositiveInfinity, variant, number, hash)
                    : Train(context, images, Sizes[s], 1, LearningRate, 2 * context.Epochs, Matched, variant,
                        number, hash);
                tests[s] = test.Accuracy;
                result.Figures[$"{variant}.trainAccuracy"] = train.Accuracy;
                result.Figures[$"{variant}.testAccuracy"] = test.Accuracy;
                result.Figures[$"{variant}.epochs"] = epochs;
                rows.Add([kind, Sizes[s], epochs,
                    epochs * FewGarments.TrainCount / (isAlone ? GradientBatch : Sizes[s]), train.Accuracy,
                    test.Accuracy]);
            }

            result.Series.Add(new Series($"{kind}/test-accuracy",
                [.. Sizes.Select(static size => (double)size)], tests));
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable("After training, with exact statistics",
            ["what changes", "batch", "epochs", "steps", "train", "test"], rows, [null, null, null, null, "F3", "F3"]));
        double[] reached = [.. Sizes.Select(size => result.Figures[$"batch-{size}.trainAccuracy"])];
        result.Checks.Add(Check.Judge("D8.matched", "The nets of the second sweep are equally well trained",
            $"training accuracy of every batch size within 0.02 of the others', " +
            $"after at most {2 * context.Epochs} epochs",
            string.Create(CultureInfo.InvariantCulture, $"{reached.Min():F3} to {reached.Max():F3}"),
                reached.Max() - reached.Min() <= 0.02));
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("test-accuracy", "Test accuracy by batch size, batch norm", new Axis("Batch size", IsLog: true),
            new Axis("Test accuracy"),
            [
                Curve.Of(result, "statistics/test-accuracy", "statistics alone, gradient of " +
                    $"{GradientBatch}", Marker.Circle),
                Curve.Of(result, "batch/test-accuracy", "whole batch, equal training accuracy", Marker.Square),
            ]),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        int Best(string kind) => Sizes.MaxBy(size => figures[$"{kind}-{size}.testAccuracy"]);
        return $"best: statistics of {Best("statistics")}, batches of {Best("batch")}";
    }

    /// <summary>
    /// Trains a net on batches; a step is taken after every <paramref name="accumulate"/> of them, along the mean of
    /// their gradients.
    /// </summary>
    private static (Score Train, Score Test, int Epochs) Train(
        ExperimentContext context, FewGarments images, int batch, int accumulate, double rate, int epochs,
            double stopAt, string variant, int number, WeightsHash hash)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Sequential net =
            KaimingNet.Create(random, images.Inputs, s_hidden, FullyConnectedNet.BatchNorm, context.DType).Model;
        var optimizer = new SGD(net.Parameters(), rate, Momentum);
        var evaluation = new ClassifierTraining(net, optimizer);
        var loss = new CrossEntropyLoss();
        var tape = new Tape();
        int epoch = 0, passes = 0;
        while (epoch < epochs)
        {
            foreach (Batch drawn in images.Batches(batch, random))
            {
                tape.Reset();
                Tensor value = loss.Forward(net.Forward(tape.Input(drawn.Inputs)), drawn.Targets);
                (accumulate == 1 ? value : value * (1.0 / accumulate)).Backward();
                if (++passes % accumulate != 0) continue;
                optimizer.Step();
                optimizer.ZeroGrad();
            }

            epoch++;
            context.Report((number + ((double)epoch / epochs)) / (2 * Sizes.Count),
                string.Create(CultureInfo.InvariantCulture,
                $"{variant}, epoch {epoch}/{epochs}"));
            if (double.IsFinite(stopAt) && evaluation.Evaluate(images.InOrder(images.Train)).Accuracy >= stopAt) break;
        }

        Recalibration.Run(net, images.InOrder(images.Train));
        hash.Add(variant, net);
        return (evaluation.Evaluate(images.InOrder(images.Train)),
            evaluation.Evaluate(images.InOrder(images.Test)), epoch);
    }
}
