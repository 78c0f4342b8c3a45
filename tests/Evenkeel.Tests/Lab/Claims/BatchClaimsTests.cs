using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Notebook;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>
/// Claims on batch sizes, fed with made-up figures: the verdict must follow from the sign of what is measured.
/// </summary>
public sealed class BatchClaimsTests
{
    [Theory]
    [InlineData(0.4, 0.6, 0.8, 0.6, 0.3, "holds")]
    [InlineData(0.8, 0.6, 0.4, 0.6, 0.3, "fails")]
    [InlineData(0.4, 0.6, 0.8, 0.3, 0.3, "holds, except for no norm against batch norm at 5")]
    [InlineData(0.4, 0.6, 0.8, 0.6, null, "holds")]
    public void C17_wants_larger_batches_to_help_and_none_ahead_at_five(
        double five, double ten, double fifty, double none, double? noneAtEqualUpdates, string verdict)
    {
        var figures = new Dictionary<string, double>
        {
            ["batchnorm-5.finalTrainAccuracy"] = five,
            ["batchnorm-10.finalTrainAccuracy"] = ten,
            ["batchnorm-50.finalTrainAccuracy"] = fifty,
            ["none-5.finalTrainAccuracy"] = five < fifty ? none : 0.1,
        };
        if (noneAtEqualUpdates is { } same)
        {
            foreach ((int size, double value) in (ReadOnlySpan<(int, double)>)[(5, five), (10, ten), (50, fifty)])
            {
                figures[$"batchnorm-{size}.trainAccuracyAtEqualUpdates"] = value;
                figures[$"none-{size}.trainAccuracyAtEqualUpdates"] = same;
            }
        }

        Finding finding = new C17BatchSize().Judge(MadeUp.Evidence(("batch-size", figures)));
        Assert.Equal(verdict, finding.VerdictText);
        Assert.NotNull(finding.Remark);
    }

    [Theory]
    [InlineData(0.6, 0.7, 0.8, "holds")]
    [InlineData(0.3, 0.5, 0.8, "fails")]
    [InlineData(0.3, 0.7, 0.8, "holds only for batches of 10 and 50")]
    public void C18_wants_a_smaller_spread(double five, double ten, double fifty, string verdict)
    {
        Evidence evidence = MadeUp.Evidence(
            ("layernorm-batch-size", new Dictionary<string, double>
            {
                ["layernorm-5.finalTrainAccuracy"] = five,
                ["layernorm-10.finalTrainAccuracy"] = ten,
                ["layernorm-50.finalTrainAccuracy"] = fifty,
                ["layernorm.spread"] = fifty - five,
            }),
            ("batch-size", new Dictionary<string, double>
            {
                ["batchnorm-5.finalTrainAccuracy"] = 0.4,
                ["batchnorm-10.finalTrainAccuracy"] = 0.6,
                ["batchnorm-50.finalTrainAccuracy"] = 0.85,
                ["none.spread"] = 0.1,
            }));
        Assert.Equal(verdict, new C18LayerNormBatch().Judge(evidence).VerdictText);
    }

    [Fact]
    public void Equal_updates_are_compared_where_an_epoch_ends()
    {
        Assert.Equal(1, BatchSizeExperiment.EpochsOfEqualUpdates(10, 1000, 5));
        Assert.Equal(2, BatchSizeExperiment.EpochsOfEqualUpdates(10, 1000, 10));
        Assert.Equal(10, BatchSizeExperiment.EpochsOfEqualUpdates(10, 1000, 50));
        Assert.Null(BatchSizeExperiment.EpochsOfEqualUpdates(5, 1000, 5));
    }

    [Fact]
    public void The_notebooks_plots_have_its_labels()
    {
        var result = new ExperimentResult();
        foreach (string variant in ExperimentCatalog.Find("batch-size")!.Variants
            .Concat(ExperimentCatalog.Find("layernorm-batch-size")!.Variants))
        {
            result.AddSeries($"{variant}/train-accuracy", [0.1, 0.2]);
            result.AddSeries($"{variant}/validation-accuracy", [0.1, 0.2]);
        }

        IReadOnlyList<Chart> batch = ExperimentCatalog.Find("batch-size")!.Charts(result),
            layer = ExperimentCatalog.Find("layernorm-batch-size")!.Charts(result);
        Assert.Equal("Training accuracy (Batch Normalization)", batch[0].Title);
        Assert.Equal(["with_norm5", "with_norm10", "with_norm50", "baseline5"],
            batch[0].Curves.Select(static curve => curve.Label));
        Assert.Equal("Validation accuracy (Layer Normalization)", layer[1].Title);
        Assert.Equal(["with_norm5", "with_norm10", "with_norm50"], layer[1].Curves.Select(static curve => curve.Label));
    }
}
