using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Evenkeel.Web;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// The page of one or several runs: live, or final with its data inside. The script draws the curves
/// (<c>src/web/src/watch.ts</c>); the text and the tables come from here, so they are there without it.
/// </summary>
internal static class RunPage
{
    private static readonly string s_style = (Embedded.Text("report.css") ?? "") + (Embedded.Text("watch.css") ?? "");

    /// <summary>What the build embeds; null where there was no Node.</summary>
    private static readonly string? s_script = Embedded.Text("watch.js");

    /// <summary>
    /// The page runs its own script and no other, and fetches nothing but its events. Styles may be inline: the charts
    /// set them.
    /// </summary>
    public static string ContentPolicy { get; } =
        $"default-src 'none'; script-src {ScriptSource()}; style-src 'unsafe-inline'; img-src data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'";

    /// <summary>The page that follows runs.</summary>
    /// <param name="runs">The runs.</param>
    /// <param name="key">Tells these runs from others, if the page comes back to another server.</param>
    public static string Live(IReadOnlyList<WatchedRun> runs, string key) => Write(runs, isLive: true, json =>
    {
        json.WriteString("key", key);
        json.WriteBoolean("live", true);
        json.WriteStartArray("runs");
        foreach (WatchedRun run in runs)
        {
            json.WriteStartObject();
            json.WriteString("name", run.Name);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    /// <summary>The page of one run with all of its data.</summary>
    public static string Final(WatchedRun run) => Write([run], isLive: false, json =>
    {
        json.WriteBoolean("live", false);
        json.WriteStartArray("runs");
        json.WriteStartObject();
        json.WriteString("name", run.Name);
        json.WriteString("status", run.Run().Member("status").AsText());
        WriteEpochs(json, run.Epochs());
        json.WriteStartArray("lines");
        foreach (string line in LiveHistory.Of(run.LivePath))
        {
            // Parsed and written again, so that no text in it can end the script element.
            JsonText.TryParseObject(line)?.WriteTo(json);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    });

    /// <summary>What the page shows of a run beside its curves, as the JSON of an event.</summary>
    /// <param name="run">The run.</param>
    /// <param name="index">Its number on the page.</param>
    public static string State(WatchedRun run, int index) => JsonText.Write(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("run", index);
        json.WriteString("status", run.IsAbandoned() ? "abandoned" : run.Run().Member("status").AsText());
        WriteEpochs(json, run.Epochs());
        var html = new HtmlWriter();
        new RunFragment(html, run).Write();
        json.WriteString("html", html.ToString());
        json.WriteEndObject();
    });

    private static string Write(IReadOnlyList<WatchedRun> runs, bool isLive, Action<Utf8JsonWriter> writeData)
    {
        var html = new HtmlWriter();
        html.Raw("<!DOCTYPE html>\n");
        using (html.Open("html", ("lang", "en"), ("class", "no-charts")))
        {
            WriteHead(html, runs, isLive);
            using (html.Open("body", ("class", "watch")))
            {
                html.Element("button", "", ("class", "theme"), ("hidden", ""));
                using (html.Open("header", ("class", "hero")))
                {
                    html.Element("h1", TitleOf(runs));
                    if (isLive)
                        html.Element("p", "", ("id", "connection"), ("role", "status"));
                }

                using (html.Open("main"))
                {
                    html.Element("section", "", ("class", "summary"), ("id", "now"), ("aria-label", "Now"));
                    html.Element("section", "", ("class", "curves"), ("id", "curves"), ("aria-label", "Curves"));
                    for (int i = 0; i < runs.Count; i++) WriteRun(html, runs[i], i, hasTitle: runs.Count > 1);
                }

                using (html.Open("footer"))
                {
                    html.Element("p", isLive
                        ? "Shown by 'evenkeel watch', which only reads the folders of these runs."
                        : "Made by evenkeel from the files beside this page. It needs no network. "
                            + "'evenkeel watch' shows the same of a training that runs.");
                    if (s_script is null)
                        html.Element("p", "There are no curves: evenkeel was built without Node.");
                }

                using (html.Open("script", ("type", "application/json"), ("id", "runs")))
                {
                    html.Raw(JsonText.Write(json =>
                    {
                        json.WriteStartObject();
                        writeData(json);
                        json.WriteEndObject();
                    }));
                }

                if (s_script is not null) html.Raw($"<script>{s_script}</script>\n");
            }
        }

        return html.ToString();
    }

    private static void WriteHead(HtmlWriter html, IReadOnlyList<WatchedRun> runs, bool isLive)
    {
        using (html.Open("head"))
        {
            html.Void("meta", ("charset", "utf-8"));
            html.Void("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1"));
            html.Void("meta", ("http-equiv", "Content-Security-Policy"), ("content", ContentPolicy));
            // Without a script the browser itself asks again.
            if (isLive && s_script is null) html.Void("meta", ("http-equiv", "refresh"), ("content", "5"));
            // An icon of its own, or the browser asks for one.
            html.Void("link", ("rel", "icon"), ("href", "data:,"));
            html.Element("title", $"{TitleOf(runs)} · Evenkeel");
            using (html.Open("style")) html.Raw(s_style);
        }
    }

    private static void WriteRun(HtmlWriter html, WatchedRun run, int index, bool hasTitle)
    {
        using (html.Open("section", ("class", "run"), ("id", $"run-{index}")))
        {
            if (hasTitle) html.Element("h2", run.Name);
            FindingList.Write(html, run);
            using (html.Open("div", ("class", "fragment"))) new RunFragment(html, run).Write();
            html.Element("div", "", ("class", "layers"));
        }
    }

    private static void WriteEpochs(Utf8JsonWriter json, EpochTable? table)
    {
        if (table is null) return;
        json.WriteStartObject("epochs");
        json.WriteStartArray("columns");
        foreach (string column in table.Columns) json.WriteStringValue(column);
        json.WriteEndArray();
        json.WriteStartArray("rows");
        foreach (double[] row in table.Rows)
        {
            json.WriteStartArray();
            foreach (double value in row)
            {
                if (double.IsFinite(value)) json.WriteNumberValue(value);
                else json.WriteNullValue();
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string TitleOf(IReadOnlyList<WatchedRun> runs) =>
        runs.Count == 1 ? runs[0].Name : $"{runs.Count} runs";

    private static string ScriptSource() => s_script is null
        ? "'none'"
        : $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(s_script)))}'";
}
