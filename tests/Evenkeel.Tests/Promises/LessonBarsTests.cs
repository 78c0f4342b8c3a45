using System.Text.Json;
using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>
/// What the lesson's experiments must show on CIFAR-10: means over three seeds, of the figures and
/// curves that the lab prints.
/// </summary>
[Trait("Length", "long")]
public sealed class LessonBarsTests
{
    // One process a seed, which loads the images once; weight-scale takes some six seconds.
    private static readonly Lazy<List<JsonElement>> s_results = new(static () =>
    [
        .. Run("231", "deep-net", "batch-size", "layernorm-batch-size", "weight-scale"),
        .. Run("0", "deep-net", "batch-size", "layernorm-batch-size"),
        .. Run("1", "deep-net", "batch-size", "layernorm-batch-size"),
    ]);

    [Fact]
    public void Deep_net_learns_faster_with_batch_norm_and_to_seventy_percent()
    {
        double[][] runs = [.. Results("deep-net", 3)
            .Select(static result => (double[])[Figure(result, "batchnorm.finalTrainAccuracy"),
                .. Curve(result, "batchnorm/train-accuracy"), .. Curve(result, "none/train-accuracy")])];
        double[] mean = Mean(runs);
        Assert.True(mean[0] >= 0.70, $"final training accuracy {mean[0]:F3}");
        int checks = (mean.Length - 1) / 2;
        Assert.Equal(11, checks);
        for (int epoch = 1; epoch < checks; epoch++)
        {
            Assert.True(mean[1 + epoch] > mean[1 + checks + epoch],
                $"epoch {epoch}: {mean[1 + epoch]:F3} with, {mean[1 + checks + epoch]:F3} without");
        }
    }

    [Fact]
    public void Weight_scale_never_diverges_with_batch_norm_and_wins_at_sixteen_scales()
    {
        JsonElement result = Results("weight-scale", 1)[0];
        double[] losses = Curve(result, "batchnorm/final-loss"),
            norm = Curve(result, "batchnorm/best-validation-accuracy"),
            none = Curve(result, "none/best-validation-accuracy");
        Assert.Equal(20, losses.Length);
        // Ten equal guesses have the loss ln 10 = 2.3.
        Assert.All(losses, static loss => Assert.InRange(loss, 0, 5));
        int won = norm.Zip(none).Count(static pair => pair.First > pair.Second);
        Assert.True(won >= 16, $"{won} of 20 scales");
    }

    [Fact]
    public void Batch_norm_needs_large_batches_and_layer_norm_does_not()
    {
        string[] names =
        [
            "batchnorm-5.finalTrainAccuracy", "batchnorm-10.finalTrainAccuracy", "batchnorm-50.finalTrainAccuracy",
            "none-5.finalTrainAccuracy",
        ];
        List<JsonElement> batch = Results("batch-size", 3), layer = Results("layernorm-batch-size", 3);
        double[] mean = Mean([.. batch.Select(result => (double[])[.. names.Select(name => Figure(result, name))])]);
        Assert.True(mean[0] < mean[1] && mean[1] < mean[2], $"at 5, 10, 50: {mean[0]:F3}, {mean[1]:F3}, {mean[2]:F3}");
        Assert.True(mean[0] < mean[3], $"at 5: {mean[0]:F3} with, {mean[3]:F3} without");

        double[] spread = Mean([.. layer.Zip(batch, static (layer, batch) => (double[])[
            Figure(layer, "layernorm.spread"), Figure(batch, "batchnorm.spread")])]);
        Assert.True(spread[0] < spread[1], $"spread {spread[0]:F3} with layer norm, {spread[1]:F3} with batch norm");
    }

    private static List<JsonElement> Results(string experiment, int count)
    {
        RealData.Require("cifar-10-binary.tar.gz");
        List<JsonElement> results = s_results.Value.FindAll(
            result => result.GetProperty("experiment").GetString() == experiment);
        Assert.Equal(count, results.Count);
        return results;
    }

    private static JsonElement[] Run(string seed, params string[] experiments)
    {
        string[] arguments =
        [
            "run", .. experiments, "--json", "--seed", seed, "--data",
            Path.GetDirectoryName(RealData.Require("cifar-10-binary.tar.gz"))!,
        ];
        using LabProcess lab = LabProcess.Run(arguments);
        Assert.True(lab.Process.ExitCode == 0, lab.Error);
        return [.. lab.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => JsonElement.Parse(line))];
    }

    private static double Figure(JsonElement result, string name) =>
        result.GetProperty("figures").GetProperty(name).GetDouble();

    private static double[] Curve(JsonElement result, string name) => [.. result.GetProperty("series")
        .EnumerateArray()
        .Single(series => series.GetProperty("name").GetString() == name)
        .GetProperty("y")
        .EnumerateArray()
        .Select(static y => y.ValueKind == JsonValueKind.Number ? y.GetDouble() : double.NaN)];

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
