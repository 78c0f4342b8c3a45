using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Evenkeel.Serialization;

/// <summary>JSON for the eye: a layer on one line if it fits, and the layers of a chain one below the other.</summary>
internal static class DescriptionText
{
    private const int MaxWidth = 118, Indent = 2;

    /// <summary>The text, with a line feed at its end.</summary>
    public static string Of(JsonNode root)
    {
        var text = new StringBuilder();
        Write(text, root, depth: 0, taken: 0);
        return text.Append('\n').ToString();
    }

    private static void Write(StringBuilder text, JsonNode? node, int depth, int taken)
    {
        string line = Line(node);
        if (!IsNested(node) && (depth * Indent) + taken + line.Length <= MaxWidth)
        {
            text.Append(line);
            return;
        }

        switch (node)
        {
            case JsonObject { Count: > 0 } properties:
                text.Append('{');
                foreach ((string name, JsonNode? value) in properties)
                {
                    string key = $"{Quoted(name)}: ";
                    NewLine(text, depth + 1, isFirst: text[^1] == '{').Append(key);
                    Write(text, value, depth + 1, key.Length);
                }

                NewLine(text, depth, isFirst: true).Append('}');
                break;
            case JsonArray { Count: > 0 } items:
                text.Append('[');
                foreach (JsonNode? item in items)
                {
                    NewLine(text, depth + 1, isFirst: text[^1] == '[');
                    Write(text, item, depth + 1, taken: 0);
                }

                NewLine(text, depth, isFirst: true).Append(']');
                break;
            default:
                text.Append(line);
                break;
        }
    }

    /// <summary>Whether a node has layers in it: an array of objects, or objects in an object of an object.</summary>
    private static bool IsNested(JsonNode? node) => node switch
    {
        JsonArray items => items.Any(static item => item is JsonObject),
        JsonObject properties => properties.Any(static property => IsNested(property.Value)
            || (property.Value is JsonObject inner && inner.Any(static part => part.Value is JsonObject))),
        _ => false,
    };

    private static string Line(JsonNode? node) => node switch
    {
        null => "null",
        JsonObject { Count: 0 } => "{}",
        JsonObject properties =>
            $"{{ {string.Join(", ", properties.Select(static p => $"{Quoted(p.Key)}: {Line(p.Value)}"))} }}",
        JsonArray items => $"[{string.Join(", ", items.Select(Line))}]",
        _ => node.ToJsonString(),
    };

    private static string Quoted(string name) => $"\"{JsonEncodedText.Encode(name)}\"";

    private static StringBuilder NewLine(StringBuilder text, int depth, bool isFirst) =>
        text.Append(isFirst ? "\n" : ",\n").Append(' ', depth * Indent);
}
