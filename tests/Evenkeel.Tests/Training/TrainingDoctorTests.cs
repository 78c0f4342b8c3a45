using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.DoctorCase;

namespace Evenkeel.Tests.Training;

/// <summary>
/// The doctor reads only, speaks once, is silent about healthy trainings, and survives an interruption.
/// </summary>
public sealed class TrainingDoctorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-doctor").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Kinds => [.. Networks];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Healthy_trainings_hear_no_warning(string kind)
    {
        NormKind[] norms =
            [NormKind.None, NormKind.BatchNorm, NormKind.LayerNorm, NormKind.GroupNorm(2), NormKind.RMSNorm];
        foreach (NormKind norm in norms)
        {
            AssertHealthy(Train(kind, Network(kind, norm), epochs: 3), $"{kind} {norm} SGD");
            AssertHealthy(
                Train(kind, Network(kind, norm), static p => new Adam(p, 1e-3), epochs: 3), $"{kind} {norm} Adam");
        }

        AssertHealthy(
            Train(
                kind, Network(kind, NormKind.BatchNorm), static p => new AdamW(p, 3e-3, weightDecay: 0.01), epochs: 2),
            $"{kind} AdamW");
    }

    [Theory]
    [InlineData("MLP", 1)]
    [InlineData("LeNet", 1)]
    [InlineData("ResNet", 1)]
    [InlineData("MLP", 3)]
    public void The_bits_of_a_training_are_the_same_with_a_doctor(string kind, int parts)
    {
        string[] hashes = [.. new[] { true, false }.Select(hasDoctor =>
        {
            Module model = Network(kind, NormKind.BatchNorm);
            Train(kind, model, epochs: 2, set: options =>
            {
                (options.L2, options.MaxGradientNorm, options.MicroBatches) = (1e-3, 1, parts);
                if (!hasDoctor) options.Doctor = null;
            });
            return WeightsHash.Of(model);
        }),];
        Assert.Equal(hashes[0], hashes[1]);
    }

    [Fact]
    public void A_resumed_training_says_what_an_undisturbed_one_says_and_nothing_twice()
    {
        History whole = Sick(epochs: 4).Fit(Samples("MLP", 10 * BatchSize));
        Assert.Contains(whole.Findings, static said => said.Finding.Rule == "EK302");
        Assert.Contains(whole.Findings, static said => said.Finding.Rule == "EK306");
        for (int epochs = 1; epochs < 4; epochs++)
        {
            string path = Path.Combine(_folder, $"after-{epochs}.safetensors");
            Trainer first = Sick(epochs), second = Sick(epochs: 4);
            first.Fit(Samples("MLP", 10 * BatchSize));
            first.SaveCheckpoint(path);
            second.Resume(path);
            History resumed = second.Fit(Samples("MLP", 10 * BatchSize));
            Assert.Equal(Texts(whole), Texts(resumed));
            Assert.Equal(Texts(first.History).Concat(Texts(resumed).Skip(first.History.Findings.Count)), Texts(whole));
        }
    }

    [Fact]
    public void A_resumed_training_in_the_middle_of_an_epoch_says_the_same()
    {
        History whole = Sick(epochs: 4).Fit(Samples("MLP", 10 * BatchSize));
        var checkpoints = new Checkpoints(_folder) { EverySteps = 7, Keep = 10 };
        Trainer first = Sick(epochs: 4);
        first.Options.Checkpoints = checkpoints;
        first.Fit(Samples("MLP", 10 * BatchSize));
        string[] files = Directory.GetFiles(_folder, "step-*.safetensors");
        Assert.InRange(files.Length, 4, 10);
        foreach (string file in files)
        {
            Trainer second = Sick(epochs: 4);
            second.Resume(file);
            History resumed = second.Fit(Samples("MLP", 10 * BatchSize));
            Assert.Equal(Texts(whole), Texts(resumed));
        }
    }

    [Fact]
    public void A_callback_hears_each_finding_when_it_arises()
    {
        var heard = new List<TrainingFinding>();
        Trainer trainer = Sick(epochs: 4);
        trainer.Options.Callbacks = [new Listener(heard)];
        History history = trainer.Fit(Samples("MLP", 10 * BatchSize));
        Assert.Equal(history.Findings, heard);
        Assert.NotEmpty(heard);
    }

    [Fact]
    public void A_rule_can_be_switched_off_allowed_in_a_layer_or_given_another_bound()
    {
        AssertOnly(With(new DoctorOptions()), "EK306");
        AssertHealthy(With(new DoctorOptions { Disabled = new HashSet<string> { "EK306" } }), "disabled");
        History allowed = With(new DoctorOptions
        {
            Allowed = new HashSet<(string, string)> { ("EK306", "1"), ("EK306", "4") },
        });
        AssertHealthy(allowed, "allowed");
        History strict = With(new DoctorOptions
        {
            Disabled = new HashSet<string> { "EK306" },
            Bounds = new Dictionary<string, double> { ["EK302"] = 1e-9 },
        });
        Assert.Contains(strict.Findings, static said => said.Finding is { Rule: "EK302", Bound: 1e-9 });
    }

    [Fact]
    public void A_rule_of_the_users_sees_what_is_measured_and_its_failure_says_whose_it_is()
    {
        var own = new LongLayer();
        History history = With(new DoctorOptions { Rules = [own] });
        Finding found = Assert.Single(history.Findings, static said => said.Finding.Rule == "MY1").Finding;
        Assert.Equal("2", found.Layer[..1]);
        var failing = new FailingRule();
        InvalidOperationException thrown = Assert.Throws<InvalidOperationException>(
            () => With(new DoctorOptions { Rules = [failing] }));
        Assert.Contains("MY2", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_before_a_batch_norm_are_recognized_by_their_gradient()
    {
        var seen = new List<(string Name, bool IsScaleFree)>();
        foreach (string kind in Networks)
        {
            var rule = new LongLayer();
            seen.Clear();
            rule.Sees = training =>
            {
                if (training.Iteration != 4) return;
                seen.AddRange(training.Weights.Select(static weight => (weight.Name, weight.IsScaleFree)));
            };
            Train(kind, Network(kind, NormKind.BatchNorm), set: options => options.Doctor =
                new TrainingDoctor { Every = 1, Options = new DoctorOptions { Rules = [rule] } });
            string[] others = kind == "LeNet" ? ["fc2.weight", "fc3.weight"] : [seen[^1].Name];
            Assert.Equal(
                others, seen.Where(static weight => !weight.IsScaleFree).Select(static weight => weight.Name));
        }
    }

    [Fact]
    public void What_cannot_be_checked_is_said()
    {
        History history = Train(
            "MLP", Network("MLP", NormKind.BatchNorm), set: static options => options.MicroBatches = 2);
        Assert.Equal("EK301", Assert.Single(history.NotChecked).Rule);
        AssertHealthy(history, "micro-batches");
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(static () => new TrainingDoctor { Every = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(static () => new TrainingDoctor { CompareEvery = 0 });
    }

    private static string[] Texts(History history) =>
    [
        .. history.Findings.Select(static said => $"{said.Iteration} {said.Epoch} {said.Finding.Rule} "
            + $"{said.Finding.Layer} {string.Join(' ', said.Finding.Channels)} {said.Finding.Measured:R} "
            + $"{said.Finding.Bound:R} {said.Finding.Message} {said.Finding.Remedy}"),
    ];

    /// <summary>Statistics that lag, and a doctor who is strict about the turn per step.</summary>
    private static Trainer Sick(int epochs)
    {
        Module model = Network("MLP", NormKind.BatchNorm.With(momentum: 1e-3));
        return Create(model, epochs: epochs, set: static options => options.Doctor = new TrainingDoctor
        {
            Every = 1,
            Options = new DoctorOptions { Bounds = new Dictionary<string, double> { ["EK302"] = 1e-3 } },
        });
    }

    private static History With(DoctorOptions options)
    {
        Trainer trainer = Sick(epochs: 3);
        trainer.Options.Doctor = new TrainingDoctor { Every = 1, Options = options };
        return trainer.Fit(Samples("MLP", 10 * BatchSize));
    }

    private sealed class Listener(List<TrainingFinding> heard) : Callback
    {
        public override void OnFinding(Trainer trainer, TrainingFinding finding)
        {
            Assert.Equal(trainer.Iteration, finding.Iteration);
            heard.Add(finding);
        }
    }

    private sealed class LongLayer : TrainingRule
    {
        public Action<TrainingView>? Sees { get; set; }

        public override string Id => "MY1";

        public override string Title => "a layer with a long update";

        public override double Bound => 0;

        public override void OnStep(TrainingView training, FindingSink findings)
        {
            Sees?.Invoke(training);
            double[] looks = training.Memory("looks", 1);
            if (++looks[0] < 5) return;
            TrainedWeight longest = training.Weights.MaxBy(static weight => weight.Update)!;
            findings.Add(FindingLevel.Note, "2" + longest.Layer, [], longest.Update, "long", "shorten it");
            findings.Add(FindingLevel.Note, "2" + longest.Layer, [], longest.Update, "long", "shorten it");
            looks[0] = double.NegativeInfinity;
        }
    }

    private sealed class FailingRule : TrainingRule
    {
        public override string Id => "MY2";

        public override string Title => "fails";

        public override void OnEpoch(TrainingView training, EpochRecord record, FindingSink findings) =>
            throw new InvalidOperationException("no luck");
    }
}
