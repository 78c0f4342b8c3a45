namespace Evenkeel.Tables;

/// <summary>
/// Finds what the options leave open by looking at the table: its separator, its decimal sign, its header.
/// </summary>
internal static class TableGuess
{
    /// <summary>Number of rows on which a separator is tried.</summary>
    private const int SeparatorRows = 100;

    /// <summary>Number of rows below the first one with which its cells are compared.</summary>
    private const int HeaderRows = 1000;

    private const string Candidates = ",;\t|";

    private static readonly CellFormat s_commas = new(';', null, decimalComma: true);
    private static readonly CellFormat s_points = new(';', null, decimalComma: false);

    /// <summary>A separator in words.</summary>
    public static string Show(char separator) => separator == '\t' ? "the tab" : $"'{separator}'";

    /// <summary>
    /// The candidate that gives most rows the same number of fields, and fields that are numbers or hold no other
    /// candidate: <c>1,5;2,5</c> is two numbers, not <c>1</c>, <c>5;2</c> and <c>5</c>. Quoted separators are part of a
    /// text.
    /// </summary>
    public static char Separator(ReadOnlyMemory<char> text, string name, List<string> guesses)
    {
        (char best, double most, int fields) = (',', 0, 0);
        foreach (char candidate in Candidates)
        {
            List<string[]> rows = FirstRows(text, candidate, name);
            int columns = rows.Where(static row => row.Length > 1).GroupBy(static row => row.Length)
                .OrderByDescending(static rows => rows.Count()).ThenByDescending(static rows => rows.Key)
                .FirstOrDefault()?.Key ?? 0;
            if (columns == 0) continue;
            string[][] fitting = [.. rows.Where(row => row.Length == columns)];
            int clean = fitting.Sum(static row => row.Count(static cell =>
                cell.AsSpan().IndexOfAny(Candidates) < 0 || LooksLikeNumber(cell)));
            double score = (double)clean / columns / rows.Count;
            if (score > most || (score == most && columns > fields)) (best, most, fields) = (candidate, score, columns);
        }

        guesses.Add(fields == 0
            ? "The table has one column: none of ',', ';', the tab and '|' divides its first lines. " +
                "--separator overrides it."
            : $"The separator is {Show(best)}: it divides the first lines into {fields} fields. " +
                "--separator overrides it.");
        return best;
    }

    /// <summary>
    /// True if there are numbers with commas and none with points. If every comma may separate thousands (1,234),
    /// nothing is decided, and the cells are not numbers.
    /// </summary>
    public static bool DecimalComma(List<string[]> rows, List<string> guesses)
    {
        string? example = null;
        foreach (string[] row in rows)
        {
            foreach (string cell in row)
            {
                if (cell.Contains('.') && s_points.TryNumber(cell, out _)) return false;
                if (example is not null || !cell.Contains(',') || CellFormat.MayBeThousands(cell)) continue;
                if (s_commas.TryNumber(cell, out _)) example = cell;
            }
        }

        if (example is null) return false;
        guesses.Add(
            $"Numbers have a decimal comma: some are written as {example}, none has a point. " +
            "--decimal-comma overrides it.");
        return true;
    }

    /// <summary>
    /// Whether the first line names the columns. It does if a text stands above numbers, or numbers that count the
    /// columns (0, 1, 2) stand above other numbers. It does not if a number stands above numbers, or a text occurs
    /// again below. If none of this is the case, it is a header if all its cells are different texts.
    /// </summary>
    public static bool Header(List<string[]> rows, CellFormat cells, IEnumerable<string> named, List<string> guesses)
    {
        string[] first = rows[0];
        if (named.FirstOrDefault(first.Contains) is { } asked)
        {
            guesses.Add($"The first line names the columns: it holds \"{asked}\", which the options name. --header " +
                "overrides it.");
            return true;
        }

        string? data = null, header = null;
        bool counts = CountsColumns(rows, cells);
        for (int i = 0; i < first.Length; i++)
        {
            string cell = first[i];
            var below = new Below(rows, i, cells);
            if (cells.IsMissing(cell)) continue;
            if (LooksLikeNumber(cell))
            {
                if (counts) header ??= "its numbers count the columns, and those below do not";
                else data ??= $"{cell} in column {i + 1} is a number{(below.IsNumeric ? " as those below it" : "")}";
            }
            else if (below.IsNumeric) header ??= $"\"{Short(cell)}\" in column {i + 1} stands above numbers";
            else if (below.Holds(cell)) data ??= $"\"{Short(cell)}\" in column {i + 1} comes again below";
        }

        bool isHeader = data is null && (header is not null || AreNames(first, cells));
        string none = isHeader ? "its cells are different texts" : "no cell of it stands above numbers";
        string why = data ?? header ?? none;
        guesses.Add($"The first line {(isHeader ? "names the columns" : "is data")}: {why}. --header overrides it.");
        return isHeader;
    }

