using Evenkeel.Data;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>A token ends Fit and Evaluate at any place, and nothing is lost.</summary>
public sealed class CancellationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-cancel").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_cancelled_run_saves_its_last_state_and_resumes_within_the_epoch()
    {
        TensorDataset training = Samples(200, 1), validation = Samples(60, 2);
        string folder = Path.Combine(_folder, "new", "run");
        TrainerOptions Options(bool saves) => new()
        {
            Epochs = 4,
            BatchSize = 20,
            Seed = 3,
            ReportEvery = 1,
            Checkpoints = saves ? new Checkpoints(folder) { Keep = 9 } : null,
        };
        Trainer whole = CreateFull(Options(saves: false));
        whole.Fit(training, validation);

        using var cancel = new CancellationTokenSource();
        Trainer cancelled = CreateFull(Options(saves: true));
        string message = Assert.Throws<OperationCanceledException>(() => cancelled.Fit(
            training, validation, new Report(p => { if (p.Iteration == 23) cancel.Cancel(); }), cancel.Token)).Message;
        Assert.Equal(23, cancelled.Iteration);
        string path = Path.Combine(folder, "step-00000023.safetensors");
        Assert.Equal($"Trainer: cancelled after 23 iterations; the model has its last weights. Resume(\"{path}\") "
            + "continues the run.", message);
        string last = WeightsHash.Of(cancelled.Model);
        cancelled.Restore(ModelWeights.Best);
        Assert.NotEqual(last, WeightsHash.Of(cancelled.Model));

        Trainer resumed = CreateFull(Options(saves: false));
        resumed.Resume(folder);
        Assert.Equal(last, WeightsHash.Of(resumed.Model));
        resumed.Fit(training, validation);
        AssertSame(whole, resumed);

        // The trainer itself goes on as well, from the last model rather than from the best one.
        cancelled.Fit(training, validation);
        AssertSame(whole, cancelled);
        Assert.Equal(
            ["best", "lock", "step-00000010", "step-00000020", "step-00000023", "step-00000030", "step-00000040"],
            Directory.GetFiles(folder).Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));
    }

    /// <summary>Epochs are judged on 40 drawn training samples and 60 validation samples, 20 at a time.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(12)]
    public void An_evaluation_that_is_cancelled_is_done_when_the_run_goes_on(int cancelledAt)
    {
        TensorDataset training = Samples(200, 1), validation = Samples(60, 2);
        TrainerOptions Options(bool saves) => new()
        {
            Epochs = 4,
            BatchSize = 20,
            TrainingSamples = 40,
            EvaluationBatchSize = 20,
            Seed = 3,
            Checkpoints = saves ? new Checkpoints(_folder) : null,
        };
        Trainer whole = CreateFull(Options(saves: false));
        whole.Fit(training, validation);

        using var cancel = new CancellationTokenSource();
        Trainer cancelled = CreateFull(Options(saves: true));
        var watched = new WatchedSet(validation)
        {
            Reading = reads =>
            {
                if (reads == cancelledAt) cancel.Cancel();
            },
        };
        Assert.Throws<OperationCanceledException>(
            () => cancelled.Fit(training, watched, cancellationToken: cancel.Token));
        Assert.Equal(cancelledAt, watched.Batches.Count);
        Assert.Equal((cancelledAt - 1) / 3, cancelled.History.Epochs.Count);
        Assert.Equal(((cancelledAt - 1) / 3) + 1, cancelled.Epoch);

        Trainer resumed = CreateFull(Options(saves: false));
        resumed.Resume(_folder);
        foreach (Trainer goesOn in new[] { resumed, cancelled })
        {
            goesOn.Fit(training, validation);
            AssertSame(whole, goesOn);
        }
    }

    [Fact]
    public void An_evaluation_that_was_cancelled_sees_the_set_of_its_epoch_when_it_is_done()
    {
        Trainer Create(bool saves) => TrainingCase.Create(new TrainerOptions
        {
            Epochs = 3,
            BatchSize = 20,
            Seed = 3,
            Checkpoints = saves ? new Checkpoints(_folder) : null,
        });
        Trainer whole = Create(saves: false);
        whole.Fit(new Growing(Samples(60, 1)), Samples(60, 2));

        using var cancel = new CancellationTokenSource();
        // One read per epoch: cancelled at the end of the second one.
        var validation = new WatchedSet(Samples(60, 2))
        {
            Reading = reads =>
            {
                if (reads == 2) cancel.Cancel();
            },
        };
        Trainer cancelled = Create(saves: true);
        Assert.Throws<OperationCanceledException>(
            () => cancelled.Fit(new Growing(Samples(60, 1)), validation, cancellationToken: cancel.Token));
        Assert.Equal((2, 1), (cancelled.Epoch, cancelled.History.Epochs.Count));
        Trainer resumed = Create(saves: false);
        resumed.Resume(_folder);
        resumed.Fit(new Growing(Samples(60, 1)), Samples(60, 2));
        AssertSame(whole, resumed);
    }

    [Fact]
    public void A_run_that_is_cancelled_before_its_first_step_begins_again_in_its_folder()
    {
        TensorDataset training = Samples(60, 1);
        TrainerOptions Options(bool saves) => new()
        {
            Epochs = 2,
            BatchSize = 20,
            Checkpoints = saves ? new Checkpoints(_folder) : null,
        };
        Trainer whole = CreateFull(Options(saves: false));
        whole.Fit(training);
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        Trainer cancelled = CreateFull(Options(saves: true));
        Assert.Throws<OperationCanceledException>(() => cancelled.Fit(training, cancellationToken: cancel.Token));
        Assert.Null(Checkpoints.Latest(_folder));

        // Nothing was lost, so both the same trainer and a new one begin.
        cancelled.Fit(training);
        AssertSame(whole, cancelled);
        foreach (string path in Checkpoints.All(_folder)) File.Delete(path);
        Trainer another = CreateFull(Options(saves: true));
        another.Fit(training);
        AssertSame(whole, another);
    }

    [Fact]
    public void Fit_is_cancelled_at_once_while_its_loader_waits()
    {
        using var cancel = new CancellationTokenSource();
        using var release = new ManualResetEventSlim();
        var data = new WatchedSet(Samples(200, 1))
        {
            // The third batch does not come.
            Reading = reads =>
            {
                if (reads == 3) release.Wait();
            },
        };
        Trainer trainer = CreateFull(
            new TrainerOptions { Epochs = 1, BatchSize = 20, TrainingSamples = 0, ReportEvery = 1 });
        using var letGo = new Timer(_ => release.Set());
        var progress = new Report(p =>
        {
            if (p.Iteration != 2) return;
            cancel.CancelAfter(50);
            // The thread of the loader is joined: it is let go after the token.
            letGo.Change(400, Timeout.Infinite);
        });
        OperationCanceledException cancelled = Assert.Throws<OperationCanceledException>(
            () => trainer.Fit(data, progress: progress, cancellationToken: cancel.Token));
        Assert.StartsWith("Trainer: cancelled after 2 iterations", cancelled.Message, StringComparison.Ordinal);
        Assert.Equal((2L, cancel.Token), (trainer.Iteration, cancelled.CancellationToken));
    }

    [Fact]
    public void Evaluate_is_cancelled_between_two_batches()
    {
        using var cancel = new CancellationTokenSource();
        Trainer trainer = CreateFull(new TrainerOptions { EvaluationBatchSize = 20 });
        var watched = new WatchedSet(Samples(60, 2))
        {
            Reading = reads =>
            {
                if (reads == 2) cancel.Cancel();
            },
        };
        Assert.Throws<OperationCanceledException>(() => trainer.Evaluate(watched, cancel.Token));
        Assert.Equal(2, watched.Batches.Count);
    }

    /// <summary>A set whose samples grow with the epoch, as augmentation changes them.</summary>
    private sealed class Growing(TensorDataset inner) : IEpochDataset
    {
        public int Epoch { get; set; }

        public int Count => inner.Count;

        public Shape SampleShape => inner.SampleShape;

        public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
        {
            inner.CopyTo(indices, batch);
            foreach (ref float value in batch.AsSpan<float>()) value *= 1 + Epoch;
        }

        public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets) => inner.CopyTargetsTo(indices, targets);
    }
}
