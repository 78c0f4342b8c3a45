namespace Evenkeel.Cli.Terminal;

/// <summary>Paths as users type them.</summary>
internal static class ShownPath
{
    /// <summary>Relative to the current folder if it lies below it; otherwise as it is.</summary>
    public static string Of(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
