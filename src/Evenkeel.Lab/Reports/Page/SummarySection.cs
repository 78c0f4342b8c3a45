using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Web;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>The first screen: what was run, and the verdict of every claim.</summary>
internal sealed class SummarySection(HtmlWriter html, ReportResults results, bool hasCharts)
{
    public void Write()
    {
        using (html.Open("section", ("class", "summary"), ("id", "summary"), ("aria-label", "Summary")))
        {
            using (html.Open("div", ("class", "cards"))) WriteCards();
            if (!hasCharts)
            {
                html.Element("p",
                    "This page has tables but no charts: they are drawn by a script that is built with Node, and " +
                    "this build of the lab is without it (charts need Node at build time). " +
                    "Every chart's numbers are below its title and in the folder charts.", ("class", "note"));
            }

            if (results.Missing.ToArray() is { Length: > 0 } missing)
                html.Element("p", "No results of " +
                    $"{string.Join(", ", missing.Select(static experiment => experiment.Name))}: not run into this " +
                    "folder. 'evenkeel reproduce' runs what is missing.", ("class", "note"));
            if (results.Mixture is { } mixture) html.Element("p", mixture.Note, ("class", "note mixture"));
            WriteVerdicts();
            WriteRuns();
        }
    }

    private void WriteCards()
    {
        ResultRecord first = results.Records[0];
        using (Card("Verdicts"))
        using (html.Open("p"))
        {
            html.Element("strong", $"{Count(Verdict.Holds)} of {results.Findings.Count} hold");
            html.Text($", {Count(Verdict.HoldsInPart)} in part; {Count(Verdict.Fails)} fail, " +
                $"{Count(Verdict.Undecided)} undecided");
            IEnumerable<string> none = results.Findings.Select(static finding => finding.WhyNone).OfType<string>();
            foreach ((string why, int count) in none.CountBy(static why => why))
                html.Text($", {PageText.None(why, count)}");
            html.Text(".");
        }

        using (Card("Settings"))
        {
            int[] seeds = [.. results.Records.Where(static record => record.Replicates.Count > 0)
                .Select(static record => record.Seeds.Count).Distinct().Order()];
            string counts = seeds.Length == 0 ? "One seed" : $"{string.Join(" or ", seeds)} seeds for a claim, else " +
                "one";
            string threads = PageText.Count(first.Settings.Threads, "thread");
            string time = PageText.Duration(results.Seconds);
            html.Element("p", $"{Quick()}{counts}; {Types()}; {threads}; {time} of computing.",
                ("title", results.Records.Any(static record => record.Settings.Quick)
                    ? "--quick: fewer epochs, samples and seeds" : null));
        }

        using (Card("Data"))
        using (html.Open("p"))
        {
            string comma = "";
            foreach (DataIdentity set in results.Records.Select(static record => record.Data).OfType<DataIdentity>()
                .Distinct())
            {
                bool isEmbedded = set.Source == "embedded";
                html.Text(comma);
                html.Element("span", isEmbedded ? $"{set.Name} (embedded)" : set.Name,
                    ("title", isEmbedded ? "drawn by the lab itself" :
                    $"{set.Source}: {set.Identity}"));
                comma = ", ";
            }

            html.Text(comma.Length == 0 ? "None." : ".");
        }

        using (Card("Machine"))
        using (html.Open("p"))
        {
            ResultEnvironment at = first.Environment;
            html.Element("span", $"{PageText.Count(at.Processors, "processor")}, {at.Instructions}, {at.Runtime}, " +
                $"{at.System}", ("title", $"Evenkeel {at.Version}, build {at.Build}"));
            html.Text(". Weights ");
            html.Element("code", PageText.Short(results.Hash), ("title", "SHA-256 over the hashes of all runs: " +
                $"{results.Hash}. Any machine with any number of threads has the same."));
        }

        string Quick()
        {
            int full = results.Records.Count(static record => !record.Settings.Quick);
            return full == results.Records.Count ? ""
                : full == 0 ? "Quick run. "
                : $"Quick run, but for {PageText.Count(full, "experiment")}. ";
        }

        int Count(Verdict verdict) =>
            results.Findings.Count(finding => finding.WhyNone is null && finding.Verdict == verdict);

        string Types() =>
            string.Join(" and ", results.Records.GroupBy(static record => record.Settings.DType)
                .OrderByDescending(static type => type.Count()).ThenBy(static type => type.Key)
                .Select(static type => PageText.DType(type.Key)));
    }

    private HtmlWriter.Scope Card(string title)
    {
        HtmlWriter.Scope card = html.Open("div");
        html.Element("h3", title);
        return card;
    }

