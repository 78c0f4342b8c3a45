using System.Text;
using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Images;

public sealed class PictureDataTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public PictureDataTests() => Options = new PictureOptions { Cache = false };

    public void Dispose() => _folder.Dispose();

    private PictureOptions Options { get; }

    private PictureOptions OnTheWay => Options with { MostBytesInMemory = 0 };

    private string Root => _folder.File("set");

    private string Put(string name, int height = 6, int width = 9, byte value = 0)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        byte[] pixels = [.. Enumerable.Range(0, 3 * height * width).Select(i => (byte)(value + i * 7))];
        ImageFile.WritePng(path, new ByteImage(pixels, 3, height, width));
        return path;
    }

    private string PutList(string text)
    {
        string path = Path.Combine(Root, "list.csv");
        File.WriteAllText(path, text);
        return path;
    }

    private void PutSet(int perClass = 5)
    {
        for (int i = 0; i < perClass; i++)
        {
            Put($"cat/{i}.png", 6 + i, 9, (byte)(i * 3));
            Put($"dog/{i}.png", 7, 5 + i, (byte)(i * 11));
        }
    }

    [Fact]
    public void A_set_on_the_way_gives_the_same_batches_as_one_in_memory()
    {
        PutSet();
        PictureOptions small = Options with { Height = 4, Width = 5 };
        PictureData kept = PictureData.Open(Root, small),
            lazy = PictureData.Open(Root, small with { MostBytesInMemory = 4 * 5 * 3 * 10 - 1, Workers = 2 });
        Assert.NotNull(kept.Images);
        Assert.Null(lazy.Images);
        Assert.Equal((1, 2), (kept.LoaderWorkers, lazy.LoaderWorkers));
        Assert.Equal(["cat", "dog"], lazy.ClassNames);
        Assert.Equal(["cat/0.png", "cat/1.png"], lazy.Files.Take(2));
        Assert.Equal(kept.Files, lazy.Files);
        Assert.Equal(kept.Labels, lazy.Labels);
        Assert.Equal([3, 4, 5], lazy.Dataset.SampleShape.ToArray());
        Transform[] augmented = [new RandomHorizontalFlip(), new ToTensor(), Normalize.ImageNet];
        foreach ((IDataset one, IDataset other) in new[]
            { (kept.Dataset, lazy.Dataset), (kept.With(augmented, 3), lazy.With(augmented, 3)) })
        {
            using var first = new DataLoader(one, 4, shuffle: true, seed: 5, workers: 0);
            using var second = new DataLoader(other, 4, shuffle: true, seed: 5, workers: lazy.LoaderWorkers);
            Assert.Equal(first.Select(Content), second.Select(Content));
        }

        static string Content(Batch batch) =>
            string.Join(' ', batch.Inputs.ToArray<float>()) + "|" + string.Join(' ', batch.Targets.ToArray<long>());
    }

    [Fact]
    public void A_picture_covers_the_size_and_its_middle_is_cut_out()
    {
        string path = Put("a/wide.png", 6, 13);
        ByteImage image = ImageFile.Read(path), scaled = ImageResize.Bilinear(image, 4, 8);
        ByteImage cut = new PicturePreparation(4, 4).Decode(path);
        for (int i = 0; i < 3 * 4 * 4; i++)
            Assert.Equal(scaled.Pixels[i / 4 * 8 + 2 + i % 4], cut.Pixels[i]);
        Assert.Equal((1, 3, 9), SizeOf(new PicturePreparation(3, 9, 1).Decode(path)));
        Assert.Equal((3, 9, 3), SizeOf(new PicturePreparation(9, 3).Decode(path)));
        // The size is its own: no pixel changes.
        Assert.Equal(image.Pixels, new PicturePreparation(6, 13).Decode(path).Pixels);

        static (int, int, int) SizeOf(ByteImage image) => (image.Channels, image.Height, image.Width);
    }

    [Fact]
    public void A_preparation_is_stored_and_read_back()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream)) new PicturePreparation(224, 160, 1).Write(json);
        string text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.Equal("""{"height":224,"width":160,"channels":1}""", text);
        Assert.Equal(new PicturePreparation(224, 160, 1), PicturePreparation.Read(JsonElement.Parse(text)));
        string[] wrong =
        [
            "[]", "{}", """{"height":1,"width":1}""", """{"height":0,"width":1,"channels":3}""",
            """{"height":1,"width":1.5,"channels":3}""", """{"height":1,"width":1,"channels":2}""",
        ];
        foreach (string bad in wrong)
            Assert.Throws<InvalidDataException>(() => PicturePreparation.Read(JsonElement.Parse(bad)));
    }

    /// <summary>What predicts is prepared as what was learned, pixel by pixel.</summary>
    [Fact]
    public void A_file_is_prepared_as_in_the_set()
    {
        PutSet();
        PictureData set = PictureData.Open(Root, Options with { Height = 4, Width = 4, Channels = 1 });
        for (int i = 0; i < set.Count; i++)
        {
            byte[] pixels = set.Preparation.Decode(Path.Combine(Root, set.Files[i])).Pixels;
            Assert.Equal(set.Images!.Image(i).ToArray(), pixels);
            Assert.Equal(pixels, set.Pictures[i].Pixels);
        }
    }

    /// <summary>
    /// A large photograph is decoded at a quarter, which is not the same as decoding all of it, and nearly.
    /// </summary>
    [Fact]
    public void A_large_JPEG_is_decoded_smaller_and_looks_the_same()
    {
        string path = RealData.Require("rmb/100/100-9.jpg");
        ByteImage image = ImageFile.Read(path);
        var preparation = new PicturePreparation(224, 224);
        ByteImage fast = preparation.Decode(path), slow = preparation.Apply(image);
        double difference = fast.Pixels.Zip(slow.Pixels, static (a, b) => Math.Abs(a - b)).Average();
        Assert.InRange(difference, 0.001, 2);
        // Less than four times as large: every pixel is decoded.
        var large = new PicturePreparation(image.Height / 4 + 1, image.Height / 4 + 1);
        Assert.Equal(large.Apply(image).Pixels, large.Decode(path).Pixels);
    }

    [Fact]
    public void Pictures_of_different_sizes_need_a_size()
    {
        Put("a/1.png", 6, 9);
        Put("a/2.png", 6, 9);
        foreach (PictureOptions options in new[] { Options, OnTheWay })
            Assert.Equal("set: 2 pictures of 3x6x9, 1 classes", PictureData.Open(Root, options).ToString());
        Put("b/1.png", 9, 6);
        foreach (PictureOptions options in new[] { Options, OnTheWay })
        {
            string message = Assert.Throws<InvalidDataException>(() => PictureData.Open(Root, options)).Message;
            Assert.Contains("got 6 x 9 (a/1.png) and 9 x 6 (b/1.png). Give a height and a width", message,
                StringComparison.Ordinal);
            Assert.Equal(3, PictureData.Open(Root, options with { Height = 2, Width = 2 }).Count);
        }

        PictureOptions[] contradicting =
        [
            Options with { Height = 2 }, Options with { Channels = 2 }, Options with { Height = 0, Width = 1 },
            Options with { MostBytesInMemory = -1 }, Options with { Workers = 0 },
        ];
        foreach (PictureOptions options in contradicting)
            Assert.Throws<ArgumentException>(() => PictureData.Open(Root, options));
    }

    [Fact]
    public void A_bad_picture_is_named_or_left_out_and_counted_before_training()
    {
        PutSet();
        string bad = Put("cat/bad.png");
        File.WriteAllText(bad, "no picture");
        foreach (PictureOptions options in new[] { Options, OnTheWay })
        {
            PictureOptions small = options with { Height = 4, Width = 4 };
            string message = Assert.Throws<InvalidDataException>(() => PictureData.Open(Root, small)).Message;
            Assert.Contains($"\"{bad}\" cannot be decoded: expected JPEG", message, StringComparison.Ordinal);
            PictureData rest = PictureData.Open(Root, small with { SkipBad = true });
            Assert.Equal((10, "cat/bad.png"), (rest.Count, Assert.Single(rest.Bad).File));
            Assert.Contains(rest.Notes, static note =>
                note.StartsWith("1 file is left out, because they cannot be decoded: cat/bad.png (expected JPEG",
                    StringComparison.Ordinal));
        }
    }

    /// <summary>The beginning of such a file is right: without SkipBad it is found when a batch needs it.</summary>
    [Fact]
    public void A_cut_picture_of_a_set_on_the_way_is_named_when_it_is_needed_or_left_out_before()
    {
        PutSet();
        string cut = Put("dog/0.png", 60, 90);
        File.WriteAllBytes(cut, File.ReadAllBytes(cut)[..^60]);
        PictureOptions small = OnTheWay with { Height = 4, Width = 4 };
        PictureData data = PictureData.Open(Root, small);
        using var loader = new DataLoader(data.Dataset, 4, workers: 2);
        string message = Assert.Throws<InvalidDataException>(() => loader.Count()).Message;
        Assert.Contains($"\"{cut}\" cannot be decoded as PNG: ", message, StringComparison.Ordinal);
        PictureData rest = PictureData.Open(Root, small with { SkipBad = true });
        Assert.Equal(["dog/0.png"], rest.Bad.Select(static bad => bad.File));
        Assert.Equal(9, rest.Count);
    }

    [Theory]
    [InlineData("file,label\ncat/0.png,2\ndog/1.png,10\ncat/1.png,2\n", "2 10")]
    [InlineData("cat/0.png;tame\ndog/1.png;wild\ncat/1.png;tame\n", "tame wild")]
    [InlineData("id,class,path\n1,b,cat/0.png\n2,a,dog/1.png\n3,b,cat/1.png\n", "a b")]
    [InlineData("label\tpicture\nx\tcat\\0.png\n\"a, b\"\tdog/1.png\nx\tcat/1.png\n", "a, b x")]
    public void A_list_names_files_and_classes(string text, string classes)
    {
        PutSet(2);
        PictureData data = PictureData.Open(PutList(text), Options with { Height = 4, Width = 4 });
        Assert.Equal(classes, string.Join(' ', data.ClassNames));
        Assert.Equal(["cat/0.png", "dog/1.png", "cat/1.png"], data.Files);
        Assert.Equal(data.Labels[0], data.Labels[2]);
        Assert.NotEqual(data.Labels[0], data.Labels[1]);
        byte[] dog = new PicturePreparation(4, 4).Decode(Path.Combine(Root, "dog/1.png")).Pixels;
        Assert.Equal(dog, data.Pictures[1].Pixels);
        Assert.StartsWith("The list has 3 pictures in 2 classes: ", data.Notes[0], StringComparison.Ordinal);
        Assert.StartsWith("list: 3 pictures", data.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_columns_of_a_list_may_be_named()
    {
        PutSet(1);
        string list = PutList("old.png,file,colour,kind\nx.png,cat/0.png,red,1\ny.png,dog/0.png,green,2\n");
        PictureOptions named = Options with { Height = 4, Width = 4, FileColumn = "file", LabelColumn = "colour" };
        Assert.Contains("a column \"file\"",
            Assert.Throws<InvalidDataException>(() => PictureData.Open(list, named)).Message, StringComparison.Ordinal);
        list = PutList("old,file,colour,kind\nx.png,cat/0.png,red,1\ny.png,dog/0.png,green,2\n");
        Assert.Equal(["green", "red"], PictureData.Open(list, named).ClassNames);
        Assert.Contains("one column of classes beside the paths",
            Assert.Throws<InvalidDataException>(() => PictureData.Open(list, Options)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file,label\n", "only the names of the columns")]
    [InlineData("file,label\ncat/0.png,\n", "an empty cell in line 2")]
    [InlineData("file,label\ncat,1\n", "a column of paths that end in .bmp")]
    [InlineData("cat/0.png,1\ncat/0.png\n", "as many cells in every line as in the first in ")]
    [InlineData("\n", "a line for each picture in ")]
    [InlineData("file,label\ncat/0.png,1\nnowhere.png,1\n", "nowhere.png\", found no file. (SkipBad")]
    public void What_is_wrong_with_a_list_is_said(string text, string expected)
    {
        PutSet(1);
        string list = PutList(text);
        string message = Assert.Throws<InvalidDataException>(() => PictureData.Open(list, Options)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_of_a_list_is_left_out_on_request_and_a_changed_class_is_another_set()
    {
        PutSet(1);
        string list = PutList("cat/0.png,1\nnowhere.png,1\n");
        PictureData data = PictureData.Open(list, Options with { Height = 4, Width = 4, SkipBad = true });
        Assert.Equal((1, "nowhere.png"), (data.Count, Assert.Single(data.Bad).File));
        PutList("cat/0.png,2\nnowhere.png,1\n");
        Assert.NotEqual(data.Listing.Identity, ImageFolderListing.OfList(list).Identity);
        Assert.Throws<DirectoryNotFoundException>(() => PictureData.Open(_folder.File("absent")));
        string picture = Path.Combine(Root, "cat", "0.png");
        Assert.Contains("or a list of files, got a PNG picture.",
            Assert.Throws<InvalidDataException>(() => PictureData.Open(picture)).Message, StringComparison.Ordinal);
    }
}
