using System.Runtime.InteropServices;

namespace Evenkeel.Tables;

/// <summary>Which different texts a column holds, up to a number of them.</summary>
internal sealed class TextFacts : Facts
{
    private readonly Limit _limit;
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public TextFacts(Limit limit) => (_limit, _lookup) = (limit, _counts.GetAlternateLookup<ReadOnlySpan<char>>());

    /// <summary>The different texts and how often each occurs. Without meaning if there are too many.</summary>
    public IReadOnlyDictionary<string, long> Counts => _counts;

    /// <summary>Whether there are more different texts than are counted.</summary>
    public bool AreTooMany => _limit.IsExceeded;

    /// <inheritdoc/>
    public override void Add(RowReader rows, int column)
    {
        ReadOnlySpan<char> cell = rows.Cell(column);
        if (rows.Format.IsMissing(cell) && !_limit.IsValue(cell))
        {
            AddMissing(rows.Line);
            return;
        }

        Count++;
        if (_limit.IsExceeded || _counts.Count > _limit.Most) return;
        CollectionsMarshal.GetValueRefOrAddDefault(_lookup, cell, out _)++;
    }

    /// <inheritdoc/>
    public override void Merge(Facts later)
    {
        base.Merge(later);
        if (_limit.IsExceeded) return;
        foreach ((string text, long count) in ((TextFacts)later)._counts)
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, text, out _) += count;
        if (_counts.Count > _limit.Most) _limit.Exceed();
    }

    /// <summary>
    /// How many different texts all parts of a column count together. Parts that are read after it is exceeded count
    /// none.
    /// </summary>
    /// <param name="most">The most texts.</param>
    /// <param name="values">Texts that are values, even if they mean "no value" elsewhere.</param>
    internal sealed class Limit(int most, IEnumerable<string> values)
    {
        private readonly string[] _values = [.. values];
        private volatile bool _isExceeded;

        public int Most => most;

        public bool IsExceeded => _isExceeded;

        public void Exceed() => _isExceeded = true;

        public bool IsValue(ReadOnlySpan<char> cell)
        {
            foreach (string value in _values)
            {
                if (cell.SequenceEqual(value)) return true;
            }

            return false;
        }
    }
}
