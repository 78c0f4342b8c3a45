using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Lab.Experiments.Theory;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>
/// Claims on how nets train: made-up figures give the verdict that they must, and the figures that a claim reads are
/// those that its experiments give.
/// </summary>
public sealed class TrainingClaimsTests
{
    [Theory]
    [InlineData(16, 8, "holds")]
    [InlineData(1, 0.5, "fails")]
    [InlineData(16, 1, "holds only for six linear layers")]
    public void C1_wants_twice_the_rate(double net, double lenet, string verdict) =>
        Assert.Equal(verdict, Judge("C1", Rates("learning-rate", net), Rates("lenet-learning-rate", lenet)));

    [Theory]
    [InlineData(4, 2, "holds")]
    [InlineData(1.5, 1.2, "fails")]
    [InlineData(4, 1.2, "holds only for learning at all")]
    public void C2_wants_a_decade_more_of_scales(double learns, double learnsWell, string verdict) =>
        Assert.Equal(verdict, Judge("C2", ("weight-scale", new()
        {
            ["batchnorm.decadesTrained"] = learns,
            ["none.decadesTrained"] = 1,
            ["batchnorm.decadesTrainedWell"] = learnsWell,
            ["none.decadesTrainedWell"] = 0.5,
            ["batchnorm.worstScaleAccuracy"] = 0.2,
            ["batchnorm.bestScaleAccuracy"] = 0.6,
            ["none.worstScaleAccuracy"] = 0.1,
            ["none.bestScaleAccuracy"] = 0.7,
        })));

    [Theory]
    [InlineData(0.95, 0.9, 0.95, "holds")]
    [InlineData(0.85, 0.9, 0.9, "fails")]
    [InlineData(0.95, 0.9, 0.92, "holds only for use in place of batch norm")]
    public void C5_wants_nothing_of_local_response_normalization(
        double norm, double local, double both, string verdict) =>
        Assert.Equal(verdict, Judge("C5", ("local-response-norm", new()
        {
            ["none.testAccuracy"] = 0.8,
            ["lrn.testAccuracy"] = local,
            ["batchnorm.testAccuracy"] = norm,
            ["both.testAccuracy"] = verdict == "holds only for use in place of batch norm" ? norm + 0.02 : both,
        })));

    [Theory]
    [InlineData(2, 4, 1.5, 1.0, "holds")]
    [InlineData(4, 2, 1.0, 1.5, "fails")]
    [InlineData(2, 4, 1.0, 1.5, "holds only for a count in epochs")]
    public void C15_wants_fewer_epochs_and_longer_steps(
        double normEpochs, double noneEpochs, double normStep, double noneStep, string verdict) =>
        Assert.Equal(verdict,
            Judge(
                "C15",
                ("deep-net", new() { ["batchnorm.epochsToTarget"] = normEpochs, ["none.epochsToTarget"] = noneEpochs }),
                ("fashion-lenet",
                    new() { ["batchnorm.stepMicroseconds"] = normStep, ["none.stepMicroseconds"] = noneStep })));

    [Theory]
    [InlineData(0.88, 0.9, "holds")]
    [InlineData(0.7, double.NaN, "fails")]
    [InlineData(0.8, 0.9, "holds only for tests by exact statistics")]
    public void C16_wants_what_rounds_to_nine_tenths(double moving, double exact, string verdict) => Assert.Equal(
        verdict,
        Judge("C16", ("fashion-lenet",
            new() { ["batchnorm.finalTestAccuracy"] = moving, ["batchnorm.recalibratedTestAccuracy"] = exact })));

    [Theory]
    [InlineData(0.05, 0.02, "holds")]
    [InlineData(-0.05, 0.005, "fails")]
    [InlineData(0.05, 0, "holds only for sigmoid")]
    public void C23_wants_a_gain_before_the_activation(double sigmoid, double relu, string verdict) =>
        Assert.Equal(verdict, Judge("C23", ("norm-position", new()
        {
            ["sigmoid-before.testAccuracy"] = 0.8 + sigmoid,
            ["sigmoid-after.testAccuracy"] = 0.8,
            ["relu-before.testAccuracy"] = 0.8 + relu,
            ["relu-after.testAccuracy"] = 0.8,
            ["sigmoid-before.trainAccuracy"] = 0.9,
            ["sigmoid-after.trainAccuracy"] = 0.8,
            ["relu-before.trainAccuracy"] = 0.9,
            ["relu-after.trainAccuracy"] = 0.8,
        })));

    [Fact]
    public void Epochs_to_an_accuracy_are_counted_between_the_epochs()
    {
        Assert.Equal(1.5, DeepNet.EpochsTo([0.1, 0.3, 0.5, 0.2], 0.4), Tolerances.Float64Roundoff);
        Assert.Equal(0, DeepNet.EpochsTo([0.5, 0.6], 0.4));
        Assert.Equal(2, DeepNet.EpochsTo([0.1, 0.2, 0.3], 0.4));
        Assert.Equal(2, DeepNet.EpochsTo([0.1, double.NaN, double.NaN], 0.4));
    }

