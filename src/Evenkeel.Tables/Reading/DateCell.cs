namespace Evenkeel.Tables;

/// <summary>A date of a cell, with or without a time, as numbers.</summary>
/// <param name="Days">Days since the first of January 2000, with the time as a fraction.</param>
/// <param name="Month">1 to 12.</param>
/// <param name="Weekday">1 to 7, from Monday on.</param>
/// <param name="Hour">0 to 23.</param>
internal readonly record struct DateCell(double Days, int Month, int Weekday, int Hour)
{
    /// <summary>The orders that are known. Those with the year first are ISO 8601 or close to it.</summary>
    public static readonly List<string> Orders =
        ["y-m-d", "y/m/d", "y.m.d", "d.m.y", "d/m/y", "m/d/y", "d-m-y", "m-d-y"];

    /// <summary>What is taken out of a date beside its days.</summary>
    public static readonly string[] Parts = ["month", "weekday", "hour"];

    private static readonly DateTime s_begin = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>A part of the date, as <see cref="Parts"/> names it.</summary>
    public int Part(string name) => name == "month" ? Month : name == "weekday" ? Weekday : Hour;

    /// <summary>
    /// Reads a date of a year with four digits, and a time behind a blank or a T: <c>13:45</c>, <c>13:45:10.5</c>,
    /// <c>13:45Z</c>, <c>13:45+01:00</c>. A time with an offset is turned into UTC.
    /// </summary>
    /// <param name="cell">The cell.</param>
    /// <param name="order">One of <see cref="Orders"/>.</param>
    /// <param name="date">The date.</param>
    public static bool TryRead(ReadOnlySpan<char> cell, string order, out DateCell date)
    {
        date = default;
        Span<int> numbers = stackalloc int[3];
        int at = 0;
        for (int i = 0; i < 3; i++)
        {
            char what = order[i * 2];
            if (i > 0 && !Take(cell, ref at, order[1])) return false;
            int begin = at;
            if (!TryWhole(cell, ref at, 4, out int number)) return false;
            if (what == 'y' ? at - begin != 4 : at - begin > 2) return false;
            numbers[what == 'y' ? 0 : what == 'm' ? 1 : 2] = number;
        }

        (int year, int month, int day) = (numbers[0], numbers[1], numbers[2]);
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month)) return false;
        var time = new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Utc);
        double seconds = 0;
        if (at < cell.Length && !TryTime(cell, at, out seconds)) return false;
        double days = (time - s_begin).TotalDays + (seconds / 86400);
        if (seconds != 0)
        {
            double ticks = time.Ticks + (seconds * TimeSpan.TicksPerSecond);
            if (ticks < 0 || ticks > DateTime.MaxValue.Ticks) return false;
            time = time.AddSeconds(seconds);
        }

        int weekday = time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek;
        date = new DateCell(days, time.Month, weekday, time.Hour);
        return true;
    }

    private static bool TryTime(ReadOnlySpan<char> cell, int at, out double seconds)
    {
        seconds = 0;
        if (!Take(cell, ref at, 'T') && !Take(cell, ref at, ' ')) return false;
        if (!TryClock(cell, ref at, out int minutes)) return false;
        seconds = minutes * 60;
        if (Take(cell, ref at, ':'))
        {
            if (!TryWhole(cell, ref at, 2, out int whole) || whole > 59) return false;
            seconds += whole;
            double digit = 0.1;
            if (Take(cell, ref at, '.') || Take(cell, ref at, ','))
            {
                for (; at < cell.Length && char.IsAsciiDigit(cell[at]); at++, digit /= 10)
                    seconds += (cell[at] - '0') * digit;
            }
        }

        if (at == cell.Length) return true;
        if (Take(cell, ref at, 'Z')) return at == cell.Length;
        int sign = Take(cell, ref at, '-') ? -1 : 1;
        if (sign > 0 && !Take(cell, ref at, '+')) return false;
        if (!TryClock(cell, ref at, out int offset)) return false;
        seconds -= sign * offset * 60;
        return at == cell.Length;
    }

    /// <summary>Hours and minutes: 13:45.</summary>
    private static bool TryClock(ReadOnlySpan<char> cell, ref int at, out int minutes)
    {
        minutes = 0;
        if (!TryWhole(cell, ref at, 2, out int hours) || hours > 23 || !Take(cell, ref at, ':')) return false;
        if (!TryWhole(cell, ref at, 2, out int past) || past > 59) return false;
        minutes = (hours * 60) + past;
        return true;
    }

    private static bool TryWhole(ReadOnlySpan<char> cell, ref int at, int most, out int number)
    {
        number = 0;
        int begin = at;
        for (; at < cell.Length && at - begin < most && char.IsAsciiDigit(cell[at]); at++)
            number = (number * 10) + cell[at] - '0';
        return at > begin;
    }

    private static bool Take(ReadOnlySpan<char> cell, ref int at, char sign)
    {
        if (at >= cell.Length || cell[at] != sign) return false;
        at++;
        return true;
    }
}
