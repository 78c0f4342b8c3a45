using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.DoctorCase;

namespace Evenkeel.Tests.Training;

/// <summary>
/// Mutants: a healthy network or training with exactly one injury, on which exactly one rule of the doctor speaks.
/// </summary>
public sealed class TrainingRulesTests
{
    public static TheoryData<string> Kinds => [.. Networks];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK301_a_start_that_is_worse_than_knowing_nothing(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        Scale(Parts(model).Last.Weight, 40);
        AssertOnly(Train(kind, model, static p => new SGD(p, 1e-3)), "EK301");
    }

    [Fact]
    public void EK301_targets_that_are_not_standardized()
    {
        var samples = new TensorDataset(
            Tensor.RandomNormal([240, 3], new Philox(1)),
            Tensor.RandomNormal([240, 1], new Philox(2)) + Tensor.Full([240, 1], 50));
        var model = new Sequential(new Linear(3, 8), new BatchNorm1d(8), new ReLU(), new Linear(8, 1));
        var options = new TrainerOptions { Epochs = 1, BatchSize = 24, Doctor = new TrainingDoctor() };
        History history = new Trainer(model, new Adam(model.Parameters(), 1e-3), new MSELoss(), options).Fit(samples);
        AssertOnly(history, "EK301");
        Assert.InRange(history.Findings[0].Finding.Measured, 1000, 5000);
        Assert.Contains("Standardize", history.Findings[0].Finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK302_weights_that_turn_too_far_before_a_norm(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        Parameter first = WeightOf(Parts(model).First);
        History history = Train(kind, model, parameters => new SGD(
            [
                new ParameterGroup([first], learningRate: 1, weightDecay: 0.2),
                new ParameterGroup(parameters.Where(other => other != first), learningRate: 0.01),
            ], 0.01), epochs: 4);
        AssertOnly(history, "EK302");
        Assert.Contains(history.Findings, static said =>
            said.Finding.Message.Contains("radians", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK302_a_layer_that_hardly_moves(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        Parameter first = WeightOf(Parts(model).First);
        History history = Train(kind, model, parameters => new SGD(
            [
                new ParameterGroup([first], learningRate: 1e-3),
                new ParameterGroup(parameters.Where(other => other != first), learningRate: 1e-3),
            ], 1e-3), epochs: 2, set: options => options.Callbacks = [new Calls
            {
                FitBegin = trainer => trainer.Optimizer.Groups[0].LearningRate = 1e-9,
            },]);
        AssertOnly(history, "EK302");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK303_a_scale_that_shrinks_away(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        Parameter first = WeightOf(Parts(model).First);
        History history = Train(kind, model, parameters => new SGD(
            [
                new ParameterGroup([first], learningRate: 1e-3, weightDecay: 40),
                new ParameterGroup(parameters.Where(other => other != first), learningRate: 1e-3),
            ], 1e-3), epochs: 4);
        AssertOnly(history, "EK303", FindingLevel.Note);
        Assert.Contains(history.Findings, static said => said.Finding.Rule == "EK303" && said.Finding.Measured > 10);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK304_gradients_that_vanish(string kind)
    {
        Module model = Network(kind);
        Scale(Parts(model).Last.Weight, 1e-4);
        Trainer trainer = Create(model, static p => new SGD(p, 1e-6));
        AssertOnly(trainer.Fit(Samples(kind, 8 * BatchSize)), "EK304");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK304_gradients_that_explode(string kind)
    {
        Module model = Network(kind);
        Linear last = Parts(model).Last;
        Parameter first = WeightOf(Parts(model).First);
        // Small activations and a large factor behind them: the gradient grows on its way back, the loss stays.
        Scale(first, 3e-3);
        foreach ((string name, Parameter parameter) in model.NamedParameters())
        {
            if (name.EndsWith("bias", StringComparison.Ordinal)) parameter.Value.Fill(0);
        }

        Scale(last.Weight, 100);
        Trainer trainer = Create(model, static p => new SGD(p, 1e-9));
        AssertOnly(trainer.Fit(Samples(kind, 8 * BatchSize)), "EK304");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK305_units_that_are_dead(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        Parts(model).Norm!.Bias!.Value.Fill(-30);
        AssertOnly(Train(kind, model, epochs: 2), "EK305");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK306_statistics_that_lag(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm.With(momentum: 1e-3));
        AssertOnly(Train(kind, model, epochs: 3), "EK306");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK307_a_sample_that_is_not_a_number(string kind)
    {
        TensorDataset samples = Samples(kind, 10 * BatchSize);
        samples.Inputs.AsSpan<float>()[17] = float.NaN;
        Trainer trainer = Create(
            Network(kind, NormKind.BatchNorm), set: static options => options.NonFiniteLoss = NonFiniteLoss.SkipBatch);
        History history = trainer.Fit(samples);
        AssertOnly(history, "EK307");
        Assert.Contains("the inputs", history.Findings[0].Finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK307_names_the_layer_and_the_channel_and_is_an_error_if_it_goes_on(string kind)
    {
        Module model = Network(kind, NormKind.LayerNorm);
        Parameter first = WeightOf(Parts(model).First);
        int inputs = first.Count / first.Shape[0];
        first.Value.AsSpan<float>().Slice(3 * inputs, inputs).Fill(float.PositiveInfinity);
        History history = Train(kind, model, set: static o => o.NonFiniteLoss = NonFiniteLoss.SkipBatch);
        AssertOnly(history, "EK307", FindingLevel.Error);
        Assert.Equal([3], history.Findings[0].Finding.Channels);
        Assert.Contains("channel 3", history.Findings[0].Finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK308_batches_that_are_too_small(string kind)
    {
        Trainer trainer = Create(
            Network(kind, NormKind.BatchNorm, SmallSide(kind)), static p => new SGD(p, 1e-3),
            set: options => options.BatchSize = kind == "MLP" ? 4 : 2);
        AssertOnly(trainer.Fit(Samples(kind, 240, side: SmallSide(kind))), "EK308");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK309_a_gamma_that_grows_without_end(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        ITrackingNorm norm = Parts(model).Norm!;
        History history = Train(kind, model, static p => new SGD(p, 1e-2), epochs: 7, set: options =>
            options.Callbacks = [new Calls { StepEnd = _ => Scale(norm.Weight!, 1.04) }]);
        AssertOnly(history, "EK309", FindingLevel.Note);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK310_a_layer_that_no_pass_uses(string kind)
    {
        History history = Train(kind, new WithSpare(Network(kind, NormKind.BatchNorm)));
        AssertOnly(history, "EK310");
        Assert.Equal(["spare.bias", "spare.weight"],
            history.Findings.Select(static said => said.Finding.Layer).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EK310_a_parameter_that_the_optimizer_does_not_have_is_a_note()
    {
        Module model = Network("MLP", NormKind.BatchNorm);
        Parameter gamma = Parts(model).Norm!.Weight!;
        History history = Train("MLP", model, p => new SGD(p.Where(other => other != gamma), 0.02));
        AssertOnly(history, "EK310", FindingLevel.Note);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK311_parts_of_a_batch_with_statistics_of_their_own(string kind)
    {
        History history = Train(
            kind, new InParts(Network(kind, NormKind.BatchNorm), 2), static p => new SGD(p, 1e-3));
        AssertOnly(history, "EK311");
        Assert.Contains("of 12 of the 24 samples", history.Findings[0].Finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK312_statistics_that_move_in_a_frozen_part(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        ITrackingNorm norm = Parts(model).Norm!;
        foreach (Parameter parameter in ((Module)norm).Parameters()) parameter.RequiresGradient = false;
        History history = Train(kind, model);
        AssertOnly(history, "EK312");
        Assert.Contains("FreezeNorms", history.Findings[0].Finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK312_a_frozen_norm_whose_statistics_are_written(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm);
        ITrackingNorm norm = Parts(model).Norm!;
        norm.Freeze();
        History history = Train(kind, model, set: options => options.Callbacks = [new Calls
        {
            StepEnd = trainer => norm.Running!.Mean.Value.AsSpan<float>()[0] += 0.01f,
        },]);
        AssertOnly(history, "EK312");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK312_small_batches_while_a_network_is_fine_tuned(string kind)
    {
        Module model = Network(kind, NormKind.BatchNorm, SmallSide(kind));
        WeightOf(Parts(model).First).RequiresGradient = false;
        Trainer trainer = Create(
            model, static p => new SGD(p, 1e-3), set: static options => options.BatchSize = 3);
        AssertOnly(trainer.Fit(Samples(kind, 240, side: SmallSide(kind))), "EK312");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK313_ranks_that_train_different_networks(string kind)
    {
        History[] histories = InTwoRanks(kind, (rank, model) =>
        {
            if (rank == 1) WeightOf(Parts(model).Last).Value.AsSpan<float>()[2] += 1e-6f;
        });
        foreach (History history in histories)
        {
            AssertOnly(history, "EK313", FindingLevel.Error);
            TrainingFinding found = Assert.Single(history.Findings, static said => said.Finding.Rule == "EK313");
            Assert.Equal(5, found.Iteration);
            Assert.Contains("rank 1", found.Finding.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void EK313_is_silent_if_the_ranks_are_equal() =>
        Assert.All(InTwoRanks("MLP", static (_, _) => { }), static history => AssertHealthy(history, "two ranks"));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EK314_samples_that_are_learned_by_heart(string kind)
    {
        TensorDataset few = Samples(kind, 16), others = Samples(kind, 64, seed: 9);
        // Labels by chance: whatever is learned is wrong for others.
        few.Targets.CopyFrom(Tensor.Labels([.. Enumerable.Range(0, 16).Select(static i => i * 7 % 5 % 4)]));
        Trainer trainer = Create(
            Network(kind, NormKind.BatchNorm), p => new Adam(p, kind == "ResNet" ? 0.05 : 0.01), epochs: 30,
            static options =>
            {
                (options.BatchSize, options.TrainingSamples) = (16, 16);
                options.Doctor = new TrainingDoctor();
            });
        AssertOnly(trainer.Fit(few, others), "EK314", FindingLevel.Note);
    }

    /// <summary>The planes of the last stage of a ResNet have 2 x 2 values then.</summary>
    private static int SmallSide(string kind) => kind == "ResNet" ? 8 : Side;

    private static History[] InTwoRanks(string kind, Action<int, Module> change)
    {
        using var group = new InProcessCollective(2);
        var histories = new History[2];
        group.Run(member =>
        {
            Module model = Network(kind, NormKind.BatchNorm);
            change(member.Rank, model);
            Trainer trainer = Create(model, set: options => options.Doctor = new TrainingDoctor
            {
                Collective = member,
                CompareEvery = 5,
            });
            histories[member.Rank] = trainer.Fit(Samples(kind, 10 * BatchSize));
        });
        return histories;
    }
}
