using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Lab;
using Evenkeel.Lab.Experiments;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Images;

/// <summary>What is shown, what is trained on and what the recorded identity counts are the same files.</summary>
public sealed class ImageFolderListingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Root => _folder.File("rmb");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shown_trained_on_and_counted_are_the_same_files()
    {
        string[] pictures = ["1/a.png", "1/deep/er/b.PNG", "100/10.png", "100/2.png"];
        foreach (string name in pictures) Put(name);
        string identity = Identity();
        Assert.StartsWith("4 files, ", identity, StringComparison.Ordinal);

        // None of these is a picture of a class: nothing that is shown, trained on or counted changes with them.
        string[] others =
        [
            "__MACOSX/1/._a.png", ".git/x.png", "1/.thumbnails/a.png", "1/._a.png", "1/__MACOSX/a.png",
            "100/@eaDir/2.png", "1/notes.txt", "1/old.tif",
            "loose.png", "lost+found/z.png",
        ];
        foreach (string name in others) Put(name);
        Assert.Equal(identity, Identity());
        ImageFolderListing listing = ImageFolderListing.Of(Root);
        Assert.Equal(["1", "100"], listing.ClassNames);
        Assert.Equal(pictures, listing.Files.Select(static file => file.Name));
        Assert.Equal([0, 0, 1, 1], listing.Files.Select(static file => file.Label));
        Assert.Equal(
            [".git/", "1/._a.png", "1/.thumbnails/", "1/__MACOSX/", "1/notes.txt", "1/old.tif", "100/@eaDir/",
                "__MACOSX/", "loose.png", "lost+found/"],
            listing.PassedOver);
        ImageFolder trained = ImageFolder.Load(Root, new ImageFolderOptions { Cache = false });
        Assert.Equal(pictures, trained.Images.Select(static image => image.File));
        Assert.Equal(identity, trained.Listing.Identity);
        ShownSet shown = ShownSet.Open(Root, data: null, seed: 1, perClass: 1, skipBad: false);
        Assert.Equal(["1", "100"], shown.ClassNames);
        Assert.Equal(["a", "b", "2", "10"], Enumerable.Range(0, 4).Select(shown.Caption));

        // Each of these is one: everything changes.
        string before = Identity();
        foreach (Action change in (Action[])[
            () => Put("1/deep/c.png"), () => Put("5/d.png"),
                () => File.AppendAllText(Path.Combine(Root, "1/deep/er/b.PNG"), "x"),
            () => File.Delete(Path.Combine(Root, "100/2.png"))])
        {
            change();
            Assert.NotEqual(before, Identity());
            Assert.Equal(Identity(), ImageFolderListing.Of(Root).Identity);
            before = Identity();
        }
    }

    [Fact]
    public void A_folder_without_classes_or_pictures_is_refused_by_all_who_read_it()
    {
        Put("1/a.png");
        Put("100/old.tif");
        foreach (Action read in (Action[])[() => ImageFolder.Load(Root),
            () => ImageFolderListing.Of(Root).RequirePictures()])
            Assert.Contains("found only others (100/old.tif). Fill it or remove it.",
                Assert.Throws<InvalidDataException>(read).Message, StringComparison.Ordinal);
        Assert.Contains("100/old.tif",
            Assert.Throws<LabException>(() => ShownSet.Open(Root, null, 1, 1, false)).Message,
            StringComparison.Ordinal);
        Assert.Throws<DirectoryNotFoundException>(() => ImageFolderListing.Of(_folder.File("absent")));
    }

    [Fact]
    public void A_link_to_itself_is_listed_and_does_not_end_the_listing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        Directory.CreateDirectory(Path.Combine(Root, "self"));
        string link = Path.Combine(Root, "self", "a.png");
        File.CreateSymbolicLink(link, link);
        ImageFolderFile listed = ImageFolderListing.Of(Root).Files.Single(file => file.Name == "self/a.png");
        Assert.Equal(0, listed.Bytes);
    }

    [Fact]
    public void Links_that_go_round_in_a_circle_end()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        Put("1/a.png");
        Directory.CreateSymbolicLink(Path.Combine(Root, "1", "again"), Path.Combine(Root, "1"));
        // The class folder and eight below it.
        Assert.Equal(9, ImageFolderListing.Of(Root).Files.Count);
    }

    private string Identity() => LabData.Find(_folder.Path).Of(LabSet.Banknotes).Identity;

    private void Put(string name)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        ImageFile.WritePng(path, new ByteImage(new byte[12], 3, 2, 2));
    }
}
