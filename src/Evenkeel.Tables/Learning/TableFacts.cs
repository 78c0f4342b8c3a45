namespace Evenkeel.Tables;

/// <summary>How a column is looked at.</summary>
internal enum Look
{
    /// <summary>Not at all.</summary>
    Skip,

    /// <summary>As numbers.</summary>
    Number,

    /// <summary>As texts.</summary>
    Text,

    /// <summary>As dates.</summary>
    Date,
}

/// <summary>What the rows of a table, or of a part of it, are like.</summary>
internal sealed class TableFacts
{
    /// <summary>The most rows that are kept.</summary>
    private const int MostSamples = 10_000;

    /// <summary>Rows that are kept of the first block, and of each later one.</summary>
    private const int SamplesOfFirst = 4000, SamplesOfOther = 16;

    private readonly Facts?[] _columns;
    private readonly NumberFacts?[] _targets;
    private readonly List<string[]> _samples = [];

    private TableFacts(Look[] looks, int[] targets, TextFacts.Limit[] limits)
    {
        _columns = [.. looks.Select((look, i) => (Facts?)(look switch
        {
            Look.Number => new NumberFacts(),
            Look.Text => new TextFacts(limits[i]),
            Look.Date => new DateFacts(),
            _ => null,
        }))];
        _targets = new NumberFacts?[looks.Length];
        foreach (int target in targets) _targets[target] = new NumberFacts();
    }

    /// <summary>Number of rows.</summary>
    public long Rows { get; private set; }

    /// <summary>Whether a letter was lost before the table was written.</summary>
    public bool HasLostLetter { get; private set; }

    /// <summary>Rows from all parts of the table, to compare columns with.</summary>
    public IReadOnlyList<string[]> Samples => _samples;

    /// <summary>What a column is like, looked at as planned.</summary>
    public Facts Of(int column) => _columns[column]!;

    /// <summary>What a target is like as numbers.</summary>
    public NumberFacts NumbersOf(int target) => _targets[target]!;

    /// <summary>Looks at all rows of a text.</summary>
    /// <param name="head">The text.</param>
    /// <param name="looks">How to look at each column.</param>
    /// <param name="targets">The targets, which are looked at as texts and as numbers.</param>
    /// <param name="limits">How many different texts of each column are counted.</param>
    /// <param name="progress">Told the share of the text that has been read.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static TableFacts Of(
        TableHead head, Look[] looks, int[] targets, Func<int, TextFacts.Limit> limits, Action<double>? progress,
        CancellationToken cancellationToken)
    {
        TextFacts.Limit[] shared = [.. looks.Select((_, i) => limits(i))];
        var all = new TableFacts(looks, targets, shared);
        TableReader.Read(head, rows => new TableFacts(looks, targets, shared).Read(rows, looks.Length), all.Merge,
            progress, cancellationToken);
        return all;
    }

    private TableFacts Read(RowReader rows, int width)
    {
        HasLostLetter = rows.HasLostLetter;
        int samples = rows.IsFirst ? SamplesOfFirst : SamplesOfOther;
        while (rows.Next(width))
        {
            Rows++;
            for (int i = 0; i < _columns.Length; i++)
            {
                _columns[i]?.Add(rows, i);
                _targets[i]?.Add(rows, i);
            }

            if (_samples.Count < samples) _samples.Add(rows.Cells());
        }

        return this;
    }

    private void Merge(TableFacts later)
    {
        Rows += later.Rows;
        HasLostLetter |= later.HasLostLetter;
        for (int i = 0; i < _columns.Length; i++)
        {
            _columns[i]?.Merge(later._columns[i]!);
            _targets[i]?.Merge(later._targets[i]!);
        }

        _samples.AddRange(later._samples.Take(MostSamples - _samples.Count));
    }
}
