using System.Text.Json;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Data;

/// <summary>
/// How files become samples, and what the outputs of a network mean. It is learned from the training part, stored with
/// the run, and applied to every later file.
/// </summary>
internal abstract class Preparation
{
    /// <summary>The kind, as <c>run.json</c> names it.</summary>
    public abstract string Kind { get; }

    public abstract bool IsClassification { get; }

    /// <summary>The names of the classes; empty for a regression.</summary>
    public abstract IReadOnlyList<string> ClassNames { get; }

    /// <summary>The names of what is predicted.</summary>
    public abstract IReadOnlyList<string> TargetNames { get; }

    /// <summary>The shape of a sample.</summary>
    public abstract Shape SampleShape { get; }

    /// <summary>Outputs of the network: a logit per class, or a number per target.</summary>
    public int Outputs => IsClassification ? ClassNames.Count : TargetNames.Count;

    /// <summary>Reads data and splits it as the settings say.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="progress">Told the share that is read.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WorkbenchException">The data cannot be used; the message says why and what to do.</exception>
    public static PreparedData Learn(
        TrainSettings settings, IProgress<double>? progress, CancellationToken cancellation) =>
        DataKind.Of(settings.Data) == DataKind.Table
            ? TablePreparation.Learn(settings, progress, cancellation)
            : ImagePreparation.Learn(settings, progress, cancellation);

    /// <summary>Reads other data in the same way.</summary>
    /// <param name="path">The data: of the kind that the run was trained on.</param>
    /// <param name="hasTargets">Whether the targets are wanted; without, they may be missing.</param>
    /// <param name="skipBad">Whether pictures that cannot be decoded are left out.</param>
    /// <param name="notes">Receives what should be known about it.</param>
    /// <param name="cancellation">Stops.</param>
    public abstract SampleSet Open(
        string path, bool hasTargets, bool skipBad, ICollection<string> notes, CancellationToken cancellation);

    /// <summary>Reads files to predict: what is to be predicted need not be in them.</summary>
    /// <param name="paths">The files; of pictures also folders.</param>
    /// <param name="skipBad">Whether pictures that cannot be decoded are left out.</param>
    /// <param name="notes">Receives what should be known about them.</param>
    /// <param name="cancellation">Stops.</param>
    public virtual IReadOnlyList<SampleSet> OpenAll(
        IReadOnlyList<string> paths, bool skipBad, ICollection<string> notes, CancellationToken cancellation) =>
        [.. paths.Select(path => Open(path, hasTargets: false, skipBad, notes, cancellation))];

    /// <summary>Predictions in the units of the data; those of a classification stay.</summary>
    public virtual Tensor InUnits(Tensor predictions) => predictions;

    /// <summary>Writes the members of an object, after its kind.</summary>
    protected abstract void WriteMembers(Utf8JsonWriter json);

    public string ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, RunJson.Compact))
        {
            json.WriteStartObject();
            json.WriteString("kind", Kind);
            WriteMembers(json);
            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }

    public static Preparation FromJson(JsonElement json) => json.GetProperty("kind").GetString() switch
    {
        TablePreparation.KindName => TablePreparation.Read(json),
        ImagePreparation.KindName => ImagePreparation.Read(json),
        var other => throw new WorkbenchException(
            $"run.json: expected the preparation of a table or of pictures, got \"{other}\". The run is of another "
            + "version of evenkeel; go on with that one."),
    };

    /// <summary>
    /// Deals samples to the training, the validation and, if there is one, the test part. Other data to validate on
    /// leaves the validation part empty.
    /// </summary>
    /// <param name="settings">The settings.</param>
    /// <param name="validation">The share that validates if the settings say none.</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="split">Deals them by shares.</param>
    /// <param name="labels">The class of each sample; empty for a regression. A class of one sample trains.</param>
    /// <exception cref="WorkbenchException">The shares leave nothing, or a part would have no samples.</exception>
    protected static int[][] Deal(
        TrainSettings settings, double validation, int count, int[] labels, Func<double[], int[][]> split)
    {
        bool hasOther = settings.ValidationData is not null;
        double test = settings.Test, ownShare = hasOther ? 0 : settings.Validation ?? validation;
        if ((ownShare <= 0 && !hasOther) || ownShare + test >= 1)
        {
            throw WorkbenchException.Usage(
                $"--validation and --test: expected a validation share above 0, and less than 1 in all, got {ownShare} "
                + $"and {test}.");
        }

        double[] shares = [.. ((double[])[1 - ownShare - test, ownShare, test]).Where(static share => share > 0)];
        int[][] dealt = shares.Length == 1 ? [[.. Enumerable.Range(0, count)]] : split(shares);
        if (labels.Length > 0) TrainEveryClass(dealt, labels);
        int[] validating = ownShare > 0 ? dealt[1] : [];
        if (dealt[0].Length < 2 || (ownShare > 0 && validating.Length == 0) || (test > 0 && dealt[^1].Length == 0))
        {
            string parts = string.Join(", ", dealt.Select(static part => part.Length));
            throw new WorkbenchException(
                $"expected so many samples that every part has some and two or more train, got {count} in all, of "
                + $"which {parts} would train, validate and test. Give more data, or name other data to validate on "
                + "with --validation-data.");
        }

        return test > 0 ? [dealt[0], validating, dealt[^1]] : [dealt[0], validating];
    }

    /// <summary>
    /// A class that nothing trains cannot be predicted: its samples go from the other parts to training.
    /// </summary>
    private static void TrainEveryClass(int[][] dealt, int[] labels)
    {
        HashSet<int> trained = [.. dealt[0].Select(sample => labels[sample])];
        for (int part = 1; part < dealt.Length; part++)
        {
            int[] moved = [.. dealt[part].Where(sample => !trained.Contains(labels[sample]))];
            if (moved.Length == 0) continue;
            dealt[part] = [.. dealt[part].Except(moved)];
            dealt[0] = [.. dealt[0].Concat(moved).Order()];
        }
    }
}
