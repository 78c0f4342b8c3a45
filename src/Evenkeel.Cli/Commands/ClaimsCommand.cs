using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using Evenkeel.Cli.Terminal;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Reports.Page;
using Evenkeel.Lab.Running;

namespace Evenkeel.Cli.Commands;

/// <summary>
/// <c>evenkeel claims [ID...]</c>: the verdicts that a folder's results amount to; with names, runs what is missing and
/// explains them.
/// </summary>
internal static class ClaimsCommand
{
    public static Command Create()
    {
        var ids = new Argument<string[]>("ID")
        {
            Description = "claims to run and explain; without an ID, " +
                "all are listed with the verdicts of the results in --out",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var options = new RunOptions();
        Option<bool> json = Options.Json();
        var command = new Command("claims", "List the claims of the lessons with their verdicts, " +
            "or run and explain some of them.") { ids };
        options.AddTo(command);
        command.Add(json);
        ids.Validators.Add(result =>
        {
            foreach (Token token in result.Tokens)
            {
                string id = token.Value;
                if (id.StartsWith('-')) result.AddError(EvenkeelCommand.UnknownOption(id, command));
                else if (ClaimCatalog.Find(id) is null)
                    result.AddError("unknown claim " +
                        $"'{id}'.{NearestName.Hint(id, ClaimCatalog.All.Select(static claim => claim.Id))} 'evenkeel " +
                        "claims' shows all.");
            }
        });
        command.Do((parse, cancellation) =>
        {
            Claim[] claims = [.. parse.GetValue(ids)!.Select(static id => ClaimCatalog.Find(id)!).Distinct()];
            bool asJson = parse.GetValue(json);
            if (claims.Length == 0) List(options.FolderOf(parse), asJson);
            else Explain(options.Open(parse, cancellation), claims, asJson);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>All claims, by what the folder holds; nothing is run.</summary>
    private static void List(ResultFolder folder, bool asJson)
    {
        IReadOnlyList<ResultRecord> records = folder.All();
        foreach ((_, string path, string reason) in folder.Damaged()) Console.Error.WriteLine(
            $"note: {path} is ignored: {reason}.");
        if (ResultMixture.Find(records) is { } mixture)
            Console.Error.WriteLine($"note: {folder.Root}: {mixture.Note}");
        IReadOnlyList<Finding> findings = ClaimCatalog.Judge(ResultFolder.EvidenceOf(records));
        if (asJson)
        {
            PrintJson(findings);
            return;
        }

        Print(Console.Out, Ink.ForOutput(), findings, records.Count == 0
            ? $"{folder.Root} holds no results."
            : $"Judged by the results of {records.Count} of {ExperimentCatalog.All.Count} experiments in " +
                $"{folder.Root}.");
    }

    internal static void Print(TextWriter output, Ink ink, IReadOnlyList<Finding> findings, string source)
    {
        var printer = new ClaimPrinter(output, ink);
        printer.PrintTable(findings);
        output.WriteLine();
        printer.PrintCounts(findings);
        foreach (string line in TextTable.WrapText($"{source} 'evenkeel reproduce' runs and judges all claims, " +
            $"'evenkeel claims {findings[0].Claim.Id}' one of them.", ink.Width)) output.WriteLine(ink.Dim(line));
    }

    /// <summary>Runs what the claims need and the folder lacks, then explains them.</summary>
    private static void Explain(Laboratory laboratory, Claim[] claims, bool asJson)
    {
        laboratory.RequireTheseSettings();
        Experiment[] experiments =
            [.. claims.SelectMany(static claim => claim.Experiments).Distinct(StringComparer.Ordinal)
                .Select(static name => ExperimentCatalog.Find(name)!)];
        foreach (Experiment experiment in experiments)
        {
            if (experiment.Images is { } set)
                Console.Error.WriteLine($"{experiment.Name}: {laboratory.Data.Describe(set)}");
        }

        ResultRecord[] records =
            [.. laboratory.Complete(experiments).Select(static completion => completion.RecordOrFailure())];
        Evidence evidence = ResultFolder.EvidenceOf(records);
        Finding[] findings = [.. claims.Select(claim => claim.Judge(evidence))];
        if (asJson)
        {
            PrintJson(findings);
            return;
        }

        var printer = new ClaimPrinter(Console.Out, Ink.ForOutput());
        foreach (Finding finding in findings)
        {
            printer.Explain(finding, [.. records.Where(record => IsOf(finding.Claim, record))]);
        }

        static bool IsOf(Claim claim, ResultRecord record) =>
            claim.Experiments.Contains(record.Experiment.Name, StringComparer.Ordinal);
    }

    private static void PrintJson(IEnumerable<Finding> findings)
    {
        foreach (Finding finding in findings) Console.WriteLine(Encoding.UTF8.GetString(FindingJson.Write(finding)));
    }
}
