using System.Diagnostics;
using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Notebook;

namespace Evenkeel.Lab.Experiments;

/// <summary>Which images a run uses.</summary>
/// <param name="Name">Title of the set that its checksums prove, "Fashion-MNIST (unverified)" where they prove none; or
/// of what stands in for it.</param>
/// <param name="Source">Path of the archive or folder, or embedded.</param>
/// <param name="Identity">Changes when the content does: size and time of the files that are read.</param>
internal sealed record DataIdentity(string Name, string Source, string Identity);

/// <summary>
/// The images of a run. Each set is looked for by itself in <c>--data</c>, else <c>EVENKEEL_DATA</c>, else the cache of
/// <c>data fetch</c>; an embedded synthetic set stands in for one that
/// is not there. Found at once, loaded when first used, by one of several runs that need it at the same time.
/// </summary>
internal sealed class LabData
{
    public const string Variable = DataCatalog.Variable;

    /// <summary>Seed of the embedded sets: they are the same images in every run, whatever its seed.</summary>
    public const ulong SyntheticSeed = 1;

    private const int SmallCount = 1000;

    private readonly string? _asked;
    private readonly Dictionary<LabSet, FoundSet> _found;
    private readonly Lock _loading = new();
    private SmallImages? _small;
    private FashionImages? _fashion;
    private BanknoteImages? _notes;

    private LabData(string? asked, Dictionary<LabSet, FoundSet> found) => (_asked, _found) = (asked, found);

    /// <summary>Whether folders of pictures are read without those that cannot be decoded.</summary>
    public bool SkipBad { get; set; }

    /// <summary>Time spent on loading so far; it is no part of an experiment's seconds.</summary>
    public TimeSpan LoadingTime { get; private set; }

    /// <summary>The set, or what stands in for it.</summary>
    public DataIdentity Of(LabSet set) => _found.TryGetValue(set, out FoundSet? found)
        ? found.Identity
        : new DataIdentity(set.Synthetic, "embedded", "synthetic-1");

    /// <summary>Where the set is; null if the embedded one stands in for it.</summary>
    public string? PathOf(LabSet set) => _found.TryGetValue(set, out FoundSet? found) ? found.Path : null;

    /// <summary>One line for the user: which images, and why these.</summary>
    public string Describe(LabSet set)
    {
        if (_found.TryGetValue(set, out FoundSet? found)) return $"{found.Identity.Name} ({found.Path})";
        return _asked is null
            ? $"{set.Synthetic} (embedded; for {set.Title} give --data DIR or {Variable})"
            : $"{set.Synthetic} (embedded; no {set.Title} in {_asked}: expected {set.Expected})";
    }

    /// <summary>The embedded sets, whatever there is on this machine: for tests.</summary>
    internal static LabData Embedded => new(null, []);

    /// <summary>Finds the sets; loads nothing.</summary>
    /// <param name="option">The folder of <c>--data</c>, or null.</param>
    /// <param name="mayBeEmpty">Whether the folder that the variable names may be empty or missing, as it is before the
    /// first download.</param>
    /// <exception cref="LabException">The folder that was asked for is not there, or holds none of the
    /// sets.</exception>
    public static LabData Find(string? option, bool mayBeEmpty = false)
    {
        string? asked = option;
        string origin = "--data";
        if (asked is null && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable)
        {
            asked = variable;
            origin = Variable;
        }

        if (asked is null) return new LabData(null, FindInCache());
        if (string.IsNullOrWhiteSpace(asked))
        {
            throw LabException.Usage(
                $"{origin}: expected a folder with image sets, got nothing. Leave it out to use the embedded images.");
        }

        string path = Path.GetFullPath(asked);
        mayBeEmpty &= option is null;
        if (!File.Exists(path) && !Directory.Exists(path) && !mayBeEmpty)
        {
            throw LabException.Usage(
                $"{origin}: expected a folder with image sets, got {asked}, which does not exist. " +
                "Leave it out to use the embedded images.");
        }

        try
        {
            Dictionary<LabSet, FoundSet> found = FindIn(path);
            // The option names one folder and means it; the variable names the folder of downloads, which the user's
            // own one backs.
            if (option is null)
            {
                foreach ((LabSet set, FoundSet other) in FindInCache()) found.TryAdd(set, other);
            }

            if (found.Count > 0 || mayBeEmpty) return new LabData(asked, found);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{origin}: expected a folder that can be read, got {asked} " +
                $"({e.Message.TrimEnd('.')}). Change its permissions or choose another one.", e);
        }

