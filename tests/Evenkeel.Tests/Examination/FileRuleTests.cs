using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Examination;

/// <summary>
/// The proof of each rule: a healthy network with one injury, on which this rule speaks and no other warns.
/// </summary>
public sealed class FileRuleTests
{
    public static TheoryData<string, string> Mutants
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (string injury in Injuries.All.Keys)
            {
                foreach (string architecture in Patients.Architectures) all.Add(injury, architecture);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public void An_injury_is_found_and_nothing_else_is_said(string injury, string architecture)
    {
        (string rule, FindingLevel level, Injuries.Injury injure) = Injuries.All[injury];
        Module model = Patients.Make(architecture);
        injure(model, Patients.Norm(model), Patients.Weight(model));
        AssertOnly(Doctor.Examine(model), rule, level);
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_file_shows_the_same_injury(string injury, string architecture)
    {
        (string rule, FindingLevel level, Injuries.Injury injure) = Injuries.All[injury];
        Module model = Patients.Make(architecture);
        injure(model, Patients.Norm(model), Patients.Weight(model));
        Diagnosis diagnosis = Doctor.Examine(ExaminedNetwork.Of(Patients.Archive(model)), "file");
        // What follows a norm is in no file of tensors, and the doctor says so.
        if (rule is "EK108" or "EK109") Assert.Contains(diagnosis.NotChecked, one => one.Rule == rule);
        else AssertOnly(diagnosis, rule, level);
    }

    [Fact]
    public void A_finding_names_its_layer_and_channels()
    {
        Module model = Patients.Make("convolutions");
        Patients.Set(Patients.Norm(model).Running!.Variance.Value, 3, double.NaN);
        Finding finding = Doctor.Examine(model).Findings[0];
        Assert.Equal(Patients.NameOfNorm(model), finding.Layer);
        Assert.Equal([3], finding.Channels);
        Assert.Equal("ill: 1 error, 0 warnings, 1 note", Doctor.Examine(model).Verdict);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_residual_branch_that_never_opened_is_found(int blocks)
    {
        var model = new ResNet(new ResNetOptions { Side = 16, Blocks = blocks, Width = 8, Classes = 4 }, new Philox(1));
        Patients.Season(model, new Philox(2));
        var last = (BatchNorm)model.NamedModules().First(static pair => pair.Name == "layer1.0.bn2").Module;
        last.Weight!.Value.Fill(0);
        Diagnosis diagnosis = Doctor.Examine(model);
        AssertOnly(diagnosis, "EK111", FindingLevel.Warning);
        Assert.Equal("layer1.0.bn2", diagnosis.Findings[0].Layer);
    }

    [Theory]
    [InlineData("dense")]
    [InlineData("convolutions")]
    [InlineData("volumes")]
    public void One_gamma_for_all_channels_is_found(string architecture)
    {
        Module model = Patients.Make(architecture);
        TensorArchive archive = Patients.With(model, $"{Patients.NameOfNorm(model)}.weight", Tensor.Ones([1]));
        AssertOnly(Doctor.Examine(ExaminedNetwork.Of(archive), "file"), "EK113", FindingLevel.Warning);
    }

    [Theory]
    [InlineData("dense", 0.1f, FindingLevel.Note)]
    [InlineData("convolutions", 0.1f, FindingLevel.Note)]
    [InlineData("transposed", 0.1f, FindingLevel.Note)]
    [InlineData("dense", 90f, FindingLevel.Warning)]
    [InlineData("convolutions", 90f, FindingLevel.Warning)]
    [InlineData("transposed", 90f, FindingLevel.Warning)]
    public void A_bias_before_a_batch_norm_is_redundant(string architecture, float bias, FindingLevel level)
    {
        var random = new Philox(3);
        Module layer = architecture switch
        {
            "dense" => new Linear(4, 8, random: random),
            "transposed" => new ConvTranspose2d(4, 8, 3, random: random),
            _ => new Conv2d(4, 8, 3, random: random),
        };
        layer.OwnParameters["bias"].Value.Fill(bias);
        var model = new Sequential(
            layer, architecture == "dense" ? new BatchNorm1d(8) : new BatchNorm2d(8), new ReLU());
        Patients.Season(model, random);
        AssertOnly(Doctor.Examine(model), "EK114", level);
    }

    [Fact]
    public void A_bias_before_a_norm_of_samples_is_not_redundant()
    {
        foreach (Module norm in new Module[] { new GroupNorm(2, 8), new LayerNorm([8, 4, 4]) })
        {
            var model = new Sequential(new Conv2d(4, 8, 3, random: new Philox(1)), norm, new ReLU());
            Assert.DoesNotContain(Doctor.Examine(model).Findings, static finding => finding.Rule == "EK114");
        }
    }

    [Theory]
    [InlineData("dense")]
    [InlineData("convolutions")]
    [InlineData("volumes")]
    public void Half_precision_does_not_hold_every_variance(string architecture)
    {
        Module model = Patients.Make(architecture);
        var options = new DoctorOptions { TargetType = "F16" };
        Assert.DoesNotContain(Doctor.Examine(model, options).Findings, static finding => finding.Rule == "EK116");
        BatchNorm norm = Patients.Norm(model);
        Patients.Set(norm.Running!.Variance.Value, 2, 1e5);
        Assert.Contains(Doctor.Examine(model).NotChecked, static one => one.Rule == "EK116");
        AssertOnly(Doctor.Examine(model, options), "EK116", FindingLevel.Note);

        string name = $"{Patients.NameOfNorm(model)}.running_var";
        var archive = new TensorArchive();
        foreach ((string key, Tensor value) in model.StateDict())
        {
            if (key != name) archive.Add(key, value);
            else archive.Add(key, StoredInHalf(value, zero: 2), "F16", [value.Count]);
        }

        AssertOnly(Doctor.Examine(ExaminedNetwork.Of(archive), "file"), "EK116", FindingLevel.Error);
    }

    [Theory]
    [InlineData("dense")]
    [InlineData("convolutions")]
    [InlineData("residual")]
    public void Lengths_that_differ_are_found(string architecture)
    {
        Module model = Patients.Make(architecture);
        TensorArchive archive = Patients.With(model, $"{Patients.NameOfNorm(model)}.running_var", Tensor.Ones([7]));
        AssertOnly(Doctor.Examine(ExaminedNetwork.Of(archive), "file"), "EK121", FindingLevel.Error);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_layer_norm_over_one_value_is_found(int depth)
    {
        var model = new Sequential();
        for (int i = 0; i < depth; i++) model.Add(new Linear(4, 4, random: new Philox((ulong)i)));
        model.Add(new Linear(4, 1, random: new Philox(9)));
        model.Add(new LayerNorm(1));
        AssertOnly(Doctor.Examine(model), "EK122", FindingLevel.Error);
    }

    [Fact]
    public void Foldable_norms_are_counted()
    {
        Finding finding = Assert.Single(Doctor.Examine(Patients.Make("convolutions")).Findings);
        Assert.Equal(("EK124", FindingLevel.Note, 3.0), (finding.Rule, finding.Level, finding.Measured));
    }

    [Fact]
    public void Names_of_Keras_are_noticed()
    {
        var archive = new TensorArchive();
        var random = new Philox(4);
        Tensor kernel = Tensor.RandomNormal([3, 3, 3, 8], random);
        archive.Add("conv.kernel", kernel);
        foreach (string part in new[] { "gamma", "beta", "moving_mean", "moving_variance" })
            archive.Add($"bn.{part}", Tensor.RandomUniform([8], random) + 0.5);
        Diagnosis diagnosis = Doctor.Examine(ExaminedNetwork.Of(archive), "file");
        AssertOnly(diagnosis, "EK120", FindingLevel.Note);
        Assert.Equal("conv", diagnosis.Network.Norms.Single().Before?.Name);
    }

    [Fact]
    public void A_rule_can_be_switched_off_allowed_and_bounded()
    {
        Module model = Patients.Make("dense");
        BatchNorm norm = Patients.Norm(model);
        Injuries.Offset(norm, 80);
        string layer = Patients.NameOfNorm(model);
        Assert.Contains(Doctor.Examine(model).Findings, static finding => finding.Rule == "EK115");
        DoctorOptions[] silent =
        [
            new() { Disabled = new HashSet<string> { "EK115" } },
            new() { Allowed = new HashSet<(string, string)> { ("EK115", layer) } },
            new() { Bounds = new Dictionary<string, double> { ["EK115"] = 100 } },
        ];
        foreach (DoctorOptions options in silent)
            Assert.DoesNotContain(Doctor.Examine(model, options).Findings, static finding => finding.Rule == "EK115");
    }

    [Fact]
    public void The_most_harmful_comes_first()
    {
        Module model = Patients.Make("convolutions");
        BatchNorm norm = Patients.Norm(model);
        Injuries.Offset(norm, 800);
        Patients.Set(norm.Weight!.Value, 2, 300);
        norm.Running!.NumBatchesTracked.Value.Fill(500);
        var last = (BatchNorm)model.NamedModules().Last(static pair => pair.Module is BatchNorm).Module;
        Patients.Set(last.Running!.Variance.Value, 0, double.NaN);
        IReadOnlyList<Finding> findings = Doctor.Examine(model).Findings;
        Assert.Equal(["EK101", "EK115"], findings.Take(2).Select(static finding => finding.Rule));
        Assert.Equal(findings.OrderByDescending(static finding => finding.Level).Select(static one => one.Level),
            findings.Select(static one => one.Level));
    }

    private static void AssertOnly(Diagnosis diagnosis, string rule, FindingLevel level)
    {
        Finding[] found = [.. diagnosis.Findings.Where(finding => finding.Rule == rule)];
        Assert.NotEmpty(found);
        Finding finding = found[0];
        Assert.Equal(level, finding.Level);
        Assert.All(diagnosis.Findings, other => Assert.True(
            other.Rule == rule || other.Level == FindingLevel.Note, other.ToString()));
        Assert.NotEmpty(finding.Message);
        Assert.NotEmpty(finding.Remedy);
        Assert.True(finding.Layer.Length == 0
            || diagnosis.Network.Layers.Any(layer => layer.Name == finding.Layer), finding.Layer);
    }

    private static byte[] StoredInHalf(Tensor values, int zero)
    {
        byte[] bytes = new byte[2 * values.Count];
        for (int i = 0; i < values.Count; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteHalfLittleEndian(
                bytes.AsSpan(2 * i), (Half)(i == zero ? 0 : values.ValueAt(i)));
        }

        return bytes;
    }
}
