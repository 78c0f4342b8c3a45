using Evenkeel.Data;
using Evenkeel.Diagnostics;
using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Nn;
using Evenkeel.Tests.Training;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>What the README shows is what compiles and runs.</summary>
public sealed class ReadmeTests
{
    private const int QuickStartLines = 25;

    [Fact]
    public void The_quick_start_is_the_sample_and_short()
    {
        string sample = Text("samples", "QuickStart", "Program.cs").Trim();
        Assert.Contains(sample, Text("README.md"), StringComparison.Ordinal);
        Assert.Contains(sample, Text("src", "Evenkeel", "README.md"), StringComparison.Ordinal);
        Assert.InRange(sample.Split('\n').Length, 1, QuickStartLines);
    }

    [Fact]
    public void The_layer_of_your_own_is_the_one_below()
    {
        string source = Text("tests", "Evenkeel.Tests", "Nn", "ScratchBatchNorm.cs");
        Assert.Contains(source[source.IndexOf("public sealed class", StringComparison.Ordinal)..].Trim(), Text("README.md"), StringComparison.Ordinal);

        Tensor x = Tensor.RandomNormal([16, 4], new Philox(1));
        var tape = new Tape(Mode.Train);
        float[] scratch = new ScratchBatchNorm(4).Forward(tape.Input(x)).ToArray<float>();
        float[] fused = new BatchNorm1d(4).Forward(tape.Input(x)).ToArray<float>();
        for (int i = 0; i < fused.Length; i++) Assert.Equal(fused[i], scratch[i], 2e-6f);
    }

    [Fact]
    public void What_to_do_after_training_is_the_code_below()
    {
        string source = Text("tests", "Evenkeel.Tests", "Training", "AfterTraining.cs");
        Assert.Contains(source[source.IndexOf("public static class", StringComparison.Ordinal)..].Trim(), Text("README.md"), StringComparison.Ordinal);

        LeNet model = LeNet.Gray(norm: NormKind.BatchNorm, random: new Philox(1));
        Tensor images = Tensor.RandomNormal([12, 1, 28, 28], new Philox(2));
        var set = new TensorDataset(images, Tensor.Zeros([12], DType.Int64));
        var shown = new List<object>();
        Module folded = AfterTraining.Finish(model, set, set, images, shown.Add);
        Assert.IsType<RecalibrationReport>(shown[0]);
        Assert.All(((FoldResult)shown[1]).Layers, layer => Assert.Equal(FoldStatus.IntoLayerBefore, layer.Status));
        Assert.Equal(LeNet.Gray().ToString().Split('\n').Length + 4, folded.ToString().Split('\n').Length);
    }

    [Fact]
    public void Every_experiment_is_in_the_table()
    {
        string readme = Text("README.md");
        Assert.NotEmpty(ExperimentCatalog.All);
        Assert.All(ExperimentCatalog.All, experiment => Assert.Contains($"`{experiment.Name}`", readme, StringComparison.Ordinal));
    }

    private static string Text(params string[] path)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Evenkeel.slnx"))) folder = folder.Parent;
        return File.ReadAllText(Path.Combine([folder.FullName, .. path]));
    }
}
