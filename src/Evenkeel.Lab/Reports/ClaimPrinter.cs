using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>Verdicts for a reader at a terminal of 80 columns.</summary>
internal static class ClaimPrinter
{
    /// <summary>One line a claim: its verdict, and the effect with its interval.</summary>
    public static void PrintTable(TextWriter output, Ink ink, Evidence evidence)
    {
        var table = new TextTable("", "claim", "says", "verdict", "effect", "95 % interval").Wrap(2, 3).Right(4);
        foreach (Finding finding in ClaimCatalog.All.Select(claim => claim.Judge(evidence)))
        {
            JudgedCase? first = finding.Cases.Count > 0 ? finding.Cases[0] : null;
            table.Add(
                Sign(ink, finding), finding.Claim.Id, finding.Claim.Statement, finding.VerdictText,
                first is null ? "" : Number(first.Interval.Mean), first is null ? "" : $"{Number(first.Interval.Low)} .. {Number(first.Interval.High)}");
        }

        foreach (string line in table.Lines(ink.Width, ink, indent: "")) output.WriteLine(line);
    }

    public static string Sign(Ink ink, Finding finding) => finding.Verdict switch
    {
        Verdict.Holds => ink.Holds,
        Verdict.HoldsIf => ink.HoldsIf,
        Verdict.Fails => ink.Fails,
        _ => ink.Undecided,
    };

    private static string Number(double value) => double.IsNaN(value) ? "-" : value.ToString("G3", CultureInfo.InvariantCulture);
}
