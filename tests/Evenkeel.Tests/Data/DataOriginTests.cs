using System.IO.Compression;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments;
using Evenkeel.Tests.Lab;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class DataOriginTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_with_the_names_of_a_known_set_are_not_taken_for_it()
    {
        // What a folder of MNIST looked like to a reader of names.
        PutIdx("fashion-mnist");
        FashionMnistData data = FashionMnist.Load(_folder.Path);
        Assert.Equal(new DataOrigin("Fashion-MNIST", IsVerified: false), data.Origin);
        Assert.Equal(("Fashion-MNIST train (unverified)", "Fashion-MNIST test (unverified)"),
            (data.Train.Name, data.Test.Name));
        LabData lab = LabData.Find(_folder.Path);
        Assert.Equal("Fashion-MNIST (unverified)", lab.Of(LabSet.FashionMnist).Name);
        Assert.StartsWith("Fashion-MNIST (unverified) (", lab.Describe(LabSet.FashionMnist), StringComparison.Ordinal);
        using LabProcess list = LabProcess.Run("data", "list", "--data", _folder.Path);
        Assert.Contains("Fashion-MNIST (unverified)", list.Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
        using LabProcess show = LabProcess.Run(
            "data", "show", "fashion-mnist", "--data", _folder.Path, "--out", _folder.File("sheet.png"));
        Assert.Contains("sheet.png: Fashion-MNIST train (unverified), ", show.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Published_checksums_tell_the_set_packed_or_not()
    {
        string real = RealData.Require("fashion-mnist");
        var verified = new DataOrigin("Fashion-MNIST", IsVerified: true);
        FashionMnistData data = FashionMnist.Load(real);
        Assert.Equal((verified.Title, true), (data.Origin.Title, data.Origin.IsVerified));
        Assert.Equal("Fashion-MNIST test", data.Test.Name);
        Assert.Equal("Fashion-MNIST", LabData.Find(real).Of(LabSet.FashionMnist).Name);

        // Unpacked files, in a folder of any name; the same ones with training and test exchanged are another set.
        string plain = _folder.File("any");
        Directory.CreateDirectory(plain);
        foreach (string name in FashionMnist.FileNames)
        {
            using var packed = new GZipStream(
                File.OpenRead(Path.Combine(real, name + ".gz")), CompressionMode.Decompress);
            using FileStream file = File.Create(Path.Combine(plain, name));
            packed.CopyTo(file);
        }

        Assert.Equal("Fashion-MNIST", DataCatalog.OriginOf("fashion-mnist", plain).ToString());
        string labels = Path.Combine(plain, FashionMnist.FileNames[3]);
        byte[] bytes = File.ReadAllBytes(labels);
        bytes[^1] ^= 1;
        DateTime time = File.GetLastWriteTimeUtc(labels);
        File.WriteAllBytes(labels, bytes);
        File.SetLastWriteTimeUtc(labels, time);
        // Same length, same time: nothing stale is trusted.
        Assert.Equal("Fashion-MNIST (unverified)", DataCatalog.OriginOf("fashion-mnist", plain).ToString());
    }

    [Fact]
    public void An_archive_made_from_pictures_is_not_the_published_one()
    {
        string archive = RealData.Require("cifar-10-binary.tar.gz");
        Assert.Equal("CIFAR-10 (unverified)", DataCatalog.OriginOf("cifar-10", archive).ToString());
        Assert.Equal("CIFAR-10 test (unverified)", Cifar10.GetData(archive, 1, 0, 1).Test.Name);
    }

    [Fact]
    public void Only_the_files_that_are_read_count()
    {
        PutIdx("fashion-mnist");
        string folder = _folder.File("fashion-mnist");
        IReadOnlyList<string> files = DataCatalog.FilesOf("fashion-mnist", folder);
        string before = LabData.Find(_folder.Path).Of(LabSet.FashionMnist).Identity;
        File.WriteAllText(Path.Combine(folder, "train-images-idx3-ubyte.bak"), "other");
        File.WriteAllText(Path.Combine(folder, "notes-ubyte"), "other");
        Assert.Equal(before, LabData.Find(_folder.Path).Of(LabSet.FashionMnist).Identity);
        // A packed file is read in place of the plain one beside it, and counts in its place.
        File.WriteAllText(files[0] + ".gz", "other");
        Assert.Equal([files[0] + ".gz", .. files.Skip(1)], DataCatalog.FilesOf("fashion-mnist", folder));
        Assert.NotEqual(before, LabData.Find(_folder.Path).Of(LabSet.FashionMnist).Identity);
        Directory.CreateDirectory(_folder.File("cifar-10-batches-bin"));
        foreach (string name in (string[])["data_batch_1.bin", "other.bin"]) File.WriteAllText(
            Path.Combine(_folder.File("cifar-10-batches-bin"), name), "x");
        Assert.Equal([Path.Combine(_folder.File("cifar-10-batches-bin"), "data_batch_1.bin")],
            DataCatalog.FilesOf("cifar-10", _folder.File("cifar-10-batches-bin")));
    }

    private void PutIdx(string folder)
    {
        Directory.CreateDirectory(_folder.File(folder));
        for (int i = 0; i < 4; i += 2)
        {
            byte[] images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28, .. new byte[2 * 28 * 28]];
            File.WriteAllBytes(_folder.File($"{folder}/{FashionMnist.FileNames[i]}"), images);
            File.WriteAllBytes(_folder.File($"{folder}/{FashionMnist.FileNames[i + 1]}"),
                [0, 0, 8, 1, 0, 0, 0, 2, 0, 1]);
        }
    }
}
