using System.Globalization;
using System.Text;
using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import;

/// <summary>
/// A node while a network is built: its attributes, and what is known of its inputs. What an operator does not ask for
/// is refused at the end, so that nothing is overlooked.
/// </summary>
internal sealed class Node
{
    private readonly Dictionary<string, AttributeProto> _attributes = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly ExternalData? _external;

    public Node(NodeProto proto, int opset, ExternalData? external)
    {
        (Proto, Opset, _external) = (proto, opset, external);
        (Op, Inputs, Outputs) = (proto.OpType, [.. proto.Input], [.. proto.Output]);
        foreach (AttributeProto attribute in proto.Attribute)
        {
            if (!_attributes.TryAdd(attribute.Name, attribute))
                throw new InvalidDataException($"{this} has the attribute \"{attribute.Name}\" twice");
        }
    }

    public NodeProto Proto { get; }

    public string Op { get; }

    public int Opset { get; }

    /// <summary>Names of values; empty for one that is left out.</summary>
    public string[] Inputs { get; set; }

    public string[] Outputs { get; set; }

    /// <summary>The constants among the inputs; null elsewhere.</summary>
    public Value?[] Constants { get; set; } = [];

    /// <summary>The number of dimensions of the inputs; null where it is not known.</summary>
    public int?[] Ranks { get; set; } = [];

    /// <summary>The layers that operators may make. Null if the node is computed once, while the network is built.
    /// </summary>
    public LayerBuilder? Layers { get; set; }

    /// <summary>An attribute that is not there but in the caller of a function; null if there is none.</summary>
    public string? Reference => Proto.Attribute.FirstOrDefault(static a => a.RefAttrName.Length > 0)?.Name;

    /// <summary>Whether an output is used.</summary>
    public required Func<string, bool> IsUsed { get; init; }

    public bool Has(int input) => input < Inputs.Length && Inputs[input].Length > 0;

    public Value? Constant(int input) => Has(input) ? Constants[input] : null;

    public bool Wants(int output) => output < Outputs.Length && Outputs[output].Length > 0 && IsUsed(Outputs[output]);

    /// <summary>An input that must be known while the network is built.</summary>
    public Value Known(int input, string what) => Constant(input)
        ?? throw new Refusal($"its {what} is computed by the graph, not constant");

    public bool HasAttribute(string name)
    {
        _known.Add(name);
        return _attributes.ContainsKey(name);
    }

    public long Int(string name, long otherwise) => Find(name) is { } a
        ? a.HasI ? a.I : throw Wrong(name, "an integer")
        : otherwise;

    public double Float(string name, double otherwise) => Find(name) is { } a
        ? a.HasF ? Exactly(a.F) : throw Wrong(name, "a number")
        : otherwise;

    public string Text(string name, string otherwise) => Find(name) is { } a
        ? a.HasS ? a.S.ToString(Encoding.UTF8) : throw Wrong(name, "a text")
        : otherwise;

    public long[]? Ints(string name) => Find(name) is { } a ? [.. a.Ints] : null;

    public float[]? Floats(string name) => Find(name) is { } a ? [.. a.Floats] : null;

    public Value Content(string name)
    {
        if (Find(name)?.T is not { } tensor) throw Wrong(name, "a tensor");
        var content = TensorContent.Of(tensor, _external);
        return new Value(content.ToTensor(name), content.Type);
    }

    /// <summary>An axis from 0 on.</summary>
    public static int Axis(long axis, int rank) => axis >= -rank && axis < rank
        ? (int)(axis < 0 ? axis + rank : axis)
        : throw new InvalidDataException($"axis {axis} is not one of {rank} dimensions");

    /// <summary>An attribute that this operator understands but that changes nothing here.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names) _known.Add(name);
    }

    /// <summary>Refuses attributes that nobody asked for.</summary>
    public void CheckAttributes()
    {
        foreach (string name in _attributes.Keys)
        {
            if (!_known.Contains(name)) throw new Refusal($"the attribute \"{name}\" is not known");
        }
    }

    public override string ToString() => Proto.Name.Length > 0 ? $"{Op} \"{Proto.Name}\""
        : Proto.Output.Count > 0 ? $"{Op} \"{Proto.Output[0]}\""
        : Op;

    /// <summary>
    /// The decimal number that a file's single-precision one stands for: an epsilon of 1e-5 is 1e-5, not 9.99999975e-6.
    /// </summary>
    private static double Exactly(float value) =>
        double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private AttributeProto? Find(string name)
    {
        _known.Add(name);
        return _attributes.GetValueOrDefault(name);
    }

    private InvalidDataException Wrong(string name, string expected) =>
        new($"{this}: expected the attribute \"{name}\" to be {expected}");
}
