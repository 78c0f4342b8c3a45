using System.CommandLine;
using System.Text.Json.Nodes;
using Evenkeel.Cli.Terminal;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel evaluate RUN --data DATA</c>: the scores of a trained network on other data.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        Argument<string> run = RunsCommand.Run();
        var data = new Option<string>("--data")
        {
            Description = "data of the kind that the run was trained on, with what is to be predicted",
            HelpName = "DATA",
            Required = true,
        };
        Option<bool> json = Options.Json();
        Option<bool> skipBad = Options.SkipBad();
        Option<long?> threads = Options.Threads();
        var pictures = new PictureOptions();
        var command = new Command("evaluate", "Measure a trained network on other data.")
        {
            run, data, json, skipBad, threads,
        };
        pictures.AddTo(command);
        command.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            TrainedRun trained = TrainedRun.Open(parse.GetValue(run)!, pictures.Of(parse));
            var notes = new List<string>();
            JsonObject evaluation = trained.Evaluate(
                parse.GetValue(data)!, parse.GetValue(skipBad), notes, cancellation);
            TrainPrinter.Note(trained.Note, notes);
            if (parse.GetValue(json)) Console.WriteLine(evaluation.ToJsonString());
            else new TrainPrinter(Console.Out, Ink.ForOutput()).PrintEvaluation(evaluation);
            return ExitCode.Done;
        });
        return command;
    }
}
