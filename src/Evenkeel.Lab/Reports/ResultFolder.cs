using System.Text.Json;
using Evenkeel.Lab.Commands;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>A stored result that may stand for a new run.</summary>
/// <param name="Seconds">What it took.</param>
/// <param name="Figures">Its headline numbers.</param>
/// <param name="Held">Claims that held.</param>
/// <param name="Failed">Claims that failed.</param>
internal sealed record StoredResult(double Seconds, IReadOnlyDictionary<string, double> Figures, int Held, int Failed);

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

    /// <summary>The stored result of an experiment, where it has the same settings, data and build; <paramref name="other"/> says that there is one with others.</summary>
    public StoredResult? Find(Experiment experiment, ExperimentSettings settings, DataIdentity? data, out bool other)
    {
        other = false;
        try
        {
            if (!File.Exists(PathOf(experiment.Name))) return null;
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf(experiment.Name)));
            JsonElement root = document.RootElement;
            other = true;
            if (!ResultJson.IsSame(root, settings, data)) return null;
            var figures = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (JsonProperty figure in root.GetProperty("figures").EnumerateObject()) figures[figure.Name] = ResultJson.Number(figure.Value);
            int held = 0, failed = 0;
            foreach (JsonElement claim in root.GetProperty("claims").EnumerateArray())
            {
                string? verdict = claim.GetProperty("verdict").GetString();
                if (verdict == "holds") held++;
                if (verdict == "fails") failed++;
            }

            other = false;
            return new StoredResult(ResultJson.Number(root.GetProperty("seconds")), figures, held, failed);
        }
        catch (Exception e) when (e is JsonException or IOException or InvalidOperationException or KeyNotFoundException or UnauthorizedAccessException)
        {
            // Not one of our files, or a damaged one: it is run anew and overwritten.
            other = true;
            return null;
        }
    }

    private static string Reason(Exception e) => e.Message.TrimEnd('.');
}
