using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import;

/// <summary>
/// Nodes that together are one operator of a later version, as older exporters spell it: norms, smooth activations, and
/// the bias of a matrix product. Joined, they are the layer that they are, and run in one pass.
/// </summary>
internal sealed class Patterns
{
    private readonly List<Node> _nodes;
    private readonly Dictionary<string, Value> _constants;
    private readonly HashSet<string> _outputs;
    private readonly Dictionary<string, Node> _makers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _uses = new(StringComparer.Ordinal);
    private readonly HashSet<Node> _gone = [];
    private readonly Dictionary<Node, Node> _joined = [];

    private Patterns(List<Node> nodes, Dictionary<string, Value> constants, HashSet<string> outputs)
    {
        (_nodes, _constants, _outputs) = (nodes, constants, outputs);
        foreach (Node node in nodes)
        {
            foreach (string output in node.Outputs) _makers[output] = node;
            foreach (string input in node.Inputs) _uses[input] = _uses.GetValueOrDefault(input) + 1;
        }
    }

    /// <summary>The graph with such nodes joined.</summary>
    /// <param name="nodes">The nodes, in order.</param>
    /// <param name="constants">The values that are known.</param>
    /// <param name="outputs">The values that the graph returns: they are kept.</param>
    public static List<Node> Simplified(
        List<Node> nodes, Dictionary<string, Value> constants, HashSet<string> outputs)
    {
        var patterns = new Patterns(nodes, constants, outputs);
        foreach (Node node in nodes)
        {
            // A pattern is found at its last node, so that what it needs has been made there.
            if (node.Op is "Add" or "Sub") _ = patterns.LayerNorm(node) || patterns.Bias(node);
            else if (node.Op is "Mul" or "Div")
                _ = patterns.HardSwish(node) || patterns.Gelu(node) || patterns.Swish(node) || patterns.Norm(node);
        }

        return [.. nodes.Where(node => !patterns._gone.Contains(node))
            .Select(node => patterns._joined.GetValueOrDefault(node, node))];
    }

    /// <summary>(x - mean)·rstd·gamma + beta over the last dimensions.</summary>
    private bool LayerNorm(Node add)
    {
        if (add.Op != "Add" || Split(add, IsVector) is not { } shifted) return false;
        if (Made(shifted.Other, "Mul") is not { } scaled || Split(scaled, IsVector) is not { } factor) return false;
        if (Standardized(factor.Other) is not { } core) return false;
        if (_constants[factor.Constant].Shape != _constants[shifted.Constant].Shape
            || !Fits(core, _constants[factor.Constant])) return false;
        Join(add, [.. core.Nodes, scaled], core.IsCentred ? "LayerNormalization" : "", core.X,
            [factor.Constant, shifted.Constant], core.Eps, core.Axis);
        return core.IsCentred;
    }

    /// <summary>The same without a shift: x·rms(x)·gamma, or a layer norm without bias.</summary>
    private bool Norm(Node scaled)
    {
        if (scaled.Op != "Mul" || Split(scaled, IsVector) is not { } factor) return false;
        if (Standardized(factor.Other) is not { } core || !Fits(core, _constants[factor.Constant])) return false;
        // A shift may follow; then the node after this one is the end of the pattern.
        if (core.IsCentred && _nodes.Any(node => node.Op == "Add" && node.Inputs.Contains(scaled.Outputs[0],
            StringComparer.Ordinal) && Split(node, IsVector) is not null)) return false;
        Join(scaled, core.Nodes, core.IsCentred ? "LayerNormalization" : "RMSNormalization", core.X,
            [factor.Constant], core.Eps, core.Axis);
        return true;
    }

    private sealed record Core(string X, bool IsCentred, double Eps, long Axis, long[] Axes, List<Node> Nodes);

    /// <summary>Whether a scale is one number per normalized place. A size of 1 may be one that broadcasts.</summary>
    private static bool Fits(Core core, Value scale) =>
        scale.Shape.Rank == core.Axes.Length && scale.Shape.All(static size => size > 1);

