using System.Text.Json;

namespace Evenkeel.Workbench.Watching;

/// <summary>The lines of <c>live.jsonl</c>: whole ones, and what is to be removed.</summary>
internal static class LiveLines
{
    /// <summary>
    /// Removes the lines beyond an iteration, and a torn last line. The stream then stands at its end. At iteration 0
    /// nothing stays: it is another training.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="iteration">Where the training goes on.</param>
    public static void CutBehind(FileStream file, long iteration)
    {
        if (iteration == 0) file.SetLength(0);
        var content = new byte[file.Length];
        file.Position = 0;
        file.ReadExactly(content);
        int kept = 0;
        while (content.AsSpan(kept).IndexOf((byte)'\n') is var length && length >= 0)
        {
            if (StepOf(content.AsMemory(kept, length)) > iteration) break;
            kept += length + 1;
        }

        file.SetLength(kept);
        file.Position = kept;
    }

    /// <summary>The step of a line; -1 if it is no line of ours.</summary>
    public static long StepOf(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("step", out JsonElement step)
                && step.TryGetInt64(out long value)
                ? value
                : -1;
        }
        catch (JsonException)
        {
            return -1;
        }
    }
}
