using System.CommandLine;
using Evenkeel.Cli.Terminal;
using Evenkeel.Surgery;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel fold IN OUT</c>: norms become part of the layers next to them, with a proof.</summary>
internal static class FoldCommand
{
    public static Command Create()
    {
        Argument<string> input = Networks.In();
        Argument<string> output = Networks.Out();
        Option<string?> data = Networks.Data("data for the proof (default: inputs drawn from a seed)");
        Option<string?> shape = Networks.Shape();
        Option<bool> overwrite = Networks.Overwrite();
        Option<long?> threads = Options.Threads();
        var pictures = new PictureOptions();
        var command = new Command("fold", "Multiply norms into the layers next to them: the same answers with less "
            + "work, compared before the file is written.") { input, output, data, shape, overwrite, threads };
        pictures.AddTo(command, withClasses: false);
        command.Do((parse, cancellation) =>
        {
            Options.UseThreads(parse.GetValue(threads));
            string to = parse.GetValue(output)!;
            OpenedNetwork.CheckTarget(to, parse.GetValue(overwrite));
            var network = OpenedNetwork.Open(parse.GetValue(input)!, pictures.Of(parse));
            var notes = new List<string>();
            Tensor inputs = network.SomeInputs(
                parse.GetValue(data), parse.GetValue(shape), notes, cancellation);
            FoldResult result = Fold(network, inputs);
            cancellation.ThrowIfCancellationRequested();
            string written = network.Write(to, result.Model, parse.GetValue(shape));
            TrainPrinter.Note(network.Note, notes);
            Print(result, network.CountsBatches);
            Console.WriteLine(written);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Print(FoldResult result, bool countsBatches)
    {
        Ink ink = Ink.ForOutput();
        TextTable table = new TextTable("norm", "is", "now").Wrap(0, 2);
        foreach (FoldedLayer layer in result.Layers)
        {
            table.Add(InspectFile.Shown(layer.Name), layer.Type, InspectFile.Shown(layer.Status switch
            {
                FoldStatus.IntoLayerBefore => $"in {layer.Target}, before it",
                FoldStatus.IntoLayerAfter => $"in {layer.Target}, after it",
                _ => $"kept: {layer.Reason}",
            }));
        }

        if (result.Layers.Count > 0)
        {
            foreach (string line in table.Lines(ink.Width, ink, indent: "")) Console.WriteLine(line);
            Console.WriteLine();
        }

        int folded = result.Layers.Count(static layer => layer.Status != FoldStatus.Kept);
        Console.WriteLine($"{folded} of {result.Layers.Count} norms folded. Proof:");
        Console.WriteLine(result.Proof);
        Console.WriteLine(result.Float64Proof);
        if (!countsBatches) return;
        foreach (FoldedLayer layer in result.Layers)
        {
            if (layer.Warning is { } warning) Console.Error.WriteLine($"note: {layer.Name}: {warning}.");
        }
    }

    private static FoldResult Fold(OpenedNetwork network, Tensor inputs)
    {
        try
        {
            return network.Model.Fold(inputs);
        }
        catch (Exception failure) when (failure is InvalidOperationException || UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }
}
