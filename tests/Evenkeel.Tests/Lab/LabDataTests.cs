using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Lab;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class LabDataTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Without_a_folder_every_set_is_the_embedded_one()
    {
        LabData data = LabData.Embedded;
        Assert.All(LabSet.All, set =>
        {
            Assert.Null(data.PathOf(set));
            Assert.Equal("embedded", data.Of(set).Source);
            Assert.Contains($"for {set.Title} give --data DIR", data.Describe(set), StringComparison.Ordinal);
        });
        Assert.Equal(LabSet.All.Count, LabSet.All.Select(set => data.Of(set).Name).Distinct().Count());
    }

    [Fact]
    public void Each_set_of_a_folder_is_found_by_itself()
    {
        Put("cifar-10-binary.tar.gz");
        LabData one = LabData.Find(_folder.Path);
        Assert.Equal(Where("cifar-10-binary.tar.gz"), one.PathOf(LabSet.Cifar10));
        Assert.Null(one.PathOf(LabSet.FashionMnist));
        Assert.Equal(
            $"synthetic garments (embedded; no Fashion-MNIST in {_folder.Path}: expected the folder fashion-mnist)",
            one.Describe(LabSet.FashionMnist));
        Assert.Null(one.PathOf(LabSet.Banknotes));

        Put("fashion-mnist/t10k-images-idx3-ubyte.gz");
        Put("rmb/1/a.jpg");
        Put("rmb/100/b.jpg");
        LabData all = LabData.Find(_folder.Path);
        Assert.Equal(Where("cifar-10-binary.tar.gz"), all.PathOf(LabSet.Cifar10));
        Assert.Equal(Where("fashion-mnist"), all.PathOf(LabSet.FashionMnist));
        Assert.Equal(Where("rmb"), all.PathOf(LabSet.Banknotes));
        Assert.Equal($"photographs of banknotes ({Where("rmb")})", all.Describe(LabSet.Banknotes));
    }

    [Theory]
    [InlineData("rmb/1/a.jpg rmb/100/b.jpg", "rmb", "banknotes")]
    [InlineData("train-labels-idx1-ubyte", "", "fashion-mnist")]
    [InlineData("fashion-mnist/train-labels-idx1-ubyte.gz", "fashion-mnist", "fashion-mnist")]
    [InlineData("cifar-10-binary.tar.gz", "cifar-10-binary.tar.gz", "cifar-10")]
    [InlineData("cifar-10-batches-bin/data_batch_1.bin", "cifar-10-batches-bin", "cifar-10")]
    public void The_folder_may_be_the_set_itself(string files, string asked, string set)
    {
        foreach (string file in files.Split(' ')) Put(file);
        LabData data = LabData.Find(Where(asked));
        Assert.All(LabSet.All, each => Assert.Equal(
            each.Name == set ? Path.TrimEndingDirectorySeparator(Where(asked)) : null, data.PathOf(each)));
    }

    [Fact]
    public void A_folder_with_none_of_the_sets_is_an_error_that_names_them_all()
    {
        Put("rmb/1/a.jpg");
        LabException error = Assert.Throws<LabException>(() => LabData.Find(_folder.Path));
        Assert.False(error.IsUsage);
        Assert.All(LabSet.All, set => Assert.Contains(set.Expected, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void The_identity_changes_with_the_files_of_the_set_only()
    {
        for (int i = 0; i < 12; i++) Put($"rmb/{(i % 2 == 0 ? 1 : 100)}/{i}.jpg");
        string before = LabData.Find(_folder.Path).Of(LabSet.Banknotes).Identity;
        Put("rmb/README");
        Assert.Equal(before, LabData.Find(_folder.Path).Of(LabSet.Banknotes).Identity);
        File.WriteAllText(Where("rmb/1/0.jpg"), "another");
        Assert.NotEqual(before, LabData.Find(_folder.Path).Of(LabSet.Banknotes).Identity);
    }

    [Fact]
    public void The_variable_and_the_cache_of_downloads_serve_where_no_folder_is_given()
    {
        Put("variable/cifar-10-batches-bin/data_batch_1.bin");
        using (LabProcess lab = LabProcess.Start(["data", "path"], ("EVENKEEL_DATA", Where("variable"))))
        {
            Assert.Equal(0, lab.Wait());
            Assert.Equal(
                $"cifar-10\t{Where("variable/cifar-10-batches-bin")}\nfashion-mnist\tembedded\nbanknotes\tembedded\n",
                lab.Output);
        }

        Assert.SkipWhen(OperatingSystem.IsMacOS(), "the cache folder cannot be moved");
        string folder = OperatingSystem.IsWindows() ? "LOCALAPPDATA" : "XDG_CACHE_HOME";
        Put("cache/evenkeel/fashion-mnist/train-images-idx3-ubyte.gz");
        using (LabProcess lab = LabProcess.Start(["data", "path"], (folder, Where("cache"))))
        {
            Assert.Equal(0, lab.Wait());
            Assert.Equal(
                $"cifar-10\tembedded\nfashion-mnist\t{Where("cache/evenkeel/fashion-mnist")}\nbanknotes\tembedded\n",
                lab.Output);
        }

        // Before the first download the folder of downloads is empty, or not there yet: the list
        // says so and how to fill it.
        Directory.CreateDirectory(Where("empty"));
        foreach (string named in new[] { "empty", "not-yet" })
        {
            using LabProcess list = LabProcess.Start(["data", "list"], ("EVENKEEL_DATA", Where(named)));
            Assert.Equal((0, ""), (list.Wait(), list.Error));
            Assert.Contains(
                "evenkeel data fetch fashion-mnist", list.Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
            using LabProcess path = LabProcess.Start(["data", "path"], ("EVENKEEL_DATA", Where(named)));
            Assert.NotEqual(0, path.Wait());
            Assert.StartsWith("evenkeel data path: EVENKEEL_DATA: expected ", path.Error, StringComparison.Ordinal);
        }

        // A folder that was given is the only one that counts.
        using LabProcess given = LabProcess.Start(
            ["data", "path", "--data", Where("variable")], (folder, Where("cache")));
        Assert.Equal(0, given.Wait());
        Assert.Contains("fashion-mnist\tembedded", given.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Banknotes_that_cannot_be_decoded_are_left_out_and_counted_on_request()
    {
        foreach (string name in new[] { "1/a", "1/b", "100/c" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Where(name))!);
            ImageFile.WritePng(Where(name + ".png"), new ByteImage(new byte[300], 3, 10, 10));
        }

        Put("1/bad.png");
        Assert.Contains("--skip-bad",
            Assert.Throws<InvalidDataException>(() => Notes(skipBad: false)).Message, StringComparison.Ordinal);
        BanknoteImages notes = Notes(skipBad: true);
        Assert.Equal([0, 0, 1], notes.Images.Labels.ToArray());
        Assert.EndsWith("; 1 that cannot be decoded is left out (1/bad.png)", notes.Summary, StringComparison.Ordinal);

        Assert.Contains("got 3: ",
            Assert.Throws<LabException>(() => notes.Split(isGrouped: false, 1)).Message, StringComparison.Ordinal);

        // Another class would be a third output that the net does not have.
        Directory.CreateDirectory(Where("5"));
        ImageFile.WritePng(Where("5/d.png"), new ByteImage(new byte[300], 3, 10, 10));
        Assert.Contains("got 1, 100, 5",
            Assert.Throws<InvalidDataException>(() => Notes(skipBad: true)).Message, StringComparison.Ordinal);

        BanknoteImages Notes(bool skipBad) => BanknoteImages.Load(_folder.Path,
            skipBad, new Progress<double>(), TestContext.Current.CancellationToken, cacheFolder: Where(".cache"));
    }

    private string Where(string file) => Path.GetFullPath(Path.Combine(_folder.Path, file));

    private void Put(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Where(file))!);
        File.WriteAllText(Where(file), "x");
    }
}
