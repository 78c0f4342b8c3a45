using System.Diagnostics;
using System.Numerics;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;

namespace Evenkeel.Lab.Experiments.LeNet;

/// <summary>Mean loss and share of right answers over some samples.</summary>
internal readonly record struct Score(double Loss, double Accuracy);

/// <summary>
/// A training loop as lessons A and D write it: shuffled batches, the last one as small as it comes, loss and accuracy of an epoch summed up while the weights change.
/// </summary>
internal sealed class ClassifierTraining(Module model, Optimizer optimizer, DType dtype)
{
    private const int EvaluationChunk = 250;

    private readonly CrossEntropyLoss _loss = new();
    private readonly Tape _tape = new(Mode.Train);
    private readonly Tape _evaluation = new(Mode.Eval);
    private readonly BatchBuffer _batches = new(dtype);
    private long _ticks;
    private long _images;

    /// <summary>Loss of every step so far.</summary>
    public List<double> Losses { get; } = [];

    /// <summary>Training images a second of training: no evaluation, no loading.</summary>
    public double ImagesPerSecond => _ticks == 0 ? 0 : _images * (double)Stopwatch.Frequency / _ticks;

    /// <summary>One pass over the samples in the given order. NaN from the first loss that is not finite: the step is not taken, and the training is over.</summary>
    /// <param name="data">The samples.</param>
    /// <param name="order">All of them, in the order of the epoch.</param>
    /// <param name="batchSize">Samples a step; the last step takes what is left.</param>
    /// <param name="report">Told after each step how many samples are done.</param>
    public Score Epoch(IDataset data, ReadOnlySpan<int> order, int batchSize, Action<int> report)
    {
        double loss = 0;
        long right = 0;
        for (int start = 0; start < order.Length; start += batchSize)
        {
            long begun = Stopwatch.GetTimestamp();
            ReadOnlySpan<int> indices = order.Slice(start, Math.Min(batchSize, order.Length - start));
            (double own, int hits) = Step(data, indices);
            _ticks += Stopwatch.GetTimestamp() - begun;
            _images += indices.Length;
            Losses.Add(own);
            if (!double.IsFinite(own)) return new Score(double.NaN, double.NaN);
            loss += own * indices.Length;
            right += hits;
            report(start + indices.Length);
        }

        return new Score(loss / order.Length, (double)right / order.Length);
    }

    /// <summary>Loss and accuracy with the running statistics.</summary>
    public Score Evaluate(IDataset data, CancellationToken cancellation)
    {
        double loss = 0;
        long right = 0;
        int[] indices = new int[EvaluationChunk];
        for (int start = 0; start < data.Count; start += EvaluationChunk)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<int> part = indices.AsSpan(0, Math.Min(EvaluationChunk, data.Count - start));
            for (int i = 0; i < part.Length; i++) part[i] = start + i;
            _evaluation.Reset();
            (Tensor scores, Tensor labels) = Scores(_evaluation, data, part);
            loss += _loss.Forward(scores, labels).Item() * part.Length;
            right += CountRight(scores, labels);
        }

        return new Score(loss / data.Count, (double)right / data.Count);
    }

    private (double Loss, int Right) Step(IDataset data, ReadOnlySpan<int> indices)
    {
        _tape.Reset();
        (Tensor scores, Tensor labels) = Scores(_tape, data, indices);
        Tensor loss = _loss.Forward(scores, labels);
        double value = loss.Item();
        if (!double.IsFinite(value))
        {
            _tape.Reject();
            return (value, 0);
        }

        int right = CountRight(scores, labels);
        loss.Backward();
        optimizer.Step();
        optimizer.ZeroGrad();
        return (value, right);
    }

    private (Tensor Scores, Tensor Labels) Scores(Tape tape, IDataset data, ReadOnlySpan<int> indices)
    {
        (Tensor inputs, Tensor labels) = _batches.Read(data, indices);
        return (model.Forward(tape.Input(inputs)), labels);
    }

    private static int CountRight(Tensor scores, Tensor labels) =>
        scores.DType == DType.Float64 ? CountRight<double>(scores, labels.AsSpan<long>()) : CountRight<float>(scores, labels.AsSpan<long>());

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
