using System.Text.Json;
using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>What the lesson's experiments must show on CIFAR-10: means over three seeds, of the figures and curves that the lab prints.</summary>
public sealed class LessonBarsTests
{
    private static readonly string[] s_seeds = ["231", "0", "1"];

    [Fact]
    public void Deep_net_learns_faster_with_batch_norm_and_to_seventy_percent()
    {
        double[][] runs = [.. Run("deep-net", s_seeds).Select(static result => (double[])[Figure(result, "batchnorm.finalTrainAccuracy"), .. Curve(result, "batchnorm/train-accuracy"), .. Curve(result, "none/train-accuracy")])];
        double[] mean = Mean(runs);
        Assert.True(mean[0] >= 0.70, $"final training accuracy {mean[0]:F3}");
        int checks = (mean.Length - 1) / 2;
        Assert.Equal(11, checks);
        for (int epoch = 1; epoch < checks; epoch++)
            Assert.True(mean[1 + epoch] > mean[1 + checks + epoch], $"epoch {epoch}: {mean[1 + epoch]:F3} with, {mean[1 + checks + epoch]:F3} without");
    }

    [Fact]
    public void Weight_scale_never_diverges_with_batch_norm_and_wins_at_sixteen_scales()
    {
        // Some six seconds a seed, so one of them.
        JsonElement result = Run("weight-scale", s_seeds.AsSpan(0, 1)).Single();
        double[] losses = Curve(result, "batchnorm/final-loss"), norm = Curve(result, "batchnorm/best-validation-accuracy"), none = Curve(result, "none/best-validation-accuracy");
        Assert.Equal(20, losses.Length);
        // Ten equal guesses have the loss ln 10 = 2.3.
        Assert.All(losses, static loss => Assert.InRange(loss, 0, 5));
        int won = norm.Zip(none).Count(static pair => pair.First > pair.Second);
        Assert.True(won >= 16, $"{won} of 20 scales");
    }

    [Fact]
    public void Batch_norm_needs_large_batches_and_layer_norm_does_not()
    {
        // layernorm-batch-size trains the nets of batch-size as well, from the same stream: one epoch shows that they are the same, and the long runs are made once.
        string[] names = ["batchnorm-5.finalTrainAccuracy", "batchnorm-10.finalTrainAccuracy", "batchnorm-50.finalTrainAccuracy", "none-5.finalTrainAccuracy"];
        JsonElement small = Run("batch-size", ["0"], "--epochs", "1").Single(), both = Run("layernorm-batch-size", ["0"], "--epochs", "1").Single();
        Assert.All(names, name => Assert.Equal(Figure(small, name), Figure(both, name)));

        List<JsonElement> results = Run("layernorm-batch-size", s_seeds);
        double[] mean = Mean([.. results.Select(result => (double[])[.. names.Select(name => Figure(result, name))])]);
        Assert.True(mean[0] < mean[1] && mean[1] < mean[2], $"at 5, 10, 50: {mean[0]:F3}, {mean[1]:F3}, {mean[2]:F3}");
        Assert.True(mean[0] < mean[3], $"at 5: {mean[0]:F3} with, {mean[3]:F3} without");

        double[] spread = Mean([.. results.Select(static result => (double[])[Figure(result, "layernorm.spread"), Figure(result, "batchnorm.spread")])]);
        Assert.True(spread[0] < spread[1], $"spread {spread[0]:F3} with layer norm, {spread[1]:F3} with batch norm");
    }

    private static List<JsonElement> Run(string experiment, ReadOnlySpan<string> seeds, params string[] more)
    {
        string folder = Path.GetDirectoryName(RealData.Require("cifar-10-binary.tar.gz"))!;
        var results = new List<JsonElement>();
        foreach (string seed in seeds)
        {
            using LabProcess lab = LabProcess.Run(["run", experiment, "--json", "--seed", seed, "--data", folder, .. more]);
            Assert.True(lab.Process.ExitCode == 0, lab.Error);
            using JsonDocument result = JsonDocument.Parse(lab.Output);
            results.Add(result.RootElement.Clone());
        }

        return results;
    }

    private static double Figure(JsonElement result, string name) => result.GetProperty("figures").GetProperty(name).GetDouble();

    private static double[] Curve(JsonElement result, string name) =>
        [.. result.GetProperty("series").EnumerateArray().Single(series => series.GetProperty("name").GetString() == name).GetProperty("y").EnumerateArray().Select(static y => y.ValueKind == JsonValueKind.Number ? y.GetDouble() : double.NaN)];

    private static double[] Mean(double[][] runs)
    {
        double[] mean = new double[runs[0].Length];
        foreach (double[] run in runs)
        {
            Assert.Equal(mean.Length, run.Length);
            for (int i = 0; i < mean.Length; i++) mean[i] += run[i] / runs.Length;
        }

        return mean;
    }
}
