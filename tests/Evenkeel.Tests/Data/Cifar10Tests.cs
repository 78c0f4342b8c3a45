using System.Formats.Tar;
using System.IO.Compression;
using Evenkeel.Data;
using Xunit;

namespace Evenkeel.Tests.Data;

/// <summary>
/// A made-up archive in CIFAR-10's layout: its pixels are a simple function of their place, so they
/// compress to almost nothing.
/// </summary>
public sealed class Cifar10Fixture : IDisposable
{
    public Cifar10Fixture()
    {
        Folder = Directory.CreateTempSubdirectory("evenkeel-cifar-").FullName;
        Batches = Path.Combine(Folder, Cifar10.FolderName);
        Archive = Path.Combine(Folder, "archive", Cifar10.ArchiveName);
        Directory.CreateDirectory(Batches);
        Directory.CreateDirectory(Path.GetDirectoryName(Archive)!);
        for (int batch = 0; batch < 6; batch++)
            File.WriteAllBytes(Path.Combine(Batches, Name(batch)), Batch(batch));
        WriteArchive(Archive, [2, 5, 0, 1, 4, 3]);
    }

    public string Folder { get; }

    public string Batches { get; }

    public string Archive { get; }

    public static string Name(int batch) => batch == 5 ? "test_batch.bin" : $"data_batch_{batch + 1}.bin";

    public static int Label(int record) => record * 7 % 10;

    public static byte Pixel(int record) => (byte)(record * 31 >> 2);

    public static byte[] Batch(int batch)
    {
        var bytes = new byte[10000 * 3073];
        for (int i = 0; i < 10000; i++)
        {
            bytes[i * 3073] = (byte)Label(batch * 10000 + i);
            bytes.AsSpan(i * 3073 + 1, 3072).Fill(Pixel(batch * 10000 + i));
            bytes[i * 3073 + 3072] = 255;
        }

        return bytes;
    }

    /// <summary>Archives batch files in that order, after a text file as in the real one.</summary>
    public void WriteArchive(string path, IEnumerable<int> batches)
    {
        using var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        using var tar = new TarWriter(gzip, TarEntryFormat.Ustar);
        tar.WriteEntry(new UstarTarEntry(TarEntryType.Directory, Cifar10.FolderName + "/"));
        tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, Cifar10.FolderName + "/batches.meta.txt")
        {
            DataStream = new MemoryStream("airplane\n"u8.ToArray()),
        });
        foreach (int batch in batches)
            tar.WriteEntry(Path.Combine(Batches, Name(batch)), $"{Cifar10.FolderName}/{Name(batch)}");
    }

    public string NewFolder(string name) => Directory.CreateDirectory(Path.Combine(Folder, name)).FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

public sealed class Cifar10Tests(Cifar10Fixture fixture) : IClassFixture<Cifar10Fixture>
{
    [Fact]
    public void Reads_the_archive_the_folder_and_what_holds_them()
    {
        foreach (string path in
            new[] { fixture.Archive, Path.GetDirectoryName(fixture.Archive)!, fixture.Batches, fixture.Folder })
        {
            Assert.True(Cifar10.Exists(path));
            Cifar10Data data = Cifar10.Load(path);
            Check(data.Train!, 0, 50000);
            Check(data.Test!, 50000, 10000);
            Assert.Equal("automobile", data.Train!.ClassNames[1]);
            Assert.Equal((3, 32, 32), (data.Train.Channels, data.Train.Height, data.Train.Width));
        }
    }

    [Fact]
    public void Reads_only_the_part_asked_for()
    {
        Cifar10Data data = Cifar10.Load(fixture.Archive, Cifar10Parts.Test);
        Assert.Null(data.Train);
        Check(data.Test!, 50000, 10000);
        Assert.Null(Cifar10.Load(fixture.Batches, Cifar10Parts.Train).Test);
    }

    [Fact]
    public void Splits_as_the_notebook_does()
    {
        foreach (string path in new[] { fixture.Archive, fixture.Batches })
        {
            Cifar10Split split = Cifar10.GetData(path);
            Check(split.Train, 0, 49000);
            Check(split.Validation, 49000, 1000);
            Check(split.Test, 50000, 1000);
            double sum = 0;
            for (int i = 0; i < 49000; i++) sum += Cifar10Fixture.Pixel(i);
            Assert.Equal((float)(sum / 49000), split.MeanImage[0]);
            Assert.Equal(255f, split.MeanImage[^1]);
            Assert.Equal(split.Train.MeanImage(), split.MeanImage);

            Cifar10Split small = Cifar10.GetData(path, keepTraining: 1000);
            Check(small.Train, 0, 1000);
            Check(small.Validation, 49000, 1000);
            Assert.Equal(split.MeanImage, small.MeanImage);
        }
    }

