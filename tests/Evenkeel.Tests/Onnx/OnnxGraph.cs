using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
using Google.Protobuf;

namespace Evenkeel.Tests.Onnx;

/// <summary>Builds small ONNX models for tests.</summary>
internal sealed class OnnxGraph
{
    private readonly ModelProto _model = new() { IrVersion = 8, Graph = new GraphProto { Name = "test" } };

    public OnnxGraph(long opset = 17) => _model.OpsetImport.Add(new OperatorSetIdProto { Version = opset });

    public ModelProto Proto => _model;

    /// <summary>An input; a negative size is open.</summary>
    public OnnxGraph Input(string name, params ReadOnlySpan<long> shape)
    {
        _model.Graph.Input.Add(Info(name, 1, shape));
        return this;
    }

    public OnnxGraph Output(params ReadOnlySpan<string> names)
    {
        foreach (string name in names) _model.Graph.Output.Add(new ValueInfoProto { Name = name });
        return this;
    }

    /// <summary>A weight of single precision.</summary>
    public OnnxGraph Weight(string name, ReadOnlySpan<long> shape, params ReadOnlySpan<float> values)
    {
        var bytes = new byte[values.Length * 4];
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).CopyTo(bytes);
        var tensor = new TensorProto { Name = name, DataType = 1, RawData = ByteString.CopyFrom(bytes) };
        tensor.Dims.Add(shape.ToArray());
        _model.Graph.Initializer.Add(tensor);
        return this;
    }

    /// <summary>A weight whose values are 0.01, 0.02, ... with alternating signs.</summary>
    public OnnxGraph Weight(string name, params ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long size in shape) count *= size;
        float[] values = [.. Enumerable.Range(1, (int)count).Select(static i => (i % 2 == 0 ? -0.01f : 0.01f) * i)];
        return Weight(name, shape, values);
    }

    /// <summary>Whole numbers.</summary>
    public OnnxGraph Longs(string name, params ReadOnlySpan<long> values)
    {
        var tensor = new TensorProto { Name = name, DataType = 7 };
        tensor.Dims.Add(values.Length);
        tensor.RawData = ByteString.CopyFrom(
            System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).ToArray());
        _model.Graph.Initializer.Add(tensor);
        return this;
    }

    public OnnxGraph Node(string op, string[] inputs, string[] outputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        var node = new NodeProto { OpType = op, Name = $"node{_model.Graph.Node.Count}" };
        node.Input.Add(inputs);
        node.Output.Add(outputs);
        foreach (AttributeProto attribute in attributes) node.Attribute.Add(attribute);
        _model.Graph.Node.Add(node);
        return this;
    }

    public OnnxGraph Node(string op, string input, string output, params ReadOnlySpan<AttributeProto> attributes) =>
        Node(op, [input], [output], attributes);

    public static AttributeProto Int(string name, long value) =>
        new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };

    public static AttributeProto Float(string name, float value) =>
        new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };

    public static AttributeProto Text(string name, string value) =>
        new() { Name = name, S = ByteString.CopyFromUtf8(value), Type = AttributeProto.Types.AttributeType.String };

    public static AttributeProto Ints(string name, params long[] values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Ints };
        attribute.Ints.Add(values);
        return attribute;
    }

    public byte[] ToBytes() => _model.ToByteArray();

    public OnnxModel ToModel() => OnnxModel.Read(new MemoryStream(ToBytes()), "test");

    public OnnxModule ToModule() => ToModel().ToModule();

    private static ValueInfoProto Info(string name, int type, ReadOnlySpan<long> shape)
    {
        var info = new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor { ElemType = type, Shape = new TensorShapeProto() },
            },
        };
        foreach (long size in shape)
        {
            info.Type.TensorType.Shape.Dim.Add(size < 0
                ? new TensorShapeProto.Types.Dimension { DimParam = "N" }
                : new TensorShapeProto.Types.Dimension { DimValue = size });
        }

        return info;
    }
}
