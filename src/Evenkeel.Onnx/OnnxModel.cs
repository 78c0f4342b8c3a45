using Evenkeel.Onnx.Format;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Onnx;

/// <summary>
/// An ONNX file: its graph, its weights and what it says about itself. It can be looked at, and becomes a network.
/// </summary>
/// <remarks>
/// Reads IR versions 3 to 13 and opsets 6 to 26. Reading does not run or understand the graph: a file whose operators
/// are not known here can still be looked at.
/// </remarks>
public sealed partial class OnnxModel
{
    /// <summary>The versions that are read.</summary>
    internal const int LeastOpset = 6, LargestOpset = 26, LeastIrVersion = 3, LargestIrVersion = 13;

    /// <summary>The most memory that constants take which are computed while a network is made.</summary>
    internal long MostComputed { get; set; } = 1L << 30;

    internal OnnxModel(ModelProto proto, ExternalData? external, string name)
    {
        (Proto, External, Name) = (proto, external, name);
        Metadata = Texts(proto);
        Inputs = Values(proto.Graph.Input, except: [.. proto.Graph.Initializer.Select(static tensor => tensor.Name)]);
        Outputs = Values(proto.Graph.Output, except: []);
    }

    /// <summary>The version of the file's format (3 to 13).</summary>
    public int IrVersion => (int)Proto.IrVersion;

    /// <summary>The version of ONNX's own operators (6 to 26).</summary>
    public int Opset => (int)Math.Clamp(
        Proto.OpsetImport.FirstOrDefault(static set => IsOnnx(set.Domain))?.Version ?? 1, int.MinValue, int.MaxValue);

    /// <summary>The program that wrote the file, and its version; empty if it does not say.</summary>
    public string Producer => string.Join(' ', new[] { Proto.ProducerName, Proto.ProducerVersion }
        .Where(static text => text.Length > 0));

    /// <summary>The texts beside the graph (<c>metadata_props</c>), for example the names of classes.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>What the network takes, without weights that old files list among the inputs.</summary>
    public IReadOnlyList<OnnxValueInfo> Inputs { get; }

    /// <summary>What the network returns.</summary>
    public IReadOnlyList<OnnxValueInfo> Outputs { get; }

    /// <summary>How often each operator is in the graph. One of another domain has its domain before it.</summary>
    public IReadOnlyDictionary<string, int> Operators => Proto.Graph.Node
        .GroupBy(static node => IsOnnx(node.Domain) ? node.OpType : $"{node.Domain}.{node.OpType}",
            StringComparer.Ordinal)
        .OrderByDescending(static group => group.Count()).ThenBy(static group => group.Key, StringComparer.Ordinal)
        .ToDictionary(static group => group.Key, static group => group.Count(), StringComparer.Ordinal);

    /// <summary>The messages of the file.</summary>
    internal ModelProto Proto { get; }

    /// <summary>The files beside the model; null if it came from a stream.</summary>
    internal ExternalData? External { get; }

    /// <summary>What errors call the file.</summary>
    internal string Name { get; }

    /// <summary>Reads a file. Weights in other files of its folder are read when they are needed.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is no ONNX file, damaged, or of a version that is not read. The message says which.
    /// </exception>
    public static OnnxModel Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"OnnxModel \"{path}\": expected a file.", path);
        if (new FileInfo(path).Length > Array.MaxLength)
        {
            throw new InvalidDataException($"OnnxModel \"{path}\": expected a file below 2 GB, the most that ONNX "
                + "allows. Larger models keep their weights in files beside it.");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Of(File.ReadAllBytes(path), new ExternalData(folder), path);
    }

    /// <summary>Reads a stream to its end. Weights in other files are refused.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">What errors call it. Default: "stream".</param>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static OnnxModel Read(Stream stream, string name = "stream")
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return Of(bytes.ToArray(), external: null, name);
    }

    /// <summary>
    /// A network of the graph: its weights train, its norms are the library's. Nodes that only compute with constants
    /// are computed now, and norms and activations that are spelt as several operators become one.
    /// </summary>
    /// <exception cref="OnnxNotSupportedException">
    /// Nodes cannot be a part of a network. The message names all of them.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The graph is damaged: it has a cycle, or weights that are missing or do not fit.
    /// </exception>
    public OnnxModule ToModule() => ModuleBuilder.Build(this);

    /// <summary>
    /// The nodes whose operators are not known here, so that the model cannot become a network. Others may still be
    /// refused by <see cref="ToModule"/> for what their attributes ask.
    /// </summary>
    public IReadOnlyList<OnnxProblem> UnknownOperators() => ModuleBuilder.Problems(this);

    internal static bool IsOnnx(string domain) => domain is "" or "ai.onnx";

    private static OnnxModel Of(byte[] bytes, ExternalData? external, string name)
    {
        ModelProto proto;
        try
        {
            proto = ModelReader.Read(bytes);
        }
        catch (InvalidDataException damaged)
        {
            throw new InvalidDataException(
                $"OnnxModel \"{name}\": expected an ONNX file, got bytes that are not one ({damaged.Message}). It is "
                + "damaged, not complete, or of another kind.", damaged);
        }

        if (proto.Graph is null || proto.OpsetImport.Count == 0)
        {
            throw new InvalidDataException($"OnnxModel \"{name}\": expected an ONNX file, got one without "
                + $"{(proto.Graph is null ? "a graph" : "a version of its operators")}. It is damaged, or of another "
                + "kind.");
        }

        var model = new OnnxModel(proto, external, name);
        if (proto.IrVersion is < LeastIrVersion or > LargestIrVersion)
            throw Version(name, "IR version", LeastIrVersion, LargestIrVersion, proto.IrVersion);
        return model.Opset is >= LeastOpset and <= LargestOpset
            ? model
            : throw Version(name, "opset", LeastOpset, LargestOpset, model.Opset);
    }

    private static InvalidDataException Version(string name, string what, int least, int largest, long got) => new(
        $"OnnxModel \"{name}\": expected {what} {least} to {largest}, got {got}. Convert the model with "
        + "onnx.version_converter, or export it again with a version in between.",
        new Refusal($"{what} {got} is not one of {least} to {largest}"));

    private static Dictionary<string, string> Texts(ModelProto proto)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (StringStringEntryProto entry in proto.MetadataProps) texts[entry.Key] = entry.Value;
        return texts;
    }

    private static OnnxValueInfo[] Values(IEnumerable<ValueInfoProto> values, HashSet<string> except) =>
        [.. values.Where(value => !except.Contains(value.Name)).Select(OnnxValueInfo.Of)];
}
