using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>
/// The file format of results. Numbers are written in full; NaN and the infinities, which JSON does not know, as the strings <c>NaN</c>, <c>Infinity</c>, <c>-Infinity</c>.
/// </summary>
internal static class ResultJson
{
    /// <summary>The result as one JSON object, indented for a file or on one line for a stream.</summary>
    public static byte[] Write(ResultRecord record, bool indented)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options(indented)))
        {
            json.WriteStartObject();
            json.WriteString("experiment", record.Experiment.Name);
            json.WriteString("title", record.Experiment.Title);
            json.WriteString("lesson", record.Experiment.Lesson);
            Settings(json, record.Settings);
            Environment(json, record.Environment);
            Data(json, record.Data);
            Number(json, "seconds", record.Seconds);
            json.WriteStartObject("figures");
            foreach ((string name, double value) in record.Result.Figures) Number(json, name, value);
            json.WriteEndObject();
            json.WriteStartArray("series");
            foreach (Series series in record.Result.Series)
            {
                json.WriteStartObject();
                json.WriteString("name", series.Name);
                Numbers(json, "x", series.X);
                Numbers(json, "y", series.Y);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("tables");
            foreach (ResultTable table in record.Result.Tables) Table(json, table);
            json.WriteEndArray();
            json.WriteStartArray("claims");
            foreach (Claim claim in record.Result.Claims)
            {
                json.WriteStartObject();
                json.WriteString("id", claim.Id);
                json.WriteString("statement", claim.Statement);
                json.WriteString("rule", claim.Rule);
                json.WriteString("measured", claim.Measured);
                json.WriteString("verdict", claim.Verdict.ToString().ToLowerInvariant());
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("weightsHash", record.Result.WeightsHash);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A number as JSON has it, or one of the three strings.</summary>
    public static void Number(Utf8JsonWriter json, string name, double value)
    {
        json.WritePropertyName(name);
        Number(json, value);
    }

    /// <summary>Reads a number or one of the three strings.</summary>
    public static double Number(JsonElement element) => element.ValueKind != JsonValueKind.String ? element.GetDouble() : element.GetString() switch
    {
        "Infinity" => double.PositiveInfinity,
        "-Infinity" => double.NegativeInfinity,
        _ => double.NaN,
    };

    public static JsonWriterOptions Options(bool indented) =>
        new() { Indented = indented, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a stored result has these settings, data and build.</summary>
    public static bool IsSame(JsonElement stored, ExperimentSettings settings, DataIdentity? data)
    {
        return Equal("settings", json => Settings(json, settings))
            && Equal("environment", json => Environment(json, ResultEnvironment.Current))
            && Equal("data", json => Data(json, data));

        bool Equal(string name, Action<Utf8JsonWriter> write)
        {
            var buffer = new ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(buffer, Options(indented: false)))
            {
                json.WriteStartObject();
                write(json);
                json.WriteEndObject();
            }

            using JsonDocument wanted = JsonDocument.Parse(Encoding.UTF8.GetString(buffer.WrittenSpan));
            return stored.TryGetProperty(name, out JsonElement found) && JsonElement.DeepEquals(found, wanted.RootElement.GetProperty(name));
        }
    }

    private static void Settings(Utf8JsonWriter json, ExperimentSettings settings)
    {
        json.WriteStartObject("settings");
        json.WriteNumber("seed", settings.Seed);
        json.WriteNumber("threads", settings.Threads);
        json.WriteString("dtype", settings.DType.ToString().ToLowerInvariant());
        if (settings.Epochs is { } epochs) json.WriteNumber("epochs", epochs);
        else json.WriteNull("epochs");
        json.WriteBoolean("quick", settings.Quick);
        json.WriteEndObject();
    }

    private static void Environment(Utf8JsonWriter json, ResultEnvironment environment)
    {
        json.WriteStartObject("environment");
        json.WriteString("version", environment.Version);
        json.WriteString("build", environment.Build);
        json.WriteString("runtime", environment.Runtime);
        json.WriteString("system", environment.System);
        json.WriteNumber("processors", environment.Processors);
        json.WriteString("instructions", environment.Instructions);
        json.WriteEndObject();
    }

    private static void Data(Utf8JsonWriter json, DataIdentity? data)
    {
        if (data is null)
        {
            json.WriteNull("data");
            return;
        }

        json.WriteStartObject("data");
        json.WriteString("name", data.Name);
        json.WriteString("source", data.Source);
        json.WriteString("identity", data.Identity);
        json.WriteEndObject();
    }

    private static void Table(Utf8JsonWriter json, ResultTable table)
    {
        json.WriteStartObject();
        json.WriteString("name", table.Name);
        json.WriteStartArray("columns");
        foreach (string column in table.Columns) json.WriteStringValue(column);
        json.WriteEndArray();
        json.WriteStartArray("rows");
        foreach (IReadOnlyList<object?> row in table.Rows)
        {
            json.WriteStartArray();
            foreach (object? cell in row)
            {
                switch (cell)
                {
                    case null: json.WriteNullValue(); break;
                    case double number: Number(json, number); break;
                    case int number: json.WriteNumberValue(number); break;
                    default: json.WriteStringValue(cell.ToString()); break;
                }
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Numbers(Utf8JsonWriter json, string name, IReadOnlyList<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values) Number(json, value);
        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value)) json.WriteNumberValue(value);
        else json.WriteStringValue(double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }
}
