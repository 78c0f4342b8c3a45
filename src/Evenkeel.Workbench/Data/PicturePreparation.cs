using System.Globalization;
using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Workbench.Runs;

namespace Evenkeel.Workbench.Data;

/// <summary>
/// Pictures as samples: scaled to one size, values from 0 to 1, then (x - mean)/deviation for each channel.
/// </summary>
internal sealed class PicturePreparation(
    int channels, int height, int width, float[] mean, float[] deviation, IReadOnlyList<string> classNames)
    : Preparation
{
    public const string KindName = "pictures";

    /// <summary>Side to which pictures of different sizes are scaled.</summary>
    private const int DefaultSide = 64;

    /// <summary>The largest side that pictures keep if nothing is said.</summary>
    private const int LargestOwnSide = 128;

    /// <summary>Up to this many pictures are compared with each other.</summary>
    private const int MostCompared = 5000;

    public override string Kind => KindName;

    public override bool IsClassification => true;

    public override IReadOnlyList<string> ClassNames => classNames;

    public override IReadOnlyList<string> TargetNames { get; } = ["class"];

    public override Shape SampleShape => [channels, height, width];

    public static new PreparedData Learn(
        TrainSettings settings, IProgress<double>? progress, CancellationToken cancellation)
    {
        try
        {
            var notes = new List<string>();
            Pictures data = Read(settings.Data, settings.Size, settings.SkipBad, null, notes, progress, cancellation);
            if (data.Images.ClassNames.Count < 2)
            {
                throw new WorkbenchException(
                    $"--data: expected pictures of two classes or more in \"{settings.Data}\", got "
                    + $"{data.Images.ClassNames.Count}: {string.Join(", ", data.Images.ClassNames)}. Give each class a "
                    + "folder of its own.");
            }

            bool isKnown = data.Test is not null;
            int[][] parts = SplitOf(settings, data, isKnown, notes);
            (float[] mean, float[] deviation) = Moments(data.Images, parts[0]);
            var preparation = new PicturePreparation(
                data.Images.Channels, data.Images.Height, data.Images.Width, mean, deviation, data.Images.ClassNames);
            SampleSet all = preparation.Set("data", data);
            var learning = new Subset(preparation.Augmented(data.Images, settings), parts[0]);
            SampleSet training = all.Part("training", learning, parts[0]);
            SampleSet validation = settings.ValidationData is { } other
                ? preparation.Open(other, hasTargets: true, notes, cancellation) with { Name = "validation" }
                : Part(all, "validation", parts[1]);
            SampleSet? test = parts.Length > 2 ? Part(all, "test", parts[2])
                : data.Test is { } official ? preparation.Set("test", official) : null;
            string summary = $"{data.Images.Name}: {data.Images.Count:N0} pictures of {data.Images.Channels}x"
                + $"{data.Images.Height}x{data.Images.Width}, {data.Images.ClassNames.Count} classes";
            return new PreparedData(preparation, training, validation, test, summary, notes, data.Identity);
        }
        catch (Exception failure) when (failure is InvalidDataException or ArgumentException or IOException
            or UnauthorizedAccessException)
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>Whether a file is a list of pictures and labels.</summary>
    public static bool IsList(string path) => false;

    public override SampleSet Open(
        string path, bool hasTargets, ICollection<string> notes, CancellationToken cancellation)
    {
        Pictures data = Read(path, (height, width), skipBad: false, classNames, notes, progress: null, cancellation);
        return Set(Path.GetFileName(path), data);
    }

    public static PicturePreparation Read(JsonElement json) => new(
        json.GetProperty("channels").GetInt32(), json.GetProperty("height").GetInt32(),
        json.GetProperty("width").GetInt32(), Floats(json.GetProperty("mean")), Floats(json.GetProperty("deviation")),
        [.. json.GetProperty("classes").EnumerateArray().Select(static name => name.GetString()!)]);

    protected override void WriteMembers(Utf8JsonWriter json)
    {
        json.WriteNumber("channels", channels);
        json.WriteNumber("height", height);
        json.WriteNumber("width", width);
        WriteFloats(json, "mean", mean);
        WriteFloats(json, "deviation", deviation);
        json.WriteStartArray("classes");
        foreach (string name in classNames) json.WriteStringValue(name);
        json.WriteEndArray();
    }

    private SampleSet Set(string name, Pictures data) =>
        new(name, Plain(data.Images), i => data.Files?[i] ?? $"{data.Images.Name} {i}", i => PictureOf(data.Images, i));

    private SampleSet Part(SampleSet all, string name, int[] indices) =>
        all.Part(name, new Subset(all.Samples, indices), indices);

    private TransformedDataset Plain(ImageSet images) => new(images, [new ToTensor(), new Normalize(mean, deviation)]);

    private TransformedDataset Augmented(ImageSet images, TrainSettings settings)
    {
        if (settings.Augment is not "standard") return Plain(images);
        Transform[] transforms =
        [
            new RandomCrop(height, width, padding: Math.Max(1, Math.Min(height, width) / 8)),
            new RandomHorizontalFlip(), new ToTensor(), new Normalize(mean, deviation),
        ];
        return new TransformedDataset(images, transforms, settings.Seed);
    }

    private static ByteImage PictureOf(ImageSet images, int index) =>
        new(images.Image(index).ToArray(), images.Channels, images.Height, images.Width);

    private static int[][] SplitOf(TrainSettings settings, Pictures data, bool isKnown, List<string> notes)
    {
        int count = data.Images.Count;
        int[] all = [.. Enumerable.Range(0, count)];
        if (settings.ValidationData is not null) return [all, []];
        double[] shares = Shares(settings.Validation ?? (isKnown ? 0.1 : 0.2), settings.Test);
        int[][] parts;
        bool mayCompare = settings.Split == "grouped" || (settings.Split is null && !isKnown && count <= MostCompared);
        NearDuplicates? groups = mayCompare ? NearDuplicates.Find(data.Images) : null;
        if (groups is not null && (settings.Split == "grouped" || groups.Duplicated.Count > 0))
        {
            notes.Add($"Pictures that show nearly the same stay in one part: {groups}. --split random ignores that, and "
                + "then the validation may see what was learned.");
            parts = Split.Grouped(data.Images.Labels, [.. groups.Groups], shares, settings.Seed);
        }
        else
        {
            parts = Split.Stratified(data.Images.Labels, shares, settings.Seed);
        }

        CheckParts(count, parts);
        return parts;
    }

    /// <summary>Mean and deviation of each channel over some pictures, values from 0 to 1.</summary>
    private static (float[] Mean, float[] Deviation) Moments(ImageSet images, int[] indices)
    {
        int plane = images.Height * images.Width;
        var mean = new float[images.Channels];
        var deviation = new float[images.Channels];
        for (int c = 0; c < images.Channels; c++)
        {
            // Bytes: the sums are exact.
            long sum = 0, squares = 0;
            foreach (int index in indices)
            {
                foreach (byte value in images.Image(index).Slice(c * plane, plane))
                {
                    sum += value;
                    squares += value * value;
                }
            }

            double count = (double)plane * indices.Length, average = sum / count;
            double variance = Math.Max(0, (squares / count) - (average * average));
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

    /// <summary>Pictures of one size, and what they are called.</summary>
    /// <param name="Images">The pictures.</param>
    /// <param name="Files">The file of each; null if they come from one archive.</param>
    /// <param name="Test">The pictures that a known set keeps for the test.</param>
    /// <param name="Identity">Equal for equal data.</param>
    private sealed record Pictures(ImageSet Images, IReadOnlyList<string>? Files, Pictures? Test, string Identity);
}
