using System.Text;

namespace Evenkeel.Workbench;

/// <summary>Texts that the build puts into this assembly.</summary>
internal static class Embedded
{
    /// <summary>A text by its name; null if there is none.</summary>
    public static string? Text(string name)
    {
        using Stream? stream = typeof(Embedded).Assembly.GetManifestResourceStream(name);
        if (stream is null) return null;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
