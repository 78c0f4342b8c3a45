using System.Text.Json.Nodes;
using Evenkeel.Data;
using Evenkeel.Onnx;
using Evenkeel.Serialization;

namespace Evenkeel.Workbench.Files;

/// <summary>An ONNX file as a user sees it: what it says of itself, and the network that it becomes, if it does.
/// </summary>
internal sealed class OnnxFile
{
    private OnnxFile(OnnxModel model, OnnxModule? module, TensorArchive archive, IReadOnlyList<OnnxProblem> problems,
        string? damage) =>
        (Model, Module, Archive, Problems, Damage) = (model, module, archive, problems, damage);

    public OnnxModel Model { get; }

    /// <summary>The network; null if the graph cannot become one.</summary>
    public OnnxModule? Module { get; }

    /// <summary>Weights and statistics, under the network's keys or the file's names.</summary>
    public TensorArchive Archive { get; }

    /// <summary>All nodes that keep the graph from becoming a network.</summary>
    public IReadOnlyList<OnnxProblem> Problems { get; }

    /// <summary>What is wrong with the graph; null if nothing is.</summary>
    public string? Damage { get; }

    /// <summary>
    /// Whether a path is an ONNX file: by its content, or by its name if there is none or nothing here reads it.
    /// </summary>
    public static bool Is(string path)
    {
        if (!File.Exists(path)) return HasName(path) && !Directory.Exists(path);
        try
        {
            FileFormat? format = FileFormat.Of(path);
            return (format is not null && OnnxModel.IsFormat(format))
                || (HasName(path) && TensorFile.FormatOf(path) is null);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Who reads the file says why it cannot be read.
            return HasName(path);
        }
    }

    /// <summary>Whether a path has the name of an ONNX file.</summary>
    public static bool HasName(string path) =>
        Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a file, whether or not its graph can become a network.</summary>
    /// <exception cref="WorkbenchException">It is missing, damaged, or no ONNX file.</exception>
    public static OnnxFile Open(string path)
    {
        OnnxModel model = Load(path);
        try
        {
            OnnxModule module = model.ToModule();
            return new OnnxFile(model, module, model.TensorsOf(module), [], null);
        }
        catch (OnnxNotSupportedException refused)
        {
            return new OnnxFile(model, null, Tensors(model), refused.Problems, null);
        }
        catch (InvalidDataException damaged)
        {
            return new OnnxFile(model, null, Tensors(model), [], UserText.Of(damaged));
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>Reads a file whose graph must become a network.</summary>
    /// <exception cref="WorkbenchException">It is no ONNX file, or its graph cannot become a network.</exception>
    public static (OnnxModel Model, OnnxModule Module) OpenNetwork(string path)
    {
        OnnxModel model = Load(path);
        try
        {
            return (model, model.ToModule());
        }
        catch (OnnxNotSupportedException refused)
        {
            IEnumerable<string> kinds = KindsOf(refused.Problems)
                .Select(static kind => $"{kind.Operator} ({kind.Count}: {kind.Reason})");
            throw new WorkbenchException($"expected a graph that can become a network, got \"{path}\" with "
                + $"{refused.Problems.Count} {(refused.Problems.Count == 1 ? "part" : "parts")} that cannot: "
                + $"{string.Join("; ", kinds)}. 'evenkeel inspect {path}' "
                + "shows them, and 'evenkeel convert' takes the weights.", refused);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>What the numbers of a classifier are, by the last operator that does more than shape them.</summary>
    public static ScoreKind ScoresOf(OnnxModel model)
    {
        string output = model.Outputs[0].Name;
        while (model.Proto.Graph.Node.FirstOrDefault(node => node.Output.Contains(output)) is { } node)
        {
            switch (node.OpType)
            {
                case "Softmax": return ScoreKind.Probabilities;
                case "Sigmoid": return ScoreKind.YesOrNo;
                case "Identity" or "Flatten" or "Reshape" or "Squeeze" or "Unsqueeze" or "Cast" or "Dropout":
                    output = node.Input[0];
                    break;
                default: return ScoreKind.Logits;
            }
        }

        return ScoreKind.Logits;
    }

    /// <summary>Problems of one kind as one, with how many nodes have it and the first of them.</summary>
    public static IEnumerable<(string Operator, int Count, string First, string Reason)> KindsOf(
        IEnumerable<OnnxProblem> problems) => problems
            .GroupBy(static problem => (problem.Operator, problem.Reason))
            .Select(static kind => (kind.Key.Operator, kind.Count(), kind.First().Node, kind.Key.Reason));

    /// <summary>What the file says of itself, as members of an object.</summary>
    public void AddTo(JsonObject json)
    {
        json["irVersion"] = Model.IrVersion;
        json["opset"] = Model.Opset;
        json["producer"] = Model.Producer;
        json["inputs"] = ToJson(Model.Inputs);
        json["outputs"] = ToJson(Model.Outputs);
        json["operators"] = new JsonObject(Model.Operators.Select(static pair =>
            KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        json["importable"] = Module is not null;
        json["problems"] = new JsonArray([.. Problems.Select(static problem => (JsonNode)new JsonObject
        {
            ["operator"] = problem.Operator,
            ["node"] = problem.Node,
            ["reason"] = problem.Reason,
        })]);
        if (Damage is not null) json["damage"] = Damage;
    }

    private static JsonArray ToJson(IReadOnlyList<OnnxValueInfo> values) =>
        new([.. values.Select(static value => (JsonNode)new JsonObject
        {
            ["name"] = value.Name,
            ["type"] = value.Type,
            ["shape"] = value.Shape is not { } shape ? null : new JsonArray([.. shape.Select(static size =>
                size.Size is { } known ? (JsonNode)known : size.Symbol.Length > 0 ? size.Symbol : null)]),
        })]);

    /// <summary>Reads a file as it is: its graph need not become a network.</summary>
    /// <exception cref="WorkbenchException">It is missing, damaged, or no ONNX file.</exception>
    public static OnnxModel Load(string path)
    {
        try
        {
            return OnnxModel.Load(path);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            if (Directory.Exists(path) || !File.Exists(path))
            {
                string what = Directory.Exists(path) ? "a folder" : "not there";
                throw WorkbenchException.Usage($"expected an ONNX file, got \"{path}\", which is {what}.");
            }

            // A file of another kind is told by its name and by what reads it.
            if (FileFormat.Of(path) is { } format && !OnnxModel.IsFormat(format))
            {
                throw new WorkbenchException(
                    $"expected an ONNX file, got \"{path}\", which is {format.Name}. {format.Remedy}", failure);
            }

            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    private static TensorArchive Tensors(OnnxModel model)
    {
        try
        {
            return model.TensorsByName();
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }
}
