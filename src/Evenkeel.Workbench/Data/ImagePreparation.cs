using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Data;

/// <summary>
/// Pictures as samples: scaled to one size, values from 0 to 1, then (x - mean)/deviation for each channel.
/// </summary>
internal sealed class ImagePreparation(
    PicturePreparation size, float[] mean, float[] deviation, IReadOnlyList<string> classNames) : Preparation
{
    public const string KindName = "pictures";

    /// <summary>Up to this many pictures are compared with each other.</summary>
    private const int MostCompared = 5000;

    /// <summary>Mean and deviation are those of this many pictures; of all, if they are in memory.</summary>
    private const int MostMeasured = 2000;

    public override string Kind => KindName;

    /// <summary>What is subtracted from values from 0 to 1, per channel.</summary>
    public IReadOnlyList<float> Mean => mean;

    /// <summary>What is divided by then.</summary>
    public IReadOnlyList<float> Deviation => deviation;

    public override bool IsClassification => true;

    public override IReadOnlyList<string> ClassNames => classNames;

    public override IReadOnlyList<string> TargetNames { get; } = ["class"];

    public override Shape SampleShape => size.Shape;

    public static new PreparedData Learn(
        TrainSettings settings, IProgress<double>? progress, CancellationToken cancellation)
    {
        try
        {
            var notes = new List<string>();
            Pictures data = Pictures.Read(settings, notes, progress, cancellation);
            if (data.ClassNames.Count < 2)
            {
                throw new WorkbenchException(
                    $"--data: expected pictures of two classes or more in \"{settings.Data}\", got only "
                    + $"\"{string.Join(", ", data.ClassNames)}\". Give each class a folder of its own.");
            }

            int[][] parts = SplitOf(settings, data, notes);
            (float[] mean, float[] deviation) = Moments(data, parts[0]);
            var size = new PicturePreparation(data.Shape[1], data.Shape[2], data.Shape[0]);
            var preparation = new ImagePreparation(size, mean, deviation, data.ClassNames);
            SampleSet all = preparation.Set("data", data);
            var learning = new Subset(preparation.Augmented(data, settings), parts[0]);
            SampleSet training = all.Part("training", learning, parts[0]);
            SampleSet validation = settings.ValidationData is { } other
                ? preparation.Labelled(other, settings.SkipBad, notes, cancellation) with { Name = "validation" }
                : Part(all, "validation", parts[1]);
            SampleSet? test = parts.Length > 2 ? Part(all, "test", parts[2])
                : data.Test is { } official ? preparation.Set("test", official) : null;
            string summary = $"{data.Name}: {data.Count:N0} pictures of {size}, {data.ClassNames.Count} classes";
            string identity = validation.Identity is { } own ? $"{data.Identity}+{own}" : data.Identity;
            return new PreparedData(preparation, training, validation, test, summary, notes, identity)
            {
                Workers = data.Workers,
            };
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    public override SampleSet Open(
        string path, bool hasTargets, bool skipBad, ICollection<string> notes, CancellationToken cancellation)
    {
        try
        {
            if (!hasTargets && DataKind.Of(path) == DataKind.Known)
            {
                Pictures known = Pictures.Read(new TrainSettings { Data = path }, [], null, cancellation);
                return Set(known.Name, known);
            }

            if (!hasTargets) return OpenAll([path], skipBad, notes, cancellation)[0];
            return Labelled(path, skipBad, notes, cancellation);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    public override IReadOnlyList<SampleSet> OpenAll(
        IReadOnlyList<string> paths, bool skipBad, ICollection<string> notes, CancellationToken cancellation)
    {
        string[] files = [.. paths.SelectMany(FilesOf)];
        if (skipBad)
        {
            string[] bad = [.. files.AsParallel().AsOrdered().Where(file => !CanDecode(file))];
            if (bad.Length > 0) notes.Add($"{bad.Length} of {files.Length} left out, for they cannot be decoded: "
                + $"{string.Join(", ", bad.Take(3))}{(bad.Length > 3 ? ", ..." : "")}.");
            files = [.. files.Except(bad, StringComparer.Ordinal)];
        }

        var pictures = new PictureFiles(files, size);
        var noLabels = new int[files.Length];
        var samples = new TransformedDataset(pictures, noLabels, Plain());
        return [new SampleSet("pictures", samples, i => files[i], i => pictures[i]) { HasTargets = false }];
    }

    public static ImagePreparation Read(JsonElement json) => new(
        PicturePreparation.Read(json.GetProperty("size")), Floats(json.GetProperty("mean")),
        Floats(json.GetProperty("deviation")),
        [.. json.GetProperty("classes").EnumerateArray().Select(static name => name.GetString()!)]);

    protected override void WriteMembers(Utf8JsonWriter json)
    {
        json.WritePropertyName("size");
        size.Write(json);
        WriteFloats(json, "mean", mean);
        WriteFloats(json, "deviation", deviation);
        json.WriteStartArray("classes");
        foreach (string name in classNames) json.WriteStringValue(name);
        json.WriteEndArray();
    }

    private static IEnumerable<string> FilesOf(string path)
    {
        if (File.Exists(path))
        {
            if (ImageFile.HasImageName(path)) return [path];
            throw WorkbenchException.Usage(
                $"expected pictures or folders of pictures, got \"{path}\". Pictures have names that end in "
                + $"{string.Join(", ", ImageFile.Extensions)}.");
        }

        if (!Directory.Exists(path))
        {
            throw WorkbenchException.Usage(
                $"expected pictures or folders of pictures, got \"{path}\", which does not exist. Check the path.");
        }

        string[] files = [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Where(ImageFile.HasImageName).Order(StringComparer.Ordinal)];
        if (files.Length > 0) return files;
        throw WorkbenchException.Usage(
            $"expected pictures in \"{path}\", got none. Files named {string.Join(", ", ImageFile.Extensions)} count.");
    }

    private bool CanDecode(string file)
    {
        try
        {
            size.Decode(file);
            return true;
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            return false;
        }
    }

    /// <summary>The pictures of another folder with the labels of this run's classes.</summary>
    private Pictures WithMyClasses(Pictures data)
    {
        var labels = new int[data.ClassNames.Count];
        for (int c = 0; c < labels.Length; c++)
        {
            string name = data.ClassNames[c];
            labels[c] = Enumerable.Range(0, classNames.Count).FirstOrDefault(k => classNames[k] == name, -1);
            if (labels[c] < 0)
            {
                throw new WorkbenchException(
                    $"expected pictures of the classes {string.Join(", ", classNames)} in \"{data.Name}\", got "
                    + $"the class \"{name}\". Move that folder away, or train with it.");
            }
        }

        int[] mine = Array.ConvertAll(data.Labels, label => labels[label]);
        return data with { Labels = mine, Memory = null, ClassNames = classNames };
    }

    private SampleSet Labelled(string path, bool skipBad, ICollection<string> notes, CancellationToken cancellation)
    {
        var options = new PictureOptions
        {
            Height = size.Height,
            Width = size.Width,
            Channels = size.Channels,
            SkipBad = skipBad,
        };
        Pictures data = DataKind.Of(path) == DataKind.Known
            ? Pictures.Read(new TrainSettings { Data = path }, [], null, cancellation).Test!
            : Pictures.OfFiles(path, options, notes, progress: null, cancellation);
        return Set(data.Name, WithMyClasses(data)) with { Identity = data.Identity };
    }

    private SampleSet Set(string name, Pictures data) =>
        new(name, data.With(Plain()), data.NameOf, i => data.OnDemand[i]);

    private static SampleSet Part(SampleSet all, string name, int[] indices) =>
        all.Part(name, new Subset(all.Samples, indices), indices);

    private Transform[] Plain() => [new ToTensor(), new Normalize(mean, deviation)];

    private TransformedDataset Augmented(Pictures data, TrainSettings settings)
    {
        if (settings.Augment is not "standard") return data.With(Plain());
        int shift = Math.Max(1, Math.Min(size.Height, size.Width) / 8);
        Transform[] augmentation =
            [new RandomCrop(size.Height, size.Width, padding: shift), new RandomHorizontalFlip(), .. Plain()];
        return data.With(augmentation, settings.Seed);
    }

    private static int[][] SplitOf(TrainSettings settings, Pictures data, List<string> notes)
    {
        bool isKnown = data.Test is not null;
        bool mayCompare = settings.Split == "grouped"
            || (settings.Split is null && !isKnown && data.Count <= MostCompared);
        int[][] parts = Deal(settings, isKnown ? 0.1 : 0.2, data.Count, data.Labels, shares =>
        {
            NearDuplicates? groups = mayCompare ? NearDuplicates.Find(data.OnDemand) : null;
            if (groups is null || (settings.Split is null && groups.Duplicated.Count == 0))
                return Split.Stratified(data.Labels, shares, settings.Seed);
            notes.Add($"Pictures that show nearly the same stay in one part: {groups}. With --split random the "
                + "validation may see what was learned.");
            return Split.Grouped(data.Labels, [.. groups.Groups], shares, settings.Seed);
        });
        int[] validated = [.. parts[1].Select(i => data.Labels[i]).Distinct()];
        string[] missing = [.. data.ClassNames.Where((_, label) => !validated.Contains(label))];
        if (parts[1].Length > 0 && missing.Length > 0)
        {
            notes.Add($"WARNING: no picture of {string.Join(", ", missing)} validates, so the scores say nothing of "
                + "them. Give other pictures to validate on with --validation-data, or say --split random.");
        }

        return parts;
    }

    /// <summary>Mean and deviation of each channel over some pictures, values from 0 to 1.</summary>
    private static (float[] Mean, float[] Deviation) Moments(Pictures data, int[] indices)
    {
        int channels = data.Shape[0];
        // Bytes: the sums are exact.
        var sums = new long[channels];
        var squares = new long[channels];
        int[] used = Evenly.Spread(data.Memory is null ? MostMeasured : indices.Length, indices.Length);
        foreach (int place in used)
        {
            ByteImage picture = data.OnDemand[indices[place]];
            for (int c = 0; c < channels; c++)
            {
                foreach (byte value in picture.Plane(c))
                {
                    sums[c] += value;
                    squares[c] += value * value;
                }
            }
        }

        double count = (double)data.Shape[1] * data.Shape[2] * used.Length;
        var mean = new float[channels];
        var deviation = new float[channels];
        for (int c = 0; c < channels; c++)
        {
            double average = sums[c] / count, variance = (squares[c] / count) - (average * average);
            mean[c] = (float)(average / byte.MaxValue);
            deviation[c] = variance > 0 ? (float)(Math.Sqrt(variance) / byte.MaxValue) : 1;
        }

        return (mean, deviation);
    }

    private static float[] Floats(JsonElement list) => [.. list.EnumerateArray().Select(static x => x.GetSingle())];

    private static void WriteFloats(Utf8JsonWriter json, string name, float[] values)
    {
        json.WriteStartArray(name);
        foreach (float value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
