using System.Globalization;
using System.Text.Json;
using Evenkeel.Web;

namespace Evenkeel.Workbench.Watching;

/// <summary>What <c>evaluation.json</c> says: scores, confusions, the worst mistakes, norms.</summary>
/// <param name="html">Where to.</param>
/// <param name="evaluation">The content of the file.</param>
internal sealed class EvaluationSection(HtmlWriter html, JsonElement? evaluation)
{
    /// <summary>A matrix of more classes is not read cell by cell; its largest confusions are listed.</summary>
    private const int MostClasses = 30;

    private const int MostConfusions = 20;
    private const int MostMistakes = 60;

    private static readonly string[] s_pictures = ["png", "jpeg", "bmp"];

    public void Write()
    {
        html.Element("h3", $"Evaluation on the {evaluation.Member("set").AsText() ?? "data"} set");
        WriteScores();
        WriteConfusion();
        WritePoints();
        WriteMistakes();
        WriteNorms();
    }

    private void WriteScores()
    {
        using (html.Open("div", ("class", "cards scores")))
        {
            foreach (JsonProperty score in evaluation.Member("scores").Members())
            {
                using (html.Open("div"))
                {
                    html.Element("h4", score.Name);
                    html.Element("p", Number(JsonText.AsNumber(score.Value)), ("class", "figure"));
                }
            }
        }
    }

    private void WriteConfusion()
    {
        string[] classes = [.. evaluation.Member("confusion", "classes").Items().Select(Text)];
        long[][] counts =
        [
            .. evaluation.Member("confusion", "counts").Items().Select(static row =>
                JsonText.Items(row).Select(static cell => (long)(JsonText.AsNumber(cell) ?? 0)).ToArray()),
        ];
        if (classes.Length == 0 || counts.Length != classes.Length || counts.Any(row => row.Length != classes.Length))
            return;
        html.Element("h4", "Confusion matrix");
        if (classes.Length > MostClasses)
        {
            WriteLargestConfusions(classes, counts);
            return;
        }

        html.Element("p", "A row is what a sample is, a column what it was taken for.", ("class", "about"));
        using (ScrollBox("Confusion matrix"))
        using (html.Open("table", ("class", "confusion")))
        {
            using (html.Open("thead"))
            using (html.Open("tr"))
            {
                html.Element("td", "");
                foreach (string name in classes)
                    html.Element("th", name, ("scope", "col"), ("class", "num"), ("title", name));
                html.Element("th", "recall", ("scope", "col"), ("class", "num recall"));
            }

            using (html.Open("tbody"))
            {
                for (int row = 0; row < classes.Length; row++)
                {
                    long total = counts[row].Sum();
                    using (html.Open("tr"))
                    {
                        html.Element("th", classes[row], ("scope", "row"), ("title", classes[row]));
                        for (int column = 0; column < classes.Length; column++)
                        {
                            // The share of the row, as the depth of the colour.
                            double share = total == 0 ? 0 : (double)counts[row][column] / total;
                            html.Element("td", counts[row][column].ToString(CultureInfo.InvariantCulture),
                                ("class", row == column ? "num right" : counts[row][column] > 0 ? "num wrong" : "num"),
                                ("style", $"--share:{share * 100:0}%"));
                        }

                        html.Element("td", total == 0 ? "–" : $"{(double)counts[row][row] / total:P1}",
                            ("class", "num recall"));
                    }
                }
            }
        }
    }

    private void WriteLargestConfusions(string[] classes, long[][] counts)
    {
        IEnumerable<(string Is, string Taken, long Count)> largest = (
            from row in Enumerable.Range(0, classes.Length)
            from column in Enumerable.Range(0, classes.Length)
            where row != column && counts[row][column] > 0
            orderby counts[row][column] descending
            select (classes[row], classes[column], counts[row][column])).Take(MostConfusions);
        using (ScrollBox("Largest confusions"))
        using (html.Open("table"))
        {
            Head(["is", "was taken for"], ["samples"]);
            using (html.Open("tbody"))
            {
                foreach ((string isClass, string taken, long count) in largest)
                {
                    using (html.Open("tr"))
                    {
                        html.Element("td", isClass);
                        html.Element("td", taken);
                        html.Element("td", count.ToString(CultureInfo.InvariantCulture), ("class", "num"));
                    }
                }
            }
        }
    }

