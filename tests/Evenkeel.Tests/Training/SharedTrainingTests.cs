using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Tests.Serialization;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

/// <summary>Several processes train one network; here they are threads (<see cref="ThreadProcesses"/>).</summary>
public sealed class SharedTrainingTests
{
    /// <summary>In batches of 16 the last one has 2: fewer samples than parts.</summary>
    private const int Samples = 50;

    /// <summary>The last batch has 12: two or more for a batch norm of each part.</summary>
    private const int MoreSamples = 60;

    private const int Features = 6;

    [Theory]
    [InlineData(4, 2, true)]
    [InlineData(4, 4, true)]
    [InlineData(4, 4, false)]
    [InlineData(6, 2, false)]
    [InlineData(6, 3, true)]
    public void The_number_of_processes_changes_no_bit(int parts, int processes, bool pools)
    {
        string alone = Train(null, parts, pools);
        Assert.All(ThreadProcesses.Run(processes, group => Train(group, parts, pools)),
            hash => Assert.Equal(alone, hash));
    }

    [Fact]
    public void A_run_of_two_processes_goes_on_in_four()
    {
        using var folder = new TempFolder();
        string whole = Train(null, 4, pools: true);
        ThreadProcesses.Run(2, group => Train(group, 4, pools: true, epochs: 1, folder: folder.Path));
        Assert.All(ThreadProcesses.Run(4, group => Train(group, 4, pools: true, folder: folder.Path)),
            hash => Assert.Equal(whole, hash));
    }

    [Fact]
    public void A_parameter_that_some_parts_do_not_use_keeps_its_gradient()
    {
        string alone = Train(null, 4, pools: true, model: Branches());
        Assert.All(ThreadProcesses.Run(4, group => Train(group, 4, pools: true, model: Branches())),
            hash => Assert.Equal(alone, hash));
    }

    [Fact]
    public void Frozen_parameters_do_not_travel()
    {
        Sequential Frozen()
        {
            Sequential model = Network();
            ((Linear)model[0]).Weight.RequiresGradient = false;
            return model;
        }

        string alone = Train(null, 2, pools: true, model: Frozen());
        Assert.All(ThreadProcesses.Run(2, group => Train(group, 2, pools: true, model: Frozen())),
            hash => Assert.Equal(alone, hash));
    }

    [Fact]
    public void The_doctor_sees_whole_batches_also_where_a_process_has_no_part()
    {
        string alone = Train(null, 4, pools: true);
        (string Hash, int[] Samples)[] all = ThreadProcesses.Run(4, group =>
        {
            var rule = new NotesSamples();
            var doctor = new TrainingDoctor { Every = 1, Options = new() { Rules = [rule] } };
            return (Train(group, 4, pools: true, doctor: doctor), rule.Seen.ToArray());
        });
        Assert.All(all, one => Assert.Equal(alone, one.Hash));
        Assert.All(all, static one => Assert.Equal([16, 16, 16, 2, 16, 16, 16, 2], one.Samples));
    }

