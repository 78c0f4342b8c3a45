using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Optim;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Examination;

/// <summary>Healthy networks: no error and no warning.</summary>
public sealed class HealthyTests
{
    private static readonly Dictionary<string, NormKind> s_norms = new(StringComparer.Ordinal)
    {
        ["none"] = NormKind.None,
        ["batch"] = NormKind.BatchNorm,
        ["layer"] = NormKind.LayerNorm,
        ["rms"] = NormKind.RMSNorm,
        ["group"] = NormKind.GroupNorm(2),
        ["instance"] = NormKind.InstanceNorm,
    };

    public static TheoryData<string, string> Networks
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (string norm in s_norms.Keys)
            {
                foreach (string network in new[] { "lenet", "resnet", "deep", "dense" })
                {
                    if (norm != "instance" || network == "resnet") all.Add(network, norm);
                }
            }

            all.Add("imagenet", "batch");

            return all;
        }
    }

    public static TheoryData<string> Files
    {
        get
        {
            var all = new TheoryData<string>();
            string? folder = RealData.Folder is { } data ? Path.Combine(data, "onnx") : null;
            if (folder is null || !Directory.Exists(folder))
            {
                all.Add("onnx");
                return all;
            }

            foreach (string file in Directory.EnumerateFiles(folder, "*.onnx", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal))
            {
                // Single operators in training mode, and norms as they start, are what two of the rules are about.
                if (!file.Contains("training_mode", StringComparison.Ordinal)
                    && !file.Contains("pytorch-converted/test_BatchNorm", StringComparison.Ordinal))
                    all.Add(Path.GetRelativePath(RealData.Folder!, file));
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_network_of_the_library_is_healthy(string network, string norm)
    {
        Module model = Make(network, s_norms[norm]);
        Patients.Season(model, new Philox(7));
        AssertHealthy(Doctor.Examine(model));
        AssertHealthy(Doctor.Examine(ExaminedNetwork.Of(Patients.Archive(model)), network));
    }

    [Theory]
    [InlineData("batch")]
    [InlineData("layer")]
    [InlineData("rms")]
    [InlineData("group")]
    public void A_trained_network_is_healthy(string norm)
    {
        NormKind kind = s_norms[norm];
        var random = new Philox(11);
        var dense = new Sequential(new Linear(8, 32, random: random), kind.Create([32])!, new ReLU(),
            new Linear(32, 32, random: random), kind.Create([32])!, new ReLU(), new Linear(32, 3, random: random));
        Train(dense, [64, 8], random);
        AssertHealthy(Doctor.Examine(dense));
        var planes = new Sequential(
            new Conv2d(1, 16, 3, padding: 1, random: random), kind.Create([16, 8, 8])!, new ReLU(),
            new Conv2d(16, 16, 3, padding: 1, random: random), kind.Create([16, 8, 8])!, new ReLU(),
            new AdaptiveAvgPool2d(1), new Flatten(), new Linear(16, 3, random: random));
        Train(planes, [32, 1, 8, 8], random);
        AssertHealthy(Doctor.Examine(planes));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_of_others_is_healthy(string file)
    {
        OnnxModel model;
        try
        {
            model = OnnxModel.Load(RealData.Require(file));
        }
        catch (InvalidDataException version)
        {
            Assert.Skip(version.Message);
            return;
        }

        AssertHealthy(Doctor.Examine(model));
    }

    [Fact]
    public void A_trained_ResNet_18_is_healthy_and_has_dead_filters_in_its_stem()
    {
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string path = Path.Combine(packages, "microsoft.ml.dnnimagefeaturizer.resnet18", "0.23.1", "tools",
            "DnnImageModels", "ResNet18Onnx", "ResNet18.onnx");
        Assert.SkipUnless(File.Exists(path), "the interop tests have not fetched the trained ResNet-18");
        Diagnosis diagnosis = Doctor.Examine(OnnxModel.Load(path));
        AssertHealthy(diagnosis);
        Assert.Equal(22, diagnosis.Network.Norms.Count());
        Assert.Equal([("EK106", 1), ("EK107", 2), ("EK108", 1)], diagnosis.Findings
            .Where(static finding => finding.Rule is "EK106" or "EK107" or "EK108")
            .Select(static finding => (finding.Rule, finding.Channels.Count)).Order());
        Finding spread = Assert.Single(diagnosis.Findings, static finding => finding.Rule == "EK117");
        Assert.InRange(spread.Measured, 100, 200);
        Assert.Equal(22, Assert.Single(diagnosis.Findings, static finding => finding.Rule == "EK124").Measured);
    }

    [Fact]
    public void The_scale_of_weights_before_a_norm_does_not_matter()
    {
        foreach (string architecture in Patients.Architectures)
        {
            Module model = Patients.Make(architecture);
            Patients.Filter(Patients.Weight(model), 3).Clear();
            Patients.Set(Patients.Norm(model).Weight!.Value, 2, 300);
            string before = Told(Doctor.Examine(model));
            foreach (ref float value in Patients.Weight(model).AsSpan<float>()) value *= 1024;
            Assert.Equal(before, Told(Doctor.Examine(model)));
        }
    }

    [Fact]
    public void The_order_of_channels_does_not_matter()
    {
        foreach (string architecture in Patients.Architectures)
        {
            Module model = Patients.Make(architecture);
            BatchNorm norm = Patients.Norm(model);
            Patients.Set(norm.Bias!.Value, 3, -6);
            Patients.Set(norm.Weight!.Value, 2, 300);
            Patients.Filter(Patients.Weight(model), 5).Clear();
            Diagnosis before = Doctor.Examine(model);
            Tensor[] parts =
            [
                norm.Weight.Value, norm.Bias.Value, norm.Running!.Mean.Value, norm.Running.Variance.Value,
                Patients.Weight(model),
            ];
            foreach (Tensor part in parts)
            {
                int size = part.Count / part.Shape[0];
                float[] old = part.AsSpan<float>().ToArray();
                for (int i = 0; i < part.Shape[0]; i++)
                    old.AsSpan(i * size, size).CopyTo(part.AsSpan<float>()[((part.Shape[0] - 1 - i) * size)..]);
            }

            Diagnosis after = Doctor.Examine(model);
            int last = norm.NumFeatures - 1;
            Assert.Equal(before.Findings.Select(one => (one.Rule, one.Level, one.Measured,
                string.Join(' ', one.Channels.Select(channel => last - channel).Order()))),
                after.Findings.Select(static one => (one.Rule, one.Level, one.Measured,
                string.Join(' ', one.Channels.Order()))));
        }
    }

    [Fact]
    public void Threads_do_not_change_findings()
    {
        Module model = Patients.Make("volumes");
        Patients.Filter(Patients.Weight(model), 5).Clear();
        int threads = Compute.Threads;
        try
        {
            Compute.Threads = 1;
            string one = Told(Doctor.Examine(model));
            Compute.Threads = 3;
            Assert.Equal(one, Told(Doctor.Examine(model)));
        }
        finally
        {
            Compute.Threads = threads;
        }
    }

    private static string Told(Diagnosis diagnosis) => string.Join('\n', diagnosis.Findings.Select(static one =>
        $"{one} {string.Join(' ', one.Channels)}"));

    private static void AssertHealthy(Diagnosis diagnosis) => Assert.True(
        diagnosis.Findings.All(static finding => finding.Level == FindingLevel.Note),
        string.Join('\n', diagnosis.Findings));

    private static Module Make(string network, NormKind norm)
    {
        var random = new Philox(5);
        return network switch
        {
            "lenet" => new LeNet(
                new LeNetOptions { Size = 28, Norm = norm.Equals(NormKind.None) ? null : norm }, random),
            "resnet" => new ResNet(new ResNetOptions { Side = 16, Blocks = 1, Width = 8, Norm = norm }, random),
            "imagenet" => new ImageNetResNet(
                new ImageNetResNetOptions { Side = 64, Depth = 18, Classes = 5, Norm = norm }, random),
            "deep" => new DeepMLP(32, 6, norm, random),
            _ => new FullyConnected(24, [32, 16], 4, norm),
        };
    }

    /// <summary>Clusters around a centre per class.</summary>
    private static void Train(Module model, Shape batch, Philox random)
    {
        var optimizer = new AdamW(model.Parameters(), learningRate: 1e-2);
        var tape = new Tape(Mode.Train);
        Tensor centres = Tensor.RandomNormal([3, batch.Count / batch[0]], random);
        for (int step = 0; step < 80; step++)
        {
            Tensor x = Tensor.RandomNormal(batch, random);
            int size = batch.Count / batch[0];
            var labels = new int[batch[0]];
            for (int i = 0; i < x.Count; i++)
            {
                labels[i / size] = i / size % 3;
                x.AsSpan<float>()[i] += centres.AsSpan<float>()[(labels[i / size] * size) + (i % size)];
            }

            tape.Reset();
            model.Forward(tape.Input(x)).CrossEntropy(Tensor.Labels(labels)).Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
        }
    }
}
