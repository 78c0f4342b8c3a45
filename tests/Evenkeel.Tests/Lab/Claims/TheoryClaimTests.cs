using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>
/// The claims on start values, on the theory and on the notebook's formulas: made-up figures get the verdict they
/// deserve, and every figure that is read is there.
/// </summary>
public sealed class TheoryClaimTests
{
    /// <summary>Claim, experiment, figures that replace those of a result that holds, and the verdict.</summary>
    public static TheoryData<string, string, string> Verdicts => new()
    {
        { "C6", "", "holds only for the narrow sigmoid net on a circle and the identity" },
        { "C6", "relu-affine.ownAccuracy=0.9;sigmoid-affine.ownAccuracy=0.9;circle-relu-plain.accuracy=0.9", "holds" },
        { "C6", "sigmoid-affine.ownAccuracy=0.9",
            "holds, except for the deep ReLU net on images and the narrow ReLU net on a circle" },
        { "C6", "circle-sigmoid-plain.accuracy=0.99;exact.largestChange=1e-3", "fails" },
        { "C7", "", "holds, except for weights from N(0, 0.0001²)" },
        { "C7", "normal1e-4+batchnorm.smallestStd=0.57", "holds" },
        { "C8", "", "holds" },
        { "C8",
            "kaiming.factor=1.1", "holds in part: the default vanishes; N(0, 1) explodes; N(0, 1) is NaN at layer 35" },
        { "C8", "default.factor=1;normal.factor=1;normal.firstNaN=NaN;kaiming.factor=0.9", "fails" },
        { "C9", "", "holds only for layers without an activation" },
        { "C9", "relu-1-over-n.kept=1;tanh-1-over-n.kept=0.9", "holds" },
        { "C9", "linear-1-over-n.kept=0.1", "fails" },
        { "C10", "", "holds, except for k = 0.01 and k = 0.001" },
        { "C11", "", "holds" },
        { "C11", "bias.gradient=0.1", "holds, except for the gradient" },
        { "C12", "", "holds, except for a deviation of 0.01 and a deviation of 0.001" },
        { "C13", "", "holds" },
        { "C13", "sigmoid-batchnorm.ratioAt30=1e-20", "holds, except for 30 sigmoid layers" },
        { "C14", "", "holds only for the accuracy of a trained net with lines" },
        { "C14", "sigmoid.straightness=0.999;tanh.straightness=0.999", "holds" },
        { "C14", "sigmoid-plain.straightenedAccuracy=0.2", "fails" },
        { "C20", "", "holds, except for averages that keep 0.99 after 50 batches" },
        { "C20", "keep0.99.errorAt50=0.1", "holds" },
        { "C20", "keep0.9.errorAt50=1e-8;keep0.5.errorAt50=1e-8;keep0.99.errorAt500=1e-8", "fails" },
        { "C21", "", "holds in part: at 2^-5 inputs move less; at 2^-7 inputs move less; at 2^-5 it trains faster" },
        { "C21", "batchnorm-small.meanTrainAccuracy=0.7", "holds" },
        { "C21", "batchnorm.drift=0.9;batchnorm-small.drift=0.9;batchnorm.meanTrainAccuracy=0.1", "fails" },
        { "C22", "", "holds, except for 39 features of correlation 0.9" },
        { "C27", "", "holds" },
        { "C27", "mean.slope=-0.3;variance.slope=-0.3", "fails" },
        { "C25", "", "holds" },
        { "C25", "speedup=0.5", "holds in part: it is equal" },
        { "C25", "difference.worst=1e-3", "holds in part: it is faster" },
        { "C22", "scaled.condition=1e6;scaled.twoFeatureCondition=1e4;scaled.rateGain=1", "fails" },
    };

