using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Evenkeel.Cli.Terminal;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Files;
using Evenkeel.Workbench.Models;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Cli.Commands;

/// <summary>
/// <c>evenkeel inspect MODEL|FILE.json|RUN|FILE</c>: the layers of a network, or its description as JSON; the content
/// of a file of tensors.
/// </summary>
internal static class InspectCommand
{
    /// <summary>The file of a run, and its property that holds the description of the network.</summary>
    private const string RunFile = "run.json", ModelProperty = "model";

    public static Command Create()
    {
        var model = new Argument<string>("MODEL")
        {
            Description = string.Join(", ", ModelCatalog.Names.Select(static name => name.Name))
                + ", the folder of a run, or a file of tensors (safetensors, PyTorch, npy, npz, TorchSharp, ONNX)",
        };
        var input = new Option<string?>("--input")
        {
            Description = "shape of a sample, for example 3x32x32, or 13 for a table (default: what the network says)",
            HelpName = "SHAPE",
        };
        Option<long?> outputs = Options.Number(
            "--outputs", 1, 1_000_000, "classes or target numbers of a network by name (default: 10)");
        var norm = new Option<string?>("--norm")
        {
            Description = $"norm of a network by name: {string.Join(", ", NormName.Names)} "
                + "(default: the network's own)",
            HelpName = "NORM",
        };
        Option<long?> batch = Options.Number("--batch-size", 1, 1_000_000,
            "take a few steps with batches of N random samples, and print their time and memory");
        var json = new Option<bool>("--json")
        {
            Description = "print the layers as JSON, to change them and to use them as FILE.json; or all that is in a "
                + "file of tensors",
        };
        Option<bool> skipUnknown = ConvertCommand.SkipUnknown();
        var command = new Command("inspect", "Show the layers of a network: output shapes, parameters, memory; or "
            + "what is in a file of weights, with the statistics of its norms.")
        {
            model, input, outputs, norm, batch, json, skipUnknown,
        };
        command.Do((parse, _) =>
        {
            var asked = new Asked(parse.GetValue(model)!, Sample(parse.GetValue(input)),
                (int?)parse.GetValue(outputs), parse.GetValue(norm));
            if (IsFileOfTensors(asked.Model))
            {
                if (asked != new Asked(asked.Model, null, null, null) || parse.GetValue(batch) is not null)
                {
                    throw WorkbenchException.Usage("expected --input, --outputs, --norm and --batch-size for a "
                        + $"network alone, got them for the file {asked.Model}.");
                }

                InspectFile.Print(Console.Out, FileContent.Open(asked.Model, parse.GetValue(skipUnknown)),
                    parse.GetValue(json));
                return ExitCode.Done;
            }

            try
            {
                Module network = Open(asked);
                if (parse.GetValue(json)) Console.Out.Write(network.ToJson(asLayers: true));
                else Print(Console.Out, network, asked, (int?)parse.GetValue(batch));
            }
            catch (Exception e) when (e is ArgumentException or InvalidDataException or JsonException)
            {
                throw WorkbenchException.Usage(UserText.Of(e));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new WorkbenchException(UserText.Of(e), e);
            }

            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>
    /// Whether the word is a file, but not one of layers. The index of a model in several files is JSON too.
    /// </summary>
    private static bool IsFileOfTensors(string word) =>
        File.Exists(word) && (!ModelCatalog.IsFile(word) || TensorFile.FormatOf(word) is not null);

    /// <summary>What the words of the line ask for.</summary>
    private sealed record Asked(string Model, Shape? Sample, int? Outputs, string? Norm);

    private static Module Open(Asked asked)
    {
        var random = new Philox(0, "inspect");
        bool isRun = Directory.Exists(asked.Model);
        if (isRun || ModelCatalog.IsFile(asked.Model))
        {
            if (asked.Outputs is not null || asked.Norm is not null)
            {
                throw WorkbenchException.Usage(
                    $"expected --outputs and --norm for a network by name alone, got them for {asked.Model}. What a "
                    + "file describes has its own.");
            }

            return isRun ? OfRun(asked.Model, random) : ModelCatalog.Read(asked.Model, random);
        }

        if (TensorFile.FormatOfName(asked.Model) is not null || OnnxFile.HasName(asked.Model))
            throw new WorkbenchException($"expected a file \"{asked.Model}\", found none.");
        NormKind? norm = asked.Norm is { } name ? NormName.Parse(name) : null;
        Shape sample = asked.Sample ?? UsualSample(asked.Model)
            ?? throw WorkbenchException.Usage($"expected --input for {asked.Model}, as 13 or 3x32x32, got none.");
        return ModelCatalog.Create(asked.Model, sample, asked.Outputs ?? 10, norm, dropout: 0, random);
    }

    /// <summary>The pictures that a network by name was made for; null if it takes all.</summary>
    private static Shape? UsualSample(string model) => model.ToLowerInvariant() switch
    {
        "lenet" => [1, 28, 28],
        "resnet18" or "resnet34" => [3, 224, 224],
        ['m', 'l', 'p', ..] => null,
        // Also for a name that does not exist: the catalog says so.
        _ => [3, 32, 32],
    };

    private static Module OfRun(string folder, IRandomStream random)
    {
        RunFolder run = RunFolder.Open(folder);
        return run.Document["model"] is { } description
            ? ModuleDescription.FromJson(description.ToJsonString(), random)
            : throw WorkbenchException.Usage(
                $"expected a run with the layers of its network, got \"{folder}\", whose run.json has none.");
    }

    private static Shape? Sample(string? text)
    {
        if (text is null) return null;
        string[] words = text.Split(['x', 'X', ','], StringSplitOptions.TrimEntries);
        int[] sizes = Array.ConvertAll(words, static word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int size) ? size : 0);
        return sizes.Length < Shape.MaxRank && sizes.All(static size => size > 0)
            ? new Shape(sizes)
            : throw WorkbenchException.Usage(
                $"--input: expected the shape of a sample, as 3x32x32 or 13, got {text}.");
    }

    private static void Print(TextWriter output, Module network, Asked asked, int? batchSize)
    {
        Shape sample = asked.Sample ?? ModelCatalog.SampleOf(network)
            ?? throw WorkbenchException.Usage(
                $"expected --input for {asked.Model}, as 3x32x32, got none: its first layer takes any size.");
        output.Write(network.Summary([1, .. sample]));
        IReadOnlyList<Parameter> parameters = network.Parameters();
        int size = (parameters.Count > 0 ? parameters[0].DType : DType.Float32).SizeInBytes();
        long weights = size * parameters.Sum(static parameter => (long)parameter.Value.Count);
        string outputs = DownloadDisplay.Size(size * network.OutputsPerSample(sample));
        output.WriteLine($"Memory: {DownloadDisplay.Size(weights)} of parameters, {DownloadDisplay.Size(3 * weights)} "
            + $"more to train them with Adam; outputs of all layers {outputs} a sample");
        if (batchSize is not { } samples) return;
        Shape scores = network.OutputShape(sample);
        if (scores.Rank != 2)
        {
            throw WorkbenchException.Usage($"--batch-size: expected a network with outputs (N, classes), got {scores}. "
                + "Leave it out.");
        }

        ModelCost cost = ModelCost.Measure(network, sample, scores[1], classification: true, samples, stepsPerEpoch: 1);
        output.WriteLine($"A step with {samples} samples: {cost.Step.TotalSeconds:G3} s, "
            + $"{samples / cost.Step.TotalSeconds:N0} samples/s; tape {DownloadDisplay.Size(cost.TapeBytes)}, in all "
            + $"{DownloadDisplay.Size(cost.TotalBytes)}");
    }
}
