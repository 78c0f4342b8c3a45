using System.Text.Json;
using Evenkeel.Web;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// What the doctor has found in a training, in the order in which it showed. The script draws the same list
/// (<c>drawFindings</c> in <c>src/web/src/watch.ts</c>) while the training runs; this one is there without it.
/// </summary>
internal static class FindingList
{
    /// <summary>The list of <c>run.json</c>, which has it when a training ends; an empty place before.</summary>
    /// <param name="html">Where to.</param>
    /// <param name="run">The run.</param>
    public static void Write(HtmlWriter html, WatchedRun run)
    {
        JsonElement[] findings = [.. run.Run().Member("findings").Items()];
        using (html.Open("section", ("class", "findings"), ("aria-label", "Findings of the doctor")))
        {
            if (findings.Length == 0) return;
            html.Element("h3", $"The doctor: {Count(findings)}");
            using (html.Open("ol"))
            {
                foreach (JsonElement finding in findings) WriteOne(html, finding);
            }
        }
    }

    private static void WriteOne(HtmlWriter html, JsonElement? finding)
    {
        string Text(string name) => finding.Member(name).AsText() ?? "";
        string level = Text("level"), layer = Text("layer");
        using (html.Open("li", ("class", $"is-{level}")))
        {
            using (html.Open("h4"))
            {
                html.Element("span", level, ("class", $"level is-{level}"));
                html.Text($" {Text("rule")}{(layer.Length == 0 ? "" : $" {layer}")} ");
                html.Element("small", $"step {Text("step")}");
            }

            html.Element("p", Text("message"));
            if (Text("remedy") is { Length: > 0 } remedy) html.Element("p", remedy, ("class", "remedy"));
        }
    }

    /// <summary>For example <c>1 warning, 2 notes</c>.</summary>
    private static string Count(JsonElement[] findings) => string.Join(", ",
        from level in (string[])["error", "warning", "note"]
        let count = findings.Count(finding => ((JsonElement?)finding).Member("level").AsText() == level)
        where count > 0
        select $"{count} {level}{(count == 1 ? "" : "s")}");
}
