using System.Globalization;
using System.Text.Json;
using Evenkeel.Images;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Workbench.Files;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Data;

/// <summary>
/// The preparation of the data of an ONNX file: the one that <c>evenkeel export</c> has written into it, or that of
/// pictures by what the file and the user say.
/// </summary>
internal static class OnnxPreparation
{
    /// <summary>Where a file keeps the preparation of a run.</summary>
    public const string Key = "evenkeel.preparation";

    private const string ClassesKey = "classes", MeanKey = "preprocessing.mean", StdKey = "preprocessing.std",
        ScaleKey = "preprocessing.scale", InGraphKey = "preprocessing.in_graph";

    /// <summary>The preparation that a run has written into a file; null if there is none.</summary>
    /// <exception cref="WorkbenchException">It is damaged.</exception>
    public static Preparation? Stored(OnnxModel model)
    {
        if (!model.Metadata.TryGetValue(Key, out string? json)) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return Preparation.FromJson(document.RootElement);
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException or InvalidDataException
            or KeyNotFoundException or InvalidOperationException)
        {
            throw new WorkbenchException(
                $"the preparation of the data in the file cannot be read: {UserText.Of(failure)}", failure);
        }
    }

    /// <summary>What a file says was done to pictures before the network saw them; null if it says nothing.</summary>
    public static OnnxPreprocessing? Preprocessing(Preparation preparation) =>
        preparation is ImagePreparation pictures
            ? new OnnxPreprocessing(
                [.. pictures.Mean.Select(Shortest)], [.. pictures.Deviation.Select(Shortest)], 1 / 255.0)
            : null;

    /// <summary>Whether the file or the user names the classes, or a run has written its preparation.</summary>
    /// <param name="model">What the file says.</param>
    /// <param name="choice">What the user says.</param>
    public static bool NamesClasses(OnnxModel model, PictureChoice choice) =>
        model.Metadata.ContainsKey(Key) || ClassesOf(model, choice) is not null;

    /// <summary>The preparation of pictures for a network of somebody else.</summary>
    /// <param name="path">What errors call the file.</param>
    /// <param name="model">What the file says.</param>
    /// <param name="network">The network; it is asked how many classes it has.</param>
    /// <param name="choice">What the user says; it goes before what the file says.</param>
    /// <param name="classifies">Whether the network must be a classifier.</param>
    /// <exception cref="WorkbenchException">
    /// Something is not known, and the message says which option gives it. Or the network is no classifier.
    /// </exception>
    public static ImagePreparation OfPictures(
        string path, OnnxModel model, Module network, PictureChoice choice, bool classifies)
    {
        PicturePreparation size = SizeOf(path, model, choice);
        (float[] mean, float[] deviation) = MomentsOf(path, model, choice, size.Channels);
        Shape output = OutputOf(path, network, size);
        int outputs = output.Count;
        if (classifies && OnnxFile.ScoresOf(model) == ScoreKind.YesOrNo)
        {
            if (outputs != 1)
            {
                throw WorkbenchException.Usage("expected a classifier, which chooses one of its classes, got "
                    + $"\"{path}\", which ends with a sigmoid: it says yes or no to each of {outputs} classes. "
                    + "'evenkeel onnx run' runs it on arrays.");
            }

            outputs = 2;
        }
        else if (classifies && (output.Rank < 2 || output[1] < 2 || output[1] != outputs))
        {
            throw WorkbenchException.Usage($"expected a classifier, which gives a number for each of two classes or "
                + $"more, got \"{path}\", which gives {output} for a picture. 'evenkeel onnx run' runs it on arrays.");
        }

        IReadOnlyList<string> classes = ClassesOf(model, choice)
            ?? [.. Enumerable.Range(0, outputs).Select(static k => k.ToString(CultureInfo.InvariantCulture))];
        if (classes.Count != outputs)
        {
            throw WorkbenchException.Usage($"expected the names of {outputs} classes for \"{path}\", got "
                + $"{classes.Count}. Give a file with a name per line with --classes.");
        }

        return new ImagePreparation(size, mean, deviation, classes);
    }

    private static PicturePreparation SizeOf(string path, OnnxModel model, PictureChoice choice)
    {
        IReadOnlyList<OnnxDimension>? shape = model.Inputs is [{ } only] ? only.Shape : null;
        if (shape is not null && (shape.Count != 4 || shape[1].Size is not (null or 1 or 3)))
        {
            throw WorkbenchException.Usage($"expected a network for pictures, of an input [N, 3, height, width], got "
                + $"\"{path}\" with {string.Join(", ", model.Inputs)}. 'evenkeel onnx run' runs it on arrays.");
        }

        int channels = (int)(shape?[1].Size ?? 3);
        (long? height, long? width) = (choice.Size?.Height ?? shape?[2].Size, choice.Size?.Width ?? shape?[3].Size);
        if (height is null || width is null)
        {
            throw WorkbenchException.Usage(
                $"expected --size for \"{path}\", as 224x224, got none: its input takes any size.");
        }

        return new PicturePreparation((int)height.Value, (int)width.Value, channels);
    }

    /// <summary>Mean and deviation for values from 0 to 1. A file may have those for values from 0 to 255.</summary>
    private static (float[] Mean, float[] Deviation) MomentsOf(
        string path, OnnxModel model, PictureChoice choice, int channels)
    {
        if (choice.Mean is { } mean && choice.Deviation is { } deviation)
            return (Spread(mean, channels), Spread(deviation, channels));
        double scale = Numbers(model, ScaleKey) is [var only] ? only : 1;
        double[]? means = Numbers(model, MeanKey), deviations = Numbers(model, StdKey);
        if (means is null || deviations is null || scale == 0)
        {
            throw WorkbenchException.Usage($"expected --mean and --std for \"{path}\", got none: the file does not say "
                + "what was done to the pictures of its training. For networks of ImageNet it is often --mean "
                + "0.485,0.456,0.406 --std 0.229,0.224,0.225; --mean 0 --std 1 leaves values from 0 to 1.");
        }

        // With a scale the values before it go from 0 to 255, without one from 0 to 1.
        double all = scale == 1 ? 1 : byte.MaxValue;
        if (model.Metadata.GetValueOrDefault(InGraphKey) == "true") (means, deviations, scale) = ([0], [1], 1);
        return (Spread(Array.ConvertAll(means, x => (float)(x / (all * scale))), channels),
            Spread(Array.ConvertAll(deviations, x => (float)(x / (all * scale))), channels));
    }

    private static float[] Spread(float[] values, int channels) =>
        values.Length == channels ? values
        : values.Length == 1 ? [.. Enumerable.Repeat(values[0], channels)]
        : throw WorkbenchException.Usage($"--mean and --std: expected {channels} numbers, got {values.Length}.");

    private static double[]? Numbers(OnnxModel model, string key)
    {
        if (!model.Metadata.TryGetValue(key, out string? text)) return null;
        double[] numbers = [.. text.Split(',').Select(static word => double.TryParse(
            word, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN)];
        return numbers.All(double.IsFinite) ? numbers : null;
    }

    private static IReadOnlyList<string>? ClassesOf(OnnxModel model, PictureChoice choice)
    {
        if (choice.Classes is { } file)
        {
            try
            {
                return [.. File.ReadAllLines(file).Select(static line => line.Trim())
                    .Where(static line => line.Length > 0)];
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                throw WorkbenchException.Usage(
                    $"--classes: expected a file with a name per line, got \"{file}\" ({failure.Message}).");
            }
        }

        if (!model.Metadata.TryGetValue(ClassesKey, out string? json)) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return [.. document.RootElement.EnumerateArray().Select(static name => name.GetString()!)];
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // Somebody else's text under this key.
            return null;
        }
    }

    private static Shape OutputOf(string path, Module network, PicturePreparation size)
    {
        try
        {
            Shape sample = size.Shape;
            return network.Predict(Tensor.Zeros([1, .. sample])).Shape;
        }
        catch (Exception failure) when (failure is InvalidOperationException || UserText.IsForUser(failure))
        {
            throw new WorkbenchException(
                $"the network of \"{path}\" cannot compute with pictures of {size}: {UserText.Of(failure)}", failure);
        }
    }

    /// <summary>The shortest decimal number that stands for a float.</summary>
    private static double Shortest(float value) =>
        double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
