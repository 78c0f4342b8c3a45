namespace Evenkeel.Tables;

/// <summary>How the text of a table is read, as learned from the training file.</summary>
/// <param name="Separator">What separates fields.</param>
/// <param name="HasHeader">Whether the first line names the columns.</param>
/// <param name="DecimalComma">Whether numbers have a decimal comma.</param>
/// <param name="MissingValues">The cells that mean "no value".</param>
/// <param name="Missing">What happens to rows with missing values.</param>
internal sealed record TableFormat(
    char Separator, bool HasHeader, bool DecimalComma, IReadOnlyList<string> MissingValues, MissingValue Missing);
