using System.Diagnostics;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Workbench.Models;

/// <summary>What a training will take: memory by one step that was taken, time by a few.</summary>
/// <param name="Parameters">Number of parameters.</param>
/// <param name="ParameterBytes">Bytes of the parameters.</param>
/// <param name="TrainingBytes">
/// Bytes beside each parameter in training: its gradient, and the two moments of Adam (SGD has one, or none).
/// </param>
/// <param name="TapeBytes">Bytes that one batch keeps for its backward pass.</param>
/// <param name="Step">Time of a step with a batch.</param>
/// <param name="StepsPerEpoch">Steps of an epoch.</param>
public sealed record ModelCost(
    long Parameters, long ParameterBytes, long TrainingBytes, long TapeBytes, TimeSpan Step, int StepsPerEpoch)
{
    /// <summary>Steps that are timed, after one that is not: the first one rents the memory.</summary>
    private const int TimedSteps = 3;

    /// <summary>After so long no further step is timed.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>All of it in bytes, without the data.</summary>
    public long TotalBytes => ParameterBytes + TrainingBytes + TapeBytes;

    /// <summary>Time of the steps of an epoch, without evaluation and without waiting for data.</summary>
    public TimeSpan Epoch => Step * StepsPerEpoch;

    /// <summary>
    /// Takes a few steps with random data on a clone: weights, statistics and random streams of the model and of the
    /// program stay as they are.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="sample">The shape of a sample.</param>
    /// <param name="outputs">Classes, or target numbers.</param>
    /// <param name="classification">Whether the loss is cross-entropy; otherwise it is the mean squared error.</param>
    /// <param name="batchSize">Samples of a batch.</param>
    /// <param name="stepsPerEpoch">Steps of an epoch, to which the time is scaled.</param>
    /// <exception cref="ArgumentException">The model does not take the samples, or a number is below 1.</exception>
    public static ModelCost Measure(
        Module model, Shape sample, int outputs, bool classification, int batchSize, int stepsPerEpoch)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(stepsPerEpoch, 1);
        Module trial = model.Clone();
        IReadOnlyList<Parameter> parameters = trial.Parameters();
        var clock = new StepClock();
        var options = new TrainerOptions
        {
            Epochs = 1,
            BatchSize = batchSize,
            TrainingSamples = 0,
            Metrics = [],
            Monitor = "loss",
            RestoreBestModel = false,
            NonFiniteLoss = NonFiniteLoss.SkipBatch,
            Callbacks = [clock],
        };
        Loss loss = classification ? new CrossEntropyLoss() : new MSELoss();
        var trainer = new Trainer(trial, new Adam(parameters), loss, options);
        trainer.Fit(Repeated(sample, outputs, classification, batchSize, 1 + TimedSteps));
        long count = parameters.Sum(static parameter => (long)parameter.Value.Count),
            bytes = parameters.Sum(static parameter => (long)parameter.Value.Count * parameter.DType.SizeInBytes());
        return new ModelCost(count, bytes, 3 * bytes, trainer.TapeCapacityInBytes, clock.Step, stepsPerEpoch);
    }

    /// <summary>The fastest step but the first.</summary>
    private sealed class StepClock : Callback
    {
        private readonly Stopwatch _sinceBegin = new();
        private TimeSpan _last;

        public TimeSpan Step { get; private set; }

        public override void OnFitBegin(Trainer trainer) => _sinceBegin.Start();

        public override void OnStepEnd(Trainer trainer)
        {
            TimeSpan now = _sinceBegin.Elapsed, step = now - _last;
            _last = now;
            if (trainer.Iteration > 1 && (step < Step || Step == default)) Step = step;
            if (trainer.Iteration > 1 && now > s_patience) trainer.Stop("the time of a step is known");
        }
    }

    /// <summary>Random samples of one batch, again and again.</summary>
    private static Subset Repeated(Shape sample, int outputs, bool classification, int batchSize, int times)
    {
        Tensor inputs = Tensor.RandomNormal([batchSize, .. sample], new Philox(0, "cost"));
        Tensor targets = classification
            ? Tensor.From([.. Enumerable.Range(0, batchSize).Select(i => (long)(i % outputs))], [batchSize])
            : Tensor.Zeros([batchSize, outputs]);
        int[] indices = [.. Enumerable.Range(0, batchSize * times).Select(i => i % batchSize)];
        return new Subset(new TensorDataset(inputs, targets), indices);
    }
}
