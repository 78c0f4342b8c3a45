using System.Diagnostics;
using System.Numerics;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Mean loss and share of right answers over some samples.</summary>
/// <param name="Loss">Mean over the samples.</param>
/// <param name="Accuracy">Share of right answers.</param>
/// <param name="Right">Number of right answers.</param>
internal readonly record struct Score(double Loss, double Accuracy, int Right);

/// <summary>
/// A training loop as lessons A and D write it: shuffled batches, the last one as small as it comes, loss and accuracy
/// of an epoch summed up while the weights change.
/// </summary>
/// <param name="model">The net.</param>
/// <param name="optimizer">Its optimizer.</param>
/// <param name="dropoutSeed">Seed of what dropout drops.</param>
internal sealed class ClassifierTraining(Module model, Optimizer optimizer, ulong dropoutSeed = 0)
{
    private readonly CrossEntropyLoss _loss = new();
    private readonly Tape _tape = new(Mode.Train) { Seed = dropoutSeed };
    private readonly Tape _evaluation = new(Mode.Eval);
    private long _ticks;
    private long _images;

    /// <summary>Loss of every step so far.</summary>
    public List<double> Losses { get; } = [];

    /// <summary>Images of every step so far, and right answers among them.</summary>
    public List<(int Images, int Right)> Answers { get; } = [];

    /// <summary>
    /// Microseconds of the fastest step on a whole batch, without making the batch: whatever else the machine does can
    /// only make a step slower, so among many short ones the fastest is the truest.
    /// </summary>
    public double FastestStepMicroseconds { get; private set; } = double.PositiveInfinity;

    /// <summary>
    /// Training images a second of training, batches made included: no evaluation, no reading of files.
    /// </summary>
    public double ImagesPerSecond => _ticks == 0 ? 0 : _images * (double)Stopwatch.Frequency / _ticks;

    /// <summary>One epoch. NaN where a loss is not finite: the step is not taken, and the training is over.</summary>
    /// <param name="batches">The epoch's batches.</param>
    /// <param name="report">Told after each step the share of the epoch that is done.</param>
    public Score Epoch(DataLoader batches, Action<double> report)
    {
        double loss = 0;
        int right = 0, samples = 0;
        long begun = Stopwatch.GetTimestamp();
        foreach (Batch batch in batches)
        {
            long stepBegun = Stopwatch.GetTimestamp();
            _tape.Reset();
            Tensor scores = model.Forward(_tape.Input(batch.Inputs));
            Tensor value = _loss.Forward(scores, batch.Targets);
            double own = value.Item();
            Losses.Add(own);
            if (!double.IsFinite(own))
            {
                _tape.Reject();
                return new Score(double.NaN, double.NaN, 0);
            }

            loss += own * batch.Count;
            Answers.Add((batch.Count, CountRight(scores, batch.Targets)));
            right += Answers[^1].Right;
            samples += batch.Count;
            value.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            if (batch.Count == batches.Plan.BatchSize) FastestStepMicroseconds =
                Math.Min(FastestStepMicroseconds, Stopwatch.GetElapsedTime(stepBegun).TotalMicroseconds);
            report((double)samples / batches.Plan.Used);
        }

        _ticks += Stopwatch.GetTimestamp() - begun;
        _images += samples;
        return new Score(loss / samples, (double)right / samples, right);
    }

    /// <summary>Loss and accuracy in use, with the running statistics.</summary>
    /// <param name="batches">The samples.</param>
    /// <param name="losses">Receives the mean loss of each batch, where asked for.</param>
    public Score Evaluate(DataLoader batches, List<double>? losses = null)
    {
        double loss = 0;
        int right = 0, samples = 0;
        foreach (Batch batch in batches)
        {
            _evaluation.Reset();
            Tensor scores = model.Forward(_evaluation.Input(batch.Inputs));
            double own = _loss.Forward(scores, batch.Targets).Item();
            losses?.Add(own);
            loss += own * batch.Count;
            right += CountRight(scores, batch.Targets);
            samples += batch.Count;
        }

        return new Score(loss / samples, (double)right / samples, right);
    }

    private static int CountRight(Tensor scores, Tensor labels) =>
        scores.DType == DType.Float64 ? CountRight<double>(scores, labels.AsSpan<long>())
            : CountRight<float>(scores, labels.AsSpan<long>());

    private static int CountRight<T>(Tensor scores, ReadOnlySpan<long> labels) where T : unmanaged, INumber<T>
    {
        int classes = scores.Shape[1], right = 0;
        ReadOnlySpan<T> all = scores.AsSpan<T>();
        for (int i = 0; i < labels.Length; i++)
        {
            ReadOnlySpan<T> row = all.Slice(i * classes, classes);
            int best = 0;
            for (int j = 1; j < row.Length; j++)
            {
                if (row[j] > row[best]) best = j;
            }

            if (best == labels[i]) right++;
        }

        return right;
    }
}
