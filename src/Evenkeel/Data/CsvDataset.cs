using System.Globalization;

namespace Evenkeel.Data;

/// <summary>How a CSV file becomes samples.</summary>
public sealed record CsvOptions
{
    /// <summary>The label's column by name; needs a header.</summary>
    public string? Label { get; init; }

    /// <summary>The label's column by index from 0, in place of <see cref="Label"/>; with neither, the last column.</summary>
    public int? LabelIndex { get; init; }

    /// <summary>The classes in the order of their numbers, for a file that must use another one's (a test file the training file's); null collects them.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>What separates fields; null finds it.</summary>
    public char? Separator { get; init; }

    /// <summary>Whether the first line names the columns; null finds it.</summary>
    public bool? Header { get; init; }
}

/// <summary>
/// Samples from a CSV file: every column but one is a numeric feature, that one is the label. Classes are numbered by the order of their numbers where all are whole
/// numbers, else by the ordinal order of their names.
/// </summary>
public sealed class CsvDataset : IDataset
{
    private readonly TensorDataset _samples;

    private CsvDataset(Tensor inputs, Tensor labels, IReadOnlyList<string> classNames, IReadOnlyList<string> featureNames, string source)
    {
        _samples = new TensorDataset(inputs, labels);
        (Inputs, Labels, ClassNames, FeatureNames, Source) = (inputs, labels, classNames, featureNames, source);
    }

    /// <summary>The features, (N, F), Float32.</summary>
    public Tensor Inputs { get; }

    /// <summary>The labels, (N), Int64.</summary>
    public Tensor Labels { get; }

    /// <summary>The names of the classes, by label.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The names of the F feature columns.</summary>
    public IReadOnlyList<string> FeatureNames { get; }

    /// <summary>The file.</summary>
    public string Source { get; }

    /// <inheritdoc/>
    public int Count => _samples.Count;

    /// <inheritdoc/>
    public Shape SampleShape => _samples.SampleShape;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, UTF-8.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The table is empty or ragged (see <see cref="CsvTable.Read"/>), has no such label column, a feature that is no number or a label that is no class (row and column are named).
    /// </exception>
    public static CsvDataset Load(string path, CsvOptions? options = null)
    {
        options ??= new CsvOptions();
        return From(CsvTable.Read(path, options.Separator, options.Header), options);
    }

    /// <summary>Takes samples from a table; see <see cref="Load"/>.</summary>
    /// <param name="table">The table.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="InvalidDataException">As <see cref="Load"/>.</exception>
    public static CsvDataset From(CsvTable table, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(table);
        options ??= new CsvOptions();
        int label = LabelOf(table, options), rows = table.RowCount, features = table.Columns.Count - 1;
        if (features < 1) throw new InvalidDataException($"CsvDataset: expected at least one feature beside the label, \"{table.Source}\" has the one column {table.Columns[0]}. Is '{table.Separator}' the separator?");
        IReadOnlyList<string> classes = options.ClassNames ?? ClassesOf(table, label);
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < classes.Count; i++) numbers[classes[i]] = i;
        var values = new float[(long)rows * features];
        var labels = new int[rows];
        for (int row = 0, at = 0; row < rows; row++)
        {
            for (int column = 0; column <= features; column++)
            {
                string cell = table[row, column];
                if (column == label)
                {
                    if (cell.Length == 0) throw new InvalidDataException($"CsvDataset: expected a label, got an empty cell in {table.PlaceOf(row, column)}.");
                    if (!numbers.TryGetValue(cell, out labels[row]))
                        throw new InvalidDataException($"CsvDataset: expected one of the classes {string.Join(", ", classes.Take(10))}, got {Shown(cell)} in {table.PlaceOf(row, column)}.");
                    continue;
                }

                if (!TryNumber(cell, out double value) || !float.IsFinite((float)value))
                    throw new InvalidDataException($"CsvDataset: expected a number, got {Shown(cell)} in {table.PlaceOf(row, column)}.");
                values[at++] = (float)value;
            }
        }

        string[] names = [.. table.Columns.Where((_, i) => i != label)];
        return new CsvDataset(Tensor.From(values, [rows, features]), Tensor.Labels(labels), classes, names, table.Source);
    }

    /// <inheritdoc/>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch) => _samples.CopyTo(indices, batch);

    /// <inheritdoc/>
    public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels) => _samples.CopyLabelsTo(indices, labels);

    internal static bool IsNumber(string cell) => TryNumber(cell, out _);

    private static bool TryNumber(string cell, out double value) =>
        double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    private static string Shown(string cell) => cell.Length == 0 ? "an empty cell" : $"\"{(cell.Length > 40 ? cell[..40] + "..." : cell)}\"";

    private static int LabelOf(CsvTable table, CsvOptions options)
    {
        if (options.Label is { } name)
        {
            if (options.LabelIndex is not null) throw new ArgumentException("CsvDataset: expected the label's name or its index, got both.", nameof(options));
            int column = table.ColumnOf(name);
            if (column >= 0) return column;
            string there = table.HasHeader ? $"the header has {string.Join(", ", table.Columns.Take(20))}" : "the file has no header";
            throw new InvalidDataException($"CsvDataset: expected a column \"{name}\" for the label in \"{table.Source}\", found none: {there}.");
        }

        int index = options.LabelIndex ?? table.Columns.Count - 1;
        if ((uint)index >= (uint)table.Columns.Count)
            throw new InvalidDataException($"CsvDataset: expected the label's column from 0 to {table.Columns.Count - 1}, got {index} for \"{table.Source}\".");
        return index;
    }

    private static string[] ClassesOf(CsvTable table, int label)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        bool whole = true;
        for (int row = 0; row < table.RowCount; row++)
        {
            string cell = table[row, label];
            if (cell.Length > 0 && names.Add(cell)) whole &= long.TryParse(cell, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
        }

        return whole
            ? [.. names.OrderBy(static name => long.Parse(name, CultureInfo.InvariantCulture)).ThenBy(static name => name, StringComparer.Ordinal)]
            : [.. names.Order(StringComparer.Ordinal)];
    }
}
