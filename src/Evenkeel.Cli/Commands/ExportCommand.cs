using System.CommandLine;
using Evenkeel.Cli.Terminal;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Files;
using Evenkeel.Workbench.Runs;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel export RUN OUT.onnx</c>: a network as an ONNX file, compared before it is there.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        Argument<string> input = Networks.In();
        var output = new Argument<string>("OUT") { Description = "the file, which ends in .onnx" };
        Option<long?> opset = Options.Number("--opset", 17, 26,
            "version of ONNX's operators (default: the lowest that has every operator that is needed)");
        var fold = new Option<bool>("--fold") { Description = "multiply norms into the layers next to them" };
        Option<string?> shape = Networks.Shape();
        Option<bool> overwrite = Networks.Overwrite();
        var command = new Command("export", "Write the network of a run as an ONNX file: preparation and classes go "
            + "along, and the file is run and compared.") { input, output, opset, fold, shape, overwrite };
        command.Do((parse, _) =>
        {
            string to = parse.GetValue(output)!;
            if (!OnnxFile.HasName(to)) throw WorkbenchException.Usage($"expected OUT to end in .onnx, got \"{to}\".");
            OpenedNetwork.CheckTarget(to, parse.GetValue(overwrite));
            var network = OpenedNetwork.Open(parse.GetValue(input)!, PictureChoice.None);
            string written = network.Write(to, network.Model, parse.GetValue(shape),
                (int?)parse.GetValue(opset), parse.GetValue(fold));
            TrainPrinter.Note(network.Note, []);
            Console.WriteLine(written);
            return ExitCode.Done;
        });
        return command;
    }
}
