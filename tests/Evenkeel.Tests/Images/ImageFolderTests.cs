using System.Diagnostics;
using System.Security.Cryptography;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Images;

public sealed class ImageFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public ImageFolderTests() => Options = new ImageFolderOptions { CacheFolder = _folder.File("cache") };

    public void Dispose() => _folder.Dispose();

    private ImageFolderOptions Options { get; }

    private string Root => _folder.File("set");

    private string Put(string name, byte value = 1, int height = 2, int width = 3, int channels = 3)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var pixels = new byte[channels * height * width];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)(value + i);
        ImageFile.WritePng(path, new ByteImage(pixels, channels, height, width));
        return path;
    }

    private string PutText(string name, string text)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    [Fact]
    public void Classes_and_pictures_come_in_ordinal_order()
    {
        foreach (string name in new[] { "b/2.png", "b/10.PNG", "b/deep/1.png", "B/1.png", "1/x.png", "100/y.png" })
            Put(name);
        PutText("b/notes.txt", "no picture");
        PutText("b/.hidden.png", "no picture");
        PutText(".git/x.png", "no class");
        PutText("loose.png", "in no class");
        ImageFolder folder = ImageFolder.Load(Root, Options);
        Assert.Equal(["1", "100", "B", "b"], folder.ClassNames);
        Assert.Equal(["1/x.png", "100/y.png", "B/1.png", "b/10.PNG", "b/2.png", "b/deep/1.png"],
            folder.Images.Select(image => image.File));
        Assert.Equal([0, 1, 2, 3, 3, 3], folder.Images.Select(image => image.Label));
        Assert.Equal("set: 6 pictures, 4 classes", folder.ToString());
        ImageSet set = folder.ToSet();
        Assert.Equal((6, 3, 2, 3), (set.Count, set.Channels, set.Height, set.Width));
        Assert.Equal(folder.Images[5].Image.Pixels, set.Image(5).ToArray());
    }

    [Fact]
    public void Gray_and_colour_become_the_same()
    {
        Put("a/1.png", channels: 1);
        Put("a/2.png", value: 100);
        ImageFolder colour = ImageFolder.Load(Root, Options),
            gray = ImageFolder.Load(Root, Options with { Channels = 1 }),
            as_is = ImageFolder.Load(Root, Options with { Channels = null });
        Assert.Equal([3, 3], colour.Images.Select(image => image.Image.Channels));
        Assert.Equal([1, 1], gray.Images.Select(image => image.Image.Channels));
        Assert.Equal([1, 3], as_is.Images.Select(image => image.Image.Channels));
        Assert.Equal([.. Enumerable.Repeat(Enumerable.Range(1, 6).Select(v => (byte)v), 3).SelectMany(v => v)],
            colour.Images[0].Image.Pixels);
        // 0.299 · 100 + 0.587 · 106 + 0.114 · 112
        Assert.Equal(105, gray.Images[1].Image.Pixels[0]);
    }

    [Fact]
    public void Mixed_sizes_need_a_size()
    {
        Put("a/1.png");
        Put("a/2.png", height: 5, width: 4);
        string message = Assert.Throws<InvalidDataException>(() => ImageFolder.Load(Root, Options).ToSet()).Message;
        foreach (string part in new[] { "3x2x3 (a/1.png)", "3x5x4 (a/2.png)", "Give a height and a width" })
            Assert.Contains(part, message, StringComparison.Ordinal);
        ImageSet set = ImageFolder.Load(Root, Options with { Height = 4, Width = 6 }).ToSet("scaled");
        Assert.Equal((2, 4, 6, "scaled"), (set.Count, set.Height, set.Width, set.Name));
        Assert.Equal(
            ImageResize.Bilinear(ImageFile.Read(Path.Combine(Root, "a/2.png")), 4, 6).Pixels, set.Image(1).ToArray());
        ImageFolder prepared = ImageFolder.Load(
            Root, Options with { Prepare = image => new ByteImage([image.Pixels[0]], 1, 1, 1) });
        Assert.Equal((2, 1, 1), (prepared.ToSet().Count, prepared.ToSet().Height, prepared.ToSet().Width));
    }

    [Fact]
    public void Folders_that_are_no_set_are_named()
    {
        Assert.Contains(
            "found nothing", Assert.Throws<DirectoryNotFoundException>(() => ImageFolder.Load(Root, Options)).Message,
            StringComparison.Ordinal);
        Directory.CreateDirectory(Root);
        Check("expected one sub-folder per class", "found none.");
        PutText("1.jpg", "x");
        Check("found none (1 pictures lie in it directly");
        Put("b/1.png");
        PutText("a/readme.md", "x");
        Check(Path.Combine(Root, "a"),
            "expected pictures (.bmp, .gif, .jpeg, .jpg, .pgm, .png, .ppm, .webp) in the class folder");

        void Check(params string[] expected)
        {
            string message = Assert.Throws<InvalidDataException>(() => ImageFolder.Load(Root, Options)).Message;
            foreach (string part in expected) Assert.Contains(part, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_bad_picture_is_named_or_skipped_and_listed()
    {
        for (int i = 0; i < 20; i++) Put($"a/{i:D2}.png");
        string bad = PutText("a/05.png", "II*\0"), worse = PutText("a/15.png", "");
        for (int i = 0; i < 5; i++)
        {
            string message = Assert.Throws<InvalidDataException>(() => ImageFolder.Load(Root, Options)).Message;
            Assert.Contains($"\"{bad}\" cannot be decoded: expected JPEG, PNG, WebP, GIF, BMP or PPM/PGM, got a TIFF " +
                "picture. Convert it to PNG, for example with ImageMagick: magick FILE FILE.png.", message,
                StringComparison.Ordinal);
            Assert.Contains("--skip-bad", message, StringComparison.Ordinal);
        }

        foreach (bool fromCache in new[] { false, true })
        {
            ImageFolder folder = ImageFolder.Load(Root, Options with { SkipBad = true });
            Assert.Equal((18, fromCache), (folder.Count, folder.FromCache));
            Assert.Equal([new BadImage("a/05.png", "expected JPEG, PNG, WebP, GIF, BMP or PPM/PGM, got a TIFF " +
                "picture. Convert it to PNG, for example with ImageMagick: magick FILE FILE.png"),
                new BadImage("a/15.png", "it is empty")], folder.Bad);
            Assert.Equal("set: 18 pictures, 1 classes, 2 left out", folder.ToString());
        }

        PutText("b/1.png", "x");
        Assert.Contains(
            "at least one picture of class b",
            Assert.Throws<InvalidDataException>(() => ImageFolder.Load(Root, Options with { SkipBad = true })).Message,
            StringComparison.Ordinal);
        Assert.True(File.Exists(worse));
    }

    [Fact]
    public void The_cache_notices_what_changed()
    {
        Put("a/1.png");
        Put("b/1.png", value: 9);
        Assert.False(Load().FromCache);
        ImageFolder again = Load();
        Assert.True(again.FromCache);
        Assert.Equal([10, 11], again.Images[1].Image.Pixels[1..3]);
        Assert.Equal(["a", "b"], again.ClassNames);

        // Added, removed, changed: the same number of bytes, but another time.
        Put("a/0.png", value: 50);
        Check(3, Load());
        File.Delete(Path.Combine(Root, "a/0.png"));
        Check(2, Load());
        string path = Put("a/1.png", value: 77);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(5));
        ImageFolder changed = Load();
        Assert.Equal((77, false), (changed.Images[0].Image.Pixels[0], changed.FromCache));

        // Other options are another file; without a cache none is written.
        Assert.False(ImageFolder.Load(Root, Options with { Channels = 1 }).FromCache);
        Assert.True(Load().FromCache);
        Assert.Equal(2, Directory.GetFiles(_folder.File("cache")).Length);
        ImageFolder.Load(Root, Options with { Cache = false, CacheFolder = _folder.File("none") });
        Assert.False(Directory.Exists(_folder.File("none")));
        Assert.DoesNotContain(Directory.GetFiles(Root, "*", SearchOption.AllDirectories),
            file => !file.EndsWith(".png", StringComparison.Ordinal));

        ImageFolder Load() => ImageFolder.Load(Root, Options);

        static void Check(int count, ImageFolder folder) =>
            Assert.Equal((count, false), (folder.Count, folder.FromCache));
    }

    /// <summary>A link keeps its own length and time when the file behind it changes.</summary>
    [Fact]
    public void The_cache_notices_a_change_behind_a_link()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a permission there");
        Put("a/1.png");
        string source = _folder.File("elsewhere.png");
        File.Copy(Put("a/2.png", value: 5), source);
        File.CreateSymbolicLink(Path.Combine(Root, "a/3.png"), source);
        Assert.Equal(5, ImageFolder.Load(Root, Options).Images[2].Image.Pixels[0]);
        Assert.True(ImageFolder.Load(Root, Options).FromCache);
        // Nothing in the folder itself changes.
        ImageFile.WritePng(source, new ByteImage([.. Enumerable.Repeat((byte)60, 18)], 3, 2, 3));
        File.SetLastWriteTimeUtc(source, DateTime.UtcNow.AddSeconds(9));
        Assert.Equal(60, ImageFolder.Load(Root, Options).Images[2].Image.Pixels[0]);
        File.Delete(source);
        string message = Assert.Throws<InvalidDataException>(() => ImageFolder.Load(Root, Options)).Message;
        Assert.Contains(Path.Combine(Root, "a/3.png"), message, StringComparison.Ordinal);
        Assert.Contains($"it is a link to \"{source}\", where there is no file", message, StringComparison.Ordinal);
        ImageFolder rest = ImageFolder.Load(Root, Options with { SkipBad = true });
        Assert.Equal(2, rest.Count);
        Assert.Equal("a/3.png", Assert.Single(rest.Bad).File);
    }

    [Fact]
    public void A_file_whose_name_is_not_UTF8_is_named_or_skipped()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "other systems have no such names");
        Put("a/1.png");
        Put("a/2.png");
        Rename("2.png", "$(printf 'caf\\351.png')");
        string message = Assert.Throws<InvalidDataException>(() => ImageFolder.Load(Root, Options)).Message;
        Assert.Contains("caf\uFFFD.png", message, StringComparison.Ordinal);
        Assert.Contains("its name is not UTF-8", message, StringComparison.Ordinal);
        Assert.Contains("--skip-bad", message, StringComparison.Ordinal);
        ImageFolder rest = ImageFolder.Load(Root, Options with { SkipBad = true });
        Assert.Equal(("a/1.png", "a/caf\uFFFD.png"), (Assert.Single(rest.Images).File, Assert.Single(rest.Bad).File));
        // .NET can remove no such file either.
        Rename("$(printf 'caf\\351.png')", "2.png");

        // A name of bytes that are no text takes a shell.
        void Rename(string from, string to)
        {
            var start = new ProcessStartInfo("/bin/sh", ["-c", $"mv \"{from}\" \"{to}\""])
            {
                WorkingDirectory = Path.Combine(Root, "a"),
            };
            using Process shell = Process.Start(start)!;
            shell.WaitForExit();
            Assert.Equal(0, shell.ExitCode);
        }
    }

    [Fact]
    public void A_damaged_cache_is_made_anew()
    {
        Put("a/1.png");
        Put("b/1.png", value: 9);
        ImageFolder first = ImageFolder.Load(Root, Options);
        string file = Assert.Single(Directory.GetFiles(_folder.File("cache")));
        byte[] good = File.ReadAllBytes(file);
        for (int at = 0; at < good.Length; at += at < 80 ? 5 : 3)
        {
            byte[] bytes = [.. good];
            bytes[at] ^= (byte)(at % 2 == 0 ? 0x80 : 1);
            File.WriteAllBytes(file, bytes);
            Same(ImageFolder.Load(Root, Options));
            Assert.Equal(good, File.ReadAllBytes(file));
        }

        for (int length = 0; length < good.Length; length += 7)
        {
            File.WriteAllBytes(file, good[..length]);
            Same(ImageFolder.Load(Root, Options));
        }

        File.WriteAllBytes(file, [.. good, 0]);
        Same(ImageFolder.Load(Root, Options));
        Assert.True(ImageFolder.Load(Root, Options).FromCache);

        void Same(ImageFolder folder)
        {
            Assert.False(folder.FromCache);
            Assert.Equal(
                first.Images.Select(image => image.Image.Pixels), folder.Images.Select(image => image.Image.Pixels));
        }
    }

    [Fact]
    public void A_cache_that_cannot_be_written_only_costs_time()
    {
        Put("a/1.png");
        File.WriteAllText(_folder.File("file"), "");
        Assert.Equal(1, ImageFolder.Load(Root, Options with { CacheFolder = _folder.File("file/below") }).Count);
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused()
    {
        Put("a/1.png");
        foreach (ImageFolderOptions options in new[]
        {
            Options with { Height = 3 }, Options with { Height = 0, Width = 3 },
            Options with { Height = 100_000, Width = 100_000 }, Options with { Channels = 2 },
            Options with { Height = 3, Width = 3, Prepare = image => image }, Options with { Fit = ImageFit.Crop },
        })
        {
            Assert.Throws<ArgumentException>(() => ImageFolder.Load(Root, options));
        }

        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(
            () => ImageFolder.Load(Root, Options, cancellationToken: cancelled.Token));
    }

    [Fact]
    public void The_banknotes_are_decoded_as_Pillow_does()
    {
        string path = RealData.Require("rmb");
        var clock = Stopwatch.StartNew();
        ImageFolder folder = ImageFolder.Load(path, Options);
        double decoded = clock.Elapsed.TotalSeconds;
        Assert.Equal((266, 134, 132), (folder.Count,
            folder.Images.Count(image => image.Label == 0), folder.Images.Count(image => image.Label == 1)));
        Assert.Equal(["1", "100"], folder.ClassNames);
        Assert.Equal("1/1-1.jpg", folder.Images[0].File);
        Assert.Equal("3x2368x4208", folder.Images.Single(image => image.File == "100/100-9.jpg").Image.ToString());

        // SHA-256 of all planes in this order, by Pillow 9.4 with libjpeg-turbo 2.1.5:
        // np.array(image.convert("RGB")).transpose(2, 0, 1).
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (FolderImage image in folder.Images) hash.AppendData(image.Image.Pixels);
        Assert.Equal("50d42c16825c9492eeed0309344c531b38c5a0a19dd7b84cae874f9135f99247",
            Convert.ToHexStringLower(hash.GetHashAndReset()));

        clock.Restart();
        Assert.True(ImageFolder.Load(path, Options).FromCache);
        double whole = clock.Elapsed.TotalSeconds;
        clock.Restart();
        ImageSet set = ImageFolder.Load(path, Options with { Height = 32, Width = 32 }).ToSet();
        double scaled = clock.Elapsed.TotalSeconds;
        clock.Restart();
        ImageFolder small = ImageFolder.Load(path, Options with { Height = 32, Width = 32 });
        double again = clock.Elapsed.TotalSeconds;
        Assert.True(small.FromCache);
        Assert.Equal(set.Pixels.ToArray(), small.ToSet().Pixels.ToArray());
        TestContext.Current.SendDiagnosticMessage($"266 photographs: decoded in {decoded:F2} s, from the cache in "
            + $"{whole * 1e3:F0} ms; scaled to 32x32 in {scaled:F2} s, from the cache in {again * 1e3:F1} ms");
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        Compute.Threads = 1;
        Assert.Equal(set.Pixels.ToArray(),
            ImageFolder.Load(path, Options with { Height = 32, Width = 32, Cache = false }).ToSet().Pixels.ToArray());

        Assert.True(again < 1, $"{again:F2} s from the cache");
    }
}
