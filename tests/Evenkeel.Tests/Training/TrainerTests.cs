using Evenkeel.Data;
using Evenkeel.Lab.Experiments;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Surgery;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private const int Features = 20;
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-trainer").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>A regression on what the labels say, as users write it.</summary>
    private sealed class RegressionLoss(bool takesLabels) : Loss
    {
        public override bool TakesClassLabels => takesLabels;

        public override Tensor Forward(Tensor prediction, Tensor target) =>
            prediction.MeanSquaredError(target.To(DType.Float32).Reshape(target.Count, 1));
    }

    [Fact]
    public void A_loss_that_is_no_classification_is_refused_before_anything_is_trained()
    {
        var model = new Sequential(new Linear(Features, 1, random: new Philox(1)));
        var optimizer = new SGD(model.Parameters(), 0.1);
        foreach (Loss loss in new Loss[] { new MSELoss(), new RegressionLoss(takesLabels: false) })
        {
            string message = Assert.Throws<ArgumentException>(() => new Trainer(model, optimizer, loss)).Message;
            Assert.StartsWith(
                "Trainer: expected a loss of class labels, because the trainer measures accuracy", message,
                StringComparison.Ordinal);
            Assert.Contains("override TakesClassLabels", message, StringComparison.Ordinal);
        }

        // Who says that it takes labels is trained, but one number per sample has no accuracy.
        var trainer = new Trainer(
            model, optimizer, new RegressionLoss(takesLabels: true), new TrainerOptions { Epochs = 1, BatchSize = 10 });
        Assert.Contains("expected a model with scores for two classes or more, got 1 value per sample",
            Assert.Throws<ArgumentException>(() => trainer.Evaluate(Samples(20, 1))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "expected a model with scores for two classes or more",
            Assert.Throws<ArgumentException>(
                () => model.Recalibrate(Samples(20, 1), new RecalibrationOptions { Check = Samples(20, 1) })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_the_model_has_no_score_for_is_named()
    {
        var model = new Sequential(new Linear(2, 3, random: new Philox(1)));
        var trainer = new Trainer(model, new SGD(model.Parameters(), 0.1), new CrossEntropyLoss());
        var data = new TensorDataset(Tensor.Zeros([4, 2]), Tensor.Labels(0, 2, 3, 1));
        Assert.Contains("expected class labels from 0 to 2 for a model of 3 scores, got 3 for sample 2.",
            Assert.Throws<ArgumentException>(() => trainer.Evaluate(data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_notebooks_order_of_draws_and_checks_is_kept()
    {
        var stream = new RecordingStream();
        Trainer trainer = Create(
            Cs231n.Training(stream, epochs: 2, batchSize: 30), o => (o.TrainSamples, o.ValidationSamples) = (50, 10));
        History history = trainer.Fit(Samples(100, 1), Samples(40, 2));

        // max(100 / 30, 1) = 3 iterations an epoch; checks after the first, at each epoch's end, and the
        // last (which is one of them).
        string[] batch = ["100:30"], check = ["100:50", "40:10"];
        Assert.Equal(
            [.. batch, .. check, .. batch, .. batch, .. check, .. batch, .. batch, .. batch, .. check], stream.Calls);
        Assert.Equal(6, history.Losses.Count);
        Assert.Equal(3, history.TrainAccuracies.Count);
        Assert.Equal(3, history.ValidationAccuracies.Count);
        Assert.Equal(2, trainer.Epoch);
    }

    [Fact]
    public void Accuracy_draws_nothing_where_the_set_is_not_larger_than_the_sample()
    {
        var stream = new RecordingStream();
        Trainer trainer = Create(Cs231n.Training(stream, epochs: 1, batchSize: 50), static o => o.TrainSamples = 100);
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        Assert.Equal(["100:50", "100:50"], stream.Calls);
    }

    [Fact]
    public void A_batch_larger_than_the_set_makes_one_iteration_an_epoch()
    {
        Trainer trainer = Create(Cs231n.Training(new NumPyRandomState(1), epochs: 3, batchSize: 500));
        History history = trainer.Fit(Samples(60, 1), Samples(40, 2));
        Assert.Equal(3, history.Losses.Count);
        Assert.Equal(3, history.TrainAccuracies.Count);
    }

    [Fact]
    public void Shuffled_epochs_visit_every_sample_once()
    {
        var data = new CountingSet(Samples(60, 1));
        Trainer trainer = Create(new TrainerOptions { Epochs = 2, BatchSize = 20, TrainSamples = 1 });
        trainer.Fit(data, Samples(10, 2));
        Assert.Equal(6, data.Batches.Count);
        foreach (int epoch in new[] { 0, 1 })
        {
            Assert.Equal(
                Enumerable.Range(0, 60), data.Batches.Skip(3 * epoch).Take(3).SelectMany(static b => b).Order());
        }

        Assert.NotEqual(data.Batches[0], data.Batches[3]);
    }

    [Theory]
    [InlineData(61, LastBatch.Drop, "20 20", "61 samples in 3 batches of 20; 1 left out")]
    [InlineData(61, LastBatch.Merge, "20 21", "61 samples in 3 batches of 20, the last of 21")]
    [InlineData(62, LastBatch.Error, "20 2", "62 samples in 4 batches of 20, the last of 2")]
    public void The_last_batch_follows_its_policy(int samples, LastBatch policy, string sizes, string plan)
    {
        var data = new CountingSet(Samples(samples, 1));
        Trainer trainer = Create(
            new TrainerOptions { Epochs = 2, BatchSize = 20, TrainSamples = 1, LastBatch = policy });
        Assert.Equal(plan, trainer.Plan(data).ToString());
        History history = trainer.Fit(data, Samples(10, 2));
        int batches = trainer.Plan(data).Batches;
        Assert.Equal(2 * batches, history.Losses.Count);
        Assert.Equal(sizes, $"{data.Batches[0].Length} {data.Batches[batches - 1].Length}");
        Assert.Equal(trainer.Plan(data).Used, data.Batches.Take(batches).SelectMany(static b => b).Distinct().Count());
    }

    [Fact]
    public void A_history_that_was_kept_is_not_changed_by_a_later_run()
    {
        var options = new TrainerOptions { Epochs = 1, BatchSize = 20 };
        Trainer trainer = Create(options);
        History first = trainer.Fit(Samples(100, 1), Samples(40, 2));
        (double seconds, int checks) = (first.TrainingSeconds, first.TrainAccuracies.Count);
        options.Epochs = 3;
        History second = trainer.Fit(Samples(100, 1), Samples(40, 2));
        Assert.Equal((5, 15), (first.Losses.Count, second.Losses.Count));
        Assert.Equal((seconds, checks), (first.TrainingSeconds, first.TrainAccuracies.Count));
        Assert.Equal(first.Losses, second.Losses.Take(5));
        Assert.Equal(second.Losses, trainer.History.Losses);
    }

    [Fact]
    public void Trainer_and_loader_agree_about_the_last_batch() => Assert.Equal(
        new DataLoader(Samples(61, 1), 20).Plan, Create(new TrainerOptions { BatchSize = 20 }).Plan(Samples(61, 1)));

    [Fact]
    public void A_single_sample_left_over_is_refused_before_the_first_step()
    {
        Trainer trainer = Create(new TrainerOptions { BatchSize = 20, LastBatch = LastBatch.Error });
        Assert.Contains(
            "single sample",
            Assert.Throws<ArgumentException>(() => trainer.Fit(Samples(61, 1), Samples(10, 2))).Message,
            StringComparison.Ordinal);
        Assert.Empty(trainer.History.Losses);
    }

    [Fact]
    public void A_checkpoint_of_another_last_batch_is_refused()
    {
        string path = Path.Combine(_folder, "last.safetensors");
        Trainer trainer = CreateFull(DType.Float32, new TrainerOptions { Epochs = 1, LastBatch = LastBatch.Drop });
        trainer.Fit(Samples(130, 1), Samples(40, 2));
        trainer.SaveCheckpoint(path);
        Trainer other = CreateFull(DType.Float32, new TrainerOptions { Epochs = 1 });
        Assert.Contains("last batch Drop (here Merge)",
            Assert.Throws<ArgumentException>(() => other.Resume(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_set_that_changes_is_told_the_epoch()
    {
        var data = new EpochSet(Samples(40, 1));
        Create(new TrainerOptions { Epochs = 3, BatchSize = 20, TrainSamples = 1 }).Fit(data, Samples(10, 2));
        Assert.Equal([0, 1, 2], data.Epochs.Distinct());
    }

    [Fact]
    public void A_training_is_the_plain_loop()
    {
        TensorDataset training = Samples(200, 1), validation = Samples(40, 2);
        Trainer trainer = Create(
            Cs231n.Training(new NumPyRandomState(4), epochs: 3, batchSize: 40), static o => o.RestoreBestModel = false);
        trainer.Fit(training, validation);

        Sequential model = Model(DType.Float32, 0);
        var optimizer = new Adam(model.Parameters(), 0.01);
        var random = new NumPyRandomState(4);
        var tape = new Tape();
        Tensor inputs = Tensor.Zeros([40, Features]), labels = Tensor.Zeros([40], DType.Int64);
        for (int step = 0; step < 15; step++)
        {
            int[] chosen = random.Choice(200, 40);
            training.CopyTo(chosen, inputs);
            training.CopyLabelsTo(chosen, labels.AsSpan<long>());
            tape.Reset();
            Tensor loss = model.Forward(tape.Input(inputs)).CrossEntropy(labels);
            loss.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            Assert.Equal(loss.Item(), trainer.History.Losses[step]);
        }

        Assert.Equal(WeightsHash.Of(model), WeightsHash.Of(trainer.Model));
    }

    [Fact]
    public void A_truncated_checkpoint_changes_nothing()
    {
        string path = Path.Combine(_folder, "cut.safetensors");
        Trainer trainer = CreateFull(DType.Float32, new TrainerOptions { Epochs = 1 });
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        trainer.SaveCheckpoint(path);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^100]);
        string before = WeightsHash.Of(trainer.Model);
        Assert.Throws<InvalidDataException>(() => trainer.Resume(path));
        Assert.Equal(before, WeightsHash.Of(trainer.Model));
        Assert.Throws<FileNotFoundException>(() => trainer.Resume(path + "x"));
    }

    [Fact]
    public void It_learns()
    {
        Trainer trainer = Create(new TrainerOptions { Epochs = 15, BatchSize = 25 });
        History history = trainer.Fit(Samples(500, 1), Samples(200, 2));
        Assert.True(history.BestValidationAccuracy > 0.8, $"best {history.BestValidationAccuracy}");
        Assert.True(history.Losses[^1] < history.Losses[0]);
        Assert.True(history.ExamplesPerSecond > 0);
    }

    [Fact]
    public void The_best_model_includes_the_running_statistics()
    {
        Trainer trainer = Create(
            new TrainerOptions { Epochs = 12, BatchSize = 10, LearningRateDecay = 1.5 }, learningRate: 0.05);
        TensorDataset validation = Samples(200, 2);
        var lastHash = "";
        History history = trainer.Fit(Samples(200, 1), validation,
            new Report(p => lastHash = p.Iteration == p.TotalIterations ? WeightsHash.Of(trainer.Model) : ""));
        Assert.InRange(history.BestEpoch, 0, 11);
        Assert.Equal(history.BestValidationAccuracy, history.ValidationAccuracies.Max());
        Assert.True(history.ValidationAccuracies[^1] < history.BestValidationAccuracy);
        Assert.Equal(history.BestValidationAccuracy, trainer.Evaluate(validation));
        Assert.NotEqual(lastHash, WeightsHash.Of(trainer.Model));
        Assert.Equal(history.BestEpoch == 0 ? 1 : history.BestEpoch * 20,
            trainer.Model.StateDict()["1.num_batches_tracked"].Item());
    }

    [Fact]
    public void The_penalty_is_that_of_the_notebook()
    {
        // 0.5·reg·ΣW² over matrices has the gradient reg·W: SGD's weight decay on parameters of rank 2.
        string Train(double l2, double decay, out History history)
        {
            Module model = Model(DType.Float32, dropout: 0);
            var optimizer = new SGD(model.Parameters(), 0.05, weightDecay: decay, decayNormAndBias: false);
            var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(),
                new TrainerOptions { Epochs = 2, BatchSize = 25, L2 = l2, RestoreBestModel = false });
            history = trainer.Fit(Samples(100, 1), Samples(40, 2));
            return WeightsHash.Of(model);
        }

        Module start = Model(DType.Float32, dropout: 0);
        double squares = start.Parameters().Where(static p => p.Shape.Rank == 2).Sum(
            static p => p.Value.ToArray<float>().Sum(static w => (double)w * w));
        Assert.Equal(Train(0, 0.3, out History plain), Train(0.3, 0, out History penalized));
        Assert.Equal(plain.Losses[0] + (0.5 * 0.3 * squares), penalized.Losses[0], Tolerances.Float64Roundoff);
    }

    [Fact]
    public void Learning_rates_decay_at_the_end_of_an_epoch_and_schedules_step()
    {
        Module model = Model(DType.Float32, 0);
        var optimizer = new SGD(model.Parameters(), 1e-3);
        new Trainer(model, optimizer, new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 3, LearningRateDecay = 0.5 }).Fit(Samples(200, 1), Samples(40, 2));
        Assert.Equal(1e-3 / 8, optimizer.LearningRate);

        var other = new SGD(model.Parameters(), 1e-3);
        var scheduler = new ExponentialLR(other, 0.5);
        new Trainer(model, other, new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 2, Scheduler = scheduler, ScheduleBy = ScheduleBy.Iteration })
            .Fit(Samples(200, 1), Samples(40, 2));
        Assert.Equal(4, scheduler.Count);
        Assert.Equal(1e-3 / 16, other.LearningRate);
    }

    [Theory]
    [InlineData(Sampling.Shuffled, DType.Float32)]
    [InlineData(Sampling.WithReplacement, DType.Float64)]
    public void A_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(Sampling sampling, DType dtype)
    {
        Trainer Make(int epochs, IRandomStream random) => CreateFull(dtype, new TrainerOptions
        {
            Epochs = epochs,
            BatchSize = 30,
            Sampling = sampling,
            RandomStream = random,
            TrainSamples = 40,
            Seed = 7,
            LearningRateDecay = 0.9,
            MaxGradientNorm = 1,
        });

        TensorDataset training = Samples(200, 1), validation = Samples(60, 2);
        Trainer whole = Make(6, new NumPyRandomState(5));
        whole.Fit(training, validation);
        string path = Path.Combine(_folder, "half.safetensors");
        Trainer half = Make(3, new NumPyRandomState(5));
        half.Fit(training, validation);
        half.SaveCheckpoint(path);

        Trainer resumed = Make(6, new NumPyRandomState(99));
        resumed.Resume(path);
        Assert.Equal(3, resumed.Epoch);
        resumed.Fit(training, validation);
        Assert.Equal(WeightsHash.Of(whole.Model), WeightsHash.Of(resumed.Model));
        Assert.Equal(whole.History.Losses, resumed.History.Losses);
        Assert.Equal(whole.History.TrainAccuracies, resumed.History.TrainAccuracies);
        Assert.Equal(whole.History.ValidationAccuracies, resumed.History.ValidationAccuracies);
        Assert.Equal(whole.History.BestEpoch, resumed.History.BestEpoch);
    }

    /// <summary>Epochs are checked on 40 drawn training samples and 60 validation samples, 20 at a time.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(14)]
    public void An_accuracy_check_that_is_cancelled_is_done_when_the_run_goes_on(int cancelledAt)
    {
        TensorDataset training = Samples(200, 1), validation = Samples(60, 2);
        TrainerOptions Options(string? path) => new()
        {
            Epochs = 4,
            BatchSize = 20,
            TrainSamples = 40,
            EvaluationBatchSize = 20,
            Seed = 3,
            CheckpointPath = path,
        };
        Trainer whole = CreateFull(DType.Float32, Options(null));
        whole.Fit(training, validation);

        string path = Path.Combine(_folder, "run");
        using var cancel = new CancellationTokenSource();
        Trainer cancelled = CreateFull(DType.Float32, Options(path));
        var watched = new Watched(validation, reads =>
        {
            if (reads == cancelledAt) cancel.Cancel();
        });
        Assert.Throws<OperationCanceledException>(
            () => cancelled.Fit(training, watched, cancellationToken: cancel.Token));
        Assert.Equal(cancelledAt, watched.Reads);
        int checks = (cancelledAt - 1) / 3;
        Assert.Equal(checks, cancelled.History.ValidationAccuracies.Count);
        Assert.Equal(checks, cancelled.History.TrainAccuracies.Count);

        Trainer resumed = CreateFull(DType.Float32, Options(null));
        resumed.Resume(path + "_last.safetensors");
        foreach (Trainer goesOn in new[] { resumed, cancelled })
        {
            goesOn.Fit(training, validation);
            Assert.Equal(WeightsHash.Of(whole.Model), WeightsHash.Of(goesOn.Model));
            Assert.Equal(whole.History.TrainAccuracies, goesOn.History.TrainAccuracies);
            Assert.Equal(whole.History.ValidationAccuracies, goesOn.History.ValidationAccuracies);
            Assert.Equal(whole.History.BestEpoch, goesOn.History.BestEpoch);
        }
    }

    [Fact]
    public void Counting_right_answers_can_be_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        Trainer trainer = CreateFull(DType.Float32, new TrainerOptions { EvaluationBatchSize = 20 });
        var watched = new Watched(Samples(60, 2), reads =>
        {
            if (reads == 2) cancel.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => trainer.Evaluate(watched, cancel.Token));
        Assert.Equal(2, watched.Reads);
    }

    /// <summary>A data set that says how often its samples were read.</summary>
    private sealed class Watched(IDataset samples, Action<int> look) : IDataset
    {
        public int Reads { get; private set; }

        public int Count => samples.Count;

        public Shape SampleShape => samples.SampleShape;

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            look(++Reads);
            samples.CopyTo(indices, batch);
        }

        public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels) => samples.CopyLabelsTo(indices, labels);
    }

    [Fact]
    public void A_cancelled_run_saves_its_last_state_and_resumes_within_the_epoch()
    {
        TensorDataset training = Samples(200, 1), validation = Samples(60, 2);
        TrainerOptions Options(string? path) =>
            new() { Epochs = 4, BatchSize = 20, Seed = 3, ReportEvery = 1, CheckpointPath = path };
        Trainer whole = CreateFull(DType.Float32, Options(null));
        whole.Fit(training, validation);

        string path = Path.Combine(_folder, "new", "run");
        using var cancel = new CancellationTokenSource();
        Trainer cancelled = CreateFull(DType.Float32, Options(path));
        Assert.Throws<OperationCanceledException>(() => cancelled.Fit(
            training, validation, new Report(p => { if (p.Iteration == 23) cancel.Cancel(); }), cancel.Token));
        Assert.Equal(23, cancelled.Iteration);
        string last = WeightsHash.Of(cancelled.Model);
        Assert.True(cancelled.RestoreBestModel());
        Assert.NotEqual(last, WeightsHash.Of(cancelled.Model));

        Trainer resumed = CreateFull(DType.Float32, Options(null));
        resumed.Resume(path + "_last.safetensors");
        Assert.Equal(last, WeightsHash.Of(resumed.Model));
        resumed.Fit(training, validation);
        Assert.Equal(WeightsHash.Of(whole.Model), WeightsHash.Of(resumed.Model));

        // The trainer itself goes on as well, from the last model rather than from the best one.
        cancelled.Fit(training, validation);
        Assert.Equal(WeightsHash.Of(whole.Model), WeightsHash.Of(cancelled.Model));
        Assert.Equal(["run_epoch_0", "run_epoch_1", "run_epoch_2", "run_epoch_3", "run_epoch_4", "run_last"],
            Directory.GetFiles(Path.Combine(_folder, "new")).Select(Path.GetFileNameWithoutExtension).Order(
                StringComparer.Ordinal));
    }

    [Fact]
    public void A_checkpoint_that_does_not_fit_changes_nothing()
    {
        string path = Path.Combine(_folder, "a.safetensors");
        Trainer saved = CreateFull(DType.Float32, new TrainerOptions { Epochs = 1 });
        saved.Fit(Samples(100, 1), Samples(40, 2));
        saved.SaveCheckpoint(path);

        Module model = Model(DType.Float32, 0.2);
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
    public void Divergence_names_the_first_layer_that_produced_it()
    {
        var model = new Sequential(
            new Linear(Features, 8), new BatchNorm1d(8), new Breaks(fromCall: 3), new ReLU(), new Linear(8, 4));
        var trainer = new Trainer(model, new SGD(model.Parameters()),
            new CrossEntropyLoss(), new TrainerOptions { BatchSize = 50, Sampling = Sampling.WithReplacement });
        DivergedException diverged = Assert.Throws<DivergedException>(
            () => trainer.Fit(Samples(500, 1), Samples(40, 2)));
        Assert.Equal("2 (Breaks)", diverged.Layer);
        Assert.Equal(3, diverged.Step);
        Assert.StartsWith(
            "Trainer: expected a finite loss, got NaN at iteration 3; "
            + "the first values that are not finite come from 2 (Breaks).",
            diverged.Message, StringComparison.Ordinal);
        // The rejected pass and the search leave no trace in the running statistics.
        Assert.Equal(2, model.StateDict()["1.num_batches_tracked"].Item());
    }

    [Fact]
    public void A_step_that_is_broken_off_half_way_leaves_no_trace()
    {
        var norm = new GhostBatchNorm1d(8, 20);
        var model = new Sequential(new Linear(Features, 8), norm, new ReLU(), new Linear(8, 4));
        var trainer = new Trainer(
            model, new SGD(model.Parameters()), new CrossEntropyLoss(), new TrainerOptions { BatchSize = 50 });
        string before = "";
        int calls = 0;
        using (model[3].AddForwardHook((_, _, y) =>
        {
            if (y.Tape is not { Mode: Mode.Train } || ++calls <= 3) return;
            throw new OperationCanceledException();
        }))
        using (model[0].AddForwardHook((_, _, y) =>
        {
            if (y.Tape is { Mode: Mode.Train } && calls == 3) before = WeightsHash.Of(model);
        }))
        {
            Assert.Throws<OperationCanceledException>(() => trainer.Fit(Samples(500, 1), Samples(40, 2)));
        }

        // Three steps of three virtual batches each.
        Assert.Equal(9, norm.Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.Equal(before, WeightsHash.Of(model));
        Assert.All(model.Parameters(), static parameter => Assert.Null(parameter.Gradient));
    }

    [Fact]
    public void A_data_set_that_fails_takes_nothing_back_of_the_step_before()
    {
        var norm = new BatchNorm1d(8);
        var model = new Sequential(new Linear(Features, 8), norm, new Linear(8, 4));
        var trainer = new Trainer(
            model, new SGD(model.Parameters()), new CrossEntropyLoss(), new TrainerOptions { BatchSize = 50 });
        Assert.Throws<IOException>(() => trainer.Fit(
            new FailingSet(Samples(500, 1), () => norm.Running!.NumBatchesTracked.Value.Item() == 3), Samples(40, 2)));
        Assert.Equal(3, norm.Running!.NumBatchesTracked.Value.Item());
    }

    [Fact]
    public void Divergence_names_inputs_and_spoilt_weights()
    {
        float[] values = Samples(100, 1).Inputs().ToArray<float>();
        values[7] = float.PositiveInfinity;
        var spoilt = new TensorDataset(Tensor.From(values, [100, Features]), Labels(100));
        Trainer trainer = Create(new TrainerOptions { BatchSize = 100 });
        Assert.Equal("the inputs", Assert.Throws<DivergedException>(() => trainer.Fit(spoilt, Samples(40, 2))).Layer);

        Module model = Model(DType.Float32, 0);
        model.Parameters()[4].Value.AsSpan<float>()[0] = float.NaN;
        var other = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss());
        DivergedException diverged = Assert.Throws<DivergedException>(() => other.Fit(Samples(100, 1), Samples(40, 2)));
        Assert.StartsWith("4 (Linear)", diverged.Layer, StringComparison.Ordinal);
        Assert.Contains("whose weight is already not finite", diverged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Divergence_may_end_the_run_or_skip_the_batch()
    {
        Module model = new Sequential(
            new Linear(Features, 8), new BatchNorm1d(8), new Breaks(fromCall: 3), new Linear(8, 4));
        var trainer = new Trainer(model, new SGD(model.Parameters()),
            new CrossEntropyLoss(), new TrainerOptions { BatchSize = 50, NonFiniteLoss = NonFiniteLoss.EndRun });
        History history = trainer.Fit(Samples(500, 1), Samples(40, 2));
        Assert.True(history.Diverged);
        Assert.Equal(3, history.Divergence!.Step);
        Assert.Equal(3, history.Losses.Count);

        model = new Sequential(new Linear(Features, 8), new BatchNorm1d(8), new Breaks(fromCall: 3), new Linear(8, 4));
        var notes = new List<string?>();
        var skipping = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = 1,
            BatchSize = 50,
            NonFiniteLoss = NonFiniteLoss.SkipBatch,
            ReportEvery = 1,
            RestoreBestModel = false,
        });
        history = skipping.Fit(Samples(300, 1), Samples(40, 2), new Report(p => notes.Add(p.Note)));
        Assert.Equal(4, history.SkippedBatches);
        Assert.Equal(
            [null, null, "skipped 1 non-finite batch",
                "skipped 2 non-finite batches", "skipped 3 non-finite batches", "skipped 4 non-finite batches"],
            notes);
        Assert.Equal(2, model.StateDict()["1.num_batches_tracked"].Item());
    }

    [Theory]
    [InlineData(null, DType.Float32)]
    [InlineData(1.0, DType.Float64)]
    public void A_finite_loss_with_an_infinite_gradient_leaves_the_weights_alone(double? maxGradientNorm, DType dtype)
    {
        Module model = Build();
        string before = WeightsHash.Of(model);
        DivergedException thrown = Assert.Throws<DivergedException>(
            () => Make(NonFiniteLoss.Throw).Fit(Samples(200, 1), Samples(40, 2)));
        Assert.Equal("0.weight", thrown.Parameter);
        Assert.Equal("the gradient of 0.weight", thrown.Layer);
        Assert.True(double.IsFinite(thrown.Loss));
        Assert.StartsWith("Trainer: expected finite gradients, got NaN or infinity in that of 0.weight at iteration 1",
            thrown.Message, StringComparison.Ordinal);
        Assert.Equal(before, WeightsHash.Of(model));

        History ended = Make(NonFiniteLoss.EndRun).Fit(Samples(200, 1), Samples(40, 2));
        Assert.Equal("0.weight", ended.Divergence!.Parameter);
        Assert.Equal(before, WeightsHash.Of(model));

        History skipped = Make(NonFiniteLoss.SkipBatch).Fit(Samples(200, 1), Samples(40, 2));
        Assert.Equal(4, skipped.SkippedBatches);
        Assert.Equal(before, WeightsHash.Of(model));

        Trainer Make(NonFiniteLoss policy)
        {
            model = Build();
            return new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(), new TrainerOptions
            {
                Epochs = 1,
                BatchSize = 50,
                NonFiniteLoss = policy,
                MaxGradientNorm = maxGradientNorm,
            });
        }

        // Running statistics on the way, so that an update that is not taken back would show in the hash.
        Module Build()
        {
            var random = new Philox(3);
            var built = new Sequential(
                new Linear(Features, 4, bias: false), new BatchNorm1d(4, affine: false), new SteepBehind());
            random.FillNormal(built.Parameters()[0].Value.AsSpan<float>());
            built.To(dtype);
            return built;
        }
    }

    [Fact]
    public void An_update_of_statistics_that_was_skipped_is_reported_though_the_loss_is_finite()
    {
        var notes = new List<string?>();
        var model = new Sequential(new SideNorm(), new Linear(Features, 4));
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 1, BatchSize = 50, ReportEvery = 1, RestoreBestModel = false });
        History history = trainer.Fit(Samples(100, 1), Samples(40, 2), new Report(p => notes.Add(p.Note)));
        Assert.All(history.Losses, static loss => Assert.True(double.IsFinite(loss)));
        Assert.Equal(0, history.SkippedBatches);
        Assert.Equal(
            ["skipped 1 non-finite update of running statistics", "skipped 2 non-finite updates of running statistics"],
            notes);
    }

    [Fact]
    public void Looking_for_the_layer_counts_no_batch_twice()
    {
        var model = new Sequential(new Breaks(fromCall: 1), new BatchNorm1d(Features), new Linear(Features, 4));
        var trainer = new Trainer(
            model, new SGD(model.Parameters()), new CrossEntropyLoss(), new TrainerOptions { BatchSize = 100 });
        Assert.Throws<DivergedException>(() => trainer.Fit(Samples(100, 1), Samples(40, 2)));
        var norm = (BatchNorm1d)model[1];
        Assert.Equal(1, norm.Running!.SkippedBatches);
        Assert.Equal(0, norm.Running.NumBatchesTracked.Value.Item());
        Assert.Empty(trainer.History.Losses);
        Assert.Equal(0, trainer.Iteration);
    }

    [Fact]
    public void A_later_fit_forgets_an_earlier_divergence()
    {
        var model = new Sequential(new Linear(Features, 4), new Breaks(fromCall: 2, toCall: 2));
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 1, BatchSize = 25, NonFiniteLoss = NonFiniteLoss.EndRun });
        Assert.True(trainer.Fit(Samples(100, 1), Samples(40, 2)).Diverged);
        History history = trainer.Fit(Samples(100, 1), Samples(40, 2));
        Assert.False(history.Diverged);
        Assert.Equal(4, history.Losses.Count);
        Assert.All(history.Losses, static loss => Assert.True(double.IsFinite(loss)));
    }

    [Fact]
    public void Weights_loaded_after_a_training_are_kept_by_the_next()
    {
        Trainer trainer = Create(
            new TrainerOptions { Epochs = 6, BatchSize = 10, LearningRateDecay = 1.5 }, learningRate: 0.05);
        trainer.Fit(Samples(100, 1), Samples(100, 2));
        StateDict own = Model(DType.Float32, 0).StateDict();
        trainer.Model.LoadStateDict(own);
        string loaded = WeightsHash.Of(trainer.Model);
        // Nothing is left to train, so nothing changes; with an epoch more, training starts from these weights.
        trainer.Fit(Samples(100, 1), Samples(100, 2));
        Assert.Equal(loaded, WeightsHash.Of(trainer.Model));
        trainer.SaveCheckpoint(Path.Combine(_folder, "own.safetensors"));
        Trainer resumed = Create(new TrainerOptions { Epochs = 6, BatchSize = 10 });
        resumed.Resume(Path.Combine(_folder, "own.safetensors"));
        Assert.Equal(loaded, WeightsHash.Of(resumed.Model));
    }

    [Fact]
    public void A_flipped_byte_is_noticed()
    {
        string path = Path.Combine(_folder, "flipped.safetensors");
        Trainer trainer = CreateFull(DType.Float32, new TrainerOptions { Epochs = 1 });
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
    [InlineData(3, 99)]
    [InlineData(4, -5)]
    public void Counts_that_can_not_be_are_refused(int index, long value)
    {
        string path = Path.Combine(_folder, "counts.safetensors");
        Trainer trainer = CreateFull(DType.Float32, new TrainerOptions { Epochs = 2, BatchSize = 50 });
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
    public void A_schedule_of_another_optimizer_is_refused()
    {
        Sequential model = Model(DType.Float32, 0);
        var options = new TrainerOptions { Scheduler = new StepLR(new SGD(model.Parameters()), 2) };
        var optimizer = new SGD(model.Parameters());
        Exception refused = Assert.Throws<ArgumentException>(
            () => new Trainer(model, optimizer, new CrossEntropyLoss(), options));
        Assert.Contains("a schedule of the trainer's optimizer", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_of_an_earlier_version_is_resumed_with_the_same_bits()
    {
        string path = Path.Combine(_folder, "now.safetensors"), earlier = Path.Combine(_folder, "earlier.safetensors");
        TensorDataset training = Samples(100, 1), validation = Samples(40, 2);
        Trainer whole = CreateScheduled(static o => new CosineWithWarmup(o, 2, 10), epochs: 6),
            half = CreateScheduled(static o => new CosineWithWarmup(o, 2, 10));
        whole.Fit(training, validation);
        half.Fit(training, validation);
        half.SaveCheckpoint(path);
        TensorArchive now = SafeTensors.Read(path), archive = new();
        foreach ((string key, Tensor tensor) in now.StateDict())
        {
            if (!key.Contains(".setting.", StringComparison.Ordinal)
                && !key.EndsWith("rates", StringComparison.Ordinal)) archive.Add(key, tensor);
        }

        foreach ((string key, string value) in now.Metadata)
        {
            if (!key.EndsWith("schedule by", StringComparison.Ordinal)) archive.Metadata[key] = value;
        }

        SafeTensors.Write(earlier, archive);
        Trainer resumed = CreateScheduled(static o => new CosineWithWarmup(o, 2, 10), epochs: 6);
        resumed.Resume(earlier);
        resumed.Fit(training, validation);
        Assert.Equal(WeightsHash.Of(whole.Model), WeightsHash.Of(resumed.Model));
    }

    [Theory]
    [InlineData("model.1.running_var", -1e-5, "channel 0: expected a finite number of 0 or more, got -1E-05")]
    [InlineData("best.1.running_var", double.PositiveInfinity, "channel 0: expected a finite number of 0 or more")]
    [InlineData("model.1.running_mean", double.NaN, "channel 0: expected a finite number, got NaN")]
    [InlineData("model.1.num_batches_tracked", -1, "expected a whole number from 0 to 2^53, got -1")]
    [InlineData("optimizer.Adam.1.exp_avg_sq", -1e-12, "element 0: expected a number of 0 or more, got -1E-12")]
    [InlineData("scheduler.StepLR.rates", -1, "expected a finite number of 0 or more, got -1")]
    [InlineData("trainer.best_accuracy", double.NaN, "expected accuracies from 0 to 1")]
    [InlineData("trainer.validation_accuracies", 1.5, "expected accuracies from 0 to 1")]
    public void A_checkpoint_with_impossible_numbers_changes_nothing(string key, double value, string problem)
    {
        string path = Path.Combine(_folder, "impossible.safetensors");
        Trainer trainer = CreateFull(DType.Float32, new TrainerOptions { Epochs = 2, BatchSize = 50 });
        trainer.Fit(Samples(100, 1), Samples(40, 2));
        trainer.SaveCheckpoint(path);
        TensorArchive archive = SafeTensors.Read(path);
        Tensor tensor = archive.Tensor(key);
        if (tensor.DType == DType.Int64) tensor.AsSpan<long>()[0] = (long)value;
        else if (tensor.DType == DType.Float64) tensor.AsSpan<double>()[0] = value;
        else tensor.AsSpan<float>()[0] = (float)value;
        SafeTensors.Write(path, archive);

        Trainer other = CreateFull(DType.Float32, new TrainerOptions { Epochs = 2, BatchSize = 50 });
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
        Trainer saved = CreateFull(DType.Float32, Options());
        saved.Fit(Samples(100, 1), Samples(40, 2));
        saved.SaveCheckpoint(path);
        foreach ((Action<TrainerOptions> change, string difference) in new (Action<TrainerOptions>, string)[]
        {
            (static o => o.BatchSize = 25, "batch size 20 (here 25)"),
            (static o => o.Sampling = Sampling.WithReplacement, "sampling Shuffled (here WithReplacement)"),
            (static o => o.Seed = 4, "seed 3 (here 4)"),
            (static o => o.L2 = 0.5, "L2 0 (here 0.5)"),
            (static o => o.Epochs = 1, "2 epochs done (here 1 in all)"),
            (static o => (o.BatchSize, o.Seed) = (25, 4), "batch size 20 (here 25), seed 3 (here 4)"),
        })
        {
            TrainerOptions options = Options();
            change(options);
            Exception refused = Assert.Throws<ArgumentException>(() => CreateFull(DType.Float32, options).Resume(path));
            Assert.Contains(difference, refused.Message, StringComparison.Ordinal);
        }

        TrainerOptions more = Options();
        more.Epochs = 3;
        Trainer resumed = CreateFull(DType.Float32, more);
        resumed.Resume(path);
        Exception others = Assert.Throws<ArgumentException>(() => resumed.Fit(Samples(120, 1), Samples(40, 2)));
        Assert.Contains(
            "expected the 100 training samples of the resumed run, got 120", others.Message, StringComparison.Ordinal);
        Assert.Equal(15, resumed.Fit(Samples(100, 1), Samples(40, 2)).Losses.Count);
    }

    [Fact]
    public void A_steady_step_allocates_little_and_no_slab_grows()
    {
        const int steps = 60;
        // The last hidden layers of the notebook's six-layer net, with a norm each.
        var model = new Sequential();
        int width = Features;
        for (int i = 0; i < 5; i++)
        {
            model.Add(new Linear(width, 100));
            model.Add(new BatchNorm1d(100));
            model.Add(new ReLU());
            width = 100;
        }

        model.Add(new Linear(width, 4));
        var trainer = new Trainer(model,
            new Adam(model.Parameters()), new CrossEntropyLoss(), Cs231n.Training(new NumPyRandomState(1), 1, 50));
        trainer.Options.ReportEvery = 1;
        trainer.Options.L2 = 1e-3;
        trainer.Options.MaxGradientNorm = 10;
        long[] allocated = new long[steps], capacity = new long[steps];
        trainer.Fit(Samples(50 * steps, 1), Samples(40, 2), new Report(p =>
        {
            allocated[p.Iteration - 1] = GC.GetAllocatedBytesForCurrentThread();
            capacity[p.Iteration - 1] = trainer.TapeCapacityInBytes;
        }));
        var perStep = new List<long>();
        for (int i = 10; i < steps - 1; i++)
        {
            perStep.Add(allocated[i] - allocated[i - 1]);
            Assert.Equal(capacity[5], capacity[i]);
        }

        // The median: a garbage collection in a step counts what is left of the thread's
        // allocation buffer as allocated.
        perStep.Sort();
        Assert.InRange(perStep[perStep.Count / 2], 0, 8192);
    }

    [Fact]
    public void The_bits_are_the_same_for_any_number_of_threads()
    {
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        var hashes = new HashSet<string>();
        foreach (int count in new[] { 1, 2, 3, 8 })
        {
            Compute.Threads = count;
            Trainer trainer = CreateFull(
                DType.Float32, new TrainerOptions { Epochs = 2, BatchSize = 64, L2 = 1e-3, MaxGradientNorm = 0.5 });
            trainer.Fit(Samples(300, 1), Samples(40, 2));
            hashes.Add(WeightsHash.Of(trainer.Model));
        }

        Assert.Single(hashes);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        foreach (Action<TrainerOptions> change in new Action<TrainerOptions>[] {
            o => o.Epochs = 0, o => o.BatchSize = 0, o => o.TrainSamples = 0, o => o.L2 = -1,
            o => o.LearningRateDecay = double.NaN, o => o.MaxGradientNorm = -1, o => o.ReportEvery = 0, })
        {
            Assert.Throws<ArgumentException>(() => Create(new TrainerOptions(), change));
        }

        Assert.Throws<ArgumentException>(static () => new TensorDataset(Tensor.Ones([3, 2]), Tensor.Labels(1, 2)));
        Assert.Throws<ArgumentException>(() => Create(new TrainerOptions())
            .Fit(new TensorDataset(Tensor.Ones([0, Features]), Tensor.Labels()), Samples(4, 1)));
    }

    internal static TensorDataset Samples(int count, ulong seed)
    {
        // Four classes: noise plus a shift of the class in some features, the same in every set.
        var random = new Philox(seed);
        float[] values = new float[count * Features];
        random.FillNormal(values);
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < 5; j++) values[(i * Features) + ((i % 4) * 5) + j] += 1.2f;
        }

        return new TensorDataset(Tensor.From(values, [count, Features]), Labels(count));
    }

    private static Tensor Labels(int count) => Tensor.Labels([.. Enumerable.Range(0, count).Select(static i => i % 4)]);

    private static Sequential Model(DType dtype, double dropout)
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

    private static Trainer Create(
        TrainerOptions options, Action<TrainerOptions>? change = null, double learningRate = 0.01)
    {
        change?.Invoke(options);
        Sequential model = Model(DType.Float32, 0);
        return new Trainer(model, new Adam(model.Parameters(), learningRate), new CrossEntropyLoss(), options);
    }

    private static Trainer CreateFull(DType dtype, TrainerOptions options)
    {
        Sequential model = Model(dtype, dropout: 0.2);
        var optimizer = new Adam(model.Parameters(), 0.02, weightDecay: 1e-3);
        options.Scheduler = new StepLR(optimizer, 2, 0.7);
        return new Trainer(model, optimizer, new CrossEntropyLoss(), options);
    }

    private static Trainer CreateScheduled(Func<Optimizer, LearningRateScheduler>? create,
        ScheduleBy by = ScheduleBy.Epoch, int epochs = 2)
    {
        Sequential model = Model(DType.Float32, 0);
        var optimizer = new Adam(model.Parameters(), 0.01);
        var options = new TrainerOptions { Epochs = epochs, BatchSize = 20, Seed = 3, ScheduleBy = by };
        options.Scheduler = create?.Invoke(optimizer);
        return new Trainer(model, optimizer, new CrossEntropyLoss(), options);
    }

    private sealed class Report(Action<TrainProgress> action) : IProgress<TrainProgress>
    {
        void IProgress<TrainProgress>.Report(TrainProgress value) => action(value);
    }

    /// <summary>A layer without parameters whose output is NaN from its n-th training pass on.</summary>
    private sealed class Breaks(int fromCall, int toCall = int.MaxValue) : Module
    {
        private int _calls;

        protected override Tensor ForwardCore(Tensor x)
        {
            if (x.Tape is not { Mode: Mode.Train } || ++_calls < fromCall || _calls > toCall) return x * 1;
            return x * double.NaN;
        }
    }

    /// <summary>x + 0·x·huge·huge: x, but on the way back the two come first and overflow.</summary>
    private sealed class SteepBehind : Module
    {
        protected override Tensor ForwardCore(Tensor x)
        {
            double huge = x.DType == DType.Float32 ? 1e30 : 1e200;
            return x + (x * 0 * huge * huge);
        }
    }

    /// <summary>Passes its input on, and shows a norm beside the way something that is not finite.</summary>
    private sealed class SideNorm : Module
    {
        private readonly BatchNorm1d _norm;

        public SideNorm() => _norm = Register("norm", new BatchNorm1d(Features));

        protected override Tensor ForwardCore(Tensor x)
        {
            if (x.Tape is { Mode: Mode.Train }) _norm.Forward(x * double.NaN);
            return x;
        }
    }

    private sealed class EpochSet(IDataset inner) : IEpochDataset
    {
        public List<int> Epochs { get; } = [];

        public int Epoch { get; set; }

        public int Count => inner.Count;

        public Shape SampleShape => inner.SampleShape;

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            if (indices.Length == 20) Epochs.Add(Epoch);
            inner.CopyTo(indices, batch);
        }

        public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels) => inner.CopyLabelsTo(indices, labels);
    }

    private sealed class CountingSet(TensorDataset inner) : IDataset
    {
        public List<int[]> Batches { get; } = [];

        public int Count => inner.Count;

        public Shape SampleShape => inner.SampleShape;

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            if (indices.Length > 1) Batches.Add(indices.ToArray());
            inner.CopyTo(indices, batch);
        }

        public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels) => inner.CopyLabelsTo(indices, labels);
    }

    /// <summary>Draws 0, 1, 2, ... and notes how many of how many were asked for.</summary>
    private sealed class RecordingStream : IRandomStream
    {
        public List<string> Calls { get; } = [];

        public RandomStreamState State { get => new("fake", []); set => _ = value; }

        public void Choice(int count, Span<int> destination)
        {
            Calls.Add($"{count}:{destination.Length}");
            for (int i = 0; i < destination.Length; i++) destination[i] = i % count;
        }

        public uint NextUInt32() => throw new NotSupportedException();

        public ulong NextUInt64() => throw new NotSupportedException();

        public double NextDouble() => throw new NotSupportedException();

        public double NextNormal() => throw new NotSupportedException();

        public int NextInt(int exclusiveMax) => throw new NotSupportedException();

        public void Fill(Span<float> destination) => throw new NotSupportedException();

        public void Fill(Span<double> destination) => throw new NotSupportedException();

        public void FillNormal(Span<float> destination) => throw new NotSupportedException();

        public void FillNormal(Span<double> destination) => throw new NotSupportedException();

        public int[] Permutation(int count) => throw new NotSupportedException();

        public void Shuffle(Span<int> values) => throw new NotSupportedException();
    }

    /// <summary>A set whose labels cannot be read from some moment on.</summary>
    private sealed class FailingSet(IDataset set, Func<bool> fails) : IDataset
    {
        public int Count => set.Count;

        public Shape SampleShape => set.SampleShape;

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch) => set.CopyTo(indices, batch);

        public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels)
        {
            if (fails()) throw new IOException("The file is gone.");
            set.CopyLabelsTo(indices, labels);
        }
    }
}

internal static class TensorSetExtensions
{
    /// <summary>All inputs of a set as one tensor.</summary>
    public static Tensor Inputs(this TensorDataset set)
    {
        Tensor inputs = Tensor.Zeros(Trainer.BatchShape(set, set.Count));
        set.CopyTo(Enumerable.Range(0, set.Count).ToArray(), inputs);
        return inputs;
    }
}
