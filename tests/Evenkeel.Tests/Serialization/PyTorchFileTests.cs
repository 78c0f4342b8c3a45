using System.IO.Compression;
using Evenkeel.Serialization;
using Xunit;
using static Evenkeel.Tests.Serialization.TorchPickle;

namespace Evenkeel.Tests.Serialization;

/// <summary>Files of PyTorch 1.13 and of libtorch 2.10, see tests/golden/generate_pytorch_files.py.</summary>
public sealed class PyTorchFileTests
{
    private static string PathOf(string file) =>
        Path.Combine(Repository.Root, "tests", "golden", "files", "pytorch", file);

    private static TensorArchive Read(string file, bool skipUnknown = false) =>
        PyTorchFile.Read(PathOf(file), skipUnknown);

    private static TensorArchive Read(byte[] bytes) => PyTorchFile.Read(new MemoryStream(bytes), "test");

    private static float[] Ramp(int count, float factor = 1) =>
        [.. Enumerable.Range(0, count).Select(i => i * factor)];

    private static void AssertValues(TensorArchive archive, string name, int[] shape, params double[] expected)
    {
        Tensor tensor = archive.Tensor(name);
        Assert.Equal(new Shape(shape), tensor.Shape);
        Assert.Equal(expected, tensor.To(DType.Float64).ToArray<double>());
    }

    [Theory]
    [InlineData("types.pt")]
    [InlineData("types-old.pt")]
    public void All_types_keep_their_values(string file)
    {
        TensorArchive read = Read(file);
        Assert.Equal(
            ["float64 F64", "float32 F32", "float16 F16", "bfloat16 BF16", "int64 I64",
                "int32 I32", "int16 I16", "int8 I8", "uint8 U8", "bool BOOL", "complex64 C64", "complex128 C128"],
            read.Names.Select(name => $"{name} {read.TypeOf(name)}"));
        foreach (string name in (string[])["float64", "float32", "float16", "bfloat16"])
            AssertValues(read, name, [5], -1.5, -0.75, 0, 0.75, 1.5);
        foreach (string name in (string[])["int64", "int32", "int16", "int8"])
            AssertValues(read, name, [5], -50, -25, 0, 25, 50);
        AssertValues(read, "uint8", [5], 0, 60, 120, 180, 240);
        AssertValues(read, "bool", [5], 0, 1, 0, 1, 0);
        float[] complex = [-2, 0, -1, 0.5f, 0, 1, 1, 1.5f, 2, 2];
        Assert.Equal(complex.SelectMany(BitConverter.GetBytes), read.Bytes("complex64"));
        Assert.Equal(complex.SelectMany(static part => BitConverter.GetBytes((double)part)), read.Bytes("complex128"));
        Assert.Equal([5], read.DimensionsOf("complex128"));
    }

    [Theory]
    [InlineData("views.pt")]
    [InlineData("views-old.pt")]
    public void Views_become_row_major(string file)
    {
        TensorArchive read = Read(file);
        AssertValues(read, "base", [4, 6], [.. Ramp(24)]);
        AssertValues(read, "transposed", [6, 4],
            0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23);
        AssertValues(read, "column", [4], 1, 7, 13, 19);
        AssertValues(read, "block", [2, 3], 8, 9, 10, 14, 15, 16);
        AssertValues(read, "steps", [2, 2], 0, 3, 12, 15);
        AssertValues(read, "scalar", [], 15);
        AssertValues(read, "empty", [0, 6]);
        AssertValues(read, "alone", [], 2.5);
        AssertValues(read, "nothing", [0]);
        AssertValues(read, "repeated", [2, 3], 0, 1, 2, 0, 1, 2);
        AssertValues(read, "last_row", [6], 18, 19, 20, 21, 22, 23);
        double[] cube = new double[24];
        for (int i = 0; i < 24; i++) cube[i] = (i / 3 % 2 * 12) + (i % 3 * 4) + (i / 6);
        AssertValues(read, "cube", [4, 2, 3], cube);
        double[] transposed = [.. Enumerable.Range(0, 24).Select(static i => (i % 4 * 6) + (i / 4))];
        AssertValues(read, "half", [6, 4], [.. transposed.Select(static value => value / 4)]);
        AssertValues(read, "bits", [6, 4], [.. transposed.Select(static value => value > 11 ? 1.0 : 0)]);
        float[] complex = [0, -0f, 2, -2, 1, -1, 3, -3];
        Assert.Equal(complex.SelectMany(BitConverter.GetBytes), read.Bytes("complex"));
    }

