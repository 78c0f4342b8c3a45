using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;

namespace Evenkeel.Training;

/// <summary>
/// The result of <see cref="Trainer.FindLearningRate"/>: the loss while the learning rate grows from step to step.
/// </summary>
/// <param name="Rates">The learning rate of each step.</param>
/// <param name="Losses">The loss of each step; the last one may be infinite or NaN.</param>
/// <param name="Smoothed">
/// The losses averaged with decay 0.9 and corrected for the start: s ← 0.9·s + 0.1·loss, divided by 1 - 0.9ᵗ.
/// </param>
/// <param name="Suggestion">
/// A tenth of the rate at which the smoothed loss is smallest: below it training still makes progress, above it the
/// loss begins to grow.
/// </param>
public sealed record LearningRateTest(
    IReadOnlyList<double> Rates, IReadOnlyList<double> Losses, IReadOnlyList<double> Smoothed, double Suggestion)
{
    /// <summary>For example <c>learning rate 0.012 suggested (85 rates from 1E-06 to 2.4 tried)</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"learning rate {Suggestion:G2} suggested ({Rates.Count} rates from {Rates[0]:G2} to {Rates[^1]:G2} tried)");
}

public sealed partial class Trainer
{
    private const double Smoothing = 0.9, DivergedFactor = 4, ShareOfBest = 0.1;

    /// <summary>
    /// The learning-rate range test: some steps whose learning rate grows exponentially. Model, optimizer, schedule and
    /// trainer are afterwards as they were before.
    /// </summary>
    /// <param name="training">The batches. The loader begins anew if its epoch ends.</param>
    /// <param name="minimum">The first learning rate. Default: 1e-6.</param>
    /// <param name="maximum">The last learning rate. Default: 10.</param>
    /// <param name="steps">Number of steps. It ends earlier if the loss explodes. Default: 100.</param>
    /// <param name="cancellationToken">Ends it between two steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The rates are not 0 &lt; minimum &lt; maximum, or there are fewer than 10 steps.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Fit is running, or the loss is not finite at the smallest rate.
    /// </exception>
    /// <remarks>
    /// Source: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
    /// </remarks>
    public LearningRateTest FindLearningRate(
        DataLoader training, double minimum = 1e-6, double maximum = 10, int steps = 100,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 10);
        if (!(minimum > 0 && minimum < maximum && double.IsFinite(maximum)))
        {
            throw new ArgumentOutOfRangeException(nameof(minimum),
                $"Trainer.FindLearningRate: expected 0 < minimum < maximum, got {minimum} and {maximum}.");
        }

        Check(training, nameof(training));
        if (_isInFit)
        {
            throw new InvalidOperationException(
                "Trainer.FindLearningRate: expected no training under way, got a call inside Fit. Call it before Fit.");
        }

        StateDict model = Model.StateDict();
        LoaderPosition position = training.Position;
        Action restoreOptimizer = Optimizer.Snapshot();
        try
        {
            return Try(training, minimum, maximum, steps, cancellationToken);
        }
        finally
        {
            Model.LoadStateDict(model, checkValues: false);
            restoreOptimizer();
            training.Position = position;
        }
    }

    private LearningRateTest Try(
        DataLoader training, double minimum, double maximum, int steps, CancellationToken cancellationToken)
    {
        List<double> rates = [], losses = [], smoothed = [];
        double average = 0, power = 1, best = double.PositiveInfinity;
        using var step = new TrainingStep(Model, Loss, Optimizer, Options);
        double[] shares = [.. Optimizer.Groups.Select(group => group.LearningRate / Optimizer.LearningRate)];
        IEnumerator<Batch> batches = training.Begin(setsEpoch: true, cancellationToken);
        try
        {
            for (int i = 0; i < steps; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!batches.MoveNext())
                {
                    batches.Dispose();
                    batches = training.Begin(setsEpoch: true, cancellationToken);
                    batches.MoveNext();
                }

                double rate = minimum * Math.Pow(maximum / minimum, i / (steps - 1.0));
                for (int g = 0; g < shares.Length; g++) Optimizer.Groups[g].Schedule(rate * shares[g]);
                double loss = step.Run(batches.Current, _iteration + i).Loss;
                average = Smoothing * average + (1 - Smoothing) * loss;
                power *= Smoothing;
                double now = average / (1 - power);
                if (!double.IsFinite(loss) && i == 0)
                {
                    throw new InvalidOperationException(
                        $"Trainer.FindLearningRate: expected a finite loss at the learning rate {minimum}, got {loss}. "
                        + "Check the data and the start values of the model.");
                }

                rates.Add(rate);
                losses.Add(loss);
                smoothed.Add(now);
                best = Math.Min(best, double.IsNaN(now) ? best : now);
                if (!double.IsFinite(loss) || now > DivergedFactor * best) break;
            }
        }
        finally
        {
            batches.Dispose();
        }

        int at = smoothed.IndexOf(best);
        return new LearningRateTest(rates, losses, smoothed, ShareOfBest * rates[at]);
    }
}
