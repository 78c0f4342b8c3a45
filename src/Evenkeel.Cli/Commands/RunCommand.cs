using System.CommandLine;
using System.Text;
using Evenkeel.Cli.Terminal;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Running;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel run NAME...</c>: some experiments, in the given order, always anew.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var names = new Argument<string[]>("NAME")
        {
            Description = "experiments to run; 'evenkeel list' shows them",
            Arity = ArgumentArity.OneOrMore,
        };
        var options = new RunOptions();
        Option<bool> json = Options.Json();
        var command = new Command("run", "Run experiments and save what they measure.") { names };
        options.AddTo(command);
        command.Add(json);
        names.Validators.Add(result =>
        {
            foreach (System.CommandLine.Parsing.Token token in result.Tokens)
            {
                string name = token.Value;
                if (name.StartsWith('-')) result.AddError(EvenkeelCommand.UnknownOption(name, command));
                else if (ExperimentCatalog.Find(name) is null)
                    result.AddError("unknown experiment " +
                        $"'{name}'.{NearestName.Hint(name, ExperimentCatalog.All.Select(e => e.Name))} 'evenkeel " +
                        "list' shows all.");
            }
        });
        command.Do((parse, cancellation) =>
        {
            Laboratory laboratory = options.Open(parse, cancellation);
            bool asJson = parse.GetValue(json);
            Ink ink = asJson ? Ink.Plain : Ink.ForOutput();
            var printer = new ResultPrinter(Console.Out, ink);
            laboratory.PlanRuns(parse.GetValue(names)!.Select(static name => ExperimentCatalog.Find(name)!));
            foreach (string name in parse.GetValue(names)!)
            {
                Experiment experiment = ExperimentCatalog.Find(name)!;
                if (laboratory.OverridesDType(experiment))
                    Console.Error.WriteLine($"{name}: runs in {experiment.OnlyDType.ToString()!.ToLowerInvariant()} " +
                        "only; --dtype is ignored.");
                if (experiment.Images is { } set) Console.Error.WriteLine($"{name}: {laboratory.Data.Describe(set)}");
                ResultRecord record = laboratory.Run(experiment);
                if (asJson) Console.WriteLine(Encoding.UTF8.GetString(ResultJson.Write(record, indented: false)));
                else printer.Print(record, laboratory.Data, laboratory.Folder.PathOf(name));
            }

            return ExitCode.Done;
        });
        return command;
    }
}

/// <summary>The options of <c>run</c>, <c>reproduce</c> and <c>claims</c>.</summary>
internal sealed class RunOptions
{
    private readonly Option<string?> _data = Options.Data();
    private readonly Option<long?> _seed = Options.Seed();
    private readonly Option<long?> _threads = Options.Threads();
    private readonly Option<DType?> _dtype = Options.ElementType();
    private readonly Option<long?> _epochs = Options.Epochs();
    private readonly Option<string> _out = Options.Out();
    private readonly Option<bool> _quick = Options.Quick();
    private readonly Option<bool> _skipBad = Options.SkipBad();

    public void AddTo(Command command)
    {
        command.Add(_data);
        command.Add(_seed);
        command.Add(_threads);
        command.Add(_dtype);
        command.Add(_epochs);
        command.Add(_out);
        command.Add(_quick);
        command.Add(_skipBad);
    }

    /// <summary>The folder of results, which need not be there: for reading.</summary>
    public ResultFolder FolderOf(ParseResult parse) => new(parse.GetValue(_out)!);

    /// <summary>Checks data and folder before anything runs.</summary>
    public Laboratory Open(ParseResult parse, CancellationToken cancellation)
    {
        LabData data = LabData.Find(parse.GetValue(_data));
        data.SkipBad = parse.GetValue(_skipBad);
        ResultFolder folder = FolderOf(parse);
        folder.Prepare();
        Options.WarnOfSlowHardware();
        var request = new RunRequest(
            parse.GetValue(_seed), Options.UseThreads(parse.GetValue(_threads)), parse.GetValue(_dtype),
                (int?)parse.GetValue(_epochs), parse.GetValue(_quick));
        return new Laboratory(request, data, folder, new ProgressDisplay(), cancellation);
    }
}
