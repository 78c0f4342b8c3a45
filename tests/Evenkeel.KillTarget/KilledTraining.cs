using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.KillTarget;

/// <summary>
/// A small training with everything that has a state: dropout, batch norm, noise on the samples by epoch, momentum, a
/// schedule, averaged weights, a log.
/// </summary>
internal static class KilledTraining
{
    private const int Count = 120, Features = 20;

    public static int Run(string folder, int epochs, bool holds)
    {
        var random = new Philox(11);
        var model = new Sequential(
            new Linear(Features, 128, random: random), new BatchNorm1d(128), new ReLU(), new Dropout(0.3),
            new Linear(128, 128, random: random), new BatchNorm1d(128), new ReLU(),
            new Linear(128, 4, random: random));
        var optimizer = new Adam(model.Parameters(), 0.01, weightDecay: 1e-3);
        WeightAveraging averaging = WeightAveraging.Averaged(model, 0.99);
        Directory.CreateDirectory(folder);
        var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = epochs,
            BatchSize = 20,
            Seed = 5,
            TrainingSamples = 40,
            MaxGradientNorm = 2,
            Scheduler = new CosineWithWarmup(optimizer, 10, epochs * Count / 20),
            ScheduleBy = ScheduleBy.Iteration,
            Callbacks = [averaging, new CsvLog(Path.Combine(folder, "log.csv")), new Moments(holds)],
            Checkpoints = new Checkpoints(folder) { EverySteps = 1, Keep = 2 },
        });
        if (Checkpoints.Latest(folder) is not null) trainer.Resume(folder);
        History history = trainer.Fit(new NoisySet(1), new NoisySet(2));
        Console.WriteLine($"{Hash(model)} {Hash(averaging.Model)} {Hash(history)}");
        return 0;
    }

    private static string Hash(Module model)
    {
        using var bytes = new MemoryStream();
        foreach ((string key, Tensor tensor) in model.StateDict())
        {
            bytes.Write(Encoding.UTF8.GetBytes(key));
            double[] values = tensor.To(DType.Float64).ToArray<double>();
            foreach (double value in values) bytes.Write(BitConverter.GetBytes(value));
        }

        return Convert.ToHexString(SHA256.HashData(bytes.ToArray()));
    }

    private static string Hash(History history)
    {
        var text = new StringBuilder();
        foreach (double loss in history.Losses) text.Append(CultureInfo.InvariantCulture, $"{loss:R} ");
        foreach (EpochRecord record in history.Epochs)
        {
            text.Append(CultureInfo.InvariantCulture, $"{record.Epoch} {record.Iteration} {record.TrainingLoss:R} ");
            text.Append(CultureInfo.InvariantCulture, $"{record.LearningRate:R} ");
            foreach (double score in record.Training!.Values.Concat(record.Validation!.Values))
                text.Append(CultureInfo.InvariantCulture, $"{score:R} ");
        }

        text.Append(CultureInfo.InvariantCulture, $"best {history.Best?.Epoch}");
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>Says when the first step is done, and waits if it is told to.</summary>
    private sealed class Moments(bool holds) : Callback
    {
        private bool _isUnderWay;

        public override void OnStepEnd(Trainer trainer)
        {
            if (!_isUnderWay) Console.WriteLine("trains");
            _isUnderWay = true;
            if (!holds || trainer.Iteration != 5) return;
            Console.WriteLine("holds");
            Console.ReadLine();
        }
    }

    /// <summary>Four classes, with noise that is drawn anew in each epoch.</summary>
    private sealed class NoisySet(ulong seed) : IEpochDataset
    {
        private readonly Philox _random = new(seed, "noise");

        public int Epoch { get; set; }

        public int Count => KilledTraining.Count;

        public Shape SampleShape => [Features];

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            Span<float> values = batch.AsSpan<float>();
            for (int i = 0; i < indices.Length; i++)
            {
                Span<float> sample = values.Slice(i * Features, Features);
                _random.Split((ulong)Epoch).Split((ulong)indices[i]).FillNormal(sample);
                for (int j = 0; j < 5; j++) sample[(indices[i] % 4 * 5) + j] += 1;
            }
        }

        public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
        {
            Span<long> labels = targets.AsSpan<long>();
            for (int i = 0; i < indices.Length; i++) labels[i] = indices[i] % 4;
        }
    }
}
