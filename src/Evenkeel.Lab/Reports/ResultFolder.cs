using System.Text;
using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>The folder of results: one file per experiment, whole or not at all.</summary>
internal sealed class ResultFolder(string path)
{
    /// <summary>The folder, as the user has named it.</summary>
    public string Root { get; } = path;

    public string PathOf(string experiment) => Path.Combine(Root, experiment + ".json");

    /// <summary>
    /// Makes the folder and tries to write in it, so that a run of minutes does not end in an error that could be told
    /// at once.
    /// </summary>
    public void Prepare()
    {
        string probe = Path.Combine(Root, $".evenkeel-{Environment.ProcessId}.tmp");
        try
        {
            Directory.CreateDirectory(Root);
            File.WriteAllBytes(probe, [0]);
            File.Delete(probe);
        }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            // A full disk has room for a name, not for the byte.
            TryDelete(probe);
            throw new LabException($"--out: expected a folder to write to, got {Obstacle(e)}. Choose another " +
                "folder.", e);
        }
    }

    /// <summary>The folder, and what is wrong with it.</summary>
    private string Obstacle(Exception e)
    {
        if (Root.Length == 0) return "nothing";
        for (string? at = Root; at is not null; at = Path.GetDirectoryName(at))
        {
            if (File.Exists(at)) return at == Root ? $"{Root}, which is a file" : $"{Root}, but {at} is a file";
        }

        return e is UnauthorizedAccessException
            ? $"{Root}, where you have no permission to write"
            : $"{Root} ({Reason(e)})";
    }

    public void Write(ResultRecord record) =>
        WriteWhole(PathOf(record.Experiment.Name), file => file.Write(ResultJson.Write(record, indented: true)));

    /// <summary>Writes a text into the folder or one below it.</summary>
    public void WriteFile(string name, string text)
    {
        string file = Path.Combine(Root, name), below = Path.GetDirectoryName(file)!;
        try
        {
            Directory.CreateDirectory(below);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"expected a folder to write to, got {below} ({Reason(e)}). Remove what is in its " +
                "place, or choose another folder.", e);
        }

        WriteWhole(file, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>
    /// Writes to a temporary name, then renames: whoever looks sees the old file or the new one, and a failure leaves
    /// no half of it.
    /// </summary>
    public static void WriteWhole(string path, Action<Stream> write)
    {
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw new LabException($"could not write {path} ({Reason(e)}). Free some space or choose another folder " +
                "with --out; no partial file was left.", e)
            {
                EndsAll = true,
            };
        }
    }

    /// <summary>The stored result of an experiment; null if there is none, or none that can be read.</summary>
    public ResultRecord? Find(Experiment experiment) => Read(experiment, out _);

    /// <summary>Files that carry the name of an experiment but hold no result of it, and why.</summary>
    public IReadOnlyList<(Experiment Experiment, string Path, string Reason)> Damaged()
    {
        var damaged = new List<(Experiment, string, string)>();
        foreach (Experiment experiment in ExperimentCatalog.All)
        {
            if (Read(experiment, out string? reason) is null
                && reason is not null) damaged.Add((experiment, PathOf(experiment.Name), reason));
        }

        return damaged;
    }

    /// <summary>All results that can be read, in the order of the experiments.</summary>
    public IReadOnlyList<ResultRecord> All() => [.. ExperimentCatalog.All.Select(Find).OfType<ResultRecord>()];

    /// <summary>What claims are judged by.</summary>
    public static Evidence EvidenceOf(IReadOnlyCollection<ResultRecord> records)
    {
        IEnumerable<ResultRecord> quick = records.Where(static record => record.Settings.Quick);
        return new Evidence(
            records.ToDictionary(
                static record => record.Experiment.Name, static record => record.AllFigures, StringComparer.Ordinal),
            quick.Select(static record => record.Experiment.Name).ToHashSet(StringComparer.Ordinal));
    }

    /// <summary>
    /// Not one of our files, or a damaged one, is as good as none; whoever must know is told the reason.
    /// </summary>
    private ResultRecord? Read(Experiment experiment, out string? reason)
    {
        reason = null;
        try
        {
            if (!File.Exists(PathOf(experiment.Name))) return null;
            ResultRecord record = ResultJson.Read(File.ReadAllBytes(PathOf(experiment.Name)));
            if (record.Experiment == experiment) return record;
            reason = $"it holds {record.Experiment.Name}";
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            // What a page or a picture lacks to be a result says less than that it is one.
            reason = e is JsonException && FileFormat.Of(PathOf(experiment.Name)) is { Name: not "a JSON file" } format
                ? $"it is {format.Name}" : Reason(e);
        }

        return null;
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            // An earlier failure is the one to tell.
        }
    }

    private static string Reason(Exception e) => e.Message.TrimEnd('.');
}
