using System.Buffers.Binary;
using System.Text;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Evenkeel.Tests.Data;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>
/// Files that TorchSharp 0.107 wrote (tests/Evenkeel.Interop.Tests, <c>generate</c>) are read and written again byte
/// for byte; files made to do harm are refused. That TorchSharp loads ours, the interop tests show.
/// </summary>
public sealed class TorchSharpFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Stream Open(string name) => GoldenFiles.Open("files/torchsharp/" + name);

    private static byte[] Bytes(string name)
    {
        using var stream = new MemoryStream();
        Open(name).CopyTo(stream);
        return stream.ToArray();
    }

    private static TensorArchive Read(params byte[] bytes) => TorchSharpFile.Read(new MemoryStream(bytes), "test");

    private static byte[] Written(TensorArchive archive)
    {
        using var stream = new MemoryStream();
        TorchSharpFile.Write(stream, archive);
        return stream.ToArray();
    }

    private static bool LooksLike(byte[] bytes) => TorchSharpFile.LooksLike(new MemoryStream(bytes));

    [Theory]
    [InlineData("U8", 'u')]
    [InlineData("I8", 'f')]
    [InlineData("I16", 'f')]
    [InlineData("I32", 'f')]
    [InlineData("I64", 'f')]
    [InlineData("F16", 'f')]
    [InlineData("BF16", 'f')]
    [InlineData("F32", 'f')]
    [InlineData("F64", 'f')]
    [InlineData("BOOL", 'b')]
    public void All_types_of_TorchSharp_are_read(string type, char kind)
    {
        TensorArchive archive = TorchSharpFile.Read(Open("types.dat"));
        Assert.Equal(15, archive.Names.Count);
        Assert.Equal(type, archive.TypeOf(type));
        Tensor tensor = archive.Tensor(type);
        Assert.Equal<Shape>([2, 3, 2], tensor.Shape);
        Assert.Equal(Enumerable.Range(0, 12).Select(i => kind == 'u' ? i : kind == 'b' ? i % 2 : (double)i - 3),
            tensor.To(DType.Float64).ToArray<double>());
    }

    [Fact]
    public void Complex_numbers_scalars_empty_tensors_and_long_names_are_read()
    {
        TensorArchive archive = TorchSharpFile.Read(Open("types.dat"));
        double[] expected = [.. Enumerable.Range(0, 12).SelectMany(static i => new[] { i - 3, 0.5 * i })];
        Assert.Equal(expected, Enumerable.Range(0, 24).Select(i =>
            (double)BinaryPrimitives.ReadSingleLittleEndian(archive.Bytes("C64").AsSpan(4 * i))));
        Assert.Equal(expected, Enumerable.Range(0, 24).Select(i =>
            BinaryPrimitives.ReadDoubleLittleEndian(archive.Bytes("C128").AsSpan(8 * i))));
        Assert.Equal<Shape>([], archive.Tensor("scalar").Shape);
        Assert.Equal(2.5, archive.Tensor("scalar").Item());
        Assert.Equal<Shape>([0, 4], archive.Tensor("empty").Shape);
        Assert.Equal([1L, 1, 1, 1, 1, 1, 1], archive.DimensionsOf("größe." + new string('x', 200)));
    }

    [Theory]
    [InlineData("types.dat")]
    [InlineData("net.dat")]
    public void What_is_read_is_written_byte_for_byte(string name)
    {
        string path = _folder.File(name);
        TorchSharpFile.Write(path, TorchSharpFile.Read(Open(name)));
        Assert.Equal(Bytes(name), File.ReadAllBytes(path));
        Assert.Equal([name], _folder.Names);
        Assert.Equal(Bytes(name), Written(TorchSharpFile.Read(path)));
    }

    [Fact]
    public void A_network_takes_the_weights_and_statistics_of_TorchSharp()
    {
        var model = new Sequential(new Linear(2, 3), new BatchNorm1d(3));
        model.LoadStateDict(TorchSharpFile.Read(Open("net.dat")).StateDict());
        StateDict state = model.StateDict();
        Assert.Equal([0.75f, 0.5f, 0.25f, 0, 0.25f, 0.5f], state["0.weight"].ToArray<float>());
        Assert.Equal([0.75f, 0.5f, 0.25f], state["1.running_var"].ToArray<float>());
        var archive = new TensorArchive();
        archive.Add("", state);
        Assert.Equal(Bytes("net.dat"), Written(archive));
    }

    [Theory]
    [InlineData("types.dat")]
    [InlineData("net.dat")]
    public void The_structure_tells_such_a_file_and_the_position_stays(string name)
    {
        byte[] bytes = Bytes(name);
        Assert.True(LooksLike(bytes));
        for (int length = 0; length < bytes.Length; length++) Assert.False(LooksLike(bytes[..length]));
        Assert.False(LooksLike([.. bytes, 0]));
        using var stream = new MemoryStream([9, 9, .. bytes]) { Position = 2 };
        Assert.True(TorchSharpFile.LooksLike(stream));
        Assert.Equal(2, stream.Position);
    }

    [Fact]
    public void Many_tensors_are_told_by_the_first_of_them()
    {
        var archive = new TensorArchive();
        for (int i = 0; i < 300; i++) archive.Add($"layer{i}.weight", Tensor.Ones([i]));
        byte[] bytes = Written(archive);
        Assert.True(LooksLike(bytes));
        Assert.Equal(archive.Names, Read(bytes).Names);
    }

    [Fact]
    public void Files_of_other_kinds_do_not_look_like_one()
    {
        foreach ((string format, byte[] bytes) in FileFormatTests.Foreign) Assert.False(LooksLike(bytes), format);
        string[] texts = ["\n", "a,b\n1,2\n", "\u0001a\n\n", "{}", "Hello, world", "\t\n\t\n\t\n",
            string.Concat(Enumerable.Repeat("\n", 1000)), string.Concat(Enumerable.Repeat("\n\n1\n", 1000))];
        foreach (string text in texts) Assert.False(LooksLike(Encoding.UTF8.GetBytes(text)), text);
        var random = new System.Random(1);
        for (int run = 0; run < 20_000; run++)
        {
            byte[] noise = new byte[random.Next(1, 200)];
            random.NextBytes(noise);
            Assert.False(LooksLike(noise), Convert.ToHexString(noise));
        }
    }

    [Theory]
    [InlineData("U16", 2)]
    [InlineData("F8_E4M3", 1)]
    public void A_type_that_TorchSharp_lacks_is_refused_before_anything_is_written(string type, int size)
    {
        var archive = new TensorArchive();
        archive.Add("w", new byte[size], type, [1]);
        string message = Assert.Throws<ArgumentException>(
            () => TorchSharpFile.Write(_folder.File("x.dat"), archive)).Message;
        Assert.StartsWith("TorchSharpFile: expected types that TorchSharp has (U8, I8,", message,
            StringComparison.Ordinal);
        Assert.Contains($"got {type} for \"w\"", message, StringComparison.Ordinal);
        Assert.Empty(_folder.Names);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\nb")]
    public void A_name_that_is_no_line_of_text_is_not_written(string name)
    {
        var archive = new TensorArchive();
        archive.Add(name, Tensor.Ones([1]));
        Assert.Contains("Choose another one", Assert.Throws<ArgumentException>(() => Written(archive)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_archive_without_tensors_comes_back() => Assert.Empty(Read(Written(new TensorArchive())).Names);

    /// <summary>The head of a tensor named w.</summary>
    private static byte[] Head(byte type, params byte[] sizes) => [1, (byte)'w', type, (byte)sizes.Length, .. sizes];

    private static readonly byte[] s_large = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];

    public static TheoryData<string, byte[]> BadFiles => new()
    {
        { "expected a file of weights of TorchSharp", [] },
        { "expected a file of weights of TorchSharp", [1] },
        { "expected a file of weights of TorchSharp", [0, 0] },
        { "expected a file of weights of TorchSharp", "PK"u8.ToArray() },
        { "expected a file of weights of TorchSharp", [1, 0, 6, 0, 0, 0, 0, 0] },
        { "expected 8 bytes for \"w\" of type F32 and shape (2), got 7. The file is truncated",
            [1, .. Head(6, 2), 0, 0, 0, 0, 0, 0, 0] },
        { "the end of the file after 1 tensors, got 1 bytes more", [1, .. Head(6), 0, 0, 0, 0, 0] },
        { "expected each tensor once, got \"w\" twice", [2, .. Head(0), 1, .. Head(0), 1] },
        { "which safetensors keeps for strings", [1, 12, .. "__metadata__"u8, 0, 0, 1] },
        { "expected the length of a name, got the end of the file", [2, .. Head(0), 1] },
        { "expected a name of at most 1 bytes, got 5", [2, .. Head(0), 1, 5, (byte)'a'] },
        { "expected a name in UTF-8", [2, .. Head(0), 1, 1, 0xFF, 0, 0, 1] },
        { "got quantized numbers. Save the network before it is quantized", [2, .. Head(0), 1, 1, (byte)'q', 12, 0] },
        { "got the type 16", [2, .. Head(0), 1, 1, (byte)'q', 16, 0] },
        { "got the type 9223372036854775807", [2, .. Head(0), 1, 1, (byte)'q', .. s_large, 0] },
        { "expected at most 24 dimensions for \"q\", got 9223372036854775807",
            [2, .. Head(0), 1, 1, (byte)'q', 0, .. s_large] },
        { "expected the sizes of \"q\" in at most nine bytes, got more",
            [2, .. Head(0), 1, 1, (byte)'q', 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1] },
        { "expected 9223372036854775807 bytes for \"w\" of type I8 and shape (9223372036854775807)",
            [1, 1, (byte)'w', 1, 1, .. s_large] },
        { "expected 9223372036854775807 bytes for \"w\" of type F64", [1, 1, (byte)'w', 7, 2, .. s_large, .. s_large] },
        { "expected the length of a name, got the end of the file", [.. s_large, .. Head(0), 1] },
    };

    [Theory]
    [MemberData(nameof(BadFiles), DisableDiscoveryEnumeration = true)]
    public void Bad_files_are_refused_in_words(string message, byte[] bytes)
    {
        string said = Assert.Throws<InvalidDataException>(() => Read(bytes)).Message;
        Assert.StartsWith("TorchSharpFile \"test\": expected ", said, StringComparison.Ordinal);
        Assert.Contains(message, said, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        byte[] bytes = Bytes("types.dat");
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => Read(bytes[..length]));
    }

    [Fact]
    public void A_tensor_beyond_the_memory_of_one_array_is_refused_by_its_files_name()
    {
        string path = _folder.File("large.dat");
        byte[] start = [1, 9, .. "embedding"u8, 6, 1, 0x80, 0x80, 0x80, 0x80, 0x02];
        using (FileStream stream = File.Create(path))
        {
            stream.Write(start);
            stream.SetLength(start.Length + (1L << 31));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<InvalidDataException>(() => TorchSharpFile.Read(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("got 2147483648 for \"embedding\". Split the tensor", message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }
}
