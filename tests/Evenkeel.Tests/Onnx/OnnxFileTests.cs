using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
using Evenkeel.Tests.Serialization;
using Google.Protobuf;
using Xunit;

namespace Evenkeel.Tests.Onnx;

/// <summary>How values stand in a file, and files that are not what they seem.</summary>
public sealed class OnnxFileTests
{
    private static readonly float[] s_values = [1, -2, 0.5f];

    private static OnnxGraph Sum(TensorProto weight)
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 3).Output("y").Node("Add", ["x", "w"], ["y"]);
        weight.Name = "w";
        if (weight.Dims.Count == 0) weight.Dims.Add(3);
        graph.Proto.Graph.Initializer.Add(weight);
        return graph;
    }

    private static float[] Read(OnnxModule module) => module.Forward(Tensor.Zeros([3])).ToArray<float>();

    private static ByteString Bytes<T>(params T[] values) where T : unmanaged =>
        ByteString.CopyFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    [Fact]
    public void Numbers_are_read_wherever_they_stand()
    {
        Assert.Equal(s_values, Read(Sum(new TensorProto { DataType = 1, RawData = Bytes(s_values) }).ToModule()));
        Assert.Equal(s_values, Read(Sum(new TensorProto { DataType = 1, FloatData = Bytes(s_values) }).ToModule()));
        // 1, -2 and ½ in half precision and bfloat16, as whole numbers in a list.
        byte[] halves = [0x80, 0x78, 0x80, 0x80, 0x03, 0x80, 0x70];
        Assert.Equal(s_values, Read(Sum(new TensorProto
        {
            DataType = 10,
            Int32Data = ByteString.CopyFrom(halves),
        }).ToModule()));
        Assert.Equal(s_values, Read(Sum(new TensorProto
        {
            DataType = 16,
            RawData = Bytes<ushort>(0x3F80, 0xC000, 0x3F00),
        }).ToModule()));
    }

    [Fact]
    public void A_list_that_is_not_packed_is_read()
    {
        byte[] packed = Sum(new TensorProto { DataType = 1, FloatData = Bytes(s_values) }).ToBytes();
        var tensor = new LooseTensor();
        byte[] loose = tensor.ToBytes(s_values);
        ModelProto model = ModelProto.Parser.ParseFrom(packed);
        model.Graph.Initializer[0] = TensorProto.Parser.ParseFrom(loose);
        Assert.False(model.Graph.Initializer[0].HasFloatData);
        OnnxModel read = OnnxModel.Read(new MemoryStream(model.ToByteArray()), "loose");
        Assert.Equal(s_values, Read(read.ToModule()));
    }

    /// <summary>A tensor message whose numbers each have a tag of their own.</summary>
    private sealed class LooseTensor
    {
        public byte[] ToBytes(float[] values)
        {
            using var stream = new MemoryStream();
            var output = new CodedOutputStream(stream);
            output.WriteTag(1, WireFormat.WireType.Varint);
            output.WriteInt64(values.Length);
            output.WriteTag(2, WireFormat.WireType.Varint);
            output.WriteInt32(1);
            foreach (float value in values)
            {
                output.WriteTag(4, WireFormat.WireType.Fixed32);
                output.WriteFloat(value);
            }

            output.WriteTag(8, WireFormat.WireType.LengthDelimited);
            output.WriteString("w");
            output.Flush();
            return stream.ToArray();
        }
    }

    [Fact]
    public void Large_values_are_not_copied()
    {
        float[] many = [.. Enumerable.Range(0, 2000).Select(static i => (float)i)];
        var weight = new TensorProto { DataType = 1, RawData = Bytes(many) };
        weight.Dims.Add(2000);
        byte[] file = Sum(weight).ToBytes();
        ModelProto model = ModelReader.Read(file);
        ByteString value = model.Graph.Initializer[0].RawData;
        Assert.Equal(Bytes(many), value);
        int place = file.AsSpan().IndexOf(value.Span);
        file[place] ^= 1;
        Assert.Equal(file[place], value[0]);
    }

    [Fact]
    public void Weights_in_another_file_are_read()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("w.bin"), [9, 9, 9, 9, .. Bytes(s_values)]);
        File.WriteAllBytes(folder.File("m.onnx"), External("w.bin", 4, 12).ToBytes());
        Assert.Equal(s_values, Read(OnnxModel.Load(folder.File("m.onnx")).ToModule()));
    }

    [Theory]
    [InlineData("../w.bin")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../w.bin")]
    [InlineData("..\\w.bin")]
    [InlineData("")]
    [InlineData("link/w.bin")]
    public void Weights_outside_the_folder_are_refused(string location)
    {
        using var folder = new TempFolder();
        string inner = Directory.CreateDirectory(folder.File("inner")).FullName;
        File.WriteAllBytes(folder.File("w.bin"), new byte[12]);
        Directory.CreateSymbolicLink(Path.Combine(inner, "link"), Path.GetDirectoryName(folder.File("w.bin"))!);
        string model = Path.Combine(inner, "m.onnx");
        File.WriteAllBytes(model, External(location, 0, 12).ToBytes());
        var refused = Assert.Throws<InvalidDataException>(() => OnnxModel.Load(model).ToModule());
        Assert.Contains("not a file in the model's folder", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, 12, "which has 12")]
    [InlineData(0, 8, "8 are said to be")]
    [InlineData(long.MaxValue, 12, "which has 12")]
    public void Weights_that_are_not_there_are_refused(long offset, long length, string says)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("w.bin"), new byte[12]);
        File.WriteAllBytes(folder.File("m.onnx"), External("w.bin", offset, length).ToBytes());
        var refused = Assert.Throws<InvalidDataException>(() => OnnxModel.Load(folder.File("m.onnx")).ToModule());
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
    }

    private static OnnxGraph External(string location, long offset, long length)
    {
        var weight = new TensorProto { DataType = 1, DataLocation = 1 };
        weight.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        weight.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{offset}" });
        weight.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = $"{length}" });
        return Sum(weight);
    }

    [Fact]
    public void A_file_that_ends_early_or_is_none_is_refused()
    {
        byte[] file = Sum(new TensorProto { DataType = 1, RawData = Bytes(s_values) }).ToBytes();
        for (int length = 0; length < file.Length; length++)
            Refused(file[..length]);
        Refused([.. "hello, world"u8]);

        static void Refused(byte[] bytes)
        {
            try
            {
                OnnxModel.Read(new MemoryStream(bytes), "cut").ToModule();
            }
            catch (Exception refused) when (refused is InvalidDataException or OnnxNotSupportedException)
            {
                Assert.StartsWith("OnnxModel \"cut\": expected", refused.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void A_cycle_is_refused()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1).Output("y").Node("Add", ["x", "y"], ["a"])
            .Node("Relu", "a", "y");
        Assert.Contains("cycle", Assert.Throws<InvalidDataException>(graph.ToModule).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Versions_that_are_not_read_are_named()
    {
        Assert.Contains("opset 6 to 26, got 5", Assert.Throws<InvalidDataException>(
            () => new OnnxGraph(5).Input("x", 1).Output("x").ToModel()).Message, StringComparison.Ordinal);
        var graph = new OnnxGraph();
        graph.Proto.IrVersion = 99;
        Assert.Contains("IR version 3 to 13, got 99", Assert.Throws<InvalidDataException>(
            () => graph.ToModel()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_messages_do_not_fill_the_memory()
    {
        byte[] nodes = new byte[2_000_000];
        for (int i = 0; i < nodes.Length; i += 2) nodes[i] = 0x0A;
        using var stream = new MemoryStream();
        var output = new CodedOutputStream(stream);
        output.WriteTag(7, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(nodes));
        output.Flush();
        Assert.Contains("fill the memory", Assert.Throws<InvalidDataException>(
            () => OnnxModel.Read(new MemoryStream(stream.ToArray()))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_constant_of_an_absurd_size_is_refused()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1).Output("y").Longs("shape", 1L << 40, 1L << 20)
            .Node("ConstantOfShape", "shape", "c").Node("Add", ["x", "c"], ["y"]);
        OnnxModule module = graph.ToModule();
        Assert.Throws<InvalidOperationException>(() => module.Forward(Tensor.Zeros([1])));
    }
}
