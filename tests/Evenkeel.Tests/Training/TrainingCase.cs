using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

/// <summary>The small nets, sets and trainers of the tests of trainings.</summary>
internal static class TrainingCase
{
    public const int Features = 20;

    /// <summary>Four classes: noise plus a shift of the class in some features, the same in every set.</summary>
    public static TensorDataset Samples(int count, ulong seed)
    {
        var random = new Philox(seed);
        float[] values = new float[count * Features];
        random.FillNormal(values);
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < 5; j++) values[(i * Features) + ((i % 4) * 5) + j] += 1.2f;
        }

        return new TensorDataset(Tensor.From(values, [count, Features]), Labels(count));
    }

    public static Tensor Labels(int count) =>
        Tensor.Labels([.. Enumerable.Range(0, count).Select(static i => i % 4)]);

    public static Sequential Model(DType dtype = DType.Float32, double dropout = 0)
    {
        var model = new Sequential(new Linear(Features, 16), new BatchNorm1d(16), new ReLU());
        model.Add(dropout > 0 ? new Dropout(dropout) : new Identity());
        model.Add(new Linear(16, 4));
        var random = new Philox(11);
        foreach (Parameter parameter in model.Parameters())
        {
            Span<float> values = parameter.Value.AsSpan<float>();
            if (parameter.Name == "bias") values.Clear();
            if (parameter.Shape.Rank < 2) continue;
            random.FillNormal(values);
            foreach (ref float value in values) value *= 0.2f;
        }

        model.To(dtype);
        return model;
    }

    /// <summary>A net without dropout, and Adam.</summary>
    public static Trainer Create(TrainerOptions options, double learningRate = 0.01)
    {
        Sequential model = Model();
        return new Trainer(model, new Adam(model.Parameters(), learningRate), new CrossEntropyLoss(), options);
    }

    /// <summary>A net with dropout, Adam with weight decay, and a schedule by epoch.</summary>
    public static Trainer CreateFull(TrainerOptions options, DType dtype = DType.Float32)
    {
        Sequential model = Model(dtype, dropout: 0.2);
        var optimizer = new Adam(model.Parameters(), 0.02, weightDecay: 1e-3);
        options.Scheduler = new StepLR(optimizer, 2, 0.7);
        return new Trainer(model, optimizer, new CrossEntropyLoss(), options);
    }

    /// <summary>Adam with too large a rate that grows in each epoch: the last model is not the best one.</summary>
    public static Trainer CreateRising(int epochs, params IReadOnlyList<Callback> callbacks)
    {
        Sequential model = Model();
        var optimizer = new Adam(model.Parameters(), 0.05);
        var options = new TrainerOptions { Epochs = epochs, BatchSize = 10, Callbacks = callbacks };
        options.Scheduler = new ExponentialLR(optimizer, 1.5);
        return new Trainer(model, optimizer, new CrossEntropyLoss(), options);
    }

    /// <summary>The accuracies on training samples, or on the validation set.</summary>
    public static double[] Accuracies(this History history, bool ofTraining = false) =>
        [.. history.Epochs.Select(record => (ofTraining ? record.Training : record.Validation)!["accuracy"])];

    /// <summary>Two runs have measured the same, to the last bit.</summary>
    public static void AssertSame(History expected, History actual)
    {
        Assert.Equal(expected.Losses, actual.Losses);
        Assert.Equal(EpochRecordText.Write(expected.Epochs), EpochRecordText.Write(actual.Epochs));
        Assert.Equal(expected.Best?.Epoch, actual.Best?.Epoch);
        Assert.Equal((expected.Monitor, expected.SkippedBatches), (actual.Monitor, actual.SkippedBatches));
    }

    /// <summary>Two trainers have the same weights, statistics and history.</summary>
    public static void AssertSame(Trainer expected, Trainer actual)
    {
        Assert.Equal(WeightsHash.Of(expected.Model), WeightsHash.Of(actual.Model));
        AssertSame(expected.History, actual.History);
        Assert.Equal((expected.Iteration, expected.Epoch), (actual.Iteration, actual.Epoch));
    }
}

/// <summary>Calls an action with each report.</summary>
internal sealed class Report(Action<TrainProgress> action) : IProgress<TrainProgress>
{
    void IProgress<TrainProgress>.Report(TrainProgress value) => action(value);
}

/// <summary>A callback made of an action per moment.</summary>
internal sealed class Calls : Callback
{
    public Action<Trainer>? FitBegin { get; init; }

    public Action<Trainer>? StepEnd { get; init; }

    public Action<Trainer, EpochRecord>? EpochEnd { get; init; }

    public Action<Trainer, FitEnd>? FitEnd { get; init; }

    public override void OnFitBegin(Trainer trainer) => FitBegin?.Invoke(trainer);

    public override void OnStepEnd(Trainer trainer) => StepEnd?.Invoke(trainer);

    public override void OnEpochEnd(Trainer trainer, EpochRecord record) => EpochEnd?.Invoke(trainer, record);

    public override void OnFitEnd(Trainer trainer, FitEnd end) => FitEnd?.Invoke(trainer, end);
}

/// <summary>A data set that notes what is read of it.</summary>
internal sealed class WatchedSet(IDataset inner) : IEpochDataset
{
    private int _epoch;

    /// <summary>The indices of each batch that was read, in the order of the reads.</summary>
    public List<int[]> Batches { get; } = [];

    /// <summary>The epochs that the set was told.</summary>
    public List<int> Epochs { get; } = [];

    /// <summary>Before samples are read: the number of the read, from 1.</summary>
    public Action<int>? Reading { get; init; }

    /// <summary>Before targets are read.</summary>
    public Action? ReadingTargets { get; init; }

    public int Epoch
    {
        get => _epoch;
        set => Epochs.Add(_epoch = value);
    }

    public int Count => inner.Count;

    public Shape SampleShape => inner.SampleShape;

    public Shape TargetShape => inner.TargetShape;

    public DType TargetType => inner.TargetType;

    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        lock (Batches) Batches.Add(indices.ToArray());
        Reading?.Invoke(Batches.Count);
        inner.CopyTo(indices, batch);
    }

    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        ReadingTargets?.Invoke();
        inner.CopyTargetsTo(indices, targets);
    }
}