    /// <summary>Figures as a run of each experiment gives them, rounded.</summary>
    private static readonly Dictionary<string, string> s_usual = new(StringComparer.Ordinal)
    {
        ["init-depth"] = """
            default+batchnorm.smallestStd=0.570;default+batchnorm.largestStd=0.590;
            kaiming+batchnorm.smallestStd=0.562;kaiming+batchnorm.largestStd=0.592;normal+batchnorm.smallestStd=0.562;
            normal+batchnorm.largestStd=0.592;normal1e-2+batchnorm.smallestStd=0.56;
            normal1e-2+batchnorm.largestStd=0.59;normal1e-4+batchnorm.smallestStd=0;
            normal1e-4+batchnorm.largestStd=0.58;
            batchnorm.theoryStd=0.5838;default.factor=0.402;default.theoryFactor=0.408;normal.factor=11.37;
            normal.theoryFactor=11.31;kaiming.factor=0.998;kaiming.theoryFactor=1;normal.firstNaN=35;
            default.lastStd=2.5e-40;kaiming.smallestStd=0.44;kaiming.largestStd=1.03
            """,
        ["variance-propagation"] = "linear-1-over-n.kept=0.97;relu-1-over-n.kept=2.4e-5;tanh-1-over-n.kept=0.13;"
            + "relu-1-over-n.factor=0.706;relu-2-over-n.factor=0.999;linear-2-over-n.factor=1.41",
        ["redundant-bias"] = "bias.largestChange=4.8e-7;bias.gradient=5.6e-9;unnormalized.gradient=0.11;"
            + "none.sgdLossGap=1.2e-7;none.adamLossGap=1.2e-7;bias.adamMoved=0.019;bias.sgdMoved=9e-10",
        ["scale-invariance"] = """
            eps1e-5.changeAt10=2.5e-5;eps1e-5.changeAt100=2.6e-5;eps1e-5.changeAt1000=2.6e-5;
            eps1e-5.changeAt0.1=2.6e-3;eps1e-5.changeAt0.01=0.23;eps1e-5.changeAt0.001=2.5;
            eps1e-5.theoryAt10=2.5e-5;eps1e-5.theoryAt100=2.6e-5;eps1e-5.theoryAt1000=2.6e-5;
            eps1e-5.theoryAt0.1=2.6e-3;eps1e-5.theoryAt0.01=0.23;eps1e-5.theoryAt0.001=2.5;
            eps1e-5.radialCosineAt1=6e-6;eps1e-5.radialCosineAt10=1e-7;eps1e-5.radialCosineAt0.1=1e-3;
            eps1e-5.radialCosineAt0.01=0.05;eps1e-5.radialCosineAt0.001=0.5;
            eps1e-5.radialGradient=3.2e-4;eps1e-5.radialGradientTheory=3.2e-4;eps1e-5.gradientNorm=360
            """,
        ["vanishing-gradients"] = """
            sigmoid-batchnorm.ratioAt5=1.1;sigmoid-batchnorm.ratioAt10=1.3;sigmoid-batchnorm.ratioAt20=1.7;
            sigmoid-batchnorm.ratioAt30=2.8;tanh-batchnorm.ratioAt5=1.4;tanh-batchnorm.ratioAt10=2.4;
            tanh-batchnorm.ratioAt20=6.2;tanh-batchnorm.ratioAt30=17;sigmoid-none.ratioAt20=1.5e-16;
            tanh-none.ratioAt20=2.6e-4;sigmoid-layernorm.ratioAt20=1.5e-8;tanh-layernorm.ratioAt20=3.4;
            sigmoid-none.defaultSlope=0.244;sigmoid-batchnorm.defaultSlope=0.206;sigmoid-none.largeSlope=0.069;
            sigmoid-batchnorm.largeSlope=0.206
            """,
        ["affine-capacity"] = """
            relu-affine.ownAccuracy=0.750;relu-plain.ownAccuracy=0.749;relu-plain.straightenedAccuracy=0.21;
            sigmoid-affine.ownAccuracy=0.740;sigmoid-affine.straightenedAccuracy=0.740;
            sigmoid-plain.ownAccuracy=0.739;sigmoid-plain.straightenedAccuracy=0.739;sigmoid-plain.straightness=0.99;
            sigmoid-plain.insideOne=0.64;
            circle-sigmoid-affine.accuracy=0.99;circle-sigmoid-plain.accuracy=0.53;circle-relu-affine.accuracy=0.988;
            circle-relu-plain.accuracy=0.987
            """,
        ["identity-recovery"] = "exact.largestChange=2.4e-7;lesson.largestChange=1.7e-5;sigmoid.straightness=0.984;"
            + "tanh.straightness=0.930;normal.insideOne=0.68",
        ["batch-statistics"] = """
            mean.slope=-0.499;variance.slope=-0.521;mean.errorAt5=0.44;mean.errorAt10=0.32;mean.errorAt50=0.14;
            variance.errorAt5=0.69;variance.errorAt10=0.46;variance.errorAt50=0.2;
            mean.errorAt500=0.044;mean-shuffled.errorAt500=0.032
            """,
        ["batchnorm-test-time"] = "keep0.9.errorAt50=0.105;keep0.5.errorAt50=0.08;keep0.99.errorAt50=0.63;"
            + "keep0.99.errorAt500=0.1;train.error=9e-9;cumulative.errorAt500=0.11",
        ["covariate-shift"] = """
            batchnorm.drift=0.03;none.drift=0.4;noisy.drift=0.38;batchnorm-small.drift=0.02;none-small.drift=0.17;
            batchnorm.meanTrainAccuracy=0.75;none.meanTrainAccuracy=0.62;noisy.meanTrainAccuracy=0.56;
            batchnorm-small.meanTrainAccuracy=0.57;none-small.meanTrainAccuracy=0.61;noisy-small.meanTrainAccuracy=0.38
            """,
        ["batchnorm-backward-speed"] = "speedup=5.9;difference.worst=8e-16;relativeError.dx=1.5e-10",
        ["feature-scaling"] = "scaled.condition=2.1;scaled.twoFeatureCondition=1.3;correlated.condition=400;"
            + "scaled.rateGain=1e5;raw.condition=2e7;raw.twoFeatureCondition=1e4",
    };

