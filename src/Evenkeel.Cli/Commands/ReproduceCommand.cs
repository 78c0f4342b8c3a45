using System.CommandLine;
using Evenkeel.Cli.Terminal;
using Evenkeel.Lab;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Reports.Page;
using Evenkeel.Lab.Running;

namespace Evenkeel.Cli.Commands;

/// <summary>
/// <c>evenkeel reproduce</c>: every experiment in the lessons' order, with the seeds that claims need, then the
/// verdicts; what the folder already holds is reused.
/// </summary>
internal static class ReproduceCommand
{
    public static Command Create()
    {
        var options = new RunOptions();
        var replace = new Option<bool>("--replace")
        {
            Description = "replace results of other settings or data that DIR holds, instead of refusing it",
        };
        var command = new Command("reproduce", "Run every experiment and judge every claim. Results in DIR of the " +
            "same settings, data and build are reused, so a stopped run continues.");
        options.AddTo(command);
        command.Add(replace);
        command.Do((parse, cancellation) =>
        {
            Laboratory laboratory = options.Open(parse, cancellation);
            if (!parse.GetValue(replace)) laboratory.RequireTheseSettings();
            try
            {
                return Reproduce(laboratory);
            }
            catch (OperationCanceledException)
            {
                Console.Error.WriteLine(
                    "evenkeel reproduce: interrupted; finished experiments and seeds are kept in " +
                    $"{laboratory.Folder.Root}. " +
                    "The same command continues from there.");
                return ExitCode.Interrupted;
            }
        });
        return command;
    }

    private static int Reproduce(Laboratory laboratory)
    {
        Ink ink = Ink.ForOutput();
        var printer = new ReproducePrinter(Console.Out, ink);
        printer.PrintData(laboratory.Data);
        printer.PrintHead();
        var records = new List<ResultRecord>();
        foreach (Completion completion in laboratory.Complete(ExperimentCatalog.All))
        {
            if (completion.Failure is { } failure)
            {
                // One broken experiment must not hide the others; the summary and the exit code say so.
                printer.PrintFailed(completion.Experiment);
                string told = failure is LabException ? failure.Message : failure.ToString();
                Console.Error.WriteLine($"{completion.Experiment.Name}: {told}");
                continue;
            }

            ResultRecord record = completion.RecordOrFailure();
            records.Add(record);
            printer.Print(record, completion.Seconds);
        }

        IReadOnlyList<Finding> findings = ClaimCatalog.Judge(ResultFolder.EvidenceOf(records));
        printer.PrintVerdicts(findings, records);
        if (records.Count > 0) printer.PrintPage(Report.Write(laboratory.Folder));
        return records.Count == ExperimentCatalog.All.Count ? ExitCode.Done : ExitCode.Failed;
    }
}
