using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// What the script of the page draws (<c>src/web/src/chart.ts</c> reads it): numbers of five digits, and long curves
/// thinned. The CSV files have every point and digit.
/// </summary>
internal static class ChartJson
{
    /// <summary>Curves longer than this are thinned: no screen has more columns for a chart.</summary>
    public const int LongCurve = 300;

    private const int Stretches = 120;

    /// <summary>
    /// A JSON array. The default encoder writes <c>&lt;</c> as <c>\u003C</c>, so that no text can end the script
    /// element around it.
    /// </summary>
    public static string Write(IEnumerable<PageChart> charts)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { NewLine = "\n" }))
        {
            json.WriteStartArray();
            foreach (PageChart chart in charts) Write(json, chart);
            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Whether a curve is too long to be drawn point by point.</summary>
    public static bool IsThinned(Curve curve) => curve.X.Count > LongCurve && curve.IsAscending;

    /// <summary>
    /// The least and the greatest value of each stretch of a long curve, in their order: peaks stay, and a gap stays a
    /// gap. Curves that do not run from left to right stay as they are.
    /// </summary>
    public static (IReadOnlyList<double> X, IReadOnlyList<double> Y) Thin(Curve curve)
    {
        int n = curve.X.Count;
        if (!IsThinned(curve)) return (curve.X, curve.Y);
        var kept = new SortedSet<int> { 0, n - 1 };
        for (int stretch = 0; stretch < Stretches; stretch++)
        {
            int first = (int)((long)n * stretch / Stretches), end = (int)((long)n * (stretch + 1) / Stretches),
                least = -1, most = -1, gap = -1;
            for (int i = first; i < end; i++)
            {
                if (!double.IsFinite(curve.Y[i])) gap = gap < 0 ? i : gap;
                else if (least < 0) least = most = i;
                else if (curve.Y[i] < curve.Y[least]) least = i;
                else if (curve.Y[i] > curve.Y[most]) most = i;
            }

            foreach (int i in (int[])[least, most, gap])
            {
                if (i >= 0) kept.Add(i);
            }
        }

        return ([.. kept.Select(i => curve.X[i])], [.. kept.Select(i => curve.Y[i])]);
    }

    private static void Write(Utf8JsonWriter json, PageChart chart)
    {
        Chart drawn = chart.Chart;
        json.WriteStartObject();
        json.WriteString("id", chart.Id);
        json.WriteString("title", drawn.Title);
        json.WriteString("note", drawn.Note);
        json.WriteString("kind", chart.Intervals is not null ? "strip" : drawn.Kind.ToString().ToLowerInvariant());
        WriteAxis(json, "x", drawn.X);
        WriteAxis(json, "y", drawn.Y);
        json.WriteStartArray("series");
        foreach (Curve curve in drawn.Curves)
        {
            (IReadOnlyList<double> x, IReadOnlyList<double> y) = Thin(curve);
            json.WriteStartObject();
            json.WriteString("name", curve.Label);
            json.WriteString("role", curve.IsLesson ? "lesson" : "measured");
            json.WriteString("marker", curve.Marker.ToString().ToLowerInvariant());
            json.WriteBoolean("line", curve.HasLine);
            Numbers(json, "x", x);
            Numbers(json, "y", y);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("lines");
        foreach (BoundLine line in chart.Lines)
        {
            json.WriteStartObject();
            json.WriteString("axis", "y");
            Number(json, "value", line.Value);
            json.WriteString("label", line.Label);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (chart.Intervals is { } intervals)
        {
            json.WriteStartArray("intervals");
            foreach (ErrorBar bar in intervals)
            {
                json.WriteStartObject();
                json.WriteNumber("x", bar.X);
                Number(json, "mean", bar.Interval.Mean);
                Number(json, "low", bar.Interval.Low);
                Number(json, "high", bar.Interval.High);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteAxis(Utf8JsonWriter json, string name, Axis axis)
    {
        json.WriteStartObject(name);
        json.WriteString("label", axis.Label);
        json.WriteBoolean("log", axis.IsLog);
        End("min", axis.Min);
        End("max", axis.Max);
        if (axis.Categories is null)
        {
            json.WriteNull("categories");
        }
        else
        {
            json.WriteStartArray("categories");
            foreach (string category in axis.Categories) json.WriteStringValue(category);
            json.WriteEndArray();
        }

        json.WriteEndObject();

        void End(string end, double? value)
        {
            if (value is { } number) json.WriteNumber(end, number);
            else json.WriteNull(end);
        }
    }

    private static void Numbers(Utf8JsonWriter json, string name, IReadOnlyList<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            if (double.IsFinite(value)) json.WriteNumberValue(FiveDigits(value));
            else json.WriteStringValue(Word(value));
        }

        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, FiveDigits(value));
        else json.WriteString(name, Word(value));
    }

    private static string Word(double value) => double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    private static double FiveDigits(double value) =>
        double.Parse(value.ToString("G5", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
