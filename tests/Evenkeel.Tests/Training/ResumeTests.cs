using System.Reflection;
using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>
/// A run that ends after any step, and goes on in another process from its checkpoint, has the bits of an undisturbed
/// one.
/// </summary>
public sealed class ResumeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-resume").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>All that a run is made of, new in each "process".</summary>
    private sealed record Run(Trainer Trainer, DataLoader Batches, DataLoader? Checks);

    public static TheoryData<string> Samplers => ["in order", "shuffled", "numpy", "replacement", "weighted", "torch"];

    [Theory]
    [MemberData(nameof(Samplers))]
    public void With_every_sampler(string kind) => AssertResumesAfterEveryStep(isFirst =>
    {
        // A resumed process draws from a stream of another seed until the checkpoint says where it stands.
        uint seed = isFirst ? 5u : 99u;
        Run run = Make(sampler: kind switch
        {
            "in order" => Sampler.Sequential,
            "shuffled" => Sampler.Shuffled(7),
            "numpy" => Sampler.Shuffled(new NumPyRandomState(seed)),
            "torch" => Sampler.Shuffled(new TorchGenerator(seed)),
            "replacement" => Sampler.WithReplacement(new NumPyRandomState(seed)),
            _ => Sampler.Weighted([.. Enumerable.Range(1, 50).Select(static i => (double)i)], 7),
        });
        return run;
    });

    public static TheoryData<string> Optimizers =>
    [
        .. typeof(Optimizer).Assembly.GetExportedTypes()
            .Where(static type => type.IsSubclassOf(typeof(Optimizer)) && !type.IsAbstract)
            .Select(static type => type.Name),
        "SGD with momentum", "RMSprop with everything",
    ];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void With_every_optimizer(string kind) => AssertResumesAfterEveryStep(_ => Make(optimizer: parameters =>
    {
        switch (kind)
        {
            case "SGD with momentum":
                return new SGD(parameters, 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-3);
            case "RMSprop with everything":
                return new RMSprop(parameters, 0.01, momentum: 0.9, centered: true, weightDecay: 1e-3);
            default:
                Type type = typeof(Optimizer).Assembly.GetExportedTypes().Single(type => type.Name == kind);
                ConstructorInfo constructor = type.GetConstructors().First(
                    static c => c.GetParameters()[0].ParameterType == typeof(IEnumerable<Parameter>));
                return (Optimizer)constructor.Invoke([.. constructor.GetParameters().Select(
                    (argument, i) => i == 0 ? parameters : i == 1 ? 0.01 : argument.DefaultValue)]);
        }
    }));

    [Theory]
    [InlineData(ScheduleBy.Iteration)]
    [InlineData(ScheduleBy.Epoch)]
    public void With_a_schedule(ScheduleBy by) => AssertResumesAfterEveryStep(_ =>
    {
        Run run = Make();
        run.Trainer.Options.Scheduler = new CosineWithWarmup(run.Trainer.Optimizer, 2, by == ScheduleBy.Epoch ? 3 : 15);
        run.Trainer.Options.ScheduleBy = by;
        return run;
    });

    [Fact]
    public void With_augmented_images() => AssertResumesAfterEveryStep(_ =>
    {
        ImageSet images = SyntheticFashion.Create(1, 50, 0).Train;
        var data = new TransformedDataset(
            images, [new RandomCrop(28, padding: 3), new RandomHorizontalFlip(), new ToTensor()], seed: 4);
        var model = new Sequential(
            new Conv2d(1, 4, kernelSize: 5, stride: 4, random: new Philox(1)), new BatchNorm2d(4), new ReLU(),
            new Flatten(), new Dropout(0.3), new Linear(4 * 6 * 6, 10, random: new Philox(2)));
        return Make(model, data);
    });

    [Fact]
    public void With_a_regression_in_Float64_with_micro_batches_and_without_checks() => AssertResumesAfterEveryStep(_ =>
    {
        var model = new Sequential(
            new Linear(Features, 8, random: new Philox(1)), new BatchNorm1d(8), new Dropout(0.2),
            new Linear(8, 1, random: new Philox(2)));
        model.To(DType.Float64);
        var optimizer = new Adam(model.Parameters(), 0.01);
        TensorDataset set = Samples(50, 1);
        var data = new TensorDataset(set.Inputs, set.Targets.To(DType.Float64).Reshape(50, 1));
        var trainer = new Trainer(model, optimizer, new MSELoss(), new TrainerOptions
        {
            Epochs = 3,
            MicroBatches = 2,
            TrainingSamples = 0,
            Monitor = Scores.LossName,
            Seed = 3,
            MaxGradientNorm = 1,
            L2 = 1e-3,
        });
        return new Run(
            trainer, new DataLoader(data, 10, shuffle: true, seed: 1) { DType = DType.Float64 }, Checks: null);
    });

    [Fact]
    public void With_callbacks_that_have_a_state()
    {
        Run last = AssertResumesAfterEveryStep(_ =>
        {
            Run run = Make();
            run.Trainer.Options.Callbacks =
            [
                new FreezeSchedule((((Sequential)run.Trainer.Model)[0], 1)),
                WeightAveraging.Averaged(run.Trainer.Model, 0.9),
                WeightAveraging.Recalibrated(run.Trainer.Model, run.Batches.Dataset, 0.8),
                new Counting(),
            ];
            return run;
        });
        Assert.Equal(15, ((Counting)last.Trainer.Options.Callbacks[3]).Steps);
    }

    [Fact]
    public void With_batches_that_were_skipped() => AssertResumesAfterEveryStep(_ =>
    {
        Run run = Make(data: Spoilt(Samples(50, 1)));
        run.Trainer.Options.NonFiniteLoss = NonFiniteLoss.SkipBatch;
        return run;
    });

    [Fact]
    public void A_resumed_run_stops_early_where_an_undisturbed_one_does_and_has_its_best_model()
    {
        Run last = AssertResumesAfterEveryStep(_ =>
        {
            Run run = Make(epochs: 30, learningRate: 0.05);
            run.Trainer.Options.Scheduler = new ExponentialLR(run.Trainer.Optimizer, 1.3);
            run.Trainer.Options.Callbacks = [new EarlyStopping(patience: 2)];
            return run;
        });
        Assert.InRange(last.Trainer.Epoch, 3, 15);
        Assert.Equal(last.Trainer.Epoch - 2, last.Trainer.History.Best!.Epoch);
        Assert.Equal(ModelWeights.Best, last.Trainer.Weights);
        Assert.Equal(last.Trainer.History.BestScore, last.Trainer.Evaluate(last.Checks!.Dataset)["accuracy"]);
    }

    /// <summary>
    /// Trains without a break and with checkpoints after each step, then goes on from each of them in a new trainer.
    /// </summary>
    private Run AssertResumesAfterEveryStep(Func<bool, Run> make)
    {
        Run whole = make(true), saving = make(true);
        whole.Trainer.Fit(whole.Batches, whole.Checks);
        saving.Trainer.Options.Checkpoints = new Checkpoints(_folder) { EverySteps = 1, Keep = 1000 };
        saving.Trainer.Fit(saving.Batches, saving.Checks);
        AssertSame(whole, saving);
        string[] saved = Checkpoints.All(_folder);
        Assert.Equal(whole.Trainer.Iteration, saved.Length);
        foreach (string path in saved)
        {
            Run resumed = make(false);
            resumed.Trainer.Resume(path);
            resumed.Trainer.Fit(resumed.Batches, resumed.Checks);
            AssertSame(whole, resumed);
        }

        return whole;
    }

    private static void AssertSame(Run expected, Run actual)
    {
        TrainingCase.AssertSame(expected.Trainer, actual.Trainer);
        // The last weights too, not only the best ones that are in the model now.
        expected.Trainer.Restore(ModelWeights.Last);
        actual.Trainer.Restore(ModelWeights.Last);
        Assert.Equal(WeightsHash.Of(expected.Trainer.Model), WeightsHash.Of(actual.Trainer.Model));
        expected.Trainer.Restore(ModelWeights.Best);
        foreach ((Callback one, Callback other) in
            expected.Trainer.Options.Callbacks.Zip(actual.Trainer.Options.Callbacks))
        {
            if (one is not WeightAveraging average) continue;
            Assert.Equal(average.Updates, ((WeightAveraging)other).Updates);
            Assert.Equal(WeightsHash.Of(average.Model), WeightsHash.Of(((WeightAveraging)other).Model));
        }

        Assert.Equal(expected.Trainer.History.StopReason, actual.Trainer.History.StopReason);
        Assert.Equal(expected.Batches.Position with { Stream = null }, actual.Batches.Position with { Stream = null });
    }

    private static Run Make(
        Evenkeel.Nn.Module? model = null, IDataset? data = null, Sampler? sampler = null,
        Func<IReadOnlyList<Parameter>, Optimizer>? optimizer = null, int epochs = 3, double learningRate = 0.02)
    {
        model ??= Model(dropout: 0.2);
        data ??= Samples(50, 1);
        Optimizer steps = optimizer?.Invoke(model.Parameters()) ?? new Adam(model.Parameters(), learningRate);
        var trainer = new Trainer(model, steps, new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = epochs,
            TrainingSamples = 20,
            Seed = 3,
            MaxGradientNorm = 5,
        });
        var batches = new DataLoader(data, 10) { Sampler = sampler ?? Sampler.Shuffled(7) };
        return new Run(trainer, batches, new DataLoader(data, 16, lastBatch: LastBatch.Keep, workers: 0));
    }

    private static TensorDataset Spoilt(TensorDataset set)
    {
        set.Inputs.AsSpan<float>()[100] = float.NaN;
        return set;
    }

    /// <summary>A callback whose state is the number of steps.</summary>
    private sealed class Counting : Callback
    {
        public long Steps { get; private set; }

        public override void OnStepEnd(Trainer trainer) => Steps++;

        public override StateDict StateDict() => new() { { "steps", Tensor.From([Steps], [1]) } };

        public override void LoadStateDict(StateDict state) => Steps = state["steps"].AsSpan<long>()[0];
    }
}
