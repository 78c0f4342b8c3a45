using System.Text.Json;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Commands;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>The folder of results: one file an experiment, whole or not at all.</summary>
internal sealed class ResultFolder(string path)
{
    public string PathOf(string experiment) => Path.Combine(path, experiment + ".json");

    /// <summary>Makes the folder and tries to write in it, so that a run of minutes does not end in an error that could be told at once.</summary>
    public void Prepare()
    {
        string probe = Path.Combine(path, $".evenkeel-{Environment.ProcessId}.tmp");
        try
        {
            Directory.CreateDirectory(path);
            File.WriteAllBytes(probe, [0]);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new LabException($"--out: expected a folder to write to, got {path} ({Reason(e)}). Choose another folder.", ExitCode.Failed, e);
        }
    }

    public void Write(ResultRecord record) => WriteWhole(PathOf(record.Experiment.Name), file => file.Write(ResultJson.Write(record, indented: true)));

    /// <summary>Writes to a temporary name, then renames: whoever looks sees the old file or the new one, and a failure leaves no half of it.</summary>
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
            try
            {
                File.Delete(temporary);
            }
            catch (Exception again) when (again is IOException or UnauthorizedAccessException)
            {
                // The first failure is the one to tell.
            }

            throw new LabException($"could not write {path} ({Reason(e)}). Free some space or choose another folder with --out; no partial file was left.", ExitCode.Failed, e);
        }
    }

    /// <summary>The stored result of an experiment; null where there is none, or none that can be read.</summary>
    public ResultRecord? Find(Experiment experiment)
    {
        try
        {
            return File.Exists(PathOf(experiment.Name)) ? ResultJson.Read(File.ReadAllBytes(PathOf(experiment.Name))) : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            // Not one of our files, or a damaged one: as good as none.
            return null;
        }
    }

    /// <summary>All results that can be read, in the order of the experiments.</summary>
    public IReadOnlyList<ResultRecord> All() => [.. ExperimentCatalog.All.Select(Find).OfType<ResultRecord>()];

    /// <summary>What claims are judged by.</summary>
    public static Evidence EvidenceOf(IEnumerable<ResultRecord> records) =>
        new(records.ToDictionary(static record => record.Experiment.Name, static record => record.AllFigures, StringComparer.Ordinal));

    private static string Reason(Exception e) => e.Message.TrimEnd('.');
}
