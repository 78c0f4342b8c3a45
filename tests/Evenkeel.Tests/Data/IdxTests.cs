using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using Evenkeel.Data;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class IdxTests : IDisposable
{
    /// <summary>Of a mean that is written down with four decimals.</summary>
    private const double FourDecimals = 0.5e-4;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Values 0, 1, 2, ... under a header of the given sizes.</summary>
    private static byte[] File(ReadOnlySpan<int> sizes, int? count = null, byte type = 8)
    {
        int values = 1;
        foreach (int size in sizes) values *= size;
        var bytes = new byte[4 + 4 * sizes.Length + (count ?? values)];
        bytes[2] = type;
        bytes[3] = (byte)sizes.Length;
        for (int i = 0; i < sizes.Length; i++) BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 + 4 * i), sizes[i]);
        for (int i = 4 + 4 * sizes.Length, v = 0; i < bytes.Length; i++, v++) bytes[i] = (byte)v;
        return bytes;
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }

    private string Put(string name, byte[] bytes)
    {
        System.IO.File.WriteAllBytes(_folder.File(name), bytes);
        return _folder.File(name);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reads_plain_and_packed_files_whatever_their_name(bool packed)
    {
        byte[] bytes = File([3, 2, 2]);
        IdxArray array = Idx.Read(Put("images", packed ? Gzip(bytes) : bytes));
        Assert.Equal([3, 2, 2], array.Sizes);
        Assert.Equal(Enumerable.Range(0, 12).Select(v => (byte)v), array.Values);
        Assert.Equal("3x2x2", array.ToString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_damaged_file_is_named_with_what_is_wrong(bool packed)
    {
        byte[] good = File([3, 2, 2]);
        Check([], "ends before it");
        Check(good[..3], "ends before it");
        Check(good[..15], "ends inside them");
        Check(good[..^1], "3x2x2 = 12 values by its header", "holds 11");
        Check([.. good, 0], "12 values by its header", "holds more");
        Check(File([3, 2], type: 0x0D), "expected values of type 08 (bytes), got type 0d");
        Check([0, 0, 8, 9, 0], "expected 1 to 4 axes, got 9");
        Check([0, 0, 8, 0, 0], "expected 1 to 4 axes, got 0");
        Check("P5 3 2 255 ......"u8.ToArray(), "expected a magic number 000008..", "It is a PPM or PGM picture");
        // Sizes whose product would not fit into memory, a long, or the file: nothing is allocated.
        Check([0, 0, 8, 3, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF],
            "promises more values than the file can hold");
        Check([0, 0, 8, 1, 0xFF, 0xFF, 0xFF, 0xFF], "promises more values than the file can hold");
        Check([0, 0, 8, 1, 0x70, 0, 0, 0, 1, 2, 3], "promises more values than the file can hold");

        void Check(byte[] bytes, params string[] expected)
        {
            string path = Put("bad", packed ? Gzip(bytes) : bytes);
            // A packed empty file is still an empty file inside.
            string message = Assert.Throws<InvalidDataException>(() => Idx.Read(path)).Message;
            Assert.Contains(path, message, StringComparison.Ordinal);
            foreach (string part in expected) Assert.Contains(part, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_damaged_archive_is_named()
    {
        byte[] packed = Gzip(File([300, 2, 2]));
        Assert.Equal(1200, Idx.Read(Put("whole.gz", packed)).Values.Length);
        for (int length = 2; length < packed.Length; length++)
        {
            string path = Put("cut.gz", packed[..length]);
            Assert.Contains(
                path, Assert.Throws<InvalidDataException>(() => Idx.Read(path)).Message, StringComparison.Ordinal);
        }

        for (int at = 2; at < packed.Length; at++)
        {
            byte[] flipped = [.. packed];
            flipped[at] ^= 0x10;
            string path = Put("flipped.gz", flipped);
            // Some bits of gzip's own header mean nothing; otherwise a changed file is an error that names it.
            try
            {
                Assert.Equal(1200, Idx.Read(path).Values.Length);
            }
            catch (InvalidDataException exception)
            {
                Assert.Contains(path, exception.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Images_and_labels_must_fit_each_other()
    {
        string images = Put("images", File([3, 2, 2])), three = Put("three", File([3])), four = Put("four", File([4]));
        string[] names = ["a", "b", "c"];
        ImageSet set = Idx.ReadImages(images, three, names, "test");
        Assert.Equal((3, 1, 2, 2), (set.Count, set.Channels, set.Height, set.Width));
        Assert.Equal([0, 1, 2], set.Labels.ToArray());
        Assert.Equal(images, set.Source);
        Expect("3 images", "4 labels", () => Idx.ReadImages(images, four, names, "test"));
        Expect("Are images and labels swapped?",
            "3 axes: samples, rows, columns", () => Idx.ReadImages(three, images, names, "test"));
        Expect("expected labels (1 axis)", images, () => Idx.ReadImages(images, images, names, "test"));
        Expect("expected labels from 0 to 1, got 2 for sample 2",
            three, () => Idx.ReadImages(images, three, names[..2], "test"));
        Expect("at least one image",
            "0x2x2", () => Idx.ReadImages(Put("none", File([0, 2, 2])), Put("no", File([0])), names, "test"));
        Assert.Contains(
            "found none", Assert.Throws<FileNotFoundException>(() => Idx.Read(_folder.File("absent"))).Message,
            StringComparison.Ordinal);

        static void Expect(string first, string second, Func<ImageSet> read)
        {
            string message = Assert.Throws<InvalidDataException>(read).Message;
            Assert.Contains(first, message, StringComparison.Ordinal);
            Assert.Contains(second, message, StringComparison.Ordinal);
        }
    }

    private void PutFashion(string folder, int side = 28, int train = 12, int test = 7, string suffix = "")
    {
        Directory.CreateDirectory(_folder.File(folder));
        Put($"{folder}/train-images-idx3-ubyte{suffix}", Pack(File([train, side, side])));
        Put($"{folder}/train-labels-idx1-ubyte",
            new byte[] { 0, 0, 8, 1, 0, 0, 0, (byte)train }.Concat(new byte[train]).ToArray());
        Put($"{folder}/t10k-images-idx3-ubyte{suffix}", Pack(File([test, side, side])));
        Put($"{folder}/t10k-labels-idx1-ubyte", File([test]));

        byte[] Pack(byte[] bytes) => suffix == ".gz" ? Gzip(bytes) : bytes;
    }

    [Theory]
    [InlineData("fashion-mnist", ".gz")]
    [InlineData("FashionMNIST/raw", "")]
    public void Finds_FashionMNIST_in_its_folder_and_in_what_holds_it(string name, string suffix)
    {
        Assert.False(FashionMnist.Exists(_folder.Path));
        Assert.Contains(
            "data fetch fashion-mnist",
            Assert.Throws<FileNotFoundException>(() => FashionMnist.Load(_folder.Path)).Message,
            StringComparison.Ordinal);
        PutFashion(name, suffix: suffix);
        foreach (string path in new[] { _folder.Path, _folder.File(name) })
        {
            Assert.True(FashionMnist.Exists(path));
            FashionMnistData data = FashionMnist.Load(path);
            Assert.Equal((12, 7), (data.Train.Count, data.Test.Count));
            Assert.Equal("Ankle boot", data.Test.ClassNames[9]);
        }

        Assert.Equal(_folder.File(name), DataCatalog.Find("fashion-mnist", _folder.Path)!.Path);
        System.IO.File.Delete(_folder.File($"{name}/t10k-labels-idx1-ubyte"));
        Assert.Contains(
            "t10k-labels-idx1-ubyte.gz",
            Assert.Throws<FileNotFoundException>(() => FashionMnist.Load(_folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Other_images_than_FashionMNISTs_are_refused()
    {
        PutFashion("fashion-mnist", side: 20);
        Assert.Contains(
            "expected images of 28x28, got 20x20",
            Assert.Throws<InvalidDataException>(() => FashionMnist.Load(_folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Reads_the_real_set()
    {
        string path = RealData.Require("fashion-mnist");
        var clock = Stopwatch.StartNew();
        FashionMnistData data = FashionMnist.Load(Path.GetDirectoryName(path)!);
        clock.Stop();
        Assert.Equal((60000, 10000), (data.Train.Count, data.Test.Count));
        Assert.Equal([9, 0, 0, 3, 0, 2, 7, 2, 5, 5], data.Train.Labels[..10].ToArray());
        Assert.Equal([9, 2, 1, 1, 6, 1, 4, 6, 5, 7], data.Test.Labels[..10].ToArray());
        long sum = 0;
        foreach (byte pixel in data.Train.Pixels) sum += pixel;
        Assert.Equal(72.9404, (double)sum / data.Train.Pixels.Length, FourDecimals);
        TestContext.Current.SendDiagnosticMessage($"Fashion-MNIST in {clock.Elapsed.TotalMilliseconds:F0} ms");
    }
}