    [Fact]
    public void Other_weights_on_one_process_are_refused()
    {
        Func<object> run = () => ThreadProcesses.Run(2, static group =>
        {
            Sequential model = Network();
            if (group.Rank == 1) ((Linear)model[0]).Weight.Value.AsSpan<float>()[3] += 1;
            return Train(group, 2, pools: true, model: model);
        });
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(run);
        Assert.Contains("expected the same weights on all processes", refused.Message, StringComparison.Ordinal);
        Assert.Contains("rank 1", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_that_cannot_be_shared_equally_are_refused()
    {
        ArgumentException refused = Assert.Throws<ArgumentException>(() => BatchShare.Of(4, 0, 3));
        Assert.Contains("Start a number of processes that divides 4", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_process_ends_all_after_the_same_step()
    {
        using var cancellation = new CancellationTokenSource();
        long[] steps = ThreadProcesses.Run(2, group =>
        {
            var stop = new CancelAfter(5, group.Rank == 1 ? cancellation : null);
            Sequential model = Network();
            Trainer trainer = Create(model, group, 2, pools: true, epochs: 3, folder: null, stop);
            Assert.Throws<OperationCanceledException>(
                () => trainer.Fit(Set(1), Set(2), null, group.Rank == 1 ? cancellation.Token : default));
            return trainer.Iteration;
        });
        Assert.Equal([5L, 5L], steps);
    }

    [Fact]
    public void A_loss_that_is_not_finite_is_the_same_finding_on_all()
    {
        string[] messages = ThreadProcesses.Run(2, group =>
        {
            Sequential model = Network();
            Trainer trainer = Create(model, group, 2, pools: true, epochs: 1, folder: null);
            TensorDataset data = Set(1);
            data.Inputs.AsSpan<float>()[7 * Features] = float.NaN;
            return Assert.Throws<DivergedException>(() => trainer.Fit(data)).Message;
        });
        Assert.Equal(messages[0], messages[1]);
        Assert.Contains("the inputs", messages[0], StringComparison.Ordinal);
    }

    private static string Train(
        IProcessGroup? group, int parts, bool pools, int epochs = 2, string? folder = null, Sequential? model = null,
        TrainingDoctor? doctor = null)
    {
        model ??= Network();
        Trainer trainer = Create(model, group, parts, pools, epochs, folder);
        trainer.Options.Doctor = doctor;
        if (folder is not null && Checkpoints.Latest(folder) is not null) trainer.Resume(folder);
        History history = trainer.Fit(Set(1, pools ? Samples : MoreSamples), Set(2));
        using var hash = new WeightsHash();
        hash.Add("model", model);
        hash.Add("losses", Tensor.From([.. history.Losses], [history.Losses.Count]));
        return hash.Finish();
    }

    private static Trainer Create(
        Sequential model, IProcessGroup? group, int parts, bool pools, int epochs, string? folder,
        params Callback[] callbacks) => new(model, new Adam(model.Parameters(), 0.01), new CrossEntropyLoss(), new()
        {
            Epochs = epochs,
            BatchSize = 16,
            LastBatch = LastBatch.Keep,
            Seed = 3,
            MaxGradientNorm = 1,
            MicroBatches = parts,
            PoolsBatchStatistics = pools,
            Processes = group,
            CompareWeightsEvery = 2,
            RestoreBestModel = false,
            Callbacks = callbacks,
            Checkpoints = folder is null ? null : new Checkpoints(folder),
        });

    private static Sequential Network()
    {
        var random = new Philox(4);
        return new Sequential(
            new Linear(Features, 16, random: random), new BatchNorm1d(16), new ReLU(), new Dropout(0.2),
            new Linear(16, 3, random: random));
    }

    private static Sequential Branches()
    {
        var random = new Philox(4);
        return new Sequential(new Fork(random), new Linear(8, 3, random: random));
    }

    private static TensorDataset Set(ulong seed, int samples = Samples)
    {
        var random = new Philox(seed);
        Tensor inputs = Tensor.Zeros([samples, Features]), labels = Tensor.Zeros([samples], DType.Int64);
        random.FillNormal(inputs.AsSpan<float>());
        for (int i = 0; i < samples; i++) labels.AsSpan<long>()[i] = i % 3;
        return new TensorDataset(inputs, labels);
    }

    /// <summary>One of two layers, by the data.</summary>
    private sealed class Fork : Module
    {
        private readonly Linear _left, _right;

        public Fork(IRandomStream random) => (_left, _right) = (
            Register("left", new Linear(Features, 8, random: random)),
            Register("right", new Linear(Features, 8, random: random)));

        protected override Tensor ForwardCore(Tensor x) =>
            x.AsSpan<float>()[0] > 0 ? _left.Forward(x) : _right.Forward(x);
    }

    private sealed class NotesSamples : TrainingRule
    {
        public override string Id => "OWN1";

        public override string Title => "samples";

        public List<int> Seen { get; } = [];

        public override void OnStep(TrainingView training, FindingSink findings) => Seen.Add(training.Samples);
    }

    private sealed class CancelAfter(long step, CancellationTokenSource? cancellation) : Callback
    {
        public override void OnStepEnd(Trainer trainer)
        {
            if (trainer.Iteration == step) cancellation?.Cancel();
        }
    }
}
