using System.CommandLine;
using Evenkeel.Cli.Terminal;
using Evenkeel.Serialization;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Files;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel convert IN OUT</c>: a file of tensors in another format, type, or with other names.</summary>
internal static class ConvertCommand
{
    private const string Formats = ".safetensors, .pt, .pth, .bin, .npz, .npy or .dat";

    public static Option<bool> SkipUnknown() => new("--skip-unknown")
    {
        Description = "leave out objects of a PyTorch file that are no tensors, numbers or texts",
    };

    public static Command Create()
    {
        var input = new Argument<string>("IN")
        {
            Description = "safetensors (or the index of several), PyTorch, npy, npz, TorchSharp, the weights of ONNX",
        };
        var output = new Argument<string>("OUT") { Description = $"its name says the format: {Formats}" };
        var type = new Option<string?>("--dtype")
        {
            Description = "type of floating-point numbers; running statistics stay as they are (default: as in IN)",
            HelpName = "F32|F16|BF16|F64",
        };
        var prefix = new Option<string>("--prefix")
        {
            Description = "take only tensors whose names begin with TEXT, and remove it, for example module.",
            HelpName = "TEXT",
            DefaultValueFactory = _ => "",
        };
        var rename = new Option<string[]>("--rename")
        {
            Description = "give a layer or tensor another name, for example fc=head; may be given several times",
            HelpName = "OLD=NEW",
            AllowMultipleArgumentsPerToken = false,
        };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace OUT if it is there" };
        Option<bool> skipUnknown = SkipUnknown();
        var command = new Command("convert", "Write the tensors of a file in another format, with another type or with "
            + "other names.") { input, output, type, prefix, rename, overwrite, skipUnknown };
        command.Do((parse, _) =>
        {
            string to = parse.GetValue(output)!;
            StoredType? stored = TypeOf(parse.GetValue(type));
            Dictionary<string, string> names = Names(parse.GetValue(rename) ?? []);
            if (OnnxFile.HasName(to))
            {
                throw WorkbenchException.Usage($"expected OUT to end in {Formats}, got \"{to}\": an ONNX file holds a "
                    + "whole network. 'evenkeel export RUN OUT.onnx' writes the network of a run.");
            }

            if (TensorFile.FormatOfName(to) is not { } format)
                throw WorkbenchException.Usage($"expected OUT to end in {Formats}, got \"{to}\".");
            if (File.Exists(to) && !parse.GetValue(overwrite))
                throw WorkbenchException.Usage($"\"{to}\" is there already. Give another name, or --overwrite.");
            FileContent from = FileContent.Open(parse.GetValue(input)!, parse.GetValue(skipUnknown));
            Convert(from, to, format, stored, parse.GetValue(prefix)!, names);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Convert(FileContent from, string to, TensorFormat format, StoredType? type, string prefix,
        Dictionary<string, string> names)
    {
        try
        {
            TensorArchive archive = from.Archive.Renamed(prefix, names);
            if (archive.Names.Count == 0)
            {
                throw WorkbenchException.Usage(from.Archive.Names.Count == 0
                    ? $"\"{from.Path}\" holds no tensors."
                    : $"expected tensors whose names begin with \"{prefix}\", got none among "
                        + $"{from.Archive.Names.Count}; the first is \"{from.Archive.Names[0]}\". "
                        + "'evenkeel inspect' lists them.");
            }

            if (type is { } stored) archive = archive.ConvertedTo(stored);
            TensorFile.Write(to, archive);
            Console.WriteLine($"{to} ({FileContent.NameOf(format)}): {archive.Names.Count:N0} tensors, "
                + DownloadDisplay.Size(new FileInfo(to).Length));
            bool hasPlace = format is TensorFormat.SafeTensors or TensorFormat.PyTorch;
            int texts = FileContent.TextsOf(archive).Count();
            if (!hasPlace && texts > 0)
            {
                Console.Error.WriteLine($"note: {texts} numbers and texts beside the tensors were "
                    + "left out; safetensors and PyTorch's files have a place for them.");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw UserText.Usage(failure);
        }
    }

    private static StoredType? TypeOf(string? text)
    {
        if (text is null) return null;
        foreach (StoredType type in Enum.GetValues<StoredType>())
        {
            if (string.Equals(type.ToString(), text, StringComparison.OrdinalIgnoreCase)) return type;
        }

        throw WorkbenchException.Usage(
            $"--dtype: expected {string.Join(", ", Enum.GetNames<StoredType>())}, got {text}.");
    }

    private static Dictionary<string, string> Names(string[] pairs)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in pairs)
        {
            string[] parts = pair.Split('=');
            if (parts.Length != 2) throw WorkbenchException.Usage($"--rename: expected OLD=NEW, got {pair}.");
            if (!names.TryAdd(parts[0], parts[1]))
                throw WorkbenchException.Usage($"--rename: expected each name once, got {parts[0]} twice.");
        }

        return names;
    }
}
