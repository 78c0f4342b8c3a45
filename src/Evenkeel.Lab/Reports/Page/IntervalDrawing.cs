using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Web;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// A verdict as a small picture, drawn into the page so that it needs no script: the bound shaded, a bar for the
/// interval of each case, and for the first case its mean and a dot per seed.
/// </summary>
internal static class IntervalDrawing
{
    private const double Width = 120, Margin = 5, Height = 24;

    /// <summary>The picture as text; see <see cref="Write"/>.</summary>
    public static string Svg(IReadOnlyList<JudgedCase> all)
    {
        var html = new HtmlWriter();
        Write(html, all);
        return html.ToString();
    }

    /// <summary>Writes the picture of cases that share the first one's bound.</summary>
    public static void Write(HtmlWriter html, IReadOnlyList<JudgedCase> all)
    {
        JudgedCase[] cases =
            [.. all.Where(judged => judged.Bound == all[0].Bound && double.IsFinite(judged.Interval.Mean))];
        if (cases.Length == 0) return;
        Bound bound = cases[0].Bound;
        double[] shown =
            [.. cases.SelectMany(static judged =>
                (double[])[judged.Interval.Mean, judged.Interval.Low, judged.Interval.High]), .. cases[0].Case.Values];
        double[] ends = [.. new[] { bound.Low, bound.High }.Where(double.IsFinite)];
        bool isLog = PageChart.WantsLog([.. shown, .. ends]);
        double[] positions = [.. shown.Concat(ends).Where(double.IsFinite).Select(Position)];
        double least = positions.Min(), most = positions.Max();
        // A bound at the very edge would look like the end of the picture.
        double space = most > least ? 0.08 * (most - least) : 1;
        (least, most) = (least - space, most + space);

        using (html.Open(
            "svg", ("class", cases.Length == 1 ? "interval" : "interval several"), ("viewBox",
                $"0 0 {Number(Width)} {Number(Height)}"), ("role", "img"),
            ("aria-label", $"{cases[0].Case.Name}: {PageText.Effect(cases[0].Interval)}, bound: " +
                $"{bound}{(isLog ? ", logarithmic" : "")}")))
        {
            double left = double.IsFinite(bound.Low) ? X(bound.Low) : 0, right = double.IsFinite(bound.High)
                ? X(bound.High) : Width;
            html.Element("rect", "", ("class", "within"), ("x", Number(left)), ("y", "1"),
                ("width", Number(right - left)), ("height", Number(Height - 2)));
            if (cases.Length == 1) Line("axis", 0, Width, Height / 2, Height / 2);
            foreach (double end in ends) Line("bound", X(end), X(end), 1, Height - 1);
            for (int i = cases.Length - 1; i >= 0; i--) Draw(cases[i], isFirst: i == 0,
                y: Height * (i + 1) / (cases.Length + 1));
        }

        void Draw(JudgedCase judged, bool isFirst, double y)
        {
            using (html.Open("g", ("style", $"--tone:var(--{PageText.Class(judged.Verdict)})")))
            {
                html.Element("title", $"{judged.Case.Name}: {PageText.Effect(judged.Interval)}");
                if (double.IsFinite(judged.Interval.Low)) Line("range", X(judged.Interval.Low),
                    X(judged.Interval.High), y, y);
                if (isFirst)
                {
                    foreach (double value in judged.Case.Values.Where(double.IsFinite)) Dot("seed", value, y,
                        cases.Length == 1 ? 2.5 : 1.4);
                }

                Dot("mean", judged.Interval.Mean, y, cases.Length == 1 ? 4 : 2);
            }
        }

        void Dot(string name, double value, double y, double radius) =>
            html.Element("circle", "", ("class", name), ("cx", Number(X(value))), ("cy", Number(y)),
                ("r", Number(radius)));

        void Line(string name, double x1, double x2, double y1, double y2) =>
            html.Element("line", "", ("class", name), ("x1", Number(x1)), ("y1", Number(y1)), ("x2", Number(x2)),
                ("y2", Number(y2)));

        // Only where a picture's dots are: the last bit of a system's logarithm is no matter.
        double Position(double value) => isLog ? Math.Log10(value) : value;

        double X(double value) => Margin + ((Width - (2 * Margin)) * (Position(value) - least) / (most - least));
    }

    private static string Number(double value) => Math.Round(value, 1).ToString(CultureInfo.InvariantCulture);
}
