using Evenkeel.Data;
using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Reference;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Surgery;

public sealed class RecalibrationTests
{
    /// <summary>A few units, 1.5e-8 each, of a mean of 1e8 in Float64.</summary>
    private const double OffsetUnits = 1e-7;

    /// <summary>Relative, of a standard deviation of 1e-2 beside 1e8: the values keep a unit of 1.5e-8.</summary>
    private const double OffsetVariance = 1e-6;

    /// <summary>
    /// Sums over other chunks of the samples in Float64, through four layers that enlarge what is rounded.
    /// </summary>
    private const double OtherChunks = 1e-10;

    private const int Samples = 45;

    [Theory]
    [InlineData(DType.Float64)]
    [InlineData(DType.Float32)]
    public void Layer_by_layer_gives_the_statistics_of_one_giant_batch(DType dtype)
    {
        LeNet model = Model(dtype);
        Module giant = WithMomentumOne(model);
        Tensor x = Images(dtype);
        var tape = new Tape(Mode.Train);
        giant.Forward(tape.Input(x));

        RecalibrationReport report = model.Recalibrate(x, new RecalibrationOptions { BatchSize = 11 });
        IReadOnlyList<(string Name, StateBuffer Buffer)> expected = giant.NamedBuffers(), got = model.NamedBuffers();
        double worst = 0;
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].Name, got[i].Name);
            if (got[i].Name.EndsWith("num_batches_tracked", StringComparison.Ordinal))
            {
                Assert.Equal(4, got[i].Buffer.Value.Item());
                continue;
            }

            double[] wanted = NaiveOps.Doubles(expected[i].Buffer.Value),
                values = NaiveOps.Doubles(got[i].Buffer.Value);
            for (int c = 0; c < wanted.Length; c++)
                worst = Math.Max(worst, Math.Abs(wanted[c] - values[c]) / Math.Max(1, Math.Abs(wanted[c])));
        }

        Assert.True(
            worst <= (dtype == DType.Float64 ? Tolerances.Float64Roundoff : Tolerances.Float32Roundoff),
            $"off by {worst}");
        Assert.Equal(["bn1", "bn2", "bn3", "bn4"], report.Layers.Select(layer => layer.Name));
        Assert.Equal(Samples * 28 * 28, report.Layers[0].Count);
        Assert.All(report.Layers, layer => Assert.Equal(RecalibrationStatus.Recalibrated, layer.Status));
        Assert.True(report.Layers[0].LargestMeanShift > 0.01);
    }

    [Fact]
    public void Eval_afterwards_is_train_on_the_whole_set_where_the_biased_variance_is_kept()
    {
        var model = new Sequential(
            new Linear(5, 4, random: new Philox(1)), new BatchNorm1d(4, Cs231n.Average), new ReLU(),
            new Linear(4, 3, random: new Philox(2)), new BatchNorm1d(3, Cs231n.Average));
        model.To(DType.Float64);
        Tensor x = Tensor.RandomNormal([40, 5], new Philox(3), DType.Float64);
        model.Recalibrate(x, new RecalibrationOptions { BatchSize = 7 });
        double[] eval = model.Predict(x).ToArray<double>();
        double[] train = model.Forward(new Tape(Mode.Train).Input(x)).ToArray<double>();
        Close.To(train, Tensor.From(eval), Tolerances.Float64Roundoff);
    }

    [Fact]
    public void The_size_of_batches_does_not_matter_layer_by_layer_and_for_the_first_layer_all_at_once()
    {
        Tensor x = Images(DType.Float64);
        LeNet whole = Model(DType.Float64);
        whole.Recalibrate(x, new RecalibrationOptions { BatchSize = 1000 });
        foreach (int size in new[] { 1, 2, 44, 45 })
        {
            LeNet model = Model(DType.Float64);
            model.Recalibrate(x, new RecalibrationOptions { BatchSize = size });
            for (int i = 0; i < 12; i++)
            {
                if (i % 3 != 2)
                {
                    Close.To(NaiveOps.Doubles(whole.NamedBuffers()[i].Buffer.Value),
                        model.NamedBuffers()[i].Buffer.Value, Tolerances.Float64Roundoff);
                }
            }
        }

        LeNet fast = Model(DType.Float64);
        string weights = WeightsHash.Of(fast);
        fast.Recalibrate(x, new RecalibrationOptions { BatchSize = 9, Order = RecalibrationOrder.AllAtOnce });
        Assert.NotEqual(weights, WeightsHash.Of(fast));
        Close.To(NaiveOps.Doubles(whole.NamedBuffers()[0].Buffer.Value),
            fast.NamedBuffers()[0].Buffer.Value, Tolerances.Float64Roundoff);
        Close.To(NaiveOps.Doubles(whole.NamedBuffers()[1].Buffer.Value),
            fast.NamedBuffers()[1].Buffer.Value, Tolerances.Float64Roundoff);
        // Later layers have seen batches of 9, each normalized by itself.
        Close.To(NaiveOps.Doubles(whole.NamedBuffers()[3].Buffer.Value), fast.NamedBuffers()[3].Buffer.Value, 0.3);
        // In one batch there is nothing to see differently.
        LeNet once = Model(DType.Float64);
        once.Recalibrate(x, new RecalibrationOptions { BatchSize = 1000, Order = RecalibrationOrder.AllAtOnce });
        for (int i = 0; i < 12; i++)
        {
            Close.To(
                NaiveOps.Doubles(whole.NamedBuffers()[i].Buffer.Value), once.NamedBuffers()[i].Buffer.Value,
                OtherChunks);
        }
    }

    [Fact]
    public void A_large_offset_costs_no_digits()
    {
        var norm = new BatchNorm1d(1, Cs231n.Average);
        norm.To(DType.Float64);
        var random = new Philox(5);
        double[] values = [.. Enumerable.Range(0, 1000).Select(_ => 1e8 + random.NextNormal() * 1e-2)];
        norm.Recalibrate(Tensor.From(values, [1000, 1]), new RecalibrationOptions { BatchSize = 10 });
        double mean = 1e8 + values.Average(value => value - 1e8),
            variance = values.Average(value => (value - mean) * (value - mean));
        Assert.Equal(mean, norm.Running!.Mean.Value.Item(), OffsetUnits);
        Assert.InRange(norm.Running.Variance.Value.Item() / variance, 1 - OffsetVariance, 1 + OffsetVariance);
    }

    [Fact]
    public void The_drift_is_in_standard_deviations_and_as_a_ratio()
    {
        var norm = new BatchNorm1d(2, eps: 0);
        // The data have means 2 and 0 and unbiased variances 2 and 8; the running ones are 0 and 1.
        RecalibrationReport report = norm.Recalibrate(Tensor.From(new float[,] { { 1, -2 }, { 3, 2 } }));
        RecalibratedLayer layer = Assert.Single(report.Layers);
        Assert.Equal([-2 / Math.Sqrt(2), 0], layer.MeanShift);
        Assert.Equal([0.5, 0.125], layer.VarianceRatio);
        Assert.Equal((0.125, 0.5), layer.VarianceRatioRange);
        Assert.Equal([2f, 0f], norm.Running!.Mean.Value.ToArray<float>());
        Assert.Equal([2f, 8f], norm.Running.Variance.Value.ToArray<float>());
        Assert.Matches("BatchNorm1d +recalibrated +2 +1.414 +0.125 to 0.5", report.ToString());
        Assert.Null(report.AccuracyBefore);
    }

    [Fact]
    public void A_recalibration_of_nothing_says_so_and_a_check_of_nothing_is_refused()
    {
        var model = new Sequential(new Linear(3, 2, random: new Philox(1)));
        Tensor x = Tensor.Ones([4, 3]);
        Assert.Contains("Nothing was recalibrated: no layer that samples reach",
            model.Recalibrate(x).ToString(), StringComparison.Ordinal);
        var none = new TensorDataset(Tensor.Zeros([0, 3]), Tensor.Labels());
        Assert.StartsWith(
            "Recalibrate: expected samples in RecalibrationOptions.Check, got none",
            Assert.Throws<ArgumentException>(
                () => model.Recalibrate(x, new RecalibrationOptions { Check = none })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Accuracy_is_measured_before_and_after_and_progress_told()
    {
        LeNet model = Model(DType.Float32);
        var check = new TensorDataset(
            Images(DType.Float32), Tensor.Labels([.. Enumerable.Range(0, Samples).Select(i => i % 10)]));
        var told = new List<RecalibrationProgress>();
        RecalibrationReport report = model.Recalibrate(
            check, new RecalibrationOptions { BatchSize = 20, Check = check }, new Direct(told));
        Assert.Equal(4 * 3, told.Count);
        Assert.Equal(new RecalibrationProgress(4, 4, 45, 45), told[^1]);
        Assert.InRange(report.AccuracyBefore!.Value, 0, 1);
        double right = model.Predict(Images(DType.Float32), 20).ArgMax(-1).ToArray<long>().Where(
            (answer, i) => answer == i % 10).Count();
        Assert.Equal(right / Samples, report.AccuracyAfter);
        Assert.Contains("before", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_fails_or_is_cancelled_leaves_no_trace()
    {
        LeNet model = Model(DType.Float32);
        string before = WeightsHash.Of(model);
        foreach (RecalibrationOrder order in Enum.GetValues<RecalibrationOrder>())
        {
            var options = new RecalibrationOptions { BatchSize = 20, Order = order };
            using var cancellation = new CancellationTokenSource();
            var told = new List<RecalibrationProgress>();
            Assert.Throws<OperationCanceledException>(() => model.Recalibrate(
                Images(DType.Float32), options,
                new Direct(told, () => cancellation.Cancel(), after: order == RecalibrationOrder.AllAtOnce ? 2 : 7),
                cancellation.Token));
            Assert.Equal(before, WeightsHash.Of(model));

            Tensor bad = Images(DType.Float32);
            bad.AsSpan<float>()[^1] = float.NaN;
            string text = Assert.Throws<InvalidOperationException>(() => model.Recalibrate(bad, options)).Message;
            Assert.StartsWith(
                "Recalibrate: expected finite inputs of bn1 (BatchNorm2d), "
                + "got a NaN or an infinity in channel 0 of batch 3",
                text, StringComparison.Ordinal);
            Assert.Equal(before, WeightsHash.Of(model));
            Assert.All(model.Layers.OfType<BatchNorm>(), norm => Assert.Equal(0, norm.Running!.SkippedBatches));
        }

        Assert.Throws<ArgumentException>(() => new BatchNorm1d(3).Recalibrate(Tensor.Ones([1, 3])));
        Assert.Throws<ArgumentException>(() => model.Recalibrate(Tensor.Ones([0, 1, 28, 28])));
    }

    [Fact]
    public void A_recalibrated_layer_has_no_start_values_left_and_a_training_does_not_begin_again()
    {
        var renorm = new BatchRenorm1d(3);
        var cumulative = new BatchNorm1d(3, momentum: null);
        var model = new Sequential(renorm, cumulative);
        foreach (RunningStatistics running in new[] { renorm.Running!, cumulative.Running! })
            running.NumBatchesTracked.Value.Fill(6000);
        Tensor x = Tensor.RandomNormal([8, 3], new Philox(1));
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        renorm.Running!.NumBatchesTracked.Value.Fill(1);
        Assert.Throws<OperationCanceledException>(() => model.Recalibrate(x, cancellationToken: stopped.Token));
        Assert.Equal(0.99, renorm.Running.StartValuesLeft, Tolerances.Float64Roundoff);

        renorm.Running.NumBatchesTracked.Value.Fill(6000);
        model.Recalibrate(x, new RecalibrationOptions { BatchSize = 4 });
        Assert.Equal(6000, renorm.Running.NumBatchesTracked.Value.Item());
        Assert.Equal(2, cumulative.Running!.NumBatchesTracked.Value.Item());
        var fresh = new BatchNorm1d(3, RunningAverage.Keep(0.99));
        fresh.Recalibrate(x);
        Assert.Equal(0, fresh.Running!.StartValuesLeft);
        fresh.Initialize(Init.KaimingNormal, 1);
        Assert.Equal(1, fresh.Running.StartValuesLeft);
    }

    [Fact]
    public void A_layer_that_no_sample_reaches_says_so()
    {
        var model = new Skipping();
        RecalibrationReport report = model.Recalibrate(Tensor.RandomNormal([8, 3], new Philox(1)));
        Assert.Equal(["used", "unused"], report.Layers.Select(layer => layer.Name));
        Assert.Equal(RecalibrationStatus.NotReached, report.Layers[1].Status);
        Assert.Equal(0, ((BatchNorm1d)model.Children["unused"]).Running!.NumBatchesTracked.Value.Item());
    }

    [Fact]
    public void Channels_may_come_last_and_instance_norm_pools_as_it_tracks()
    {
        Tensor x = Tensor.RandomNormal([7, 4, 3], new Philox(8), DType.Float64);
        var last = new BatchNormalization(3, NormConvention.Keras);
        var second = new BatchNorm1d(3, RunningAverage.Keep(0.99) with { Estimator = VarianceEstimator.Biased });
        var instance = new InstanceNorm1d(3, momentum: 1, trackRunningStats: true);
        foreach (Module norm in new Module[] { last, second, instance }) norm.To(DType.Float64);
        last.Recalibrate(x, new RecalibrationOptions { BatchSize = 2 });
        second.Recalibrate(x.Permute(0, 2, 1), new RecalibrationOptions { BatchSize = 3 });
        Close.To(NaiveOps.Doubles(second.Running!.Mean.Value), last.Running!.Mean.Value, Tolerances.Float64Sums);
        Close.To(NaiveOps.Doubles(second.Running.Variance.Value), last.Running.Variance.Value, Tolerances.Float64Sums);

        var tracked = (InstanceNorm1d)instance.Clone();
        tracked.Forward(new Tape(Mode.Train).Input(x.Permute(0, 2, 1)));
        instance.Recalibrate(x.Permute(0, 2, 1), new RecalibrationOptions { BatchSize = 3 });
        Close.To(NaiveOps.Doubles(tracked.Running!.Mean.Value), instance.Running!.Mean.Value, Tolerances.Float64Sums);
        Close.To(
            NaiveOps.Doubles(tracked.Running.Variance.Value), instance.Running.Variance.Value, Tolerances.Float64Sums);
    }

    [Fact]
    public void Frozen_layers_are_left_alone_and_reported()
    {
        LeNet model = Model(DType.Float32);
        var frozen = (BatchNorm2d)model.Children["bn1"];
        frozen.FreezeStatistics();
        foreach (RecalibrationOrder order in Enum.GetValues<RecalibrationOrder>())
        {
            RecalibrationReport report = model.Recalibrate(
                Images(DType.Float32), new RecalibrationOptions { Order = order });
            Assert.Equal(
                [RecalibrationStatus.Frozen, RecalibrationStatus.Recalibrated,
                    RecalibrationStatus.Recalibrated, RecalibrationStatus.Recalibrated],
                report.Layers.Select(layer => layer.Status));
            Assert.All(frozen.Running!.Mean.Value.ToArray<float>(), value => Assert.Equal(0, value));
            Assert.Equal(0, frozen.Running.NumBatchesTracked.Value.Item());
            Assert.Contains("frozen, left alone", report.ToString(), StringComparison.Ordinal);
        }
    }

    private static LeNet Model(DType dtype)
    {
        LeNet model = LeNet.Gray(norm: NormKind.BatchNorm, random: new Philox(11));
        var random = new Philox(12);
        foreach (BatchNorm norm in model.Layers.OfType<BatchNorm>())
        {
            random.FillNormal(norm.Weight!.Value.AsSpan<float>());
            random.FillNormal(norm.Bias!.Value.AsSpan<float>());
        }

        model.To(dtype);
        return model;
    }

    private static Module WithMomentumOne(Module model)
    {
        Module copy = model.Clone(module => module switch
        {
            BatchNorm1d norm => new BatchNorm1d(norm.NumFeatures, momentum: 1),
            BatchNorm2d norm => new BatchNorm2d(norm.NumFeatures, momentum: 1),
            _ => null,
        });
        copy.To(model.Parameters()[0].DType);
        copy.LoadStateDict(model.StateDict());
        return copy;
    }

    private static Tensor Images(DType dtype)
    {
        Tensor x = Tensor.RandomNormal([Samples, 1, 28, 28], new Philox(13));
        Span<float> values = x.AsSpan<float>();
        // Batches differ: later samples are brighter and have more contrast.
        for (int i = 0; i < values.Length; i++)
            values[i] = values[i] * (1 + i / (28 * 28) * 0.05f) + i / (28 * 28) * 0.1f;
        return dtype == DType.Float32 ? x : x.To(dtype);
    }

    private sealed class Direct(List<RecalibrationProgress> told, Action? then = null, int after = 0)
        : IProgress<RecalibrationProgress>
    {
        public void Report(RecalibrationProgress value)
        {
            told.Add(value);
            if (told.Count == after) then?.Invoke();
        }
    }

    private sealed class Skipping : Module
    {
        private readonly BatchNorm1d _used;

        public Skipping()
        {
            Register("unused", new BatchNorm1d(3));
            _used = Register("used", new BatchNorm1d(3));
        }

        protected override Tensor ForwardCore(Tensor x) => _used.Forward(x);
    }
}
