using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>Everything the page is made of: the stored results of one folder, and what follows from them.</summary>
internal sealed class ReportResults
{
    private readonly Evidence _evidence;

    private ReportResults(IReadOnlyList<ResultRecord> records)
    {
        Records = records;
        Mixture = ResultMixture.Find(records);
        _evidence = ResultFolder.EvidenceOf(records);
        Findings = ClaimCatalog.Judge(_evidence);
        Charts = [.. records.SelectMany(ChartsOf), .. Findings.SelectMany(ChartsOf)];
    }

    /// <summary>In the order of the experiments.</summary>
    public IReadOnlyList<ResultRecord> Records { get; }

    /// <summary>
    /// Two results that one run could not have made: a later run has replaced one. Null if all belong together.
    /// </summary>
    public ResultMixture? Mixture { get; }

    /// <summary>Every claim, judged.</summary>
    public IReadOnlyList<Finding> Findings { get; }

    /// <summary>Every chart: those of the experiments, then those of the claims.</summary>
    public IReadOnlyList<PageChart> Charts { get; }

    /// <summary>Experiments without a result in the folder.</summary>
    public IEnumerable<Experiment> Missing =>
        ExperimentCatalog.All.Where(experiment => Records.All(record => record.Experiment != experiment));

    /// <summary>Whether a chart's curve is drawn by fewer points than it has.</summary>
    public bool IsThinned => Charts.Any(static chart => chart.Chart.Curves.Any(ChartJson.IsThinned));

    /// <summary>Seconds of all runs, further seeds included.</summary>
    public double Seconds =>
        Records.Sum(static record => record.Seconds + record.Replicates.Sum(static replicate => replicate.Seconds));

    /// <summary>
    /// One hash over the hashes of all runs: two machines that have it in common have trained the same weights, bit by
    /// bit.
    /// </summary>
    public string Hash
    {
        get
        {
            var lines = new StringBuilder();
            foreach (ResultRecord record in Records)
            {
                Line(record, record.Settings.Seed, record.Result.WeightsHash);
                foreach (Replicate replicate in record.Replicates) Line(record, replicate.Seed, replicate.WeightsHash);
            }

            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));

            void Line(ResultRecord record, long seed, string? hash) => lines.Append(CultureInfo.InvariantCulture,
                $"{record.Experiment.Name} {seed} {hash}\n");
        }
    }

    /// <summary>Reads a folder.</summary>
    /// <exception cref="LabException">There is no folder or no result in it, or a file is damaged.</exception>
    public static ReportResults Read(ResultFolder folder)
    {
        if (File.Exists(folder.Root))
        {
            throw LabException.Usage(
                $"expected a folder with results, got {folder.Root}, which is a file. " +
                "Name the folder that it is in, or another one.");
        }

        if (!Directory.Exists(folder.Root))
        {
            throw LabException.Usage(
                $"expected a folder with results, got {folder.Root}, which does not exist. " +
                $"'evenkeel reproduce --out {folder.Root}' makes one.");
        }

        if (folder.Damaged() is [_, ..] damaged)
        {
            // Not 'evenkeel run': that has one seed and settings of its own.
            throw new LabException(
                "expected results, cannot read " +
                $"{string.Join("; ", damaged.Select(static file => $"{file.Path} ({file.Reason})"))}. 'evenkeel " +
                $"reproduce --out {folder.Root}', with the settings of the rest, runs " +
                $"{(damaged.Count == 1 ? "it" : "them")} again; or delete {(damaged.Count == 1 ? "it" : "them")}.");
        }

        IReadOnlyList<ResultRecord> records = folder.All();
        if (records.Count == 0)
        {
            throw LabException.Usage(
                $"expected results (NAME.json) in {folder.Root}, found none. " +
                $"'evenkeel reproduce --out {folder.Root}' makes them.");
        }

        return new ReportResults(records);
    }

    /// <summary>The charts of a claim: its cases, a dot per seed.</summary>
    public IReadOnlyList<PageChart> ChartsOf(Finding finding) => finding.Cases.Count == 0 ? []
        : PageChart.Of(finding, RunNames(finding.Claim.Experiments));

    /// <summary>Whether there is anything to say about a lesson.</summary>
    public bool Has(LessonGuide lesson) =>
        Records.Any(record => LessonGuide.Of(record.Experiment.Lesson) == lesson)
            || Findings.Any(finding => LessonGuide.Of(finding.Claim.Lesson) == lesson);

    /// <summary>The answer to a question of the notebook.</summary>
    public IReadOnlyList<JudgedPoint> Answer(Question question) => question.Answer(_evidence);

    /// <summary><c>seed 231</c>, or <c>run 1</c> where the experiments of a claim begin with different seeds.</summary>
    private string[] RunNames(IReadOnlyList<string> experiments)
    {
        long[][] seeds =
            [.. Records.Where(record => experiments.Contains(record.Experiment.Name, StringComparer.Ordinal))
                .Select(static record => record.Seeds.ToArray())];
        int count = seeds.Max(static each => each.Length);
        bool areSame = seeds.All(each => each.SequenceEqual(seeds[0]));
        return [.. Enumerable.Range(0, count)
            .Select(i => areSame ? string.Create(CultureInfo.InvariantCulture, $"seed {seeds[0][i]}")
            : string.Create(CultureInfo.InvariantCulture, $"run {i + 1}"))];
    }

    /// <summary>The charts of an experiment.</summary>
    /// <exception cref="LabException">A chart asks for what the result does not have.</exception>
    private static IReadOnlyList<PageChart> ChartsOf(ResultRecord record)
    {
        try
        {
            return PageChart.Of(record);
        }
        catch (LabException e)
        {
            throw new LabException($"{record.Experiment.Name}: {e.Message}", e) { IsUsage = e.IsUsage };
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException)
        {
            throw new LabException($"{record.Experiment.Name}: its charts cannot be made ({e.Message.TrimEnd('.')}): " +
                "the results are of another version. Run the experiment again.", e);
        }
    }
}
