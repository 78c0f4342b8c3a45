using System.Security.Cryptography;
using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Tables;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Data;

/// <summary>Rows of a table as samples: the meaning of its columns, and numbers standardized.</summary>
internal sealed class TablePreparation(TableSchema schema, TablePreprocessing preprocessing) : Preparation
{
    public const string KindName = "table";

    public override string Kind => KindName;

    public override bool IsClassification => schema.Task == TableTask.Classification;

    public override IReadOnlyList<string> ClassNames => schema.ClassNames;

    public override IReadOnlyList<string> TargetNames => schema.TargetNames;

    public override Shape SampleShape => [schema.InputNames.Count];

    public TableSchema Schema => schema;

    public static new PreparedData Learn(
        TrainSettings settings, IProgress<double>? progress, CancellationToken cancellation)
    {
        try
        {
            TableSchema schema = TableSchema.Learn(settings.Data, OptionsOf(settings), progress, cancellation);
            TableDataset data = schema.Load(settings.Data, cancellation);
            List<string> notes = [.. schema.Notes.Concat(data.Notes).Distinct(StringComparer.Ordinal)];
            int[][] parts = SplitOf(settings, schema, data);
            TablePreprocessing preprocessing = TablePreprocessing.Learn(data, parts[0]);
            var preparation = new TablePreparation(schema, preprocessing);
            SampleSet all = preparation.Set("data", data, preprocessing.Apply(data));
            SampleSet training = Part(all, "training", parts[0]);
            SampleSet validation = settings.ValidationData is { } other
                ? preparation.Open(other, hasTargets: true, skipBad: false, notes, cancellation) with
                {
                    Name = "validation",
                }
                : Part(all, "validation", parts[1]);
            SampleSet? test = parts.Length > 2 ? Part(all, "test", parts[2]) : null;
            string task = preparation.IsClassification
                ? $"classification of {string.Join(", ", schema.TargetNames)} into {schema.ClassNames.Count} classes"
                : $"regression of {string.Join(", ", schema.TargetNames)}";
            string summary = $"{Path.GetFileName(settings.Data)}: {data.Count:N0} rows, {schema.InputNames.Count} "
                + $"inputs, {task}";
            return new PreparedData(
                preparation, training, validation, test, summary, notes, IdentityOf(settings, cancellation));
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
            TableDataset data = hasTargets ? schema.Load(path, cancellation) : schema.LoadInputs(path, cancellation);
            foreach (string note in data.Notes) notes.Add(note);
            string name = Path.GetFileName(path);
            return hasTargets ? Set(name, data, preprocessing.Apply(data))
                : Set(name, data, WithoutTargets(preprocessing.ApplyToInputs(data))) with { HasTargets = false };
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    public override IReadOnlyList<SampleSet> OpenAll(
        IReadOnlyList<string> paths, bool skipBad, ICollection<string> notes, CancellationToken cancellation)
    {
        IReadOnlyList<SampleSet> sets = base.OpenAll(paths, skipBad, notes, cancellation);
        if (sets.Count == 1) return sets;
        return [.. sets.Select((set, i) => set with { NameOf = row => $"{paths[i]} {set.NameOf(row)}" })];
    }

    public override Tensor InUnits(Tensor predictions) =>
        IsClassification ? predictions : preprocessing.TargetsToUnits(predictions);

    public static TablePreparation Read(JsonElement json) => new(
        TableSchema.Read(json.GetProperty("schema")), TablePreprocessing.Read(json.GetProperty("preprocessing")));

    protected override void WriteMembers(Utf8JsonWriter json)
    {
        json.WritePropertyName("schema");
        schema.WriteTo(json);
        json.WritePropertyName("preprocessing");
        preprocessing.WriteTo(json);
    }

    private SampleSet Set(string name, TableDataset data, IDataset samples) =>
        new(name, samples, i => $"line {data.LineOf(i)}", static _ => null);

    private TensorDataset WithoutTargets(Tensor inputs) => new(
        inputs, IsClassification ? Tensor.From(new long[inputs.Shape[0]], [inputs.Shape[0]])
            : Tensor.Zeros([inputs.Shape[0], TargetNames.Count]));

    private static SampleSet Part(SampleSet all, string name, int[] rows) =>
        all.Part(name, new Subset(all.Samples, rows), rows);

    private static int[][] SplitOf(TrainSettings settings, TableSchema schema, TableDataset data)
    {
        bool hasClasses = schema.Task == TableTask.Classification;
        int[] labels = hasClasses ? [.. data.LabelsOf().Select(static label => (int)label)] : [];
        return Deal(settings, validation: 0.2, data.Count, labels, shares => hasClasses
            ? Split.Stratified(labels, shares, settings.Seed)
            : Split.Random(data.Count, shares, settings.Seed));
    }

    private static TableOptions OptionsOf(TrainSettings settings) => new()
    {
        Separator = settings.Separator?[0],
        Header = settings.Header,
        DecimalComma = settings.DecimalComma,
        Missing = settings.Missing switch
        {
            "refuse" => Tables.MissingValue.Refuse,
            "drop-row" => Tables.MissingValue.DropRow,
            _ => Tables.MissingValue.Impute,
        },
        Target = settings.Target is [var one] ? one : null,
        Targets = settings.Target.Count > 1 ? settings.Target : null,
        Task = settings.Task switch
        {
            "classification" => TableTask.Classification,
            "regression" => TableTask.Regression,
            _ => null,
        },
        Drop = settings.Drop,
        Categorical = settings.Categorical,
        Dates = settings.Dates,
        Numeric = settings.Numeric,
        ClassNames = OrNull(settings.ClassNames),
        MissingValues = OrNull(settings.MissingValues),
        MaxClasses = settings.MaxClasses,
        MaxCategories = settings.MaxCategories ?? TableOptions.DefaultMaxCategories,
    };

    private static IReadOnlyList<string>? OrNull(IReadOnlyList<string> list) => list.Count == 0 ? null : list;

    private static string IdentityOf(TrainSettings settings, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        foreach (string? path in (string?[])[settings.Data, settings.ValidationData])
        {
            if (path is null) continue;
            using FileStream file = File.OpenRead(path);
            for (int read; (read = file.Read(buffer)) > 0;)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
