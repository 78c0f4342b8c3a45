using System.Buffers.Binary;
using System.IO.Compression;
using Evenkeel.Data;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class PngTests
{
    [Fact]
    public void AWrittenPictureHasTheLayoutOfTheSpecification()
    {
        using var folder = new TempFolder();
        string path = folder.File("a.png");
        ImageFile.WritePng(path, new ByteImage([10, 20, 30, 40, 50, 60], 1, 2, 3));
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], bytes[..8]);
        // IHDR: 3 x 2, 8 bits, gray; the checksum as Python's zlib.crc32 gives it.
        Assert.Equal([0, 0, 0, 13, (byte)'I', (byte)'H', (byte)'D', (byte)'R', 0, 0, 0, 3, 0, 0, 0, 2, 8, 0, 0, 0, 0], bytes[8..29]);
        Assert.Equal(0xB81F39C6u, BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(29)));
        int length = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(33));
        using var zlib = new ZLibStream(new MemoryStream(bytes, 41, length), CompressionMode.Decompress);
        using var rows = new MemoryStream();
        zlib.CopyTo(rows);
        // Row 0: left differences (filter 1); row 1: above (2) or left, whichever came first with the smallest sum.
        Assert.Equal(8, rows.Length);
        Assert.Equal([1, 10, 10, 10], rows.ToArray()[..4]);
        Assert.Equal(["a.png"], folder.Names);
    }

    [Fact]
    public void WritingNamesWhatIsWrongAndKeepsWhatWasThere()
    {
        using var folder = new TempFolder();
        var image = new ByteImage([1], 1, 1, 1);
        Assert.Contains("does not exist", Assert.Throws<DirectoryNotFoundException>(() => ImageFile.WritePng(folder.File("no/a.png"), image)).Message, StringComparison.Ordinal);
        Assert.Contains("got the folder", Assert.Throws<IOException>(() => ImageFile.WritePng(folder.Path, image)).Message, StringComparison.Ordinal);
        Assert.Empty(folder.Names);
    }
}
