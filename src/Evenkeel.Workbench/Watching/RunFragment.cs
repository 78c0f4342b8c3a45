using System.Globalization;
using System.Text.Json;
using Evenkeel.Web;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// What a page says of a run in words and tables: how it stands, what it found, what it was told to do.
/// </summary>
/// <param name="html">Where to.</param>
/// <param name="run">The run.</param>
internal sealed class RunFragment(HtmlWriter html, WatchedRun run)
{
    private const int MostRows = 500;

    /// <summary>Longer values, for example checksums, stand among the settings alone.</summary>
    private const int CardWidth = 40;

    private readonly JsonElement? _run = run.Run();

    public void Write()
    {
        WriteCards();
        if (run.Evaluation() is { } evaluation) new EvaluationSection(html, evaluation).Write();
        WriteEpochs();
        WriteTold();
    }

    private void WriteCards()
    {
        using (html.Open("div", ("class", "cards")))
        {
            using (Card("Status"))
            {
                (string kind, string words) = Status();
                using (html.Open("p")) html.Element("span", words, ("class", $"verdict {kind}"));
                if (run.IsAbandoned())
                    html.Element("p", "No process trains it any more. "
                        + $"evenkeel train --resume {run.Folder} continues.");
            }

            JsonElement? figures = _run.Member("figures");
            if (figures.Member("best").AsNumber() is { } best)
            {
                using (Card($"Best {figures.Member("monitor").AsText() ?? "score"}"))
                {
                    html.Element("p", Number(best), ("class", "figure"));
                    if (figures.Member("bestEpoch").AsText() is { } epoch) html.Element("p", $"epoch {epoch}");
                }
            }

            using (Card("Checkpoint"))
            {
                html.Element("p", run.Checkpoint() is { } checkpoint
                    ? $"step {checkpoint.Step}, {checkpoint.Written:yyyy-MM-dd HH:mm:ss} UTC"
                    : "none yet");
            }

            foreach (string part in (string[])["model", "data"])
            {
                if (_run.Member(part) is not { ValueKind: JsonValueKind.Object } members) continue;
                using (Card(part == "model" ? "Model" : "Data")) WriteMembers(members, CardWidth);
            }
        }
    }

    private HtmlWriter.Scope Card(string title)
    {
        HtmlWriter.Scope card = html.Open("div");
        html.Element("h3", title);
        return card;
    }

    private (string Kind, string Words) Status()
    {
        if (run.IsAbandoned()) return ("fails", "interrupted without a word");
        return _run.Member("status").AsText() switch
        {
            "running" => ("holds-if", "running"),
            "completed" => ("holds", "completed"),
            "stopped" => ("holds", "stopped"),
            "interrupted" => ("undecided", "interrupted"),
            "diverged" => ("fails", "diverged"),
            "failed" => ("fails", "failed"),
            { } other => ("undecided", other),
            null => ("undecided", "unknown: there is no run.json yet"),
        };
    }

    private void WriteEpochs()
    {
        if (run.Epochs() is not { } table) return;
        using (html.Open("details", ("class", "epochs"), ("open", "")))
        {
            html.Element("summary", $"Epochs: {table.Rows.Count}");
            using (html.Open("div", ("class", "table-scroll"), ("tabindex", "0"), ("role", "region"),
                ("aria-label", "Scores of the epochs")))
            using (html.Open("table"))
            {
                using (html.Open("thead"))
                using (html.Open("tr"))
                {
                    foreach (string column in table.Columns)
                        html.Element("th", column.Replace('_', ' '), ("class", "num"), ("scope", "col"));
                }

                using (html.Open("tbody"))
                {
                    // The newest first: it is what one looks for.
                    foreach (double[] row in table.Rows.Reverse().Take(MostRows))
                    {
                        using (html.Open("tr"))
                        {
                            foreach (double value in row) html.Element("td", Number(value), ("class", "num"));
                        }
                    }
                }
            }

            if (table.Rows.Count > MostRows)
            {
                string text = $"The last {MostRows} epochs; log.csv has all {table.Rows.Count}.";
                html.Element("p", text, ("class", "about"));
            }
        }
    }

    private void WriteTold()
    {
        if (_run is not { } told) return;
        using (html.Open("details", ("class", "told")))
        {
            html.Element("summary", "Settings, data, machine");
            using (html.Open("div", ("class", "told-columns")))
            {
                foreach (JsonProperty member in told.EnumerateObject())
                {
                    if (member.Value.ValueKind != JsonValueKind.Object) continue;
                    using (html.Open("div"))
                    {
                        html.Element("h4", member.Name);
                        WriteMembers(member.Value, int.MaxValue);
                    }
                }
            }

            using (html.Open("dl"))
            {
                foreach (JsonProperty member in told.EnumerateObject())
                {
                    // Findings have a list of their own.
                    if (member.Value.ValueKind == JsonValueKind.Object || member.Name == "findings") continue;
                    bool isCommand = member is { Name: "command", Value.ValueKind: JsonValueKind.Array };
                    Pair(member.Name, isCommand ? CommandLine(member.Value) : Text(member.Value));
                }
            }
        }
    }

    private void WriteMembers(JsonElement members, int longest)
    {
        using (html.Open("dl"))
        {
            foreach (JsonProperty member in members.EnumerateObject())
            {
                if (Text(member.Value) is { Length: > 0 } text && text.Length <= longest) Pair(member.Name, text);
            }
        }
    }

    private void Pair(string name, string value)
    {
        html.Element("dt", Words(name));
        html.Element("dd", value);
    }

    private static string Text(JsonElement value) => JsonText.AsText(value) ?? "–";

    private static string CommandLine(JsonElement words) => string.Join(' ', words.EnumerateArray().Select(
        static word => Text(word) is { } text && text.Contains(' ', StringComparison.Ordinal) ? $"\"{text}\""
            : Text(word)));

    /// <summary><c>batchSize</c> is "batch size".</summary>
    private static string Words(string name) => string.Concat(name.Select(static (c, i) =>
        char.IsAsciiLetterUpper(c) && i > 0 ? $" {char.ToLowerInvariant(c)}" : c.ToString()));

    /// <summary>A number in few digits.</summary>
    internal static string Number(double value) =>
        Math.Abs(value) >= 1e6 && value == Math.Floor(value)
            ? value.ToString("F0", CultureInfo.InvariantCulture)
            : value.ToString("G5", CultureInfo.InvariantCulture);
}
