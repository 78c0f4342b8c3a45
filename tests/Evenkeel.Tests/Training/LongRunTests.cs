using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

/// <summary>A run of 100,000 steps holds its memory.</summary>
public sealed class LongRunTests : IDisposable
{
    private const int Steps = 100_000, Look = 10_000, PerEpoch = 1_000;

    /// <summary>
    /// Bytes that may be added per step: a loss of 8 bytes in a list that doubles, and the copies of it that a
    /// checkpoint has just made.
    /// </summary>
    private const double PerStep = 32;

    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-long").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_run_of_many_steps_holds_its_memory()
    {
        var random = new Philox(1);
        var data = new TensorDataset(
            Tensor.RandomNormal([4 * PerEpoch, 3], random), Tensor.Labels([.. Enumerable.Range(0, 4 * PerEpoch)
                .Select(static i => i % 2)]));
        var model = new Sequential(
            new Linear(3, 4, random: random), new BatchNorm1d(4), new Linear(4, 2, random: random));
        long[] managed = new long[Steps / Look], tapes = new long[Steps / Look];
        int calls = 0;
        var options = new TrainerOptions
        {
            Epochs = Steps / PerEpoch,
            BatchSize = 4,
            TrainingSamples = 100,
            Checkpoints = new Checkpoints(_folder) { EveryEpochs = 10, Keep = 2 },
            Callbacks =
            [
                WeightAveraging.Averaged(model),
                new Calls
                {
                    StepEnd = t =>
                    {
                        calls++;
                        if (t.Iteration % Look != 0) return;
                        managed[(t.Iteration / Look) - 1] = GC.GetTotalMemory(forceFullCollection: true);
                        tapes[(t.Iteration / Look) - 1] = t.TapeCapacityInBytes;
                    },
                },
            ],
        };
        var trainer = new Trainer(model, new Adam(model.Parameters()), new CrossEntropyLoss(), options);
        History history = trainer.Fit(data);
        Assert.Equal((Steps, Steps, Steps / PerEpoch), (history.Losses.Count, calls, history.Epochs.Count));
        Assert.Single(tapes.Distinct());
        // From the second look on, the first having warmed everything up.
        double perStep = (managed[^1] - managed[1]) / (double)(Steps - (2 * Look));
        Assert.InRange(perStep, double.NegativeInfinity, PerStep);
        Assert.Equal(["step-00090000", "step-00100000"],
            Checkpoints.All(_folder).Select(Path.GetFileNameWithoutExtension));
    }
}
