using System.Globalization;
using System.Text.Json;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// The folder of a run as its page reads it. Any file may be missing: the training may be young, or of another program.
/// </summary>
internal sealed class WatchedRun
{
    /// <summary>So long a training may be silent before somebody asks whether it lives.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(10);

    private static readonly string[] s_marks = ["run.json", LiveLog.FileName, "log.csv"];
    private static readonly string[] s_shown = ["run.json", "log.csv", "evaluation.json"];

    private long _askedAbout = -1;
    private bool _isAbandoned;

    /// <summary>Names a run by its folder.</summary>
    public WatchedRun(string folder)
    {
        Folder = Path.GetFullPath(folder);
        Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Folder));
    }

    /// <summary>The folder, as a full path.</summary>
    public string Folder { get; }

    /// <summary>The name of the folder.</summary>
    public string Name { get; }

    /// <summary>The file of the live log.</summary>
    public string LivePath => Path.Combine(Folder, LiveLog.FileName);

    /// <summary>Whether there is anything of a run in a folder.</summary>
    public static bool IsRun(string folder) =>
        s_marks.Any(name => File.Exists(Path.Combine(folder, name)));

    /// <summary><c>run.json</c>; null if it cannot be read.</summary>
    public JsonElement? Run() => JsonText.TryReadObject(Path.Combine(Folder, "run.json"));

    /// <summary><c>evaluation.json</c>; null if there is none.</summary>
    public JsonElement? Evaluation() => JsonText.TryReadObject(Path.Combine(Folder, "evaluation.json"));

    /// <summary><c>log.csv</c>; null if there is none with a row.</summary>
    public EpochTable? Epochs()
    {
        try
        {
            EpochTable table = EpochTable.Read(Path.Combine(Folder, "log.csv"));
            return table.Rows.Count > 0 ? table : null;
        }
        catch (Exception exception) when (
            exception is IOException or UnauthorizedAccessException or InvalidDataException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The newest checkpoint: its iteration and when it was written; null if there is none.</summary>
    public (long Step, DateTime Written)? Checkpoint()
    {
        try
        {
            if (Training.Checkpoints.Latest(Path.Combine(Folder, "checkpoints")) is not { } path) return null;
            string name = Path.GetFileNameWithoutExtension(path);
            return long.TryParse(
                name.AsSpan(name.LastIndexOf('-') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long step)
                ? (step, File.GetLastWriteTimeUtc(path))
                : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Changes when anything changes that the page shows beside the curves: sizes and times of the files, and whether
    /// the training lives.
    /// </summary>
    public string Signature()
    {
        IEnumerable<string> files = s_shown.Select(Mark);
        return $"{string.Join(' ', files)} {Checkpoint()} {IsAbandoned()}";

        string Mark(string name)
        {
            var file = new FileInfo(Path.Combine(Folder, name));
            return file.Exists ? $"{file.Length}@{file.LastWriteTimeUtc.Ticks}" : "-";
        }
    }

    /// <summary>
    /// Whether the run says that it is training, but nobody holds its lock: the process was killed.
    /// Asked only when the log has been silent, and once for each silence that has proved to be an end, because asking
    /// holds the lock for a moment.
    /// </summary>
    public bool IsAbandoned()
    {
        if (Run().Member("status").AsText() is not "running") return _isAbandoned = false;
        var live = new FileInfo(LivePath);
        if (!live.Exists) return _isAbandoned = false;
        long mark = live.Length;
        if (DateTime.UtcNow - live.LastWriteTimeUtc < s_silence)
        {
            _askedAbout = -1;
            return _isAbandoned = false;
        }

        if (_isAbandoned && _askedAbout == mark) return true;
        _askedAbout = mark;
        return _isAbandoned = !RunLock.IsHeld(Folder);
    }
}
