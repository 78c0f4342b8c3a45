namespace Evenkeel.Data;

/// <summary>What happens to a row in which a value is missing.</summary>
public enum MissingValue
{
    /// <summary>The row is an error that names row and column.</summary>
    Refuse,

    /// <summary>The row is left out. <see cref="CsvDataset.Guesses"/> says how many rows were.</summary>
    DropRow,
}

/// <summary>
/// How a CSV file becomes samples. An option that is null is found by looking at the file;
/// <see cref="CsvTable.Guesses"/> and <see cref="CsvDataset.Guesses"/> say what was found. An option that is set is
/// taken as it is.
/// </summary>
/// <remarks>
/// Columns have the names of the header. A column without a name is called by its number, counted from 1: <c>column
/// 3</c>.
/// </remarks>
public sealed record CsvOptions
{
    /// <summary>The cells that mean "no value": what spreadsheets, R, pandas and the UCI repository write.</summary>
    public static IReadOnlyList<string> DefaultMissingValues { get; } = Array.AsReadOnly(
        ["", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None"]);

    /// <summary>
    /// What separates fields. Null takes the one of <c>, ; tab |</c> that divides the first lines best. Default: null.
    /// </summary>
    public char? Separator { get; init; }

    /// <summary>
    /// Whether the first line names the columns. Null compares its cells with those below them: a text above numbers is
    /// a name. Default: null.
    /// </summary>
    public bool? Header { get; init; }

    /// <summary>
    /// Whether numbers have a decimal comma (1,5) instead of a point. Null takes a comma if there are numbers with
    /// commas and none with points. Default: null.
    /// </summary>
    public bool? DecimalComma { get; init; }

    /// <summary>
    /// The cells that mean "no value". Null takes <see cref="DefaultMissingValues"/>. An empty cell always means "no
    /// value", even if the list is empty. Default: null.
    /// </summary>
    public IReadOnlyList<string>? MissingValues { get; init; }

    /// <summary>What happens to a row in which a target or a feature is missing. Default: Refuse.</summary>
    public MissingValue Missing { get; init; }

    /// <summary>The name of the label's column. Default: null.</summary>
    public string? Label { get; init; }

    /// <summary>
    /// The index of the label's column, counted from 0, instead of <see cref="Label"/>. The last column is the label if
    /// neither is set. Default: null.
    /// </summary>
    public int? LabelIndex { get; init; }

    /// <summary>
    /// The names of the columns whose numbers are the target (regression), in the order of the target's values. Null
    /// takes the class labels of one column. Default: null.
    /// </summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>
    /// The names of the feature columns, in the order of the samples' values. A test file needs those of its training
    /// file. Null takes every column except the target and the dropped ones. Default: null.
    /// </summary>
    public IReadOnlyList<string>? Features { get; init; }

    /// <summary>The names of the columns that are left out. Default: none.</summary>
    public IReadOnlyList<string> Drop { get; init; } = [];

    /// <summary>
    /// The classes in the order of their numbers. A test file needs those of its training file. Null collects them from
    /// the file. Names that are all numbers are compared as numbers. Default: null.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>
    /// The most classes that the labels may have. Null accepts up to ten different labels of any kind. If there are
    /// more, it refuses numbers with fractions, more than a hundred numbers, and fewer than two samples per class.
    /// Default: null.
    /// </summary>
    public int? MaxClasses { get; init; }

    /// <summary>Every column that the options name.</summary>
    internal IEnumerable<string> Named =>
        [.. Label is null ? [] : (string[])[Label], .. Targets ?? [], .. Features ?? [], .. Drop];
}
