using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>
/// What is written comes back, and archives made to do harm are refused. NumPy's own are in NumpyFilesTests.
/// </summary>
public sealed class NpzTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static TensorArchive Read(byte[] bytes, long? maxBytes = null) =>
        Npz.Read(new MemoryStream(bytes), "test", maxBytes);

    private static string Refusal(byte[] bytes, long? maxBytes = null)
    {
        string message = Assert.Throws<InvalidDataException>(() => Read(bytes, maxBytes)).Message;
        Assert.StartsWith("Npz \"test\"", message, StringComparison.Ordinal);
        Assert.Contains("expected ", message, StringComparison.Ordinal);
        return message;
    }

    private static byte[] Written(TensorArchive archive, bool compress = false)
    {
        using var stream = new MemoryStream();
        Npz.Write(stream, archive, compress);
        return stream.ToArray();
    }

    private static byte[] Array(Tensor tensor)
    {
        using var stream = new MemoryStream();
        Npy.Write(stream, tensor);
        return stream.ToArray();
    }

    /// <summary>A zip archive of files, compressed.</summary>
    private static byte[] Zip(params (string Name, byte[] Content)[] files) =>
        Zip(CompressionLevel.Optimal, files);

    private static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in files)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    private static TensorArchive Mixed()
    {
        var archive = new TensorArchive();
        archive.Add("a.weight", Tensor.From([1f, float.NaN, -0f, float.PositiveInfinity, float.Epsilon, 1e-45f],
            [2, 3]));
        archive.Add("a.counter", Tensor.From([long.MinValue], []));
        archive.Add("ü/w", Tensor.From(Math.PI, double.NegativeInfinity));
        archive.Add("empty", Tensor.Zeros([0, 4]));
        (string, int)[] types = [("F16", 2), ("BOOL", 1), ("I8", 1), ("U8", 1), ("I16", 2), ("U16", 2), ("I32", 4),
            ("U32", 4), ("U64", 8), ("C64", 8), ("C128", 16)];
        foreach ((string type, int size) in types)
        {
            archive.Add(type, [.. Enumerable.Range(0, 6 * size).Select(static i => (byte)(i * 37))], type,
                [1, 2, 1, 3, 1, 1, 1]);
        }

        return archive;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Round_trips_bit_for_bit_in_order_and_type(bool compress)
    {
        TensorArchive archive = Mixed();
        archive.Metadata["format"] = "pt";
        string path = _folder.File("x.npz");
        Npz.Write(path, archive, compress);
        TensorArchive read = Npz.Read(path);
        Assert.Equal(archive.Names, read.Names);
        Assert.Empty(read.Metadata);
        foreach (string name in archive.Names)
        {
            Assert.Equal((archive.TypeOf(name), string.Join(',', archive.DimensionsOf(name))),
                (read.TypeOf(name), string.Join(',', read.DimensionsOf(name))));
            Assert.True(archive.Items[name].Content.SequenceEqual(read.Items[name].Content), name);
        }

        Assert.Equal(Written(archive, compress), Written(read, compress));
        Assert.Equal(["x.npz"], _folder.Names);
    }

    [Fact]
    public void Compression_makes_zeros_small_and_is_off_by_default()
    {
        var archive = new TensorArchive();
        archive.Add("zeros", Tensor.Zeros([100_000]));
        Assert.InRange(Written(archive).Length, 400_000, 401_000);
        Assert.InRange(Written(archive, compress: true).Length, 100, 2_000);
        Assert.All(Read(Written(archive, compress: true)).Tensor("zeros").ToArray<float>(),
            static value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData("BF16", 2)]
    [InlineData("F8_E4M3", 1)]
    [InlineData("F99_OF_LATER", 1)]
    public void A_type_that_NumPy_lacks_is_refused_before_anything_is_written(string type, int size)
    {
        var archive = new TensorArchive();
        archive.Add("w", new byte[size], type, [1]);
        string message = Assert.Throws<ArgumentException>(() => Npz.Write(_folder.File("x.npz"), archive)).Message;
        Assert.StartsWith($"Npz: expected types that NumPy has (F16, F32, ", message, StringComparison.Ordinal);
        Assert.Contains($"got {type} for \"w\"", message, StringComparison.Ordinal);
        Assert.Contains("--dtype F32", message, StringComparison.Ordinal);
        Assert.Empty(_folder.Names);
    }

    [Theory]
    [InlineData("../w", "leads out of a folder")]
    [InlineData("a/../../w", "leads out of a folder")]
    [InlineData("..\\w", "leads out of a folder")]
    [InlineData("/etc/w", "is a path from a root")]
    [InlineData("\\w", "is a path from a root")]
    [InlineData("__metadata__", "safetensors keeps for strings")]
    public void Names_that_lead_elsewhere_are_neither_read_nor_written(string name, string message)
    {
        Assert.Contains(message, Refusal(Zip((name + ".npy", Array(Tensor.Ones([2]))))), StringComparison.Ordinal);
        if (name == "__metadata__") return;
        var archive = new TensorArchive();
        archive.Add(name, Tensor.Ones([2]));
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Written(archive)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Names_with_dots_and_slashes_are_names()
    {
        var archive = new TensorArchive();
        foreach (string name in new[] { "a..b", "dense/kernel:0", "x.npy", "...", "" })
            archive.Add(name, Tensor.Ones([2]));
        Assert.Equal(archive.Names, Read(Written(archive)).Names);
    }

    [Fact]
    public void An_array_that_stands_twice_is_refused() => Assert.Contains("expected each array once, got \"a\" twice",
        Refusal(Zip(("a.npy", Array(Tensor.Ones([2]))), ("a.npy", Array(Tensor.Ones([3]))))),
        StringComparison.Ordinal);

    [Fact]
    public void Folders_are_passed_over() => Assert.Equal(["f/a"],
        Read(Zip(("f/", []), ("f/a.npy", Array(Tensor.Ones([2]))))).Names);

    [Theory]
    [InlineData(".npy", "expected an npy file (it begins with the bytes 93 'NUMPY'), got another one")]
    [InlineData(".txt", "expected an npz file")]
    public void Other_content_is_refused(string suffix, string message) => Assert.Contains(message,
        Refusal(Zip(("a" + suffix, Encoding.ASCII.GetBytes("no array")))), StringComparison.Ordinal);

    [Fact]
    public void An_encrypted_archive_is_refused()
    {
        byte[] bytes = Zip(("a.npy", Array(Tensor.Ones([2]))));
        bytes[6] |= 1;
        bytes[Directory(bytes) + 8] |= 1;
        Assert.Contains("expected plain values, got encrypted ones", Refusal(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_method_of_packing_that_is_not_known_is_refused()
    {
        byte[] bytes = Zip(("a.npy", Array(Tensor.Ones([2]))));
        // 12 is bzip2.
        bytes[8] = 12;
        bytes[Directory(bytes) + 10] = 12;
        Assert.Contains("a method that .NET does not have", Refusal(bytes), StringComparison.Ordinal);
    }

    /// <summary>The place of the first entry in the list at the end.</summary>
    private static int Directory(byte[] zip) => zip.AsSpan().IndexOf("PK\x01\x02"u8);

    private static void Set32(byte[] bytes, int at, long value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), (uint)value);

    [Fact]
    public void A_bomb_takes_no_memory_and_its_refusal_names_the_limit()
    {
        byte[] bomb = Bomb(300 << 20);
        Assert.InRange(bomb.Length, 0, 400_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Refusal(bomb);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains("expected a content of at most 268435456 bytes, got more with the array \"zeros\" (314572928 "
            + "bytes after 0)", message, StringComparison.Ordinal);
        Assert.EndsWith("If you trust it, read it with Npz.Read and a larger maxBytes.", message,
            StringComparison.Ordinal);
        Assert.Equal(300 << 20, Read(bomb, maxBytes: 301 << 20).Bytes("zeros").Length);
        Assert.Contains("at most 1000 bytes", Refusal(bomb, maxBytes: 1000), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Read(bomb, maxBytes: -1));
    }

    [Fact]
    public void Many_arrays_together_are_held_to_the_limit()
    {
        byte[] array = Array(Tensor.Zeros([1 << 18]));
        byte[] bytes = Zip([.. Enumerable.Range(0, 300).Select(i => ($"{i}.npy", array))]);
        Assert.Contains("the array \"255\"", Refusal(bytes), StringComparison.Ordinal);
    }

    /// <summary>An array of zeros of type U8, packed.</summary>
    private static byte[] Bomb(int count)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream entry = zip.CreateEntry("zeros.npy", CompressionLevel.Optimal).Open();
            entry.Write(NpyLayout.Start("|u1", [count]));
            byte[] zeros = new byte[1 << 20];
            for (int left = count; left > 0; left -= zeros.Length)
                entry.Write(zeros.AsSpan(0, Math.Min(left, zeros.Length)));
        }

        return stream.ToArray();
    }

    [Fact]
    public void An_array_that_claims_more_than_is_packed_takes_no_memory()
    {
        // The header and the list say 200 MB; the packed bytes are those of the header alone.
        const int Claim = 200 << 20;
        byte[] start = NpyLayout.Start("<f4", [Claim / 4]);
        byte[] bytes = Zip(("a.npy", start));
        Set32(bytes, 22, Claim + start.Length);
        Set32(bytes, Directory(bytes) + 24, Claim + start.Length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Refusal(bytes);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains($"array \"a\": expected {Claim + start.Length} bytes, got {start.Length}", message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, "expected 12 bytes of data for F32 of shape (3), got 11")]
    [InlineData(1, "There is something after the data")]
    public void Sizes_of_the_archive_and_the_array_must_agree(int more, string message)
    {
        byte[] array = Array(Tensor.Ones([3]));
        System.Array.Resize(ref array, array.Length + more);
        foreach (CompressionLevel level in new[] { CompressionLevel.NoCompression, CompressionLevel.Optimal })
            Assert.Contains(message, Refusal(Zip(level, ("a.npy", array))), StringComparison.Ordinal);
    }

    [Fact]
    public void Offsets_and_sizes_past_the_end_are_refused()
    {
        foreach (int field in new[] { 20, 24, 42 })
        {
            foreach (uint value in new[] { 100_000u, 0x7FFFFFFFu, 0xFFFFFFFEu, 0xFFFFFFFFu })
            {
                byte[] bytes = Zip(CompressionLevel.NoCompression, ("a.npy", Array(Tensor.Ones([3]))));
                Set32(bytes, Directory(bytes) + field, value);
                Refusal(bytes);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flipped_bit_in_the_values_is_noticed(bool compress)
    {
        var archive = new TensorArchive();
        archive.Add("w", Tensor.RandomNormal([8, 8], new Philox(1)));
        byte[] bytes = Written(archive, compress);
        int begin = 30 + "w.npy".Length, end = Directory(bytes), noticed = 0;
        for (int bit = 8 * begin; bit < 8 * end; bit++)
        {
            byte[] changed = [.. bytes];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                Assert.Equal(archive.Tensor("w").ToArray<float>(), Read(changed).Tensor("w").ToArray<float>());
            }
            catch (InvalidDataException)
            {
                noticed++;
            }
        }

        // Packed values have a few bits that mean nothing, as codes that do not come.
        int bits = 8 * (end - begin);
        Assert.InRange(noticed, compress ? bits * 99 / 100 : bits, bits);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        byte[] bytes = Written(Mixed(), compress: true);
        for (int length = 0; length < bytes.Length; length++) Refusal(bytes[..length]);
    }

    [Fact]
    public void The_checksum_is_that_of_zip_archives()
    {
        // The check value of the catalogue of CRC algorithms, and lengths around the step of eight bytes.
        Assert.Equal(0xCBF43926, Crc32.Append(0, "123456789"u8));
        byte[] bytes = [.. Enumerable.Range(0, 100).Select(static i => (byte)(i * 7))];
        for (int split = 0; split <= bytes.Length; split++)
        {
            Assert.Equal(Crc32.Append(0, bytes),
                Crc32.Append(Crc32.Append(0, bytes.AsSpan(0, split)), bytes.AsSpan(split)));
        }
    }

    [Fact]
    public void A_stream_must_seek() => Assert.Contains("Copy it into a MemoryStream", Assert.Throws<ArgumentException>(
        static () => Npz.Read(new GZipStream(new MemoryStream(), CompressionMode.Decompress))).Message,
        StringComparison.Ordinal);
}
