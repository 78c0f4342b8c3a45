using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Evenkeel.Cli.Terminal;
using Evenkeel.Examination;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Diagnoses;
using Evenkeel.Workbench.Runs;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Cli.Commands;

/// <summary>
/// <c>evenkeel doctor FILE</c>: what is wrong with the norms of a network, with a number and a remedy for each finding.
/// </summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var file = new Argument<string?>("FILE")
        {
            Description = "the folder of a run, or a file of weights (safetensors, PyTorch, npy, npz, TorchSharp, "
                + "ONNX)",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> data = Networks.Data("run the network on these samples too, for the rules that need them");
        var other = new Option<string?>("--other-data")
        {
            Description = "a second set of samples on which the network is to work, compared with those of --data",
            HelpName = "DATA",
        };
        Option<long?> batch = Options.Number("--batch-size", 1, 1_000_000,
            "samples in a batch of the training that is planned, for the rules about it");
        var json = new Option<bool>("--json") { Description = "print the diagnosis as a JSON object" };
        Option<string?> sarif = FileOption("--sarif", "write the findings as SARIF 2.1.0, which hosts of code show");
        Option<string?> page = FileOption("--page", "write the diagnosis as one HTML page");
        Option<string[]> disable = Words("--disable", "rules that are not checked, as EK114,EK110", "RULE,...");
        Option<string[]> allow = Words("--allow", "a rule that says nothing of a layer, as EK110=layer1.0.bn2; may be "
            + "given several times", "RULE=LAYER");
        Option<string[]> bound = Words("--bound", "another bound of a rule, as EK108=0.02; may be given several times",
            "RULE=NUMBER");
        var failOn = new Option<string>("--fail-on")
        {
            Description = "exit with 1 from findings of this level on: error, warning, note (default: warning)",
            HelpName = "LEVEL",
            DefaultValueFactory = static _ => "warning",
        };
        var target = new Option<string?>("--target")
        {
            Description = "fp16: check also whether the network can be stored in half precision",
            HelpName = "fp16",
        };
        Option<string?> fix = FileOption("--fix", "write a network on which everything is repaired that needs no "
            + "person, with a proof; .onnx or .safetensors");
        var fold = new Option<bool>("--fold")
        {
            Description = "with --fix: also fold norms into the layers next to them",
        };
        Option<bool> overwrite = new("--overwrite") { Description = "replace the file of --fix if it is there" };
        var explain = new Option<string?>("--explain")
        {
            Description = "print the page of a rule, as EK107, and do nothing else",
            HelpName = "RULE",
        };
        Option<string?> shape = Networks.Shape();
        Option<bool> skipUnknown = ConvertCommand.SkipUnknown();
        Option<bool> skipBad = Options.SkipBad();
        Option<long?> threads = Options.Threads();
        var pictures = new PictureOptions();
        var command = new Command("doctor", "Find what is wrong with the norms of a network. Exit codes: 0 healthy, 1 "
            + "findings of the level of --fail-on or above, 2 usage, 3 something could not be read or written.")
        {
            file, data, other, batch, json, sarif, page, disable, allow, bound, failOn, target, fix, fold, overwrite,
            explain, shape, skipUnknown, skipBad, threads,
        };
        pictures.AddTo(command);
        command.Do((parse, cancellation) =>
        {
            if (parse.GetValue(explain) is { } rule)
            {
                Console.Out.Write(RulePages.Explain(rule));
                return ExitCode.Done;
            }

            Options.UseThreads(parse.GetValue(threads));
            FindingLevel least = LevelOf(parse.GetValue(failOn)!);
            string path = parse.GetValue(file) ?? throw WorkbenchException.Usage("expected FILE, got none.");
            if (parse.GetValue(data) is null && parse.GetValue(other) is not null)
                throw WorkbenchException.Usage("expected --data beside --other-data, got none.");
            if (parse.GetValue(fix) is { } to) OpenedNetwork.CheckTarget(to, parse.GetValue(overwrite));
            DoctorOptions options = OptionsOf(parse.GetValue(disable)!, parse.GetValue(allow)!, parse.GetValue(bound)!)
                with
            {
                BatchSize = (int?)parse.GetValue(batch),
                TargetType = TargetOf(parse.GetValue(target)),
            };
            var asked = new DoctorRequest(path, options)
            {
                Data = parse.GetValue(data),
                OtherData = parse.GetValue(other),
                SkipUnknown = parse.GetValue(skipUnknown),
                SkipBad = parse.GetValue(skipBad),
                Pictures = pictures.Of(parse),
                Shape = parse.GetValue(shape),
                FixTo = parse.GetValue(fix),
                Fold = parse.GetValue(fold),
            };
            try
            {
                return Examine(asked, parse.GetValue(json), parse.GetValue(sarif), parse.GetValue(page), least,
                    cancellation);
            }
            catch (WorkbenchException failure) when (!failure.IsUsage && !failure.IsUnreadable)
            {
                // 1 is a verdict of this command, not a failure.
                throw new WorkbenchException(failure.Message, failure) { IsUnreadable = true };
            }
        });
        return command;
    }

    private static int Examine(DoctorRequest asked, bool json, string? sarif, string? page, FindingLevel least,
        CancellationToken cancellation)
    {
        var progress = new DoctorDisplay();
        DoctorVisit visit;
        try
        {
            visit = DoctorVisit.Make(asked, progress, cancellation);
        }
        finally
        {
            progress.End();
        }

        Diagnosis diagnosis = visit.Diagnosis;
        if (sarif is not null)
            RunFolder.WriteText(sarif, DiagnosisSarif.Of(diagnosis, asked.Path, asked.Options).ToJsonString(
                RunJson.Indented) + "\n");
        if (page is not null) RunFolder.WriteText(page, DiagnosisPage.Of(diagnosis));
        TrainPrinter.Note(null, visit.Notes);
        if (json)
        {
            JsonObject result = DiagnosisJson.Of(diagnosis);
            if (visit.Repair is { } done) result["repairs"] = DiagnosisJson.Of(done);
            Console.WriteLine(result.ToJsonString(RunJson.Indented));
        }
        else
        {
            new DoctorPrinter(Console.Out, Ink.ForOutput()).Print(diagnosis, asked.Path);
            if (visit.Repair is { } done) Console.WriteLine($"\n{done}\n{visit.Written}");
        }

        return diagnosis.Worst >= least ? ExitCode.Failed : ExitCode.Done;
    }

    private static Option<string?> FileOption(string name, string description) =>
        new(name) { Description = description, HelpName = "OUT" };

    private static Option<string[]> Words(string name, string description, string helpName) => new(name)
    {
        Description = description,
        HelpName = helpName,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = static _ => [],
    };

    private static DoctorOptions OptionsOf(string[] disabled, string[] allowed, string[] bounds)
    {
        var off = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (string id in disabled.SelectMany(static words => words.Split(',')))
            off.Add(RuleOf("--disable", id).Id);
        var quiet = new HashSet<(string, string)>();
        foreach (string word in allowed)
        {
            (string id, string layer) = Pair("--allow", word, "EK110=layer1.0.bn2");
            quiet.Add((RuleOf("--allow", id).Id, layer));
        }

        var numbers = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);
        foreach ((string id, string text) in bounds.SelectMany(static words => words.Split(','))
            .Select(static word => Pair("--bound", word, "EK108=0.02")))
        {
            DoctorRule rule = RuleOf("--bound", id);
            if (double.IsNaN(rule.Bound))
                throw WorkbenchException.Usage($"--bound: expected a rule with a bound, got {rule.Id} ({rule.Title}).");
            bool isNumber = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number);
            numbers[rule.Id] = isNumber && double.IsFinite(number) && number >= 0
                ? number
                : throw WorkbenchException.Usage($"--bound: expected a number from 0 on for {rule.Id}, got {text}.");
        }

        return new DoctorOptions { Disabled = off, Allowed = quiet, Bounds = numbers };
    }

    private static DoctorRule RuleOf(string option, string id) =>
        Doctor.Rules.FirstOrDefault(rule => rule.Id.Equals(id.Trim(), StringComparison.OrdinalIgnoreCase))
        ?? throw WorkbenchException.Usage($"{option}: expected the id of a rule, as EK114, got {id}."
            + NearestName.Hint(id.Trim().ToUpperInvariant(), Doctor.Rules.Select(static rule => rule.Id)));

    private static (string, string) Pair(string option, string word, string example)
    {
        int at = word.IndexOf('=', StringComparison.Ordinal);
        return at > 0 && at < word.Length - 1
            ? (word[..at], word[(at + 1)..])
            : throw WorkbenchException.Usage($"{option}: expected {example}, got {word}.");
    }

    private static FindingLevel LevelOf(string word) => word.ToLowerInvariant() switch
    {
        "error" => FindingLevel.Error,
        "warning" => FindingLevel.Warning,
        "note" => FindingLevel.Note,
        _ => throw WorkbenchException.Usage($"--fail-on: expected error, warning or note, got {word}."),
    };

    private static string? TargetOf(string? word) => word?.ToLowerInvariant() switch
    {
        null => null,
        "fp16" or "f16" or "float16" => "F16",
        _ => throw WorkbenchException.Usage($"--target: expected fp16, got {word}."),
    };
}
