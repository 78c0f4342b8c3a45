using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>What a checkpoint holds, and what is no checkpoint of this trainer.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-checkpoint").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_truncated_checkpoint_changes_nothing()
    {
        string path = Path.Combine(_folder, "cut.safetensors");
        Trainer trainer = CreateFull(new TrainerOptions { Epochs = 1 });
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        trainer.SaveCheckpoint(path);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^100]);
        string before = WeightsHash.Of(trainer.Model);
        Assert.Throws<InvalidDataException>(() => trainer.Resume(path));
        Assert.Equal(before, WeightsHash.Of(trainer.Model));
        Assert.Throws<FileNotFoundException>(() => trainer.Resume(path + "x"));
    }

    [Fact]
    public void A_checkpoint_that_does_not_fit_changes_nothing()
    {
        string path = Path.Combine(_folder, "a.safetensors");
        Trainer saved = CreateFull(new TrainerOptions { Epochs = 1 });
        saved.Fit(Samples(100, 1), Samples(40, 2));
        saved.SaveCheckpoint(path);

        Module model = Model(dropout: 0.2);
        string before = WeightsHash.Of(model);
        Assert.Throws<ArgumentException>(
            () => new Trainer(model, new SGD(model.Parameters(), momentum: 0.9), new CrossEntropyLoss()).Resume(path));
        Assert.Equal(before, WeightsHash.Of(model));
        var other = new Sequential(new Linear(3, 2));
        Exception wrong = Assert.Throws<ArgumentException>(
            () => new Trainer(other, new Adam(other.Parameters()), new CrossEntropyLoss()).Resume(path));
        Assert.Contains("model.0.weight", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_flipped_byte_is_noticed()
    {
        string path = Path.Combine(_folder, "flipped.safetensors");
        Trainer trainer = CreateFull(new TrainerOptions { Epochs = 1 });
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        trainer.SaveCheckpoint(path);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^20] ^= 1;
        File.WriteAllBytes(path, bytes);
        string before = WeightsHash.Of(trainer.Model);
        Exception refused = Assert.Throws<InvalidDataException>(() => trainer.Resume(path));
        Assert.Contains("expected data with SHA-256", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, WeightsHash.Of(trainer.Model));
    }

    [Theory]
    [InlineData(1, -1)]
    [InlineData(1, 7)]
    [InlineData(2, -1)]
    [InlineData(2, 1)]
    [InlineData(3, -1)]
    [InlineData(4, -5)]
    [InlineData(5, 99)]
    [InlineData(5, -2)]
    [InlineData(6, -1)]
    [InlineData(6, 5)]
    public void Counts_that_can_not_be_are_refused(int index, long value)
    {
        string path = Path.Combine(_folder, "counts.safetensors");
        Trainer trainer = CreateFull(new TrainerOptions { Epochs = 2, BatchSize = 50 });
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        trainer.SaveCheckpoint(path);
        TensorArchive archive = SafeTensors.Read(path);
        archive.Tensor("trainer.position").AsSpan<long>()[index] = value;
        SafeTensors.Write(path, archive);
        Exception refused = Assert.Throws<InvalidDataException>(() => trainer.Resume(path));
        Assert.Contains("The checkpoint is damaged", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schedule_of_another_kind_or_of_other_settings_is_not_resumed()
    {
        string path = Path.Combine(_folder, "schedule.safetensors");
        Trainer saved = CreateScheduled(static o => new CosineWithWarmup(o, 2, 10));
        saved.Fit(Samples(100, 1), Samples(40, 2));
        saved.SaveCheckpoint(path);
        (Func<Optimizer, LearningRateScheduler>?, ScheduleBy, string)[] others =
        [
            (null, ScheduleBy.Epoch, "got CosineWithWarmup (here none)"),
            (static o => new StepLR(o, 2), ScheduleBy.Epoch, "got CosineWithWarmup (here StepLR)"),
            (static o => new CosineWithWarmup(o, 2, 20), ScheduleBy.Epoch, "total 10 (here 20)"),
            (static o => new CosineWithWarmup(o, 2, 10), ScheduleBy.Iteration, "a schedule that steps by Iteration"),
        ];
        foreach ((Func<Optimizer, LearningRateScheduler>? create, ScheduleBy by, string difference) in others)
        {
            Trainer other = CreateScheduled(create, by);
            string before = WeightsHash.Of(other.Model);
            double rate = other.Optimizer.LearningRate;
            Assert.Contains(difference, Assert.Throws<ArgumentException>(() => other.Resume(path)).Message,
                StringComparison.Ordinal);
            Assert.Equal((before, rate, 0L),
                (WeightsHash.Of(other.Model), other.Optimizer.LearningRate, other.Iteration));
        }

        Trainer resumed = CreateScheduled(static o => new CosineWithWarmup(o, 2, 10));
        resumed.Resume(path);
        Assert.Equal((saved.Optimizer.LearningRate, 2L),
            (resumed.Optimizer.LearningRate, resumed.Options.Scheduler!.Count));
    }

    [Fact]
    public void A_checkpoint_of_another_version_is_refused_and_its_weights_can_be_loaded()
    {
        string path = Path.Combine(_folder, "earlier.safetensors");
        Trainer saved = CreateFull(new TrainerOptions { Epochs = 1, RestoreBestModel = false });
        saved.Fit(Samples(100, 1), Samples(40, 2));
        saved.SaveCheckpoint(path);
        TensorArchive archive = SafeTensors.Read(path);
        archive.Tensor("trainer.position").AsSpan<long>()[0] = 2;
        SafeTensors.Write(path, archive);
        Trainer other = CreateFull(new TrainerOptions { Epochs = 1 });
        string message = Assert.Throws<ArgumentException>(() => other.Resume(path)).Message;
        Assert.Contains("expected a checkpoint of version 3", message, StringComparison.Ordinal);
        Assert.Contains("got version 2. Use the version of the library that wrote it, or load its weights alone with "
            + "model.Load(path, prefix: \"model.\")", message, StringComparison.Ordinal);
        other.Model.Load(path, prefix: "model.");
        Assert.Equal(WeightsHash.Of(saved.Model), WeightsHash.Of(other.Model));
    }

    [Fact]
    public void Plain_weights_are_no_checkpoint()
    {
        string path = Path.Combine(_folder, "weights.safetensors");
        Trainer trainer = CreateFull(new TrainerOptions());
        trainer.Model.Save(path);
        Assert.Contains("It is not a checkpoint of a trainer; Module.Load reads plain weights.",
            Assert.Throws<ArgumentException>(() => trainer.Resume(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[{\"epoch\":1", "got text that is none")]
    [InlineData("[{\"epoch\":1}]", "got text that is none")]
    [InlineData("[]", "expected 2 losses and a record for each epoch")]
    public void Damaged_records_of_epochs_are_refused(string text, string problem)
    {
        string path = Path.Combine(_folder, "records.safetensors");
        Trainer trainer = CreateFull(new TrainerOptions { Epochs = 1, BatchSize = 50, TrainingSamples = 0 });
        trainer.Fit(Samples(100, 1));
        trainer.SaveCheckpoint(path);
        TensorArchive archive = SafeTensors.Read(path);
        archive.Tensor("trainer.position").AsSpan<long>()[5] = -1;
        archive.Metadata["trainer.epochs"] = text;
        SafeTensors.Write(path, archive);
        Assert.Contains(problem,
            Assert.Throws<InvalidDataException>(() => trainer.Resume(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.1.running_var", -1e-5, "channel 0: expected a finite number of 0 or more, got -1E-05")]
    [InlineData("best.1.running_var", double.PositiveInfinity, "channel 0: expected a finite number of 0 or more")]
    [InlineData("model.1.running_mean", double.NaN, "channel 0: expected a finite number, got NaN")]
    [InlineData("model.1.num_batches_tracked", -1, "expected a whole number from 0 to 2^53, got -1")]
    [InlineData("optimizer.Adam.1.exp_avg_sq", -1e-12, "element 0: expected a number of 0 or more, got -1E-12")]
    [InlineData("scheduler.StepLR.rates", -1, "expected a finite number of 0 or more, got -1")]
    public void A_checkpoint_with_impossible_numbers_changes_nothing(string key, double value, string problem)
    {
        string path = Path.Combine(_folder, "impossible.safetensors");
        Trainer trainer = CreateFull(new TrainerOptions { Epochs = 2, BatchSize = 50 });
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        trainer.SaveCheckpoint(path);
        TensorArchive archive = SafeTensors.Read(path);
        Tensor tensor = archive.Tensor(key);
        if (tensor.DType == DType.Int64) tensor.AsSpan<long>()[0] = (long)value;
        else if (tensor.DType == DType.Float64) tensor.AsSpan<double>()[0] = value;
        else tensor.AsSpan<float>()[0] = (float)value;
        SafeTensors.Write(path, archive);

        Trainer other = CreateFull(new TrainerOptions { Epochs = 2, BatchSize = 50 });
        string before = WeightsHash.Of(other.Model);
        double rate = other.Optimizer.LearningRate;
        Exception refused = Assert.ThrowsAny<Exception>(() => other.Resume(path));
        Assert.True(refused is ArgumentException or InvalidDataException, refused.ToString());
        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
        Assert.Equal((before, rate, 0L), (WeightsHash.Of(other.Model), other.Optimizer.LearningRate, other.Iteration));
        if (!key.StartsWith("model.", StringComparison.Ordinal)) return;
        other.Resume(path, checkValues: false);
        Tensor taken = other.Model.StateDict()[key["model.".Length..]].To(DType.Float64);
        Assert.Equal(value, taken.AsSpan<double>()[0], Tolerances.Float64Roundoff);
    }

    [Fact]
    public void A_run_of_other_settings_is_not_resumed()
    {
        string path = Path.Combine(_folder, "settings.safetensors");
        TrainerOptions Options() => new() { Epochs = 2, BatchSize = 20, Seed = 3 };
        Trainer saved = CreateFull(Options());
        saved.Fit(Samples(100, 1), Samples(40, 2));
        saved.SaveCheckpoint(path);
        foreach ((Action<TrainerOptions> change, string difference) in new (Action<TrainerOptions>, string)[]
        {
            (static o => o.Seed = 4, "seed 3 (here 4)"),
            (static o => o.L2 = 0.5, "L2 0 (here 0.5)"),
            (static o => o.MicroBatches = 2, "micro-batches 1 (here 2)"),
            (static o => o.Monitor = "loss", "monitor accuracy (here loss)"),
            (static o => o.Epochs = 1, "2 epochs done (here 1 in all)"),
            (static o => (o.L2, o.Seed) = (1, 4), "seed 3 (here 4), L2 0 (here 1)"),
        })
        {
            TrainerOptions options = Options();
            change(options);
            Exception refused = Assert.Throws<ArgumentException>(() => CreateFull(options).Resume(path));
            Assert.Contains(difference, refused.Message, StringComparison.Ordinal);
        }

        Trainer hinge = new(saved.Model, saved.Optimizer, new MultiClassHingeLoss(), Options());
        Assert.Contains("loss CrossEntropyLoss() (here MultiClassHingeLoss())",
            Assert.Throws<ArgumentException>(() => hinge.Resume(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_resumed_run_takes_the_same_batches_or_says_no()
    {
        string path = Path.Combine(_folder, "batches.safetensors");
        TensorDataset training = Samples(110, 1);
        Trainer saved = CreateFull(new TrainerOptions { Epochs = 2, BatchSize = 20, Seed = 3 });
        saved.Fit(training);
        saved.SaveCheckpoint(path);
        Trainer resumed = CreateFull(new TrainerOptions { Epochs = 3, BatchSize = 20, Seed = 3 });
        resumed.Resume(path);
        string kept = WeightsHash.Of(resumed.Model);
        DataLoader[] others =
        [
            new(Samples(120, 1), 20, shuffle: true, seed: 3),
            new(training, 25, shuffle: true, seed: 3),
            new(training, 20, shuffle: true, LastBatch.Drop, seed: 3),
            new(training, 20),
            new(training, 20, shuffle: true, seed: 4),
            new(training, 20) { Sampler = Sampler.Shuffled(new NumPyRandomState(3)) },
            new(training, 20) { Sampler = Sampler.WithReplacement(new NumPyRandomState(3)) },
            new(training, 20) { Sampler = Sampler.Weighted([.. Enumerable.Repeat(1.0, 110)], seed: 3) },
        ];
        foreach (DataLoader other in others)
        {
            string message = Assert.Throws<ArgumentException>(() => resumed.Fit(other)).Message;
            Assert.StartsWith("Trainer.Fit: expected the batches of the run so far (110 samples in 6 batches of 20, "
                + "the last of 10, shuffled with seed 3), got ", message, StringComparison.Ordinal);
            Assert.Contains(". Continue with the same set, batch size and order, or start a new trainer", message,
                StringComparison.Ordinal);
            Assert.Equal(kept, WeightsHash.Of(resumed.Model));
        }

        Assert.Equal(18, resumed.Fit(training).Losses.Count);
    }

    private static Trainer CreateScheduled(Func<Optimizer, LearningRateScheduler>? create,
        ScheduleBy by = ScheduleBy.Epoch, int epochs = 2)
    {
        Sequential model = Model();
        var optimizer = new Adam(model.Parameters(), 0.01);
        var options = new TrainerOptions { Epochs = epochs, BatchSize = 20, Seed = 3, ScheduleBy = by };
        options.Scheduler = create?.Invoke(optimizer);
        return new Trainer(model, optimizer, new CrossEntropyLoss(), options);
    }
}
