using Evenkeel.Cli.Terminal;
using Evenkeel.Examination;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Diagnoses;

namespace Evenkeel.Cli.Commands;

/// <summary>
/// What <c>doctor</c> prints: the verdict, the findings with the most harmful first, and what was not checked.
/// </summary>
internal sealed class DoctorPrinter(TextWriter output, Ink ink)
{
    /// <summary>So many findings of a rule are shown in full; the other layers are named.</summary>
    private const int MostOfARule = 3;

    /// <summary>So many layers are named, and so many channels.</summary>
    private const int MostNamed = 6, MostChannels = 12;

    /// <summary>Prints a diagnosis.</summary>
    /// <param name="diagnosis">The diagnosis.</param>
    /// <param name="name">The file, as it is shown.</param>
    public void Print(Diagnosis diagnosis, string name)
    {
        output.WriteLine($"{ink.Bold(InspectFile.Shown(name))} ({diagnosis.Network.Format}): {Verdict(diagnosis)}");
        foreach (IGrouping<(string Rule, FindingLevel Level), Finding> rule in
            diagnosis.Findings.GroupBy(static finding => (finding.Rule, finding.Level)))
        {
            Finding[] findings = [.. rule];
            foreach (Finding finding in findings.Take(MostOfARule)) Print(finding);
            if (findings.Length <= MostOfARule) continue;
            string[] layers = [.. findings.Skip(MostOfARule).Select(static finding => finding.Layer)];
            string more = layers.Length > MostNamed ? $" and {layers.Length - MostNamed} more" : "";
            output.WriteLine();
            Lines("", $"{rule.Key.Rule} also in {string.Join(", ", layers.Take(MostNamed))}{more}");
        }

        string[] notChecked = [.. UncheckedText.Lines(diagnosis.NotChecked)];
        string[] notRead = [.. UnreadText.Lines(diagnosis.Network)];
        if (notChecked.Length + notRead.Length + diagnosis.Network.Assumptions.Count > 0) output.WriteLine();
        foreach (string line in notChecked) Dimmed($"not checked: {line}");
        foreach (string line in notRead) Dimmed($"not read: {line}");
        foreach (string line in diagnosis.Network.Assumptions) Dimmed($"assumed: {line}");
    }

    private string Verdict(Diagnosis diagnosis) => diagnosis.Worst switch
    {
        FindingLevel.Error => ink.Bad(diagnosis.Verdict),
        FindingLevel.Warning => ink.Bold(diagnosis.Verdict),
        _ => ink.Good(diagnosis.Verdict),
    };

    private void Print(Finding finding)
    {
        string level = UserText.Of(finding.Level);
        string word = finding.Level == FindingLevel.Error ? ink.Bad(level)
            : finding.Level == FindingLevel.Warning ? ink.Bold(level) : level;
        string channels = finding.Channels.Count switch
        {
            0 => "",
            1 => $", channel {finding.Channels[0]}",
            <= MostChannels => $", channels {string.Join(", ", finding.Channels)}",
            _ => $", channels {string.Join(", ", finding.Channels.Take(MostChannels))}, ... ({finding.Channels.Count})",
        };
        string where = finding.Layer.Length == 0 ? "" : $": {InspectFile.Shown(finding.Layer)}";
        output.WriteLine();
        Lines("", $"{word} {finding.Rule} {RulePages.TitleOf(finding.Rule)}{where}{channels}");
        Lines("  ", InspectFile.Shown(finding.Message));
        if (finding.Remedy.Length > 0) Lines("  ", $"remedy: {InspectFile.Shown(finding.Remedy)}");
    }

    private void Lines(string indent, string text)
    {
        foreach (string line in TextTable.WrapText(text, ink.Width - indent.Length - 2))
            output.WriteLine(indent + line);
    }

    private void Dimmed(string text)
    {
        foreach (string line in TextTable.WrapText(InspectFile.Shown(text), ink.Width)) output.WriteLine(ink.Dim(line));
    }
}
