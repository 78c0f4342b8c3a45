using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>What a trainer does where loaders, schedules, callbacks and checkpoints meet.</summary>
public sealed class OrderOfThingsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-order").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Each_evaluation_sees_the_same_samples_of_a_shuffled_validation_loader_also_resumed()
    {
        TensorDataset training = Samples(60, 1), held = Samples(55, 2);
        string path = Path.Combine(_folder, "run.safetensors");
        Trainer whole = Create(new TrainerOptions { Epochs = 4, BatchSize = 20 });
        History expected = whole.Fit(Loader(), Validation());
        Trainer begun = Create(new TrainerOptions { Epochs = 2, BatchSize = 20 });
        begun.Fit(Loader(), Validation());
        begun.SaveCheckpoint(path);
        Trainer resumed = Create(new TrainerOptions { Epochs = 4, BatchSize = 20 });
        Assert.Equal(path, resumed.Resume(path));
        History history = resumed.Fit(Loader(), Validation());
        Assert.Equal(
            expected.Epochs.Select(static record => record.Validation!.Loss),
            history.Epochs.Select(static record => record.Validation!.Loss));

        DataLoader Loader() => new(training, 20, shuffle: true, seed: 1);
        DataLoader Validation() => new(held, 20, lastBatch: LastBatch.Drop)
        {
            Sampler = Sampler.WithReplacement(new NumPyRandomState(7)),
        };
    }

    [Fact]
    public void The_training_loader_may_be_the_validation_loader_and_no_epoch_is_left_out()
    {
        var epochs = new List<int>();
        using var loader = new DataLoader(Samples(60, 1), 20, shuffle: true);
        Trainer trainer = Create(new TrainerOptions { Epochs = 3 });
        trainer.Options.Callbacks = [new Calls { StepEnd = _ => epochs.Add(loader.NextEpoch - 1) }];
        trainer.Fit(loader, loader);
        Assert.Equal([0, 0, 0, 1, 1, 1, 2, 2, 2], epochs);
    }

    [Fact]
    public void A_schedule_that_throws_at_the_end_of_an_epoch_leaves_one_record_of_it()
    {
        Trainer trainer = Create(new TrainerOptions { Epochs = 3, BatchSize = 20 });
        trainer.Options.Scheduler =
            new LambdaLR(trainer.Optimizer, static count => count == 2 ? throw new FormatException("no rate") : 1);
        Assert.Throws<FormatException>(() => trainer.Fit(Samples(60, 1)));
        Assert.Equal((2, 2), (trainer.Epoch, trainer.History.Epochs.Count));
        trainer.Options.Scheduler = null;
        Assert.Equal([1, 2, 3], trainer.Fit(Samples(60, 1)).Epochs.Select(static record => record.Epoch));
    }

    [Fact]
    public void A_callback_that_throws_at_the_end_hides_no_divergence_and_the_others_are_told()
    {
        int told = 0;
        Trainer trainer = Create(new TrainerOptions { Epochs = 1, BatchSize = 20 });
        trainer.Model.Parameters()[0].Value.AsSpan<float>()[0] = float.NaN;
        trainer.Options.Callbacks =
        [
            new Ending(static _ => throw new FormatException("end")), new Ending(_ => told++),
        ];
        Assert.Throws<DivergedException>(() => trainer.Fit(Samples(60, 1)));
        Assert.Equal(1, told);
        trainer = Create(new TrainerOptions { Epochs = 1, BatchSize = 20 });
        trainer.Options.Callbacks = [new Ending(static _ => throw new FormatException("end")), new Ending(_ => told++)];
        Assert.IsType<FormatException>(
            Assert.Throws<InvalidOperationException>(() => trainer.Fit(Samples(60, 1))).InnerException);
        Assert.Equal(2, told);
    }

    [Fact]
    public void An_optimizer_over_parameters_of_another_model_is_refused()
    {
        Sequential model = Model(), other = Model();
        string message = Assert.Throws<ArgumentException>(
            () => new Trainer(model, new SGD(other.Parameters()), new CrossEntropyLoss())).Message;
        Assert.StartsWith(
            $"Trainer: expected an optimizer over parameters of the model, got {other.Parameters().Count} others. Make "
            + "it with model.Parameters() of this model.", message, StringComparison.Ordinal);
        // A part of the model is enough.
        _ = new Trainer(model, new SGD(model.Parameters().Take(1)), new CrossEntropyLoss());
    }

    [Fact]
    public void A_run_that_goes_back_does_not_write_below_later_checkpoints()
    {
        TensorDataset training = Samples(60, 1);
        var options = new TrainerOptions { Epochs = 3, BatchSize = 20, Checkpoints = new Checkpoints(_folder) };
        Create(options).Fit(training);
        string[] present = Directory.GetFiles(_folder, "step-*");
        Trainer back = Create(
            new TrainerOptions { Epochs = 3, BatchSize = 20, Checkpoints = new Checkpoints(_folder) });
        back.Resume(Path.Combine(_folder, "step-00000003.safetensors"));
        string message = Assert.Throws<InvalidOperationException>(() => back.Fit(training)).Message;
        Assert.StartsWith(
            "Checkpoints: expected a folder without checkpoints beyond iteration 3, where this training stands, got ",
            message, StringComparison.Ordinal);
        Assert.EndsWith("Move such files away, or choose another folder.", message, StringComparison.Ordinal);
        Assert.Equal(present, Directory.GetFiles(_folder, "step-*"));
    }

    [Fact]
    public void A_callback_that_refuses_its_state_leaves_the_others_as_they_were()
    {
        string path = Path.Combine(_folder, "run.safetensors");
        Trainer saved = Create(new TrainerOptions { Callbacks = [new Counter(3), new Counter(4)] });
        saved.SaveCheckpoint(path);
        Counter first = new(1), second = new(2) { Refuses = true };
        Trainer resumed = Create(new TrainerOptions { Callbacks = [first, second] });
        ArgumentException refused = Assert.Throws<ArgumentException>(() => resumed.Resume(path));
        Assert.StartsWith("no", refused.Message, StringComparison.Ordinal);
        Assert.Equal((1, 2), (first.Count, second.Count));
        second.Refuses = false;
        resumed.Resume(path);
        Assert.Equal((3, 4), (first.Count, second.Count));
    }

    [Fact]
    public void A_schedule_that_steps_before_the_optimizer_begins_with_the_rate_of_count_0()
    {
        SGD stepped = new(Model().Parameters(), 1), started = new(Model().Parameters(), 1);
        var first = new LinearLR(stepped, startFactor: 0.01, endFactor: 1, totalIters: 100);
        var second = new LinearLR(started, startFactor: 0.01, endFactor: 1, totalIters: 100);
        first.Step();
        second.Start();
        second.Step();
        Assert.Equal(0.0199, started.LearningRate, Tolerances.Float64Steps);
        Assert.Equal(started.LearningRate, stepped.LearningRate);
    }

    private sealed class Counter(long count) : Callback
    {
        public long Count { get; private set; } = count;

        public bool Refuses { get; set; }

        public override StateDict StateDict() => new() { { "count", Tensor.From([Count], [1]) } };

        public override void LoadStateDict(StateDict state)
        {
            if (Refuses) throw new ArgumentException("no", nameof(state));
            Count = state["count"].AsSpan<long>()[0];
        }
    }

    private sealed class Ending(Action<FitEnd> act) : Callback
    {
        public override void OnFitEnd(Trainer trainer, FitEnd end) => act(end);
    }
}
