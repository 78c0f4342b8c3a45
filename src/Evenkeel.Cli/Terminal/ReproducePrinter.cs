using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// What <c>reproduce</c> says: the images, one line an experiment as it is finished, and the verdicts.
/// </summary>
internal sealed class ReproducePrinter(TextWriter output, Ink ink)
{
    /// <summary><c>12 min 34 s</c>, and a gap.</summary>
    private const int TimeWidth = 13;

    private readonly ResultPrinter _text = new(output, ink);
    private readonly int _name = ExperimentCatalog.All.Max(static experiment => experiment.Name.Length);

    /// <summary>Which images are used, and why these.</summary>
    public void PrintData(LabData data)
    {
        string head = ink.Bold("data");
        foreach (LabSet set in LabSet.All.Where(static set =>
            ExperimentCatalog.All.Any(experiment => experiment.Images == set)))
        {
            _text.Hang("", head + " ", data.Describe(set));
            head = "    ";
        }

        output.WriteLine();
    }

    public void PrintHead() => output.WriteLine(ink.Dim($"{new string(' ', TextTable.Width(ink.Holds))} " +
        $"{"experiment".PadRight(_name)}{"time",TimeWidth}{"seeds",7}  measured"));

    /// <summary>
    /// A finished experiment: the time that its seeds took together, their number, and what its own seed has shown.
    /// </summary>
    /// <param name="record">What was found.</param>
    /// <param name="seconds">The seconds of its runs together; null if everything was reused.</param>
    public void Print(ResultRecord record, double? seconds)
    {
        string took = seconds is { } ran ? ResultText.Seconds(ran) : "reused";
        string seeds = (1 + record.Replicates.Count).ToString(CultureInfo.InvariantCulture);
        _text.Hang("", $"{ink.Holds} {record.Experiment.Name.PadRight(_name)}{took,TimeWidth}{seeds,7} ",
            record.Experiment.Headline(record.Result.Figures), ink.Dim);
    }

    public void PrintFailed(Experiment experiment) => output.WriteLine($"{ink.Fails} " +
        $"{experiment.Name.PadRight(_name)}{"failed",TimeWidth}");

    /// <summary>The verdict of every claim, and how many there are of each.</summary>
    public void PrintVerdicts(IReadOnlyList<Finding> findings, IReadOnlyList<ResultRecord> records)
    {
        var claims = new ClaimPrinter(output, ink);
        output.WriteLine();
        claims.PrintTable(findings);
        output.WriteLine();
        claims.PrintCounts(findings);
        Check[] checks = [.. records.SelectMany(static record => record.Result.Checks)];
        output.WriteLine($"{checks.Count(static check => check.Verdict == Verdict.Holds)} of {checks.Length} checks " +
            "of single runs hold; the page shows each.");
    }

    /// <summary>Where to read on.</summary>
    public void PrintPage(string page)
    {
        output.WriteLine();
        output.WriteLine($"page: {page}");
        output.WriteLine(ink.Dim($"'evenkeel claims {ClaimCatalog.All[0].Id}' explains a verdict."));
    }
}
