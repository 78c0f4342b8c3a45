using System.Globalization;
using System.Text;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>The numbers of a chart as a table: the CSV file, and what a reader without scripts sees.</summary>
/// <param name="Columns">Headings.</param>
/// <param name="Rows">Cells: numbers, texts, or null for nothing.</param>
internal sealed record ChartData(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<object?>> Rows)
{
    /// <summary>
    /// One row an x and one column per curve where all curves have the same x; else one row per point: series, x, y. A
    /// strip has one row per case, with its mean, interval, verdict and seeds.
    /// </summary>
    public static ChartData Of(PageChart chart)
    {
        Chart drawn = chart.Chart;
        if (chart.Intervals is { } intervals)
        {
            return new ChartData(
                ["case", "mean", "low", "high", "verdict", .. drawn.Curves.Select(static curve => curve.Label)],
                [.. intervals.Select(bar =>
                    (IReadOnlyList<object?>)[X(drawn, bar.X), bar.Interval.Mean, bar.Interval.Low, bar.Interval.High,
                        ResultJson.Name(bar.Verdict), .. drawn.Curves.Select(curve => (object?)curve.Y[bar.X])])]);
        }

        if (drawn.Curves.All(curve => curve.X.SequenceEqual(drawn.Curves[0].X)))
        {
            return new ChartData(
                [XName(drawn), .. drawn.Curves.Select(static curve => curve.Label)],
                [.. Enumerable.Range(0, drawn.Curves.Count == 0 ? 0 : drawn.Curves[0].X.Count)
                    .Select(i => (IReadOnlyList<object?>)[X(drawn, drawn.Curves[0].X[i]),
                    .. drawn.Curves.Select(curve => (object?)curve.Y[i])])]);
        }

        return new ChartData(
            ["series", XName(drawn), drawn.Y.Label is { Length: > 0 } label ? label : "y"],
            [.. drawn.Curves.SelectMany(curve =>
                curve.X.Select((x, i) => (IReadOnlyList<object?>)[curve.Label, X(drawn, x), curve.Y[i]]))]);
    }

    /// <summary>
    /// The same with one column per curve wherever all curves run from left to right: what the lesson prints stands
    /// beside what was measured, and cells are empty where a curve has no point.
    /// </summary>
    public static ChartData Beside(PageChart chart)
    {
        Chart drawn = chart.Chart;
        if (chart.Intervals is not null || !drawn.Curves.All(static curve => curve.IsAscending)) return Of(chart);
        double[] positions = [.. drawn.Curves.SelectMany(static curve => curve.X).Distinct().Order()];
        Dictionary<double, double>[] values =
            [.. drawn.Curves.Select(static curve => curve.X.Zip(curve.Y)
                .ToDictionary(static point => point.First, static point => point.Second))];
        return new ChartData(
            [XName(drawn), .. drawn.Curves.Select(static curve => curve.Label)],
            [.. positions.Select(x =>
                (IReadOnlyList<object?>)[X(drawn, x),
                    .. values.Select(curve => curve.TryGetValue(x, out double y) ? (object?)y : null)])]);
    }

    /// <summary>
    /// RFC 4180: commas, CRLF, quotes where needed. Numbers in full; NaN, Infinity and -Infinity as words.
    /// </summary>
    public string ToCsv()
    {
        var csv = new StringBuilder();
        Line(Columns);
        foreach (IReadOnlyList<object?> row in Rows) Line(row);
        return csv.ToString();

        void Line(IReadOnlyList<object?> cells)
        {
            for (int i = 0; i < cells.Count; i++) csv.Append(i > 0 ? "," : "").Append(Cell(cells[i]));
            csv.Append("\r\n");
        }
    }

    private static string Cell(object? value)
    {
        string text = value switch
        {
            null => "",
            double number when double.IsInfinity(number) => number > 0 ? "Infinity" : "-Infinity",
            double number => number.ToString("R", CultureInfo.InvariantCulture),
            _ => value.ToString() ?? "",
        };
        return text.AsSpan().ContainsAny(",\"\r\n")
            ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }

    private static string XName(Chart chart) => chart.X.Label is { Length: > 0 } label ? label : "x";

    private static object X(Chart chart, double x) =>
        chart.X.Categories is { } names && x == Math.Round(x) && x >= 0 && x < names.Count ? names[(int)x] : x;
}
