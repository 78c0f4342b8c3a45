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
