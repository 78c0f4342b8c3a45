using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Web;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>The section of a lesson: its experiments with their charts, tables and checks, then its claims.</summary>
internal sealed class LessonSection(HtmlWriter html, ReportResults results)
{
    private readonly Links _links = new(html, results);

    public static string IdOf(LessonGuide lesson) => "lesson-" + char.ToLowerInvariant(lesson.Lesson.Letter);

    public void Write(LessonGuide lesson)
    {
        if (!results.Has(lesson)) return;
        using (html.Open("section", ("class", "lesson"), ("id", IdOf(lesson))))
        {
            html.Element("h2", lesson.Title);
            html.Element("p", lesson.Introduction);
            using (html.Open("p"))
            {
                html.Text("What the lesson says, item by item, and where it misleads: ");
                DocumentPages.WriteText(html, lesson.Lesson.Page);
                html.Text($". The derivation{(lesson.Derivations.Count > 1 ? "s" : "")}: ");
                for (int i = 0; i < lesson.Derivations.Count; i++)
                {
                    if (i > 0) html.Text(", ");
                    DocumentPages.WriteText(html, lesson.Derivations[i]);
                }

                html.Text(".");
            }

            Finding[] claims = [.. results.Findings.Where(finding => LessonGuide.Of(finding.Claim.Lesson) == lesson)];
            if (claims.Length > 0)
            {
                using (html.Open("p"))
                {
                    html.Text("Its claims: ");
                    _links.Write([.. claims.Select(static finding => finding.Claim.Id)]);
                    html.Text(".");
                }
            }

            foreach (ResultRecord record in results.Records.Where(record =>
                LessonGuide.Of(record.Experiment.Lesson) == lesson)) WriteExperiment(record);
            foreach (Finding finding in claims) WriteClaim(finding);
        }
    }

    private void WriteExperiment(ResultRecord record)
    {
        Experiment experiment = record.Experiment;
        using (html.Open("article", ("class", "experiment"), ("id", Links.IdOf(experiment.Name))))
        {
            html.Element("h3", experiment.Title);
            using (html.Open("p", ("class", "about")))
            {
                html.Element("code", experiment.Name);
                html.Text($", item {experiment.Lesson}, explained in ");
                DocumentPages.WriteText(html, experiment.Page);
                string[] readers =
                    [.. results.Findings.Where(finding =>
                        finding.Claim.Experiments.Contains(experiment.Name, StringComparer.Ordinal))
                            .Select(static finding => finding.Claim.Id)];
                if (readers.Length > 0)
                {
                    html.Text(readers.Length == 1 ? "; read by the claim " : "; read by the claims ");
                    _links.Write(readers);
                }
            }

            html.Element("p", experiment.Description);
            foreach (PageChart chart in results.Charts.Where(chart =>
                chart.Experiment == experiment)) FigureElement.Write(html, chart);
            foreach (ResultTable table in record.Result.Tables) TableElement.Write(html, table.Columns, table.Rows,
                table.Formats, table.Name);
            WriteChecks(record.Result.Checks);
            if (record.Result.Notes.Count > 0)
            {
                using (html.Open("div", ("class", "note")))
                {
                    foreach (string note in record.Result.Notes)
                    {
                        using (html.Open("p")) DocumentPages.WriteText(html, note);
                    }
                }
            }

            WriteRun(record);
        }
    }

    private void WriteChecks(List<Check> checks)
    {
        if (checks.Count == 0) return;
        using (html.Open("div", ("class", "table-scroll")))
        using (html.Open("table", ("class", "checks")))
        {
            html.Element("caption", "Checked on this run");
            using (html.Open("thead"))
            using (html.Open("tr"))
            {
                foreach (string heading in (string[])["statement", "", "measured", "rule", "item"]) html.Element("th",
                    heading);
            }

            using (html.Open("tbody"))
            {
                foreach (Check check in checks)
                {
                    using (html.Open("tr"))
                    {
                        html.Element("td", check.Statement);
                        using (html.Open("td")) WriteBadge(check.Verdict, PageText.Word(check.Verdict));
                        html.Element("td", check.Measured);
                        html.Element("td", check.Rule);
                        html.Element("td", check.Id);
                    }
                }
            }
        }
    }