    [Fact]
    public void Tied_weights_are_one_tensor()
    {
        TensorArchive read = Read("views.pt");
        Assert.Same(read.Tensor("base"), read.Tensor("tied"));
        Assert.NotSame(read.Tensor("base"), read.Tensor("block"));
    }

    [Fact]
    public void Views_that_differ_in_one_thing_stay_apart()
    {
        string other = Storage("0", 2, "torch.IntStorage");
        TensorArchive read = Read(NewFile(Dictionary(
            Text("first"), Tensor([1], [1]), Text("second"), Tensor([1], [1], 1), Text("repeated"), Tensor([2], [0]),
            Text("both"), Tensor([2], [1]), Text("bits"), Tensor([2], [1], storage: other))));
        AssertValues(read, "first", [1], 1.5);
        AssertValues(read, "second", [1], -2);
        AssertValues(read, "repeated", [2], 1.5, 1.5);
        AssertValues(read, "both", [2], 1.5, -2);
        AssertValues(read, "bits", [2], 0x3FC00000, unchecked((int)0xC0000000));
    }

    [Fact]
    public void A_checkpoint_gives_dotted_names_and_strings()
    {
        TensorArchive read = Read("checkpoint.pt");
        string[] net = ["fc.weight", "fc.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
            "norm.num_batches_tracked", "layers.0.weight"];
        string[] momentum = [.. Enumerable.Range(0, 5).Select(static i => $"optimizer.state.{i}.momentum_buffer")];
        Assert.Equal([.. net.Select(static name => $"state_dict.module.{name}"), .. momentum], read.Names);
        AssertValues(read, "state_dict.module.fc.weight", [2, 3], 0, 0.5, 1, 1.5, 2, 2.5);
        AssertValues(read, "state_dict.module.norm.running_mean", [2], 0, 0.25);
        AssertValues(read, "state_dict.module.norm.num_batches_tracked", [], 0);
        AssertValues(read, momentum[0], [2, 3], 1, 1, 1, 1, 1, 1);
        Assert.Equal(["weight", "bias"], read.StateDict("state_dict.module.fc.").Keys);
        foreach ((string name, string value) in ((string, string)[])
            [
                ("epoch", "3"), ("loss", "0.1"), ("arch", "net"), ("best", "None"), ("amp", "True"),
                ("big", "1180591620717411303424"), ("optimizer.param_groups.0.lr", "0.125"),
                ("optimizer.param_groups.0.params.4", "4"),
            ])
            Assert.Equal(value, read.Metadata[name]);
    }

    [Theory]
    [InlineData("values.pt")]
    [InlineData("values-1-old.pt")]
    [InlineData("values-4-old.pt")]
    [InlineData("values-5-old.pt")]
    public void Parameters_lists_storages_and_numbers_are_read_in_every_protocol(string file)
    {
        TensorArchive read = Read(file);
        Assert.Equal(["parameter", "noted", "buffers.0", "buffers.1.0", "buffers.1.1.deep", "storage"], read.Names);
        AssertValues(read, "parameter", [3], 0, 1, 2);
        AssertValues(read, "noted", [2, 2], 0, 1, 2, 3);
        AssertValues(read, "buffers.1.1.deep", [3], 0, 1, 2);
        AssertValues(read, "storage", [3], 1, 2, 3);
        Assert.Equal("I32", read.TypeOf("storage"));
        Assert.Equal(
            ["big_endian 258", "bool True", "complex 1-2j", "counter.a 2", "counter.b 1", "default.a.0 1",
                "device cuda:1", "dtype torch.float16", "float32 1.5", "float64 0.5", "frozen.0 6", "int64 -7",
                "negative -70000", "set.0 5", "shared.0.0 1", "shared.0.1 2", "shared.1.0 1", "shared.1.1 2",
                "size.0 3", "size.1 4", "text \u00fc \U0001d465"],
            read.Metadata.Select(static pair => $"{pair.Key} {pair.Value}"));
    }

