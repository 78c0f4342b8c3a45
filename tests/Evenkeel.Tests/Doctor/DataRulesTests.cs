using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Xunit;
using TheDoctor = Evenkeel.Examination.Doctor;

namespace Evenkeel.Tests.WithData;

/// <summary>Healthy networks are left in peace, and each injury is found by its rule and by no other.</summary>
public sealed class DataRulesTests
{
    public static TheoryData<string> Names => [.. Patients.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Healthy_networks_give_no_error_and_no_warning(string name)
    {
        Module model = Patients.Healthy(name);
        var data = new DoctorData(Patients.DataOf(name));
        foreach (DoctorData some in (DoctorData[])[data, data with { IsLabelled = false, Limit = 40 }])
        {
            Diagnosis diagnosis = TheDoctor.Examine(model, some);
            Assert.DoesNotContain(diagnosis.Findings, finding => finding.Level > FindingLevel.Note);
        }
    }

    [Theory]
    [InlineData("layer norm")]
    [InlineData("group norm")]
    [InlineData("instance norm")]
    [InlineData("batch renorm")]
    [InlineData("tanh")]
    [InlineData("sigmoid")]
    [InlineData("dropout at the end")]
    public void Healthy_networks_of_other_kinds_give_no_error_and_no_warning(string kind)
    {
        TensorDataset data = kind is "group norm" or "instance norm" ? Patients.Pictures(1) : Patients.Table(1);
        Sequential model = kind switch
        {
            "layer norm" => Patients.Mlp(static width => new LayerNorm([width])),
            "group norm" => Patients.ConvNet(static channels => new GroupNorm(4, channels)),
            "instance norm" => Patients.ConvNet(
                static channels => new InstanceNorm2d(channels, affine: true)),
            "batch renorm" => Patients.Mlp(static width => new BatchRenorm1d(width)),
            "tanh" => Patients.Mlp(activation: static () => new Tanh()),
            "sigmoid" => Patients.Mlp(activation: static () => new Sigmoid()),
            _ => WithDropoutAtTheEnd(),
        };
        Patients.Trained(model, data, epochs: 6);
        // Its momentum is 0.01: after 60 batches most of its averages are start values.
        if (kind == "batch renorm") model.Recalibrate(data);
        Diagnosis diagnosis = Examine(model, new DoctorData(data));
        Assert.DoesNotContain(diagnosis.Findings, finding => finding.Level > FindingLevel.Note);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Start_values_in_place_of_statistics_are_drift_without_labels_and_a_gap_with_them(string name)
    {
        Module model = Patients.Healthy(name);
        foreach (ITrackingNorm norm in Patients.Norms(model)) norm.Running!.Reset();
        var data = new DoctorData(Patients.DataOf(name));
        Finding drift = OnlyOne(model, data with { IsLabelled = false }, "EK201");
        Assert.Equal(FindingLevel.Error, drift.Level);
        Assert.Contains("get another class", drift.Message, StringComparison.Ordinal);
        Finding gap = OnlyOne(model, data, "EK202");
        Assert.Equal(FindingLevel.Error, gap.Level);
        Assert.True(gap.Measured > 0.1);
        Assert.Contains("Recalibrated", gap.Message, StringComparison.Ordinal);
        Assert.Equal(Patients.Norms(model).Length > 2 ? "bn1" : "1", gap.Layer);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_norm_whose_mean_is_off_is_named(string name)
    {
        Module model = Patients.Healthy(name);
        ITrackingNorm last = Patients.Norms(model)[^1];
        Tensor variance = last.Running!.Variance.Value, mean = last.Running.Mean.Value;
        for (int c = 0; c < mean.Count; c++)
            mean.AsSpan<float>()[c] += 1.5f * MathF.Sqrt(variance.AsSpan<float>()[c]);
        DoctorData data = new(Patients.DataOf(name)) { IsLabelled = false };
        Finding drift = OnlyOne(model, data, "EK201");
        string layer = model.NamedModules().First(entry => ReferenceEquals(entry.Module, last)).Name;
        Assert.Contains(layer, $"{drift.Layer} {drift.Message}", StringComparison.Ordinal);
    }

    [Fact]
    public void Running_statistics_of_instance_norm_are_a_gap_that_no_recalibration_closes()
    {
        Sequential model = Patients.ConvNet(
            static channels => new InstanceNorm2d(channels, affine: true, trackRunningStats: true));
        Patients.Trained(model, Patients.Pictures(1), epochs: 6);
        Finding finding = OnlyOne(model, new DoctorData(Patients.Pictures(1)), "EK202");
        Assert.Contains("trackRunningStats: false", finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("convnet", "x255", "divided by 255")]
    [InlineData("resnet", "x255", "divided by 255")]
    [InlineData("flat", "x255", "divided by 255")]
    [InlineData("convnet", "bgr", "channels in reverse order")]
    [InlineData("resnet", "bgr", "channels in reverse order")]
    [InlineData("flat", "bgr", "channels in reverse order")]
    [InlineData("resnet", "nhwc", "(N, H, W, C)")]
    [InlineData("flat", "nhwc", "(N, H, W, C)")]
    [InlineData("convnet", "-1..1", "from -1 to 1 to 0 to 1")]
    [InlineData("flat", "-1..1", "from -1 to 1 to 0 to 1")]
    [InlineData("flat", "imagenet", "from ImageNet's mean 0 and deviation 1 to 0 to 1")]
    [InlineData("convnet", "imagenet", "from ImageNet's mean 0 and deviation 1 to 0 to 1")]
    [InlineData("convnet", "bgr x255", "divided by 255, with the channels in reverse order")]
    public void Wrong_preprocessing_is_named(string name, string wrong, string expected)
    {
        Module model = Patients.Healthy(name);
        TensorDataset data = Patients.With(Patients.Pictures(1), images => Patients.Prepared(images, wrong));
        Finding finding = OnlyOne(model, new DoctorData(data), "EK203");
        Assert.Contains(expected, finding.Message, StringComparison.Ordinal);
        Assert.Equal(expected.Contains("reverse order", StringComparison.Ordinal),
            finding.Remedy.Contains("x[:, ::-1]", StringComparison.Ordinal));
        Assert.True(finding.Measured > 1.5);
    }

    [Theory]
    [InlineData(3, FindingLevel.Note)]
    [InlineData(6, FindingLevel.Warning)]
    [InlineData(9, FindingLevel.Error)]
    public void Without_a_norm_in_front_healthy_layers_have_dead_units_too(int dead, FindingLevel level)
    {
        var model = new Sequential(new Linear(6, 10), new ReLU(), new Linear(10, 2));
        model.Initialize(Init.KaimingNormal, seed: 1);
        ((Linear)model[0]).Bias!.Value.AsSpan<float>()[..dead].Fill(-100);
        ((Linear)model[0]).Bias!.Value.AsSpan<float>()[dead..].Fill(1);
        var data = new TensorDataset(Tensor.RandomNormal([512, 6], new Philox(2)), Tensor.Labels(new int[512]));
        Finding finding = Assert.Single(
            Examine(model, new DoctorData(data)).Findings, static one => one.Rule == "EK204");
        Assert.Equal(level, finding.Level);
        Assert.Equal((dead / 10.0, 0.5), (finding.Measured, finding.Bound));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Channels_that_are_never_active_are_dead_and_can_be_removed(string name)
    {
        Module model = Patients.Healthy(name);
        TensorDataset data = Patients.DataOf(name);
        // Inside the first block of a residual network; its stem goes two ways.
        ITrackingNorm norm = Patients.Norms(model)[name == "resnet" ? 1 : 0];
        int dead = Math.Max(3, norm.NumFeatures / 4);
        norm.Bias!.Value.AsSpan<float>()[..dead].Fill(-20);
        model.Recalibrate(data);
        Finding finding = OnlyOne(model, new DoctorData(data), "EK204");
        Assert.Equal(FindingLevel.Warning, finding.Level);
        Assert.Equal(Enumerable.Range(0, dead), finding.Channels.Where(c => c < dead));
        Finding note = Assert.Single(Examine(model, new DoctorData(data)).Findings, one => one.Rule == "EK211");
        Assert.Equal(FindingLevel.Note, note.Level);
        Assert.True(note.Measured >= dead);
    }

    [Theory]
    [InlineData("mlp", "tanh")]
    [InlineData("mlp", "sigmoid")]
    [InlineData("convnet", "tanh")]
    public void An_activation_at_its_ends_is_saturated(string name, string activation)
    {
        Module Make() => activation == "tanh" ? new Tanh() : new Sigmoid();
        Sequential model = name == "mlp" ? Patients.Mlp(activation: Make) : Patients.ConvNet(activation: Make);
        TensorDataset data = Patients.DataOf(name);
        Patients.Trained(model, data, epochs: 3);
        foreach (ITrackingNorm norm in Patients.Norms(model))
        {
            foreach (ref float gamma in norm.Weight!.Value.AsSpan<float>()) gamma *= 20;
        }

        model.Recalibrate(data);
        Finding[] found = Above(model, new DoctorData(data));
        Assert.Equal(2, found.Length);
        Assert.All(found, finding => Assert.Equal(("EK205", FindingLevel.Warning), (finding.Rule, finding.Level)));
    }

    [Theory]
    [InlineData("mlp")]
    [InlineData("convnet")]
    [InlineData("own")]
    public void An_answer_that_depends_on_the_batch_is_an_error(string name)
    {
        Sequential model = name switch
        {
            "mlp" => Patients.Mlp(static width => new BatchNorm1d(width, trackRunningStats: false)),
            "convnet" => Patients.ConvNet(static channels => new BatchNorm2d(channels, trackRunningStats: false)),
            _ => Patients.Mlp(static _ => new Centred()),
        };
        TensorDataset data = Patients.DataOf(name == "convnet" ? name : "mlp");
        Patients.Trained(model, data, epochs: 3);
        Finding finding = OnlyOne(model, new DoctorData(data), "EK206");
        Assert.Equal(FindingLevel.Error, finding.Level);
        Assert.Equal(name == "own" ? "" : "1", finding.Layer);
    }

    [Theory]
    [InlineData("mlp", 8, FindingLevel.Warning, "1")]
    [InlineData("flat", 8, FindingLevel.Warning, "2")]
    [InlineData("resnet", 1, FindingLevel.Warning, "layer3.0.bn1")]
    [InlineData("mlp", 1, FindingLevel.Error, "1")]
    public void Few_values_per_channel_are_named(string name, int batchSize, FindingLevel level, string layer)
    {
        Finding finding = OnlyOne(Patients.Healthy(name), new DoctorData(Patients.DataOf(name)), "EK207",
            new DoctorOptions { BatchSize = batchSize });
        Assert.Equal((level, layer), (finding.Level, finding.Layer));
    }

    [Theory]
    [InlineData("mlp")]
    [InlineData("flat")]
    [InlineData("tanh")]
    public void A_last_batch_of_one_sample_is_an_error(string name)
    {
        Module model = name == "tanh" ? Patients.Mlp(activation: static () => new Tanh()) : Patients.Healthy(name);
        TensorDataset data = Patients.DataOf(name == "flat" ? name : "mlp");
        if (name == "tanh") model.Recalibrate(data);
        // 320 = 11·29 + 1.
        var options = new DoctorOptions { BatchSize = 29 };
        Finding finding = OnlyOne(model, new DoctorData(data), "EK208", options);
        Assert.Equal(FindingLevel.Error, finding.Level);
        Assert.DoesNotContain(
            Examine(model, new DoctorData(data), options with { BatchSize = 30 }).Findings, one => one.Rule == "EK208");
    }

    [Theory]
    [InlineData("mlp", "relu")]
    [InlineData("mlp", "tanh")]
    [InlineData("convnet", "relu")]
    public void Dropout_before_a_norm_is_found(string name, string activation)
    {
        Module Make() => activation == "tanh" ? new Tanh() : new ReLU();
        Sequential model = name == "mlp"
            ? Patients.Mlp(activation: Make, dropout: 0.7)
            : Patients.ConvNet(activation: Make, dropout: 0.5);
        TensorDataset data = Patients.DataOf(name);
        Patients.Trained(model, data, epochs: 8);
        Finding finding = OnlyOne(model, new DoctorData(data), "EK209");
        Assert.Equal(name == "mlp" ? "5" : "6", finding.Layer);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Another_domain_is_found_and_the_same_is_not(string name)
    {
        Module model = Patients.Healthy(name);
        var data = new DoctorData(Patients.DataOf(name));
        TensorDataset again = name == "mlp" ? Patients.Table(9) : Patients.Pictures(9);
        Assert.DoesNotContain(
            Examine(model, data with { Other = again }).Findings, static one => one.Level > FindingLevel.Note);
        TensorDataset other = Patients.With(again, static x => x * 0.4 + 0.5);
        Finding finding = OnlyOne(model, data with { Other = other }, "EK210");
        Assert.Contains("Recalibrated on the second set", finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mlp")]
    [InlineData("convnet")]
    [InlineData("flat")]
    public void Values_that_the_data_flow_does_not_show_are_found_by_folding(string name)
    {
        Module inner = name switch
        {
            "mlp" => new Peeking(new Linear(8, 12, bias: false, new Philox(1)), new BatchNorm1d(12)),
            "convnet" => new Peeking(new Conv2d(3, 12, 3, random: new Philox(1)), new BatchNorm2d(12)),
            _ => new Sequential(
                new Flatten(), new Peeking(new Linear(432, 12, random: new Philox(1)), new BatchNorm1d(12))),
        };
        Sequential model = name == "convnet"
            ? new Sequential(inner, new Flatten(), new Linear(1200, 4, random: new Philox(2)))
            : new Sequential(inner, new Linear(12, 4, random: new Philox(2)));
        TensorDataset data = Patients.DataOf(name);
        model.Recalibrate(data);
        Finding finding = OnlyOne(model, new DoctorData(data) { IsLabelled = false }, "EK212");
        Assert.Equal(FindingLevel.Warning, finding.Level);
    }

    [Theory]
    [InlineData("mlp", 0.01)]
    [InlineData("convnet", 0.01)]
    [InlineData("resnet", 0.01)]
    public void An_eps_that_decides_is_asked_for_where_it_is_not_certain(string name, double scale)
    {
        Module model = Patients.Healthy(name);
        TensorDataset data = Patients.DataOf(name);
        foreach (Parameter weight in model.Parameters().Where(static one => one.Shape.Rank > 1))
            weight.Value.CopyFrom(weight.Value.Detach() * scale);
        model.Recalibrate(data);
        var certain = new DoctorData(data) { IsLabelled = false };
        Assert.DoesNotContain(Above(model, certain), static one => one.Rule == "EK213");
        Finding finding = OnlyOne(model, certain with { IsEpsCertain = false }, "EK213");
        Assert.Contains("0.001", finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_batch_size_is_advised(string name)
    {
        Finding finding = Assert.Single(
            Examine(Patients.Healthy(name), new DoctorData(Patients.DataOf(name)),
                new DoctorOptions { BatchSize = 2 }).Findings, static one => one.Rule == "EK214");
        Assert.Equal(FindingLevel.Note, finding.Level);
        Assert.InRange(finding.Measured, 2, 64);
        Assert.Equal(finding.Measured > 2, finding.Message.Contains(
            "Batches of 2, as planned, are too small", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_data_the_rules_say_that_they_need_some()
    {
        Diagnosis diagnosis = TheDoctor.Examine(Patients.Mlp());
        string[] needy = [.. diagnosis.NotChecked.Where(static one => one.Reason == "no data").Select(
            static one => one.Rule)];
        Assert.Equal(14, needy.Length);
        Assert.Equal("EK201", needy[0]);
    }

    [Fact]
    public void A_symptom_is_a_note_beside_its_cause_and_speaks_alone_if_the_rule_of_the_cause_is_off()
    {
        Module model = Patients.Healthy("resnet");
        var data = new DoctorData(Patients.With(Patients.Pictures(1), static x => Patients.Prepared(x, "bgr")));
        Finding beside = Assert.Single(Examine(model, data).Findings, static one => one.Rule == "EK202");
        Assert.Equal(FindingLevel.Note, beside.Level);
        Assert.Contains("EK203 says why", beside.Message, StringComparison.Ordinal);
        Diagnosis alone = TheDoctor.Examine(
            model, data, new DoctorOptions { Disabled = new HashSet<string> { "EK203" } });
        Assert.Equal(
            FindingLevel.Error, Assert.Single(alone.Findings, static one => one.Rule == "EK202").Level);
    }

    [Theory]
    [InlineData("mlp")]
    [InlineData("convnet")]
    public void The_order_of_the_samples_and_the_threads_change_no_finding(string name)
    {
        Module model = Patients.Healthy(name);
        foreach (ITrackingNorm norm in Patients.Norms(model)) norm.Running!.Reset();
        TensorDataset data = Patients.DataOf(name);
        var shuffled = new Subset(data, new Philox(3).Permutation(data.Count));
        var inOrder = Examine(model, new DoctorData(data)).Findings;
        Assert.Equal(
            inOrder.Select(static one => (one.Rule, one.Level, one.Layer)).Order(),
            Examine(model, new DoctorData(shuffled)).Findings.Select(
                static one => (one.Rule, one.Level, one.Layer)).Order());
        using (Compute.UseThreads(1))
        {
            Assert.Equal(
                inOrder.Select(static one => (one.Rule, one.Measured, one.Message)),
                Examine(model, new DoctorData(data)).Findings.Select(
                    static one => (one.Rule, one.Measured, one.Message)));
        }
    }

    [Theory]
    [InlineData("mlp")]
    [InlineData("convnet")]
    public void The_network_stays_as_it_is(string name)
    {
        Module model = Patients.Healthy(name);
        foreach (ITrackingNorm norm in Patients.Norms(model)) norm.Running!.Mean.Value.Fill(0.1);
        byte[][] before = State(model);
        var data = new DoctorData(Patients.DataOf(name));
        Examine(model, data, new DoctorOptions { BatchSize = 8 });
        Assert.Equal(before, State(model));
        using var cancelled = new CancellationTokenSource();
        var progress = new Cancelling(cancelled);
        Assert.Throws<OperationCanceledException>(() => TheDoctor.Examine(
            model, data, options: null, progress, cancelled.Token));
        Assert.Equal(before, State(model));
        Assert.DoesNotContain(model.NamedModules(), static entry => entry.Module.HasHooks);
    }

    [Fact]
    public void Data_that_do_not_fit_are_refused_before_anything_runs()
    {
        Module model = Patients.Healthy("mlp");
        TensorDataset table = Patients.Table(1);
        ArgumentException shape = Refused(new DoctorData(Patients.Pictures(1)));
        Assert.Contains("does not take samples of shape (3, 12, 12)", shape.Message, StringComparison.Ordinal);
        var labels = new TensorDataset(table.Inputs, Tensor.Labels([.. Enumerable.Repeat(7, table.Count)]));
        Assert.Contains("expected labels from 0 to 3", Refused(new DoctorData(labels)).Message,
            StringComparison.Ordinal);
        Assert.Contains("a second set", Refused(new DoctorData(table) { Other = Patients.Pictures(1) }).Message,
            StringComparison.Ordinal);
        Assert.Contains("batches of 2", Refused(new DoctorData(table) { BatchSize = 1 }).Message,
            StringComparison.Ordinal);
        Assert.Contains("got none", Refused(new DoctorData(new Subset(table, []))).Message, StringComparison.Ordinal);

        ArgumentException Refused(DoctorData data) =>
            Assert.Throws<ArgumentException>(() => TheDoctor.Examine(model, data));
    }

    [Fact]
    public void A_rule_of_ones_own_gets_what_is_measured()
    {
        Module model = Patients.Healthy("mlp");
        var data = new DoctorData(Patients.Table(1));
        Diagnosis diagnosis = TheDoctor.Examine(
            model, data, new DoctorOptions { Rules = [new LooksAtEverything()] });
        Finding finding = Assert.Single(diagnosis.Findings, static one => one.Rule == "XX1");
        Assert.Equal("320 samples, 1 5, 2 6", finding.Message);
    }

    private static Diagnosis Examine(Module model, DoctorData data, DoctorOptions? options = null) =>
        TheDoctor.Examine(model, data, (options ?? new DoctorOptions()) with
        {
            Disabled = TheDoctor.Rules.OfType<FileRule>().Select(static rule => rule.Id).ToHashSet(),
        });

    private static Finding[] Above(Module model, DoctorData data, DoctorOptions? options = null) =>
        [.. Examine(model, data, options).Findings.Where(static finding => finding.Level > FindingLevel.Note)];

    private static Finding OnlyOne(Module model, DoctorData data, string rule, DoctorOptions? options = null)
    {
        Finding[] found = Above(model, data, options);
        Assert.True(found.Length == 1 && found[0].Rule == rule, string.Join('\n', found.Select(
            static finding => $"{finding.Rule} {finding.Level} {finding.Layer}: {finding.Message}")));
        return found[0];
    }

    private static Sequential WithDropoutAtTheEnd() =>
    [
        new Linear(8, 24, bias: false, new Philox(1)), new BatchNorm1d(24), new ReLU(), new Dropout(0.3),
        new Linear(24, 4, random: new Philox(3)),
    ];

    private static byte[][] State(Module model) =>
        [.. model.StateEntries().Select(static entry => entry.Live.Bytes().ToArray())];

    /// <summary>A layer that takes the mean of the batch away, in use too.</summary>
    private sealed class Centred : Module
    {
        protected override Tensor ForwardCore(Tensor x) => x - x.Mean([0]);
    }

    /// <summary>A norm and its input, which is read past the tape.</summary>
    private sealed class Peeking : Module
    {
        private readonly Module _layer, _norm;

        public Peeking(Module layer, Module norm) =>
            (_layer, _norm) = (Register("layer", layer), Register("norm", norm));

        protected override Tensor ForwardCore(Tensor x)
        {
            Tensor y = _layer.Forward(x);
            return _norm.Forward(y) + y.Detach().Clone();
        }
    }

    private sealed class Cancelling(CancellationTokenSource source) : IProgress<DoctorProgress>
    {
        public void Report(DoctorProgress value) => source.Cancel();
    }

    private sealed class LooksAtEverything : DataRule
    {
        public override string Id => "XX1";

        public override string Title => "everything";

        public override void Check(DataExamination examination, FindingSink findings) => findings.Add(
            FindingLevel.Note, "", [], 0, $"{examination.Samples} samples, "
                + $"{string.Join(' ', examination.Norms.Select(static norm => norm.Name))}, "
                + string.Join(' ', examination.Activations.Select(static one => one.Name)), "");
    }
}
