using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text;
using Evenkeel.Lab;
using Evenkeel.Workbench;

namespace Evenkeel.Cli.Commands;

/// <summary>
/// The command line: parses, runs, and turns every outcome into an exit code (0 done, 1 failed, 2 usage, 3 diverged,
/// 130 interrupted).
/// </summary>
internal static class EvenkeelCommand
{
    /// <summary>
    /// How long a command may take to notice Ctrl-C: a numerical gradient may take a second, a training step of a large
    /// network half a minute, and then a checkpoint is written.
    /// </summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromMinutes(2);

    private static Command Create()
    {
        // Not a RootCommand: that one is named after the file, and the file may be run by "dotnet".
        var help = new HelpOption();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return new Command("evenkeel",
            "Neural networks without code: train, watch, predict. And the lab: what lessons claim about "
            + "normalization, run and measured.")
        {
            TrainCommand.Create(),
            WatchCommand.Create(),
            EvaluateCommand.Create(),
            PredictCommand.Create(),
            RunsCommand.Create(),
            InspectCommand.Create(),
            DoctorCommand.Create(),
            ConvertCommand.Create(),
            ExportCommand.Create(),
            FoldCommand.Create(),
            RecalibrateCommand.Create(),
            OnnxCommand.Create(),
            DataCommand.Create(),
            ListCommand.Create(),
            RunCommand.Create(),
            ReproduceCommand.Create(),
            ReportCommand.Create(),
            ClaimsCommand.Create(),
            BenchCommand.Create(),
            BitsCommand.Create(),
            help,
            new VersionOption(),
        };
    }

