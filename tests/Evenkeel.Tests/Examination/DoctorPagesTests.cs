using Evenkeel.Examination;
using Xunit;

namespace Evenkeel.Tests.Examination;

/// <summary>Each rule has a page that says what it does, with an example that the doctor has made.</summary>
public sealed class DoctorPagesTests
{
    private static readonly string[] s_headings =
        ["What is measured", "Why it matters", "Bound", "Example", "Remedy", "Source"];

    public static TheoryData<string> Rules =>
        [.. Doctor.Rules.OfType<FileRule>().Select(static rule => rule.Id)];

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_has_its_page(string id)
    {
        DoctorRule rule = Doctor.Rules.First(rule => rule.Id == id);
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "doctor", $"{id}.md"));
        Assert.StartsWith($"# {id}: {rule.Title}\n\nLevel", page, StringComparison.Ordinal);
        Assert.Equal(s_headings, page.Split('\n')
            .Where(static line => line.StartsWith("## ", StringComparison.Ordinal)).Select(static line => line[3..]));
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void The_example_is_what_the_doctor_says(string id)
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "doctor", $"{id}.md"));
        Finding finding = Examples.Of(id);
        string example = Spaced(page[page.IndexOf("```", StringComparison.Ordinal)..]);
        Assert.Contains(Spaced(finding.Message), example, StringComparison.Ordinal);
        Assert.Contains(Spaced(finding.Remedy), example, StringComparison.Ordinal);
    }

    private static string Spaced(string text) => string.Join(' ', text.Split((char[]?)null,
        StringSplitOptions.RemoveEmptyEntries));
}
