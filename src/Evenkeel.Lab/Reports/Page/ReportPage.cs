using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Web;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// The page <c>index.html</c>: the verdicts on one screen, then a section per lesson. Style and script are in it, so it
/// opens without a network; without the script its tables say the same.
/// Nothing in it comes from a clock: the same results make the same bytes.
/// </summary>
/// <param name="results">What it is made of.</param>
/// <param name="style">The style sheet; null leaves the page to the browser's own.</param>
/// <param name="script">The script that draws the charts; null if the lab was built without it.</param>
internal sealed class ReportPage(ReportResults results, string? style, string? script)
{
    private const string Title = "What batch norm does, measured";

    private readonly HtmlWriter _html = new();

    public string Write()
    {
        _html.Raw("<!DOCTYPE html>\n");
        // The script takes the class away; without it the style sheet hides the empty places of the charts.
        using (_html.Open("html", ("lang", "en"), ("class", "no-charts")))
        {
            WriteHead();
            using (_html.Open("body"))
            {
                _html.Element("button", "", ("class", "theme"), ("hidden", ""));
                using (_html.Open("header", ("class", "hero")))
                {
                    _html.Element("h1", Title);
                    _html.Element("p", $"{PageText.Count(results.Findings.Count, "claim")} of the lessons, each " +
                        "judged by a rule that was written before the run.");
                }

                WriteContents();
                using (_html.Open("main"))
                {
                    new SummarySection(_html, results, hasCharts: script is not null).Write();
                    var lessons = new LessonSection(_html, results);
                    foreach (LessonGuide lesson in LessonGuide.All) lessons.Write(lesson);
                    WriteQuestions();
                }

                WriteFooter();
                using (_html.Open("script", ("type", "application/json"),
                    ("id", "charts"))) _html.Raw(ChartJson.Write(results.Charts));
                if (script is not null)
                {
                    using (_html.Open("script")) _html.Raw(script.Replace("</script", "<\\/script",
                        StringComparison.OrdinalIgnoreCase));
                }
            }
        }

        return _html.ToString();
    }

    private void WriteHead()
    {
        using (_html.Open("head"))
        {
            _html.Void("meta", ("charset", "utf-8"));
            _html.Void("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1"));
            // An icon of its own, or the browser asks for one.
            _html.Void("link", ("rel", "icon"), ("href", "data:,"));
            _html.Element("title", $"Evenkeel: {Title}");
            if (style is not null)
            {
                using (_html.Open("style")) _html.Raw(style);
            }
        }
    }

    private void WriteContents()
    {
        using (_html.Open("nav", ("class", "toc"), ("aria-label", "Contents")))
        using (_html.Open("ul"))
        {
            Item("summary", "Summary");
            foreach (LessonGuide lesson in LessonGuide.All.Where(results.Has)) Item(LessonSection.IdOf(lesson),
                lesson.ShortTitle);
            if (QuestionCatalog.All.Count > 0) Item("questions", "Questions");
        }

        void Item(string id, string text)
        {
            using (_html.Open("li")) _html.Element("a", text, ("href", "#" + id));
        }
    }

    /// <summary>The questions that the notebook asks its reader, answered by what was measured.</summary>
    private void WriteQuestions()
    {
        if (QuestionCatalog.All.Count == 0) return;
        using (_html.Open("section", ("class", "lesson"), ("id", "questions")))
        {
            _html.Element("h2", "The notebook's questions");
            foreach (Question question in QuestionCatalog.All)
            {
                using (_html.Open("article", ("class", "claim"), ("id", $"question-{question.Number}")))
                {
                    _html.Element("h3", string.Create(CultureInfo.InvariantCulture,
                        $"{question.Number}. {question.Text}"));
                    using (_html.Open("dl"))
                    {
                        Definition("Lesson", question.Lesson);
                        Definition("Its answer", question.LessonAnswer);
                    }

                    WriteAnswer(question, results.Answer(question));
                    using (_html.Open("p"))
                    {
                        _html.Text("See ");
                        new Links(_html, results).Write([.. question.Claims, .. question.Experiments]);
                        _html.Text(".");
                    }
                }
            }
        }

        void Definition(string term, string text)
        {
            _html.Element("dt", term);
            _html.Element("dd", text);
        }
    }

    private void WriteAnswer(Question question, IReadOnlyList<JudgedPoint> points)
    {
        if (points.Count == 0)
        {
            _html.Element("p", "Not answered: there are no results of " +
                $"{string.Join(", ", question.Experiments)}.", ("class", "note"));
            return;
        }

        using (_html.Open("div", ("class", "table-scroll")))
        using (_html.Open("table"))
        {
            using (_html.Open("thead"))
            using (_html.Open("tr"))
            {
                foreach (string heading in (string[])["what the runs say", "", "measured", "true where", "mean [95 %]",
                    ""]) _html.Element("th", heading,
                    ("class", heading.StartsWith("mean", StringComparison.Ordinal) ? "num" : null));
            }

            using (_html.Open("tbody"))
            {
                foreach (JudgedPoint point in points)
                {
                    using (_html.Open("tr"))
                    {
                        _html.Element("td", point.Point.Statement);
                        using (_html.Open("td")) _html.Element("span",
                            point.Verdict switch { Verdict.Holds => "yes", Verdict.Fails => "no", _ => "undecided" },
                            ("class",
                            $"verdict {PageText.Class(point.Verdict)}"));
                        _html.Element("td", point.Point.Effect);
                        _html.Element("td", point.Point.Bound.ToString());
                        _html.Element("td", PageText.Effect(point.Interval), ("class", "num"));
                        using (_html.Open("td")) IntervalDrawing.Write(_html,
                            [new JudgedCase(new Case(point.Point.Statement, point.Point.Values), point.Interval,
                            point.Point.Bound, point.Verdict)]);
                    }
                }
            }
        }
    }

    private void WriteFooter()
    {
        using (_html.Open("footer"))
        {
            _html.Element("p",
                "Made by evenkeel from the stored results beside this page: one file NAME.json per experiment, one " +
                "file charts/ID.csv per chart. 'evenkeel report' makes the page again. " +
                "The page needs no network. The documents it links to are in the folder docs.");
            if (results.IsThinned)
                _html.Element("p", string.Create(CultureInfo.InvariantCulture,
                    $"Curves of more than {ChartJson.LongCurve} points are drawn by the least and greatest value of " +
                    $"each stretch; tables and CSV files say which rows they have."));
        }
    }
}