    /// <summary>The part that has mean 0 and variance 1, or a mean square of 1, in any of its spellings.</summary>
    private Core? Standardized(string value)
    {
        var nodes = new List<Node>();
        string numerator;
        Node? deviation;
        if (Made(value, "Div") is { } division)
        {
            nodes.Add(division);
            numerator = division.Inputs[0];
            deviation = Made(division.Inputs[1], "Sqrt");
        }
        else if (Made(value, "Mul") is { } product)
        {
            nodes.Add(product);
            (Node? left, Node? right) = (Rstd(product.Inputs[0], nodes), Rstd(product.Inputs[1], nodes));
            if ((left is null) == (right is null)) return null;
            numerator = product.Inputs[left is null ? 0 : 1];
            deviation = left ?? right;
        }
        else
        {
            return null;
        }

        if (deviation is null) return null;
        nodes.Add(deviation);
        if (Made(deviation.Inputs[0], "Add") is not { } withEps || Split(withEps, IsScalar) is not { } eps) return null;
        nodes.Add(withEps);
        if (Made(eps.Other, "ReduceMean") is not { } meanSquare || AxesOf(meanSquare) is not { } axes) return null;
        nodes.Add(meanSquare);
        if (Squared(meanSquare.Inputs[0], nodes) is not { } squared || squared != numerator) return null;
        double epsilon = _constants[eps.Constant].ToScalar();
        // Without it the layer has no infinities where the graph has them.
        if (!(epsilon > 0 && double.IsFinite(epsilon))) return null;
        // The centred form has x - mean where the other has x.
        if (_makers.GetValueOrDefault(numerator) is { Op: "Sub" } centred
            && Made(centred.Inputs[1], "ReduceMean") is { } mean && mean.Inputs[0] == centred.Inputs[0]
            && AxesOf(mean) is { } same && same.AsSpan().SequenceEqual(axes))
        {
            nodes.AddRange([centred, mean]);
            return new Core(centred.Inputs[0], true, epsilon, axes.Min(), axes, nodes);
        }

        return new Core(numerator, false, epsilon, axes.Min(), axes, nodes);
    }

    /// <summary>The square root under a reciprocal; the reciprocal is added to the nodes.</summary>
    private Node? Rstd(string value, List<Node> nodes)
    {
        if (Made(value, "Reciprocal") is { } reciprocal && Made(reciprocal.Inputs[0], "Sqrt") is { } root)
        {
            nodes.Add(reciprocal);
            return root;
        }

        if (Made(value, "Div") is { } division && IsScalar(division.Inputs[0])
            && _constants[division.Inputs[0]].ToScalar() == 1 && Made(division.Inputs[1], "Sqrt") is { } below)
        {
            nodes.Add(division);
            return below;
        }

        return null;
    }

    /// <summary>What is squared; null if the value is no square.</summary>
    private string? Squared(string value, List<Node> nodes)
    {
        if (Made(value, "Pow") is { } power && IsScalar(power.Inputs[1]) && _constants[power.Inputs[1]].ToScalar() == 2)
        {
            nodes.Add(power);
            return power.Inputs[0];
        }

        if (Made(value, "Mul") is not { } product || product.Inputs[0] != product.Inputs[1]) return null;
        nodes.Add(product);
        return product.Inputs[0];
    }

    /// <summary>The axes of a reduction that keeps its dimensions: the last ones, counted from the end.</summary>
    private long[]? AxesOf(Node reduction)
    {
        if (reduction.Int("keepdims", 1) == 0) return null;
        long[]? axes = reduction.Ints("axes")
            ?? (reduction.Has(1) ? _constants.GetValueOrDefault(reduction.Inputs[1])?.ToLongs() : null);
        if (axes is null || axes.Length == 0) return null;
        Array.Sort(axes);
        for (int i = 0; i < axes.Length; i++)
        {
            if (axes[i] != i - axes.Length) return null;
        }

        return axes;
    }

