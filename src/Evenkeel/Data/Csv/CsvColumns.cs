namespace Evenkeel.Data;

/// <summary>Which columns of a table are the label and the features.</summary>
internal sealed record CsvColumns(int Label, int[] Features)
{
    /// <summary>Float32 holds every whole number up to here. Beyond, it holds only some.</summary>
    private const double LastExactWhole = 1 << 24;

    public static CsvColumns Of(CsvTable table, CsvOptions options, List<string> guesses)
    {
        int[] dropped = [.. options.Drop.Select(name => Find(table, name, "to drop"))];
        int label = LabelOf(table, options, dropped, guesses);
        int[] features = options.Features is { } names
            ? [.. names.Select(name => Find(table, name, "for a feature"))]
            : [.. Enumerable.Range(0, table.Columns.Count).Where(i => i != label && !dropped.Contains(i))];
        if (features.FirstOrDefault(i => i == label || dropped.Contains(i), -1) is >= 0 and int both)
        {
            throw new ArgumentException(
                $"CsvDataset: expected each column to be one of label, feature and dropped, got " +
                $"\"{table.Columns[both]}\" as two of them. Take it out of Features, Label or Drop.", nameof(options));
        }

        if (features.Length == 0)
        {
            throw new InvalidDataException(
                $"CsvDataset: expected at least one feature beside the label \"{table.Columns[label]}\", " +
                $"\"{table.Source}\" has none" +
                (table.Columns.Count == 1
                    ? $". Is {CsvGuess.Show(table.Separator)} the separator?"
                    : " that is not dropped."));
        }

        return new CsvColumns(label, features);
    }

    /// <summary>
    /// Adds guesses about features that look odd: a feature that counts the rows, and one that loses digits in Float32.
    /// </summary>
    public static void NoteOddities(CsvTable table, CsvColumns columns, int[] rows, List<string> guesses)
    {
        foreach (int column in columns.Features)
        {
            table.TryNumber(rows[0], column, out double first);
            bool counts = rows.Length >= 3 && (first is 0 or 1), isExact = true;
            foreach (int row in rows)
            {
                table.TryNumber(row, column, out double value);
                counts &= value == first + row - rows[0];
                isExact &= Math.Abs(value) <= LastExactWhole || value != Math.Floor(value) || (float)value == value;
            }

            string name = table.Columns[column];
            if (counts)
                guesses.Add($"The feature \"{name}\" counts the rows. If it is a number of the row, name it in Drop.");
            if (isExact) continue;
            guesses.Add(
                $"The feature \"{name}\" holds whole numbers that Float32 rounds, so that different ones may become " +
                "one. Name it in Drop, or make it smaller.");
        }
    }

    private static int LabelOf(CsvTable table, CsvOptions options, int[] dropped, List<string> guesses)
    {
        if (options.Label is { } name)
        {
            if (options.LabelIndex is not null)
            {
                throw new ArgumentException(
                    "CsvDataset: expected the label's name or its index, got both.", nameof(options));
            }

            return Unless(dropped, Find(table, name, "for the label"), table, nameof(options));
        }

        if (options.LabelIndex is { } index)
        {
            if ((uint)index >= (uint)table.Columns.Count)
            {
                throw new InvalidDataException(
                    $"CsvDataset: expected the label's column from 0 to {table.Columns.Count - 1}, " +
                    $"got {index} for \"{table.Source}\".");
            }

            return Unless(dropped, index, table, nameof(options));
        }

        int last = Enumerable.Range(0, table.Columns.Count).LastOrDefault(i => !dropped.Contains(i), -1);
        if (last < 0)
        {
            throw new ArgumentException(
                $"CsvDataset: expected a column that is not dropped, \"{table.Source}\" has none left.",
                nameof(options));
        }

        guesses.Add($"The label is \"{table.Columns[last]}\", the last " +
            $"column{(dropped.Length > 0 ? " that is not dropped" : "")}. Label or LabelIndex overrides it.");
        return last;
    }

    private static int Unless(int[] dropped, int label, CsvTable table, string parameter) => dropped.Contains(label)
        ? throw new ArgumentException(
            "CsvDataset: expected another column for the label than those to drop, got " +
            $"\"{table.Columns[label]}\" for both.", parameter)
        : label;

    /// <summary>The one column of that name.</summary>
    private static int Find(CsvTable table, string name, string what)
    {
        int column = table.ColumnOf(name);
        if (column < 0)
        {
            string there = table.HasHeader ? $"the header has {string.Join(", ", table.Columns.Take(20))}"
                : "the file has no header, so columns are called by number: \"column 1\", \"column 2\", ... " +
                    "(if it has one, set Header)";
            throw new InvalidDataException($"CsvDataset: expected a column \"{name}\" {what} in \"{table.Source}\", " +
                $"found none: {there}.");
        }

        if (table.Columns.Count(other => other == name) is > 1 and int several)
        {
            throw new InvalidDataException(
                $"CsvDataset: expected one column \"{name}\" {what} in \"{table.Source}\", found {several} of that " +
                "name. Rename them in the file.");
        }

        return column;
    }
}
