namespace Evenkeel.Workbench.Watching;

/// <summary>The live log of a run, thinned for a page that is kept.</summary>
internal static class LiveHistory
{
    /// <summary>No screen has more columns for a curve.</summary>
    private const int MostSteps = 1200;

    private const int MostReadings = 120;

    /// <summary>
    /// Every line of an event, readings of the layers and lines of steps evenly thinned. The last of each kind stays.
    /// </summary>
    /// <param name="path">The file; a missing one has no lines.</param>
    public static IReadOnlyList<string> Of(string path)
    {
        var lines = new List<string>();
        TailPosition position = default;
        while (true)
        {
            TailReading reading = LineTail.Read(path, position);
            if (reading.IsAnew) lines.Clear();
            lines.AddRange(reading.Lines);
            position = reading.Position;
            if (!reading.HasMore) break;
        }

        string?[] events = [.. lines.Select(static line => JsonText.TryParseObject(line).Member("event").AsText())];
        int steps = events.Count(static name => name is null), readings = events.Count(static name => name == "layers");
        int stepsSeen = 0, readingsSeen = 0;
        return
        [
            .. lines.Where((_, i) => events[i] switch
            {
                null => IsKept(stepsSeen++, steps, MostSteps),
                "layers" => IsKept(readingsSeen++, readings, MostReadings),
                _ => true,
            }),
        ];
    }

    /// <summary>Whether one of so many stays, if no more than a number may.</summary>
    private static bool IsKept(int index, int count, int most) =>
        count <= most || index == count - 1 || (long)index * most / count != (long)(index - 1) * most / count;
}
