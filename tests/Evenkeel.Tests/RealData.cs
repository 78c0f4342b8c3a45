using Xunit;

namespace Evenkeel.Tests;

/// <summary>
/// Where tests find real data: the folder in EVENKEEL_DATA, else <c>../shared/data</c> beside the repository. Without
/// it such tests are skipped with a reason.
/// </summary>
public static class RealData
{
    private static readonly Lazy<string?> s_folder = new(Find);

    /// <summary>The folder, or null where there is none.</summary>
    public static string? Folder => s_folder.Value;

    /// <summary>The path of a file in the data folder; skips the test if it is not there.</summary>
    public static string Require(string relativePath)
    {
        string? path = Folder is null ? null : Path.Combine(Folder, relativePath);
        Assert.SkipUnless(
            path is not null && Path.Exists(path), $"no {relativePath}: set EVENKEEL_DATA to the folder that has it");
        return path!;
    }

    private static string? Find()
    {
        string? named = Environment.GetEnvironmentVariable("EVENKEEL_DATA");
        if (!string.IsNullOrEmpty(named)) return Directory.Exists(named) ? named : null;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "Evenkeel.slnx"))) continue;
            string data = Path.Combine(folder.FullName, "..", "shared", "data");
            return Directory.Exists(data) ? Path.GetFullPath(data) : null;
        }

        return null;
    }
}
