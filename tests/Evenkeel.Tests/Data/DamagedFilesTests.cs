using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Tests.Images;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

/// <summary>
/// Files that chance has changed: each is read, or refused with its name; nothing else comes out of a reader.
/// </summary>
public sealed class DamagedFilesTests : IDisposable
{
    private const int Seed = 19;

    /// <summary>Changed files of each kind: some seconds in all.</summary>
    private const int Changes = 1500, ArchiveChanges = 150;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Kinds => [.. Pictures.Keys];

    private static Dictionary<string, byte[]> Pictures
    {
        get
        {
            byte[] palette = [.. Enumerable.Range(0, 64).Select(v => (byte)(v * 5))];
            byte[] runs8 = [0, 3, 7, 8, 9, 0, 1, 1, 0, 0, 0, 2, 1, 0, 3, 2, 0, 1];
            byte[] runs4 = [5, 0xAB, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 0, 1];
            byte[] masks = [0, 0xF8, 0, 0, 0xE0, 7, 0, 0, 0x1F, 0, 0, 0];
            var files = new Dictionary<string, byte[]>
            {
                ["gray JPEG"] = Convert.FromBase64String(ImageFileTests.GrayJpeg),
                ["colour JPEG"] = Convert.FromBase64String(ImageFileTests.ColourJpeg),
                ["progressive JPEG"] = Convert.FromBase64String(ImageFileTests.ProgressiveJpeg),
                ["CMYK JPEG"] = Convert.FromBase64String(ImageFileTests.InkJpeg),
                ["PPM"] = "P6 2 2 255 abcdefghijkl"u8.ToArray(),
                ["PGM of two bytes"] = "P5 2 1 65535 abcd"u8.ToArray(),
                ["PGM in text"] = "P2\n#c\n3 1 7\n0 1 3"u8.ToArray(),
                ["PPM in text"] = "P3 1 2 255 1 2 3 4 5 6"u8.ToArray(),
                ["BMP of 24 bits"] = BmpTests.File(3, 2, 24, new byte[24]),
                ["BMP of OS/2"] = BmpTests.File(3, 1, 4, [0x12, 0x30, 0, 0], palette[..48], header: 12),
                ["BMP with masks"] = BmpTests.File(3, -2, 16, new byte[16], masks, 3),
                ["BMP with runs of 8 bits"] = BmpTests.File(4, 2, 8, runs8, palette, 1),
                ["BMP with runs of 4 bits"] = BmpTests.File(5, 2, 4, runs4, palette, 2),
            };
            foreach ((int type, int bits) in new[] { (0, 1), (0, 16), (2, 8), (3, 4), (6, 8) })
            {
                byte[]? colours = type == 3 ? palette[..48] : null;
                files[$"PNG of type {type}, {bits} bits"] = PngTests.Encode(
                    9, 6, bits, type, bits < 3, (y, x, c) => (y * 3 + x + c) % (1 << bits), colours);
            }

            return files;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_changed_picture_is_decoded_or_refused_with_its_name(string kind)
    {
        byte[] good = Pictures[kind];
        ImageFile.Decode(good, "good");
        var random = new System.Random(Seed);
        int refused = 0, decoded = 0;
        for (int i = 0; i < Changes; i++)
        {
            byte[] changed = Change(good, random);
            // Behind right checksums a change reaches what lies in the chunks.
            if (kind.StartsWith("PNG", StringComparison.Ordinal) && i % 2 == 0) MendChecksums(changed);
            try
            {
                ByteImage image = ImageFile.Decode(changed, "some file");
                Assert.Equal(image.Channels * image.Height * image.Width, image.Pixels.Length);
                decoded++;
            }
            catch (InvalidDataException exception)
            {
                Assert.StartsWith("ImageFile: \"some file\" cannot be decoded", exception.Message,
                    StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.True(refused > 0 && decoded > 0, $"{refused} refused, {decoded} decoded");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_changed_IDX_file_is_read_or_refused_with_its_name(bool isPacked)
    {
        byte[] good = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2, .. Enumerable.Range(0, 12).Select(v => (byte)v)];
        if (isPacked) good = Gzip(good);
        string path = _folder.File("changed");
        var random = new System.Random(Seed);
        int refused = 0;
        for (int i = 0; i < Changes; i++)
        {
            File.WriteAllBytes(path, Change(good, random));
            try
            {
                IdxArray array = Idx.Read(path);
                Assert.Equal(array.Sizes.Aggregate(1, (product, size) => product * size), array.Values.Length);
            }
            catch (InvalidDataException exception)
            {
                Assert.StartsWith("Idx: ", exception.Message, StringComparison.Ordinal);
                Assert.Contains(path, exception.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.InRange(refused, 1, Changes - 1);
    }

    [Fact]
    public void A_changed_archive_is_read_or_refused_with_its_name()
    {
        byte[] good = TarHeader(), body = Gzip(new byte[10000 * 3073 + 2048]);
        var random = new System.Random(Seed);
        int refused = 0;
        for (int i = 0; i < ArchiveChanges; i++)
        {
            byte[] header = Change(good, random);
            // Every third time the archive is damaged as it lies there, else what is packed in it.
            Check(i % 3 == 0 ? Change([.. Gzip(good), .. body], random) : [.. Gzip(header), .. body]);
        }

        Assert.InRange(refused, 1, ArchiveChanges - 1);

        void Check(byte[] archive)
        {
            string path = _folder.File("changed.tar.gz");
            File.WriteAllBytes(path, archive);
            try
            {
                Assert.Equal(10000, Cifar10.Load(path, Cifar10Parts.Test).Test!.Count);
            }
            catch (Exception exception) when (exception is InvalidDataException or FileNotFoundException)
            {
                Assert.StartsWith("Cifar10: ", exception.Message, StringComparison.Ordinal);
                Assert.Contains(path, exception.Message, StringComparison.Ordinal);
                refused++;
            }
        }
    }

    /// <summary>
    /// Sizes in the base 256 are read where they are right; others are an error of the file, whatever arithmetic they
    /// upset.
    /// </summary>
    [Theory]
    [InlineData("80 00 00 00 00 00 00 00 01 D4 E7 10", true)]
    [InlineData("FF 7F 00 00 00 00 00 00 00 00 00 00", false)]
    [InlineData("FF FF FF FF FF FF FF FF FF FF FF FF", false)]
    [InlineData("80 7F FF FF FF FF FF FF FF FF FF FF", false)]
    [InlineData("80 00 00 00 7F FF FF FF FF FF FF FF", false)]
    [InlineData("2D 30 30 30 30 30 30 30 31 37 35 00", false)]
    public void The_size_of_an_entry_is_read_or_refused_with_the_archives_name(string size, bool isRight)
    {
        byte[] header = TarHeader();
        Convert.FromHexString(size.Replace(" ", "", StringComparison.Ordinal)).CopyTo(header, 124);
        SetChecksum(header);
        string path = _folder.File("sizes.tar.gz");
        File.WriteAllBytes(path, Gzip([.. header, .. new byte[10000 * 3073 + 2048]]));
        if (isRight)
        {
            Assert.Equal(10000, Cifar10.Load(path, Cifar10Parts.Test).Test!.Count);
            return;
        }

        string message = Assert.Throws<InvalidDataException>(() => Cifar10.Load(path, Cifar10Parts.Test)).Message;
        Assert.StartsWith("Cifar10: ", message, StringComparison.Ordinal);
        Assert.Contains(path, message, StringComparison.Ordinal);
    }

    /// <summary>
    /// The last eight bytes of gzip are the checksum and the length of what is in it; several members may follow each
    /// other.
    /// </summary>
    [Fact]
    public void A_packed_file_without_its_end_is_noticed()
    {
        byte[] values = [0, 0, 8, 1, 0, 0, 0, 200, .. Enumerable.Range(0, 200).Select(v => (byte)(v * 7))];
        byte[] one = Gzip(values), two = [.. Gzip(values[..100]), .. Gzip(values[100..])];
        string path = _folder.File("labels.gz");
        foreach (byte[] good in new[] { one, two, [.. one, 0, 0, 0, 0] })
        {
            File.WriteAllBytes(path, good);
            Assert.Equal(values[8..], Idx.Read(path).Values);
        }

        foreach (byte[] good in new[] { one, two })
        {
            for (int length = 2; length < good.Length; length++)
            {
                File.WriteAllBytes(path, good[..length]);
                string message = Assert.Throws<InvalidDataException>(() => Idx.Read(path)).Message;
                Assert.Contains(path, message, StringComparison.Ordinal);
                if (length >= good.Length - 8)
                    Assert.Contains("cannot be unpacked: the packed data ends too early: truncated", message,
                        StringComparison.Ordinal);
            }
        }

        for (int at = one.Length - 8; at < one.Length; at++)
        {
            byte[] wrong = [.. one];
            wrong[at] ^= 1;
            File.WriteAllBytes(path, wrong);
            Assert.Contains("the packed data or its checksum is wrong: damaged",
                Assert.Throws<InvalidDataException>(() => Idx.Read(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_archive_without_its_end_is_noticed()
    {
        byte[] good = Gzip([.. TarHeader(), .. new byte[10000 * 3073 + 2048]]);
        string path = _folder.File("cut.tar.gz");
        File.WriteAllBytes(path, good);
        Assert.Equal(10000, Cifar10.Load(path, Cifar10Parts.Test).Test!.Count);
        foreach (int missing in new[] { 1, 4, 5, 8, 9, 12 })
        {
            File.WriteAllBytes(path, good[..^missing]);
            string message = Assert.Throws<InvalidDataException>(() => Cifar10.Load(path, Cifar10Parts.Test)).Message;
            Assert.Contains($"the archive is truncated or damaged: \"{path}\"", message, StringComparison.Ordinal);
        }
    }

    /// <summary>The header of one batch file of CIFAR-10.</summary>
    private static byte[] TarHeader()
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, TarEntryFormat.Ustar))
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "cifar-10-batches-bin/test_batch.bin"));
        byte[] header = tar.ToArray()[..512];
        System.Text.Encoding.ASCII.GetBytes(Convert.ToString(10000 * 3073, 8).PadLeft(11, '0')).CopyTo(header, 124);
        SetChecksum(header);
        return header;
    }

    private static void SetChecksum(byte[] header)
    {
        header.AsSpan(148, 8).Fill((byte)' ');
        string sum = Convert.ToString(header.Sum(value => value), 8).PadLeft(6, '0');
        System.Text.Encoding.ASCII.GetBytes(sum + "\0 ").CopyTo(header, 148);
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }

    /// <summary>
    /// One to three changes: a bit, a byte, bytes that are gone, doubled or of an extreme value, or the end.
    /// </summary>
    private static byte[] Change(byte[] good, System.Random random)
    {
        List<byte> bytes = [.. good];
        for (int n = random.Next(3); n >= 0 && bytes.Count > 8; n--)
        {
            int at = random.Next(bytes.Count), length = Math.Min(random.Next(1, 9), bytes.Count - at);
            switch (random.Next(7))
            {
                case 0:
                case 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 3:
                    bytes.RemoveRange(at, length);
                    break;
                case 4:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 5:
                    byte value = new byte[] { 0, 0x7F, 0x80, 0xFF }[random.Next(4)];
                    for (int i = 0; i < length; i++) bytes[at + i] = value;
                    break;
                default:
                    bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : length);
                    break;
            }
        }

        return [.. bytes];
    }

    private static void MendChecksums(byte[] png)
    {
        for (int at = 8; at + 12 <= png.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at));
            if (length > png.Length - at - 12) return;
            uint crc = PngTests.Checksum(png.AsSpan(at + 4, 4 + (int)length));
            BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(at + 8 + (int)length), crc);
            at += 12 + (int)length;
        }
    }
}
