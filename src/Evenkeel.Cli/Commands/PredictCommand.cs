using System.CommandLine;
using Evenkeel.Cli.Terminal;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel predict RUN FILES...</c>: what a trained network says of new files.</summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        Argument<string> run = RunsCommand.Run();
        var files = new Argument<string[]>("FILES")
        {
            Description = "tables, or pictures and folders of pictures",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<bool> json = Options.Json();
        var csv = new Option<bool>("--csv") { Description = "print a CSV table with every probability" };
        Option<bool> skipBad = Options.SkipBad();
        Option<long?> threads = Options.Threads();
        var pictures = new PictureOptions();
        var command = new Command("predict", "Predict new samples with a trained network: the class and its "
            + "probabilities, or the numbers.") { run, files, json, csv, skipBad, threads };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetValue(csv))
                result.AddError("expected --json or --csv, got both.");
        });
        pictures.AddTo(command);
        command.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            TrainedRun trained = TrainedRun.Open(parse.GetValue(run)!, pictures.Of(parse));
            var notes = new List<string>();
            var printer = new PredictionPrinter(
                Console.Out, trained.Preparation,
                parse.GetValue(json) ? PredictionFormat.Json
                    : parse.GetValue(csv) ? PredictionFormat.Csv : PredictionFormat.Text);
            // Everything is predicted before the first line is printed: a wrong file leaves no half result.
            List<(SampleSet Set, Predictions Answers)> all =
            [
                .. trained.Preparation.OpenAll(parse.GetValue(files)!, parse.GetValue(skipBad), notes, cancellation)
                    .Select(set => (set, Predictions.Of(trained.Model, set, trained.Preparation, cancellation))),
            ];
            TrainPrinter.Note(trained.Note, notes);
            printer.Begin();
            foreach ((SampleSet set, Predictions answers) in all) printer.Print(set, answers);
            printer.End();
            return ExitCode.Done;
        });
        return command;
    }
}
