using System.Text.Json;

namespace Evenkeel.Tables;

/// <summary>The fields of an object of JSON, with errors that say what is missing.</summary>
internal readonly struct JsonFields(JsonElement json, string reader)
{
    public double[] Numbers(string name) => [.. Items(name, JsonValueKind.Number).Select(static x => x.GetDouble())];

    public string[] Texts(string name) => [.. Items(name, JsonValueKind.String).Select(static x => x.GetString()!)];

    public string Text(string name) => Field(name, JsonValueKind.String).GetString()!;

    public string? TextOrNull(string name) => Of(name).ValueKind == JsonValueKind.Null ? null : Text(name);

    public bool Flag(string name) => Of(name) is { ValueKind: JsonValueKind.True or JsonValueKind.False } value
        ? value.GetBoolean() : throw Wrong(name, "true or false");

    public long Whole(string name) => Field(name, JsonValueKind.Number).TryGetInt64(out long value)
        ? value : throw Wrong(name, "a whole number");

    public T Choice<T>(string name) where T : struct, Enum => Enum.TryParse(Text(name), out T value)
        && Enum.IsDefined(value) ? value : throw Wrong(name, "one of " + string.Join(", ", Enum.GetNames<T>()));

    public JsonElement[] Objects(string name) => [.. Items(name, JsonValueKind.Object)];

    private JsonElement[] Items(string name, JsonValueKind kind)
    {
        JsonElement[] items = [.. Field(name, JsonValueKind.Array).EnumerateArray()];
        return Array.TrueForAll(items, item => item.ValueKind == kind)
            ? items : throw Wrong(name, $"an array with elements of kind {kind}");
    }

    private JsonElement Field(string name, JsonValueKind kind) => Of(name) is { } value && value.ValueKind == kind
        ? value : throw Wrong(name, $"a {kind}");

    private JsonElement Of(string name) => json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty(name, out JsonElement value) ? value : throw Wrong(name, "a field");

    private InvalidDataException Wrong(string name, string expected) => new(
        $"{reader}: expected {expected} called \"{name}\", found none. The file is damaged or of another version: "
        + "train again.");
}
