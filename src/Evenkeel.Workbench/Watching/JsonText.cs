using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Evenkeel.Workbench.Watching;

/// <summary>JSON of files that another process may be writing, or that somebody has changed.</summary>
internal static class JsonText
{
    /// <summary>The object in a file; null if there is none, or if it is not JSON.</summary>
    public static JsonElement? TryReadObject(string path)
    {
        try
        {
            return TryParseObject(File.ReadAllText(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The object in a text; null if it is none.</summary>
    public static JsonElement? TryParseObject(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>
    /// Writes JSON. The default encoder writes <c>&lt;</c> as <c>\u003C</c>, so no text can end a script element.
    /// </summary>
    public static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer)) write(json);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>A member of an object, or of an object in it: <c>Member("figures", "best")</c>.</summary>
    public static JsonElement? Member(this JsonElement? element, params ReadOnlySpan<string> path)
    {
        foreach (string name in path)
        {
            if (element is not { ValueKind: JsonValueKind.Object } value
                || !value.TryGetProperty(name, out JsonElement member)) return null;
            element = member;
        }

        return element;
    }

    /// <summary>The elements of an array; none for anything else.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement? element) =>
        element is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];

    /// <summary>The members of an object; none for anything else.</summary>
    public static IEnumerable<JsonProperty> Members(this JsonElement? element) =>
        element is { ValueKind: JsonValueKind.Object } value ? value.EnumerateObject() : [];

    /// <summary>A number; null for anything else. NaN and infinities may be strings.</summary>
    public static double? AsNumber(this JsonElement? element) => element switch
    {
        { ValueKind: JsonValueKind.Number } number => number.GetDouble(),
        { ValueKind: JsonValueKind.String } text => text.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };

    /// <summary>What a reader sees of a value in one line; null if there is none.</summary>
    public static string? AsText(this JsonElement? element) => element switch
    {
        null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.True } => "yes",
        { ValueKind: JsonValueKind.False } => "no",
        { ValueKind: JsonValueKind.Array } array => string.Join(
            ", ", array.EnumerateArray().Select(static item => AsText(item))),
        { ValueKind: JsonValueKind.Object } value => string.Join(
            ", ", value.EnumerateObject().Select(static member => $"{member.Name} {AsText(member.Value)}")),
        { } other => other.GetRawText(),
    };
}
