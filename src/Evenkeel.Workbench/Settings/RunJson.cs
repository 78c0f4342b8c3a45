using System.Text.Encodings.Web;
using System.Text.Json;

namespace Evenkeel.Workbench.Settings;

/// <summary>How the files of a run are written.</summary>
internal static class RunJson
{
    /// <summary>For people: indented, with letters of every language as they are.</summary>
    public static JsonSerializerOptions Indented { get; } = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>In one line.</summary>
    public static JsonWriterOptions Compact { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
