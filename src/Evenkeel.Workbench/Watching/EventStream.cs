using System.Text;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// Follows runs and tells of what is new, as server-sent events: <c>hello</c> (which runs these are), <c>lines</c> (of
/// the live log), <c>reset</c> (the lines of a run so far are void), <c>state</c> (what the page shows beside the
/// curves). The id of an event holds the positions in all logs, so a reader that comes back with its last id misses
/// nothing and gets nothing twice, from another server too.
/// </summary>
/// <param name="runs">The runs.</param>
/// <param name="key">Tells these runs from others.</param>
/// <param name="lastEventId">Where the reader stands; null for the beginning.</param>
internal sealed class EventStream(IReadOnlyList<WatchedRun> runs, string key, string? lastEventId)
{
    private readonly TailPosition[] _positions = Positions(lastEventId, key, runs.Count);
    private readonly string?[] _signatures = new string?[runs.Count];
    private bool _isGreeted;

    /// <summary>What is new since the last call, as text to be sent; empty if nothing is.</summary>
    /// <returns>The text, and whether there is more at once.</returns>
    public (string Text, bool HasMore) Next()
    {
        var text = new StringBuilder();
        bool hasMore = false;
        if (!_isGreeted)
        {
            _isGreeted = true;
            text.Append("retry: 1000\n");
            Add(text, "hello", JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("key", key);
                json.WriteEndObject();
            }));
        }

        for (int i = 0; i < runs.Count; i++)
        {
            TailReading reading = LineTail.Read(runs[i].LivePath, _positions[i]);
            _positions[i] = reading.Position;
            hasMore |= reading.HasMore;
            if (reading.IsAnew) Add(text, "reset", $"{{\"run\":{i}}}");
            // A line that is no JSON is left out: the page would stop at it.
            string[] lines = [.. reading.Lines.Where(static line => JsonText.TryParseObject(line) is not null)];
            if (lines.Length > 0) Add(text, "lines", $"{{\"run\":{i},\"lines\":[{string.Join(',', lines)}]}}");
            string signature = runs[i].Signature();
            if (signature == _signatures[i]) continue;
            _signatures[i] = signature;
            Add(text, "state", RunPage.State(runs[i], i));
        }

        return (text.ToString(), hasMore);
    }

    private static TailPosition[] Positions(string? id, string key, int count)
    {
        string[] parts = id?.Split('~') ?? [];
        return parts.Length == count + 1 && parts[0] == key
            ? [.. parts.Skip(1).Select(static part => TailPosition.Parse(part))]
            : new TailPosition[count];
    }

    private void Add(StringBuilder text, string name, string data) =>
        text.Append("event: ").Append(name).Append("\nid: ").Append(key).Append('~').AppendJoin('~', _positions)
            .Append("\ndata: ").Append(data).Append("\n\n");
}
