using System.Text;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

public sealed class NpyTests
{
    private static byte[] File(string header, int version, params byte[] data)
    {
        byte[] length = version == 1 ? [(byte)header.Length, 0] : [(byte)header.Length, 0, 0, 0];
        return [0x93, .. "NUMPY"u8, (byte)version, 0, .. length, .. Encoding.ASCII.GetBytes(header), .. data];
    }

    private static Tensor Read(byte[] bytes) => Npy.Read(new MemoryStream(bytes), "test");

    private static byte[] Written(Tensor tensor)
    {
        using var stream = new MemoryStream();
        Npy.Write(stream, tensor);
        return stream.ToArray();
    }

    [Fact]
    public void Round_trips_bit_for_bit()
    {
        foreach (Tensor tensor in new[] { Tensor.From(new float[,] { { 1, float.NaN, -0f }, { 3, 4, 5 } }),
            Tensor.From(Math.PI), Tensor.From([7L], []), Tensor.Zeros([2, 0, 3]), })
        {
            Tensor read = Read(Written(tensor));
            Assert.Equal((tensor.Shape, tensor.DType), (read.Shape, read.DType));
            Assert.True(tensor.Bytes().SequenceEqual(read.Bytes()));
        }
    }

    [Fact]
    public void Writes_what_NumPy_writes()
    {
        // numpy.save of numpy.array([1, 2], '<f4'), version 1.0.
        byte[] expected =
        [
            0x93, .. "NUMPY"u8, 1, 0, 0x76, 0,
            .. Encoding.ASCII.GetBytes(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".PadRight(0x75) + "\n"),
            0, 0, 0x80, 0x3F, 0, 0, 0, 0x40,
        ];
        Assert.Equal(expected, Written(Tensor.From(1f, 2f)));
    }

    [Fact]
    public void Reads_version_two_and_other_spacing()
    {
        Assert.Equal([1f],
            Read(File("{'shape':(1,),'fortran_order':True,'descr':'<f4'}\n", 2, 0, 0, 0x80, 0x3F)).ToArray<float>());
        Assert.Equal(0,
            Read(File("{'shape': (), 'fortran_order': False, 'descr': \"<f4\", }\n", 1, 0, 0, 0x80, 0x3F)).Shape.Rank);
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }")]
    [InlineData("{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2,)}")]
    [InlineData("{'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 2 , ) , }")]
    [InlineData("{'shape':(2,),'descr':'<f4','fortran_order':True}")]
    [InlineData("  {\t'fortran_order'\n:False,'shape':(2L , ),'descr':u'<f4',}  \n")]
    [InlineData("{'descr': '=f4', 'fortran_order': False, 'shape': (2,), }")]
    [InlineData("{'descr': 'f4', 'fortran_order': False, 'shape': (2,), }")]
    [InlineData("{'descr': '|f4', 'fortran_order': False, 'shape': (2,), }")]
    [InlineData("{'descr': 'float32', 'fortran_order': False, 'shape': (2,), }")]
    public void Headers_are_read_as_NumPy_reads_them(string header)
    {
        // Version 3.0 has the same length field as 2.0.
        foreach (int version in new[] { 1, 2, 3 })
        {
            Tensor tensor = Read(File(header, version, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40));
            Assert.Equal<Shape>([2], tensor.Shape);
            Assert.Equal([1f, 2f], tensor.ToArray<float>());
        }
    }

    [Fact]
    public void Several_sizes_may_have_the_L_of_Python_2() =>
        Assert.Equal<Shape>([2, 1], Read(File("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), " +
            "}", 1, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40)).Shape);

    [Fact]
    public void An_array_beyond_the_memory_of_a_tensor_is_refused_by_its_files_name()
    {
        using var folder = new TempFolder();
        string path = folder.File("large.npy");
        byte[] start = File("{'descr': '<f8', 'fortran_order': False, 'shape': (268435456,), }", 1);
        using (FileStream stream = System.IO.File.Create(path))
        {
            stream.Write(start);
            stream.SetLength(start.Length + (1L << 31));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<InvalidDataException>(() => Npy.Read(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("got 2147483648 for Float64 of shape (268435456)", message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    public static TheoryData<string, byte[]> BadFiles => new()
    {
        { "begins with", [] },
        { "begins with", Encoding.ASCII.GetBytes("PK something else") },
        { "version 1.0, 2.0 or 3.0, got 4.0", File("{}", 4) },
        { "the header's length", [0x93, .. "NUMPY"u8, 1, 0, 5] },
        { "a header of 200 bytes, got 3", [0x93, .. "NUMPY"u8, 1, 0, 200, 0, 1, 2, 3] },
        { "expected 'descr'", File("{}", 1) },
        { "got Python objects ('|O')", File("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0,
            0) },
        { "got another type ('<<f4')", File("{'descr': '<<f4', 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0,
            0) },
        { "got another type ('')", File("{'descr': '', 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0, 0) },
        { "True or False", File("{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 1), }", 1, 0, 0, 0, 0) },
        { "a value of 'shape'", File("{'descr': '<f4', 'fortran_order': False, 'shape': (1", 1, 0, 0, 0, 0) },
        { "in parentheses", File("{'descr': '<f4', 'fortran_order': False, 'shape': 1}", 1, 0, 0, 0, 0) },
        { "dimensions from 0", File("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 1, 0, 0, 0, 0) },
        { "at most 6 dimensions",
            File("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1), }", 1, 0, 0, 0, 0) },
        { "expected 17179869184 bytes of data for F32 of shape (65536, 65536), got 4",
            File("{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 65536), }", 1, 0, 0, 0, 0) },
        { $"expected at most {long.MaxValue} bytes of data, got more",
            File("{'descr':'<f4','fortran_order':False,'shape':(9223372036854775807,9223372036854775807)}", 1, 0, 0, 0,
                0) },
        { "dimensions from 0",
            File("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }", 1, 0, 0, 0, 0) },
        { "at most 6 dimensions and 2147483647 elements, got (0, 4294967296)",
            File("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296), }", 1) },
        { "at most 64 dimensions", File($"{{'descr': '<f4', 'fortran_order': False, 'shape': ({
            string.Join(',', Enumerable.Repeat('1', 65))}), }}", 1, 0, 0, 0, 0) },
        { "expected real numbers, got complex ones (C64)",
            File("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0, 0, 0, 0, 0, 0) },
        { "expected integers below 2^63, got larger ones",
            File("{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0, 0, 0, 0, 0, 0x80) },
        { "a comma after a single size, got (1)", File("{'descr': '<f4', 'fortran_order': False, 'shape': (1), " +
            "}", 1, 0, 0, 0, 0) },
        { "got records with fields: [('a', '<f4')]",
            File("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0, 0) },
        { "'descr', 'fortran_order' and 'shape' in the header, got 'more'",
            File("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}", 1, 0, 0, 0, 0) },
        { "the end of the header", File("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 1, 0, 0, 0, 0) },
        { "expected 8 bytes of data",
            File("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 1, 0, 0, 0, 0) },
        { "after the data", File("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 1, 0, 0, 0, 0, 0) },
    };

    [Theory]
    [MemberData(nameof(BadFiles), DisableDiscoveryEnumeration = true)]
    public void Bad_files_are_refused_in_words(string message, byte[] bytes)
    {
        var exception = Assert.Throws<InvalidDataException>(() => Read(bytes));
        Assert.StartsWith("Npy \"test\": expected ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        byte[] bytes = Written(Tensor.Ones([3, 5]));
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => Read(bytes[..length]));
    }
}