    [Fact]
    public void Unusual_splits()
    {
        Cifar10Split split = Cifar10.GetData(fixture.Batches, numTraining: 9999, numValidation: 2, numTest: 0);
        Check(split.Train, 0, 9999);
        Check(split.Validation, 9999, 2);
        Assert.Equal(0, split.Test.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => Cifar10.GetData(fixture.Batches, numTraining: 49001));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cifar10.GetData(fixture.Batches, numTraining: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cifar10.GetData(fixture.Batches, numTest: 10001));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Cifar10.GetData(fixture.Batches, numTraining: 10, keepTraining: 11));
    }

    [Fact]
    public void Tells_progress_and_can_be_cancelled()
    {
        var told = new List<double>();
        Cifar10.Load(fixture.Archive, Cifar10Parts.All, new Immediate(told.Add));
        Assert.Equal(1, told[^1]);
        Assert.Equal(told.Order(), told);
        Assert.True(told.Count > 10);

        using var source = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(
            () => Cifar10.Load(fixture.Archive, Cifar10Parts.All, new Immediate(_ => source.Cancel()), source.Token));
    }

    [Fact]
    public void A_missing_file()
    {
        string path = Path.Combine(fixture.Folder, "absent");
        FileNotFoundException error = Assert.Throws<FileNotFoundException>(() => Cifar10.Load(path));
        Assert.Contains("expected cifar-10-binary.tar.gz", error.Message, StringComparison.Ordinal);
        Assert.False(Cifar10.Exists(path));
        Assert.Throws<FileNotFoundException>(() => Cifar10.Load(fixture.NewFolder("empty")));
    }

    [Fact]
    public void Not_a_gzip_file()
    {
        string path = Path.Combine(fixture.Folder, "page.tar.gz");
        File.WriteAllText(path, "<html>404</html>");
        Assert.Contains("expected a gzip archive",
            Assert.Throws<InvalidDataException>(() => Cifar10.Load(path)).Message, StringComparison.Ordinal);
        File.WriteAllText(path, "");
        Assert.Throws<InvalidDataException>(() => Cifar10.Load(path));
    }

    [Fact]
    public void A_truncated_archive()
    {
        byte[] whole = File.ReadAllBytes(fixture.Archive);
        foreach (int keep in new[] { 2, 10, 15, whole.Length / 10, whole.Length / 2, whole.Length * 9 / 10 })
        {
            string path = Path.Combine(fixture.Folder, $"truncated{keep}.tar.gz");
            File.WriteAllBytes(path, whole[..keep]);
            InvalidDataException error = Assert.Throws<InvalidDataException>(() => Cifar10.Load(path));
            Assert.Contains("truncated", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_damaged_archive()
    {
        byte[] bytes = File.ReadAllBytes(fixture.Archive);
        bytes.AsSpan(bytes.Length / 3, 200).Fill(0xFF);
        string path = Path.Combine(fixture.Folder, "damaged.tar.gz");
        File.WriteAllBytes(path, bytes);
        Assert.Throws<InvalidDataException>(() => Cifar10.Load(path));
        // A gzip file with something else inside.
        using (var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest))
            gzip.Write(new byte[5000].Select((_, i) => (byte)(i * 7 + 1)).ToArray());
        Assert.Throws<InvalidDataException>(() => Cifar10.Load(path));
    }

    [Fact]
    public void A_wrong_record_size()
    {
        string folder = fixture.NewFolder("sizes");
        File.WriteAllBytes(Path.Combine(folder, "data_batch_1.bin"), new byte[10000 * 3074]);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Cifar10.Load(folder));
        Assert.Contains("expected 10000 records of 3073 bytes = 30730000 bytes, got 30740000 bytes",
            error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_out_of_range()
    {
        string folder = fixture.NewFolder("labels");
        var bytes = new byte[10000 * 3073];
        bytes[137 * 3073] = 10;
        File.WriteAllBytes(Path.Combine(folder, "test_batch.bin"), bytes);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Cifar10.Load(folder, Cifar10Parts.Test));
        Assert.Contains("expected labels from 0 to 9, got 10 in record 137", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_batch()
    {
        string folder = fixture.NewFolder("missing");
        File.Copy(Path.Combine(fixture.Batches, Cifar10Fixture.Name(0)), Path.Combine(folder, Cifar10Fixture.Name(0)));
        FileNotFoundException error = Assert.Throws<FileNotFoundException>(() => Cifar10.Load(folder));
        Assert.Contains("expected the batch file data_batch_2.bin", error.Message, StringComparison.Ordinal);

        string archive = Path.Combine(folder, "part.tar.gz");
        fixture.WriteArchive(archive, [0, 1, 2, 3, 5]);
        error = Assert.Throws<FileNotFoundException>(() => Cifar10.Load(archive));
        Assert.Contains("expected the batch file data_batch_5.bin", error.Message, StringComparison.Ordinal);
        Assert.NotNull(Cifar10.Load(archive, Cifar10Parts.Test).Test);
    }

    [Fact]
    public void RealData_HasItsKnownFigures()
    {
        Cifar10Split split = Cifar10.GetData(RealData.Require(Cifar10.ArchiveName), keepTraining: 1000);
        Assert.Equal((1000, 1000, 1000), (split.Train.Count, split.Validation.Count, split.Test.Count));
        var classes = new int[10];
        foreach (int label in split.Train.Labels) classes[label]++;
        Assert.All(classes, c => Assert.InRange(c, 60, 140));
        // The channel means of CIFAR-10, published as 125.3, 123.0, 113.9.
        double[] means =
        [
            split.MeanImage.Take(1024).Average(v => (double)v),
            split.MeanImage.Skip(1024).Take(1024).Average(v => (double)v),
            split.MeanImage.Skip(2048).Average(v => (double)v),
        ];
        Assert.InRange(means[0], 124.8, 125.8);
        Assert.InRange(means[1], 122.5, 123.5);
        Assert.InRange(means[2], 113.4, 114.4);
    }

    private static void Check(ImageSet set, int start, int count)
    {
        Assert.Equal(count, set.Count);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> image = set.Image(i);
            if (set.Labels[i] != Cifar10Fixture.Label(start + i) || image[0] != Cifar10Fixture.Pixel(start + i)
                || image[3070] != image[0] || image[3071] != 255)
            {
                Assert.Fail($"sample {i} is not record {start + i}");
            }
        }
    }

    private sealed class Immediate(Action<double> action) : IProgress<double>
    {
        public void Report(double value) => action(value);
    }
}