    private static bool AreNames(string[] first, CellFormat cells) =>
        first.All(cell => !cells.IsMissing(cell) && !LooksLikeNumber(cell))
        && first.Distinct(StringComparer.Ordinal).Count() == first.Length;

    /// <summary>
    /// Whether the numbers of the first line are those of their columns, from 0 or 1 on, and the next line is of
    /// another kind: two such numbers above fractions, or three above numbers that do not count.
    /// </summary>
    private static bool CountsColumns(List<string[]> rows, CellFormat cells)
    {
        int numbers = Counting(rows[0], cells, out int[] columns);
        if (numbers < 2 || rows.Count < 2) return false;
        bool fractions = columns.All(column => rows.Skip(1).Take(HeaderRows)
            .All(row => cells.IsMissing(row[column])
                || row[column].AsSpan().IndexOfAny(cells.DecimalComma ? ',' : '.', 'e', 'E') >= 0));
        return fractions || (numbers >= 3 && Counting(rows[1], cells, out _) == 0);
    }

    /// <summary>How many numbers a line has if each is the number of its column; otherwise 0.</summary>
    private static int Counting(string[] row, CellFormat cells, out int[] columns)
    {
        columns = [.. Enumerable.Range(0, row.Length).Where(i => cells.TryNumber(row[i], out _))];
        if (columns.Length == 0) return 0;
        int[] places = columns;
        foreach (int start in (int[])[0, 1])
        {
            if (places.All(i => cells.TryNumber(row[i], out double value) && value == i + start)) return places.Length;
        }

        return 0;
    }

    private static List<string[]> FirstRows(ReadOnlyMemory<char> text, char separator, string name)
    {
        var rows = new List<string[]>();
        var cells = new CellFormat(separator, null, decimalComma: false);
        try
        {
            using var reader = new RowReader(text, cells, name, 1);
            while (rows.Count < SeparatorRows && reader.Next()) rows.Add(reader.Cells());
        }
        catch (InvalidDataException)
        {
            // With a wrong separator, quotes appear in unexpected places. A wrong file is refused later, when it is
            // read in full.
            rows.Add([""]);
        }

        return rows;
    }

    /// <summary>A number with either decimal sign is not a name, whichever decimal sign the table has.</summary>
    private static bool LooksLikeNumber(string cell) =>
        s_points.TryNumber(cell, out _) || s_commas.TryNumber(cell, out _);

    private static string Short(string cell) => cell.Length > 40 ? cell[..40] + "..." : cell;

    /// <summary>The cells of a column below the first line.</summary>
    private sealed class Below
    {
        private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

        public Below(List<string[]> rows, int column, CellFormat cells)
        {
            int numbers = 0, texts = 0;
            foreach (string[] row in rows.Skip(1).Take(HeaderRows))
            {
                if (cells.IsMissing(row[column])) continue;
                if (cells.TryNumber(row[column], out _)) numbers++;
                else
                {
                    texts++;
                    _texts.Add(row[column]);
                }
            }

            // A few typing errors do not turn a column of numbers into one of texts.
            IsNumeric = numbers > 9 * texts;
        }

        public bool IsNumeric { get; }

        public bool Holds(string text) => _texts.Contains(text);
    }
}
