using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Serialization;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// Frozen norms: what is constant, what still learns, that no mode undoes it, and that it is seen and saved.
/// </summary>
public sealed class NormStateTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Sequential Network(ulong seed)
    {
        var network = new Sequential(new Linear(4, 3, bias: false), new BatchNorm1d(3), new ReLU(), new Linear(3, 2));
        network.Initialize(Init.KaimingNormal, seed);
        var norm = (BatchNorm1d)network[1];
        norm.Running!.Mean.Value.Fill(0.25);
        norm.Running.Variance.Value.Fill(2);
        return network;
    }

    private static void Step(Module network, Optimizer optimizer, Tape tape, ulong seed)
    {
        tape.Reset();
        optimizer.ZeroGrad();
        network.Forward(tape.Input(Tensor.RandomNormal([8, 4], new Philox(seed))))
            .CrossEntropy(Tensor.Labels([0, 1, 0, 1, 1, 0, 0, 1]))
            .Backward();
        optimizer.Step();
    }

    [Theory]
    [InlineData(NormState.Active, true, true)]
    [InlineData(NormState.FrozenStatistics, false, true)]
    [InlineData(NormState.Frozen, false, false)]
    public void Training_changes_what_the_state_allows_and_nothing_else(
        NormState state, bool statisticsMove, bool affineMoves)
    {
        Sequential network = Network(1);
        var norm = (BatchNorm1d)network[1];
        // Momentum and weight decay move a weight without a gradient, if anything does.
        var optimizer = new SGD(network.Parameters(), 0.1, momentum: 0.9, weightDecay: 0.1);
        var tape = new Tape(Mode.Train);
        Step(network, optimizer, tape, 1);
        switch (state)
        {
            case NormState.Frozen: norm.Freeze(); break;
            case NormState.FrozenStatistics: norm.FreezeStatistics(); break;
            default: norm.Unfreeze(); break;
        }

        Assert.Equal(state, norm.State);
        optimizer.Step();
        StateDict before = network.StateDict();
        for (ulong i = 2; i < 5; i++) Step(network, optimizer, tape, i);
        StateDict after = network.StateDict();
        foreach (string key in new[] { "1.running_mean", "1.running_var", "1.num_batches_tracked" })
            Assert.Equal(statisticsMove, Moved(key));
        foreach (string key in new[] { "1.weight", "1.bias" }) Assert.Equal(affineMoves, Moved(key));
        Assert.True(Moved("0.weight"));
        Assert.Equal(affineMoves, norm.Weight!.Gradient is not null);

        bool Moved(string key) => !before[key].Bytes().SequenceEqual(after[key].Bytes());
    }

    [Fact]
    public void A_frozen_layer_is_in_training_what_it_is_in_eval()
    {
        Sequential network = Network(1);
        Tensor x = Tensor.RandomNormal([8, 4], new Philox(1));
        float[] eval = network.Forward(x).ToArray<float>();
        Assert.NotEqual(eval, network.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>());
        network = Network(1);
        Assert.Equal(1, network.FreezeNorms());
        Assert.Equal(eval, network.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>());
        // A single sample is fine too: no batch statistics are needed.
        Assert.Equal(eval[..2],
            network.Forward(new Tape(Mode.Train).Input(Tensor.From(x.ToArray<float>()[..4], [1, 4]))).ToArray<float>());
    }

    [Fact]
    public void Gradients_pass_through_a_frozen_layer_as_through_a_fixed_scale()
    {
        foreach (bool frozen in new[] { true, false })
        {
            var norm = new BatchNorm1d(3);
            norm.To(DType.Float64);
            norm.Weight!.Value.Fill(1.5);
            norm.Running!.Variance.Value.Fill(4);
            if (frozen) norm.Freeze();
            else norm.FreezeStatistics();
            var tape = new Tape(Mode.Train);
            Tensor x = tape.Input(Tensor.RandomNormal([5, 3], new Philox(2), DType.Float64), requiresGradient: true);
            norm.Forward(x).Backward(Tensor.Ones([5, 3], DType.Float64));
            foreach (double dx in x.Gradient!.ToArray<double>())
                Assert.Equal(1.5 / Math.Sqrt(4 + 1e-5), dx, Tolerances.Float64Ulps);
            Assert.Equal(frozen, norm.Bias!.Gradient is null);
            if (!frozen) Assert.Equal([5.0, 5, 5], norm.Bias.Gradient!.ToArray<double>());
        }
    }

    [Fact]
    public void Freezing_is_sticky()
    {
        Sequential network = Network(1);
        var norm = (BatchNorm1d)network[1];
        norm.Freeze();
        byte[] before = Bytes();
        // What undoes it elsewhere: another pass in training mode, and a loop that lets everything learn.
        foreach (Parameter parameter in network.Parameters()) parameter.RequiresGradient = true;
        network.ZeroGrad();
        var optimizer = new AdamW(network.Parameters(), 0.1);
        var tape = new Tape(Mode.Train);
        Step(network, optimizer, tape, 3);
        Assert.Equal(before, Bytes());
        Assert.Null(norm.Weight!.Gradient);

        // Values may be written; the state stays.
        network.Initialize(Init.KaimingNormal, 2);
        Assert.Equal(0, norm.Running!.Mean.Value.ToArray<float>()[0]);
        network.LoadStateDict(Network(3).StateDict());
        Assert.Equal(0.25f, norm.Running.Mean.Value.ToArray<float>()[0]);
        Assert.Equal(NormState.Frozen, norm.State);

        norm.Unfreeze();
        Step(network, optimizer, tape, 4);
        Assert.NotNull(norm.Weight.Gradient);
        Assert.NotEqual(0.25f, norm.Running.Mean.Value.ToArray<float>()[0]);

        byte[] Bytes() =>
            [.. network.StateDict()["1.running_mean"].Bytes(), .. network.StateDict()["1.weight"].Bytes()];
    }

    [Fact]
    public void From_frozen_to_frozen_statistics_gamma_and_beta_learn_again_and_a_constant_of_the_users_stays_one()
    {
        var norm = new BatchNorm1d(3);
        norm.Freeze();
        Assert.False(norm.Weight!.RequiresGradient);
        norm.FreezeStatistics();
        Assert.True(norm.Weight.RequiresGradient);
        norm.Weight.RequiresGradient = false;
        norm.Unfreeze();
        Assert.False(norm.Weight.RequiresGradient);
    }

    [Fact]
    public void A_frozen_layer_says_so()
    {
        Sequential network = Network(1);
        Assert.DoesNotContain("state", network.ToString(), StringComparison.Ordinal);
        network.FreezeNorms();
        Assert.Equal("BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, state=Frozen)",
            network[1].ToString());
        string summary = network.Summary([2, 4]);
        Assert.Contains("1: BatchNorm1d (frozen)", summary, StringComparison.Ordinal);
        Assert.Contains("non-trainable 6", summary, StringComparison.Ordinal);
        network.FreezeNormStatistics();
        Assert.Contains("state=FrozenStatistics", network.ToString(), StringComparison.Ordinal);
        Assert.Contains("1: BatchNorm1d (statistics frozen)", network.Summary([2, 4]), StringComparison.Ordinal);
        Assert.Equal(1, network.UnfreezeNorms());
        Assert.DoesNotContain("frozen", network.Summary([2, 4]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(NormState.Frozen)]
    [InlineData(NormState.FrozenStatistics)]
    public void A_file_brings_the_state_back_and_thaws_nothing(NormState state)
    {
        string path = _folder.File("model.safetensors");
        Sequential network = Network(1);
        ((BatchNorm1d)network[1]).Set(state, "test");
        network.Save(path);
        TensorArchive archive = SafeTensors.Read(path);
        Assert.Equal(state.ToString(), archive.Metadata["evenkeel.norm_state.1"]);
        // The tensors are PyTorch's, all of them and no other.
        Assert.Equal(
            ["0.weight",
                "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "3.weight", "3.bias"],
            archive.Names);

        Sequential second = Network(2);
        Assert.True(second.Load(path).IsComplete);
        Assert.Equal(state, ((BatchNorm1d)second[1]).State);
        Assert.Equal(state == NormState.Frozen, !((BatchNorm1d)second[1]).Weight!.RequiresGradient);

        Network(3).Save(path);
        second.Load(path);
        Assert.Equal(state, ((BatchNorm1d)second[1]).State);

        archive.Metadata["evenkeel.norm_state.1"] = "Melted";
        SafeTensors.Write(path, archive);
        Assert.Contains("expected the state of 1 to be Active, FrozenStatistics or Frozen, got \"Melted\"",
            Assert.Throws<InvalidDataException>(() => Network(4).Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_whose_statistics_do_not_fit_a_norm_does_not_freeze_it()
    {
        string path = _folder.File("narrow.safetensors");
        var narrow = new Sequential(new Linear(4, 2), new BatchNorm1d(2), new Linear(2, 3), new BatchNorm1d(3));
        narrow.FreezeNorms();
        narrow.Save(path);
        var wide = new Sequential(new Linear(4, 5), new BatchNorm1d(5), new Linear(5, 3), new BatchNorm1d(3));
        Assert.Throws<ArgumentException>(() => wide.Load(path));
        Assert.Equal(NormState.Active, ((BatchNorm1d)wide[3]).State);
        Assert.Contains("1.running_mean", wide.Load(path, strict: false).KeysWith(LoadStatus.ShapeMismatch));
        // Start values in every mode would be a layer that does nothing.
        Assert.Equal(NormState.Active, ((BatchNorm1d)wide[1]).State);
        Assert.Equal(NormState.Frozen, ((BatchNorm1d)wide[3]).State);
    }

    [Fact]
    public void A_resumed_training_has_the_states_of_the_one_that_was_saved()
    {
        string path = _folder.File("run.safetensors");
        foreach (NormState state in Enum.GetValues<NormState>())
        {
            Sequential network = Network(1), second = Network(2);
            ((BatchNorm1d)network[1]).Set(state, "test");
            Trainer trainer = Trained(network);
            trainer.Fit(Data(), Data());
            trainer.SaveCheckpoint(path);
            ((BatchNorm1d)second[1]).Freeze();
            Trained(second).Resume(path);
            Assert.Equal(state, ((BatchNorm1d)second[1]).State);
        }

        static Trainer Trained(Module model) => new(model,
            new SGD(model.Parameters(), 0.1), new CrossEntropyLoss(), new TrainerOptions { Epochs = 1, BatchSize = 4 });
        static IDataset Data() =>
            new TensorDataset(Tensor.RandomNormal([8, 4], new Philox(5)), Tensor.Labels([0, 1, 0, 1, 1, 0, 0, 1]));
    }

    [Fact]
    public void The_whole_family_of_batch_norm_is_frozen_in_the_same_way()
    {
        BatchNorm[] family =
        [
            new BatchNorm1d(3), new BatchNormalization(3, NormConvention.Keras), new GhostBatchNorm1d(3, 4),
            new BatchRenorm1d(3, limits: RenormLimits.Constant(3, 5)), new SyncBatchNorm(3),
        ];
        Tensor x = Tensor.RandomNormal([9, 3], new Philox(7)) * 2f;
        foreach (BatchNorm norm in family)
        {
            norm.Running!.Mean.Value.Fill(0.5);
            norm.Running.Variance.Value.Fill(4);
            float[] eval = norm.Forward(x).ToArray<float>();
            foreach (Action freeze in new Action[] { norm.Freeze, norm.FreezeStatistics })
            {
                freeze();
                var tape = new Tape(Mode.Train);
                Tensor y = norm.Forward(tape.Input(x, requiresGradient: true));
                Assert.Equal(eval, y.ToArray<float>());
                y.Backward(Tensor.Ones([9, 3]));
                Assert.Equal(norm.State == NormState.Frozen, norm.Weight!.Gradient is null);
                Assert.Equal(0, norm.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
                Assert.Equal([0.5f, 0.5f, 0.5f], norm.Running.Mean.Value.ToArray<float>());
                Assert.EndsWith($"state={norm.State})", norm.ToString(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Instance_norm_with_statistics_is_frozen_in_the_same_way()
    {
        var norm = new InstanceNorm2d(3, affine: true, trackRunningStats: true);
        norm.Running!.Mean.Value.Fill(0.5);
        norm.Running.Variance.Value.Fill(4);
        Tensor x = Tensor.RandomNormal([2, 3, 4, 4], new Philox(6));
        float[] eval = norm.Forward(x).ToArray<float>();
        Assert.Equal(1, new Sequential(norm, new InstanceNorm2d(3)).FreezeNorms());
        var tape = new Tape(Mode.Train);
        Tensor y = norm.Forward(tape.Input(x, requiresGradient: true));
        Assert.Equal(eval, y.ToArray<float>());
        y.Backward(Tensor.Ones([2, 3, 4, 4]));
        Assert.Null(norm.Weight!.Gradient);
        Assert.Equal(0, norm.Running.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.EndsWith("track_running_stats=True, state=Frozen)", norm.ToString(), StringComparison.Ordinal);
        Assert.Contains("InstanceNorm1d.Freeze: expected a layer with running statistics",
            Assert.Throws<InvalidOperationException>(new InstanceNorm1d(3).Freeze).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_layer_without_statistics_cannot_be_frozen_and_says_why()
    {
        var norm = new BatchNorm2d(3, trackRunningStats: false);
        string text = Assert.Throws<InvalidOperationException>(norm.Freeze).Message;
        Assert.Contains("BatchNorm2d.Freeze: expected a layer with running statistics, got one without",
            text, StringComparison.Ordinal);
        Assert.Contains("batch's own in every mode", text, StringComparison.Ordinal);
        Assert.Contains("Create it with trackRunningStats: true", text, StringComparison.Ordinal);
        Assert.Contains("BatchNorm2d.FreezeStatistics",
            Assert.Throws<InvalidOperationException>(norm.FreezeStatistics).Message, StringComparison.Ordinal);
        norm.Unfreeze();

        // A model's norms are frozen together or not at all.
        var network = new Sequential(new BatchNorm2d(3), norm);
        Assert.Contains("got 1 (BatchNorm2d) without",
            Assert.Throws<InvalidOperationException>(() => network.FreezeNorms()).Message, StringComparison.Ordinal);
        Assert.Equal(NormState.Active, ((BatchNorm2d)network[0]).State);
        Assert.Equal(0, new Sequential(new LayerNorm(3), new Linear(3, 2)).FreezeNorms());
    }

    [Fact]
    public void A_rejected_pass_of_a_frozen_layer_takes_nothing_back()
    {
        var norm = new BatchNorm1d(2);
        norm.FreezeStatistics();
        var tape = new Tape(Mode.Train);
        norm.Forward(tape.Input(Tensor.From([1f, 2f, 3f, 4f], [2, 2])));
        tape.Reject();
        Assert.Equal(0, norm.Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.Equal([0f, 0f], norm.Running.Mean.Value.ToArray<float>());
        Assert.Equal(0, norm.Running.SkippedBatches);
    }

    [Fact]
    public void A_frozen_norm_is_frozen_behind_a_prefix_of_keys_too()
    {
        var wrapper = new Wrapper(Network(1));
        wrapper.FreezeNorms();
        string file = _folder.File("wrapped.safetensors"), checkpoint = _folder.File("run.safetensors");
        wrapper.Save(file);
        Sequential inner = Network(2);
        inner.Load(file, prefix: "model.");
        Assert.Equal(NormState.Frozen, ((BatchNorm1d)inner[1]).State);

        // The keys of a trainer's checkpoint begin with "model." whatever the model's parts are called.
        var trainer = new Trainer(wrapper, new SGD(wrapper.Parameters(), 0.1), new CrossEntropyLoss());
        trainer.SaveCheckpoint(checkpoint);
        var resumed = new Wrapper(Network(3));
        resumed.Load(checkpoint, prefix: "model.");
        Assert.Equal(NormState.Frozen, ((BatchNorm1d)resumed.Model[1]).State);
        Assert.Equal(wrapper.InitialShare, resumed.InitialShare);
    }

    private sealed class Wrapper : Module
    {
        public Wrapper(Sequential model) => Model = Register("model", model);

        public Sequential Model { get; }

        public double InitialShare => ((BatchNorm1d)Model[1]).Running!.StartValuesLeft;

        protected override Tensor ForwardCore(Tensor x) => Model.Forward(x);
    }
}
