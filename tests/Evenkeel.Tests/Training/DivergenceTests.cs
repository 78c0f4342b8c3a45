using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>Losses and gradients that are not finite, and steps that fail: they leave no trace.</summary>
public sealed class DivergenceTests
{
    [Fact]
    public void Divergence_names_the_first_layer_that_produced_it()
    {
        var model = new Sequential(
            new Linear(Features, 8), new BatchNorm1d(8), new Breaks(fromCall: 3), new ReLU(), new Linear(8, 4));
        var trainer = new Trainer(model, new SGD(model.Parameters()),
            new CrossEntropyLoss(), new TrainerOptions { BatchSize = 50 });
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

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_data_set_that_fails_takes_nothing_back_of_the_step_before(int workers)
    {
        var norm = new BatchNorm1d(8);
        var model = new Sequential(
            new Linear(Features, 8, random: new Philox(1)), norm, new Linear(8, 4, random: new Philox(2)));
        bool isBroken = true;
        var data = new WatchedSet(Samples(500, 1))
        {
            Reading = reads =>
            {
                if (isBroken && reads == 4) throw new IOException("The file is gone.");
            },
        };
        var trainer = new Trainer(model, new SGD(model.Parameters()), new CrossEntropyLoss(), new TrainerOptions
        {
            Epochs = 1,
            BatchSize = 50,
            LoaderWorkers = workers,
            TrainingSamples = 0,
            RestoreBestModel = false,
        });
        Assert.Throws<IOException>(() => trainer.Fit(data));
        Assert.Equal(3, norm.Running!.NumBatchesTracked.Value.Item());
        Assert.Equal(3, trainer.Iteration);
        // With the file back, each batch is trained on once.
        isBroken = false;
        data.Batches.Clear();
        trainer.Fit(data);
        Assert.Equal(10, norm.Running.NumBatchesTracked.Value.Item());
        Assert.Equal(7, data.Batches.Count);
    }

    [Fact]
    public void Divergence_names_inputs_and_spoilt_weights()
    {
        float[] values = Samples(100, 1).Inputs.ToArray<float>();
        values[7] = float.PositiveInfinity;
        var spoilt = new TensorDataset(Tensor.From(values, [100, Features]), Labels(100));
        Trainer trainer = Create(new TrainerOptions { BatchSize = 100 });
        Assert.Equal("the inputs", Assert.Throws<DivergedException>(() => trainer.Fit(spoilt, Samples(40, 2))).Layer);

        Module model = Model();
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
}
