using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Cli.Terminal;

/// <summary>Results for a reader at a terminal of 80 columns.</summary>
internal sealed class ResultPrinter(TextWriter output, Ink ink)
{
    /// <summary>One finished experiment: what was run, its tables, its claims, its remarks.</summary>
    public void Print(ResultRecord record, LabData data, string savedAs)
    {
        Experiment experiment = record.Experiment;
        string lesson = $"lesson {experiment.Lesson}";
        string title = $"{experiment.Name}: {experiment.Title}";
        output.WriteLine();
        output.WriteLine(ink.Bold(experiment.Name) + ": " + experiment.Title
            + new string(' ', Math.Max(2, ink.Width - title.Length - lesson.Length)) + ink.Dim(lesson));
        string images = experiment.Images is { } set ? $", {data.Describe(set)}" : "";
        foreach (string line in TextTable.WrapText($"seed {record.Settings.Seed}, " +
            $"{ResultText.Describe(record.Settings)}{images}", ink.Width)) output.WriteLine(ink.Dim(line));
        foreach (ResultTable table in record.Result.Tables) Print(table);
        if (record.Result.Checks.Count > 0) output.WriteLine();
        foreach (Check check in record.Result.Checks) Print(check);
        if (record.Result.Notes.Count > 0) output.WriteLine();
        foreach (string note in record.Result.Notes) Hang("  ", "", note, ink.Dim);
        output.WriteLine();
        output.WriteLine(ink.Dim($"  {ResultText.Seconds(record.Seconds)}, saved as {savedAs}"));
    }

    /// <summary>Wrapped text behind a sign, further lines below the first one's text.</summary>
    public void Hang(string indent, string sign, string text, Func<string, string>? paint = null)
    {
        string head = sign.Length == 0 ? indent : $"{indent}{sign} ";
        int width = TextTable.Width(head);
        string lead = head;
        foreach (string line in TextTable.WrapText(text, ink.Width - width))
        {
            output.WriteLine(lead + (paint is null ? line : paint(line)));
            lead = new string(' ', width);
        }
    }

    private void Print(ResultTable table)
    {
        output.WriteLine();
        Hang("  ", "", table.Name);
        output.WriteLine();
        var text = new TextTable([.. table.Columns]);
        for (int i = 0; i < table.Columns.Count; i++)
        {
            if (table.Rows.Any(row => row[i] is double or int)) text.Right(i);
            else text.Wrap(i);
        }

        foreach (IReadOnlyList<object?> row in table.Rows) text.Add(
            [.. row.Select((cell, i) => ResultText.Cell(cell, table.Formats?[i]))]);
        foreach (string line in text.Lines(ink.Width, ink)) output.WriteLine(line);
    }

    private void Print(Check check) => Hang("  ", ink.Sign(check.Verdict), $"{check.Statement}: {check.Measured}");
}
