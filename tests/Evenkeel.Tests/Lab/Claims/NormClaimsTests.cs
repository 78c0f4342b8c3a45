using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments.Convnets;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>
/// Claims on other norms and on what is done around a norm, fed with made-up figures: the verdict must follow from the
/// sign of what is measured.
/// </summary>
public sealed class NormClaimsTests
{
    [Theory]
    [InlineData(0.6, 0.6, "holds")]
    [InlineData(0.8, 0.8, "fails")]
    [InlineData(0.8, 0.6, "holds, except for the ResNet")]
    public void C28_wants_batch_norm_behind_at_batches_of_2(double resnet, double others, string verdict) =>
        Assert.Equal(verdict, Judge("C28", Compared((net, norm, size) =>
            norm != ComparedNorm.Batch || size != 2 ? 0.8 : net == ComparedNet.ResNet ? resnet : others)));

    [Theory]
    [InlineData(0.79, 0, "holds")]
    [InlineData(0.7, 1e-3, "fails")]
    [InlineData(0.9, 0, "holds only for an image's output in another batch")]
    public void C29_wants_group_norm_the_same_at_2_and_32(double tiny, double mates, string verdict)
    {
        (string name, Dictionary<string, double> figures) = Compared(
            (_, norm, size) => norm == ComparedNorm.Group && size == 2 ? tiny : 0.8);
        figures["groupnorm.mateEffect"] = mates;
        figures["batchnorm.mateEffect"] = 0.3;
        Assert.Equal(verdict, Judge("C29", (name, figures)));
    }

    [Theory]
    [InlineData(0.82, 0.81, "holds")]
    [InlineData(0.79, 0.8, "fails")]
    [InlineData(0.82, 0.83, "holds, except for LeNet")]
    public void C30_wants_batch_norm_ahead_at_32(double batch, double layerInLeNet, string verdict) =>
        Assert.Equal(verdict, Judge("C30", Compared((net, norm, _) => norm == ComparedNorm.Batch ? batch
            : norm == ComparedNorm.Layer && net == ComparedNet.LeNet ? layerInLeNet
            : 0.8)));

    [Theory]
    [InlineData(0.01, 0.85, "holds")]
    [InlineData(0.04, 0.8, "fails")]
    [InlineData(0.03, 0.85, "holds only for the worst epoch")]
    public void C31_wants_half_of_the_jumps_gone(double swing, double lowest, string verdict) => Assert.Equal(verdict,
        Judge("C31", ("recalibration", new()
        {
            ["large.movingSwing"] = 0.04,
            ["large.exactSwing"] = swing,
            ["large.movingLowest"] = 0.8,
            ["large.exactLowest"] = lowest,
            ["small.movingSwing"] = 0.01,
            ["small.exactSwing"] = 0.01,
            ["large.movingFinal"] = 0.82,
            ["large.exactFinal"] = 0.88,
            ["large.meanGain"] = 0.05,
            ["small.meanGain"] = 0.01,
        })));

    [Theory]
    [InlineData(1.5, 1.2, 1e-6, "holds")]
    [InlineData(0.9, 0.8, 1e-3, "fails")]
    [InlineData(1.5, 0.9, 1e-6, "holds, except for the time of the ResNet")]
    public void C32_wants_the_same_scores_in_less_time(
        double lenet, double resnet, double difference, string verdict) =>
        Assert.Equal(verdict, Judge("C32", ("folding", new()
        {
            ["lenet.speedup"] = lenet,
            ["resnet.speedup"] = resnet,
            ["lenet.largestDifference"] = 1e-7,
            ["resnet.largestDifference"] = difference,
            ["lenet.microsecondsAnImage"] = 15,
            ["lenet.foldedMicrosecondsAnImage"] = 10,
            ["resnet.microsecondsAnImage"] = 15,
            ["resnet.foldedMicrosecondsAnImage"] = 10,
            ["lenet.ulps"] = 2,
            ["resnet.ulps"] = 3,
            ["lenet.sameAnswers"] = 1,
            ["resnet.sameAnswers"] = 1,
            ["after-activation.folded"] = 2,
            ["after-activation.kept"] = 2,
        })));