    /// <summary>
    /// All claims in two tables, which stand side by side where there is room: so one screen holds them.
    /// </summary>
    private void WriteVerdicts()
    {
        int half = (results.Findings.Count + 1) / 2;
        using (html.Open("div", ("class", "verdict-columns")))
        {
            foreach (Finding[] findings in results.Findings.Chunk(half)) WriteVerdicts(findings);
        }
    }

    private void WriteVerdicts(Finding[] findings)
    {
        using (html.Open("div", ("class", "table-scroll")))
        using (html.Open("table", ("class", "verdicts")))
        {
            using (html.Open("thead"))
            using (html.Open("tr"))
            {
                html.Element("th", "claim", ("title", "and the items of the lessons that say it"));
                html.Element("th", "statement");
                html.Element("th", "verdict");
                html.Element("th", "effect [95 %]", ("class", "num"), ("title",
                    "mean and 95 % interval over the seeds, in the lesson's own case"));
                html.Element("th", "bound, runs", ("title", "Shaded: where the effect must lie. One bar per case, " +
                    "the lesson's own on top; dots are its seeds."));
            }

            using (html.Open("tbody"))
            {
                foreach (Finding finding in findings) WriteVerdict(finding);
            }
        }
    }

    private void WriteVerdict(Finding finding)
    {
        Claim claim = finding.Claim;
        using (html.Open("tr", ("data-verdict", PageText.Class(finding.Verdict))))
        {
            using (html.Open("td", ("class", "id")))
            {
                html.Element("a", claim.Id, ("href", "#" + claim.Id));
                html.Text(" ");
                html.Element("small", claim.Lesson);
            }

            html.Element("td", claim.Statement, ("class", "statement"), ("title", claim.Statement));
            using (html.Open("td", ("class", "outcome")))
            {
                html.Element("span", finding.Condition is null ? finding.VerdictText
                    : PageText.Word(finding.Verdict), ("class",
                    $"verdict {PageText.Class(finding.Verdict)}"), ("title", finding.VerdictText));
                // Cut short on the first screen; the claim's own article has it whole.
                if (finding.Condition is { } condition)
                {
                    html.Text(" ");
                    html.Element("span", condition, ("class", "condition"), ("title", condition));
                }
            }

            using (html.Open("td", ("class", "num effect"), ("title", finding.Cases.Count > 1 ?
                $"{claim.Effect}, {finding.Cases[0].Case.Name}" : claim.Effect)))
            {
                if (finding.Cases.Count > 0)
                {
                    Interval interval = finding.Cases[0].Interval;
                    html.Text(PageText.Mean(interval) + " ");
                    html.Element("small", PageText.Range(interval));
                }
            }

            using (html.Open("td", ("class", "picture")))
            {
                if (finding.Cases.Count > 0) IntervalDrawing.Write(html, finding.Cases);
            }
        }
    }

    private void WriteRuns()
    {
        using (html.Open("details", ("class", "runs")))
        {
            html.Element("summary", "Every run: settings, time, hash of its weights; " +
                $"one hash over all: {results.Hash}");
            using (html.Open("div", ("class", "table-scroll")))
            using (html.Open("table"))
            {
                using (html.Open("thead"))
                using (html.Open("tr"))
                {
                    foreach (string heading in (string[])["experiment", "lesson", "seeds", "type", "epochs", "data",
                        "seconds", "weights, SHA-256"]) html.Element("th", heading,
                        ("class", heading is "epochs" or "seconds" ? "num" : null));
                }

                using (html.Open("tbody"))
                {
                    foreach (ResultRecord record in results.Records) WriteRun(record);
                }
            }
        }
    }

    private void WriteRun(ResultRecord record)
    {
        using (html.Open("tr"))
        {
            using (html.Open("td")) html.Element("a", record.Experiment.Name,
                ("href", "#" + Links.IdOf(record.Experiment.Name)));
            html.Element("td", record.Experiment.Lesson);
            html.Element("td", PageText.Seeds(record.Seeds));
            html.Element("td", PageText.DType(record.Settings.DType));
            html.Element("td", record.Settings.Epochs?.ToString(CultureInfo.InvariantCulture) ?? "", ("class", "num"));
            html.Element("td", record.Data?.Name ?? "");
            html.Element("td", (record.Seconds + record.Replicates.Sum(static replicate => replicate.Seconds))
                .ToString("F2", CultureInfo.InvariantCulture), ("class", "num"));
            using (html.Open("td"))
            {
                if (record.Result.WeightsHash is { } hash) html.Element("code", PageText.Short(hash), ("title", hash));
            }
        }
    }
}