    /// <summary>x·W + b with a constant row b is one linear layer.</summary>
    private bool Bias(Node add)
    {
        if (add.Op != "Add" || Split(add, IsVector) is not { } shifted) return false;
        if (Made(shifted.Other, "MatMul") is not { } product || product.Inputs.Length != 2
            || _uses[shifted.Other] != 1 || _outputs.Contains(shifted.Other)) return false;
        if (_constants.GetValueOrDefault(product.Inputs[1]) is not { Shape.Rank: 2 } weight) return false;
        Value bias = _constants[shifted.Constant];
        if (bias.Shape.Rank != 1 || bias.Shape.Count != weight.Shape[1] || !bias.IsFloat) return false;
        product.Inputs = [.. product.Inputs, shifted.Constant];
        product.Outputs = add.Outputs;
        _gone.Add(product);
        _joined[add] = product;
        return true;
    }

    /// <summary>x·clip(x + 3, 0, 6)/6 and x·hardsigmoid(x, 1/6, 1/2).</summary>
    private bool HardSwish(Node last)
    {
        if (last.Op == "Div" && IsScalar(last.Inputs[1]) && Near(last.Inputs[1], 6)
            && Made(last.Inputs[0], "Mul") is { } m
            && Gate(m) is { } gate)
        {
            Replace(last, [m, .. gate.Nodes], "HardSwish", gate.X);
            return true;
        }

        if (last.Op != "Mul") return false;
        foreach ((string x, string other) in Orders(last))
        {
            if (Made(other, "HardSigmoid") is { } hard && hard.Inputs[0] == x
                && Math.Abs(hard.Float("alpha", 0.2) - (1 / 6.0)) < 1e-6
                && Math.Abs(hard.Float("beta", 0.5) - 0.5) < 1e-6)
            {
                Replace(last, [hard], "HardSwish", x);
                return true;
            }

            if (Made(other, "Div") is { } sixth && IsScalar(sixth.Inputs[1]) && Near(sixth.Inputs[1], 6)
                && Clipped(sixth.Inputs[0], x) is { } nodes)
            {
                Replace(last, [sixth, .. nodes], "HardSwish", x);
                return true;
            }
        }

        return false;
    }

    private (string X, List<Node> Nodes)? Gate(Node product)
    {
        foreach ((string x, string other) in Orders(product))
        {
            if (Clipped(other, x) is { } nodes) return (x, nodes);
        }

        return null;
    }

    /// <summary>clip(x + 3, 0, 6), or ReLU6 of it.</summary>
    private List<Node>? Clipped(string value, string x)
    {
        if (Made(value, "Clip") is not { } clip || Made(clip.Inputs[0], "Add") is not { } shifted
            || Split(shifted, IsScalar) is not { } three || three.Other != x || !Near(three.Constant, 3)) return null;
        double least = clip.Has(1) ? Scalar(clip.Inputs[1]) : clip.Float("min", double.NegativeInfinity);
        double most = clip.Has(2) ? Scalar(clip.Inputs[2]) : clip.Float("max", double.PositiveInfinity);
        return least == 0 && most == 6 ? [clip, shifted] : null;
    }

    /// <summary>x·sigmoid(x).</summary>
    private bool Swish(Node product)
    {
        if (product.Op != "Mul") return false;
        foreach ((string x, string other) in Orders(product))
        {
            if (Made(other, "Sigmoid") is not { } gate || gate.Inputs[0] != x) continue;
            Replace(product, [gate], "Swish", x);
            return true;
        }

        return false;
    }

    /// <summary>x·(1 + erf(x/√2))·½, with the half at either place.</summary>
    private bool Gelu(Node last)
    {
        if (last.Op != "Mul") return false;
        foreach ((string a, string b) in Orders(last))
        {
            // (x·(1 + erf))·½
            if (IsScalar(b) && Near(b, 0.5) && Made(a, "Mul") is { } inner)
            {
                foreach ((string x, string one) in Orders(inner))
                {
                    if (OnePlusErf(one, x) is not { } nodes) continue;
                    Replace(last, [inner, .. nodes], "Gelu", x);
                    return true;
                }
            }

            // (x·½)·(1 + erf)
            if (Made(a, "Mul") is { } half && Split(half, IsScalar) is { } parts && Near(parts.Constant, 0.5)
                && OnePlusErf(b, parts.Other) is { } rest)
            {
                Replace(last, [half, .. rest], "Gelu", parts.Other);
                return true;
            }
        }

        return false;
    }

