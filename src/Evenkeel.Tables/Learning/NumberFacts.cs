namespace Evenkeel.Tables;

/// <summary>What the numbers of a column are like. Numbers that Float32 cannot hold do not fit.</summary>
internal sealed class NumberFacts : Facts
{
    /// <summary>Float32 holds every whole number up to here. Beyond, it holds only some.</summary>
    private const double LastExactWhole = 1 << 24;

    /// <summary>Double holds every whole number up to here.</summary>
    private const double LastWhole = 1L << 53;

    /// <summary>Fewer rows are too few to tell an identifier.</summary>
    private const int FewestOfIdentifier = 10;

    private long _first;
    private long _step;
    private ulong _hash;

    public double Least { get; private set; } = double.PositiveInfinity;

    public double Most { get; private set; } = double.NegativeInfinity;

    /// <summary>Whether all numbers are whole.</summary>
    public bool AreWhole { get; private set; } = true;

    /// <summary>Whether Float32 makes one number of several whole ones.</summary>
    public bool IsRounded { get; private set; }

    /// <summary>
    /// Whether the numbers are different whole ones in equal steps, in any order, as the numbers of rows or customers.
    /// </summary>
    public bool IsIdentifier
    {
        get
        {
            if (!AreWhole || Count < FewestOfIdentifier || Missing > 0 || Odd > 0 || _step == 0) return false;
            long least = (long)Least;
            if (((long)Most - least) / _step != Count - 1) return false;
            // With so many numbers in the range, they are all there if the sum of their hashes is that of the range.
            ulong sum = 0;
            for (long i = 0; i < Count; i++) sum += Hash(least + (i * _step));
            return sum == _hash;
        }
    }

    /// <inheritdoc/>
    public override void Add(RowReader rows, int column)
    {
        if (rows.TryNumber(column, out double value) && float.IsFinite((float)value))
        {
            Add(value);
            return;
        }

        ReadOnlySpan<char> cell = rows.Cell(column);
        if (rows.Format.IsMissing(cell)) AddMissing(rows.Line);
        else AddOdd(rows.Line, cell);
    }

    /// <inheritdoc/>
    public override void Merge(Facts later)
    {
        var next = (NumberFacts)later;
        if (Count > 0 && next.Count > 0) _step = Divisor(Divisor(_step, next._step), next._first - _first);
        else if (next.Count > 0) (_first, _step) = (next._first, next._step);
        base.Merge(later);
        (Least, Most) = (Math.Min(Least, next.Least), Math.Max(Most, next.Most));
        (AreWhole, IsRounded) = (AreWhole & next.AreWhole, IsRounded | next.IsRounded);
        _hash += next._hash;
    }

    private void Add(double value)
    {
        if (value < Least) Least = value;
        if (value > Most) Most = value;
        Count++;
        if (!AreWhole) return;
        if (value != Math.Floor(value) || Math.Abs(value) > LastWhole)
        {
            AreWhole = false;
            IsRounded |= value == Math.Floor(value);
            return;
        }

        long whole = (long)value;
        if (Math.Abs(value) > LastExactWhole) IsRounded |= (float)value != value;
        if (Count == 1) _first = whole;
        else if (_step != 1) _step = Divisor(_step, whole - _first);
        _hash += Hash(whole);
    }

    private static long Divisor(long a, long b)
    {
        (a, b) = (Math.Abs(a), Math.Abs(b));
        while (b != 0) (a, b) = (b, a % b);
        return a;
    }

    /// <summary>The mixing function of SplitMix64. Source: Steele, Lea and Flood 2014.</summary>
    private static ulong Hash(long value)
    {
        ulong z = (ulong)value + 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
