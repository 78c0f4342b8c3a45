using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Data;

/// <summary>Labelled pictures of one size, in memory or decoded when a batch needs them.</summary>
/// <param name="Name">The name of the set.</param>
/// <param name="ClassNames">The classes.</param>
/// <param name="Labels">The class of each picture.</param>
/// <param name="Shape">(C, H, W).</param>
/// <param name="Memory">All of them; null if each is decoded when it is asked for.</param>
/// <param name="OnDemand">Each of them.</param>
/// <param name="NameOf">What a user calls one.</param>
/// <param name="Identity">Equal for equal data.</param>
internal sealed record Pictures(
    string Name, IReadOnlyList<string> ClassNames, int[] Labels, Shape Shape, ImageSet? Memory,
    IReadOnlyList<ByteImage> OnDemand, Func<int, string> NameOf, string Identity)
{
    /// <summary>Side that pictures of different sizes are scaled to.</summary>
    private const int DefaultSide = 64;

    public int Count => Labels.Length;

    /// <summary>The pictures that a known set keeps for the test.</summary>
    public Pictures? Test { get; init; }

    /// <summary>How many threads a loader should have.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>The pictures after some transforms.</summary>
    public TransformedDataset With(Transform[] transforms, ulong seed = 0) => Memory is not null
        ? new TransformedDataset(Memory, transforms, seed)
        : new TransformedDataset(OnDemand, Labels, transforms, seed);

    /// <summary>Reads the data of a training.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="notes">Receives what was found.</param>
    /// <param name="progress">Told the share that is read.</param>
    /// <param name="cancellation">Stops.</param>
    public static Pictures Read(
        TrainSettings settings, List<string> notes, IProgress<double>? progress, CancellationToken cancellation)
    {
        if (DataKind.Of(settings.Data) == DataKind.Known)
        {
            if (settings.Size is null) return OfKnown(settings.Data);
            throw WorkbenchException.Usage(
                $"--size: expected none with {settings.Data}, whose pictures have one size.");
        }

        CheckNoSplit(settings.Data);
        var options = new PictureOptions
        {
            Height = settings.Size?.Height,
            Width = settings.Size?.Width,
            SideIfSizesDiffer = DefaultSide,
            SkipBad = settings.SkipBad,
        };
        return OfFiles(settings.Data, options, notes, progress, cancellation);
    }

    /// <summary>Folders that are already split are no classes.</summary>
    private static void CheckNoSplit(string folder)
    {
        if (!Directory.Exists(folder)) return;
        string[] names = [.. Directory.GetDirectories(folder).Select(static path => Path.GetFileName(path)!)];
        string? training = names.FirstOrDefault(static name => name is "train" or "training");
        string? other = names.FirstOrDefault(static name => name is "test" or "val" or "valid" or "validation");
        bool isSplit = training is not null && other is not null
            && Directory.EnumerateDirectories(Path.Combine(folder, training)).Any();
        if (!isSplit) return;
        throw WorkbenchException.Usage(
            $"--data: expected a folder per class in \"{folder}\", got the parts {string.Join(", ", names)}. Say "
            + $"--data {Path.Combine(folder, training!)} --validation-data {Path.Combine(folder, other!)}.");
    }

    /// <summary>Reads a folder or a list.</summary>
    public static Pictures OfFiles(
        string path, PictureOptions options, ICollection<string> notes, IProgress<double>? progress,
        CancellationToken cancellation)
    {
        PictureData data = PictureData.Open(path, options, progress, cancellation);
        foreach (string note in data.Notes) notes.Add(note);
        return new Pictures(
            data.Listing.Name, data.ClassNames, data.Labels.ToArray(), data.Preparation.Shape, data.Images,
            data.Pictures, i => data.Files[i], IdentityOf(data))
        {
            Workers = data.LoaderWorkers,
        };
    }

    /// <summary>A hash of names, classes and sizes: a copy of the folder is the same data.</summary>
    private static string IdentityOf(PictureData data)
    {
        var text = new StringBuilder();
        foreach (ImageFolderFile file in data.Listing.Files)
            text.Append(CultureInfo.InvariantCulture, $"{file.Label} {file.Bytes} {file.Name}\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static Pictures OfKnown(string name)
    {
        CatalogEntry entry = DataCatalog.EntryOf(name)!;
        DataLocation found = DataCatalog.Find(name) ?? throw WorkbenchException.Usage(
            $"--data: expected the files of {entry.Title} in {DataCatalog.CacheFolder}, found none. "
            + $"'evenkeel data fetch {name}' downloads them; {DataCatalog.Variable} names another folder.");
        string identity = DataCatalog.OriginOf(name, found.Path).ToString();
        (ImageSet training, ImageSet test) = name switch
        {
            "fashion-mnist" => Parts(FashionMnist.Load(found.Path)),
            _ => Parts(Cifar10.Load(found.Path)),
        };
        return Of(training, identity) with { Test = Of(test, identity) };
    }

    private static (ImageSet Training, ImageSet Test) Parts(FashionMnistData data) => (data.Train, data.Test);

    private static (ImageSet Training, ImageSet Test) Parts(Cifar10Data data) => (data.Train!, data.Test!);

    private static Pictures Of(ImageSet set, string identity) => new(
        set.Name, set.ClassNames, set.Labels.ToArray(), [set.Channels, set.Height, set.Width], set, new InMemory(set),
        i => $"{set.Name} {i}", identity);

    /// <summary>The pictures of a set, one by one.</summary>
    private sealed class InMemory(ImageSet set) : IReadOnlyList<ByteImage>
    {
        public int Count => set.Count;

        public ByteImage this[int index] =>
            new(set.Image(index).ToArray(), set.Channels, set.Height, set.Width);

        public IEnumerator<ByteImage> GetEnumerator()
        {
            for (int i = 0; i < Count; i++) yield return this[i];
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
