using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Lab.Experiments.Regularization;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>
/// Claims on regularization, fed with made-up figures: the verdict must follow from the sign of what is measured.
/// </summary>
public sealed class RegularizationClaimsTests
{
    [Theory]
    [InlineData(0.80, 0.80, "holds")]
    [InlineData(0.85, 0.85, "fails")]
    [InlineData(0.85,
        0.79, "holds only for dropout 0.1 in place of it, dropout 0.25 in place of it and dropout 0.5 in place of it")]
    public void C3_wants_no_dropout_to_beat_batch_norm_alone(double besides, double alone, string verdict)
    {
        Dictionary<string, double> figures =
            new() { ["batchnorm-0.testAccuracy"] = 0.8, ["none-0.testAccuracy"] = 0.78 };
        foreach (double rate in DropoutGrid.Rates.Skip(1))
        {
            figures[DropoutGrid.Variant("batchnorm", rate) + ".testAccuracy"] = besides;
            figures[DropoutGrid.Variant("none", rate) + ".testAccuracy"] = alone;
        }

        Finding finding = new C03Dropout().Judge(MadeUp.Evidence(("dropout", figures)));
        Assert.Equal(verdict, finding.VerdictText);
        Assert.Contains("+0.0", finding.Remark, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.1, 0.5, "holds")]
    [InlineData(0.3, 0.9, "fails")]
    [InlineData(0.1, 0.9, "holds only for nets that know the training images by heart")]
    public void C24_wants_a_narrower_gap(double gap, double deep, string verdict)
    {
        Finding finding = new C24Overfitting().Judge(MadeUp.Evidence(
            ("dropout", new()
            {
                ["batchnorm-0.gap"] = gap,
                ["none-0.gap"] = 0.2,
                ["batchnorm-0.testAccuracy"] = 0.8,
                ["none-0.testAccuracy"] = 0.8,
                ["batchnorm-0.trainAccuracy"] = 0.99,
                ["none-0.trainAccuracy"] = 0.98,
            }),
            ("deep-net", new()
            {
                ["batchnorm.finalTrainAccuracy"] = deep,
                ["batchnorm.finalValidationAccuracy"] = 0.3,
                ["none.finalTrainAccuracy"] = 0.7,
                ["none.finalValidationAccuracy"] = 0.3,
            })));
        Assert.Equal(verdict, finding.VerdictText);
    }

    [Theory]
    [InlineData(0.001, 0.02, "holds")]
    [InlineData(0.03, 0.02, "fails")]
    [InlineData(0.03, 0.04, "holds in part: decay gains less than without batch norm")]
    public void C4_wants_decay_to_gain_nothing_or_less(double with, double without, string verdict)
    {
        Finding finding = new C04WeightDecay().Judge(MadeUp.Evidence(("weight-decay", new()
        {
            ["batchnorm.gain"] = with,
            ["none.gain"] = without,
            ["batchnorm.bestDecay"] = 0.003,
            ["none.bestDecay"] = 0.01,
            ["batchnorm-0.effectiveRate"] = 0.05,
            ["batchnorm-0.1.effectiveRate"] = 10,
            ["equivalence.difference"] = 0.01,
            ["equivalence.withoutDecay"] = 1,
        })));
        Assert.Equal(verdict, finding.VerdictText);
        Assert.Contains("by 200;", finding.Remark, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.80, 0.80, "holds")]
    [InlineData(0.90, 0.90, "fails")]
    [InlineData(
        0.80, 0.90, "holds only for comparison with statistics of smaller batches and comparison with smaller batches")]
    public void C26_wants_fifty_and_a_hundred_ahead_of_smaller_and_larger(double smaller, double larger, string verdict)
    {
        var figures = new Dictionary<string, double>();
        foreach (string kind in (string[])["statistics", "batch"])
        {
            foreach (int size in BatchGeneralization.Sizes)
                figures[$"{kind}-{size}.testAccuracy"] = size < 50 ? smaller : size > 100 ? larger : 0.85;
        }

        Finding finding = new C26ModerateBatch().Judge(MadeUp.Evidence(("batch-generalization", figures)));
        Assert.Equal(verdict, finding.VerdictText);
        Assert.Equal(4, finding.Cases.Count);
    }

    [Theory]
    [InlineData(0.9, 0.2, 0.1, "holds")]
    [InlineData(0.5, 0.9, 0.9, "fails")]
    [InlineData(0.9, 0.2, 0.9, "holds, except for L2 of 0.1 and L2 of 0.3")]
    public void C19_wants_layer_norm_to_fail_where_narrow_or_penalized_and_not_where_deep(
        double deep, double narrow, double penalized, string verdict)
    {
        var figures = new Dictionary<string, double>();
        foreach (string norm in LayerNormLimits.Norms)
        {
            bool isLayer = norm == "layernorm";
            foreach (double value in LayerNormLimits.Widths)
                figures[$"{LayerNormLimits.Variant(norm, "width", value)}.trainAccuracy"] = isLayer ? narrow : 0.5;
            foreach (double value in LayerNormLimits.Penalties)
                figures[$"{LayerNormLimits.Variant(norm, "l2", value)}.trainAccuracy"] = isLayer ? penalized : 0.5;
            foreach (string what in (string[])[LayerNormLimits.ByDepth, LayerNormLimits.ByDepthFromSmall])
            {
                foreach (double value in LayerNormLimits.Depths)
                    figures[$"{LayerNormLimits.Variant(norm, what, value)}.trainAccuracy"] = isLayer ? deep : 0.5;
            }
        }

        Assert.Equal(
            verdict, new C19LayerNormLimits().Judge(MadeUp.Evidence(("layernorm-limits", figures))).VerdictText);
    }

    [Theory]
    [InlineData(0.85, 0.85, "holds")]
    [InlineData(0.5, 0.6, "fails")]
    [InlineData(0.5, 0.845, "holds, except for parts of 2 images")]
    public void C37_wants_parts_as_good_as_the_whole_batch(double two, double others, string verdict)
    {
        var figures = new Dictionary<string, double>();
        foreach (ComparedNet net in DataParallel.Nets)
        {
            foreach (string figure in (ReadOnlySpan<string>)["testAccuracy", "recalibratedTestAccuracy"])
            {
                figures[$"{DataParallel.Figure(net, null)}.{figure}"] = 0.85;
                foreach (int size in DataParallel.Sizes)
                    figures[$"{DataParallel.Figure(net, size)}.{figure}"] = size == 2 ? two : others;
            }
        }

        Finding finding = new C37LocalStatistics().Judge(MadeUp.Evidence(("data-parallel", figures)));
        Assert.Equal(verdict, finding.VerdictText);
        Assert.NotNull(finding.Remark);
    }
}
