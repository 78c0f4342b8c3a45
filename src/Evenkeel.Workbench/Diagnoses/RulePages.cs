using Evenkeel.Examination;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>The pages of the doctor's rules, <c>docs/doctor/EK107.md</c>, as the build embeds them.</summary>
internal static class RulePages
{
    private const string Prefix = "doctor/", Ending = ".md";

    /// <summary>The ids of the rules that have a page, in order.</summary>
    public static IReadOnlyList<string> Ids { get; } =
    [
        .. typeof(RulePages).Assembly.GetManifestResourceNames()
            .Where(static name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(static name => name[Prefix.Length..^Ending.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The page of a rule as Markdown; null if there is none.</summary>
    /// <param name="id">The id of the rule, in letters of any case.</param>
    public static string? Of(string id) =>
        Embedded.Text($"{Prefix}{id.ToUpperInvariant()}{Ending}")?.ReplaceLineEndings("\n");

    /// <summary>The page of a rule, or an error that names the nearest id.</summary>
    /// <param name="id">The id of the rule, in letters of any case.</param>
    /// <exception cref="WorkbenchException">There is no such rule.</exception>
    public static string Explain(string id) => Of(id) ?? throw WorkbenchException.Usage(
        $"--explain: expected the id of a rule, as EK107, got {id}.{NearestName.Hint(id.ToUpperInvariant(), Ids)} "
        + "docs/doctor/README.md lists all of them.");

    /// <summary>The text under a heading of a page, in one line; empty if there is no such heading.</summary>
    /// <param name="page">The page.</param>
    /// <param name="heading">The heading, without its signs.</param>
    public static string SectionOf(string page, string heading)
    {
        IEnumerable<string> lines = page.Split('\n').SkipWhile(line => line != $"## {heading}").Skip(1)
            .TakeWhile(static line => !line.StartsWith("## ", StringComparison.Ordinal));
        return string.Join(' ', lines.Select(static line => line.Trim()).Where(static line => line.Length > 0));
    }

    /// <summary>What a rule finds, in a few words; the id itself for a rule that is not known.</summary>
    /// <param name="id">The id of the rule.</param>
    public static string TitleOf(string id) =>
        Doctor.Rules.FirstOrDefault(rule => rule.Id == id) is { } known ? known.Title : id;
}
