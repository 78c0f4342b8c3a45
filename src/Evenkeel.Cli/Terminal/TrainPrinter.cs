using System.Text.Json.Nodes;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Models;
using Evenkeel.Workbench.Runs;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// What <c>train</c> and <c>evaluate</c> print: the data, the settings, the network, and the results.
/// </summary>
internal sealed class TrainPrinter(TextWriter output, Ink ink)
{
    private const int MostMistakes = 5, MostClasses = 12, MostColumns = 40, LongestText = 30;

    /// <summary>What a user should know, on standard error.</summary>
    public static void Note(string? first, IEnumerable<string> notes)
    {
        if (first is not null) Console.Error.WriteLine($"note: {first}");
        foreach (string note in notes) Console.Error.WriteLine($"note: {note}");
    }

    /// <summary>Everything that is known before the first step.</summary>
    public void Print(TrainingPlan plan)
    {
        PreparedData data = plan.Data;
        output.WriteLine(ink.Bold(data.Summary));
        if (data.Preparation is TablePreparation table) PrintColumns(table);
        foreach (string note in data.Notes) Lines("  ", "- " + note);
        string parts = $"{data.Training.Count:N0} train in {plan.Batches.Batches:N0} batches, "
            + $"{data.Validation.Count:N0} validate";
        if (data.Test is { } test) parts += $", {test.Count:N0} test";
        output.WriteLine($"Samples: {parts}.");
        output.WriteLine();
        IEnumerable<string> settings = TrainSetting.All.Where(static setting => setting.Name != "data")
            .Select(setting => (setting.Name, Value: setting.Get(plan.Settings)))
            .Where(static entry => entry.Value is not (null or "0" or "none"))
            .Select(static entry => $"--{entry.Name} {Value(entry.Value!)}");
        Lines("  ", ink.Bold("Settings"), string.Join("  ", settings));
        output.WriteLine();
        (string summary, ModelCost cost) = plan.Describe();
        output.WriteLine(ink.Bold($"Network {plan.Settings.Model}"));
        output.WriteLine(summary);
        double seconds = cost.Epoch.TotalSeconds;
        string time = seconds < 0.1 ? "less than 0.1 s" : $"about {Duration.Text(seconds)}";
        output.WriteLine($"Memory: {DownloadDisplay.Size(cost.TotalBytes)} beside the data. Time: {time} per epoch.");
    }

    /// <summary>The end of a training.</summary>
    public void PrintResult(RunFolder run, JsonObject evaluation, string? stopReason)
    {
        JsonNode figures = run.Document["figures"]!;
        output.WriteLine();
        if (stopReason is not null) Lines("", $"Stopped early: {stopReason}.");
        if (figures["best"] is { } best)
        {
            string score = NumberText.Score((double)best);
            output.WriteLine($"Best model: epoch {figures["bestEpoch"]}, {figures["monitor"]} {score}.");
        }

        PrintEvaluation(evaluation);
        string path = ShownPath.Of(run.FullPath);
        output.WriteLine();
        output.WriteLine($"weights {((string?)run.Document["weightsHash"])?[..16]}");
        output.WriteLine($"report  {ShownPath.Of(run.ReportPath)}");
        output.WriteLine($"predict evenkeel predict {path} FILES...");
    }

    /// <summary>Scores, confusion matrix, worst mistakes.</summary>
    public void PrintEvaluation(JsonObject evaluation)
    {
        IEnumerable<string> scores = evaluation["scores"]!.AsObject().Select(static entry =>
            entry.Value is null ? $"{entry.Key} undefined" : $"{entry.Key} {NumberText.Score((double)entry.Value)}");
        string set = $"On the {evaluation["samples"]} samples of {evaluation["set"]}: ";
        Lines("", $"{set}{string.Join(", ", scores)}.");
        if (evaluation["confusion"] is JsonObject confusion) PrintConfusion(confusion);
        if (evaluation["mistakes"] is JsonArray { Count: > 0 } mistakes) PrintMistakes(mistakes);
    }

    private static string Value(string text)
    {
        string[] items = text.Split(TrainSetting.ListSeparator);
        return string.Join(' ', items.Select(static item => item.Contains(' ') ? $"\"{item}\"" : item));
    }

    private void PrintColumns(TablePreparation preparation)
    {
        var table = new TextTable("column", "is", "why").Wrap(0, 2);
        IReadOnlyList<Tables.TableColumn> columns = preparation.Schema.Columns;
        foreach (Tables.TableColumn column in columns.Take(MostColumns))
            table.Add(column.Name, column.Kind.ToString().ToLowerInvariant(), column.Why);
        foreach (string line in table.Lines(ink.Width, ink)) output.WriteLine(line);
        if (columns.Count > MostColumns)
            output.WriteLine($"  and {columns.Count - MostColumns} more, which run.json has.");
    }

    private void PrintConfusion(JsonObject confusion)
    {
        string[] classes = [.. confusion["classes"]!.AsArray().Select(static name => (string)name!)];
        if (classes.Length > MostClasses)
        {
            output.WriteLine($"The report has the confusion matrix of the {classes.Length} classes.");
            return;
        }

        int room = (ink.Width - classes.Max(static name => name.Length) - 4) / classes.Length;
        string[] heads = [.. classes.Select(name =>
            name.Length > room - 2 ? name[..Math.Max(1, room - 3)] + "." : name)];
        var table = new TextTable(["true", .. heads]);
        for (int c = 0; c < classes.Length; c++)
        {
            table.Right(c + 1);
            table.Add([classes[c], .. confusion["counts"]![c]!.AsArray().Select(static count => count!.ToString())]);
        }

        foreach (string line in table.Lines(ink.Width, ink)) output.WriteLine(line);
    }

    private void PrintMistakes(JsonArray mistakes)
    {
        bool isClass = mistakes[0]!["probability"] is not null;
        TextTable table = isClass
            ? new TextTable("surest mistakes", "expected", "predicted", "probability").Right(3).Wrap(0)
            : new TextTable("largest errors", "expected", "predicted").Right(1, 2).Wrap(0);
        foreach (JsonNode? mistake in mistakes.Take(MostMistakes))
        {
            string[] cells =
                [mistake!["sample"]!.ToString(), Text(mistake["expected"]), Text(mistake["predicted"])];
            table.Add(isClass ? [.. cells, $"{(double)mistake["probability"]!:0.000}"] : cells);
        }

        foreach (string line in table.Lines(ink.Width, ink)) output.WriteLine(line);
    }

    private static string Text(JsonNode? value) => value is JsonValue number && number.TryGetValue(out double x)
        ? NumberText.Value(x) : Cut(value?.ToString() ?? "");

    private static string Cut(string text) => text.Length > LongestText ? text[..(LongestText - 3)] + "..." : text;

    /// <summary>A heading, if there is one, and a text below it in lines that fit.</summary>
    private void Lines(string indent, string heading, string text)
    {
        output.WriteLine(heading);
        Lines(indent, text);
    }

    private void Lines(string indent, string text)
    {
        foreach (string line in TextTable.WrapText(text, ink.Width - indent.Length)) output.WriteLine(indent + line);
    }
}
