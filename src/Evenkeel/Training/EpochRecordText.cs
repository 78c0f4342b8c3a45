using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Evenkeel.Training;

/// <summary>The records of a history as JSON text, as a checkpoint keeps them.</summary>
internal static class EpochRecordText
{
    /// <summary>Writes numbers as text that reads back to the same bits, NaN and infinities included.</summary>
    public static string Write(IReadOnlyList<EpochRecord> records)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartArray();
            foreach (EpochRecord record in records)
            {
                json.WriteStartObject();
                json.WriteNumber("epoch", record.Epoch);
                json.WriteNumber("iteration", record.Iteration);
                json.WriteString("trainingLoss", Text(record.TrainingLoss));
                json.WriteString("learningRate", Text(record.LearningRate));
                Write(json, "training", record.Training);
                Write(json, "validation", record.Validation);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Reads what <see cref="Write(IReadOnlyList{EpochRecord})"/> has written.</summary>
    /// <param name="text">The text.</param>
    /// <param name="path">The file, for errors.</param>
    /// <exception cref="InvalidDataException">The text is something else.</exception>
    public static List<EpochRecord> Read(string text, string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(text);
            return [.. json.RootElement.EnumerateArray().Select(static record => new EpochRecord(
                record.GetProperty("epoch").GetInt32(),
                record.GetProperty("iteration").GetInt64(),
                Number(record.GetProperty("trainingLoss")),
                Number(record.GetProperty("learningRate")),
                Scores(record, "training"),
                Scores(record, "validation")))];
        }
        catch (Exception exception) when (
            exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException(
                $"Trainer.Resume: expected the records of the epochs in {path}, got text that is none "
                + $"({exception.Message}). The checkpoint is damaged; use an earlier one.", exception);
        }
    }

    private static void Write(Utf8JsonWriter json, string name, Scores? scores)
    {
        if (scores is null) return;
        json.WriteStartObject(name);
        foreach ((string key, double value) in scores) json.WriteString(key, Text(value));
        json.WriteEndObject();
    }

    private static Scores? Scores(JsonElement record, string name)
    {
        if (!record.TryGetProperty(name, out JsonElement found)) return null;
        JsonProperty[] scores = [.. found.EnumerateObject()];
        return new Scores(
            scores.Select(static score => score.Name), scores.Select(static score => Number(score.Value)));
    }

    private static string Text(double value) => $"{value:R}";

    private static double Number(JsonElement text) =>
        double.Parse(text.GetString() ?? "", NumberStyles.Float, CultureInfo.InvariantCulture);
}
