namespace Evenkeel.Tables;

/// <summary>What a column of a table means.</summary>
/// <param name="Name">The name in the header; <c>column 3</c> if there is none.</param>
/// <param name="Kind">What the column is used for.</param>
/// <param name="Why">What the kind was found by, or why the column is ignored.</param>
/// <param name="Missing">How many rows of the training file have no value in this column.</param>
/// <param name="Categories">
/// The categories or the classes in their order: numbers by their value, otherwise in ordinal order. Empty for other
/// columns.
/// </param>
public sealed record TableColumn(
    string Name, ColumnKind Kind, string Why, long Missing, IReadOnlyList<string> Categories)
{
    /// <summary>
    /// The names of the inputs that the column becomes, in their order: <c>age</c>, <c>age is missing</c>, <c>region =
    /// north</c>, <c>when (month)</c>. Empty for targets and ignored columns.
    /// </summary>
    public IReadOnlyList<string> Inputs { get; init; } = [];

    /// <summary>Whether an input says that the value is missing. It does if one is missing in training.</summary>
    public bool HasMissingInput { get; init; }

    /// <summary>
    /// The order of day, month and year: <c>y-m-d</c>, <c>d.m.y</c>, <c>m/d/y</c>. Null if not a date.
    /// </summary>
    public string? DateOrder { get; init; }

    /// <summary>Whether the categories or classes are compared as numbers: 1 and 1.0 are one.</summary>
    public bool AreNumbers { get; init; }

    /// <summary>
    /// The parts of a date that are inputs beside its days: <c>month</c>, <c>weekday</c>, <c>hour</c>. A part that is
    /// the same in every row is none.
    /// </summary>
    public IReadOnlyList<string> DateParts { get; init; } = [];
}
