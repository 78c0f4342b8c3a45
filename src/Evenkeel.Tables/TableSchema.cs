using System.Text.Json;

namespace Evenkeel.Tables;

/// <summary>
/// What the columns of a table mean: which are inputs, which are targets, which categories and classes there are. It is
/// learned from the training file, stored with a run, and applied to later files.
/// </summary>
public sealed class TableSchema
{
    private readonly bool[] _flags;

    internal TableSchema(
        string source, long rowCount, TableTask task, IReadOnlyList<TableColumn> columns, IReadOnlyList<string> targets,
        IReadOnlyList<string> notes, TableFormat format)
    {
        (Source, RowCount, Task, Columns, TargetNames, Notes) = (source, rowCount, task, columns, targets, notes);
        Format = format;
        ClassNames = task == TableTask.Classification
            ? columns.Single(static column => column.Kind == ColumnKind.Target).Categories : [];
        InputNames = [.. columns.SelectMany(static column => column.Inputs)];
        _flags = [.. columns.SelectMany(static column => column.Inputs.Select((_, i) =>
            column.Kind == ColumnKind.Category || (column.HasMissingInput && i == column.Inputs.Count - 1)))];
    }

    /// <summary>The training file.</summary>
    public string Source { get; }

    /// <summary>How many rows of the training file are samples.</summary>
    public long RowCount { get; }

    /// <summary>What is predicted.</summary>
    public TableTask Task { get; }

    /// <summary>The columns of the training file, in its order.</summary>
    public IReadOnlyList<TableColumn> Columns { get; }

    /// <summary>The names of the target columns, in the order of the targets' values; one for classification.</summary>
    public IReadOnlyList<string> TargetNames { get; }

    /// <summary>The names of the classes, by label. Empty for regression.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The names of the F inputs.</summary>
    public IReadOnlyList<string> InputNames { get; }

    /// <summary>
    /// What was found by looking at the file, what was left out, and what looks odd. Each is one sentence or two that
    /// name what overrides it, as an option of the command line: <c>--drop</c>, <c>--target</c>.
    /// </summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>How the text of the file is read.</summary>
    internal TableFormat Format { get; }

    /// <summary>Learns what the columns of a file mean. The whole file is read once or twice.</summary>
    /// <param name="path">The file: UTF-8, or UTF-16 with a byte-order mark.</param>
    /// <param name="options">How to read the file. Null finds everything by looking at it.</param>
    /// <param name="progress">Told the share of the file that has been read, from 0 to 1. Null tells nobody.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is empty, is no table in text, has a row with another number of fields, has quotes that do not end
    /// (the line is named), lacks a named column (the nearest name is suggested), has fewer than two rows, one class
    /// only, or a cell that does not fit its column (line and column are named).
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static TableSchema Learn(
        string path, TableOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) =>
        Learner.Learn(TableText.Of(path), options ?? new TableOptions(), progress is null ? null : progress.Report,
            cancellationToken);

    /// <summary>Reads the samples of a file, with their targets.</summary>
    /// <param name="path">The file. Its columns may stand in another order and among others.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">As <see cref="Learn"/>; or a label is none of the classes.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public TableDataset Load(string path, CancellationToken cancellationToken = default) =>
        Loader.Load(TableText.Of(path), this, hasTargets: true, cancellationToken);

    /// <summary>
    /// Reads the samples of a file without targets, to predict them. The target columns may be missing. No row is left
    /// out, so there is a sample per row.
    /// </summary>
    /// <param name="path">The file. Its columns may stand in another order and among others.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">As <see cref="Learn"/>.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public TableDataset LoadInputs(string path, CancellationToken cancellationToken = default) =>
        Loader.Load(TableText.Of(path), this, hasTargets: false, cancellationToken);

    /// <summary>Writes the schema as an object of JSON; <see cref="Read"/> reads it.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        SchemaJson.Write(json, this);
    }

    /// <summary>Reads what <see cref="WriteTo"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The object is no schema.</exception>
    public static TableSchema Read(JsonElement json) => SchemaJson.Read(json);

    /// <summary>Whether an input is 0 or 1.</summary>
    internal bool IsFlag(int input) => _flags[input];
}
