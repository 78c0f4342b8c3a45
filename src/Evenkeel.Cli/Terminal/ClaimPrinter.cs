using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Reports.Page;

namespace Evenkeel.Cli.Terminal;

/// <summary>Verdicts for a reader at a terminal of 80 columns.</summary>
internal sealed class ClaimPrinter(TextWriter output, Ink ink)
{
    private const string Gap = "  ";
    private const int IdWidth = 3;
    private const int NumberWidth = 9;

    /// <summary>Two numbers of nine columns at most, and what stands between them.</summary>
    private const int IntervalWidth = 22;

    private const int BarWidth = 18;

    /// <summary>The narrowest line that has room for bars.</summary>
    private const int BarsFrom = 76;

    private const string Between = " .. ";

    private readonly ResultPrinter _text = new(output, ink);

    /// <summary>
    /// Two lines per claim: what it says; its verdict, and the effect with its interval in the lesson's own case.
    /// </summary>
    public void PrintTable(IReadOnlyList<Finding> findings)
    {
        int sign = TextTable.Width(ink.Holds), indent = sign + 1 + IdWidth + Gap.Length,
            verdict = ink.Width - indent - Numbers("", "").Length;
        string title = "claim and verdict".PadRight(ink.Width - sign - 1 - Numbers("", "").Length);
        string heading = $"{new string(' ', sign + 1)}{title}{Numbers("effect", "95 % interval")}";
        output.WriteLine(ink.Dim(heading.TrimEnd()));
        output.WriteLine(ink.Dim(new string(ink.Rule, ink.Width)));
        foreach (Finding finding in findings)
        {
            _text.Hang("", $"{Sign(finding)} {ink.Bold(finding.Claim.Id.PadRight(IdWidth))} ", finding.Claim.Statement);
            string text = finding.VerdictText;
            if (finding.Cases.Count > 0)
            {
                // The numbers stand beside the first line; a long condition goes on below them.
                string first = TextTable.WrapText(text, verdict)[0];
                output.WriteLine(new string(' ', indent) + Paint(finding, first)
                    + new string(' ', verdict - first.Length)
                    + Numbers(Number(finding.Cases[0].Interval.Mean), Text(finding.Cases[0].Interval)).TrimEnd());
                text = text[first.Length..].TrimStart();
            }

            if (text.Length > 0) _text.Hang(new string(' ', indent), "", text, line => Paint(finding, line));
        }
    }

    /// <summary>How many claims have which verdict.</summary>
    public void PrintCounts(IReadOnlyList<Finding> findings)
    {
        string[] counts =
        [
            .. findings.GroupBy(static finding => (finding.WhyNone, finding.Verdict))
                .OrderBy(static group => group.Key.WhyNone, StringComparer.Ordinal)
                .ThenBy(static group => group.Key.Verdict)
                .Select(static group => group.Key.WhyNone is { } why
                    ? PageText.None(why, group.Count()) : $"{group.Count()} {Name(group.Key.Verdict, group.Count())}"),
        ];
        _text.Hang("", "", $"{findings.Count} {(findings.Count == 1 ? "claim" : "claims")}: " +
            $"{string.Join(", ", counts)}.");
    }

