using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-trainer").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_regression_is_judged_by_what_its_loss_says()
    {
        TensorDataset classes = Samples(200, 1);
        var numbers = new TensorDataset(classes.Inputs, classes.Targets.To(DType.Float32).Reshape(200, 1));
        var model = new Sequential(
            new Linear(Features, 8, random: new Philox(1)), new ReLU(), new Linear(8, 1, random: new Philox(2)));
        var trainer = new Trainer(model, new Adam(model.Parameters(), 0.01), new MSELoss(),
            new TrainerOptions { Epochs = 20, BatchSize = 20 });
        History history = trainer.Fit(numbers, numbers);
        Assert.Equal("rmse", history.Monitor);
        Assert.False(trainer.HigherIsBetter);
        Assert.Equal(history.Epochs.Min(static record => record.Validation!["rmse"]), history.BestScore);
        Assert.Equal(["loss", "rmse", "mae", "r2"], history.Last!.Validation!.Keys);
        Assert.InRange(history.BestScore, 0, 0.9);
        Assert.Equal(history.BestScore, trainer.Evaluate(numbers)["rmse"]);
        // The mean over all samples is that of the metric over them: batches of different sizes count by their samples.
        Scores scores = trainer.Evaluate(numbers);
        Assert.Equal(scores["rmse"] * scores["rmse"], scores.Loss, Tolerances.Float32Roundoff);
    }

    [Fact]
    public void Shuffled_epochs_visit_every_sample_once()
    {
        var data = new WatchedSet(Samples(60, 1));
        Trainer trainer = Create(new TrainerOptions { Epochs = 2, BatchSize = 20, TrainingSamples = 0 });
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
        var data = new WatchedSet(Samples(samples, 1));
        Trainer trainer = Create(
            new TrainerOptions { Epochs = 2, BatchSize = 20, TrainingSamples = 0, LastBatch = policy });
        Assert.Equal(plan, trainer.Plan(data).ToString());
        History history = trainer.Fit(data, Samples(10, 2));
        int batches = trainer.Plan(data).Batches;
        Assert.Equal(2 * batches, history.Losses.Count);
        Assert.Equal(batches, trainer.StepsPerEpoch);
        Assert.Equal(sizes, $"{data.Batches[0].Length} {data.Batches[batches - 1].Length}");
        Assert.Equal(trainer.Plan(data).Used, data.Batches.Take(batches).SelectMany(static b => b).Distinct().Count());
    }

    [Fact]
    public void A_history_that_was_kept_is_not_changed_by_a_later_run()
    {
        var options = new TrainerOptions { Epochs = 1, BatchSize = 20 };
        Trainer trainer = Create(options);
        History first = trainer.Fit(Samples(100, 1), Samples(40, 2));
        (double seconds, int epochs) = (first.TrainingSeconds, first.Epochs.Count);
        options.Epochs = 3;
        History second = trainer.Fit(Samples(100, 1), Samples(40, 2));
        Assert.Equal((5, 15), (first.Losses.Count, second.Losses.Count));
        Assert.Equal((seconds, epochs), (first.TrainingSeconds, first.Epochs.Count));
        Assert.Equal(first.Losses, second.Losses.Take(5));
        Assert.Equal(second.Losses, trainer.History.Losses);
    }

    [Fact]
    public void Trainer_and_loader_agree_about_the_last_batch() => Assert.Equal(
        new DataLoader(Samples(61, 1), 20).Plan, Create(new TrainerOptions { BatchSize = 20 }).Plan(Samples(61, 1)));

    [Fact]
    public void A_set_and_a_loader_of_it_are_the_same_training()
    {
        TensorDataset training = Samples(130, 1), validation = Samples(40, 2);
        TrainerOptions Options() => new() { Epochs = 2, BatchSize = 20, Seed = 5, EvaluationBatchSize = 16 };
        Trainer ofSets = CreateFull(Options()), ofLoaders = CreateFull(Options());
        ofSets.Fit(training, validation);
        using var batches = new DataLoader(training, 20, shuffle: true, workers: 3, seed: 5);
        using var checks = new DataLoader(validation, 16, lastBatch: LastBatch.Keep, workers: 0);
        ofLoaders.Fit(batches, checks);
        AssertSame(ofSets, ofLoaders);
    }

    [Fact]
    public void A_training_of_some_epochs_goes_on_to_be_one_of_more()
    {
        TensorDataset training = Samples(130, 1), validation = Samples(40, 2);
        TrainerOptions Options(int epochs) => new() { Epochs = epochs, BatchSize = 20, Seed = 5 };
        Trainer whole = CreateFull(Options(4)), inParts = CreateFull(Options(1));
        whole.Fit(training, validation);
        foreach (int epochs in new[] { 1, 3, 4 })
        {
            inParts.Options.Epochs = epochs;
            inParts.Fit(training, validation);
        }

        AssertSame(whole, inParts);
    }

    [Fact]
    public void A_set_that_changes_is_told_the_epoch()
    {
        var data = new WatchedSet(Samples(40, 1));
        Create(new TrainerOptions { Epochs = 3, BatchSize = 20 }).Fit(data, Samples(10, 2));
        Assert.Equal([0, 1, 2], data.Epochs);
    }

    [Fact]
    public void Evaluation_does_not_tell_a_set_another_epoch()
    {
        var data = new WatchedSet(Samples(40, 1));
        Trainer trainer = Create(new TrainerOptions { Epochs = 2, BatchSize = 20 });
        trainer.Fit(data, data);
        Assert.Equal([0, 1], data.Epochs);
        trainer.Evaluate(data);
        Assert.Equal([0, 1], data.Epochs);
    }

    [Fact]
    public void A_training_is_the_plain_loop()
    {
        TensorDataset training = Samples(200, 1), validation = Samples(40, 2);
        Trainer trainer = Create(new TrainerOptions { Epochs = 3, RestoreBestModel = false });
        using var batches = new DataLoader(training, 40)
        {
            Sampler = Sampler.WithReplacement(new NumPyRandomState(4)),
        };
        using var checks = new DataLoader(validation, 40);
        trainer.Fit(batches, checks);

        Sequential model = Model();
        var optimizer = new Adam(model.Parameters(), 0.01);
        var random = new NumPyRandomState(4);
        var tape = new Tape();
        Tensor inputs = Tensor.Zeros([40, Features]), labels = Tensor.Zeros([40], DType.Int64);
        for (int step = 0; step < 15; step++)
        {
            int[] chosen = random.Choice(200, 40);
            training.CopyTo(chosen, inputs);
            training.CopyTargetsTo(chosen, labels);
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
    public void It_learns()
    {
        Trainer trainer = Create(new TrainerOptions { Epochs = 15, BatchSize = 25 });
        History history = trainer.Fit(Samples(500, 1), Samples(200, 2));
        Assert.True(history.BestScore > 0.8, $"best {history.BestScore}");
        Assert.True(history.Losses[^1] < history.Losses[0]);
        Assert.True(history.ExamplesPerSecond > 0);
    }

    [Fact]
    public void The_record_of_an_epoch_holds_what_was_measured()
    {
        TensorDataset training = Samples(100, 1), validation = Samples(40, 2);
        Trainer trainer = Create(new TrainerOptions { Epochs = 2, BatchSize = 30, RestoreBestModel = false });
        History history = trainer.Fit(training, validation);
        EpochRecord last = history.Last!;
        Assert.Equal((2, 8L, 0.01), (last.Epoch, last.Iteration, last.LearningRate));
        Assert.Equal(history.Losses.Skip(4).Sum() / 4, last.TrainingLoss);
        Assert.Equal(trainer.Evaluate(training), last.Training!);
        Assert.Equal(trainer.Evaluate(validation), last.Validation!);
        Assert.Equal(
            FormattableString.Invariant($"epoch 2: loss {last.TrainingLoss:0.0000}; training {last.Training}; ")
            + $"validation {last.Validation}", last.ToString());
        Assert.Contains(
            "expected one of loss, accuracy, got \"f1\"",
            Assert.Throws<KeyNotFoundException>(() => last.Validation!["f1"]).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "accuracy", true)]
    [InlineData("loss", "loss", false)]
    [InlineData("distance", "distance", false)]
    public void The_monitored_score_has_a_direction(string? monitor, string expected, bool higherIsBetter)
    {
        Sequential model = Model();
        var optimizer = new Adam(model.Parameters(), 0.05);
        var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = 8,
            BatchSize = 10,
            Monitor = monitor,
            Metrics = [new Accuracy(), Metric.Of("distance", Distance, higherIsBetter: false)],
            Scheduler = new ExponentialLR(optimizer, 1.5),
        });
        History history = trainer.Fit(Samples(100, 1), Samples(100, 2));
        Assert.Equal((expected, higherIsBetter), (history.Monitor, trainer.HigherIsBetter));
        double[] scores = [.. history.Epochs.Select(record => record.Validation![expected])];
        double best = higherIsBetter ? scores.Max() : scores.Min();
        Assert.Equal((best, Array.IndexOf(scores, best) + 1), (history.BestScore, history.Best!.Epoch));
        Assert.Equal(best, trainer.Evaluate(Samples(100, 2))[expected]);

        static double Distance(Tensor scores, Tensor labels) => scores.ToArray<float>().Average(MathF.Abs);
    }

    [Fact]
    public void Without_a_validation_set_training_samples_decide_and_without_these_the_mean_loss()
    {
        TensorDataset training = Samples(100, 1);
        Trainer onSamples = Create(new TrainerOptions { Epochs = 3, BatchSize = 20 });
        History history = onSamples.Fit(training);
        Assert.Equal(history.Accuracies(ofTraining: true).Max(), history.BestScore);
        Assert.Equal(history.BestScore, onSamples.Evaluate(training)["accuracy"]);

        Trainer onLoss = Create(new TrainerOptions
        {
            Epochs = 3,
            BatchSize = 20,
            TrainingSamples = 0,
            Monitor = "loss",
        });
        history = onLoss.Fit(training);
        Assert.All(history.Epochs, static record => Assert.Null(record.Training ?? record.Validation));
        Assert.Equal(history.Epochs.Min(static record => record.TrainingLoss), history.BestScore);
    }

    [Fact]
    public void The_training_samples_are_drawn_once_and_the_same_for_a_seed()
    {
        TensorDataset training = Samples(100, 1);
        int[][] Measured(ulong seed)
        {
            var data = new WatchedSet(training);
            Create(new TrainerOptions
            {
                Epochs = 2,
                BatchSize = 100,
                TrainingSamples = 30,
                EvaluationBatchSize = 30,
                Seed = seed,
            }).Fit(data);
            return [.. data.Batches.Where(static batch => batch.Length == 30)];
        }

        int[][] first = Measured(1);
        Assert.Equal(2, first.Length);
        Assert.Equal(30, first[0].Distinct().Count());
        Assert.Equal(first[0], first[1]);
        Assert.Equal(first[0], Measured(1)[0]);
        Assert.NotEqual(first[0], Measured(2)[0]);
    }

    [Fact]
    public void The_best_model_includes_the_running_statistics()
    {
        Trainer trainer = CreateRising(epochs: 12);
        TensorDataset validation = Samples(200, 2);
        var lastHash = "";
        History history = trainer.Fit(Samples(200, 1), validation,
            new Report(p => lastHash = p.Iteration == p.TotalIterations ? WeightsHash.Of(trainer.Model) : ""));
        Assert.InRange(history.Best!.Epoch, 1, 11);
        Assert.Equal(history.BestScore, history.Accuracies().Max());
        Assert.True(history.Accuracies()[^1] < history.BestScore);
        Assert.Equal(history.Best.Validation!, trainer.Evaluate(validation));
        Assert.NotEqual(lastHash, WeightsHash.Of(trainer.Model));
        Assert.Equal(history.Best.Iteration, trainer.Model.StateDict()["1.num_batches_tracked"].Item());
    }

    [Fact]
    public void Weights_says_which_ones_the_model_has_and_Restore_changes_it()
    {
        Trainer trainer = CreateRising(epochs: 6);
        TensorDataset training = Samples(200, 1), validation = Samples(200, 2);
        Assert.Equal(ModelWeights.Last, trainer.Weights);
        Assert.Contains("no epoch has ended. Call Fit first",
            Assert.Throws<InvalidOperationException>(() => trainer.Restore(ModelWeights.Best)).Message,
            StringComparison.Ordinal);
        trainer.Restore(ModelWeights.Last);

        string last = "", inside = "";
        trainer.Options.Callbacks =
        [
            new Calls
            {
                StepEnd = t => Assert.Equal(ModelWeights.Last, t.Weights),
                EpochEnd = (t, _) => inside = Assert.Throws<InvalidOperationException>(
                    () => t.Restore(ModelWeights.Best)).Message,
                FitEnd = (t, _) => last = WeightsHash.Of(t.Model),
            },
        ];
        History history = trainer.Fit(training, validation);
        Assert.Contains("The model has its last weights until Fit returns", inside, StringComparison.Ordinal);
        Assert.Equal(ModelWeights.Best, trainer.Weights);
        string best = WeightsHash.Of(trainer.Model);
        Assert.NotEqual(last, best);
        Assert.Equal(history.BestScore, trainer.Evaluate(validation)["accuracy"]);
        trainer.Restore(ModelWeights.Last);
        Assert.Equal((ModelWeights.Last, last), (trainer.Weights, WeightsHash.Of(trainer.Model)));
        trainer.Restore(ModelWeights.Last);
        Assert.Equal(last, WeightsHash.Of(trainer.Model));
        trainer.Restore(ModelWeights.Best);
        Assert.Equal((ModelWeights.Best, best), (trainer.Weights, WeightsHash.Of(trainer.Model)));

        // From either, a further epoch starts from the last ones.
        trainer.Options.Epochs = 7;
        trainer.Fit(training, validation);
        Trainer whole = CreateRising(epochs: 7);
        whole.Fit(training, validation);
        AssertSame(whole, trainer);
    }

    [Fact]
    public void Who_does_not_want_the_best_model_keeps_the_last_one()
    {
        Trainer trainer = CreateRising(epochs: 6);
        trainer.Options.RestoreBestModel = false;
        string last = "";
        trainer.Options.Callbacks = [new Calls { FitEnd = (t, _) => last = WeightsHash.Of(t.Model) }];
        trainer.Fit(Samples(200, 1), Samples(200, 2));
        Assert.Equal((ModelWeights.Last, last), (trainer.Weights, WeightsHash.Of(trainer.Model)));
        trainer.Restore(ModelWeights.Best);
        Assert.Equal(trainer.History.BestScore, trainer.Evaluate(Samples(200, 2))["accuracy"]);
    }

    [Fact]
    public void Weights_loaded_after_a_training_are_kept_by_the_next()
    {
        Trainer trainer = CreateRising(epochs: 6);
        trainer.Fit(Samples(100, 1), Samples(100, 2));
        StateDict own = Model().StateDict();
        trainer.Model.LoadStateDict(own);
        string loaded = WeightsHash.Of(trainer.Model);
        // Nothing is left to train, so nothing changes; with an epoch more, training starts from these weights.
        trainer.Fit(Samples(100, 1), Samples(100, 2));
        Assert.Equal(loaded, WeightsHash.Of(trainer.Model));
        trainer.SaveCheckpoint(Path.Combine(_folder, "own.safetensors"));
        Trainer resumed = CreateRising(epochs: 6);
        resumed.Resume(Path.Combine(_folder, "own.safetensors"));
        Assert.Equal(loaded, WeightsHash.Of(resumed.Model));
    }

    [Fact]
    public void The_penalty_is_that_of_the_notebook()
    {
        // 0.5·reg·ΣW² over matrices has the gradient reg·W: SGD's weight decay on parameters of rank 2.
        string Train(double l2, double decay, out History history)
        {
            Module model = Model();
            var optimizer = new SGD(model.Parameters(), 0.05, weightDecay: decay, decayNormAndBias: false);
            var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(),
                new TrainerOptions { Epochs = 2, BatchSize = 25, L2 = l2, RestoreBestModel = false });
            history = trainer.Fit(Samples(100, 1), Samples(40, 2));
            return WeightsHash.Of(model);
        }

        Module start = Model();
        double squares = start.Parameters().Where(static p => p.Shape.Rank == 2).Sum(
            static p => p.Value.ToArray<float>().Sum(static w => (double)w * w));
        Assert.Equal(Train(0, 0.3, out History plain), Train(0.3, 0, out History penalized));
        Assert.Equal(plain.Losses[0] + (0.5 * 0.3 * squares), penalized.Losses[0], Tolerances.Float64Roundoff);
    }

    [Fact]
    public void Schedules_step_at_the_end_of_an_epoch_or_after_each_iteration()
    {
        Module model = Model();
        var optimizer = new SGD(model.Parameters(), 1e-3);
        var options = new TrainerOptions { Epochs = 3, Scheduler = new ExponentialLR(optimizer, 0.5) };
        History history = new Trainer(model, optimizer, new CrossEntropyLoss(), options)
            .Fit(Samples(200, 1), Samples(40, 2));
        Assert.Equal(1e-3 / 8, optimizer.LearningRate);
        Assert.Equal([1e-3, 1e-3 / 2, 1e-3 / 4], history.Epochs.Select(static record => record.LearningRate));

        var other = new SGD(model.Parameters(), 1e-3);
        var scheduler = new ExponentialLR(other, 0.5);
        new Trainer(model, other, new CrossEntropyLoss(),
            new TrainerOptions { Epochs = 2, Scheduler = scheduler, ScheduleBy = ScheduleBy.Iteration })
            .Fit(Samples(200, 1), Samples(40, 2));
        Assert.Equal(4, scheduler.Count);
        Assert.Equal(1e-3 / 16, other.LearningRate);
    }

    [Fact]
    public void A_schedule_of_another_optimizer_is_refused()
    {
        Sequential model = Model();
        var options = new TrainerOptions { Scheduler = new StepLR(new SGD(model.Parameters()), 2) };
        var optimizer = new SGD(model.Parameters());
        Exception refused = Assert.Throws<ArgumentException>(
            () => new Trainer(model, optimizer, new CrossEntropyLoss(), options));
        Assert.Contains("a schedule of the trainer's optimizer", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void Micro_batches_are_the_whole_batch_up_to_rounding(int parts)
    {
        Trainer Train(int microBatches)
        {
            Sequential model = Model(DType.Float64);
            var trainer = new Trainer(
                model, new SGD(model.Parameters(), 0.05, momentum: 0.9), new CrossEntropyLoss(), new TrainerOptions
                {
                    Epochs = 2,
                    BatchSize = 20,
                    MicroBatches = microBatches,
                    L2 = 0.01,
                    MaxGradientNorm = 0.5,
                    RestoreBestModel = false,
                });
            trainer.Fit(Samples(90, 1), Samples(40, 2));
            return trainer;
        }

        Trainer whole = Train(1), inParts = Train(parts);
        foreach ((double expected, double actual) in whole.History.Losses.Zip(inParts.History.Losses))
            Assert.Equal(expected, actual, Tolerances.Float64Roundoff);
        StateDict weights = inParts.Model.StateDict();
        foreach ((string key, Tensor tensor) in whole.Model.StateDict())
        {
            if (tensor.DType != DType.Float64) continue;
            foreach ((double expected, double actual) in tensor.ToArray<double>().Zip(weights[key].ToArray<double>()))
                Assert.Equal(expected, actual, Tolerances.Float64Roundoff);
        }

        // The same cut gives the same bits again.
        AssertSame(inParts, Train(parts));
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
        var trainer = new Trainer(model, new Adam(model.Parameters()), new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = 1,
            ReportEvery = 1,
            L2 = 1e-3,
            MaxGradientNorm = 10,
        });
        long[] allocated = new long[steps], capacity = new long[steps];
        using var batches = new DataLoader(Samples(50 * steps, 1), 50)
        {
            Sampler = Sampler.WithReplacement(new NumPyRandomState(1)),
        };
        trainer.Fit(batches, progress: new Report(p =>
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
            Trainer trainer = CreateFull(new TrainerOptions
            {
                Epochs = 2,
                BatchSize = 64,
                L2 = 1e-3,
                MaxGradientNorm = 0.5,
                LoaderWorkers = count - 1,
            });
            trainer.Fit(Samples(300, 1), Samples(40, 2));
            hashes.Add(WeightsHash.Of(trainer.Model));
        }

        Assert.Single(hashes);
    }

    [Fact]
    public void A_trained_model_predicts_from_many_threads_at_once_with_the_same_bits()
    {
        const int threads = 8, rounds = 20;
        Trainer trainer = CreateFull(new TrainerOptions { Epochs = 2, BatchSize = 20 });
        trainer.Fit(Samples(200, 1), Samples(40, 2));
        Tensor inputs = Samples(100, 3).Inputs;
        // Whole, or a part of its own: batches of many sizes at the same time.
        Tensor Part(int caller, int round)
        {
            int from = (caller * 7) + round, count = round % 2 == 0 ? 100 - from : 1 + ((caller + round) % 5);
            return inputs.Slice(0, from, count);
        }

        float[] Predict(int caller, int round) => trainer.Model.Predict(Part(caller, round)).ToArray<float>();
        float[][][] expected =
        [
            .. Enumerable.Range(0, threads).Select(
                caller => Enumerable.Range(0, rounds).Select(round => Predict(caller, round)).ToArray()),
        ];
        using var start = new Barrier(threads);
        int different = 0;
        Exception? failure = null;
        Thread[] callers = [.. Enumerable.Range(0, threads).Select(caller => new Thread(() =>
        {
            try
            {
                start.SignalAndWait();
                for (int round = 0; round < rounds; round++)
                {
                    if (!Predict(caller, round).SequenceEqual(expected[caller][round]))
                        Interlocked.Increment(ref different);
                }
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        }))];
        foreach (Thread caller in callers) caller.Start();
        foreach (Thread caller in callers) caller.Join();
        Assert.Null(failure);
        Assert.Equal(0, different);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        foreach ((Action<TrainerOptions> change, string message) in new (Action<TrainerOptions>, string)[]
        {
            (o => o.Epochs = 0, "expected Epochs of 1 or more, got 0"),
            (o => o.BatchSize = 0, "expected BatchSize of 1 or more, got 0"),
            (o => o.LoaderWorkers = -1, "expected LoaderWorkers of 0 or more, got -1"),
            (o => o.MicroBatches = 0, "expected MicroBatches of 1 or more, got 0"),
            (o => o.TrainingSamples = -1, "expected TrainingSamples of 0 or more, got -1"),
            (o => o.EvaluationBatchSize = 0, "expected EvaluationBatchSize of 1 or more, got 0"),
            (o => o.L2 = -1, "expected L2 to be 0 or more and finite, got -1"),
            (o => o.MaxGradientNorm = -1, "expected MaxGradientNorm to be 0 or more, got -1"),
            (o => o.ReportEvery = 0, "expected ReportEvery of 1 or more, got 0"),
            (o => o.Monitor = "f1", "expected Monitor to be one of accuracy, loss, got \"f1\""),
            (o => o.Metrics = [new Accuracy(), new Accuracy()], "expected metrics of different names, got accuracy"),
        })
        {
            var options = new TrainerOptions();
            change(options);
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Create(options)).Message,
                StringComparison.Ordinal);
        }

        // What is changed later is looked at when Fit begins.
        Trainer trainer = Create(new TrainerOptions());
        trainer.Options.BatchSize = 0;
        Assert.Throws<ArgumentException>(() => trainer.Fit(Samples(4, 1)));
    }
}