    private List<Node>? OnePlusErf(string value, string x)
    {
        if (Made(value, "Add") is not { } sum || Split(sum, IsScalar) is not { } one || !Near(one.Constant, 1)
            || Made(one.Other, "Erf") is not { } erf) return null;
        if (Made(erf.Inputs[0], "Div") is { } scaled && scaled.Inputs[0] == x && IsScalar(scaled.Inputs[1])
            && Near(scaled.Inputs[1], Math.Sqrt(2))) return [sum, erf, scaled];
        return Made(erf.Inputs[0], "Mul") is { } times && Split(times, IsScalar) is { } root && root.Other == x
            && Near(root.Constant, Math.Sqrt(0.5)) ? [sum, erf, times] : null;
    }

    private bool Near(string constant, double value) => Math.Abs(Scalar(constant) - value) <= 1e-5 * value;

    private double Scalar(string constant) => IsScalar(constant) ? _constants[constant].ToScalar() : double.NaN;

    private bool IsScalar(string value) =>
        _constants.TryGetValue(value, out Value? constant)
        && constant is { IsFloat: true, Shape: { Count: 1, Rank: <= 1 } };

    private bool IsVector(string value) =>
        _constants.TryGetValue(value, out Value? constant)
        && constant is { IsFloat: true, Shape: { Rank: >= 1, Count: > 1 } };

    private static IEnumerable<(string, string)> Orders(Node node) =>
        node.Inputs.Length == 2 ? [(node.Inputs[0], node.Inputs[1]), (node.Inputs[1], node.Inputs[0])] : [];

    /// <summary>The constant operand of a node and the other one; null if there is none, or if both are.</summary>
    private static (string Constant, string Other)? Split(Node node, Func<string, bool> isConstant)
    {
        if (node.Inputs.Length != 2) return null;
        (bool first, bool second) = (isConstant(node.Inputs[0]), isConstant(node.Inputs[1]));
        return first == second ? null : first ? (node.Inputs[0], node.Inputs[1]) : (node.Inputs[1], node.Inputs[0]);
    }

    /// <summary>The node that makes a value, if it is of an operator and belongs to no pattern yet.</summary>
    private Node? Made(string value, string op) =>
        _makers.TryGetValue(value, out Node? node) && node.Op == op && !_gone.Contains(node) ? node : null;

    /// <summary>One node in place of several. Nothing happens if a value of theirs is used elsewhere too.</summary>
    private void Replace(Node last, List<Node> others, string op, string x, Action<NodeProto>? complete = null)
    {
        var all = new HashSet<Node>(others) { last };
        foreach (Node node in others)
        {
            foreach (string output in node.Outputs)
            {
                int inside = all.Sum(user => user.Inputs.Count(input => input == output));
                if (_outputs.Contains(output) || _uses.GetValueOrDefault(output) != inside) return;
            }
        }

        // The operator is one of a later version than the file's.
        var proto = new NodeProto { OpType = op, Name = last.Proto.Name };
        proto.Input.Add(x);
        proto.Output.Add(last.Outputs);
        complete?.Invoke(proto);
        _gone.UnionWith(others);
        _joined[last] = new Node(proto, OnnxModel.LargestOpset, external: null) { IsUsed = last.IsUsed };
    }

    private void Join(
        Node last, List<Node> others, string op, string x, string[] weights, double eps, long axis)
    {
        if (op.Length == 0) return;
        Replace(last, others, op, x, proto =>
        {
            proto.Input.Add(weights);
            proto.Attribute.Add(new AttributeProto { Name = "epsilon", F = (float)eps });
            proto.Attribute.Add(new AttributeProto { Name = "axis", I = axis });
        });
    }
}