    [Theory]
    [InlineData(0.8, 0.8, "holds")]
    [InlineData(0.7, 0.7, "fails")]
    [InlineData(0.82, 0.75, "holds, except for 5,000 images")]
    public void C33_wants_Dynamic_Tanh_no_worse_than_layer_norm(double few, double many, string verdict)
    {
        var figures = new Dictionary<string, double>();
        foreach (int size in NormFree.Sizes)
        {
            foreach (string norm in (ReadOnlySpan<string>)[NormFree.Layer, NormFree.Derf, NormFree.None])
                figures[NormFree.Figure(norm, size)] = 0.805;
            figures[NormFree.Figure(NormFree.DyT, size)] = size == 5000 ? many : few;
        }

        Assert.Equal(verdict, Judge("C33", ("norm-free", figures)));
    }

    [Theory]
    [InlineData(0.9, 0.89, "holds")]
    [InlineData(0.5, 0.6, "fails")]
    [InlineData(0.5, 0.9, "holds only for batches of 8")]
    public void C34_wants_renorm_in_small_batches_as_good_as_batch_norm_in_ordinary_ones(
        double tiny, double small, string verdict) => Assert.Equal(verdict, Judge("C34", Repairs(new()
        {
            [NormRepairs.Figure(NormRepairs.Renorm, NormRepairs.Tiny)] = tiny,
            [NormRepairs.Figure(NormRepairs.Renorm, NormRepairs.Small)] = small,
        })));

    [Theory]
    [InlineData(0.9, 0.9, 0.8, "holds")]
    [InlineData(0.8, 0.7, 0.85, "fails")]
    [InlineData(0.9, 0.7, 0.8, "holds, except for batches of 2")]
    public void C35_wants_standardized_weights_to_match_batch_norm_and_to_gain(
        double ordinary, double tiny, double group, string verdict) => Assert.Equal(verdict, Judge("C35", Repairs(new()
        {
            [NormRepairs.Figure(NormRepairs.Standardized, NormRepairs.Ordinary)] = ordinary,
            [NormRepairs.Figure(NormRepairs.Standardized, NormRepairs.Tiny)] = tiny,
            [NormRepairs.Figure(NormRepairs.Group, NormRepairs.Ordinary)] = group,
        })));

    [Theory]
    [InlineData(0.95, 0.95, "holds")]
    [InlineData(0.8, 0.8, "fails")]
    [InlineData(0.95, 0.8, "holds only for batches of 2")]
    public void C36_wants_frozen_norms_ahead(double tiny, double ordinary, string verdict) =>
        Assert.Equal(verdict, Judge("C36", Repairs(new()
        {
            [NormRepairs.Figure(NormRepairs.Frozen, NormRepairs.Tiny)] = tiny,
            [NormRepairs.Figure(NormRepairs.Frozen, NormRepairs.Ordinary)] = ordinary,
        })));

    /// <summary>Figures of 0.9 but for those given.</summary>
    private static (string, Dictionary<string, double>) Repairs(Dictionary<string, double> figures)
    {
        string[] names =
        [
            NormRepairs.Batch, NormRepairs.Renorm, NormRepairs.Group, NormRepairs.Standardized, NormRepairs.Active,
            NormRepairs.Frozen, NormRepairs.FrozenStatistics, $"resnet-{NormRepairs.Batch}",
        ];
        foreach (string name in names)
        {
            foreach (int size in (ReadOnlySpan<int>)[NormRepairs.Tiny, NormRepairs.Small, NormRepairs.Ordinary])
                figures.TryAdd(NormRepairs.Figure(name, size), 0.9);
        }

        figures.TryAdd("pretrained.noisyTestAccuracy", 0.9);
        return ("norm-repairs", figures);
    }

    private static (string, Dictionary<string, double>) Compared(Func<ComparedNet, string, int, double> accuracy)
    {
        var figures = new Dictionary<string, double>();
        foreach (ComparedNet net in ComparedNet.All)
        {
            foreach (ComparedNorm norm in net.Norms)
            {
                foreach (int size in (ReadOnlySpan<int>)[NormsCompared.Tiny, NormsCompared.Ordinary])
                {
                    figures[NormsCompared.Figure(net, norm.Name, size)] = figures[
                        NormsCompared.Figure(net, norm.Name, size, isExact: true)] = accuracy(net, norm.Name, size);
                }
            }
        }

        return ("norms-compared", figures);
    }

    private static string Judge(string id, (string Experiment, Dictionary<string, double> Figures) run)
    {
        Finding finding = ClaimCatalog.Find(id)!.Judge(MadeUp.Evidence(run));
        Assert.NotNull(finding.Remark);
        return finding.VerdictText;
    }
}
