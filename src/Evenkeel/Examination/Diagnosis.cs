namespace Evenkeel.Examination;

/// <summary>What the doctor says about a network.</summary>
/// <param name="Subject">The file or the network.</param>
/// <param name="Network">What was examined.</param>
/// <param name="Findings">What was found, the most harmful first.</param>
/// <param name="NotChecked">The rules that could not be checked, and why.</param>
public sealed record Diagnosis(string Subject, ExaminedNetwork Network, IReadOnlyList<Finding> Findings,
    IReadOnlyList<UncheckedRule> NotChecked)
{
    /// <summary>
    /// By the name of a norm and channel, how far its running mean is from the mean of the data, in standard deviations
    /// of the data. Empty if there were no data.
    /// </summary>
    public IReadOnlyDictionary<string, IReadOnlyList<double>> Drift { get; init; } =
        new Dictionary<string, IReadOnlyList<double>>(StringComparer.Ordinal);

    /// <summary>The level of the most harmful finding; null if there is none.</summary>
    public FindingLevel? Worst => Findings.Count == 0 ? null : Findings.Max(static finding => finding.Level);

    /// <summary>The number of findings of a level.</summary>
    public int Count(FindingLevel level) => Findings.Count(finding => finding.Level == level);

    /// <summary>One line: healthy or not, and how many findings of each level.</summary>
    public string Verdict
    {
        get
        {
            (int errors, int warnings, int notes) =
                (Count(FindingLevel.Error), Count(FindingLevel.Warning), Count(FindingLevel.Note));
            string word = errors > 0 ? "ill" : warnings > 0 ? "ailing" : "healthy";
            return Findings.Count == 0 ? word
                : $"{word}: {Ratios.Count(errors, "error")}, {Ratios.Count(warnings, "warning")}, "
                    + Ratios.Count(notes, "note");
        }
    }
}