    private void WriteRun(ResultRecord record)
    {
        using (html.Open("details", ("class", "run")))
        {
            html.Element("summary", "This run");
            using (html.Open("dl"))
            {
                ExperimentSettings settings = record.Settings;
                Definition("Settings", $"seed {settings.Seed}, {ResultText.Describe(settings)}");
                if (record.Data is { } data) Definition("Data", $"{data.Name} ({data.Source}; {data.Identity})");
                Definition("Took", PageText.Duration(record.Seconds));
                if (record.Result.WeightsHash is { } hash) Definition("Weights, SHA-256", hash);
                foreach (Replicate replicate in record.Replicates)
                    Definition(string.Create(CultureInfo.InvariantCulture, $"Seed {replicate.Seed}"),
                        $"{PageText.Duration(replicate.Seconds)}, {replicate.WeightsHash}");
                html.Element("dt", "All figures");
                using (html.Open("dd")) html.Element("a", $"{record.Experiment.Name}.json",
                    ("href", $"{record.Experiment.Name}.json"));
            }
        }
    }

    private void WriteClaim(Finding finding)
    {
        Claim claim = finding.Claim;
        using (html.Open("article", ("class", "claim"), ("id", claim.Id)))
        {
            using (html.Open("h3"))
            {
                html.Text($"{claim.Id}  {claim.Statement} ");
                WriteBadge(finding.Verdict, finding.VerdictText);
            }

            html.Element("blockquote", claim.Words);
            using (html.Open("dl"))
            {
                html.Element("dt", "Lesson");
                using (html.Open("dd"))
                {
                    html.Text($"{claim.Lesson} (");
                    WritePages(claim.Lesson);
                    html.Text(")");
                }

                Definition("Rule", claim.Rule);
                html.Element("dt", "Experiments");
                using (html.Open("dd")) _links.Write(claim.Experiments);
                if (finding.Cases.Count > 0) Definition("Found", Found(finding));
                Definition("In practice", claim.Practice);
            }

            if (finding.Missing.Count > 0) html.Element("p", "Not judged: there are no results of " +
                $"{string.Join(", ", finding.Missing)}.", ("class", "note"));
            if (finding.NeedsFullRun)
            {
                string why = $"No verdict yet: {Finding.QuickReason}. 'evenkeel reproduce' without --quick judges it.";
                html.Element("p", why, ("class", "note"));
            }

            if (finding.Remark is { } remark) html.Element("p", remark, ("class", "note"));
            foreach (PageChart chart in results.ChartsOf(finding)) FigureElement.Write(html, chart);
        }
    }

    /// <summary>
    /// Where the items of a list are explained: <c>docs/lessons/k-theory.md#k9</c>; the path is said once for those of
    /// one page.
    /// </summary>
    private void WritePages(string items)
    {
        string? page = null;
        foreach (string item in LessonName.Items(items))
        {
            LessonName lesson = LessonName.Of(item);
            if (page is not null) html.Text(", ");
            string place = lesson.PageOf(item);
            DocumentPages.WriteLink(html, place, lesson.Page == page ? "#" + item.ToLowerInvariant() : place);
            page = lesson.Page;
        }
    }

    private static string Found(Finding finding)
    {
        string seeds = PageText.Count(finding.Seeds, "seed");
        if (finding.Cases.Count == 1) return $"{PageText.Effect(finding.Cases[0].Interval)} over {seeds}";
        int holding = finding.Cases.Count(static judged => judged.Verdict == Verdict.Holds);
        return string.Create(CultureInfo.InvariantCulture, $"{holding} of {finding.Cases.Count} cases hold over " +
            $"{seeds}; {finding.Cases[0].Case.Name}: {PageText.Effect(finding.Cases[0].Interval)}");
    }

    private void WriteBadge(Verdict verdict, string text) => html.Element("span", text, ("class",
        $"verdict {PageText.Class(verdict)}"));

    private void Definition(string term, string text)
    {
        html.Element("dt", term);
        html.Element("dd", text);
    }
}
