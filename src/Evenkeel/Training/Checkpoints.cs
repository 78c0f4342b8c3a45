using System.Diagnostics;
using System.Globalization;
using Evenkeel.Serialization;

namespace Evenkeel.Training;

/// <summary>
/// Which checkpoints a training writes into a folder of its own: by epochs, by steps and by time, and one at the end or
/// when it is cancelled. The last ones and the best model are kept.
/// </summary>
/// <remarks>
/// <para>The files are <c>step-00000120.safetensors</c> (everything that a continued run needs; see
/// <see cref="Trainer.Resume"/>) and <c>best.safetensors</c> (the weights and statistics of the best model, for
/// <see cref="ModuleFiles.Load"/>). Each is written under a temporary name and renamed, so what a file
/// of this name holds is whole, whatever happens to the process. A file goes only after a newer one stands.</para>
/// <para>While a training runs, it holds the file <c>lock</c> in the folder: a second training in the same folder is an
/// error. The system gives the lock back if the process dies.</para>
/// </remarks>
public sealed class Checkpoints
{
    private const string Prefix = "step-", Ending = ".safetensors", BestName = "best" + Ending, LockName = "lock";

    /// <summary>The error EROFS of Linux and macOS.</summary>
    private const int ReadOnlyFileSystem = 30;

    private long _lastSaved = -1;
    private int _bestSaved;
    private long _savedAt;

