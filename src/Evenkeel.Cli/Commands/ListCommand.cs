using System.CommandLine;
using System.Text.Json;
using Evenkeel.Cli.Terminal;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel list</c>: what there is to run.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        Option<bool> json = Options.Json();
        var command = new Command(
            "list", "List the experiments and the claims, with the items of the lessons they are from.") { json };
        command.Do((parse, _) =>
        {
            if (parse.GetValue(json)) PrintJson();
            else Print(Console.Out, Ink.ForOutput(), ExperimentCatalog.All, ClaimCatalog.All);
            return ExitCode.Done;
        });
        return command;
    }

    internal static void Print(TextWriter output, Ink ink, IEnumerable<Experiment> experiments,
        IEnumerable<Claim> claims)
    {
        TextTable runs = new TextTable("experiment", "lesson", "what it looks at").Wrap(2),
            statements = new TextTable("claim", "lesson", "what it says").Wrap(2);
        foreach (Experiment experiment in experiments)
            runs.Add(ink.Bold(experiment.Name), experiment.Lesson, experiment.Title);
        foreach (Claim claim in claims) statements.Add(ink.Bold(claim.Id), claim.Lesson, claim.Statement);
        foreach (string line in runs.Lines(ink.Width, ink, indent: "")) output.WriteLine(line);
        output.WriteLine();
        foreach (string line in statements.Lines(ink.Width, ink, indent: "")) output.WriteLine(line);
        output.WriteLine();
        string hint =
            "'evenkeel run NAME' runs an experiment, 'evenkeel reproduce' all of them. 'evenkeel claims' shows the " +
            "verdicts, 'evenkeel claims ID' explains one.";
        foreach (string line in TextTable.WrapText(hint, ink.Width)) output.WriteLine(ink.Dim(line));
    }

    private static void PrintJson()
    {
        foreach (Experiment experiment in ExperimentCatalog.All) JsonLine.Print(json => Write(json, experiment));
        foreach (Claim claim in ClaimCatalog.All) JsonLine.Print(json => Write(json, claim));
    }

    private static void Write(Utf8JsonWriter json, Experiment experiment)
    {
        json.WriteString("experiment", experiment.Name);
        json.WriteString("title", experiment.Title);
        json.WriteString("lesson", experiment.Lesson);
        json.WriteString("description", experiment.Description);
        json.WriteStartArray("variants");
        foreach (string variant in experiment.Variants) json.WriteStringValue(variant);
        json.WriteEndArray();
        json.WriteString("images", experiment.Images?.Name);
        json.WriteString("page", experiment.Page);
    }

    private static void Write(Utf8JsonWriter json, Claim claim)
    {
        json.WriteString("claim", claim.Id);
        json.WriteString("statement", claim.Statement);
        json.WriteString("lesson", claim.Lesson);
        json.WriteString("rule", claim.Rule);
        json.WriteStartArray("experiments");
        foreach (string experiment in claim.Experiments) json.WriteStringValue(experiment);
        json.WriteEndArray();
    }
}
