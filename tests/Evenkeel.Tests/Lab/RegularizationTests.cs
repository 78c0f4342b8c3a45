using Evenkeel.Data;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Regularization;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>
/// The experiments on regularization, one epoch each: what claims read is there, curves and charts fit, and the
/// mathematics of weight decay.
/// </summary>
public sealed class RegularizationTests
{
    /// <summary>Of sums over all pixels in Float32, of which each is standardized by rounded statistics.</summary>
    private const double MeanOfPixels = 1e-4;

    [Theory]
    [InlineData("dropout", "C3")]
    [InlineData("batch-generalization", "C26")]
    [InlineData("layernorm-limits", "C19")]
    [InlineData("data-parallel", "C37")]
    public void A_claim_finds_its_figures_in_a_quick_run(string name, string claim) => RunAndJudge(name, claim);

    [Fact]
    public void Decay_before_a_norm_is_a_learning_rate_that_grows()
    {
        ExperimentResult result = RunAndJudge("weight-decay", "C4");
        Assert.True(result.Figures["equivalence.withoutDecay"] > 0.1);
        Assert.True(result.Figures["equivalence.difference"] < 0.01, $"{result.Figures["equivalence.difference"]}");
        Assert.Equal(Verdict.Holds, result.Checks.Single(static check => check.Id == "A2.decay-is-a-rate").Verdict);
    }

    [Fact]
    public void Every_seed_has_training_images_of_its_own_and_the_same_images_to_test_on()
    {
        FewGarments one = FewGarments.Draw(Context(ExperimentCatalog.Find("dropout")!, 1)),
            other = FewGarments.Draw(Context(ExperimentCatalog.Find("dropout")!, 2));
        Assert.Equal(FewGarments.TrainCount, one.Train.Count);
        Assert.Equal(1000, one.Choice.Count + one.Test.Count);
        long[] first = one.Train.LabelsOf(), second = other.Train.LabelsOf();
        Assert.NotEqual(first, second);
        Assert.Equal(one.Test.LabelsOf(), other.Test.LabelsOf());

        var rows = Tensor.Zeros([FewGarments.TrainCount, 784]);
        one.Train.CopyTo([.. Enumerable.Range(0, FewGarments.TrainCount)], rows);
        Assert.Equal(0, rows.Mean().Item(), MeanOfPixels);
        Assert.Equal(1, (rows * rows).Mean().Item(), MeanOfPixels);
    }

    private static ExperimentResult RunAndJudge(string name, string claim)
    {
        Experiment experiment = ExperimentCatalog.Find(name)!;
        ExperimentResult result = experiment.Run(Context(experiment, seed: 3));
        var evidence = new Evidence(new Dictionary<string, IReadOnlyList<IReadOnlyDictionary<string, double>>>
        {
            [name] = [result.Figures, result.Figures],
        });
        Finding finding = ClaimCatalog.Find(claim)!.Judge(evidence);
        Assert.NotEmpty(finding.Cases);
        Assert.NotNull(finding.Remark);
        Assert.All(result.Figures.Values, static value => Assert.True(double.IsFinite(value)));
        Assert.All(experiment.Charts(result).SelectMany(static chart => chart.Curves),
            static curve => Assert.Equal(curve.X.Count, curve.Y.Count));
        Assert.InRange(experiment.Headline(result.Figures).Length, 1, 80);
        Assert.NotNull(result.WeightsHash);
        return result;
    }

    private static ExperimentContext Context(Experiment experiment, long seed) =>
        new(new ExperimentSettings(seed, 1, experiment.LessonDType, 1, Quick: true),
            LabData.Embedded, new Silence(), CancellationToken.None);
}
