using System.CommandLine;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Lab.Commands;

/// <summary><c>evenkeel reproduce</c>: every experiment in the lesson's order, then a summary; finished ones are reused from the same folder and settings.</summary>
internal static class ReproduceCommand
{
    private sealed record Line(Experiment Experiment, string Headline, int Held, int Failed, bool Ran);

    public static Command Create()
    {
        var options = new RunOptions();
        var command = new Command("reproduce", "Run every experiment, then print a summary. Finished ones are reused where settings, data and build are the same.");
        options.AddTo(command);
        command.Do((parse, cancellation) => Reproduce(options.Open(parse, cancellation), cancellation));
        return command;
    }

    private static int Reproduce(Laboratory laboratory, CancellationToken cancellation)
    {
        Ink ink = Ink.ForOutput();
        var lines = new List<Line>();
        string head = "data";
        foreach (LabSet set in LabSet.All.Where(static set => ExperimentCatalog.All.Any(experiment => experiment.Images == set)))
        {
            foreach (string line in TextTable.WrapText(laboratory.Data.Describe(set), ink.Width - 6))
            {
                Console.WriteLine($"{ink.Bold(head)}  {line}");
                head = "    ";
            }
        }

        Console.WriteLine();
        foreach (Experiment experiment in ExperimentCatalog.All)
        {
            cancellation.ThrowIfCancellationRequested();
            lines.Add(RunOrReuse(laboratory, experiment, ink));
        }

        Console.WriteLine();
        var table = new TextTable("", "experiment", "what it looks at", "measured", "claims").Wrap(2, 3).Right(4);
        foreach (Line line in lines)
        {
            string sign = !line.Ran || line.Failed > 0 ? ink.Fails : ink.Holds;
            string claims = line.Held + line.Failed == 0 ? "" : $"{line.Held}/{line.Held + line.Failed}";
            table.Add(sign, line.Experiment.Name, line.Experiment.Title, line.Headline, claims);
        }

        foreach (string text in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(text);
        int failures = lines.Count(line => !line.Ran);
        int held = lines.Sum(line => line.Held), judged = held + lines.Sum(line => line.Failed);
        Console.WriteLine();
        Console.WriteLine($"{lines.Count - failures} of {lines.Count} experiments ran, {held} of {judged} claims hold.");
        return failures == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static Line RunOrReuse(Laboratory laboratory, Experiment experiment, Ink ink)
    {
        StoredResult? stored = laboratory.Folder.Find(experiment, laboratory.SettingsOf(experiment), laboratory.DataOf(experiment), out bool other);
        string name = experiment.Name.PadRight(25);
        if (stored is not null)
        {
            Console.WriteLine($"{ink.Holds} {name}{ink.Dim("reused (same settings)")}");
            return new Line(experiment, experiment.Headline(stored.Figures), stored.Held, stored.Failed, Ran: true);
        }

        try
        {
            ResultRecord record = laboratory.Run(experiment);
            string headline = experiment.Headline(record.Result.Figures);
            string note = other ? ink.Dim("  replaces a result of other settings") : "";
            Console.WriteLine($"{ink.Holds} {name}{ResultPrinter.Seconds(record.Seconds),9}{note}");
            return new Line(experiment, headline, record.Result.Claims.Count(c => c.Verdict == Verdict.Holds), record.Result.Claims.Count(c => c.Verdict == Verdict.Fails), Ran: true);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // One broken experiment must not hide the others; the summary and the exit code say so.
            Console.WriteLine($"{ink.Fails} {name}failed");
            Console.Error.WriteLine(e is LabException ? $"{experiment.Name}: {e.Message}" : $"{experiment.Name}: {e}");
            return new Line(experiment, "did not run", 0, 0, Ran: false);
        }
    }
}