    /// <summary>One claim in full: the lesson, the rule, the evidence, the verdict, what follows.</summary>
    /// <param name="finding">The claim and its verdict.</param>
    /// <param name="records">Results that it was judged by.</param>
    public void Explain(Finding finding, IReadOnlyList<ResultRecord> records)
    {
        Claim claim = finding.Claim;
        output.WriteLine();
        _text.Hang("", ink.Bold(claim.Id) + " ", claim.Statement);
        output.WriteLine();
        string label = "Lesson";
        foreach (string item in LessonName.Items(claim.Lesson))
        {
            LessonName lesson = LessonName.Of(item);
            Labelled(label, $"{item}: {lesson.Title}, {lesson.PageOf(item)}");
            label = "";
        }

        Labelled("It says", claim.Words);
        Labelled("Rule", claim.Rule);
        foreach (ResultRecord record in records)
            Labelled("Run", $"{record.Experiment.Name} with {(record.Seeds.Count == 1 ? "seed" : "seeds")} " +
                $"{PageText.Seeds(record.Seeds)}, " +
                $"{ResultText.Describe(record.Settings)}{(record.Data is { } data ? $", {data.Name}" : "")}: " +
                $"{record.Experiment.Page}");
        output.WriteLine();
        PrintEvidence(finding);
        string why = finding.Missing.Count > 0 ? $": no results of {string.Join(", ", finding.Missing)}"
            : finding.NeedsFullRun ? $": {Finding.QuickReason}" : "";
        Labelled("Verdict", finding.VerdictText + why, line => Paint(finding, line));
        if (finding.Remark is { } remark) Labelled("Besides", remark);
        Labelled("Practice", claim.Practice);
    }

    public string Sign(Finding finding) => ink.Sign(finding.Verdict);

    /// <summary>Three digits: what an interval over a few seeds can carry.</summary>
    public static string Number(double value) => double.IsNaN(value) ? "-"
        : value.ToString("g3", CultureInfo.InvariantCulture);

    /// <summary>Both ends of an interval.</summary>
    public static string Text(Interval interval) => double.IsNaN(interval.Low) ? "-"
        : Number(interval.Low) + Between + Number(interval.High);

    private void PrintEvidence(Finding finding)
    {
        if (finding.Cases.Count == 0) return;
        bool hasBars = ink.Width >= BarsFrom;
        TextTable table =
            new TextTable(hasBars ? ["", "case", "effect", "95 % interval", "against the rule"]
                : ["", "case", "effect", "95 % interval"]).Wrap(1).Right(2);
        var bar = new IntervalBar(finding.Cases, BarWidth, ink);
        foreach (JudgedCase judged in finding.Cases)
        {
            string[] cells =
                [ink.Sign(judged.Verdict), judged.Case.Name, Number(judged.Interval.Mean), Text(judged.Interval)];
            table.Add(hasBars ? [.. cells, ink.In(judged.Verdict, bar.Draw(judged))] : cells);
        }

        foreach (string line in table.Lines(ink.Width, ink)) output.WriteLine(line);
        output.WriteLine();
        JudgedCase first = finding.Cases[0];
        _text.Hang("  ", "", $"Seed by seed{(finding.Cases.Count > 1 ? $", {first.Case.Name}" : "")}: " +
            $"{string.Join(", ", first.Case.Values.Select(Number))}.", ink.Dim);
        if (hasBars) _text.Hang("  ", "", $"{ink.Shade} is where the rule wants the effect; {ink.Dot} is its " +
            $"{(first.Case.IsRatio ? "geometric mean" : "mean")}, {ink.Bar} its interval inside, {ink.Rule} " +
            "outside.", ink.Dim);
        output.WriteLine();
    }

    private void Labelled(string label, string text, Func<string, string>? paint = null) =>
        _text.Hang("  ", ink.Bold(label.PadRight(8)), text, paint);

    private string Paint(Finding finding, string text) => finding.Missing.Count > 0 ? ink.Dim(text)
        : ink.In(finding.Verdict, text);

    private static string Numbers(string effect, string interval) =>
        $"{Gap}{effect.PadLeft(NumberWidth)}{Gap}{interval.PadRight(IntervalWidth)}";

    private static string Name(Verdict verdict, int count) => (verdict, count) switch
    {
        (Verdict.Holds, 1) => "holds",
        (Verdict.Holds, _) => "hold",
        (Verdict.HoldsInPart, 1) => "holds in part",
        (Verdict.HoldsInPart, _) => "hold in part",
        (Verdict.Fails, 1) => "fails",
        (Verdict.Fails, _) => "fail",
        _ => "undecided",
    };
}
