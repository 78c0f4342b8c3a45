using System.Globalization;
using Evenkeel.Web;

namespace Evenkeel.Workbench.Watching;

/// <summary>Draws predicted against expected numbers as SVG, with the line on which all would be right.</summary>
/// <param name="html">Where to.</param>
internal sealed class ScatterDrawing(HtmlWriter html)
{
    private const double Size = 360;
    private const double Left = 58;
    private const double Bottom = 44;
    private const double Margin = 10;

    private static readonly double[] s_steps = [1, 2, 5, 10];

    /// <summary>Draws the points.</summary>
    /// <param name="points">Expected and predicted numbers, all finite; one or more.</param>
    public void Write((double Expected, double Predicted)[] points)
    {
        double least = points.Min(static point => Math.Min(point.Expected, point.Predicted)),
            most = points.Max(static point => Math.Max(point.Expected, point.Predicted));
        if (least == most) (least, most) = (least - 1, most + 1);
        using (html.Open("svg", ("class", "scatter"), ("viewBox", $"0 0 {Size} {Size}"), ("role", "img"),
            ("aria-label", $"{points.Length} predicted numbers against the expected ones")))
        {
            foreach (double tick in Ticks(least, most))
            {
                Line("grid", X(tick), Size - Bottom, X(tick), Margin);
                Line("grid", Left, Y(tick), Size - Margin, Y(tick));
                Label(RunFragment.Number(tick), X(tick), Size - Bottom + 16, "middle");
                Label(RunFragment.Number(tick), Left - 6, Y(tick) + 4, "end");
            }

            Line("right", X(least), Y(least), X(most), Y(most));
            foreach ((double expected, double predicted) in points)
            {
                html.Element("circle", "", ("cx", Text(X(expected))), ("cy", Text(Y(predicted))),
                    ("r", points.Length > 400 ? "1.6" : "2.6"));
            }

            Label("expected", (Left + Size - Margin) / 2, Size - 6, "middle");
            html.Element("text", "predicted", ("x", Text(-(Margin + Size - Bottom) / 2)), ("y", "12"),
                ("text-anchor", "middle"), ("transform", "rotate(-90)"));
        }

        double X(double value) => Left + (Size - Left - Margin) * (value - least) / (most - least);

        double Y(double value) => Size - Bottom - (Size - Bottom - Margin) * (value - least) / (most - least);
    }

    private static IEnumerable<double> Ticks(double least, double most)
    {
        double rough = (most - least) / 5, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = s_steps.Select(factor => factor * power).First(size => size >= rough);
        for (double i = Math.Ceiling(least / step); i * step <= most; i++) yield return i * step + 0.0;
    }

    private void Line(string name, double x1, double y1, double x2, double y2) => html.Element(
        "line", "", ("class", name), ("x1", Text(x1)), ("y1", Text(y1)), ("x2", Text(x2)), ("y2", Text(y2)));

    private void Label(string text, double x, double y, string anchor) =>
        html.Element("text", text, ("x", Text(x)), ("y", Text(y)), ("text-anchor", anchor));

    private static string Text(double value) => Math.Round(value, 1).ToString(CultureInfo.InvariantCulture);
}
