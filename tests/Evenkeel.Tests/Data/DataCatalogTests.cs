using Evenkeel.Data;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class DataCatalogTests
{
    [Fact]
    public void Knows_the_official_addresses_and_checksums()
    {
        Assert.Equal(["fashion-mnist", "cifar-10"], DataCatalog.Entries.Select(entry => entry.Name));
        CatalogEntry fashion = DataCatalog.EntryOf("fashion-mnist")!;
        Assert.Equal("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
            fashion.Files[3].Address.AbsoluteUri);
        Assert.Equal("fashion-mnist/t10k-labels-idx1-ubyte.gz", fashion.Files[3].Name);
        Assert.Equal(30_878_645, fashion.Bytes);
        Assert.Equal("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            DataCatalog.EntryOf("cifar-10")!.Files[0].Address.AbsoluteUri);
        Assert.All(
            DataCatalog.Entries.SelectMany(entry => entry.Files), file => Assert.Matches("^[0-9a-f]{32}$", file.Md5));
        Assert.Null(DataCatalog.EntryOf("imagenet"));
    }

    [Fact]
    public void Finds_what_is_there()
    {
        using var folder = new TempFolder();
        Assert.Null(DataCatalog.Find("cifar-10", folder.Path));
        Assert.Null(DataCatalog.Find("fashion-mnist", folder.File("absent")));
        File.WriteAllBytes(folder.File("cifar-10-binary.tar.gz"), new byte[5]);
        DataLocation found = DataCatalog.Find("cifar-10", folder.Path)!;
        Assert.Equal(new DataLocation("cifar-10", folder.File("cifar-10-binary.tar.gz"), 5, folder.Path), found);
        Assert.Contains(
            "expected one of fashion-mnist, cifar-10, got mnist",
            Assert.Throws<ArgumentException>(() => DataCatalog.Find("mnist", folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_users_folder_is_an_absolute_path_of_our_own()
    {
        Assert.True(Path.IsPathFullyQualified(DataCatalog.UserFolder));
        Assert.Contains("evenkeel", Path.GetFileName(DataCatalog.UserFolder), StringComparison.Ordinal);
    }
}
