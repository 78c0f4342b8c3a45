namespace Evenkeel.Tables;

/// <summary>The numbers of categories or classes.</summary>
internal sealed class CategoryIndex
{
    private readonly CellFormat _format;
    private readonly Dictionary<string, int>? _keys;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    /// <summary>Numbers categories from 0 on.</summary>
    /// <param name="names">The categories.</param>
    /// <param name="areNumbers">Whether two spellings of one number are one.</param>
    /// <param name="format">How numbers are written.</param>
    public CategoryIndex(IReadOnlyList<string> names, bool areNumbers, CellFormat format)
    {
        _format = format;
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++) numbers[names[i]] = i;
        _lookup = numbers.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!areNumbers) return;
        _keys = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++) _keys[format.KeyOf(names[i])] = i;
    }

    /// <summary>The number of a category; -1 if it is none.</summary>
    public int Of(ReadOnlySpan<char> cell)
    {
        if (_lookup.TryGetValue(cell, out int number)) return number;
        return _keys is not null && _keys.TryGetValue(_format.KeyOf(cell.ToString()), out number) ? number : -1;
    }
}
