using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.MpiTarget;

/// <summary>
/// A small training with everything that has a state, on batches that end uneven: the last one has fewer samples than
/// there are parts.
/// </summary>
internal static class SharedTraining
{
    private const int Count = 50, Side = 6, BatchSize = 16;

    public static string Run(TargetOptions target, IProcessGroup? processes)
    {
        bool isOdd = processes?.Rank == target.Rank;
        var random = new Philox(11);
        var spoiler = new Spoiler();
        var model = new Sequential(
            new Conv2d(3, 8, 3, padding: 1, bias: false, random: random), spoiler, Norm(target, 8), new ReLU(),
            new Conv2d(8, 12, 3, stride: 2, padding: 1, random: random), Norm(target, 12), new ReLU(), new Dropout(0.2),
            new Flatten(), new Linear(12 * 9, 4, random: random));
        Optimizer optimizer = target.Optimizer == "sgd"
            ? new SGD(model.Parameters(), 0.05, momentum: 0.9, weightDecay: 1e-3, decayNormAndBias: false)
            : new Adam(model.Parameters(), 0.01, weightDecay: 1e-3);
        WeightAveraging averaging = WeightAveraging.Averaged(model, 0.9);
        int steps = target.Epochs * ((Count + BatchSize - 1) / BatchSize);
        var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = target.Epochs,
            BatchSize = BatchSize,
            LastBatch = LastBatch.Keep,
            Seed = 5,
            TrainingSamples = 20,
            L2 = 1e-4,
            MaxGradientNorm = target.Clips ? 1 : null,
            MicroBatches = target.Parts,
            PoolsBatchStatistics = target.Pools,
            Processes = processes,
            CompareWeightsEvery = 3,
            ShardsOptimizerState = target.Shards,
            Doctor = target.HasDoctor && processes is null or { Rank: 0 } ? new TrainingDoctor() : null,
            RestoreBestModel = false,
            Scheduler = new CosineWithWarmup(optimizer, 2, steps),
            ScheduleBy = ScheduleBy.Iteration,
            NonFiniteLoss = target.SpoilAt > 0 ? NonFiniteLoss.SkipBatch : NonFiniteLoss.Throw,
            Callbacks = [averaging, new Moments(target, isOdd, isOdd || processes is null ? spoiler : null)],
            Checkpoints = target.Folder.Length == 0 ? null
                : new Checkpoints(target.Folder) { EverySteps = target.EverySteps, Keep = 2 },
        });
        if (target.Folder.Length > 0 && Checkpoints.Latest(target.Folder) is not null) trainer.Resume(target.Folder);
        ulong seed = (ulong)target.DataSeed + (isOdd ? (ulong)target.OtherData : 0);
        History history = trainer.Fit(new NoisySet(seed), new NoisySet(100));
        if (trainer.IsWriter) Console.WriteLine($"state {optimizer.StateBytes} bytes");
        using var hash = new WeightsHash();
        hash.Add("model", model);
        hash.Add("averaged", averaging.Model);
        hash.Add("losses", Tensor.From([.. history.Losses], [history.Losses.Count]));
        return hash.Finish();
    }

    private static Module Norm(TargetOptions target, int channels) =>
        target.Norm == "sync" ? new SyncBatchNorm(channels) : new BatchNorm2d(channels);

    /// <summary>What goes wrong, and when.</summary>
    private sealed class Moments(TargetOptions target, bool isOdd, Spoiler? spoiler) : Callback
    {
        public override void OnStepEnd(Trainer trainer)
        {
            if (trainer.IsWriter) Console.WriteLine($"step {trainer.Iteration}");
            spoiler?.Spoils = trainer.Iteration + 1 == target.SpoilAt;
            if (target.Pause > 0) Thread.Sleep(target.Pause);
            if (!isOdd) return;
            if (trainer.Iteration == target.ThrowAt) throw new InvalidOperationException("A fault on purpose.");
            if (trainer.Iteration == target.StopAt) Thread.Sleep(Timeout.Infinite);
        }
    }

    /// <summary>Adds a root of zeros: it changes no value, and its gradient is not finite.</summary>
    private sealed class Spoiler : Module
    {
        public bool Spoils { get; set; }

        protected override Tensor ForwardCore(Tensor x) => Spoils ? x + (x * 0).Sqrt() : x;
    }

    /// <summary>Four classes of pictures, with noise that is drawn anew in each epoch, as an augmentation is.</summary>
    private sealed class NoisySet(ulong seed) : IEpochDataset
    {
        private readonly Philox _random = new(seed, "noise");

        public int Epoch { get; set; }

        public int Count => SharedTraining.Count;

        public Shape SampleShape => [3, Side, Side];

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            Span<float> values = batch.AsSpan<float>();
            int size = SampleShape.Count;
            for (int i = 0; i < indices.Length; i++)
            {
                Span<float> sample = values.Slice(i * size, size);
                _random.Split((ulong)Epoch).Split((ulong)indices[i]).FillNormal(sample);
                for (int j = 0; j < Side; j++) sample[(indices[i] % 4 * Side) + j] += 1;
            }
        }

        public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
        {
            Span<long> labels = targets.AsSpan<long>();
            for (int i = 0; i < indices.Length; i++) labels[i] = indices[i] % 4;
        }
    }
}
