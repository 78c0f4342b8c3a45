using System.Text;
using System.Text.Json;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Cli.Terminal;

/// <summary>What <c>--json</c> prints: one object per line.</summary>
internal static class JsonLine
{
    public static void Print(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, ResultJson.Options(indented: false)))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        Console.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }
}