    /// <summary>
    /// One seed in full and as a claim asks for it: the same values, all that claims read among them, charts and
    /// headline too. The sweep of scales is not the quick one, for only there a replicate leaves out scales,
    /// whose draws it must skip.
    /// </summary>
    [Theory]
    [InlineData("learning-rate", true)]
    [InlineData("lenet-learning-rate", true)]
    [InlineData("weight-scale", false)]
    [InlineData("deep-net", true)]
    [InlineData("local-response-norm", true)]
    [InlineData("norm-position", true)]
    [InlineData("fashion-lenet", true)]
    public void A_replicate_measures_what_a_run_of_its_seed_measures_and_claims_read_it(string name, bool quick)
    {
        Experiment experiment = ExperimentCatalog.Find(name)!;
        ExperimentContext context = new(
            new ExperimentSettings(3, 1, DType.Float32, experiment.Epochs is null ? null : 1, quick), LabData.Embedded,
            new Silence(), TestContext.Current.CancellationToken);
        ExperimentResult full = experiment.Run(context), replicate = experiment.Replicate(context);
        Assert.NotEmpty(replicate.Figures);
        Assert.All(replicate.Figures.Where(static figure => !IsTime(figure.Key)),
            figure => Assert.Equal(full.Figures[figure.Key], figure.Value));
        Assert.InRange(experiment.Headline(full.Figures).Length, 1, 45);
        Assert.All(experiment.Charts(full),
            static chart => Assert.All(chart.Curves, static curve => Assert.Equal(curve.X.Count, curve.Y.Count)));

        // A claim may read several experiments: with nothing measured of the others it must at least
        // find what this one gives.
        foreach (Claim claim in ClaimCatalog.All.Where(claim => claim.Experiments.Contains(name)))
        {
            var runs = claim.Experiments.ToDictionary(
                static other => other, other => (IReadOnlyList<IReadOnlyDictionary<string, double>>)
                (other == name ? [full.Figures, replicate.Figures] : [new AnyFigure(), new AnyFigure()]));
            Finding finding = claim.Judge(new Evidence(runs));
            Assert.Equal(2, finding.Seeds);
            Assert.All(finding.Cases, static judged => Assert.All(judged.Case.Values,
                static value => Assert.True(double.IsFinite(value), "a value to judge by must be finite")));
        }
    }

    [Fact]
    public void The_largest_rate_is_the_one_above_which_none_trains()
    {
        var grid = new LargestRate(-2, 3, 1, trained: 0.3);
        Assert.Equal([0.25, 0.5, 1, 2, 4, 8], grid.Rates);
        double[] accuracies = [0.5, 0.1, 0.4, 0.3, 0.2, double.NaN];
        Assert.Equal(2, grid.Of(accuracies));
        int tried = 0;
        Assert.Equal(2, grid.Search(r =>
        {
            tried++;
            return accuracies[r];
        }));
        Assert.Equal(3, tried);
        Assert.Equal(0.125, grid.Of([0, 0, 0, 0, 0, 0]));
        Assert.Equal(1 / 16.0, new LargestRate(-2, 2, 2, 0.3).Of([0, 0, 0]));
    }

    [Fact]
    public void A_width_is_measured_between_the_points()
    {
        Assert.Equal(
            1 + 0.5 + 0.75, WeightScale.Width([0, 1, 2, 3], [0.6, 0.8, 0.4, 1.2], 0.6), Tolerances.Float64Roundoff);
        Assert.Equal(0, WeightScale.Width([0, 1], [0.1, 0.2], 0.6));
        Assert.Equal(2, WeightScale.Width([0, 2], [0.6, 0.6], 0.6));
    }

    private static bool IsTime(string figure) => figure.EndsWith("Microseconds", StringComparison.Ordinal)
        || figure.EndsWith("PerSecond", StringComparison.Ordinal);

    private static (string, Dictionary<string, double>) Rates(string experiment, double ratio) => (experiment, new()
    {
        ["ratio"] = ratio,
        ["batchnorm.largestRate"] = ratio,
        ["none.largestRate"] = 1,
        ["batchnorm.bestTrainAccuracy"] = 0.9,
        ["none.bestTrainAccuracy"] = 0.8,
        ["batchnorm.bestRate"] = 0.5,
        ["none.bestRate"] = 0.25,
    });

    private static string Judge(string id, params (string Experiment, Dictionary<string, double> Figures)[] runs)
    {
        Finding finding = ClaimCatalog.Find(id)!.Judge(new Evidence(runs.ToDictionary(static run => run.Experiment,
            static run => (IReadOnlyList<IReadOnlyDictionary<string, double>>)[.. Enumerable.Repeat(run.Figures, 5)])));
        Assert.NotNull(finding.Remark);
        return finding.VerdictText;
    }

    /// <summary>Has every figure, and all are 1: stands for an experiment that is not looked at.</summary>
    private sealed class AnyFigure : Dictionary<string, double>, IReadOnlyDictionary<string, double>
    {
        double IReadOnlyDictionary<string, double>.this[string key] => 1;
    }
}
