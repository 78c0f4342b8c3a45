using System.CommandLine;
using Evenkeel.Cli.Terminal;
using Evenkeel.Surgery;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Cli.Commands;

/// <summary>
/// <c>evenkeel recalibrate IN --data DATA --out OUT</c>: the running statistics of norms become those of some data.
/// </summary>
internal static class RecalibrateCommand
{
    public static Command Create()
    {
        Argument<string> input = Networks.In();
        Option<string?> data = Networks.Data("the data whose statistics the norms get; labels are not used");
        data.Required = true;
        var output = new Option<string>("--out")
        {
            Description = Networks.Out().Description,
            HelpName = "OUT",
            Required = true,
        };
        Option<string?> shape = Networks.Shape();
        Option<long?> batch = Options.Number("--batch-size", 1, 1_000_000,
            "samples computed at a time; the memory depends on it (default: 256)");
        Option<bool> overwrite = Networks.Overwrite();
        Option<bool> skipBad = Options.SkipBad();
        Option<long?> threads = Options.Threads();
        var pictures = new PictureOptions();
        var command = new Command("recalibrate", "Give norms the exact mean and variance of their inputs over some "
            + "data in place of moving averages. Weights stay.")
        {
            input, data, output, shape, batch, overwrite, skipBad, threads,
        };
        pictures.AddTo(command, withClasses: false);
        command.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            string to = parse.GetValue(output)!;
            OpenedNetwork.CheckTarget(to, parse.GetValue(overwrite));
            var network = OpenedNetwork.Open(parse.GetValue(input)!, pictures.Of(parse));
            var notes = new List<string>();
            SampleSet samples = network.Samples(
                parse.GetValue(data)!, parse.GetValue(skipBad), notes, cancellation);
            var options = new RecalibrationOptions();
            if (parse.GetValue(batch) is { } size) options = options with { BatchSize = (int)size };
            RecalibrationReport report = Recalibrate(network, samples, options, cancellation);
            if (!report.Layers.Any(static layer => layer.Status == RecalibrationStatus.Recalibrated))
            {
                throw new WorkbenchException($"expected a network with norms that keep running statistics, got "
                    + $"\"{parse.GetValue(input)}\", which has none that can be recalibrated. Nothing is written.");
            }

            string written = network.Write(to, network.Model, parse.GetValue(shape));
            TrainPrinter.Note(network.Note, notes);
            Console.Write(report);
            Console.WriteLine(written);
            return ExitCode.Done;
        });
        return command;
    }

    private static RecalibrationReport Recalibrate(
        OpenedNetwork network, SampleSet samples, RecalibrationOptions options, CancellationToken cancellation)
    {
        var display = new RecalibrationDisplay();
        try
        {
            return network.Model.Recalibrate(
                HeldSamples.Of(samples.Samples, cancellation), options, display, cancellation);
        }
        catch (Exception failure) when (failure is InvalidOperationException || UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
        finally
        {
            display.End();
        }
    }
}
