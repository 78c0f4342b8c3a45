using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evenkeel.Serialization;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// The folder of a run: <c>run.json</c> (settings, environment, data, model, figures), <c>log.csv</c>, <c>events</c>
/// for TensorBoard, <c>live.jsonl</c>, <c>checkpoints</c>, <c>model.safetensors</c> (the best model),
/// <c>evaluation.json</c> and <c>report.html</c>. Each file is written as a whole or not at all, except the logs.
/// </summary>
internal sealed class RunFolder
{
    /// <summary>The version of the layout. A run of another version is not touched.</summary>
    private const int Schema = 1;

    private const string SchemaKey = "schema", StatusKey = "status";

    private RunFolder(string path, JsonObject document) => (FullPath, Document) = (path, document);

    public string FullPath { get; }

    public string Name => Path.GetFileName(FullPath);

    /// <summary>The content of <c>run.json</c>. <see cref="Save"/> writes it.</summary>
    public JsonObject Document { get; }

    public string LogPath => Path.Combine(FullPath, "log.csv");

    public string EventsPath => Path.Combine(FullPath, "events");

    public string CheckpointsPath => Path.Combine(FullPath, "checkpoints");

    public string ModelPath => Path.Combine(FullPath, "model.safetensors");

    public string EvaluationPath => Path.Combine(FullPath, "evaluation.json");

    public string ReportPath => Path.Combine(FullPath, "report.html");

    private string DocumentPath => DocumentOf(FullPath);

    /// <summary>Whether a folder is that of a run.</summary>
    public static bool Is(string path) => File.Exists(DocumentOf(path));

    /// <summary>
    /// Makes the folder of a new run: <paramref name="name"/>, or today's date and the first free number.
    /// </summary>
    /// <param name="folder">The folder of all runs. It is created if it is missing.</param>
    /// <param name="name">The name; null for a date and a number.</param>
    /// <exception cref="WorkbenchException">
    /// There is such a folder and it is not empty, or it cannot be made.
    /// </exception>
    public static RunFolder Create(string folder, string? name)
    {
        CheckName(name);
        try
        {
            string path = name is null ? FreeName(folder) : Path.GetFullPath(Path.Combine(folder, name));
            // A process that was killed at once leaves its lock and nothing else.
            if (Directory.Exists(path)
                && Directory.EnumerateFileSystemEntries(path).Any(entry => Path.GetFileName(entry) != "lock"))
            {
                throw WorkbenchException.Usage(
                    $"--name: expected a new or an empty folder, got \"{path}\", in which there are files. "
                    + (Is(path) ? $"Continue that run with 'evenkeel train --resume {path}', or choose" : "Choose")
                    + " another name.");
            }

            Directory.CreateDirectory(path);
            var document = new JsonObject
            {
                [SchemaKey] = Schema,
                ["name"] = Path.GetFileName(path),
                ["created"] = DateTimeOffset.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            };
            return new RunFolder(path, document);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new WorkbenchException(
                $"train: the folder of the run cannot be made in \"{folder}\" ({failure.Message}). Choose another "
                + "folder with --out.", failure);
        }
    }

    /// <summary>Opens a run.</summary>
    /// <exception cref="WorkbenchException">There is no run, or it is damaged or of another version.</exception>
    public static RunFolder Open(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Is(full))
        {
            string what = Directory.Exists(full) ? "a folder without run.json" : "no folder";
            throw WorkbenchException.Usage(
                $"expected the folder of a run, got \"{path}\", which is {what}. 'evenkeel runs' lists the runs.");
        }

        JsonObject document;
        try
        {
            document = (JsonObject)JsonNode.Parse(File.ReadAllBytes(DocumentOf(full)))!;
        }
        catch (Exception failure) when (failure is JsonException or InvalidCastException or NullReferenceException)
        {
            throw new WorkbenchException(
                $"\"{DocumentOf(full)}\" is damaged: it is no JSON object. Put back a copy of it, or train anew.",
                failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new WorkbenchException($"\"{DocumentOf(full)}\" cannot be read ({failure.Message}).", failure);
        }

        var run = new RunFolder(full, document);
        if (run.Number(SchemaKey) != Schema)
        {
            string version = run.Text(SchemaKey) is { Length: > 0 } text ? $"of version {text}" : "without a version";
            throw new WorkbenchException(
                $"expected a run of version {Schema}, got \"{path}\" {version}. Use the evenkeel that made it, or "
                + "train anew.");
        }

        return run;
    }

