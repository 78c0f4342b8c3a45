using Evenkeel.Examination;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Onnx.Examining;

/// <summary>What stands around a norm.</summary>
/// <param name="Before">The node whose output alone it normalizes; null if there is none.</param>
/// <param name="After">The node that alone takes its output, behind an activation; null if there is none.</param>
/// <param name="Activation">The activation behind it.</param>
/// <param name="EndsResidual">Whether its output is added to another value.</param>
/// <param name="Constants">Nodes with constants between it and its neighbours, for people.</param>
internal sealed record NormSurroundings(
    Node? Before, Node? After, FollowingActivation Activation, bool EndsResidual, IReadOnlyList<string> Constants);

/// <summary>Which node makes a value and which nodes take it.</summary>
internal sealed class GraphFlow
{
    private readonly Dictionary<string, Node> _makers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Node>> _takers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _outputs;
    private readonly GraphConstants _constants;

    public GraphFlow(List<Node> nodes, HashSet<string> outputs, GraphConstants constants)
    {
        (_outputs, _constants) = (outputs, constants);
        foreach (Node node in nodes)
        {
            foreach (string output in node.Outputs)
            {
                if (output.Length > 0) _makers.TryAdd(output, node);
            }

            foreach (string input in node.Inputs)
            {
                if (!_takers.TryGetValue(input, out List<Node>? takers)) _takers.Add(input, takers = []);
                takers.Add(node);
            }
        }
    }

    public static string NameOf(Node node) => node.Proto.Name.Length > 0 ? node.Proto.Name
        : node.Outputs.FirstOrDefault(node.Op);

    /// <summary>What stands around a norm.</summary>
    public NormSurroundings Around(Node norm)
    {
        var constants = new List<string>();
        Node? before = MakerBefore(norm, constants);
        string value = norm.Outputs.FirstOrDefault("");
        Node? next = Only(value);
        while (next is not null && IsConstantStep(next))
        {
            if (next.Op is not "Identity" and not "Dropout") constants.Add($"{next.Op} behind it");
            next = Only(value = next.Outputs[0]);
        }

        FollowingActivation activation = next is null ? FollowingActivation.Unknown : ActivationOf(next);
        if (next is null && AllTakersAreReLU(value)) activation = FollowingActivation.ReLU;
        bool endsResidual = next is { Op: "Add" or "Sum" };
        Node? after = next;
        if (next is not null && activation is not FollowingActivation.None)
            after = Only(next.Outputs.FirstOrDefault(""));
        return new NormSurroundings(before, endsResidual ? null : after, activation, endsResidual, constants);
    }

    /// <summary>Empty if a norm can become part of a neighbour, else the reason why not.</summary>
    public string FoldObstacle(Node norm, NormSurroundings around, Func<Node, bool> isLayer)
    {
        if (GraphNorms.TrainingMode(norm) is { } mode) return $"it computes with the batch's statistics ({mode})";
        if (around.Before is { } before && isLayer(before)) return "";
        string value = norm.Outputs.FirstOrDefault("");
        if (Only(value) is { } next && isLayer(next) && next.Inputs[0] == value && !Pads(next)) return "";
        string input = norm.Inputs.FirstOrDefault("");
        return !_makers.TryGetValue(input, out Node? maker) ? "what comes before it is the network's input"
            : _takers[input].Count > 1 || _outputs.Contains(input) ? "its input is used elsewhere too"
            : $"what comes before it is not a linear layer but {maker.Op}";
    }

    /// <summary>The linear layer before a norm, over steps with constants.</summary>
    private Node? MakerBefore(Node norm, List<string> constants)
    {
        string value = norm.Inputs.FirstOrDefault("");
        while (_makers.TryGetValue(value, out Node? maker))
        {
            if (_takers[value].Count != 1 || _outputs.Contains(value)) return null;
            if (!IsConstantStep(maker)) return maker;
            if (maker.Op is not "Identity" and not "Dropout") constants.Insert(0, $"{maker.Op} before it");
            value = Through(maker);
        }

        return null;
    }

    /// <summary>The only node that takes a value; null if there are none or several.</summary>
    private Node? Only(string value) => value.Length > 0 && !_outputs.Contains(value)
        && _takers.TryGetValue(value, out List<Node>? takers) && takers.Count == 1 ? takers[0] : null;

    private bool AllTakersAreReLU(string value) => value.Length > 0 && !_outputs.Contains(value)
        && _takers.TryGetValue(value, out List<Node>? takers)
        && takers.All(static taker => ActivationOf(taker) == FollowingActivation.ReLU);

    /// <summary>A step that changes scale or shift by constants, or nothing.</summary>
    private bool IsConstantStep(Node node) => node.Outputs.Length > 0 && (node.Op is "Identity" or "Dropout"
        || (node.Op is "Mul" or "Add" or "Sub" or "Div" && node.Inputs.Length == 2
            && node.Inputs.Count(_constants.Has) == 1 && !(node.Op == "Div" && _constants.Has(node.Inputs[0]))));

    /// <summary>The input of such a step that is no constant.</summary>
    private string Through(Node node) => node.Inputs.First(input => !_constants.Has(input));

    private static FollowingActivation ActivationOf(Node node) =>
        KnownActivations.OfOnnx(node.Op) ?? FollowingActivation.None;

    private static bool Pads(Node node)
    {
        if (node.Op == "ConvTranspose") return true;
        return node.Op == "Conv" && (node.Text("auto_pad", "NOTSET") is not ("NOTSET" or "VALID")
            || (node.Ints("pads")?.Any(static pad => pad != 0) ?? false));
    }
}
