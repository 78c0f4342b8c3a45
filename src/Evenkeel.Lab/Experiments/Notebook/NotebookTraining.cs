using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// What a training has left behind: a loss per step, accuracies after the first step and after every epoch. Where it
/// ended early because the loss was not finite,
/// the rest is NaN: a curve has the same length in any case.
/// </summary>
internal sealed class TrainingCurves(SolverHistory history, int steps, int checks)
{
    public IReadOnlyList<double> Loss { get; } = Fill(history.Losses, steps);

    public IReadOnlyList<double> TrainAccuracy { get; } = Fill(history.TrainAccuracies, checks);

    public IReadOnlyList<double> ValidationAccuracy { get; } = Fill(history.ValidationAccuracies, checks);

    /// <summary>Training steps alone, without the accuracies.</summary>
    public double ImagesPerSecond => history.ExamplesPerSecond;

    /// <summary>Mean loss of the last <paramref name="steps"/> steps.</summary>
    public double FinalLoss(int steps = 100) => Loss.Skip(Math.Max(0, Loss.Count - steps)).Average();

    /// <summary>Curves and headline numbers of a variant.</summary>
    public void AddTo(ExperimentResult result, string variant)
    {
        result.Figures[$"{variant}.finalTrainAccuracy"] = TrainAccuracy[^1];
        result.Figures[$"{variant}.bestTrainAccuracy"] = TrainAccuracy.Max();
        result.Figures[$"{variant}.finalValidationAccuracy"] = ValidationAccuracy[^1];
        result.Figures[$"{variant}.bestValidationAccuracy"] = ValidationAccuracy.Max();
        result.Figures[$"{variant}.finalLoss"] = FinalLoss();
        result.Figures[$"{variant}.imagesPerSecond"] = ImagesPerSecond;
        result.AddSeries($"{variant}/loss", Loss, first: 1);
        result.AddSeries($"{variant}/train-accuracy", TrainAccuracy);
        result.AddSeries($"{variant}/validation-accuracy", ValidationAccuracy);
    }

    private static IReadOnlyList<double> Fill(IReadOnlyList<double> values, int count) =>
        values.Count == count ? values : [.. values, .. Enumerable.Repeat(double.NaN, count - values.Count)];
}

/// <summary>
/// The notebook's trainings: Adam, softmax loss, batches drawn with replacement, accuracy on all of the small images.
/// </summary>
internal static class NotebookTraining
{
    /// <summary>Steps of an epoch: as many batches as fit, at least one.</summary>
    public static int StepsPerEpoch(int images, int batchSize) => Math.Max(images / batchSize, 1);

    /// <summary>Trains a net for the context's epochs on the small images.</summary>
    /// <param name="context">Epochs, data, cancellation.</param>
    /// <param name="net">The net.</param>
    /// <param name="batchSize">Images per step.</param>
    /// <param name="learningRate">Adam's.</param>
    /// <param name="random">The notebook's stream; it ends where it would have ended if no loss had been
    /// infinite.</param>
    /// <param name="report">Told where the training stands.</param>
    public static TrainingCurves Train(
        ExperimentContext context, FullyConnectedNet net, int batchSize, double learningRate, NumPyRandomState random,
            Action<SolverProgress> report)
    {
        SmallImages images = context.Data.Small(context);
        var solver =
            new Solver(net.Model, new Adam(net.Model.Parameters(), learningRate), random, context.Epochs, batchSize)
            {
                NonFiniteLoss = NonFiniteLoss.EndRun,
            };
        SolverHistory history = solver.Train(images.Train, images.Validation, report, context.Cancellation);
        int perEpoch = StepsPerEpoch(images.Train.Count, batchSize), steps = context.Epochs * perEpoch;
        // An epoch draws all its batches at its beginning.
        int begun = (history.Losses.Count + perEpoch - 1) / perEpoch;
        Skip(random, images.Train.Count, steps - begun * perEpoch, batchSize);
        // One check after the first step and one per epoch; they are the same if the first epoch is a single step.
        return new TrainingCurves(history, steps, context.Epochs + (perEpoch > 1 ? 1 : 0));
    }

    /// <summary>Takes the numbers that training steps would take from the stream, without training.</summary>
    public static void Skip(NumPyRandomState random, int images, int steps, int batchSize)
    {
        int[] chosen = new int[batchSize];
        for (int step = 0; step < steps; step++) random.Choice(images, chosen);
    }
}