    /// <summary>Describes the checkpoints of a training.</summary>
    /// <param name="folder">The folder. It is created if it is missing.</param>
    public Checkpoints(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Folder = folder;
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>Epochs between two checkpoints; 0 writes none at the end of epochs. Default: 1.</summary>
    public int EveryEpochs { get; init; } = 1;

    /// <summary>Iterations between two checkpoints; 0 does not count them. Default: 0.</summary>
    public int EverySteps { get; init; }

    /// <summary>
    /// Time after which the next iteration writes a checkpoint; null does not look at the time. Default: null.
    /// </summary>
    public TimeSpan? EveryTime { get; init; }

    /// <summary>How many of the last checkpoints are kept. Default: 3.</summary>
    public int Keep { get; init; } = 3;

    /// <summary>Whether the best model is kept as <c>best.safetensors</c>. Default: true.</summary>
    public bool KeepBest { get; init; } = true;

    /// <summary>The newest checkpoint in a folder; null if there is none, or no folder.</summary>
    /// <param name="folder">The folder.</param>
    public static string? Latest(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return All(folder).LastOrDefault();
    }

    /// <summary>The checkpoints in a folder, the oldest first.</summary>
    internal static string[] All(string folder)
    {
        if (!Directory.Exists(folder)) return [];
        return [.. Directory.EnumerateFiles(folder, $"{Prefix}*{Ending}")
            .Where(static path => StepOf(path) >= 0).OrderBy(StepOf)];
    }

    /// <summary>
    /// Takes the folder for a training. What an earlier process has left half-written goes.
    /// </summary>
    internal IDisposable Open(Trainer trainer)
    {
        Check();
        FileStream held = Lock();
        try
        {
            string[] present = All(Folder);
            if (trainer.Iteration == 0 && present.Length > 0)
            {
                throw new InvalidOperationException(
                    $"Checkpoints: expected a folder without checkpoints for a new training, got {present.Length} in "
                    + $"\"{Folder}\". Continue that training with trainer.Resume(\"{Folder}\"), or choose another "
                    + "folder.");
            }

            if (present.Length > 0 && StepOf(present[^1]) > trainer.Iteration)
            {
                throw new InvalidOperationException(
                    $"Checkpoints: expected a folder without checkpoints beyond iteration {trainer.Iteration}, where "
                    + $"this training stands, got \"{present[^1]}\". A later Resume would take that one. Move such "
                    + "files away, or choose another folder.");
            }

            AtomicFile.RemoveLeftovers(Path.Combine(Folder, "*" + Ending));
        }
        catch
        {
            held.Dispose();
            throw;
        }

        _savedAt = Stopwatch.GetTimestamp();
        _lastSaved = -1;
        _bestSaved = 0;
        return held;
    }

    /// <summary>Whether a checkpoint is due in the middle of an epoch.</summary>
    internal bool IsDueAfterStep(Trainer trainer) =>
        (EverySteps > 0 && trainer.Iteration % EverySteps == 0)
        || (EveryTime is { } time && Stopwatch.GetElapsedTime(_savedAt) >= time);

    /// <summary>Whether a checkpoint is due at the end of an epoch.</summary>
    internal bool IsDueAfterEpoch(Trainer trainer) =>
        (EveryEpochs > 0 && trainer.Epoch % EveryEpochs == 0) || IsDueAfterStep(trainer);

    /// <summary>Whether a checkpoint is due at the end of Fit: the last one stands elsewhere.</summary>
    internal bool IsDueAfterFit(Trainer trainer) => trainer.Iteration > 0 && _lastSaved != trainer.Iteration;

    /// <summary>Writes a checkpoint, and removes those that are too many. Returns its path.</summary>
    internal string Save(Trainer trainer)
    {
        string path = PathOf(trainer.Iteration);
        int best = trainer.History.Best?.Epoch ?? 0;
        if (KeepBest && best > 0 && best != _bestSaved)
        {
            trainer.SaveBest(Path.Combine(Folder, BestName));
            _bestSaved = best;
        }

        trainer.SaveCheckpoint(path);
        _lastSaved = trainer.Iteration;
        _savedAt = Stopwatch.GetTimestamp();
        string[] present = All(Folder);
        foreach (string old in present.SkipLast(Keep))
        {
            if (StepOf(old) < _lastSaved) TryDelete(old);
        }

        return path;
    }

    /// <summary>A file that cannot be removed is one too many, and no reason to end a training.</summary>
    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next checkpoint tries again.
        }
    }

    private void Check()
    {
        if (EveryEpochs < 0) Refuse(nameof(EveryEpochs), "0 or more", EveryEpochs);
        if (EverySteps < 0) Refuse(nameof(EverySteps), "0 or more", EverySteps);
        if (Keep < 1) Refuse(nameof(Keep), "1 or more", Keep);
        if (EveryTime is { } time && time <= TimeSpan.Zero) Refuse(nameof(EveryTime), "a positive time", time);
    }

    private static void Refuse(string name, string expected, object got) =>
        throw new ArgumentException($"Checkpoints: expected {name} to be {expected}, got {got}.", name);

    private FileStream Lock()
    {
        string path = Path.Combine(Folder, LockName);
        try
        {
            Directory.CreateDirectory(Folder);
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception exception) when (
            exception is UnauthorizedAccessException || exception.HResult == ReadOnlyFileSystem)
        {
            throw new UnauthorizedAccessException(
                $"Checkpoints: expected a folder that may be written, got \"{Folder}\" ({exception.Message}). Choose "
                + "another folder or change its permissions.", exception);
        }
        catch (IOException exception) when (File.Exists(path))
        {
            throw new IOException(
                $"Checkpoints: expected the folder \"{Folder}\" for this training alone, got one in which another "
                + "training runs (it holds the file \"lock\"). Wait until that one has ended, or choose another "
                + "folder.",
                exception);
        }
    }

    private string PathOf(long iteration) =>
        Path.Combine(Folder, $"{Prefix}{iteration:D8}{Ending}");

    /// <summary>The iteration in the name of a checkpoint; -1 if it is another file.</summary>
    private static long StepOf(string path)
    {
        ReadOnlySpan<char> name = Path.GetFileNameWithoutExtension(path.AsSpan());
        return name.StartsWith(Prefix, StringComparison.Ordinal)
            && long.TryParse(name[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long step)
            ? step
            : -1;
    }
}
