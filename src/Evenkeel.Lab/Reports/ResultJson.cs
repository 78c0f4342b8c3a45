using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>
/// The file format of results. Numbers are written in full; NaN and the infinities, which JSON does not know, as the
/// strings <c>NaN</c>, <c>Infinity</c>, <c>-Infinity</c>.
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
            Figures(json, record.Result.Figures);
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
            foreach (Check check in record.Result.Checks)
            {
                json.WriteStartObject();
                json.WriteString("id", check.Id);
                json.WriteString("statement", check.Statement);
                json.WriteString("rule", check.Rule);
                json.WriteString("measured", check.Measured);
                json.WriteString("verdict", Name(check.Verdict));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("notes");
            foreach (string note in record.Result.Notes) json.WriteStringValue(note);
            json.WriteEndArray();
            json.WriteString("weightsHash", record.Result.WeightsHash);
            json.WriteStartArray("replicates");
            foreach (Replicate replicate in record.Replicates)
            {
                json.WriteStartObject();
                json.WriteNumber("seed", replicate.Seed);
                Number(json, "seconds", replicate.Seconds);
                Figures(json, replicate.Figures);
                json.WriteString("weightsHash", replicate.WeightsHash);
                json.WriteEndObject();
            }

            json.WriteEndArray();
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
    public static double Number(JsonElement element) => element.ValueKind != JsonValueKind.String ? element.GetDouble()
        : element.GetString() switch
        {
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            "NaN" => double.NaN,
            string other => throw new FormatException($"expected a number, got '{other}'"),
            null => throw new FormatException("expected a number, got null"),
        };

    public static JsonWriterOptions Options(bool indented) =>
        new() { Indented = indented, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a result back, whole.</summary>
    /// <exception cref="JsonException">It is not one of our files, or it is of an experiment that this version does not
    /// know.</exception>
    public static ResultRecord Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            // Strict, and with the mark that an editor may have added. Throws if something follows the object.
            using JsonDocument document = JsonDocument.Parse(TextFile.Decode(bytes, "the result", nameof(ResultJson)));
            return Record(document.RootElement);
        }
        catch (InvalidDataException e)
        {
            throw new JsonException(e.Message, e);
        }
        catch (Exception e) when (
            e is InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException
                or OverflowException)
        {
            throw new JsonException($"not a result of this version ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>holds, holds-if, fails, undecided.</summary>
    public static string Name(Verdict verdict) => verdict == Verdict.HoldsInPart ? "holds-if" : verdict.ToString()
        .ToLowerInvariant();

    private static ResultRecord Record(JsonElement root)
    {
        string name = root.GetProperty("experiment").GetString()!;
        Experiment experiment = ExperimentCatalog.Find(name) ?? throw new JsonException(
            $"no experiment '{name}' in this version");
        JsonElement settings = root.GetProperty("settings"), environment = root.GetProperty("environment"),
            data = root.GetProperty("data");
        var result = new ExperimentResult { WeightsHash = root.GetProperty("weightsHash").GetString() };
        foreach ((string figure, double value) in Figures(root)) result.Figures[figure] = value;
        foreach (JsonElement series in root.GetProperty("series").EnumerateArray()) result.Series.Add(Series(series));
        foreach (JsonElement table in root.GetProperty("tables").EnumerateArray()) result.Tables.Add(Table(table));
        foreach (JsonElement check in root.GetProperty("claims").EnumerateArray())
        {
            result.Checks.Add(new Check(
                check.GetProperty("id").GetString()!, check.GetProperty("statement").GetString()!,
                    check.GetProperty("rule").GetString()!, check.GetProperty("measured").GetString()!,
                Enum.GetValues<Verdict>().First(verdict => Name(verdict) == check.GetProperty("verdict").GetString())));
        }

        foreach (JsonElement note in root.GetProperty("notes").EnumerateArray()) result.Notes.Add(note.GetString()!);
        return new ResultRecord(
            experiment,
            new ExperimentSettings(
                settings.GetProperty("seed").GetInt64(), settings.GetProperty("threads").GetInt32(),
                Enum.GetValues<DType>()
                    .First(type => type.ToString()
                    .Equals(settings.GetProperty("dtype").GetString(), StringComparison.OrdinalIgnoreCase)),
                settings.GetProperty("epochs") is { ValueKind: JsonValueKind.Number } epochs ? epochs.GetInt32() : null,
                    settings.GetProperty("quick").GetBoolean()),
            new ResultEnvironment(
                environment.GetProperty("version").GetString()!, environment.GetProperty("build").GetString()!,
                    environment.GetProperty("runtime").GetString()!,
                environment.GetProperty("system").GetString()!, environment.GetProperty("processors").GetInt32(),
                    environment.GetProperty("instructions").GetString()!),
            data.ValueKind == JsonValueKind.Null ? null
                : new DataIdentity(data.GetProperty("name").GetString()!, data.GetProperty("source").GetString()!,
                data.GetProperty("identity").GetString()!),
            Number(root.GetProperty("seconds")),
            result,
            [.. root.GetProperty("replicates").EnumerateArray().Select(static replicate => new Replicate(
                replicate.GetProperty("seed").GetInt64(), Number(replicate.GetProperty("seconds")), Figures(replicate),
                    replicate.GetProperty("weightsHash").GetString()))]);
    }

    private static Dictionary<string, double> Figures(JsonElement owner)
    {
        var figures = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (JsonProperty figure in owner.GetProperty("figures").EnumerateObject())
            figures[figure.Name] = Number(figure.Value);
        return figures;
    }

    private static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(Number)];

    private static Series Series(JsonElement series)
    {
        string name = series.GetProperty("name").GetString()!;
        double[] x = Numbers(series.GetProperty("x")), y = Numbers(series.GetProperty("y"));
        if (x.Length != y.Length) throw new FormatException($"series {name} has {x.Length} positions and {y.Length} " +
            "values");
        return new Series(name, x, y);
    }

    private static ResultTable Table(JsonElement stored)
    {
        var table = new ResultTable(
            stored.GetProperty("name").GetString()!,
            [.. stored.GetProperty("columns").EnumerateArray().Select(static column => column.GetString()!)],
            [.. stored.GetProperty("rows").EnumerateArray()
                .Select(static row => (IReadOnlyList<object?>)[.. row.EnumerateArray().Select(Cell)])],
            stored.GetProperty("formats") is { ValueKind: JsonValueKind.Array } formats
                ? [.. formats.EnumerateArray().Select(static format => format.GetString())] : null);
        int columns = table.Columns.Count;
        if ((table.Formats ?? table.Columns).Count != columns || table.Rows.Any(row => row.Count != columns))
            throw new FormatException($"table '{table.Name}' has {columns} columns, " +
                "and a row or formats of another number");
        return table;
    }

    private static object? Cell(JsonElement cell) => cell.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Number => cell.GetDouble(),
        _ when cell.GetString() is "NaN" or "Infinity" or "-Infinity" => Number(cell),
        _ => cell.GetString(),
    };

    private static void Figures(Utf8JsonWriter json, IReadOnlyDictionary<string, double> figures)
    {
        json.WriteStartObject("figures");
        foreach ((string name, double value) in figures) Number(json, name, value);
        json.WriteEndObject();
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
        if (table.Formats is null)
        {
            json.WriteNull("formats");
        }
        else
        {
            json.WriteStartArray("formats");
            foreach (string? format in table.Formats) json.WriteStringValue(format);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    public static void Numbers(Utf8JsonWriter json, string name, IReadOnlyList<double> values)
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
