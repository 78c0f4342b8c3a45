namespace Evenkeel.Architecture.Tests;

/// <summary>The files of the repository that people write: no output, no packages.</summary>
internal static class Repository
{
    private static readonly string[] s_made =
        ["bin", "obj", "out", "artifacts", "node_modules", "TestResults", "BenchmarkDotNet.Artifacts", ".git"];

    /// <summary>The folder that holds Evenkeel.slnx.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>All files as paths from <see cref="Root"/> with forward slashes.</summary>
    public static IReadOnlyList<string> Files { get; } =
        [.. FilesBelow(Root).Select(Relative).Order(StringComparer.Ordinal)];

    /// <summary>The text of a file.</summary>
    /// <param name="path">The path from <see cref="Root"/>.</param>
    public static string Text(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    private static IEnumerable<string> FilesBelow(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder)) yield return file;
        foreach (string inner in Directory.EnumerateDirectories(folder))
        {
            if (s_made.Contains(Path.GetFileName(inner), StringComparer.Ordinal)) continue;
            foreach (string file in FilesBelow(inner)) yield return file;
        }
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Evenkeel.slnx")))
            folder = folder.Parent
                ?? throw new InvalidOperationException("The tests must run from inside the repository.");
        return folder.FullName;
    }
}