    [Fact]
    public void A_tensor_alone_and_a_list_have_names()
    {
        TensorArchive tensor = Read("tensor.pt");
        Assert.Equal(["tensor"], tensor.Names);
        Assert.Equal(Ramp(6), tensor.Tensor("tensor").ToArray<float>());
        TensorArchive list = Read("list-old.pt");
        Assert.Equal(["0", "1"], list.Names);
        Assert.Equal(Ramp(3), list.Tensor("1").ToArray<float>());
    }

    [Fact]
    public void TorchScript_gives_the_names_of_its_state_dict()
    {
        TensorArchive read = Read("script.pt");
        Assert.Equal(
            ["fc.bias", "fc.weight", "layers.0.weight", "norm.bias", "norm.num_batches_tracked", "norm.running_mean",
                "norm.running_var", "norm.weight"],
            read.Names.Order(StringComparer.Ordinal));
        Assert.Equal(Ramp(6, 0.5f), read.Tensor("fc.weight").ToArray<float>());
        Assert.Equal(Ramp(4, 0.5f), read.Tensor("layers.0.weight").ToArray<float>());
        Assert.Equal("True", read.Metadata["training"]);
    }

    [Fact]
    public void Libtorchs_files_hold_tensors_by_number()
    {
        TensorArchive read = Read("libtorch.pt");
        Assert.Equal(["0"], read.Names);
        AssertValues(read, "0", [3, 2], 0, 3, 1, 4, 2, 5);
        TensorArchive half = Read("libtorch-bfloat16.pt");
        Assert.Equal("BF16", half.TypeOf("0"));
        AssertValues(half, "0", [2, 3], 0, 1, 2, 3, 4, 5);
    }

