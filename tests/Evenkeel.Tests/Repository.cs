namespace Evenkeel.Tests;

/// <summary>The clone in which the tests run: pages and samples are read from it.</summary>
internal static class Repository
{
    /// <summary>Its folder, found from that of the test's assembly.</summary>
    public static string Root { get; } = Find();

    /// <summary>The text of a file.</summary>
    public static string Text(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path]));

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Evenkeel.slnx"))) folder = folder.Parent;
        return folder.FullName;
    }
}