    /// <summary>Set to 1, it shows the stack trace of a failure nobody foresaw.</summary>
    private const string DebugVariable = "EVENKEEL_DEBUG";

    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            return await ParseAndRunAsync(args);
        }
        catch (Exception e)
        {
            // The last resort: standard output that cannot be written (a full disk), a mistake of ours.
            return ReportUnforeseen(e);
        }
    }

    private static int ReportUnforeseen(Exception e)
    {
        bool trace = Environment.GetEnvironmentVariable(DebugVariable) == "1";
        string message = Closed(UserText.Of(e));
        try
        {
            Console.Error.WriteLine(
                trace ? $"evenkeel: {e}"
                    // A full disk or a closed pipe is no mistake of ours.
                    : e is IOException ? $"evenkeel: {message}"
                    : $"evenkeel: {message} {DebugVariable}=1 shows the stack trace.");
        }
        catch (IOException)
        {
            // Standard error cannot be written either; the exit code still says it.
        }

        return ExitCode.Failed;
    }

    private static async Task<int> ParseAndRunAsync(string[] args)
    {
        // Numbers are written and read in one way, whatever the user's culture; libraries that ask the thread's get it
        // too.
        CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        Command root = Create();

        // Errors are one line on standard error, also where a word of a message is not ASCII.
        if (!OperatingSystem.IsWindows() || Console.IsOutputRedirected)
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        if (args.Length == 0)
        {
            await root.Parse(["--help"]).InvokeAsync();
            return ExitCode.Usage;
        }

        ParseResult parse = root.Parse(args);
        if (parse.Errors.Count > 0)
        {
            Command command = parse.CommandResult.Command;
            string path = command == root ? "evenkeel" : $"evenkeel {PathOf(parse.CommandResult)}";
            await Console.Error.WriteLineAsync($"{path}: {Explain(parse)} See '{path} --help'.");
            return ExitCode.Usage;
        }

        return await parse.InvokeAsync(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = s_grace,
        });
    }

    /// <summary>
    /// Runs a command's work on a thread of its own, so that Ctrl-C is heard, and reports what went wrong in one line.
    /// </summary>
    public static void Do(this Command command, Func<ParseResult, CancellationToken, int> work)
    {
        command.SetAction((parse, cancellation) => Task.Run(
            () =>
            {
                try
                {
                    return work(parse, cancellation);
                }
                catch (OperationCanceledException)
                {
                    Console.Error.WriteLine($"evenkeel {PathOf(parse.CommandResult)}: interrupted; what was finished "
                        + "before is kept.");
                    return ExitCode.Interrupted;
                }
                catch (LabException e)
                {
                    Console.Error.WriteLine($"evenkeel {PathOf(parse.CommandResult)}: {e.Message}");
                    return ExitCode.Of(e);
                }
                catch (WorkbenchException e)
                {
                    Console.Error.WriteLine($"evenkeel {PathOf(parse.CommandResult)}: {e.Message}");
                    return ExitCode.Of(e);
                }
            },
            CancellationToken.None));
    }

    private static string PathOf(CommandResult result)
    {
        var names = new List<string>();
        for (CommandResult? at = result; at?.Parent is not null; at = at.Parent as CommandResult) names.Insert(0,
            at.Command.Name);
        return string.Join(' ', names);
    }

    /// <summary>
    /// The first error in our own words; the parser's name neither the nearest command nor the nearest option.
    /// </summary>
    private static string Explain(ParseResult parse)
    {
        Command command = parse.CommandResult.Command;
        foreach (string token in parse.UnmatchedTokens)
        {
            if (token.StartsWith('-')) return UnknownOption(token, command);
            if (command.Subcommands.Count > 0)
                return "unknown command " +
                    $"'{token}'.{NearestName.Hint(token, command.Subcommands.Select(sub => sub.Name))}";
            return $"expected no further argument, got '{token}'.";
        }

        if (command.Subcommands.Count > 0)
            return $"expected a command ({string.Join(", ", command.Subcommands.Select(sub => sub.Name))}), got none.";
        return WrongCount(parse.CommandResult) ?? Closed(parse.Errors[0].Message);
    }

    /// <summary>What an argument or option has too few or too many values of; null if none has.</summary>
    private static string? WrongCount(CommandResult result)
    {
        foreach (Argument argument in result.Command.Arguments)
        {
            int given = result.GetResult(argument)?.Tokens.Count ?? 0;
            if (given < argument.Arity.MinimumNumberOfValues) return $"expected {argument.Name}, got none.";
        }

        // Options that are not on the line have a result too, of their default.
        foreach (OptionResult option in result.Children.OfType<OptionResult>().Where(static o => !o.Implicit))
        {
            ArgumentArity arity = option.Option.Arity;
            int given = option.Tokens.Count;
            if (given < arity.MinimumNumberOfValues) return $"{option.Option.Name}: expected a value, got none.";
            if (given > arity.MaximumNumberOfValues)
                return $"{option.Option.Name}: expected one value, got {given}: " +
                    $"{string.Join(", ", option.Tokens.Select(static token => token.Value))}.";
        }

        return null;
    }

    /// <summary>A message as a sentence that another may follow.</summary>
    private static string Closed(string message) => message is [.., '.' or '?' or '!'] ? message : message + ".";

    /// <summary>The parser's help, then an example or two: how a command is really used.</summary>
    private sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            string[] examples = PathOf(parseResult.CommandResult) switch
            {
                "" => ["evenkeel train --data wine.csv --target quality", "evenkeel train --data photos/",
                    "evenkeel reproduce", "evenkeel run deep-net --data ~/data"],
                "train" => ["evenkeel train --data wine.csv --target quality --dry-run",
                    "evenkeel train --data photos/ --model resnet20 --epochs 30 --augment standard",
                    "evenkeel train --data cifar-10 --model lenet --norm group:8 --optimizer sgd --lr 0.1 --seed 7",
                    "evenkeel train --resume runs/2026-11-28-1"],
                "evaluate" => ["evenkeel evaluate runs/2026-11-28-1 --data new-wine.csv"],
                "predict" => ["evenkeel predict runs/2026-11-28-1 new-wine.csv --csv",
                    "evenkeel predict runs/2026-11-28-2 cat.jpg more-photos/",
                    "evenkeel predict resnet18.onnx cat.jpg --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"],
                "runs" => ["evenkeel runs", "evenkeel runs experiments --json"],
                "list" => ["evenkeel list --json"],
                "run" => ["evenkeel run deep-net weight-scale --data ~/data --seed 0",
                    "evenkeel run batch-size --quick --json"],
                "reproduce" => ["evenkeel reproduce --data ~/data --out results", "evenkeel reproduce --quick"],
                "watch" => ["evenkeel watch runs/2026-11-29-1", "evenkeel watch runs/batch runs/group --port 8080"],
                "report" => ["evenkeel report out"],
                "claims" => ["evenkeel claims", "evenkeel claims C10 C12", "evenkeel claims C10 --quick --json"],
                "bench" => ["evenkeel bench --filter batchnorm/forward-backward", "evenkeel bench --threads 1 --json"],
                "bits" => ["evenkeel bits --threads 1", "DOTNET_EnableAVX512=0 evenkeel bits"],
                "data" => ["evenkeel data list", "evenkeel data fetch fashion-mnist"],
                "data fetch" => ["evenkeel data fetch fashion-mnist", "evenkeel data fetch cifar-10 --data ~/data"],
                "data show" => ["evenkeel data show synthetic-fashion --out sheet.png",
                    "evenkeel data show ~/photos --groups"],
                "inspect" => ["evenkeel inspect resnet20 --norm group:8", "evenkeel inspect mlp:64,32 --input 13",
                    "evenkeel inspect lenet --json > my-net.json", "evenkeel inspect checkpoint.pt",
                    "evenkeel inspect model.onnx"],
                "doctor" => ["evenkeel doctor resnet18.onnx",
                    "evenkeel doctor runs/pets --data photos --page pets-doctor.html",
                    "evenkeel doctor model.safetensors --disable EK124 --bound EK108=0.02 --fail-on error",
                    "evenkeel doctor runs/pets --data photos --fix healthy.safetensors",
                    "evenkeel doctor --explain EK107"],
                "convert" => ["evenkeel convert resnet18.pth resnet18.safetensors",
                    "evenkeel convert checkpoint.pt half.safetensors --prefix state_dict. --dtype F16",
                    "evenkeel convert model.safetensors model.pt --rename fc=head",
                    "evenkeel convert resnet18.onnx resnet18.safetensors"],
                "export" => ["evenkeel export runs/wine wine.onnx", "evenkeel export runs/pets pets.onnx --fold"],
                "fold" => ["evenkeel fold resnet18.onnx resnet18-folded.onnx",
                    "evenkeel fold runs/pets pets.safetensors --data photos"],
                "recalibrate" => ["evenkeel recalibrate runs/pets --data photos --out pets.safetensors",
                    "evenkeel recalibrate net.onnx --data photos --mean 0.5 --std 0.5 --out better.onnx"],
                "onnx check" => ["evenkeel onnx check onnx/backend/test/data/node", "evenkeel onnx check tests --json"],
                "onnx run" => ["evenkeel onnx run resnet18.onnx --input pictures.npy --out answers",
                    "evenkeel onnx run model.onnx --input left=a.npy --input right=b.npy --out answers"],
                _ => [],
            };
            TextWriter output = parseResult.InvocationConfiguration.Output;
            if (examples.Length > 0) output.WriteLine("Examples:");
            foreach (string example in examples) output.WriteLine("  " + example);
            return code;
        }
    }

    public static string UnknownOption(string token, Command command) =>
        $"unknown option {token}.{NearestName.Hint(token, command.Options.Select(option => option.Name))}";
}