    [Theory]
    [InlineData("namespace.pt", "argparse.Namespace at \"args\". Nothing was executed.")]
    [InlineData("module.pt", "torch.nn.modules.container.Sequential at the root. Nothing was executed. If it is a " +
        "whole model, save model.state_dict() in Python. With skipUnknown: true")]
    [InlineData("quantized.pt", "torch._utils._rebuild_qtensor at \"weight\". Nothing was executed. Quantized " +
        "tensors are not read: save x.dequantize()")]
    [InlineData("sparse.pt", "torch._utils._rebuild_sparse_tensor at \"weight\"")]
    public void What_is_not_read_is_named_with_its_place(string file, string message)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Read(file));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_objects_can_be_left_out()
    {
        TensorArchive read = Read("namespace.pt", skipUnknown: true);
        Assert.Equal(["net.weight"], read.Names);
        Assert.Equal([0f, 1f], read.Tensor("net.weight").ToArray<float>());
        Assert.Equal("<argparse.Namespace>", read.Metadata["args"]);
        Assert.Equal(["bias"], Read("quantized.pt", skipUnknown: true).Names);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Read("module.pt", skipUnknown: true));
        Assert.Contains("Sequential alone", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("skipUnknown", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_archive_packed_again_with_compression_is_read()
    {
        using ZipArchive stored = ZipFile.OpenRead(PathOf("views.pt"));
        byte[] packed = Zip(CompressionLevel.Optimal, [.. stored.Entries.Select(static entry =>
        {
            var content = new MemoryStream();
            using Stream stream = entry.Open();
            stream.CopyTo(content);
            return (entry.FullName.Replace("archive/", "another name/", StringComparison.Ordinal), content.ToArray());
        })]);
        TensorArchive expected = Read("views.pt"), read = Read(packed);
        Assert.Equal(expected.Names, read.Names);
        foreach (string name in expected.Names)
            Assert.True(expected.Items[name].Content.SequenceEqual(read.Items[name].Content), name);
    }

    [Fact]
    public void A_stream_is_read_from_its_position_to_its_end()
    {
        foreach (string file in (string[])["views.pt", "views-old.pt"])
        {
            byte[] bytes = File.ReadAllBytes(PathOf(file));
            using var stream = new MemoryStream([1, 2, 3, .. bytes]) { Position = 3 };
            TensorArchive read = PyTorchFile.Read(stream);
            AssertValues(read, "column", [4], 1, 7, 13, 19);
            Assert.Equal(stream.Length, stream.Position);
        }
    }

    /// <summary>Written by hand, as torch/_utils.py and torch/serialization.py of 2.x have it.</summary>
    [Theory]
    [InlineData("torch.float8_e4m3fn", "F8_E4M3", 8, 1)]
    [InlineData("torch.float8_e5m2", "F8_E5M2", 8, 1)]
    [InlineData("torch.float8_e8m0fnu", "F8_E8M0", 8, 1)]
    [InlineData("torch.uint16", "U16", 4, 2)]
    [InlineData("torch.uint32", "U32", 2, 4)]
    [InlineData("torch.uint64", "U64", 1, 8)]
    [InlineData("torch.float32", "F32", 2, 4)]
    public void Untyped_storages_take_the_type_of_their_tensor(string dtype, string type, long count, int size)
    {
        string tensor = Call("torch._utils._rebuild_tensor_v3", Storage("0", 8, "torch.storage.UntypedStorage"),
            Number(0), Numbers(count), Numbers(1), "\x89", NewDictionary, Global(dtype));
        TensorArchive read = Read(Zip(("m/data.pkl", Bytes(Dictionary(Text("w"), tensor))),
            ("m/.format_version", "1"u8.ToArray()), ("m/.storage_alignment", "64"u8.ToArray()),
            ("m/byteorder", "little"u8.ToArray()), ("m/data/0", [0, 1, 2, 3, 4, 5, 6, 7]),
            ("m/version", "3\n"u8.ToArray()), ("m/.data/serialization_id", "0"u8.ToArray())));
        Assert.Equal(type, read.TypeOf("w"));
        Assert.Equal([count], read.DimensionsOf("w"));
        Assert.Equal(8, count * size);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], read.Items["w"].Content.ToArray());
    }

    [Fact]
    public void Big_endian_values_are_turned()
    {
        string pickle = Dictionary(
            Text("f"), Tensor([2], [1]),
            Text("c"), Tensor([1], [1], storage: Storage("1", 1, "torch.ComplexFloatStorage")),
            Text("b"), Tensor([8], [1], storage: Storage("1", 8, "torch.ByteStorage")),
            Text("t"), Tensor([2, 2], [1, 2], storage: Storage("2", 4, "torch.ShortStorage")));
        TensorArchive read = Read(Zip(("m/data.pkl", Bytes(pickle)), ("m/byteorder", "big"u8.ToArray()),
            ("m/data/0", [0x3F, 0xC0, 0, 0, 0xC0, 0, 0, 0]), ("m/data/1", [1, 2, 3, 4, 5, 6, 7, 8]),
            ("m/data/2", [0, 1, 0, 2, 0, 3, 0, 4])));
        AssertValues(read, "f", [2], 1.5, -2);
        Assert.Equal([4, 3, 2, 1, 8, 7, 6, 5], read.Bytes("c"));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], read.Bytes("b"));
        AssertValues(read, "t", [2, 2], 1, 3, 2, 4);
    }

    [Fact]
    public void Subclasses_of_tensors_are_read_if_they_are_of_PyTorch()
    {
        string data = Tuple(Storage("0", 2), Number(0), Numbers(2), Numbers(1), "\x89", NewDictionary);
        string buffer = Call("torch._tensor._rebuild_from_type_v2", Global("torch._utils._rebuild_tensor_v2"),
            Global("torch.nn.parameter.Buffer"), data, Dictionary(Text("persistent"), "\x88"));
        string other = buffer.Replace("torch.nn.parameter\nBuffer", "mine\nTensor", StringComparison.Ordinal);
        AssertValues(Read(NewFile(Dictionary(Text("b"), buffer))), "b", [2], 1.5, -2);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() =>
            Read(NewFile(Dictionary(Text("b"), other))));
        Assert.Contains("got mine.Tensor at \"b\"", error.Message, StringComparison.Ordinal);
    }

    /// <summary>PyTorch 2.x says with a tensor that its values are those of the storage with another sign.</summary>
    [Fact]
    public void A_conjugate_view_is_refused()
    {
        string conjugate = Call("torch._utils._rebuild_tensor_v2", Storage("0", 1, "torch.ComplexFloatStorage"),
            Number(0), Numbers(1), Numbers(1), "\x89", NewDictionary, Dictionary(Text("conj"), "\x88"));
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Read(NewFile(conjugate)));
        Assert.Contains("got a conjugate or negative view at byte", error.Message, StringComparison.Ordinal);
        Assert.Contains("x.resolve_conj()", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Up to 0.4 a storage could be a part of another.</summary>
    [Fact]
    public void Parts_of_storages_in_old_files_are_read()
    {
        string part = Storage("7", 3, more: Tuple(Text("8"), Number(1), Number(2)));
        byte[] storage = [3, 0, 0, 0, 0, 0, 0, 0, .. new float[] { 5, 6, 7 }.SelectMany(BitConverter.GetBytes)];
        string old = Call("torch._utils._rebuild_tensor", part, Number(0), Numbers(2), Numbers(1));
        AssertValues(Read(OldFile(old, List(Text("7")), storage)), "tensor", [2], 6, 7);
    }

    /// <summary>The text of protocol 0; protocols 1 to 5 are in files.</summary>
    [Fact]
    public void Protocol_0_is_read()
    {
        const string Pickle = "(dp0\nVa\\u0062\np1\nF0.5\nsS'it\\'s \\x41'\np2\nI01\nsI7\nL-12345678901234567890L\ns"
            + "Vlist\n(lp3\nI1\naI2\nasVnone\nNsVcopy\ng1\ns(I3\nI4\ntp4\n0";
        TensorArchive read = Read(NewFile(Pickle));
        Assert.Equal(
            ["7 -12345678901234567890", "ab 0.5", "copy ab", "it's A True", "list.0 1", "list.1 2", "none None"],
            read.Metadata.Select(static pair => $"{pair.Key} {pair.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Numbers_of_NumPy_are_numbers()
    {
        string[] codes = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"];
        byte[][] bytes =
        [
            [1], [0xFF], [0xFE, 0xFF], [0xFD, 0xFF, 0xFF, 0xFF], [.. BitConverter.GetBytes(-4L)], [0xFF], [0xFE, 0xFF],
            [.. BitConverter.GetBytes(4000000000u)], [.. BitConverter.GetBytes(ulong.MaxValue)],
            [.. BitConverter.GetBytes((Half)0.5)], [.. BitConverter.GetBytes(0.25f)], [.. BitConverter.GetBytes(0.125)],
        ];
        string[] items = [.. codes.Select((code, i) => Text(code) + Call("numpy._core.multiarray.scalar",
            Call("numpy.dtype", Text(code), "\x89", "\x88"),
            $"C{(char)bytes[i].Length}{System.Text.Encoding.Latin1.GetString(bytes[i])}"))];
        TensorArchive read = Read(NewFile(Dictionary(items)));
        Assert.Equal(
            ["True", "-1", "-2", "-3", "-4", "255", "65534", "4000000000", "18446744073709551615", "0.5", "0.25",
                "0.125"],
            codes.Select(code => read.Metadata[code]));
    }
}
