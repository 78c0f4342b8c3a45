using System.Globalization;
using System.Text.Json.Nodes;
using Evenkeel.Examination;
using Evenkeel.Serialization;

namespace Evenkeel.Workbench.Files;

/// <summary>What is in a file of tensors: layers by name, norms and their statistics, texts.</summary>
internal sealed class FileContent
{
    private FileContent(string path, string format, string formatName, TensorArchive archive, OnnxFile? onnx = null)
    {
        (Path, Format, FormatName, Archive, Onnx) = (path, format, formatName, archive, onnx);
        Layers = LayerTensors.Of(archive);
        Norms = NormTensors.Of(archive, Layers);
    }

    public string Path { get; }

    /// <summary>The format, as JSON names it.</summary>
    public string Format { get; }

    /// <summary>The format for people.</summary>
    public string FormatName { get; }

    /// <summary>The graph around the tensors; null if it is not an ONNX file.</summary>
    public OnnxFile? Onnx { get; }

    public TensorArchive Archive { get; }

    public IReadOnlyList<LayerTensors> Layers { get; }

    public IReadOnlyList<NormTensors> Norms { get; }

    /// <summary>Numbers in all tensors.</summary>
    public double Count => Archive.Names.Sum(name => Product(Archive.DimensionsOf(name)));

    /// <summary>Bytes of all tensors in the file.</summary>
    public long Bytes => Archive.Names.Sum(Archive.SizeOf);

    /// <summary>The types and how many tensors have each, the most frequent first.</summary>
    public IEnumerable<(string Type, int Count)> Types => Archive.Names.GroupBy(Archive.TypeOf, StringComparer.Ordinal)
        .Select(static group => (group.Key, group.Count())).OrderByDescending(static type => type.Item2);

    /// <summary>Opens a file of any format.</summary>
    /// <param name="path">The file.</param>
    /// <param name="skipUnknown">Whether unknown objects in a PyTorch file are left out.</param>
    /// <exception cref="WorkbenchException">It is missing, damaged, or no file of tensors.</exception>
    public static FileContent Open(string path, bool skipUnknown)
    {
        if (OnnxFile.Is(path))
        {
            var onnx = OnnxFile.Open(path);
            return new FileContent(path, "Onnx", "ONNX", onnx.Archive, onnx);
        }

        try
        {
            TensorArchive archive = TensorFile.Read(path, skipUnknown);
            TensorFormat format = TensorFile.FormatOf(path)!.Value;
            return new FileContent(path, format.ToString(), NameOf(format), archive);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>The numbers and texts beside the tensors, without what the library keeps there for itself.</summary>
    public static IEnumerable<KeyValuePair<string, string>> TextsOf(TensorArchive archive) =>
        archive.Metadata.Where(static pair =>
            pair.Key != "format" && !pair.Key.StartsWith("evenkeel", StringComparison.Ordinal));

    /// <summary>The name of a format for people.</summary>
    public static string NameOf(TensorFormat format) => format switch
    {
        TensorFormat.SafeTensors => "safetensors",
        TensorFormat.PyTorch => "PyTorch",
        TensorFormat.Npy => "npy (NumPy)",
        TensorFormat.Npz => "npz (NumPy)",
        _ => "TorchSharp",
    };

    /// <summary>Everything as one object. A number that is not finite is a text: JSON has no word for it.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject { ["file"] = Path, ["format"] = Format };
        Onnx?.AddTo(json);
        json["tensors"] = new JsonArray([.. Archive.Names.Select(name => (JsonNode)new JsonObject
        {
            ["name"] = name,
            ["type"] = Archive.TypeOf(name),
            ["shape"] = new JsonArray([.. Archive.DimensionsOf(name).Select(static size => (JsonNode)size)]),
            ["bytes"] = Archive.SizeOf(name),
        })]);
        json["norms"] = new JsonArray([.. Norms.Select(static norm => (JsonNode)new JsonObject
        {
            ["name"] = norm.Name,
            ["kind"] = norm.Kind,
            ["channels"] = norm.Channels,
            ["weight"] = ToJson(norm.Scale),
            ["bias"] = ToJson(norm.Shift),
            ["runningMean"] = ToJson(norm.Mean),
            ["runningVariance"] = ToJson(norm.Variance),
            ["batches"] = norm.Batches,
        })]);
        json["metadata"] = new JsonObject(Archive.Metadata.Select(static pair =>
            KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        return json;
    }

    private static JsonObject? ToJson(Spread? spread) => spread is not { } values ? null : new JsonObject
    {
        ["min"] = Number(values.Least),
        ["mean"] = Number(values.Mean),
        ["max"] = Number(values.Largest),
    };

    /// <summary>A number; a text if it is not finite.</summary>
    public static JsonNode Number(double value) =>
        double.IsFinite(value) ? value : value.ToString(CultureInfo.InvariantCulture);

    /// <summary>As a double: a damaged file may claim more than a long holds.</summary>
    private static double Product(IReadOnlyList<long> sizes) => sizes.Aggregate(1.0, static (a, b) => a * b);
}
