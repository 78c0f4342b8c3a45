using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Regularization;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>
/// The experiments on other norms and on what is done around a norm, on tiny runs: claims find their figures, charts
/// fit, and what is counted is counted rightly.
/// </summary>
public sealed class NormExperimentsTests
{
    private const int FewImages = 64;

    [Fact]
    public void Every_norm_is_compared_in_every_net()
    {
        var experiment = new NormsCompared();
        ExperimentContext context = Context(experiment, epochs: 1);
        ExperimentResult result = experiment.Compare(context,
            FewGarments.Draw(context, held: 30, count: FewImages), [NormsCompared.Tiny, NormsCompared.Ordinary]);
        Judge(experiment, result, "C28", "C29", "C30");
        Assert.Equal(experiment.Variants, result.Series.Select(static series => series.Name.Split('/')[0]).Distinct());
        Assert.Equal(3, result.Tables.Count);
        Assert.Equal(Verdict.Holds, result.Checks.Single(static check => check.Id == "D8.mates").Verdict);
        foreach (string variant in experiment.Variants)
        {
            Assert.InRange(result.Figures[$"{variant}-2.imagesToHalf"], 1, FewImages);
            Assert.InRange(result.Figures[$"{variant}-32.stepsToHalf"], 1, FewImages / 32);
        }
    }

    [Fact]
    public void Steps_to_half_are_counted_over_the_last_two_hundred_images()
    {
        // 50 images a step: nothing right, then 25 of 50. The window is full of halves after four of the latter.
        (int, int)[] halves = [.. Enumerable.Range(0, 10).Select(static step => (50, step < 3 ? 0 : 25))];
        Assert.Equal((7, 350), NormsCompared.ToHalf(halves));
        // Larger than the window: one step is enough.
        Assert.Equal((2, 512), NormsCompared.ToHalf([(256, 100), (256, 128), (256, 10)]));
        // Never, also of a training that diverged after a step: no number of its own, for a
        // small one would be a fast one.
        Assert.Null(NormsCompared.ToHalf([(50, 50)]));
        Assert.Null(NormsCompared.ToHalf([(256, 1), (256, 2), (88, 88)]));
    }

    [Fact]
    public void Moving_averages_are_compared_with_exact_statistics_and_put_back()
    {
        var experiment = new RecalibrationSpread();
        ExperimentContext context = Context(experiment, epochs: 2);
        Judge(experiment, RecalibrationSpread.Measure(context, context.Data.Fashion(context, 512, 200)), "C31");
        // The later half: from 0.9 to 0.5, to 0.6, to 0.9.
        Assert.Equal(
            (0.4 + 0.1 + 0.3) / 3, RecalibrationSpread.Swing([0.1, 0.9, 0.5, 0.6, 0.9]), Tolerances.Float64Roundoff);
    }

    [Fact]
    public void Folded_nets_give_the_same_answers_and_say_what_stays()
    {
        var experiment = new FoldedNets();
        ExperimentContext context = Context(experiment, epochs: 1);
        ExperimentResult result = FoldedNets.Fold(
            context, FewGarments.Draw(context, held: 30, count: FewImages), passes: 2);
        Judge(experiment, result, "C32");
        Assert.All(result.Checks, static check => Assert.Equal(Verdict.Holds, check.Verdict));
        Assert.Equal((4, 0), (result.Figures["lenet.folded"], result.Figures["lenet.kept"]));
        Assert.Equal((9, 0), (result.Figures["resnet.folded"], result.Figures["resnet.kept"]));
        Assert.Equal((2, 2), (result.Figures["after-activation.folded"], result.Figures["after-activation.kept"]));
    }

    [Fact]
    public void Dynamic_curves_are_compared_on_every_size()
    {
        var experiment = new NormFree();
        ExperimentResult result = experiment.Compare(
            Context(experiment, epochs: 1), NormFree.Sizes, held: 30, rates: [1e-3, 3e-3]);
        Judge(experiment, result, "C33");
        Assert.Equal(experiment.Variants, result.Series.Select(static series => series.Name.Split('/')[0]));
        Assert.Equal(4 * NormFree.Sizes.Count, result.Tables[0].Rows.Count);
        Assert.All(result.Figures.Where(static figure => figure.Key.EndsWith(".rate", StringComparison.Ordinal)),
            static figure => Assert.True(figure.Value is 1e-3 or 3e-3, figure.Key));
    }

    [Fact]
    public void Repairs_of_norms_are_compared_with_what_they_repair()
    {
        var experiment = new NormRepairs();
        ExperimentResult result =
            experiment.Compare(Context(experiment, epochs: 1), count: FewImages, held: 30, tuned: FewImages);
        Judge(experiment, result, "C34", "C35", "C36");
        Assert.Equal(18, result.Tables[0].Rows.Count);
    }

    private static void Judge(Experiment experiment, ExperimentResult result, params string[] claims)
    {
        foreach (string claim in claims)
        {
            Finding finding = ClaimCatalog.Find(claim)!
                .Judge(new Evidence(new Dictionary<string, IReadOnlyList<IReadOnlyDictionary<string, double>>>
                {
                    [experiment.Name] = [result.Figures, result.Figures],
                }));
            Assert.Equal(2, finding.Seeds);
            Assert.NotNull(finding.Remark);
            Assert.All(finding.Cases,
                static judged => Assert.All(judged.Case.Values, static value => Assert.True(double.IsFinite(value))));
        }

        Assert.All(experiment.Charts(result),
            static chart => Assert.All(chart.Curves, static curve => Assert.Equal(curve.X.Count, curve.Y.Count)));
        Assert.NotEmpty(experiment.Charts(result));
        Assert.InRange(experiment.Headline(result.Figures).Length, 1, 45);
        Assert.NotNull(result.WeightsHash);
    }

    private static ExperimentContext Context(Experiment experiment, int epochs) =>
        new(new ExperimentSettings(3, 1, experiment.LessonDType, epochs, Quick: true),
            LabData.Embedded, new Silence(), CancellationToken.None);
}
