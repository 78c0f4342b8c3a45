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
    public void RoundTripsBitForBit()
    {
        foreach (Tensor tensor in new[] { Tensor.From(new float[,] { { 1, float.NaN, -0f }, { 3, 4, 5 } }), Tensor.From(Math.PI), Tensor.From([7L], []), Tensor.Zeros([2, 0, 3]) })
        {
            Tensor read = Read(Written(tensor));
            Assert.Equal((tensor.Shape, tensor.DType), (read.Shape, read.DType));
            Assert.True(tensor.Bytes().SequenceEqual(read.Bytes()));
        }
    }

    [Fact]
    public void WritesWhatNumPyWrites()
    {
        // numpy.save of numpy.array([1, 2], '<f4'), version 1.0.
        byte[] expected = [0x93, .. "NUMPY"u8, 1, 0, 0x76, 0, .. Encoding.ASCII.GetBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".PadRight(0x75) + "\n"), 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40];
        Assert.Equal(expected, Written(Tensor.From(1f, 2f)));
    }

    [Fact]
    public void ReadsVersionTwoAndOtherSpacing()
    {
        Assert.Equal([1f], Read(File("{'shape':(1,),'fortran_order':True,'descr':'<f4'}\n", 2, 0, 0, 0x80, 0x3F)).ToArray<float>());
        Assert.Equal(0, Read(File("{'shape': (), 'fortran_order': False, 'descr': \"<f4\", }\n", 1, 0, 0, 0x80, 0x3F)).Shape.Rank);
    }

    public static TheoryData<string, byte[]> BadFiles => new()
    {
        { "begins with", [] },
        { "begins with", Encoding.ASCII.GetBytes("PK something else") },
        { "version 1.0 or 2.0, got 3.0", File("{}", 3) },
        { "the header's length", [0x93, .. "NUMPY"u8, 1, 0, 5] },
        { "a header of 200 bytes, got 3", [0x93, .. "NUMPY"u8, 1, 0, 200, 0, 1, 2, 3] },
        { "expected 'descr'", File("{}", 1) },
        { "'<f4', '<f8' or '<i8', got '>f4'", File("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0, 0) },
        { "got '|O'", File("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 1, 0, 0, 0, 0) },
        { "row-major", File("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", 1, 0, 0, 0, 0) },
        { "True or False", File("{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 1), }", 1, 0, 0, 0, 0) },
        { "a value of 'shape'", File("{'descr': '<f4', 'fortran_order': False, 'shape': (1", 1, 0, 0, 0, 0) },
        { "in parentheses", File("{'descr': '<f4', 'fortran_order': False, 'shape': 1}", 1, 0, 0, 0, 0) },
        { "dimensions from 0", File("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 1, 0, 0, 0, 0) },
        { "at most 6 dimensions", File("{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 65536), }", 1, 0, 0, 0, 0) },
        { "expected 8 bytes of data", File("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 1, 0, 0, 0, 0) },
        { "after the data", File("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 1, 0, 0, 0, 0, 0) },
    };

    [Theory]
    [MemberData(nameof(BadFiles), DisableDiscoveryEnumeration = true)]
    public void BadFilesAreRefusedInWords(string message, byte[] bytes)
    {
        var exception = Assert.Throws<InvalidDataException>(() => Read(bytes));
        Assert.StartsWith("Npy \"test\": expected ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryTruncationIsRefused()
    {
        byte[] bytes = Written(Tensor.Ones([3, 5]));
        for (int length = 0; length < bytes.Length; length++) Assert.Throws<InvalidDataException>(() => Read(bytes[..length]));
    }
}
