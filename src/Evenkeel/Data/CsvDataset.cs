namespace Evenkeel.Data;

/// <summary>
/// Samples from a CSV file. One column is the class label, or some columns are the numbers to predict
/// (<see cref="CsvOptions.Targets"/>). Every other column is a numeric feature, unless it is dropped. Classes are
/// numbered in the order of their values if all are numbers (0.0 before 2.0 before 10.0), otherwise in the ordinal
/// order of their names. <see cref="Guesses"/> says what was found if the options leave something open.
/// </summary>
public sealed class CsvDataset : IDataset
{
    private readonly TensorDataset _samples;

    private CsvDataset(
        Tensor inputs, Tensor targets, IReadOnlyList<string> classNames, IReadOnlyList<string> featureNames,
        IReadOnlyList<string> targetNames, string source, List<string> guesses)
    {
        _samples = new TensorDataset(inputs, targets);
        (Inputs, Targets, ClassNames, FeatureNames) = (inputs, targets, classNames, featureNames);
        (TargetNames, Source) = (targetNames, source);
        Guesses = guesses.AsReadOnly();
    }

    /// <summary>The features, (N, F), Float32.</summary>
    public Tensor Inputs { get; }

    /// <summary>The targets: class labels, (N), Int64; or T numbers per sample, (N, T), Float32.</summary>
    public Tensor Targets { get; }

    /// <summary>The names of the classes, by label. Empty if the targets are numbers.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The names of the F feature columns.</summary>
    public IReadOnlyList<string> FeatureNames { get; }

    /// <summary>The names of the T target columns; of one column if the target is a class label.</summary>
    public IReadOnlyList<string> TargetNames { get; }

    /// <summary>The file.</summary>
    public string Source { get; }

    /// <summary>
    /// What was found by looking at the file (the guesses of the table, the label, the classes), what was left out, and
    /// what looks odd. Each is one sentence that names the option that overrides it. Empty only if the options say
    /// everything.
    /// </summary>
    public IReadOnlyList<string> Guesses { get; }

    /// <inheritdoc/>
    public int Count => _samples.Count;

    /// <inheritdoc/>
    public Shape SampleShape => _samples.SampleShape;

    /// <inheritdoc/>
    public Shape TargetShape => _samples.TargetShape;

    /// <inheritdoc/>
    public DType TargetType => _samples.TargetType;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file: UTF-8, or UTF-16 with a byte-order mark.</param>
    /// <param name="options">How to read the file. Null finds everything by looking at it.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The table is empty or ragged (see <see cref="CsvTable.Read"/>), lacks a named column, has a missing value or a
    /// feature or a target that is not a number (row and column are named), or its labels are not classes.
    /// </exception>
    public static CsvDataset Load(string path, CsvOptions? options = null)
    {
        options ??= new CsvOptions();
        return From(CsvTable.Read(path, options), options);
    }

    /// <summary>Takes samples from a table; see <see cref="Load"/>.</summary>
    /// <param name="table">The table.</param>
    /// <param name="options">Which columns to take, and how to read them. Null takes the defaults.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="InvalidDataException">As <see cref="Load"/>.</exception>
    public static CsvDataset From(CsvTable table, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(table);
        options ??= new CsvOptions();
        List<string> guesses = [.. table.Guesses];
        CsvColumns columns = CsvColumns.Of(table, options, guesses);
        int[] rows = RowsOf(table, columns, options, guesses);
        CsvClasses? classes =
            columns.AreLabels ? CsvClasses.Of(table, columns.Targets[0], rows, options, guesses) : null;
        Tensor targets = classes is null
            ? Numbers(table, rows, columns.Targets, isTarget: true)
            : Tensor.Labels([.. rows.Select(classes.LabelOf)]);
        Tensor inputs = Numbers(table, rows, columns.Features, isTarget: false);
        CsvColumns.NoteOddities(table, columns, rows, guesses);
        return new CsvDataset(inputs, targets, classes?.Names ?? [], NamesOf(table, columns.Features),
            NamesOf(table, columns.Targets), table.Source, guesses);
    }

    /// <inheritdoc/>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch) => _samples.CopyTo(indices, batch);

