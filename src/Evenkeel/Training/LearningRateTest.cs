using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;

namespace Evenkeel.Training;

/// <summary>
/// The result of <see cref="Trainer.FindLearningRate"/>: what some steps at each learning rate achieve.
/// </summary>
/// <param name="Rates">The learning rates, each twice the one before.</param>
/// <param name="Losses">
/// The mean loss over the last quarter of the steps at each rate; infinite if a loss or a gradient was not finite.
/// </param>
/// <param name="Suggestion">The rate of the smallest loss.</param>
public sealed record LearningRateTest(IReadOnlyList<double> Rates, IReadOnlyList<double> Losses, double Suggestion)
{
    /// <summary>For example <c>learning rate 0.051 suggested (17 rates from 0.0001 to 6.6 tried)</c>.</summary>
    public override string ToString() =>
        $"learning rate {Suggestion:G2} suggested ({Rates.Count} rates from {Rates[0]:G2} to {Rates[^1]:G2} tried)";
}

public sealed partial class Trainer
{
    /// <summary>
    /// Looks for a learning rate: from the same start and with the same batches, it takes some steps at each rate of a
    /// range, and suggests the one with the smallest loss. Model, optimizer, schedule and loader are afterwards as they
    /// were before.
    /// </summary>
    /// <param name="training">The batches. The loader begins anew if its epoch ends.</param>
    /// <param name="minimum">The smallest learning rate. Default: 1e-4.</param>
    /// <param name="maximum">No rate is larger. Default: 10.</param>
    /// <param name="steps">Steps at each rate. A rate that diverges ends early. Default: 25.</param>
    /// <param name="cancellationToken">Ends it between two steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The rates are not 0 &lt; minimum &lt; maximum, or there are fewer than 4 steps.
    /// </exception>
    /// <exception cref="InvalidOperationException">Fit is running, or every rate diverges.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <remarks>
    /// The usual range test (Smith, "Cyclical learning rates for training neural networks", 2017) raises the rate
    /// within one training. The place of its smallest loss depends on chance and on the smoothing; trials from the same
    /// start are nearer to the best rate of a sweep (docs/training.md has the figures).
    /// </remarks>
    public LearningRateTest FindLearningRate(
        DataLoader training, double minimum = 1e-4, double maximum = 10, int steps = 25,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 4);
        if (!(minimum > 0 && minimum < maximum && double.IsFinite(maximum)))
        {
            throw new ArgumentOutOfRangeException(nameof(minimum),
                $"Trainer.FindLearningRate: expected 0 < minimum < maximum, got {minimum} and {maximum}.");
        }

        Check(training, nameof(training));
        CheckIdle(nameof(FindLearningRate), "Call it before Fit.");
        StateDict start = Model.StateDict();
        using var step = new TrainingStep(Model, Loss, Optimizer, Options);
        var losses = new List<double>();
        var rates = new List<double>();
        for (double rate = minimum; rate <= maximum; rate *= 2)
        {
            rates.Add(rate);
            losses.Add(Try(step, training, start, rate, steps, cancellationToken));
        }

        double best = losses.Min();
        return double.IsFinite(best)
            ? new LearningRateTest(rates, losses, rates[losses.IndexOf(best)])
            : throw new InvalidOperationException(
                $"Trainer.FindLearningRate: expected a rate from {minimum} to {maximum} with finite losses, got none. "
                + "Check the data and the start values of the model, or try a smaller minimum.");
    }

    /// <summary>The mean loss over the last quarter of some steps at a rate, and no trace of them.</summary>
    private double Try(
        TrainingStep step, DataLoader training, StateDict start, double rate, int steps,
        CancellationToken cancellationToken)
    {
        LoaderPosition position = training.Position;
        IEnumerator<Batch> batches = training.Begin(setsEpoch: true, cancellationToken);
        Action restoreOptimizer = Optimizer.Snapshot();
        try
        {
            // Groups keep their shares of the first group's rate, as it was given. A schedule may stand at 0.
            double given = Optimizer.Groups[0].InitialLearningRate;
            foreach (ParameterGroup group in Optimizer.Groups)
                group.Schedule(given > 0 ? rate * group.InitialLearningRate / given : rate);
            double sum = 0;
            int first = steps - Math.Max(1, steps / 4);
            for (int i = 0; i < steps; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!batches.MoveNext())
                {
                    batches.Dispose();
                    batches = training.Begin(setsEpoch: true, cancellationToken);
                    batches.MoveNext();
                }

                StepResult result = step.Run(batches.Current, _iteration + i);
                if (!result.IsTaken) return double.PositiveInfinity;
                if (i >= first) sum += result.Loss;
            }

            return sum / (steps - first);
        }
        finally
        {
            batches.Dispose();
            Model.LoadStateDict(start, checkValues: false);
            restoreOptimizer();
            training.Position = position;
        }
    }
}
