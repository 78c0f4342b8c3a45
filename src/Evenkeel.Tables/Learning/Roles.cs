namespace Evenkeel.Tables;

/// <summary>What the options say about each column of a file.</summary>
internal sealed class Roles
{
    private Roles(int[] targets, HashSet<int> dropped, HashSet<int> categorical, HashSet<int> numeric,
        Dictionary<int, string?> dates) =>
        (Targets, Dropped, Categorical, Numeric, Dates) = (targets, dropped, categorical, numeric, dates);

    public int[] Targets { get; }

    public HashSet<int> Dropped { get; }

    public HashSet<int> Categorical { get; }

    public HashSet<int> Numeric { get; }

    /// <summary>The columns of dates, and the order that is given for each.</summary>
    public Dictionary<int, string?> Dates { get; }

    /// <summary>Every column that options name.</summary>
    public static IEnumerable<string> NamedBy(TableOptions options) =>
    [
        .. options.Target is null ? [] : (string[])[options.Target], .. options.Targets ?? [], .. options.Drop,
        .. options.Categorical, .. options.Numeric, .. options.Dates.Select(static date => Divide(date).Name),
    ];

    /// <summary>Finds the columns that the options name.</summary>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="InvalidDataException">A column is not there.</exception>
    public static Roles Of(TableHead head, TableOptions options, List<string> notes)
    {
        CheckTarget(options);
        HashSet<int> dropped = Find(head, options.Drop, "for --drop");
        int[] targets = options.Targets is { } several
            ? [.. several.Select(name => ColumnNames.Find(head, name, "for --target"))]
            : [options.Target is { } name ? ColumnNames.Find(head, name, "for --target") : Last(head, dropped, notes)];
        HashSet<int> categorical = Find(head, options.Categorical, "for --categorical");
        HashSet<int> numeric = Find(head, options.Numeric, "for --numeric");
        var dates = new Dictionary<int, string?>();
        foreach (string date in options.Dates)
        {
            (string column, string? order) = Divide(date);
            dates[ColumnNames.Find(head, column, "for --dates")] = order;
        }

        Dictionary<int, string> used = [];
        (string, IEnumerable<int>)[] all =
        [
            ("--target", targets), ("--drop", dropped), ("--categorical", categorical), ("--numeric", numeric),
            ("--dates", dates.Keys),
        ];
        foreach ((string option, IEnumerable<int> columns) in all)
        {
            foreach (int column in columns)
            {
                if (used.TryAdd(column, option)) continue;
                throw new ArgumentException($"{TableText.Reader}: expected each column in one option, got "
                    + $"\"{head.Names[column]}\" in {used[column]} and in {option}. Take it out of one.",
                    nameof(options));
            }
        }

        return new Roles(targets, dropped, categorical, numeric, dates);
    }

    private static void CheckTarget(TableOptions options)
    {
        if (options.Targets is { Count: 0 })
        {
            throw new ArgumentException($"{TableText.Reader}: expected the names of the target columns, got an empty "
                + "list in Targets. Null takes Target.", nameof(options));
        }

        string? classes = options.ClassNames is not null ? "ClassNames" : options.MaxClasses is not null ? "MaxClasses"
            : options.Task == TableTask.Classification && options.Targets is not null ? "--task classification" : null;
        string? numbers = options.Targets is not null ? "Targets"
            : options.Task == TableTask.Regression ? "--task regression" : null;
        if (options.Targets is not null && options.Target is not null) (classes, numbers) = ("Target", "Targets");
        if (classes is null || numbers is null) return;
        throw new ArgumentException($"{TableText.Reader}: expected numbers or a class as the target, got {numbers} and "
            + $"{classes}. Leave out one of them.", nameof(options));
    }

    private static int Last(TableHead head, HashSet<int> dropped, List<string> notes)
    {
        int last = head.Names.Length - 1;
        while (last >= 0 && dropped.Contains(last)) last--;
        if (last < 0)
        {
            throw new InvalidDataException($"{TableText.Reader}: expected a column that is not dropped, "
                + $"\"{head.Text.Name}\" has none left. Drop fewer columns.");
        }

        notes.Add($"The target is \"{head.Names[last]}\", the last "
            + $"column{(dropped.Count > 0 ? " that is not dropped" : "")}. --target overrides it.");
        return last;
    }

    private static HashSet<int> Find(TableHead head, IReadOnlyList<string> names, string what) =>
        [.. names.Select(name => ColumnNames.Find(head, name, what))];

    private static (string Name, string? Order) Divide(string date)
    {
        int at = date.LastIndexOf('=');
        if (at < 0) return (date, null);
        string order = date[(at + 1)..];
        return DateCell.Orders.Contains(order, StringComparer.Ordinal) ? (date[..at], order)
            : throw new ArgumentException($"TableOptions: expected one of {string.Join(", ", DateCell.Orders)} as the "
                + $"order of a date, got \"{order}\" in \"{date}\".", nameof(date));
    }
}
