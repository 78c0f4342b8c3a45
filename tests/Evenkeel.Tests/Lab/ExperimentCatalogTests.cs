using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Notebook;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class ExperimentCatalogTests
{
    private const int ExpectedCount = 43;

    [Fact]
    public void Names_titles_and_headlines_fit()
    {
        Assert.Equal(ExpectedCount, ExperimentCatalog.All.Count);
        Assert.All(ExperimentCatalog.All, experiment =>
        {
            Assert.Matches("^[a-z0-9-]+$", experiment.Name);
            Assert.True(
                experiment.Name.Length + experiment.Title.Length + $"lesson {experiment.Lesson}".Length + 4 <= 80,
                experiment.Title);
            Assert.NotEmpty(experiment.Description);
        });
        Assert.Equal("batchnorm-forward", ExperimentCatalog.All.First(experiment => experiment.Lesson[0] == 'N').Name);
    }

    [Fact]
    public void Every_page_has_its_heading()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "Evenkeel.slnx")))
            root = Path.GetDirectoryName(root);
        Assert.SkipWhen(root is null, "the tests run outside the repository");
        Assert.All(ExperimentCatalog.All, experiment =>
        {
            string[] parts = experiment.Page.Split('#');
            string[] lines = File.ReadAllLines(Path.Combine(root!, parts[0]));
            Assert.Contains($"## {parts[1]}", lines);
            Assert.Contains(lines, line => line.Contains(
                $"<a id=\"{experiment.Lesson.ToLowerInvariant()}\"></a>", StringComparison.Ordinal));
        });
    }

    [Theory]
    [InlineData(231)]
    [InlineData(5)]
    public void The_losses_of_any_seed_get_a_verdict(long seed)
    {
        ExperimentResult result = ExperimentCatalog.Find("fcn-gradient")!.Run(new ExperimentContext(
            new ExperimentSettings(seed, 1, DType.Float64, null, Quick: true), LabData.Embedded, new Silence(),
            CancellationToken.None));
        Assert.Equal(Verdict.Holds, result.Checks.Single(claim => claim.Id == "N9.loss").Verdict);
    }

    [Fact]
    public void The_scales_are_numpys_logspace()
    {
        double[] scales = WeightScale.Scales(20);
        Assert.Equal(1e-4, scales[0]);
        Assert.Equal(1, scales[^1]);
        for (int i = 0; i < scales.Length; i++)
            Assert.Equal(Math.Pow(10, -4 + (4.0 * i / 19)), scales[i], Tolerances.Float64Ulps * scales[i]);
    }

    [Fact]
    public void Two_runs_have_the_same_hash_and_another_seed_another()
    {
        Assert.Equal(Run(231).WeightsHash, Run(231).WeightsHash);
        Assert.NotEqual(Run(231).WeightsHash, Run(1).WeightsHash);
        Assert.Equal(Verdict.Undecided, Run(1).Checks[0].Verdict);

        static ExperimentResult Run(long seed) => ExperimentCatalog.Find("batchnorm-forward")!
            .Run(new ExperimentContext(new ExperimentSettings(seed, 1, DType.Float64, null, Quick: true),
                LabData.Embedded, new Silence(), CancellationToken.None));
    }
}
