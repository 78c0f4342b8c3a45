namespace Evenkeel.Tables;

/// <summary>
/// Finds columns that give the target away: equal to it, or a function of it that can be turned back. A model that has
/// them is good in training and useless where the target is not known yet.
/// </summary>
internal static class LeakCheck
{
    /// <summary>Fewer rows agree by accident.</summary>
    private const int FewestRows = 10, FewestRanks = 20;

    /// <summary>Of numbers that are rounded when they are written, a correlation this close to 1 is a line.</summary>
    private const double Line = 1 - 1e-7;

    /// <summary>How a column gives the target away; null if it does not.</summary>
    /// <param name="rows">Some rows of the table.</param>
    /// <param name="column">The column.</param>
    /// <param name="kind">What it is used for.</param>
    /// <param name="target">The target.</param>
    /// <param name="task">What the target is.</param>
    /// <param name="format">How cells are read.</param>
    public static string? Of(
        IReadOnlyList<string[]> rows, int column, ColumnKind kind, int target, TableTask task, CellFormat format)
    {
        List<(string X, string Y)> pairs = [.. rows.Select(row => (row[column], row[target]))
            .Where(pair => !format.IsMissing(pair.Item1) && !format.IsMissing(pair.Item2))];
        if (pairs.Count < FewestRows) return null;
        if (pairs.TrueForAll(static pair => pair.X == pair.Y) && pairs.Exists(pair => pair.Y != pairs[0].Y))
            return "is the same as the target";
        if (task == TableTask.Regression && kind == ColumnKind.Number) return OfNumbers(pairs, format);
        var x = pairs.Select(pair => format.KeyOf(pair.X)).ToHashSet(StringComparer.Ordinal);
        var y = pairs.Select(pair => format.KeyOf(pair.Y)).ToHashSet(StringComparer.Ordinal);
        if (x.Count != y.Count || y.Count < 2 || y.Count * 2 > pairs.Count) return null;
        int both = pairs.Select(pair => (format.KeyOf(pair.X), format.KeyOf(pair.Y))).Distinct().Count();
        return both == y.Count ? "has one value for each value of the target" : null;
    }

    private static string? OfNumbers(List<(string X, string Y)> pairs, CellFormat format)
    {
        var points = new List<(double X, double Y)>(pairs.Count);
        foreach ((string first, string second) in pairs)
        {
            if (format.TryNumber(first, out double x) && format.TryNumber(second, out double y)) points.Add((x, y));
        }

        if (points.Count < FewestRows) return null;
        double meanX = points.Average(static p => p.X), meanY = points.Average(static p => p.Y);
        double xx = points.Sum(p => (p.X - meanX) * (p.X - meanX)), yy = points.Sum(p => (p.Y - meanY) * (p.Y - meanY));
        double xy = points.Sum(p => (p.X - meanX) * (p.Y - meanY));
        if (xx <= 0 || yy <= 0) return null;
        if (points.TrueForAll(static p => p.X == p.Y)) return "is the same as the target";
        if (Math.Abs(xy) / Math.Sqrt(xx * yy) > Line) return "is a linear function of the target";
        points.Sort();
        int distinct = 1, rising = 0, falling = 0, equal = 0, broken = 0;
        for (int i = 1; i < points.Count; i++)
        {
            ((double x0, double y0), (double x1, double y1)) = (points[i - 1], points[i]);
            if (x0 == x1 && y0 == y1) equal++;
            else if (x0 == x1 || y0 == y1) broken++;
            else if (y1 > y0) rising++;
            else falling++;
            if (x0 != x1) distinct++;
        }

        bool isMonotone = broken == 0 && (rising == 0 || falling == 0) && distinct >= FewestRanks;
        return isMonotone ? $"{(rising > 0 ? "rises" : "falls")} with the target in every row" : null;
    }
}