    /// <summary>The runs in a folder, the oldest first; those that cannot be opened are left out.</summary>
    public static IEnumerable<RunFolder> All(string folder)
    {
        if (!Directory.Exists(folder)) yield break;
        var runs = new List<RunFolder>();
        foreach (string path in Directory.EnumerateDirectories(folder).Where(Is))
        {
            try
            {
                runs.Add(Open(path));
            }
            catch (WorkbenchException)
            {
                // A run of another version, or a damaged one: 'evenkeel runs' lists what can be read.
            }
        }

        foreach (RunFolder run in runs
            .OrderBy(static run => run.Text("created"), StringComparer.Ordinal)
            .ThenBy(static run => run.Name, StringComparer.Ordinal)) yield return run;
    }

    /// <summary>How the run stands; one whose process has vanished was killed.</summary>
    public RunStatus Status
    {
        get
        {
            bool isKnown = Enum.TryParse(Text(StatusKey), ignoreCase: true, out RunStatus status);
            if (!isKnown) return RunStatus.Failed;
            return status == RunStatus.Running && !RunLock.IsHeld(FullPath) ? RunStatus.Killed : status;
        }
        set => Document[StatusKey] = value.ToString().ToLowerInvariant();
    }

    /// <summary>Takes the run for this process until the result is disposed.</summary>
    /// <exception cref="WorkbenchException">Another process trains it.</exception>
    public FileStream Hold() => RunLock.Take(FullPath);

    /// <summary>A text of <c>run.json</c>; empty if there is none.</summary>
    /// <param name="path">The names of the properties, from the outermost on.</param>
    public string Text(params ReadOnlySpan<string> path) => At(path)?.ToString() ?? "";

    /// <summary>A number of <c>run.json</c>; null if there is none.</summary>
    /// <param name="path">The names of the properties, from the outermost on.</param>
    public double? Number(params ReadOnlySpan<string> path) =>
        At(path) is JsonValue value && value.TryGetValue(out double number) ? number : null;

    private JsonNode? At(ReadOnlySpan<string> path)
    {
        JsonNode? node = Document;
        foreach (string name in path) node = (node as JsonObject)?[name];
        return node;
    }

    /// <summary>Writes <c>run.json</c>.</summary>
    /// <exception cref="WorkbenchException">It cannot be written; the old file stays.</exception>
    public void Save() => WriteText(DocumentPath, Document.ToJsonString(RunJson.Indented) + "\n");

    /// <summary>Writes a file of the run, as a whole or not at all.</summary>
    public static void WriteText(string path, string text)
    {
        try
        {
            AtomicFile.WriteText(path, text);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>Refuses names that are no names of a folder, or that no command can take.</summary>
    public static void CheckName(string? name)
    {
        if (name is null) return;
        bool isName = name.Trim().Length > 0 && name is not ("." or "..") && !name.StartsWith('-')
            && name.IndexOfAny(Path.GetInvalidFileNameChars()) < 0 && !name.Any(char.IsControl) && !name.Contains('\\');
        if (isName) return;
        throw WorkbenchException.Usage(
            $"--name: expected the name of a folder, without / and not beginning with -, got \"{name}\". --out names "
            + "the folder in which it is made.");
    }

    private static string DocumentOf(string path) => Path.Combine(path, "run.json");

    private static string FreeName(string folder)
    {
        string day = DateTime.Now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        for (int number = 1; ; number++)
        {
            string path = Path.GetFullPath(Path.Combine(folder, $"{day}-{number}"));
            if (!Path.Exists(path)) return path;
        }
    }
}
