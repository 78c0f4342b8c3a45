using System.Buffers.Binary;
using System.Text;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A file as the format's description says, byte by byte.</summary>
    private static byte[] Bytes(string header, params byte[] data) => Bytes(Encoding.UTF8.GetBytes(header), data);

    private static byte[] Bytes(byte[] header, params byte[] data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        return [.. length, .. header, .. data];
    }

    private static TensorArchive Read(byte[] bytes) => SafeTensors.Read(new MemoryStream(bytes), "test");

    private static TensorArchive Mixed()
    {
        var archive = new TensorArchive();
        archive.Add(
            "a.weight", Tensor.From([1f, float.NaN, -0f, float.PositiveInfinity, float.Epsilon, 1e-45f], [2, 3]));
        archive.Add("a.counter", Tensor.From([long.MinValue], []));
        archive.Add("state", [1, 2, 3]);
        archive.Add("b", Tensor.From(Math.PI, double.NegativeInfinity));
        archive.Add("empty", Tensor.Zeros([0, 4]));
        archive.Add("ü \"quoted\"", Tensor.From(7f));
        archive.Metadata["format"] = "pt";
        return archive;
    }

    private static byte[] Written(TensorArchive archive)
    {
        using var stream = new MemoryStream();
        SafeTensors.Write(stream, archive);
        return stream.ToArray();
    }

    [Fact]
    public void Round_trips_bit_for_bit_in_order()
    {
        TensorArchive archive = Mixed();
        string path = _folder.File("x.safetensors");
        SafeTensors.Write(path, archive);
        TensorArchive read = SafeTensors.Read(path);
        Assert.Equal(archive.Names, read.Names);
        Assert.Equal("pt", read.Metadata["format"]);
        Assert.Equal(new byte[] { 1, 2, 3 }, read.Bytes("state"));
        foreach ((string name, Tensor tensor) in archive.StateDict())
        {
            Assert.Equal(tensor.Shape, read.Tensor(name).Shape);
            Assert.Equal(tensor.DType, read.Tensor(name).DType);
            Assert.True(tensor.Bytes().SequenceEqual(read.Tensor(name).Bytes()), name);
        }

        Assert.Equal(Written(archive), Written(read));
        Assert.Equal(["weight", "counter"], read.StateDict("a.").Keys);
    }

    [Fact]
    public void Every_tensor_is_aligned()
    {
        byte[] bytes = Written(Mixed());
        long header = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, header % 8);
        string text = Encoding.UTF8.GetString(bytes, 8, (int)header);
        Assert.StartsWith(
            "{\"__metadata__\":{\"format\":\"pt\"},\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,"
            + "3],\"data_offsets\":[24,48]},\"a.counter\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}",
            text, StringComparison.Ordinal);
        Assert.Equal(long.MinValue, BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8 + (int)header)));
        Assert.Equal([1, 2, 3], bytes[^3..]);
    }

    [Fact]
    public void Reads_a_file_written_by_hand()
    {
        TensorArchive read = Read(Bytes(
            "{\"__metadata__\":{\"format\":\"pt\"},\"bn.weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,"
            + "16]},\"bn.num_batches_tracked\":{\"data_offsets\":[0,8],\"shape\":[],\"dtype\":\"I64\"}}   ",
            5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0));
        Assert.Equal([1f, -2f], read.Tensor("bn.weight").ToArray<float>());
        Assert.Equal(5, read.Tensor("bn.num_batches_tracked").Item());
        Assert.Equal(0, read.Tensor("bn.num_batches_tracked").Shape.Rank);
    }

    [Fact]
    public void Half_precision_becomes_single_without_loss()
    {
        TensorArchive read = Read(Bytes(
            "{\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"BF16\","
            + "\"shape\":[1],\"data_offsets\":[4,6]}}",
            0x00, 0x3E, 0x01, 0x00, 0xC0, 0xBF));
        Assert.Equal([1.5f, 5.9604645e-8f], read.Tensor("h").ToArray<float>());
        Assert.Equal([-1.5f], read.Tensor("b").ToArray<float>());
    }

    [Fact]
    public void An_empty_file_is_fine()
    {
        Assert.Empty(Read(Bytes("{}")).Names);
        Assert.Empty(Read(Written(new TensorArchive())).Names);
    }

    public static TheoryData<string, string, byte[]> BadFiles => new()
    {
        { "no length", "at least 8 bytes", [1, 2, 3] },
        { "nothing", "at least 8 bytes", [] },
        { "short header",
            "expected a header of 100 bytes, got 2 bytes", [100, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}'] },
        { "huge header", "at most 100000000 bytes", [0, 0, 0, 0, 0, 0, 0, 0x80] },
        { "no header", "begins with '{'", Bytes("") },
        { "an array", "begins with '{'", Bytes("[]") },
        { "no JSON", "header in JSON", Bytes("{\"a\":") },
        { "no UTF-8",
            "header in UTF-8", Bytes([(byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}']) },
        { "broken escape", "header in JSON", Bytes("{\"\\ud800\":{}}") },
        { "broken escape inside", "expected ", Bytes("{\"a\":{\"\\ud800\":1}}") },
        { "twice",
            "\"a\" twice", Bytes(Entry("a", "F32", "[1]", "[0,4]") + "," + Entry("a", "F32", "[1]", "[4,8]"), 8) },
        { "metadata", "object of strings", Bytes("{\"__metadata__\":3}") },
        { "metadata value", "expected strings", Bytes("{\"__metadata__\":{\"a\":3}}") },
        { "metadata twice", "\"a\" twice", Bytes("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}") },
        { "no dtype", "dtype, shape and two data_offsets", Bytes("{\"a\":{\"shape\":[],\"data_offsets\":[0,0]}}") },
        { "three offsets", "dtype, shape and two data_offsets", Bytes(Entry("a", "F32", "[0]", "[0,0,0]"), 0) },
        { "size of BOOL", "expected 2 bytes for \"a\" of type BOOL and shape [2], got 4",
            Bytes(Entry("a", "BOOL", "[2]", "[0,4]"), 4) },
        { "size of F4", "expected 2 bytes for \"a\" of type F4 and shape [3], got 3",
            Bytes(Entry("a", "F4", "[3]", "[0,3]"), 3) },
        { "overflow of a block", "at most 2147483647 elements",
            Bytes(Entry("a", "I8", "[4294967296,4294967296]", "[0,4]"), 4) },
        { "negative", "dimensions of 0 or more", Bytes(Entry("a", "F32", "[-1]", "[0,4]"), 4) },
        { "fraction", "dimensions of 0 or more", Bytes(Entry("a", "F32", "[1.5]", "[0,4]"), 4) },
        { "overflow", "at most 2147483647 elements", Bytes(Entry("a", "F32", "[4294967296,4294967296]", "[0,4]"), 4) },
        { "overflow 2", "at most 2147483647 elements", Bytes(Entry("a", "F32", "[65536,65536]", "[0,4]"), 4) },
        { "offsets", "0 <= begin <= end", Bytes(Entry("a", "F32", "[1]", "[4,0]"), 4) },
        { "negative offsets", "0 <= begin <= end", Bytes(Entry("a", "F32", "[1]", "[-4,0]"), 4) },
        { "large offsets", "0 <= begin <= end", Bytes(Entry("a", "F32", "[1]", "[0,99999999999999999999]"), 4) },
        { "truncated data", "expected 400 bytes of data or more", Bytes(Entry("a", "F32", "[100]", "[0,400]"), 399) },
        { "size", "expected 8 bytes for \"a\" of type F32 and shape [2], got 4",
            Bytes(Entry("a", "F32", "[2]", "[0,4]"), 4) },
        { "overlap", "the data overlap",
            Bytes(Entry("a", "F32", "[2]", "[0,8]") + "," + Entry("b", "F32", "[2]", "[4,12]"), 12) },
        { "hole", "the data have a hole",
            Bytes(Entry("a", "F32", "[1]", "[0,4]") + "," + Entry("b", "F32", "[1]", "[8,12]"), 12) },
        { "rest", "after the last tensor", Bytes(Entry("a", "F32", "[1]", "[0,4]"), 5) },
    };

    private static string Entry(string name, string type, string shape, string offsets) =>
        $"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":{shape},\"data_offsets\":{offsets}}}";

    private static byte[] Bytes(string entries, int data) => Bytes("{" + entries + "}", new byte[data]);

    [Theory]
    [MemberData(nameof(BadFiles), DisableDiscoveryEnumeration = true)]
    public void Bad_files_are_refused_in_words(string what, string message, byte[] bytes)
    {
        var exception = Assert.Throws<InvalidDataException>(() => Read(bytes));
        Assert.StartsWith("SafeTensors \"test\": expected ", exception.Message, StringComparison.Ordinal);
        Assert.True(exception.Message.Contains(message, StringComparison.Ordinal), $"{what}: {exception.Message}");
    }

    [Theory]
    [InlineData("F4", "[8]")]
    [InlineData("F32", "[1,1,1,1,1,1,1]")]
    [InlineData("I16", "[1,1,1,1,1,1,2]")]
    [InlineData("F99_OF_LATER", "[7]")]
    public void A_tensor_that_no_tensor_holds_leaves_the_others_readable_and_is_named_when_it_is_asked_for(string type,
        string shape)
    {
        byte[] bytes = Bytes("{" + Entry("a", "F32", "[2]", "[0,8]") + "," + Entry("mask", type, shape, "[8,12]") + "}",
            0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 1, 2, 3, 4);
        TensorArchive read = Read(bytes);
        Assert.Equal([1f, 2f], read.Tensor("a").ToArray<float>());
        string message = Assert.Throws<InvalidDataException>(() => read.Tensor("mask")).Message;
        Assert.Contains("\"test\"", message, StringComparison.Ordinal);
        Assert.Contains($"\"mask\"", message, StringComparison.Ordinal);
        Assert.Contains($"got bytes: {type} of shape ({shape[1..^1].Replace(",", ", ", StringComparison.Ordinal)})",
            message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3, 4], read.Bytes("mask"));
        Assert.Equal(type, read.TypeOf("mask"));
        Assert.Equal(["a"], read.StateDict().Keys);

        // What is not understood is written again as it was.
        TensorArchive again = Read(Written(read));
        Assert.Equal((type, shape), (again.TypeOf("mask"), $"[{string.Join(',', again.DimensionsOf("mask"))}]"));
        Assert.Equal([1, 2, 3, 4], again.Bytes("mask"));
        Assert.Equal([1f, 2f], again.Tensor("a").ToArray<float>());
    }

    [Fact]
    public void Bytes_of_two_dimensions_come_back_as_they_were()
    {
        byte[] bytes = Bytes("{\"m\":{\"dtype\":\"U8\",\"shape\":[2,3],\"data_offsets\":[0,6]}}" + "  ", 1, 2, 3, 4, 5,
            6);
        TensorArchive read = Read(bytes);
        Assert.Equal([2L, 3L], read.DimensionsOf("m"));
        Assert.Contains("\"shape\":[2,3]", Encoding.UTF8.GetString(Written(read)), StringComparison.Ordinal);
        Assert.Equal([1, 2, 3, 4, 5, 6], Read(Written(read)).Bytes("m"));
    }

    [Theory]
    [InlineData("F32", "[536870912]", 1L << 31)]
    [InlineData("F64", "[268435456]", 1L << 31)]
    [InlineData("U8", "[2147483648]", 1L << 31)]
    [InlineData("F16", "[1073741824]", 1L << 31)]
    public void A_tensor_beyond_the_memory_of_one_array_is_refused_by_its_files_name(string type, string shape,
        long bytes)
    {
        string path = _folder.File("large.safetensors");
        byte[] start = Bytes("{" + Entry("embedding", type, shape, $"[0,{bytes}]") + "}");
        using (FileStream stream = File.Create(path))
        {
            stream.Write(start);
            stream.SetLength(start.Length + bytes);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<InvalidDataException>(() => SafeTensors.Read(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("\"embedding\"", message, StringComparison.Ordinal);
        Assert.Contains("Split the tensor", message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        byte[] bytes = Written(Mixed());
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => Read(bytes[..length]));
    }

    [Fact]
    public void No_changed_byte_breaks_the_reader()
    {
        byte[] bytes = Written(Mixed());
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        for (int i = 0; i < 8 + header; i++)
        {
            foreach (byte value in new byte[] { 0, (byte)'9', (byte)'"', 0xFF, (byte)(bytes[i] ^ 1) })
            {
                byte[] changed = [.. bytes];
                changed[i] = value;
                try
                {
                    Read(changed);
                }
                catch (InvalidDataException)
                {
                    // Refused in words: fine. So is a change that leaves the file valid (a letter of a name).
                }
            }
        }
    }

    [Fact]
    public void Archives_check_names()
    {
        var archive = Mixed();
        Assert.Throws<ArgumentException>(() => archive.Add("b", Tensor.Scalar(1)));
        Assert.Throws<ArgumentException>(() => archive.Add("__metadata__", Tensor.Scalar(1)));
        Assert.Contains("got a tensor",
            Assert.Throws<InvalidDataException>(() => archive.Bytes("b")).Message, StringComparison.Ordinal);
        Assert.Contains("an entry \"c\" among 6",
            Assert.Throws<InvalidDataException>(() => archive.Bytes("c")).Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => SafeTensors.Read(_folder.File("nothing")));
    }

    [Fact]
    public void A_stream_that_fails_half_way_leaves_the_old_file()
    {
        string path = _folder.File("x.safetensors");
        SafeTensors.Write(path, Mixed());
        byte[] before = File.ReadAllBytes(path);
        var broken = new TensorArchive();
        broken.Add("weight", Tensor.Ones([100_000]));
        Assert.Throws<IOException>(
            () => AtomicFile.Write(path, stream => SafeTensors.Write(new Limited(stream, 1000), broken)));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal(["x.safetensors"], _folder.Names);
    }

    /// <summary>A disk of a few bytes.</summary>
    private sealed class Limited(Stream inner, long capacity) : MemoryStream
    {
        private long _left = capacity;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _left -= buffer.Length;
            if (_left < 0) throw new IOException("No space left on device");
            inner.Write(buffer);
        }
    }
}
