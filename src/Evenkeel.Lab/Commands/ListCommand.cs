using System.CommandLine;
using System.Text;
using System.Text.Json;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Lab.Commands;

/// <summary><c>evenkeel list</c>: what there is to run.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        Option<bool> json = Options.Json();
        var command = new Command("list", "The experiments: name, item of the lesson, what they look at.") { json };
        command.Do((parse, _) =>
        {
            if (parse.GetValue(json)) PrintJson();
            else Print();
            return ExitCode.Done;
        });
        return command;
    }

    private static void Print()
    {
        Ink ink = Ink.ForOutput();
        var table = new TextTable("experiment", "lesson", "what it looks at").Wrap(2);
        foreach (Experiment experiment in ExperimentCatalog.All) table.Add(ink.Bold(experiment.Name), experiment.Lesson, experiment.Title);
        foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
        Console.WriteLine();
        Console.WriteLine(ink.Dim("evenkeel run NAME runs one, evenkeel reproduce all of them."));
    }

    private static void PrintJson()
    {
        foreach (Experiment experiment in ExperimentCatalog.All)
        {
            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer, ResultJson.Options(indented: false)))
            {
                json.WriteStartObject();
                json.WriteString("experiment", experiment.Name);
                json.WriteString("title", experiment.Title);
                json.WriteString("lesson", experiment.Lesson);
                json.WriteString("description", experiment.Description);
                json.WriteStartArray("variants");
                foreach (string variant in experiment.Variants) json.WriteStringValue(variant);
                json.WriteEndArray();
                json.WriteString("images", experiment.Images?.Name);
                json.WriteString("page", experiment.Page);
                json.WriteEndObject();
            }

            Console.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
        }
    }
}
