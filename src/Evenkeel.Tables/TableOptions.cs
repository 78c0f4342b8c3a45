namespace Evenkeel.Tables;

/// <summary>
/// How a file of text becomes a table of samples. An option that is null is found by looking at the file;
/// <see cref="TableSchema.Notes"/> says what was found. An option that is set is taken as it is.
/// </summary>
/// <remarks>
/// Columns have the names of the header. A column without a name is called by its number, counted from 1: <c>column
/// 3</c>.
/// </remarks>
public sealed record TableOptions
{
    /// <summary>The default of <see cref="MaxCategories"/>.</summary>
    public const int DefaultMaxCategories = 100;

    /// <summary>The cells that mean "no value": what spreadsheets, R, pandas and the UCI repository write.</summary>
    public static IReadOnlyList<string> DefaultMissingValues { get; } = Array.AsReadOnly(
        ["", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None"]);

    /// <summary>
    /// What separates fields. Null takes what a first line <c>sep=;</c> names, or the one of <c>, ; tab |</c> that
    /// divides the first lines best. Default: null.
    /// </summary>
    public char? Separator { get; init; }

    /// <summary>
    /// Whether the first line names the columns. Null compares its cells with those below them: a text above numbers is
    /// a name. Default: null.
    /// </summary>
    public bool? Header { get; init; }

    /// <summary>
    /// Whether numbers have a decimal comma (1,5) instead of a point. Null takes a comma if the first lines have
    /// numbers with commas and none with points. Default: null.
    /// </summary>
    public bool? DecimalComma { get; init; }

    /// <summary>
    /// The cells that mean "no value". Null takes <see cref="DefaultMissingValues"/>. An empty cell always means "no
    /// value", even if the list is empty. Default: null.
    /// </summary>
    public IReadOnlyList<string>? MissingValues { get; init; }

    /// <summary>What happens to a row in which a value is missing. Default: Impute.</summary>
    public MissingValue Missing { get; init; } = MissingValue.Impute;

    /// <summary>
    /// The name of the target's column. Null takes the last column that is not dropped. Default: null.
    /// </summary>
    public string? Target { get; init; }

    /// <summary>
    /// The names of several columns whose numbers are the target (regression), instead of <see cref="Target"/>.
    /// Default: null.
    /// </summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>
    /// Whether the target is a class or a number. Null takes numbers for a quantity if some have fractions, if there
    /// are more than twenty different ones, or if there are fewer than two rows for each of more than ten. Default:
    /// null.
    /// </summary>
    public TableTask? Task { get; init; }

    /// <summary>The names of the columns that are left out. Default: none.</summary>
    public IReadOnlyList<string> Drop { get; init; } = [];

    /// <summary>
    /// The names of the columns whose values are categories, even if they are numbers. Default: none.
    /// </summary>
    public IReadOnlyList<string> Categorical { get; init; } = [];

    /// <summary>
    /// The names of the columns whose values are numbers, even if they look like an identifier. Default: none.
    /// </summary>
    public IReadOnlyList<string> Numeric { get; init; } = [];

    /// <summary>
    /// The names of the columns whose values are dates. The order of day, month and year may follow: <c>when=d/m/y</c>,
    /// <c>when=m/d/y</c>, <c>when=d.m.y</c>, <c>when=y-m-d</c>. Without it, it must be unambiguous. Default: none.
    /// </summary>
    public IReadOnlyList<string> Dates { get; init; } = [];

    /// <summary>
    /// The most classes that the target may have. Null accepts any number of them if there are two rows per class or
    /// at most ten classes. Default: null.
    /// </summary>
    public int? MaxClasses { get; init; }

    /// <summary>
    /// The classes in the order of their numbers. Null collects them from the file: numbers by their value, otherwise
    /// in the ordinal order of their names. Names that are all numbers are compared as numbers. Default: null.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>
    /// The most categories of a column. A column of texts with more of them is ignored, unless
    /// <see cref="Categorical"/> names it. Default: 100.
    /// </summary>
    public int MaxCategories { get; init; } = DefaultMaxCategories;
}
