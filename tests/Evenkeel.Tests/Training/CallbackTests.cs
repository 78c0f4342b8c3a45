using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Surgery;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>When callbacks are called, and what those of the library do.</summary>
public sealed class CallbackTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-callback").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Callbacks_are_called_in_their_order()
    {
        var calls = new List<string>();
        Calls Named(string name) => new()
        {
            FitBegin = t => calls.Add($"{name} begin {t.Iteration}"),
            StepEnd = t => calls.Add($"{name} step {t.Iteration}"),
            EpochEnd = (t, record) => calls.Add($"{name} epoch {record.Epoch} {t.Iteration}"),
            FitEnd = (_, end) => calls.Add($"{name} end {end}"),
        };
        Trainer trainer = Create(new TrainerOptions
        {
            Epochs = 2,
            BatchSize = 20,
            Callbacks = [Named("a"), Named("b")],
        });
        trainer.Fit(Samples(40, 1));
        string[] epoch1 = ["a step 1", "b step 1", "a step 2", "b step 2", "a epoch 1 2", "b epoch 1 2"],
            epoch2 = ["a step 3", "b step 3", "a step 4", "b step 4", "a epoch 2 4", "b epoch 2 4"];
        Assert.Equal(
            ["a begin 0", "b begin 0", .. epoch1, .. epoch2, "a end Completed", "b end Completed"], calls);

        // A call that has nothing to train begins and ends.
        calls.Clear();
        trainer.Fit(Samples(40, 1));
        Assert.Equal(["a begin 4", "b begin 4", "a end Completed", "b end Completed"], calls);
    }

    [Theory]
    [InlineData(FitEnd.Stopped)]
    [InlineData(FitEnd.Diverged)]
    [InlineData(FitEnd.Cancelled)]
    [InlineData(FitEnd.Failed)]
    public void OnFitEnd_is_told_how_a_run_ended(FitEnd expected)
    {
        using var cancel = new CancellationTokenSource();
        FitEnd? told = null;
        Trainer trainer = Create(new TrainerOptions
        {
            Epochs = 3,
            BatchSize = 20,
            TrainingSamples = 0,
            Monitor = "loss",
            NonFiniteLoss = NonFiniteLoss.EndRun,
            Callbacks = [new Calls { StepEnd = Act, FitEnd = (_, end) => told = end }],
        });
        if (expected is FitEnd.Stopped or FitEnd.Diverged) trainer.Fit(Samples(60, 1), cancellationToken: cancel.Token);
        else Assert.ThrowsAny<Exception>(() => trainer.Fit(Samples(60, 1), cancellationToken: cancel.Token));
        Assert.Equal(expected, told);
        Assert.Equal(2, trainer.Iteration);

        void Act(Trainer t)
        {
            if (t.Iteration != 2) return;
            if (expected == FitEnd.Stopped) t.Stop("enough");
            if (expected == FitEnd.Diverged) t.Model.Parameters()[0].Value.AsSpan<float>()[0] = float.NaN;
            if (expected == FitEnd.Cancelled) cancel.Cancel();
            if (expected == FitEnd.Failed) throw new NotSupportedException("no");
        }
    }

    [Fact]
    public void Stop_ends_the_run_after_the_step_and_Fit_goes_on_from_there()
    {
        TensorDataset training = Samples(100, 1);
        TrainerOptions Options(Callback? callback) => new()
        {
            Epochs = 3,
            BatchSize = 20,
            Seed = 2,
            Callbacks = callback is null ? [] : [callback],
        };
        Trainer whole = CreateFull(Options(null));
        whole.Fit(training);
        Trainer stopped = CreateFull(Options(new Calls { StepEnd = t => { if (t.Iteration == 7) t.Stop("enough"); } }));
        History history = stopped.Fit(training);
        Assert.Equal((7L, 1, "enough"), (stopped.Iteration, stopped.Epoch, history.StopReason));
        Assert.Single(history.Epochs);
        stopped.Fit(training);
        Assert.Null(stopped.History.StopReason);
        AssertSame(whole, stopped);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(10)]
    public void A_callback_that_throws_names_itself_and_the_step_before_it_counts(int throwsAt)
    {
        TensorDataset training = Samples(100, 1);
        TrainerOptions Options(Callback? callback) => new()
        {
            Epochs = 3,
            BatchSize = 20,
            Seed = 2,
            Callbacks = callback is null ? [] : [callback],
        };
        Trainer whole = CreateFull(Options(null));
        whole.Fit(training);
        bool isBroken = true;
        Trainer trainer = CreateFull(Options(new Calls
        {
            StepEnd = t =>
            {
                if (isBroken && t.Iteration == throwsAt) throw new FormatException("Wrong.");
            },
        }));
        Exception failed = Assert.Throws<InvalidOperationException>(() => trainer.Fit(training));
        Assert.Equal(
            $"Trainer: the callback Calls failed after iteration {throwsAt} (epoch {throwsAt / 5} done): Wrong. "
            + "The step itself is complete; mend the callback and call Fit again to go on.", failed.Message);
        Assert.IsType<FormatException>(failed.InnerException);
        Assert.Equal(ModelWeights.Last, trainer.Weights);
        isBroken = false;
        trainer.Fit(training);
        AssertSame(whole, trainer);
    }

    [Fact]
    public void A_checkpoint_that_a_callback_writes_after_a_step_is_that_of_the_step()
    {
        TensorDataset training = Samples(100, 1);
        Trainer whole = CreateFull(new TrainerOptions { Epochs = 3, BatchSize = 20, Seed = 2 });
        whole.Options.Callbacks =
        [
            new Calls { StepEnd = t => t.SaveCheckpoint(Path.Combine(_folder, $"{t.Iteration}.safetensors")) },
        ];
        whole.Fit(training);
        for (int step = 1; step <= 15; step++)
        {
            Trainer resumed = CreateFull(new TrainerOptions { Epochs = 3, BatchSize = 20, Seed = 2 });
            resumed.Resume(Path.Combine(_folder, $"{step}.safetensors"));
            resumed.Fit(training);
            AssertSame(whole, resumed);
        }
    }

    [Fact]
    public void Fit_within_Fit_is_refused()
    {
        Trainer trainer = Create(new TrainerOptions { Epochs = 1 });
        trainer.Options.Callbacks = [new Calls { StepEnd = t => t.Fit(Samples(20, 1)) }];
        Exception failed = Assert.Throws<InvalidOperationException>(() => trainer.Fit(Samples(20, 1)));
        Assert.Contains(
            "expected one call at a time, got one inside another", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_callback_may_evaluate_in_the_middle_of_an_epoch_and_changes_nothing()
    {
        TensorDataset training = Samples(100, 1), validation = Samples(40, 2);
        TrainerOptions Options(bool evaluates) => new()
        {
            Epochs = 2,
            BatchSize = 20,
            Seed = 2,
            Callbacks = evaluates ? [new Calls { StepEnd = t => Assert.True(t.Evaluate(validation).Loss > 0) }] : [],
        };
        Trainer plain = CreateFull(Options(false)), evaluating = CreateFull(Options(true));
        plain.Fit(training, validation);
        evaluating.Fit(training, validation);
        AssertSame(plain, evaluating);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0)]
    [InlineData(2, 0.05)]
    public void Early_stopping_stops_after_its_patience_and_gives_the_best_model(int patience, double minimumChange)
    {
        TensorDataset training = Samples(200, 1), validation = Samples(200, 2);
        Trainer whole = CreateRising(30), stopping = CreateRising(30, new EarlyStopping(patience, minimumChange));
        double[] scores = whole.Fit(training, validation).Accuracies();

        // The rule by hand.
        int best = 0, at = 0;
        while (at - best < patience)
        {
            at++;
            if (scores[at] - scores[best] > minimumChange) best = at;
        }

        History history = stopping.Fit(training, validation);
        Assert.Equal(at + 1, history.Epochs.Count);
        Assert.InRange(at, 1, 28);
        Assert.Equal(scores.Take(at + 1), history.Accuracies());
        Assert.Equal(scores.Take(at + 1).Max(), history.BestScore);
        Assert.Equal(history.BestScore, stopping.Evaluate(validation)["accuracy"]);
        Assert.Equal(
            FormattableString.Invariant($"accuracy has not become better than {scores[best]:0.0000} ")
            + $"(epoch {best + 1}) for {patience} epochs", history.StopReason);
    }

    [Fact]
    public void Early_stopping_by_a_loss_knows_that_less_is_better()
    {
        Trainer trainer = CreateRising(30, new EarlyStopping(2));
        var options = new TrainerOptions
        {
            Epochs = 30,
            BatchSize = 10,
            Monitor = "loss",
            Callbacks = [new EarlyStopping(2)],
            Scheduler = trainer.Options.Scheduler,
        };
        trainer = new Trainer(trainer.Model, trainer.Optimizer, trainer.Loss, options);
        History history = trainer.Fit(Samples(200, 1), Samples(200, 2));
        double[] losses = [.. history.Epochs.Select(static record => record.Validation!.Loss)];
        Assert.InRange(losses.Length, 3, 29);
        Assert.Equal(losses[^3], losses.Min());
        Assert.Equal(losses.Min(), trainer.Evaluate(Samples(200, 2)).Loss);
    }

    [Fact]
    public void Early_stopping_says_what_it_wants()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new EarlyStopping(0));
        Assert.Contains("expected a minimum change of 0 or more and finite, got NaN",
            Assert.Throws<ArgumentOutOfRangeException>(() => new EarlyStopping(1, double.NaN)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_log_of_a_resumed_run_is_that_of_an_undisturbed_one_byte_for_byte()
    {
        TensorDataset training = Samples(100, 1), validation = Samples(40, 2);
        Trainer Make(string name, Checkpoints? checkpoints) => CreateFull(new TrainerOptions
        {
            Epochs = 5,
            BatchSize = 20,
            Seed = 2,
            Checkpoints = checkpoints,
            Callbacks = [new CsvLog(Path.Combine(_folder, name))],
        });
        Trainer whole = Make("whole.csv", null);
        whole.Fit(training, validation);
        string text = File.ReadAllText(Path.Combine(_folder, "whole.csv"));
        string[] lines = text.Split('\n');
        Assert.Equal("epoch,iteration,learning_rate,loss,training_loss,training_accuracy,validation_loss,"
            + "validation_accuracy", lines[0]);
        Assert.Equal(7, lines.Length);
        string[] cells = lines[3].Split(',');
        EpochRecord third = whole.History.Epochs[2];
        Assert.Equal(
            [3, 15, third.LearningRate, third.TrainingLoss, third.Training!.Loss, third.Training["accuracy"],
                third.Validation!.Loss, third.Validation["accuracy"]],
            cells.Select(static cell => double.Parse(cell, System.Globalization.CultureInfo.InvariantCulture)));

        string folder = Path.Combine(_folder, "run");
        Trainer cut = Make("cut.csv", new Checkpoints(folder) { EverySteps = 4, EveryEpochs = 0 });
        cut.Options.Callbacks =
        [
            .. cut.Options.Callbacks,
            new Calls { StepEnd = t => { if (t.Iteration == 18) throw new NotSupportedException("the plug"); } },
        ];
        Assert.Throws<InvalidOperationException>(() => cut.Fit(training, validation));
        // The log is an epoch ahead of the last checkpoint; its row is written again.
        Assert.Equal(5, File.ReadAllText(Path.Combine(_folder, "cut.csv")).Split('\n').Length);
        File.Delete(Path.Combine(folder, "step-00000016.safetensors"));
        Trainer resumed = Make("cut.csv", new Checkpoints(folder));
        resumed.Resume(Path.Combine(folder, "step-00000012.safetensors"));
        resumed.Fit(training, validation);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder, "whole.csv")),
            File.ReadAllBytes(Path.Combine(_folder, "cut.csv")));
    }

    [Fact]
    public void A_freeze_schedule_holds_parts_still_for_some_epochs()
    {
        Sequential model = Model();
        Module linear = model[0], norm = model[1], head = model[4];
        var states = new List<string>();
        string Hash(Module part) => WeightsHash.Of(part);
        var trainer = new Trainer(
            model, new SGD(model.Parameters(), 0.1, momentum: 0.9, weightDecay: 0.01), new CrossEntropyLoss(),
            new TrainerOptions
            {
                Epochs = 4,
                BatchSize = 20,
                RestoreBestModel = false,
                Callbacks =
                [
                    new FreezeSchedule((linear, 1), (norm, 2)),
                    new Calls
                    {
                        FitBegin = _ => states.Add($"{Hash(linear)} {Hash(norm)} {Hash(head)}"),
                        EpochEnd = (_, _) => states.Add($"{Hash(linear)} {Hash(norm)} {Hash(head)}"),
                    },
                ],
            });
        trainer.Fit(Samples(100, 1));
        // Whether linear, norm and head moved in epochs 1 to 4.
        string[] moved = [.. states.Zip(states.Skip(1), static (before, after) => string.Join(' ', before.Split(' ')
            .Zip(after.Split(' '), static (one, other) => one == other ? "still" : "moves")))];
        Assert.Equal(["still still moves", "moves still moves", "moves moves moves", "moves moves moves"], moved);
        Assert.Equal(NormState.Active, ((BatchNorm1d)norm).State);
        Assert.All(model.Parameters(), static parameter => Assert.True(parameter.RequiresGradient));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FreezeSchedule((linear, 0)));
    }

    [Fact]
    public void Weight_averaging_is_the_moving_average_of_the_steps()
    {
        const double decay = 0.75;
        Sequential model = Model(DType.Float64);
        double[]? average = null;
        double[] Values(Module of) =>
            [.. of.StateDict().Select(static entry => entry.Value).Where(static t => t.DType == DType.Float64)
                .SelectMany(static t => t.ToArray<double>())];
        WeightAveraging averaging = WeightAveraging.Averaged(model, decay);
        var trainer = new Trainer(model, new Adam(model.Parameters(), 0.01), new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = 2,
            BatchSize = 20,
            Callbacks =
            [
                averaging,
                new Calls
                {
                    StepEnd = t => average = average is null
                        ? Values(t.Model)
                        : [.. average.Zip(Values(t.Model), static (a, w) => (decay * a) + ((1 - decay) * w))],
                },
            ],
        });
        trainer.Fit(Samples(100, 1));
        Assert.Equal(10, averaging.Updates);
        foreach ((double expected, double actual) in average!.Zip(Values(averaging.Model)))
            Assert.Equal(expected, actual, Tolerances.Float64Steps);
        Assert.NotEqual(WeightsHash.Of(model), WeightsHash.Of(averaging.Model));
        Assert.Contains("expected a decay of 0 or more and below 1, got 1",
            Assert.Throws<ArgumentOutOfRangeException>(() => WeightAveraging.Averaged(model, 1)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Recalibrated_averages_have_the_statistics_of_the_data()
    {
        Sequential model = Model();
        TensorDataset training = Samples(100, 1);
        WeightAveraging averaged = WeightAveraging.Averaged(model, 0.8),
            recalibrated = WeightAveraging.Recalibrated(model, training, 0.8);
        var trainer = new Trainer(model, new Adam(model.Parameters(), 0.05), new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 2, BatchSize = 20, Callbacks = [averaged, recalibrated] });
        trainer.Fit(training);
        Assert.Equal(averaged.Model.Parameters().SelectMany(static p => p.Value.ToArray<float>()),
            recalibrated.Model.Parameters().SelectMany(static p => p.Value.ToArray<float>()));
        Assert.NotEqual(WeightsHash.Of(averaged.Model), WeightsHash.Of(recalibrated.Model));
        averaged.Model.Recalibrate(training);
        Assert.Equal(WeightsHash.Of(averaged.Model), WeightsHash.Of(recalibrated.Model));
    }

    [Fact]
    public void Averaging_another_model_than_the_trained_one_is_refused()
    {
        Trainer trainer = Create(new TrainerOptions());
        trainer.Options.Callbacks = [WeightAveraging.Averaged(new Sequential(new Linear(3, 2)))];
        Assert.Contains("WeightAveraging: expected the model that it was made for",
            Assert.Throws<InvalidOperationException>(() => trainer.Fit(Samples(20, 1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_of_other_callbacks_changes_nothing()
    {
        string path = Path.Combine(_folder, "averaging.safetensors"),
            plain = Path.Combine(_folder, "plain.safetensors");
        Trainer saved = CreateFull(new TrainerOptions { Epochs = 1 }), without = CreateFull(new TrainerOptions());
        without.SaveCheckpoint(plain);
        saved.Options.Callbacks = [WeightAveraging.Averaged(saved.Model)];
        saved.Fit(Samples(40, 1));
        saved.SaveCheckpoint(path);
        string before = WeightsHash.Of(saved.Model);
        string message = Assert.Throws<ArgumentException>(() => saved.Resume(plain)).Message;
        Assert.Contains("got none for the callback WeightAveraging (number 1). Pass the callbacks as they were when "
            + "the checkpoint was saved.", message, StringComparison.Ordinal);
        Assert.Equal(before, WeightsHash.Of(saved.Model));
        message = Assert.Throws<ArgumentException>(() => without.Resume(path)).Message;
        Assert.Contains("got the state of another one (WeightAveraging). Pass the callbacks as they were", message,
            StringComparison.Ordinal);
        Assert.Equal(0, without.Iteration);
    }
}
