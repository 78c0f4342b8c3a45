using System.Buffers.Binary;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>Types of numbers in files: what they widen to, and how floating-point numbers are narrowed.</summary>
public sealed class StoredTypesTests : IDisposable
{
    // Half the distance of two numbers of 8 bits of precision at 1, and something far below it.
    private const double Half8 = 1 / 256.0, Tiny = 1 / 1099511627776.0;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Tensor Widened(string type, byte[] bytes, int count)
    {
        var archive = new TensorArchive();
        archive.Add("x", bytes, type, [count]);
        Assert.Equal(type, archive.TypeOf("x"));
        return archive.Tensor("x");
    }

    [Theory]
    [InlineData("BOOL", new byte[] { 0, 1, 7 }, new long[] { 0, 1, 1 })]
    [InlineData("U8", new byte[] { 0, 255 }, new long[] { 0, 255 })]
    [InlineData("I8", new byte[] { 0x80, 0x7F }, new long[] { -128, 127 })]
    [InlineData("U16", new byte[] { 0xFF, 0xFF, 1, 0 }, new long[] { 65535, 1 })]
    [InlineData("I16", new byte[] { 0, 0x80, 1, 0 }, new long[] { -32768, 1 })]
    [InlineData("U32", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }, new long[] { 4294967295 })]
    [InlineData("I32", new byte[] { 0, 0, 0, 0x80 }, new long[] { -2147483648 })]
    [InlineData("U64", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F }, new[] { long.MaxValue })]
    public void Integers_become_Int64(string type, byte[] bytes, long[] expected) =>
        Assert.Equal(expected, Widened(type, bytes, expected.Length).ToArray<long>());

    [Fact]
    public void An_integer_that_Int64_does_not_hold_stays_bytes()
    {
        var archive = new TensorArchive();
        archive.Add("x", [0, 0, 0, 0, 0, 0, 0, 0x80], "U64", [1]);
        Assert.Contains("U64 of shape (1)",
            Assert.Throws<InvalidDataException>(() => archive.Tensor("x")).Message, StringComparison.Ordinal);
        Assert.Empty(archive.StateDict().Keys);
        Assert.Equal(8, archive.Bytes("x").Length);
    }

    /// <summary>Every pattern of 8 bits, by the definition of the type: a sign, an exponent and a fraction.</summary>
    [Theory]
    [InlineData("F8_E4M3", 4, 3, 7)]
    [InlineData("F8_E5M2", 5, 2, 15)]
    public void Floating_point_numbers_of_8_bits_are_read_without_loss(string type, int exponentBits, int fractionBits,
        int bias)
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(static i => (byte)i)];
        float[] values = Widened(type, all, 256).ToArray<float>();
        for (int i = 0; i < 256; i++)
        {
            int exponent = (i >> fractionBits) & ((1 << exponentBits) - 1), fraction = i & ((1 << fractionBits) - 1);
            double size = exponent == 0
                ? Math.ScaleB(fraction, 1 - bias - fractionBits)
                : Math.ScaleB((1 << fractionBits) + fraction, exponent - bias - fractionBits);
            // E5M2 has the infinities and NaNs of IEEE 754; E4M3 has one NaN and no infinity.
            if (type == "F8_E5M2" && exponent == 31) size = fraction == 0 ? double.PositiveInfinity : double.NaN;
            if (type == "F8_E4M3" && (i & 127) == 127) size = double.NaN;
            Assert.Equal((float)(i < 128 ? size : -size), values[i]);
        }
    }

    [Fact]
    public void Exponents_of_8_bits_are_powers_of_two()
    {
        float[] values = Widened("F8_E8M0", [0, 1, 126, 127, 128, 254, 255], 7).ToArray<float>();
        Assert.Equal([(float)Math.ScaleB(1, -127), (float)Math.ScaleB(1, -126), 0.5f, 1, 2, (float)Math.ScaleB(1, 127),
            float.NaN], values);
    }

    [Fact]
    public void Every_number_of_16_bits_comes_back_with_its_bits()
    {
        byte[] all = new byte[2 << 16];
        for (int i = 0; i < 1 << 16; i++) BinaryPrimitives.WriteUInt16LittleEndian(all.AsSpan(2 * i), (ushort)i);
        foreach ((string type, StoredType stored) in
            new[] { ("F16", StoredType.F16), ("BF16", StoredType.BF16) })
        {
            var archive = new TensorArchive();
            archive.Add("x", Widened(type, all, 1 << 16));
            byte[] again = archive.ConvertedTo(stored).Bytes("x");
            for (int i = 0; i < 1 << 16; i++)
            {
                ushort bits = BinaryPrimitives.ReadUInt16LittleEndian(again.AsSpan(2 * i));
                bool isNaN = float.IsNaN(Widened(type, again[(2 * i)..(2 * i + 2)], 1).ToArray<float>()[0]);
                bool wasNaN = type == "F16" ? Half.IsNaN(BitConverter.UInt16BitsToHalf((ushort)i))
                    : float.IsNaN(BitConverter.UInt32BitsToSingle((uint)i << 16));
                Assert.True(wasNaN ? isNaN : bits == i, $"{type} {i:x4} became {bits:x4}");
            }
        }
    }

    [Theory]
    // Half way between two neighbours, a little above and below it: the second rounding must not see the first one's.
    [InlineData(1 + Half8, 0x3F80)]
    [InlineData(1 + Half8 + Tiny, 0x3F81)]
    [InlineData(1 + 3 * Half8, 0x3F82)]
    [InlineData(1 + 3 * Half8 - Tiny, 0x3F81)]
    [InlineData(-1 - Half8 - Tiny, 0xBF81)]
    [InlineData(1e-42, 0)]
    public void A_double_is_rounded_once_to_BF16(double value, int expected)
    {
        var archive = new TensorArchive();
        archive.Add("x", Tensor.From([value], [1]));
        byte[] bytes = archive.ConvertedTo(StoredType.BF16).Bytes("x");
        Assert.Equal(expected, BinaryPrimitives.ReadUInt16LittleEndian(bytes));
    }

    [Fact]
    public void A_number_beyond_the_range_is_refused_by_the_tensors_name()
    {
        var archive = new TensorArchive();
        archive.Add("layer.weight", Tensor.From([1f, 70_000], [2]));
        string message =
            Assert.Throws<ArgumentException>(() => archive.ConvertedTo(StoredType.F16)).Message;
        Assert.Contains("\"layer.weight\" that F16 holds, got 70000", message, StringComparison.Ordinal);
        Assert.Contains("Choose BF16", message, StringComparison.Ordinal);
        Assert.Equal(4, archive.ConvertedTo(StoredType.BF16).Bytes("layer.weight").Length);
        archive.Add("inf", Tensor.From([float.PositiveInfinity], [1]));
        Assert.Equal(2, archive.ConvertedTo(StoredType.BF16).Bytes("inf").Length);
    }

    [Fact]
    public void A_model_of_16_bits_keeps_its_running_statistics_and_counts()
    {
        var model = new Sequential { new Linear(3, 4), new BatchNorm1d(4) };
        string path = _folder.File("half.safetensors");
        model.Save(path, new SaveOptions { Type = StoredType.F16 });
        TensorArchive read = SafeTensors.Read(path);
        Assert.Equal(["F16", "F16", "F16", "F16", "F32", "F32", "I64"], read.Names.Select(read.TypeOf));
        var again = new Sequential { new Linear(3, 4), new BatchNorm1d(4) };
        Assert.True(again.Load(path).IsComplete);
        Assert.Equal(
            model.StateDict()["0.weight"].ToArray<float>().Select(static w => (float)(Half)w),
            again.StateDict()["0.weight"].ToArray<float>());
        // What was narrow in the file is written narrow again, with the same bytes.
        SafeTensors.Write(_folder.File("again.safetensors"), read);
        Assert.Equal(read.Bytes("0.weight"), SafeTensors.Read(_folder.File("again.safetensors")).Bytes("0.weight"));
    }

    [Fact]
    public void A_model_in_several_files_is_read_by_its_index()
    {
        Write("model-1.safetensors", "a", 1);
        Write("model-2.safetensors", "b", 2);
        Index("""
            {"metadata":{"total_size":8},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}
            """);
        TensorArchive read = SafeTensors.Read(_folder.File("model.safetensors.index.json"));
        Assert.Equal(["a", "b"], read.Names);
        Assert.Equal([2f], read.Tensor("b").ToArray<float>());
        Assert.Equal(TensorFormat.SafeTensors, TensorFile.FormatOf(_folder.File("model.safetensors.index.json")));
    }

    [Theory]
    [InlineData("../x.safetensors", "expected names of files beside the index")]
    [InlineData("/etc/x.safetensors", "expected names of files beside the index")]
    [InlineData("..\\\\x.safetensors", "expected names of files beside the index")]
    [InlineData("nothing.safetensors", "found none")]
    [InlineData("one.safetensors", "expected the tensor \"b\" in \"one.safetensors\", got none of that name")]
    public void An_index_that_leads_elsewhere_is_refused(string file, string expected)
    {
        Write("one.safetensors", "a", 1);
        Index("{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"" + file + "\"}}");
        Exception? failure =
            Record.Exception(() => SafeTensors.Read(_folder.File("model.safetensors.index.json")));
        Assert.True(failure is InvalidDataException or FileNotFoundException, failure?.ToString());
        Assert.Contains(expected, failure!.Message, StringComparison.Ordinal);
    }

    private void Write(string name, string tensor, float value)
    {
        var archive = new TensorArchive();
        archive.Add(tensor, Tensor.From([value], [1]));
        SafeTensors.Write(_folder.File(name), archive);
    }

    private void Index(string json) => File.WriteAllText(_folder.File("model.safetensors.index.json"), json);
}
