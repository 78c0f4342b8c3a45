namespace Evenkeel.Tables;

/// <summary>Which orders of day, month and year fit the dates of a column, and what varies in them.</summary>
internal sealed class DateFacts : Facts
{
    private readonly Fit[] _fits = [.. DateCell.Orders.Select(static _ => new Fit())];

    /// <summary>The orders that fit all cells.</summary>
    public IEnumerable<string> Orders => DateCell.Orders.Where((_, i) => _fits[i].Count == Count);

    /// <summary>What a column is like in an order.</summary>
    public Fit Of(string order) => _fits[DateCell.Orders.IndexOf(order)];

    /// <inheritdoc/>
    public override void Add(RowReader rows, int column)
    {
        ReadOnlySpan<char> cell = rows.Cell(column);
        if (rows.Format.IsMissing(cell))
        {
            AddMissing(rows.Line);
            return;
        }

        Count++;
        for (int i = 0; i < _fits.Length; i++)
        {
            if (DateCell.TryRead(cell, DateCell.Orders[i], out DateCell date)) _fits[i].Add(date);
            else _fits[i].FirstOdd ??= new OddCell(rows.Line, cell.ToString());
        }
    }

    /// <inheritdoc/>
    public override void Merge(Facts later)
    {
        base.Merge(later);
        for (int i = 0; i < _fits.Length; i++) _fits[i].Merge(((DateFacts)later)._fits[i]);
    }

    /// <summary>The dates that one order fits.</summary>
    internal sealed class Fit
    {
        private double _least = double.PositiveInfinity, _most = double.NegativeInfinity;
        private uint _months, _weekdays, _hours;

        public long Count { get; private set; }

        /// <summary>The first cell that the order does not fit.</summary>
        public OddCell? FirstOdd { get; set; }

        /// <summary>Whether all dates are the same.</summary>
        public bool IsConstant => _least >= _most;

        /// <summary>The parts that are not the same in every row.</summary>
        public string[] Parts =>
            [.. DateCell.Parts.Where((_, i) => !uint.IsPow2(i == 0 ? _months : i == 1 ? _weekdays : _hours))];

        public void Add(DateCell date)
        {
            Count++;
            (_least, _most) = (Math.Min(_least, date.Days), Math.Max(_most, date.Days));
            _months |= 1u << date.Month;
            _weekdays |= 1u << date.Weekday;
            _hours |= 1u << date.Hour;
        }

        public void Merge(Fit later)
        {
            Count += later.Count;
            FirstOdd ??= later.FirstOdd;
            (_least, _most) = (Math.Min(_least, later._least), Math.Max(_most, later._most));
            (_months, _weekdays, _hours) =
                (_months | later._months, _weekdays | later._weekdays, _hours | later._hours);
        }
    }
}
