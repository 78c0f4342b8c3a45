using System.CommandLine;
using System.Globalization;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Reports.Page;

namespace Evenkeel.Lab.Commands;

/// <summary><c>evenkeel reproduce</c>: every experiment in the lessons' order, with the seeds that claims need, then the verdicts; what the folder already holds is reused.</summary>
internal static class ReproduceCommand
{
    public static Command Create()
    {
        var options = new RunOptions();
        var replace = new Option<bool>("--replace") { Description = "run anew what DIR holds of other settings or data, instead of refusing" };
        var command = new Command("reproduce", "Run every experiment and judge every claim. What DIR already holds of the same settings, data and build is reused, so a stopped run goes on.");
        options.AddTo(command);
        command.Add(replace);
        command.Do((parse, cancellation) => Reproduce(options.Open(parse, cancellation), parse.GetValue(replace), cancellation));
        return command;
    }

    private static int Reproduce(Laboratory laboratory, bool replace, CancellationToken cancellation)
    {
        if (!replace) RefuseOtherSettings(laboratory);
        Ink ink = Ink.ForOutput();
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
        int failures = 0;
        foreach (Experiment experiment in ExperimentCatalog.All)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!RunOrReuse(laboratory, experiment, ink)) failures++;
        }

        Console.WriteLine();
        ClaimPrinter.PrintTable(Console.Out, ink, ResultFolder.EvidenceOf(laboratory.Folder.All()));
        Console.WriteLine();
        Console.WriteLine($"page: {Report.Write(laboratory.Folder)}");
        return failures == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>Results of two settings in one folder would make one report of them.</summary>
    private static void RefuseOtherSettings(Laboratory laboratory)
    {
        ResultRecord? other = laboratory.Folder.All().FirstOrDefault(stored => !laboratory.HasTheseSettings(stored));
        if (other is null) return;
        string was = Describe(other.Settings, other.Data), now = Describe(laboratory.SettingsOf(other.Experiment), laboratory.DataOf(other.Experiment));
        throw new LabException(
            $"--out: the folder holds results of other settings: {other.Experiment.Name} was run with {was}, now {now} was asked for. Choose another folder with --out, or run them anew with --replace.",
            ExitCode.Usage);
    }

    private static string Describe(ExperimentSettings settings, DataIdentity? data) => string.Create(CultureInfo.InvariantCulture,
        $"seed {settings.Seed}, {settings.Threads} threads, {settings.DType.ToString().ToLowerInvariant()}{(settings.Epochs is { } epochs ? $", {epochs} epochs" : "")}{(settings.Quick ? ", --quick" : "")}{(data is null ? "" : $", {data.Name} ({data.Source})")}");

    private static bool RunOrReuse(Laboratory laboratory, Experiment experiment, Ink ink)
    {
        string head = $"{experiment.Name,-25}";
        try
        {
            ResultRecord? stored = laboratory.Reusable(experiment);
            ResultRecord record = laboratory.Replicate(stored ?? laboratory.Run(experiment));
            bool isReused = stored is not null && stored.Replicates.Count == record.Replicates.Count;
            string took = isReused ? "reused" : ResultPrinter.Seconds(record.Seconds + record.Replicates.Sum(static replicate => replicate.Seconds));
            new ResultPrinter(Console.Out, ink).Hang("", $"{ink.Holds} {head}{took,9} ", experiment.Headline(record.Result.Figures), ink.Dim);
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // One broken experiment must not hide the others; the summary and the exit code say so.
            Console.WriteLine($"{ink.Fails} {head}failed");
            Console.Error.WriteLine(e is LabException ? $"{experiment.Name}: {e.Message}" : $"{experiment.Name}: {e}");
            return false;
        }
    }
}