    private void WritePoints()
    {
        (double X, double Y)[] points =
        [
            .. evaluation.Member("points").Items().Select(static point =>
            {
                double?[] pair = [.. JsonText.Items(point).Select(static value => JsonText.AsNumber(value))];
                return pair is [{ } x, { } y] ? (x, y) : (double.NaN, double.NaN);
            }).Where(static point => double.IsFinite(point.Item1) && double.IsFinite(point.Item2)),
        ];
        if (points.Length == 0) return;
        html.Element("h4", "Predicted against expected");
        new ScatterDrawing(html).Write(points);
    }

    private void WriteMistakes()
    {
        JsonElement[] mistakes = [.. evaluation.Member("mistakes").Items().Take(MostMistakes)];
        if (mistakes.Length == 0) return;
        html.Element("h4", "Worst mistakes");
        using (html.Open("ul", ("class", "mistakes")))
        {
            foreach (JsonElement mistake in mistakes) WriteMistake(mistake);
        }
    }

    private void WriteMistake(JsonElement? mistake)
    {
        string sample = Text(mistake.Member("sample")), expected = Text(mistake.Member("expected")),
            predicted = Text(mistake.Member("predicted"));
        using (html.Open("li"))
        {
            if (mistake.Member("picture").AsText() is { } picture && IsPicture(picture))
                html.Void("img", ("src", picture), ("alt", $"{sample}: {expected}, taken for {predicted}"));
            using (html.Open("p"))
            {
                html.Element("strong", expected);
                html.Text(" taken for ");
                html.Element("strong", predicted);
                if (mistake.Member("probability").AsNumber() is { } probability) html.Text($" ({probability:P1})");
            }

            html.Element("p", sample, ("class", "about"));
        }
    }

    private void WriteNorms()
    {
        JsonElement[] norms = [.. evaluation.Member("norms").Items()];
        if (norms.Length == 0) return;
        html.Element("h4", "Norms: running statistics against those of a batch");
        using (ScrollBox("Norms"))
        using (html.Open("table"))
        {
            Head(["layer", "kind"], ["channels", "mean shift (deviations)", "variance ratio"]);
            using (html.Open("tbody"))
            {
                foreach (JsonElement? norm in norms)
                {
                    using (html.Open("tr"))
                    {
                        html.Element("th", Text(norm.Member("layer")), ("scope", "row"));
                        html.Element("td", Text(norm.Member("kind")));
                        foreach (string name in (string[])["channels", "meanShift", "varianceRatio"])
                            html.Element("td", Number(norm.Member(name).AsNumber()), ("class", "num"));
                    }
                }
            }
        }
    }

    private HtmlWriter.Scope ScrollBox(string label) => html.Open(
        "div", ("class", "table-scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", label));

    private void Head(string[] words, string[] numbers)
    {
        using (html.Open("thead"))
        using (html.Open("tr"))
        {
            foreach (string name in words) html.Element("th", name, ("scope", "col"));
            foreach (string name in numbers) html.Element("th", name, ("scope", "col"), ("class", "num"));
        }
    }

    /// <summary>A picture that is inside the file: nothing is fetched.</summary>
    private static bool IsPicture(string address) =>
        s_pictures.Any(kind => address.StartsWith($"data:image/{kind};base64,", StringComparison.Ordinal));

    private static string Text(JsonElement? value) => value.AsText() ?? "–";

    private static string Text(JsonElement value) => Text((JsonElement?)value);

    private static string Number(double? value) => value is { } number ? RunFragment.Number(number) : "–";
}