    /// <inheritdoc/>
    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets) => _samples.CopyTargetsTo(indices, targets);

    /// <summary>A cell as an error shows it.</summary>
    internal static string Show(string cell) =>
        cell.Length == 0 ? "an empty cell" : $"\"{(cell.Length > 40 ? cell[..40] + "..." : cell)}\"";

    private static string[] NamesOf(CsvTable table, int[] columns) =>
        Array.ConvertAll(columns, i => table.Columns[i]);

    /// <summary>The numbers of some columns, (rows, columns).</summary>
    private static Tensor Numbers(CsvTable table, int[] rows, int[] columns, bool isTarget)
    {
        var values = new float[(long)rows.Length * columns.Length];
        int at = 0;
        foreach (int row in rows)
        {
            foreach (int column in columns)
            {
                if (!table.TryNumber(row, column, out double value) || !float.IsFinite((float)value))
                    throw NotANumber(table, row, column, isTarget);
                values[at++] = (float)value;
            }
        }

        return Tensor.From(values, [rows.Length, columns.Length]);
    }

    /// <summary>The rows in which nothing is missing.</summary>
    private static int[] RowsOf(CsvTable table, CsvColumns columns, CsvOptions options, List<string> guesses)
    {
        var rows = new List<int>(table.RowCount);
        for (int row = 0; row < table.RowCount; row++)
        {
            int missing = columns.Features.FirstOrDefault(column => table.IsMissing(row, column), -1);
            int target = columns.Targets.FirstOrDefault(column => table.IsMissing(row, column), -1);
            // A text that means "no value" elsewhere may be the name of a class.
            bool isClass = columns.AreLabels && target >= 0
                && (options.ClassNames?.Contains(table[row, target], StringComparer.Ordinal) ?? false);
            if (missing < 0 && !isClass) missing = target;
            if (missing < 0) rows.Add(row);
            else if (options.Missing == MissingValue.Refuse) throw Missing(table, row, missing, columns);
        }

        int dropped = table.RowCount - rows.Count;
        if (rows.Count == 0)
        {
            throw new InvalidDataException(
                $"CsvDataset: expected at least one row without a missing value in \"{table.Source}\", got none in " +
                $"{dropped} rows. Leave out the columns that have them with Drop.");
        }

        if (dropped > 0)
            guesses.Add($"{dropped} of {table.RowCount} rows are left out, " +
                "because a value is missing in them. Missing decides that.");
        return [.. rows];
    }

    private static InvalidDataException Missing(CsvTable table, int row, int column, CsvColumns columns)
    {
        bool isTarget = columns.Targets.Contains(column), isLabel = isTarget && columns.AreLabels;
        string cell = table[row, column];
        string means = cell.Length == 0 ? "" : ", which means a missing value";
        string other = cell.Length == 0 ? "" : isLabel
            ? " If it is a class, name the classes in ClassNames or the missing values in MissingValues."
            : " If it is a value, name the missing values in MissingValues.";
        return new InvalidDataException(
            $"CsvDataset: expected a {(isLabel ? "label" : "number")}, got {Show(cell)}{means} in " +
            $"{table.PlaceOf(row, column)}. Fill it in, leave out such rows with Missing = DropRow" +
            $"{(isTarget ? "" : ", or leave out the column with Drop")}.{other}");
    }

    private static InvalidDataException NotANumber(CsvTable table, int row, int column, bool isTarget)
    {
        string cell = table[row, column];
        string large = table.TryNumber(row, column, out _) ? ", which Float32 cannot hold," : "";
        string todo = row == 0 && !table.HasHeader ? "If the first line names the columns, set Header. " : "";
        if (cell.Contains(',') || cell.Contains('.'))
            todo += "If the decimal sign is the other one, set DecimalComma. ";
        string name = table.Columns[column];
        todo += isTarget
            ? $"If the column \"{name}\" holds classes, name it in Label and not in Targets; "
            : $"If the column \"{name}\" is the label, set Label; if it is not a feature, name it in Drop; ";
        return new InvalidDataException(
            $"CsvDataset: expected a number, got {Show(cell)}{large} in {table.PlaceOf(row, column)}. {todo}if the " +
            "cell means a missing value, name it in MissingValues.");
    }
}
