using Evenkeel.Examination;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Diagnoses;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary>The pages of the doctor's rules, which the command prints.</summary>
public sealed class RulePagesTests
{
    private static readonly string[] s_headings =
        ["What is measured", "Why it matters", "Bound", "Example", "Remedy", "Source"];

    [Fact]
    public void Every_rule_has_a_page_and_every_page_a_rule() =>
        Assert.Equal(Doctor.Rules.Select(static rule => rule.Id).Order(StringComparer.Ordinal), RulePages.Ids);

    [Fact]
    public void A_page_has_the_title_of_its_rule_and_all_headings()
    {
        foreach (DoctorRule rule in Doctor.Rules)
        {
            string[] lines = RulePages.Of(rule.Id)!.Split('\n');
            Assert.Equal($"# {rule.Id}: {rule.Title}", lines[0]);
            Assert.Equal(s_headings.Select(static heading => $"## {heading}"),
                lines.Where(static line => line.StartsWith("## ", StringComparison.Ordinal)));
            Assert.All(s_headings, heading => Assert.NotEmpty(RulePages.SectionOf(RulePages.Of(rule.Id)!, heading)));
        }
    }

    [Fact]
    public void The_table_of_rules_names_each_with_its_title()
    {
        string[] rows = [.. Repository.Text("docs", "doctor", "README.md").Split('\n')
            .Where(static line => line.StartsWith("| [EK", StringComparison.Ordinal))
            .Select(static line => string.Join('|', line.Split('|').Take(3)) + "|")];
        Assert.Equal(
            Doctor.Rules.OrderBy(static rule => rule.Id, StringComparer.Ordinal)
                .Select(static rule => $"| [{rule.Id}]({rule.Id}.md) | {rule.Title} |"),
            rows);
    }

    [Fact]
    public void A_rule_that_does_not_exist_is_told_with_the_nearest()
    {
        WorkbenchException refused = Assert.Throws<WorkbenchException>(static () => RulePages.Explain("EK1007"));
        Assert.True(refused.IsUsage);
        Assert.Contains("Did you mean EK107?", refused.Message, StringComparison.Ordinal);
        Assert.StartsWith("# EK107: ", RulePages.Explain("ek107"), StringComparison.Ordinal);
    }
}
