using System.CommandLine;
using System.Text.Json.Nodes;
using Evenkeel.Cli.Terminal;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel runs [FOLDER]</c>: a table of runs, compared.</summary>
internal static class RunsCommand
{
    public const string DefaultFolder = "runs";

    /// <summary>So many settings are shown of those in which runs differ; --json has all.</summary>
    private const int MostSettings = 4;

    /// <summary>The settings in which runs usually differ, in the order of the columns.</summary>
    private static readonly string[] s_settings =
        ["data", "model", "norm", "optimizer", "lr", "schedule", "batch-size", "epochs", "augment", "dropout",
            "weight-decay", "warmup", "clip", "label-smoothing", "class-weights", "patience", "seed"];

    /// <summary>The folder of a run, as other commands take it.</summary>
    public static Argument<string> Run() =>
        new("RUN") { Description = "the folder of a run, the model.safetensors of one, or an ONNX file" };

    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER")
        {
            Description = "the folder of the runs",
            DefaultValueFactory = _ => DefaultFolder,
        };
        Option<bool> json = Options.Json();
        var command = new Command("runs", "List runs: how they stand, where their settings differ, and their best "
            + "scores.") { folder, json };
        command.Do((parse, _) =>
        {
            string path = parse.GetValue(folder)!;
            if (!Directory.Exists(path))
            {
                throw WorkbenchException.Usage(
                    $"expected a folder of runs, got \"{path}\", which does not exist. 'evenkeel train' makes runs.");
            }

            List<RunFolder> runs = [.. RunFolder.All(path)];
            if (parse.GetValue(json))
            {
                foreach (RunFolder run in runs) Console.WriteLine(LineOf(run).ToJsonString());
                return ExitCode.Done;
            }

            if (runs.Count == 0)
            {
                Console.WriteLine($"There are no runs in {path}. 'evenkeel train --data DATA' makes one.");
                return ExitCode.Done;
            }

            Print(runs);
            return ExitCode.Done;
        });
        return command;
    }

    private static JsonObject LineOf(RunFolder run) => new()
    {
        ["name"] = run.Name,
        ["path"] = run.FullPath,
        ["status"] = run.Status.ToString().ToLowerInvariant(),
        ["created"] = run.Document["created"]?.DeepClone(),
        ["settings"] = run.Document["settings"]?.DeepClone(),
        ["figures"] = run.Document["figures"]?.DeepClone(),
        ["weightsHash"] = run.Document["weightsHash"]?.DeepClone(),
    };

    private static void Print(List<RunFolder> runs)
    {
        string[] differing = [.. s_settings.Where(name =>
            runs.Select(run => Setting(run, name)).Distinct(StringComparer.Ordinal).Count() > 1).Take(MostSettings)];
        var table = new TextTable(["run", "status", .. differing, "done", "best score", "time"]);
        table.Wrap(0, 1);
        foreach (RunFolder run in runs)
        {
            string epoch = run.Text("figures", "bestEpoch");
            string best = run.Number("figures", "best") is { } score
                ? $"{run.Text("figures", "monitor")} {NumberText.Score(score)} (epoch {epoch})" : "-";
            double seconds = run.Number("figures", "trainingSeconds") ?? 0;
            table.Add([run.Name, run.Status.ToString().ToLowerInvariant(),
                .. differing.Select(name => Setting(run, name)),
                run.Text("figures", "epochs"), best, Duration.Text(seconds)]);
        }

        Ink ink = Ink.ForOutput();
        foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
    }

    private static string Setting(RunFolder run, string name)
    {
        string text = run.Text("settings", name);
        return name == "data" ? Path.GetFileName(text) : text;
    }
}
