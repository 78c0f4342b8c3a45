using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Writes_and_replaces()
    {
        string path = _folder.File("result.json");
        AtomicFile.WriteText(path, "first, longer");
        AtomicFile.WriteText(path, "zweite é");
        Assert.Equal("zweite é"u8.ToArray(), File.ReadAllBytes(path));
        Assert.Equal(["result.json"], _folder.Names);
    }

    [Fact]
    public void A_failure_leaves_the_old_file_and_nothing_else()
    {
        string path = _folder.File("model.safetensors");
        AtomicFile.WriteText(path, "old");
        Assert.Equal("mine", Assert.Throws<NotSupportedException>(() => AtomicFile.Write(path, static stream =>
        {
            stream.Write(new byte[100_000]);
            throw new NotSupportedException("mine");
        })).Message);
        var full = Assert.Throws<IOException>(() => AtomicFile.Write(path, static stream =>
        {
            stream.Write(new byte[10]);
            throw new IOException("No space left on device");
        }));
        Assert.Contains(path, full.Message, StringComparison.Ordinal);
        Assert.Contains("unchanged", full.Message, StringComparison.Ordinal);
        Assert.Contains("No space left", full.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["model.safetensors"], _folder.Names);
    }

    [Fact]
    public void A_real_full_device_is_reported()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "there is no /dev/full here");
        string path = _folder.File("model.safetensors");
        AtomicFile.WriteText(path, "old");
        var archive = new TensorArchive();
        archive.Add("weight", Tensor.Ones([1000]));
        Assert.Throws<IOException>(() => AtomicFile.Write(path, _ =>
        {
            using var device = new FileStream("/dev/full", FileMode.Open, FileAccess.Write);
            SafeTensors.Write(device, archive);
            device.Flush();
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["model.safetensors"], _folder.Names);
    }

    [Fact]
    public void Missing_folders_and_folders_are_named()
    {
        Assert.Contains(
            "does not exist. Create it first",
            Assert.Throws<DirectoryNotFoundException>(
                () => AtomicFile.WriteText(_folder.File("no/such.txt"), "")).Message,
            StringComparison.Ordinal);
        Assert.Contains("got the folder",
            Assert.Throws<IOException>(() => AtomicFile.WriteText(_folder.Path, "")).Message, StringComparison.Ordinal);
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void A_link_stays_a_link()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        AtomicFile.WriteText(_folder.File("target"), "old");
        File.CreateSymbolicLink(_folder.File("link"), _folder.File("target"));
        AtomicFile.WriteText(_folder.File("link"), "new");
        Assert.Equal("new", File.ReadAllText(_folder.File("target")));
        Assert.NotNull(new FileInfo(_folder.File("link")).LinkTarget);
    }
}