        string expected = string.Join("; ", LabSet.All.Select(static set => set.Expected));
        string kind = File.Exists(path) && FileFormat.Of(path) is { } format ? $"It is {format.Name}. " : "";
        throw new LabException($"{origin}: expected {expected} in {asked}, found none of them. {kind}" +
            "Give the folder that has them, or leave the option out to use the embedded images.");
    }

    /// <summary>
    /// The first thousand training images of CIFAR-10 and a thousand for validation; loaded once a process.
    /// </summary>
    /// <exception cref="LabException">The archive is damaged or cannot be read.</exception>
    public SmallImages Small(ExperimentContext context)
    {
        lock (_loading)
        {
            return _small ??= Load(
                context,
                LabSet.Cifar10,
                (path, progress) => new SmallImages(path is null
                    ? SyntheticCifar.Create(SyntheticSeed, SmallCount, SmallCount, 0)
                    : Cifar10.GetData(path, numTest: 0, keepTraining: SmallCount, progress: progress,
                        cancellationToken: context.Cancellation)),
                WarmUp.Start);
        }
    }

    /// <summary>
    /// Fashion-MNIST, or so many of its first images; loaded once a process (the embedded images are drawn, so only as
    /// many as are asked for).
    /// </summary>
    /// <exception cref="LabException">A file is damaged or cannot be read.</exception>
    public FashionImages Fashion(ExperimentContext context, int train = FashionImages.TrainCount,
        int test = FashionImages.TestCount)
    {
        lock (_loading)
        {
            if (_fashion is null || _fashion.Train.Count < train || _fashion.Test.Count < test)
                _fashion = Load(context, LabSet.FashionMnist, LoadFashion, LeNetWarmUp.Start);
            return _fashion.Take(train, test);
        }

        FashionImages LoadFashion(string? path, IProgress<double> progress)
        {
            if (path is not null)
            {
                FashionMnistData real = FashionMnist.Load(path);
                return new FashionImages(real.Train, real.Test);
            }

            (ImageSet drawn, ImageSet drawnTest) = SyntheticFashion.Create(SyntheticSeed, train, test);
            return new FashionImages(drawn, drawnTest);
        }
    }

    /// <summary>The photographs of banknotes; loaded once a process.</summary>
    /// <exception cref="LabException">A file is damaged or cannot be read, or the library that decodes JPEG is
    /// missing.</exception>
    public BanknoteImages Notes(ExperimentContext context)
    {
        lock (_loading)
        {
            return _notes ??= Load(
                context,
                LabSet.Banknotes,
                (path, progress) => path is null
                    ? BanknoteImages.Draw(SyntheticSeed)
                    : BanknoteImages.Load(
                        path, SkipBad, progress, context.Cancellation, identity: Of(LabSet.Banknotes).Identity),
                LeNetWarmUp.Start);
        }
    }

    /// <summary>
    /// Loads a set while the code of the training is compiled; the clock of the experiment stands still.
    /// </summary>
    private T Load<T>(ExperimentContext context, LabSet set, Func<string?, IProgress<double>, T> load,
        Func<DType, Task> warmUp)
    {
        var clock = Stopwatch.StartNew();
        Task compiled = warmUp(context.DType);
        try
        {
            T loaded = load(PathOf(set), new LoadingProgress(context, Of(set).Name));
            compiled.Wait(context.Cancellation);
            return loaded;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new LabException(e.Message, e);
        }
        finally
        {
            LoadingTime += clock.Elapsed;
        }
    }

    /// <summary>
    /// What <c>data fetch</c> has left in the user's cache folder. Nobody has asked for it, so a folder that cannot be
    /// read is no error.
    /// </summary>
    private static Dictionary<LabSet, FoundSet> FindInCache()
    {
        try
        {
            return Directory.Exists(DataCatalog.UserFolder) ? FindIn(DataCatalog.UserFolder) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static Dictionary<LabSet, FoundSet> FindIn(string folder)
    {
        var found = new Dictionary<LabSet, FoundSet>();
        foreach (LabSet set in LabSet.All)
        {
            if (set.Locate(folder) is { } path) found[set] = new FoundSet(set, path);
        }

        return found;
    }

    /// <summary>A set that was found. Whoever only wants to know where it is does not wait for its checksums.</summary>
    private sealed class FoundSet
    {
        private readonly Lazy<DataIdentity> _identity;

        public FoundSet(LabSet set, string path)
        {
            Path = path;
            string files = set.Identify(path);
            _identity = new Lazy<DataIdentity>(() => new DataIdentity(set.OriginOf(path), path, files));
        }

        public string Path { get; }

        public DataIdentity Identity => _identity.Value;
    }

    private sealed class LoadingProgress(ExperimentContext context, string what) : IProgress<double>
    {
        public void Report(double value) => context.Report(0, string.Create(CultureInfo.InvariantCulture,
            $"loading {what}, {value * 100:F0} %"));
    }
}
