namespace Evenkeel.Cli.Terminal;

/// <summary>Paths as users type them.</summary>
internal static class ShownPath
{
    /// <summary>Relative to the current folder if it lies below it, and quoted if a shell needs it.</summary>
    public static string Of(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        string shown = relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
        bool isPlain = shown.All(static c => char.IsLetterOrDigit(c) || c is '/' or '\\' or '.' or '-' or '_' or ':');
        return isPlain ? shown : $"'{shown.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }
}
