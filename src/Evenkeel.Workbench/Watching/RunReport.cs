using Evenkeel.Serialization;

namespace Evenkeel.Workbench.Watching;

/// <summary>The final report of a run: the live page, with its data inside.</summary>
public static class RunReport
{
    /// <summary>The name of the page in the folder of a run.</summary>
    public const string FileName = "report.html";

    /// <summary>
    /// Writes <c>report.html</c> from what the folder holds: <c>run.json</c>, <c>log.csv</c>, <c>live.jsonl</c> and
    /// <c>evaluation.json</c>. What is missing is left out. The page is written as a whole or not at all, and needs no
    /// network.
    /// </summary>
    /// <param name="runFolder">The folder of the run.</param>
    /// <exception cref="IOException">The page could not be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public static void Write(string runFolder)
    {
        ArgumentException.ThrowIfNullOrEmpty(runFolder);
        AtomicFile.WriteText(Path.Combine(runFolder, FileName), RunPage.Final(new WatchedRun(runFolder)));
    }
}
