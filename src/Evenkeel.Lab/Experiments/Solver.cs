using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments;

/// <summary>
/// The <c>Solver</c> of the notebook: batches drawn with replacement, and the accuracies on all training and all
/// validation images after the first iteration and at the end of each epoch. The net keeps its last weights.
/// </summary>
/// <param name="model">The net.</param>
/// <param name="optimizer">Its optimizer.</param>
/// <param name="random">The notebook's stream.</param>
/// <param name="epochs">Epochs.</param>
/// <param name="batchSize">Samples per batch.</param>
internal sealed class Solver(Module model, Optimizer optimizer, IRandomStream random, int epochs, int batchSize)
{
    private const int EvaluationBatch = 256;

    /// <summary>What to do if a loss is not finite. Default: Throw.</summary>
    public NonFiniteLoss NonFiniteLoss { get; init; }

    /// <summary>Trains.</summary>
    /// <param name="training">The training images.</param>
    /// <param name="validation">The validation images; null where nobody looks at them.</param>
    /// <param name="report">Told after every tenth step and at each check where the training stands.</param>
    /// <param name="cancellation">Ends the training.</param>
    public SolverHistory Train(
        IDataset training, IDataset? validation = null, Action<SolverProgress>? report = null,
        CancellationToken cancellation = default)
    {
        DType dtype = model.Parameters()[0].DType;
        using DataLoader trained = InOrder(training, dtype);
        using DataLoader? held = validation is null ? null : InOrder(validation, dtype);
        var checks = new Checks(trained, held, report, cancellation);
        var options = new TrainerOptions
        {
            Epochs = epochs,
            TrainingSamples = 0,
            Monitor = Scores.LossName,
            RestoreBestModel = false,
            NonFiniteLoss = NonFiniteLoss,
            Callbacks = [checks],
        };
        using var batches = new DataLoader(training, batchSize, lastBatch: LastBatch.Drop, workers: 0)
        {
            DType = dtype,
            Sampler = Sampler.WithReplacement(random),
        };
        var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(), options);
        History history = trainer.Fit(batches, cancellationToken: cancellation);
        return new SolverHistory(
            history.Losses, checks.TrainAccuracies, checks.ValidationAccuracies, history.ExamplesPerSecond);
    }

    private static DataLoader InOrder(IDataset images, DType dtype) =>
        new(images, EvaluationBatch, lastBatch: LastBatch.Keep, workers: 0) { DType = dtype };

    /// <summary>Measures the accuracies when the notebook does.</summary>
    private sealed class Checks(
        DataLoader training, DataLoader? validation, Action<SolverProgress>? report, CancellationToken cancellation)
        : Callback
    {
        private const int ReportEvery = 10;

        public List<double> TrainAccuracies { get; } = [];

        public List<double> ValidationAccuracies { get; } = [];

        public override void OnStepEnd(Trainer trainer)
        {
            int perEpoch = trainer.StepsPerEpoch;
            bool isEpochEnd = trainer.Iteration % perEpoch == 0, isCheck = isEpochEnd || trainer.Iteration == 1;
            if (isCheck)
            {
                TrainAccuracies.Add(Accuracy(trainer, training));
                if (validation is not null) ValidationAccuracies.Add(Accuracy(trainer, validation));
            }

            if (report is null || (!isCheck && trainer.Iteration % ReportEvery != 0)) return;
            int epochs = trainer.Options.Epochs;
            report(new SolverProgress(
                (int)(trainer.Iteration / perEpoch), epochs, (double)trainer.Iteration / ((long)epochs * perEpoch),
                trainer.History.Losses[^1], TrainAccuracies.LastOrDefault(double.NaN),
                ValidationAccuracies.LastOrDefault(double.NaN), isEpochEnd));
        }

        private double Accuracy(Trainer trainer, DataLoader data) => trainer.Evaluate(data, cancellation)["accuracy"];
    }
}

/// <summary>What a training has measured.</summary>
/// <param name="Losses">The loss of each step.</param>
/// <param name="TrainAccuracies">After the first step and after each epoch.</param>
/// <param name="ValidationAccuracies">At the same moments; empty without validation images.</param>
/// <param name="ExamplesPerSecond">Training steps alone, without the accuracies.</param>
internal sealed record SolverHistory(
    IReadOnlyList<double> Losses, IReadOnlyList<double> TrainAccuracies, IReadOnlyList<double> ValidationAccuracies,
    double ExamplesPerSecond);

/// <summary>Where a training stands.</summary>
/// <param name="Epoch">Epochs done.</param>
/// <param name="Epochs">Epochs in all.</param>
/// <param name="Done">The share of all steps that is done.</param>
/// <param name="Loss">The loss of the last step.</param>
/// <param name="TrainAccuracy">The last one.</param>
/// <param name="ValidationAccuracy">The last one; NaN without validation images.</param>
/// <param name="EndsEpoch">Whether an epoch has just ended.</param>
internal readonly record struct SolverProgress(
    int Epoch, int Epochs, double Done, double Loss, double TrainAccuracy, double ValidationAccuracy, bool EndsEpoch)
{
    public override string ToString() => EndsEpoch
        ? $"epoch {Epoch}/{Epochs}, loss {Loss:F3}, train {TrainAccuracy:F3}, validation {ValidationAccuracy:F3}"
        : $"epoch {Math.Min(Epoch + 1, Epochs)}/{Epochs}";
}
