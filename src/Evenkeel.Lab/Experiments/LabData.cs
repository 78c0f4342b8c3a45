using System.Diagnostics;
using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Commands;
using Evenkeel.Lab.Experiments.Notebook;

namespace Evenkeel.Lab.Experiments;

/// <summary>Which images a run uses.</summary>
/// <param name="Name">CIFAR-10, or synthetic.</param>
/// <param name="Source">Path of the archive or folder, or embedded.</param>
/// <param name="Identity">Changes when the content does: size and time of the files.</param>
internal sealed record DataIdentity(string Name, string Source, string Identity);

/// <summary>The images of a run: CIFAR-10 from <c>--data</c> or <c>EVENKEEL_DATA</c>, else the embedded synthetic set. Found at once, loaded when first used.</summary>
internal sealed class LabData
{
    public const string Variable = "EVENKEEL_DATA";

    private const ulong SyntheticSeed = 1;
    private const int SmallCount = 1000;

    private readonly string? _path;
    private SmallImages? _small;

    private LabData(DataIdentity identity, string? path)
    {
        Identity = identity;
        _path = path;
    }

    public DataIdentity Identity { get; }

    /// <summary>Time spent on loading so far; it is no part of an experiment's seconds.</summary>
    public TimeSpan LoadingTime { get; private set; }

    /// <summary>One line for the user: which data, and why these.</summary>
    public string Description => _path is null
        ? $"synthetic images (embedded; for CIFAR-10 give --data DIR or {Variable})"
        : $"{Identity.Name} ({Identity.Source})";

    /// <summary>Finds the data; loads nothing.</summary>
    /// <exception cref="LabException">The folder that was asked for is not there, or holds no CIFAR-10.</exception>
    public static LabData Find(string? option)
    {
        string? asked = option;
        string origin = "--data";
        if (asked is null && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable)
        {
            asked = variable;
            origin = Variable;
        }

        if (asked is null) return new LabData(new DataIdentity("synthetic", "embedded", "synthetic-1"), path: null);
        if (string.IsNullOrWhiteSpace(asked))
            throw new LabException($"{origin}: expected a folder with CIFAR-10, got nothing. Leave it out to use the embedded images.", ExitCode.Usage);
        string path = Path.GetFullPath(asked);
        if (!File.Exists(path) && !Directory.Exists(path))
            throw new LabException($"{origin}: expected a folder with CIFAR-10, got {asked}, which does not exist. Leave it out to use the embedded images.", ExitCode.Usage);
        string? found = Locate(path);
        if (found is null)
        {
            throw new LabException($"{origin}: expected cifar-10-binary.tar.gz or the folder cifar-10-batches-bin in {asked}, found neither. " +
                "Download the archive from https://www.cs.toronto.edu/~kriz/cifar.html or leave the option out to use the embedded images.");
        }

        try
        {
            return new LabData(new DataIdentity("CIFAR-10", found, IdentityOf(found)), found);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{origin}: expected a folder that can be read, got {asked} ({e.Message.TrimEnd('.')}). Change its permissions or choose another one.", ExitCode.Failed, e);
        }
    }

    /// <summary>The first thousand training images and a thousand for validation; loaded once a process.</summary>
    /// <exception cref="LabException">The archive is damaged or can not be read.</exception>
    public SmallImages Small(ExperimentContext context)
    {
        if (_small is not null) return _small;
        var clock = Stopwatch.StartNew();
        Task compiled = WarmUp.Start(context.DType);
        try
        {
            _small = new SmallImages(_path is null
                ? SyntheticCifar.Create(SyntheticSeed, SmallCount, SmallCount, 0)
                : Cifar10.GetData(_path, numTest: 0, keepTraining: SmallCount, progress: new LoadingProgress(context), cancellationToken: context.Cancellation));
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new LabException(e.Message, ExitCode.Failed, e);
        }

        compiled.Wait(context.Cancellation);
        LoadingTime += clock.Elapsed;
        return _small;
    }

    private sealed class LoadingProgress(ExperimentContext context) : IProgress<double>
    {
        public void Report(double value) => context.Report(0, string.Create(CultureInfo.InvariantCulture, $"loading CIFAR-10, {value * 100:F0} %"));
    }

    /// <summary>The archive or the folder of batches: the path itself, or in it.</summary>
    private static string? Locate(string path)
    {
        if (File.Exists(path)) return path.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase) ? path : null;
        string archive = Path.Combine(path, Cifar10.ArchiveName);
        if (File.Exists(archive)) return archive;
        string batches = Path.Combine(path, Cifar10.FolderName);
        if (File.Exists(Path.Combine(batches, "data_batch_1.bin"))) return batches;
        return File.Exists(Path.Combine(path, "data_batch_1.bin")) ? path : null;
    }

    private static string IdentityOf(string path)
    {
        IEnumerable<FileInfo> files = File.Exists(path)
            ? [new FileInfo(path)]
            : new DirectoryInfo(path).EnumerateFiles("*.bin").OrderBy(file => file.Name, StringComparer.Ordinal);
        return string.Join(' ', files.Select(file => string.Create(CultureInfo.InvariantCulture, $"{file.Length}@{file.LastWriteTimeUtc:yyyy-MM-ddTHH:mm:ssZ}")));
    }
}
