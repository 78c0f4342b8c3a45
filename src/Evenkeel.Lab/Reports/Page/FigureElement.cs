using System.Globalization;
using Evenkeel.Lab.Experiments;
using Evenkeel.Web;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// A chart on the page: its title, the place where the script draws it, and its numbers as a table that needs no
/// script.
/// </summary>
internal static class FigureElement
{
    /// <summary>Rows of a chart's table; a longer one is thinned, and says so.</summary>
    private const int MaxRows = 20;

    /// <summary>Where the CSV file lies, seen from the page.</summary>
    public static string CsvPath(PageChart chart) => $"charts/{chart.Id}.csv";

    public static void Write(HtmlWriter html, PageChart chart)
    {
        Chart drawn = chart.Chart;
        using (html.Open("figure", ("class", "chart"), ("id", "chart-" + chart.Id), ("data-chart", chart.Id)))
        {
            using (html.Open("figcaption"))
            {
                html.Text(drawn.Title + " ");
                html.Element("a", "CSV",
                    ("href", Uri.EscapeDataString(CsvPath(chart)).Replace("%2F", "/", StringComparison.Ordinal)),
                    ("title",
                    $"The numbers of this chart, in full: {CsvPath(chart)}"));
                if (drawn.Note is { } note) html.Element("small", note);
            }

            html.Element("div", "", ("class", "plot"), ("role", "img"), ("aria-label",
                $"{drawn.Title}: {string.Join(", ", drawn.Curves.Select(static curve => curve.Label))}. The numbers " +
                "are in the table below."));
            // Open, so that a reader without scripts sees them; the script closes it.
            using (html.Open("details", ("open", "")))
            {
                html.Element("summary", "Numbers");
                WriteTable(html, chart);
            }
        }
    }

    private static void WriteTable(HtmlWriter html, PageChart chart)
    {
        ChartData data = ChartData.Beside(chart);
        int step = (data.Rows.Count + MaxRows - 1) / MaxRows;
        bool[] isLesson =
            [.. data.Columns.Select(column =>
                chart.Chart.Curves.Any(curve => curve.IsLesson && curve.Label == column))];
        IReadOnlyList<object?>[] rows =
        [
            .. data.Rows.Where((row, i) => i % step == 0 || i == data.Rows.Count - 1
                || row.Where((cell, column) => cell is not null && isLesson[column]).Any()),
        ];
        TableElement.Write(html, data.Columns, rows, formats: null,
            caption: rows.Length < data.Rows.Count ? string.Create(CultureInfo.InvariantCulture,
                $"{rows.Length} of {data.Rows.Count} rows; all are in the CSV file.") : null);
    }
}

/// <summary>A table that scrolls by itself where it is too wide.</summary>
internal static class TableElement
{
    public static void Write(HtmlWriter html, IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<object?>> rows,
        IReadOnlyList<string?>? formats, string? caption)
    {
        bool[] isNumber = [.. columns.Select((_, i) => rows.Any(row => row[i] is double or int))];
        using (html.Open("div", ("class", "table-scroll")))
        using (html.Open("table"))
        {
            if (caption is not null) html.Element("caption", caption);
            using (html.Open("thead"))
            using (html.Open("tr"))
            {
                for (int i = 0; i < columns.Count; i++) html.Element("th", columns[i],
                    ("class", isNumber[i] ? "num" : null));
            }

            using (html.Open("tbody"))
            {
                foreach (IReadOnlyList<object?> row in rows)
                {
                    using (html.Open("tr"))
                    {
                        for (int i = 0; i < row.Count; i++) html.Element("td", ResultText.Cell(row[i], formats?[i]),
                            ("class", isNumber[i] ? "num" : null));
                    }
                }
            }
        }
    }
}
