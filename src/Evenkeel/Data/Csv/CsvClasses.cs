using System.Globalization;

namespace Evenkeel.Data;

/// <summary>The classes of a label column in their order, and the class of each cell.</summary>
internal sealed class CsvClasses
{
    /// <summary>Up to this number of different labels, any labels are taken as classes.</summary>
    private const int Few = 10;

    /// <summary>Beyond this number of different labels, labels that are numbers are taken as quantities.</summary>
    private const int ManyNumbers = 100;

    private readonly CsvTable _table;
    private readonly int _column;
    private readonly Dictionary<string, int> _numbers;
    private readonly bool _areNumbers;

    private CsvClasses(CsvTable table, int column, IReadOnlyList<string> names, bool areNumbers)
    {
        (_table, _column, Names, _areNumbers) = (table, column, names, areNumbers);
        _numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++)
        {
            if (!_numbers.TryAdd(KeyOf(names[i]), i))
                throw new ArgumentException($"CsvDataset: expected each class once, " +
                    $"got {CsvDataset.Show(names[i])} twice in ClassNames.", nameof(names));
        }
    }

    public IReadOnlyList<string> Names { get; }

    public static CsvClasses Of(CsvTable table, int column, int[] rows, CsvOptions options, List<string> guesses)
    {
        if (options.ClassNames is { } given)
            return new CsvClasses(table, column, given, given.All(name => TryNumber(table, name, out _)));
        HashSet<string> texts = new(rows.Select(row => table[row, column]), StringComparer.Ordinal);
        bool areNumbers = texts.All(text => TryNumber(table, text, out _));
        // Different spellings of one number are one class. The shortest spelling is its name.
        string[][] spellings = [.. texts
            .GroupBy(text => areNumbers ? NumberKey(table, text) : text, StringComparer.Ordinal)
            .Select(static same => same
                .OrderBy(static text => text.Length).ThenBy(static text => text, StringComparer.Ordinal).ToArray())];
        string[] names = [.. spellings.Select(static same => same[0])];
        Check(table, column, names, rows.Length, areNumbers, options.MaxClasses);
        names = areNumbers
            ? [.. names.OrderBy(name => TryNumber(table, name, out double value) ? value : 0)
                .ThenBy(static name => name, StringComparer.Ordinal)]
            : [.. names.Order(StringComparer.Ordinal)];
        string shown = string.Join(", ", names.Take(10)) + (names.Length > 10 ? ", ..." : "");
        string order = $"classes, in the order of their {(areNumbers ? "values" : "names")}";
        string count = names.Length == 1 ? "is 1 class" : $"are {names.Length} {order}";
        guesses.Add($"There {count}: {shown}. ClassNames overrides it.");
        if (spellings.FirstOrDefault(static same => same.Length > 1) is { } several)
            guesses.Add($"The labels {string.Join(" and ", several.Take(3).Select(CsvDataset.Show))} are one class, " +
                "for they are one number. ClassNames overrides it.");
        string[]? alike = names.GroupBy(static name => name.Trim(), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(static same => same.Count() > 1)?.ToArray();
        if (alike is not null)
            guesses.Add($"The classes {string.Join(" and ", alike.Select(CsvDataset.Show))} differ in case or " +
                "spaces only. If they are one, correct the file.");
        return new CsvClasses(table, column, names, areNumbers);
    }

    /// <summary>The class of a row's label.</summary>
    /// <exception cref="InvalidDataException">The label is not one of the classes.</exception>
    public int LabelOf(int row)
    {
        string cell = _table[row, _column];
        if (_numbers.TryGetValue(KeyOf(cell), out int label)) return label;
        throw new InvalidDataException(
            $"CsvDataset: expected one of the classes " +
            $"{string.Join(", ", Names.Take(10))}{(Names.Count > 10 ? ", ..." : "")}, got {CsvDataset.Show(cell)} in " +
            $"{_table.PlaceOf(row, _column)}. Add it to ClassNames, or correct the label.");
    }

    private string KeyOf(string text) => _areNumbers ? NumberKey(_table, text) : text;

    private static bool TryNumber(CsvTable table, string text, out double value) =>
        double.TryParse(table.Invariant(text), NumberStyles.Float, CultureInfo.InvariantCulture, out value)
        && double.IsFinite(value);

    /// <summary>
    /// A text that two spellings of one number share, and that different numbers do not. A cell that is not a number is
    /// its own text.
    /// </summary>
    private static string NumberKey(CsvTable table, string text)
    {
        if (!TryNumber(table, text, out double value)) return text;
        // A decimal distinguishes numbers of up to 28 digits. A double does not, but its range is larger.
        CultureInfo invariant = CultureInfo.InvariantCulture;
        bool isDecimal = decimal.TryParse(table.Invariant(text), NumberStyles.Float, invariant, out decimal exact)
            && (exact != 0 || value == 0);
        return isDecimal ? (exact == 0 ? 0m : exact).ToString("G29", invariant) : value.ToString("R", invariant);
    }

    private static void Check(CsvTable table, int column, string[] names, int samples, bool areNumbers, int? most)
    {
        string what = $"column \"{table.Columns[column]}\" of \"{table.Source}\" has {names.Length} different " +
            $"{(areNumbers ? "numbers" : "texts")} in {samples} rows";
        if (most is { } bound)
        {
            if (names.Length <= bound) return;
            throw new InvalidDataException(
                $"CsvDataset: expected at most {bound} classes, as MaxClasses says: {what}.");
        }

        if (names.Length <= Few) return;
        bool isQuantity = areNumbers && (names.Length > ManyNumbers
            || names.Any(name => TryNumber(table, name, out double value) && value != Math.Floor(value)));
        if (!isQuantity && names.Length * 2L <= samples) return;
        string why = isQuantity
            ? "They look like a quantity to predict (regression): name the column in Targets. If another column is the "
                + "label, choose it with Label or LabelIndex"
            : "A class needs several samples. Choose the label's column with Label or LabelIndex";
        throw new InvalidDataException(
            $"CsvDataset: expected labels that name classes, got others: {what}. {why}. If each is a class, set " +
            $"MaxClasses to {names.Length} or more.");
    }
}
