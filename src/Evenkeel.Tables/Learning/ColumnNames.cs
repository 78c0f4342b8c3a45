
namespace Evenkeel.Tables;

/// <summary>Finds columns by name, with errors that suggest the nearest one.</summary>
internal static class ColumnNames
{
    /// <summary>The one column of a name.</summary>
    /// <param name="head">The file.</param>
    /// <param name="name">The name.</param>
    /// <param name="what">What it is for: <c>for the target</c>.</param>
    /// <exception cref="InvalidDataException">There is none, or there are several.</exception>
    public static int Find(TableHead head, string name, string what)
    {
        int column = Array.IndexOf(head.Names, name);
        if (column < 0)
        {
            string there = head.HasHeader
                ? $"the header has {string.Join(", ", head.Names.Take(20))}{(head.Names.Length > 20 ? ", ..." : "")}"
                : "the file has no header, so columns are called by number: \"column 1\", \"column 2\", ... (if it has "
                    + "one, say --header yes)";
            string? nearest = NearestName.Find(name, head.Names);
            string hint = nearest is null ? "" : $" Did you mean \"{nearest}\"?";
            throw new InvalidDataException($"{TableText.Reader}: expected a column \"{name}\" {what} in "
                + $"\"{head.Text.Name}\", found none: {there}.{hint}");
        }

        if (head.Names.Count(other => other == name) is > 1 and int several)
        {
            throw new InvalidDataException($"{TableText.Reader}: expected one column \"{name}\" {what} in "
                + $"\"{head.Text.Name}\", found {several} of that name. Rename them in the file.");
        }

        return column;
    }

    /// <summary>Where a cell is, for errors: <c>line 4, column 2 "width" of "iris.csv"</c>.</summary>
    public static string PlaceOf(TableHead head, long line, int column) =>
        $"line {line}, column {column + 1}{(head.HasHeader ? $" \"{head.Names[column]}\"" : "")} of "
        + $"\"{head.Text.Name}\"";

    /// <summary>The error for a cell that is no number.</summary>
    /// <param name="head">The file.</param>
    /// <param name="cell">The cell.</param>
    /// <param name="column">Its column.</param>
    /// <param name="isTarget">Whether the column is the target.</param>
    public static InvalidDataException NotANumber(TableHead head, OddCell cell, int column, bool isTarget)
    {
        bool isLarge = head.Format.TryNumber(cell.Text, out _) || head.Format.IsInfinite(cell.Text);
        string large = isLarge ? ", which Float32 cannot hold," : "";
        string todo = !head.HasHeader && cell.Line <= 1
            ? " If the first line names the columns, say --header yes." : "";
        if (cell.Text.Contains(',') || cell.Text.Contains('.'))
            todo += " If the decimal sign is the other one, say so with --decimal-comma.";
        string name = head.Names[column];
        todo += isTarget ? $" If the column \"{name}\" holds classes, say --task classification."
            : $" If the column \"{name}\" holds categories, say --categorical \"{name}\"; if it is no input, --drop "
                + $"\"{name}\".";
        return new InvalidDataException(
            $"{TableText.Reader}: expected a number, got {CellFormat.Show(cell.Text)}{large} in "
            + $"{PlaceOf(head, cell.Line, column)}.{todo} If the cell means \"no value\", name it in "
            + "--missing-values.");
    }

    /// <summary>The error for a cell that has no value.</summary>
    /// <param name="head">The file.</param>
    /// <param name="line">Its line.</param>
    /// <param name="column">Its column.</param>
    public static InvalidDataException NoValue(TableHead head, long line, int column) => new(
        $"{TableText.Reader}: expected a value, got none in {PlaceOf(head, line, column)}. Fill it in, say --missing "
        + $"impute or --missing drop-row, or leave out the column with --drop \"{head.Names[column]}\".");

    /// <summary>The error for a cell that is no date.</summary>
    /// <param name="head">The file.</param>
    /// <param name="cell">The cell.</param>
    /// <param name="order">The order of day, month and year.</param>
    /// <param name="column">Its column.</param>
    public static InvalidDataException NotADate(TableHead head, OddCell cell, string order, int column) => new(
        $"{TableText.Reader}: expected a date ({order}), got {CellFormat.Show(cell.Text)} in "
        + $"{PlaceOf(head, cell.Line, column)}. If the order is another one, say --dates "
        + $"\"{head.Names[column]}=d.m.y\"; if it is no date, --categorical or --drop \"{head.Names[column]}\". If "
        + "the cell means \"no value\", name it in --missing-values.");
}
