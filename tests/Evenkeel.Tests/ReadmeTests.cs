using Evenkeel.Data;
using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Nn;
using Evenkeel.Tests.Surgery;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>What the README shows is what compiles and runs.</summary>
public sealed class ReadmeTests
{
    private const int QuickStartLines = 25;

    private const int SampleLines = 40;

    /// <summary>Some ten roundings of values of a few units in float32.</summary>
    private const float ScratchRounding = 4e-6f;

    [Fact]
    public void The_quick_start_is_the_sample_and_short()
    {
        string sample = Repository.Text("samples", "quick-start.cs");
        sample = sample[sample.IndexOf("using ", StringComparison.Ordinal)..].Trim();
        Assert.Contains(sample, Repository.Text("README.md"), StringComparison.Ordinal);
        Assert.Contains(sample, Repository.Text("src", "Evenkeel", "README.md"), StringComparison.Ordinal);
        Assert.InRange(sample.Split('\n').Length, 1, QuickStartLines);
    }

    [Fact]
    public void Every_sample_is_one_short_file_in_the_README_and_says_what_it_prints()
    {
        string[] samples = [.. Directory.GetFiles(Path.Combine(Repository.Root, "samples"), "*.cs")
            .Select(path => Path.GetFileName(path))];
        Assert.InRange(samples.Length, 9, 40);
        foreach (string sample in samples)
        {
            string[] lines = Repository.Text("samples", sample).TrimEnd().Split('\n');
            Assert.Equal(sample.Contains("onnx", StringComparison.Ordinal)
                ? "#:project ../src/Evenkeel.Onnx/Evenkeel.Onnx.csproj"
                : sample == "data-parallel.cs" ? "#:project ../src/Evenkeel.Mpi/Evenkeel.Mpi.csproj"
                : "#:project ../src/Evenkeel/Evenkeel.csproj", lines[0]);
            Assert.Single(lines, line => line.StartsWith("// Prints: ", StringComparison.Ordinal));
            Assert.InRange(lines.Length, 1, SampleLines);
            Assert.Contains($"(samples/{sample})", Repository.Text("README.md"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_layer_of_your_own_is_the_one_below()
    {
        string source = Repository.Text("tests", "Evenkeel.Tests", "Nn", "ScratchBatchNorm.cs");
        Assert.Contains(source[source.IndexOf("public sealed class", StringComparison.Ordinal)..].Trim(),
            Repository.Text("README.md"), StringComparison.Ordinal);

        ScratchBatchNorm scratch = new(4);
        BatchNorm1d fused = new(4, RunningAverage.Keep(0.9) with { Estimator = VarianceEstimator.Biased });
        var random = new Philox(1);
        var tape = new Tape(Mode.Train);
        for (int step = 0; step < 30; step++)
        {
            tape.Reset();
            Tensor x = (Tensor.RandomNormal([16, 4], random) * 3) + 2;
            Equal(fused.Forward(tape.Input(x)), scratch.Forward(tape.Input(x)));
        }

        // In Eval an answer is the same alone and beside any other sample.
        Tensor samples = Tensor.RandomNormal([5, 4], random);
        Tensor together = scratch.Predict(samples);
        Equal(fused.Predict(samples), together);
        Assert.Equal(together.ToArray<float>(), scratch.Predict(samples, chunk: 1).ToArray<float>());

        static void Equal(Tensor expected, Tensor got)
        {
            for (int i = 0; i < expected.Count; i++)
                Assert.Equal(expected.AsSpan<float>()[i], got.AsSpan<float>()[i], ScratchRounding);
        }
    }

    [Fact]
    public void What_to_do_after_training_is_the_code_below()
    {
        string source = Repository.Text("tests", "Evenkeel.Tests", "Surgery", "AfterTraining.cs");
        Assert.Contains(source[source.IndexOf("public static class", StringComparison.Ordinal)..].Trim(),
            Repository.Text("README.md"), StringComparison.Ordinal);

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
        string readme = Repository.Text("README.md");
        Assert.NotEmpty(ExperimentCatalog.All);
        Assert.All(ExperimentCatalog.All,
            experiment => Assert.Contains($"`{experiment.Name}`", readme, StringComparison.Ordinal));
    }
}
