using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Evenkeel.Architecture.Tests;

/// <summary>What is written around the code: the width of lines, and the reasons of rules that are off.</summary>
public sealed partial class TextTests
{
    private const int Columns = 120;

    /// <summary>Fewer letters hold no reason.</summary>
    private const int ShortestReason = 40;

    [Fact]
    public void No_line_of_code_or_prose_is_wider_than_120_columns()
    {
        var wide = new List<string>();
        foreach (string file in Repository.Files.Where(static path => Path.GetExtension(path) is ".cs" or ".md"))
        {
            int[] lines = [.. WideLines(file)];
            if (lines.Length > 0)
                wide.Add($"{file}: {lines.Length} lines over {Columns} columns, the first is {lines[0]}");
        }

        Assert.True(wide.Count == 0, string.Join('\n', wide));
    }

    [Theory]
    [InlineData("a.cs", 120, "", true)]
    [InlineData("a.cs", 121, "", false)]
    [InlineData("a.cs", 121, "| ", false)]
    [InlineData("a.md", 120, "", true)]
    [InlineData("a.md", 121, "", false)]
    [InlineData("a.md", 121, "| ", true)]
    [InlineData("a.md", 200, "See https://", true)]
    public void A_line_fits_up_to_120_columns_and_in_prose_if_it_is_a_row_of_a_table_or_an_address(
        string file, int columns, string start, bool fits) =>
        Assert.Equal(fits, Fits(file, start.PadRight(columns, 'x')));

    /// <summary>A sign that takes two places in memory is one column.</summary>
    [Fact]
    public void Columns_are_signs_as_a_reader_sees_them() =>
        Assert.True(Fits("a.cs", string.Concat(Enumerable.Repeat("\U0001D465", 120))));

    [Fact]
    public void Every_rule_that_is_off_says_what_it_asks_for_and_why_it_is_off()
    {
        string[] lines = Repository.Text(".editorconfig").Split('\n');
        string[] off = [.. Enumerable.Range(0, lines.Length)
            .Where(i => lines[i].EndsWith("severity = none", StringComparison.Ordinal) && !HasReason(lines, i))
            .Select(i => $"line {i + 1}: {lines[i]}")];
        Assert.Contains(lines, static line => line.EndsWith("severity = none", StringComparison.Ordinal));
        Assert.True(
            off.Length == 0,
            "Write a comment above each: # Asks for ... Why it is off.\n" + string.Join('\n', off));
    }

    private static bool HasReason(string[] lines, int i)
    {
        string reason = "";
        for (int j = i - 1; j >= 0 && lines[j].StartsWith('#'); j--) reason = $"{lines[j]} {reason}";
        return reason.StartsWith("# Asks ", StringComparison.Ordinal) && reason.Length >= ShortestReason;
    }

    private static IEnumerable<int> WideLines(string file)
    {
        string[] lines = Repository.Text(file).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (!Fits(file, lines[i])) yield return i + 1;
        }
    }

    private static bool Fits(string file, string line) =>
        line.Length <= Columns || new StringInfo(line).LengthInTextElements <= Columns
        || (file.EndsWith(".md", StringComparison.Ordinal)
            && (line.TrimStart().StartsWith('|') || Address().IsMatch(line)));

    [GeneratedRegex("https?://")]
    private static partial Regex Address();
}
