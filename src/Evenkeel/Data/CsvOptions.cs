namespace Evenkeel.Data;

/// <summary>What becomes of a row in which a value is missing.</summary>
public enum MissingValue
{
    /// <summary>It is an error that names row and column.</summary>
    Refuse,

    /// <summary>The row is left out; <see cref="CsvDataset.Guesses"/> says how many were.</summary>
    DropRow,
}

/// <summary>
/// How a CSV file becomes samples. What is null is found by looking at the file, and <see cref="CsvTable.Guesses"/> and
/// <see cref="CsvDataset.Guesses"/> say what was found; what is set is taken as it is.
/// </summary>
/// <remarks>
/// Columns are called by the name that the header gives them. A column without a name is called <c>column 3</c>, by its
/// number from 1.
/// </remarks>
public sealed record CsvOptions
{
    /// <summary>The cells that mean "no value": what spreadsheets, R, pandas and the UCI repository write.</summary>
    public static IReadOnlyList<string> DefaultMissingValues { get; } = Array.AsReadOnly(
        ["", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None"]);

    /// <summary>
    /// What separates fields; null for the one of <c>, ; tab |</c> that divides the first lines best. Default: null.
    /// </summary>
    public char? Separator { get; init; }

    /// <summary>
    /// Whether the first line names the columns; null compares its cells with those below them: a text above numbers is
    /// a
    /// name. Default: null.
    /// </summary>
    public bool? Header { get; init; }

    /// <summary>
    /// Whether numbers have a decimal comma (1,5) in place of a point; null for a comma if numbers with commas are
    /// there
    /// and none with points. Default: null.
    /// </summary>
    public bool? DecimalComma { get; init; }

    /// <summary>
    /// The cells that mean "no value"; null for <see cref="DefaultMissingValues"/>. An empty list leaves the empty cell
    /// alone, which always does. Default: null.
    /// </summary>
    public IReadOnlyList<string>? MissingValues { get; init; }

    /// <summary>
    /// What becomes of a row in which the label or a feature is missing; refused unless said otherwise.
    /// Default: Refuse.
    /// </summary>
    public MissingValue Missing { get; init; }

    /// <summary>The label's column by name. Default: null.</summary>
    public string? Label { get; init; }

    /// <summary>
    /// The label's column by index from 0, in place of <see cref="Label"/>; with neither, the last column.
    /// Default: null.
    /// </summary>
    public int? LabelIndex { get; init; }

    /// <summary>
    /// The feature columns by name, in the order that samples have them, as a test file needs those of its training
    /// file;
    /// null for every column but the label and the dropped ones. Default: null.
    /// </summary>
    public IReadOnlyList<string>? Features { get; init; }

    /// <summary>The columns that are left out, by name. Default: none.</summary>
    public IReadOnlyList<string> Drop { get; init; } = [];

    /// <summary>
    /// The classes in the order of their numbers, as a test file needs those of its training file; null collects them.
    /// Names that are all numbers are compared as numbers. Default: null.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>
    /// The most classes that the labels may have. Null refuses what looks like no class: beyond ten different labels,
    /// numbers
    /// with fractions, more than a hundred numbers, or fewer than two samples per class. Default: null.
    /// </summary>
    public int? MaxClasses { get; init; }

    /// <summary>Every column that is called by name.</summary>
    internal IEnumerable<string> Named => [.. Label is null ? [] : (string[])[Label], .. Features ?? [], .. Drop];
}
