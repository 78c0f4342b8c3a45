using System.CommandLine;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Reports.Page;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel report OUT</c>: the page again, from the stored results.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var folder = new Argument<string?>("DIR")
        {
            Description = "folder with results (default: out)",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string> named = Options.Out();
        var command = new Command("report", "Write the page index.html and the CSV files of its charts from the " +
            "results in DIR, without running anything.") { folder, named };
        command.Validators.Add(result =>
        {
            if (result.GetResult(folder) is { Tokens.Count: > 0 }
                && result.GetResult(named) is { Implicit: false }) result.AddError(
                "expected the folder once: as DIR or with --out.");
        });
        command.Do((parse, _) =>
        {
            var results = new ResultFolder(parse.GetValue(folder) ?? parse.GetValue(named)!);
            Console.WriteLine(Report.Write(results, Console.Error.WriteLine));
            return ExitCode.Done;
        });
        return command;
    }
}
