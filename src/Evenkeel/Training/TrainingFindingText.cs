using System.Globalization;
using System.Text;
using System.Text.Json;
using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>The findings of a training as JSON text, as a checkpoint keeps them.</summary>
internal static class TrainingFindingText
{
    /// <summary>Writes numbers as text that reads back to the same bits, NaN and infinities included.</summary>
    public static string Write(IReadOnlyList<TrainingFinding> findings)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartArray();
            foreach (TrainingFinding said in findings)
            {
                Finding finding = said.Finding;
                json.WriteStartObject();
                json.WriteNumber("iteration", said.Iteration);
                json.WriteNumber("epoch", said.Epoch);
                json.WriteString("rule", finding.Rule);
                json.WriteNumber("level", (int)finding.Level);
                json.WriteString("layer", finding.Layer);
                json.WriteStartArray("channels");
                foreach (int channel in finding.Channels) json.WriteNumberValue(channel);
                json.WriteEndArray();
                json.WriteString("measured", $"{finding.Measured:R}");
                json.WriteString("bound", $"{finding.Bound:R}");
                json.WriteString("message", finding.Message);
                json.WriteString("remedy", finding.Remedy);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Reads what <see cref="Write"/> has written.</summary>
    /// <param name="text">The text.</param>
    /// <param name="path">The file, for errors.</param>
    /// <exception cref="InvalidDataException">The text is something else.</exception>
    public static List<TrainingFinding> Read(string text, string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(text);
            return [.. json.RootElement.EnumerateArray().Select(static said => new TrainingFinding(
                said.GetProperty("iteration").GetInt64(),
                said.GetProperty("epoch").GetInt32(),
                new Finding(
                    Text(said, "rule"),
                    (FindingLevel)said.GetProperty("level").GetInt32(),
                    Text(said, "layer"),
                    [.. said.GetProperty("channels").EnumerateArray().Select(static channel => channel.GetInt32())],
                    Number(said, "measured"),
                    Number(said, "bound"),
                    Text(said, "message"),
                    Text(said, "remedy"))))];
        }
        catch (Exception exception) when (
            exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException(
                $"Trainer.Resume: expected the findings of the doctor in {path}, got text that is none "
                + $"({exception.Message}). The checkpoint is damaged; use an earlier one.", exception);
        }
    }

    private static string Text(JsonElement said, string name) => said.GetProperty(name).GetString() ?? "";

    private static double Number(JsonElement said, string name) =>
        double.Parse(Text(said, name), NumberStyles.Float, CultureInfo.InvariantCulture);
}