    public static TheoryData<string> Ids => [.. Verdicts.Select(static row => row.Data.Item1).Distinct()];

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void Made_up_figures_get_the_verdict_they_deserve(string id, string changed, string verdict)
    {
        Claim claim = ClaimCatalog.Find(id)!;
        var runs = new Dictionary<string, IReadOnlyList<IReadOnlyDictionary<string, double>>>(StringComparer.Ordinal);
        foreach (string experiment in claim.Experiments)
        {
            Dictionary<string, double> figures = Parse(s_usual[experiment]);
            foreach ((string name, double value) in Parse(changed))
            {
                if (figures.ContainsKey(name)) figures[name] = value;
            }

            // Three seeds that differ little: an interval, but a narrow one.
            runs[experiment] = [.. new[] { 1, 1.001, 0.999 }.Select(factor => figures.ToDictionary(
                static figure => figure.Key, figure => figure.Value * factor, StringComparer.Ordinal))];
        }

        Finding finding = claim.Judge(new Evidence(runs));
        Assert.Equal(verdict, finding.VerdictText);
        Assert.NotEmpty(claim.Rule);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_figure_a_claim_reads_is_in_a_quick_result(string id)
    {
        Claim claim = ClaimCatalog.Find(id)!;
        var evidence = new Evidence(
            claim.Experiments.ToDictionary(static name => name, Replicate, StringComparer.Ordinal));
        Finding finding = claim.Judge(evidence);
        Assert.NotEmpty(finding.Cases);
        Assert.All(finding.Cases,
            judged => Assert.All(judged.Case.Values, value => Assert.True(double.IsFinite(value), judged.Case.Name)));
    }

    /// <summary>What a further seed of a quick <c>reproduce</c> stores; one epoch is enough for the names.</summary>
    private static IReadOnlyList<IReadOnlyDictionary<string, double>> Replicate(string name)
    {
        Experiment experiment = ExperimentCatalog.Find(name)!;
        var settings = new ExperimentSettings(
            2, 1, experiment.OnlyDType ?? experiment.LessonDType, experiment.Epochs is null ? null : 1, Quick: true);
        return [experiment.Replicate(new ExperimentContext(
            settings, LabData.Embedded, new Silence(), TestContext.Current.CancellationToken)).Figures];
    }

    private static Dictionary<string, double> Parse(string figures) => figures
        .Split([';', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(static figure => figure.Split('='))
        .ToDictionary(static pair => pair[0],
            static pair => double.Parse(pair[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
}
