namespace Evenkeel.Data;

/// <summary>Which columns of a table are the target and the features.</summary>
/// <param name="Targets">The column of class labels, or the columns of numbers.</param>
/// <param name="AreLabels">Whether the target is a class label.</param>
/// <param name="Features">The columns of features.</param>
internal sealed record CsvColumns(int[] Targets, bool AreLabels, int[] Features)
{
    /// <summary>Float32 holds every whole number up to here. Beyond, it holds only some.</summary>
    private const double LastExactWhole = 1 << 24;

    public static CsvColumns Of(CsvTable table, CsvOptions options, List<string> guesses)
    {
        int[] dropped = [.. options.Drop.Select(name => Find(table, name, "to drop"))];
        int[] targets = options.Targets is { } numbers
            ? TargetsOf(table, numbers, options, dropped)
            : [LabelOf(table, options, dropped, guesses)];
        int[] features = options.Features is { } names
            ? [.. names.Select(name => Find(table, name, "for a feature"))]
            : [.. Enumerable.Range(0, table.Columns.Count).Where(i => !targets.Contains(i) && !dropped.Contains(i))];
        (string kind, string option) = options.Targets is null ? ("label", "Label") : ("target", "Targets");
        if (features.FirstOrDefault(i => targets.Contains(i) || dropped.Contains(i), -1) is >= 0 and int both)
        {
            throw new ArgumentException(
                $"CsvDataset: expected each column to be one of {kind}, feature and dropped, got " +
                $"\"{table.Columns[both]}\" as two of them. Take it out of Features, {option} or Drop.",
                nameof(options));
        }

        if (features.Length == 0)
        {
            throw new InvalidDataException(
                $"CsvDataset: expected at least one feature beside the {kind} \"{table.Columns[targets[0]]}\", " +
                $"\"{table.Source}\" has none" +
                (table.Columns.Count == 1
                    ? $". Is {CsvGuess.Show(table.Separator)} the separator?"
                    : " that is not dropped."));
        }

        return new CsvColumns(targets, options.Targets is null, features);
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

    /// <summary>The columns whose numbers are the target.</summary>
    private static int[] TargetsOf(
        CsvTable table, IReadOnlyList<string> names, CsvOptions options, int[] dropped)
    {
        if (names.Count == 0)
        {
            throw new ArgumentException(
                "CsvDataset: expected the names of the target columns, got an empty list in Targets. Null takes the "
                + "class labels of one column.", nameof(options));
        }

        string? other = options.Label is not null ? nameof(options.Label)
            : options.LabelIndex is not null ? nameof(options.LabelIndex)
            : options.ClassNames is not null ? nameof(options.ClassNames)
            : options.MaxClasses is not null ? nameof(options.MaxClasses) : null;
        if (other is not null)
        {
            throw new ArgumentException(
                $"CsvDataset: expected numbers (Targets) or class labels as the target, got Targets and {other}. Leave "
                + "out one of them.", nameof(options));
        }

        int[] targets = [.. names.Select(name => Find(table, name, "for a target"))];
        for (int i = 0; i < targets.Length; i++)
        {
            if (Array.IndexOf(targets, targets[i]) < i)
            {
                throw new ArgumentException(
                    $"CsvDataset: expected each target once, got \"{names[i]}\" twice in Targets.", nameof(options));
            }

            if (dropped.Contains(targets[i]))
            {
                throw new ArgumentException(
                    $"CsvDataset: expected other columns in Targets than those to drop, got \"{names[i]}\" for both.",
                    nameof(options));
            }
        }

        return targets;
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
