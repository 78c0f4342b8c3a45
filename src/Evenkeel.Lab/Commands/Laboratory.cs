using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Lab.Commands;

/// <summary>What the user asked for; null where the lesson decides.</summary>
internal sealed record RunRequest(long? Seed, int Threads, DType? DType, int? Epochs, bool Quick);

/// <summary>Runs experiments and stores their results; <c>run</c>, <c>reproduce</c> and <c>claims</c> differ in what they print and reuse.</summary>
internal sealed class Laboratory(RunRequest request, LabData data, ResultFolder folder, CancellationToken cancellation)
{
    /// <summary>Seeds that a claim is judged by.</summary>
    public const int Seeds = 5;

    public const int QuickSeeds = 3;

    public LabData Data { get; } = data;

    public ResultFolder Folder { get; } = folder;

    /// <summary>What was planned, and how far it is.</summary>
    public Agenda Agenda { get; } = new(TimeProvider.System);

    /// <summary>The user's Ctrl-C.</summary>
    public CancellationToken Cancellation { get; } = cancellation;

    /// <summary>The settings an experiment runs with: the user's where they make sense, else the lesson's.</summary>
    public ExperimentSettings SettingsOf(Experiment experiment) => new(
        request.Seed ?? experiment.LessonSeed,
        request.Threads,
        experiment.OnlyDType ?? request.DType ?? experiment.LessonDType,
        experiment.Epochs is { } epochs ? request.Epochs ?? (request.Quick ? epochs.Quick : epochs.Lesson) : null,
        request.Quick);

    public DataIdentity? DataOf(Experiment experiment) => experiment.Images is { } set ? Data.Of(set) : null;

    /// <summary>The seeds an experiment is run for beside its own: those that claims need.</summary>
    public IReadOnlyList<long> ReplicateSeeds(Experiment experiment)
    {
        if (!ClaimCatalog.Needs(experiment.Name)) return [];
        long first = SettingsOf(experiment).Seed;
        return [.. Enumerable.Range(1, (request.Quick ? QuickSeeds : Seeds) - 1).Select(i => (first + i) % ((long)uint.MaxValue + 1))];
    }

    /// <summary>The stored result, where it may stand for a new run: same settings, data and build.</summary>
    public ResultRecord? Reusable(Experiment experiment) =>
        Folder.Find(experiment) is { } stored && HasTheseSettings(stored) && stored.Environment == ResultEnvironment.Current ? stored : null;

    /// <summary>Whether a stored result is of the settings and data that were asked for; its build may be another.</summary>
    public bool HasTheseSettings(ResultRecord stored) => stored.Settings == SettingsOf(stored.Experiment) && stored.Data == DataOf(stored.Experiment);

    /// <summary>Refuses a folder that holds results of other settings or data: two in one folder would make one report of them.</summary>
    /// <exception cref="LabException">It does.</exception>
    public void RequireTheseSettings()
    {
        ResultRecord? other = Folder.All().FirstOrDefault(stored => !HasTheseSettings(stored));
        if (other is null) return;
        string was = Describe(other.Settings, other.Data), now = Describe(SettingsOf(other.Experiment), DataOf(other.Experiment));
        // The same files, changed since.
        if (was == now) (was, now) = ($"{was}, {other.Data?.Identity}", $"{now}, {DataOf(other.Experiment)?.Identity}");
        throw new LabException(
            $"--out: the folder holds results of other settings: {other.Experiment.Name} was run with {was}; now {now} was asked for. " +
            "Ask for the same, choose another folder with --out, or run everything anew with reproduce --replace.",
            ExitCode.Usage);
    }

    /// <summary>Puts runs on the agenda.</summary>
    public void PlanRuns(IEnumerable<Experiment> experiments) => Agenda.Plan(experiments.Sum(CostOfRun));

    /// <summary>Puts what <see cref="Complete"/> will have to run on the agenda.</summary>
    public void Plan(IEnumerable<Experiment> experiments)
    {
        foreach (Experiment experiment in experiments)
        {
            ResultRecord? stored = Reusable(experiment);
            Agenda.Plan((stored is null ? CostOfRun(experiment) : 0) + (CostOfSeed(experiment) * MissingSeeds(experiment, stored).Length));
        }
    }

    /// <summary>The result of an experiment with every seed that claims need: what the folder has of it is reused, the rest is run and stored.</summary>
    public (ResultRecord Record, bool IsReused) Complete(Experiment experiment)
    {
        Cancellation.ThrowIfCancellationRequested();
        ResultRecord? stored = Reusable(experiment);
        ResultRecord record = Replicate(stored ?? Run(experiment));
        return (record, ReferenceEquals(record, stored));
    }

    /// <summary>Runs one experiment under a progress display and stores its result; further seeds of the same settings stay.</summary>
    public ResultRecord Run(Experiment experiment)
    {
        ExperimentSettings settings = SettingsOf(experiment);
        IReadOnlyList<Replicate> known = Reusable(experiment)?.Replicates ?? [];
        ResultRecord record = ProgressDisplay.Run(experiment.Name, Agenda, CostOfRun(experiment), progress =>
        {
            (ExperimentResult result, double seconds) = Measure(experiment.Run, settings, progress, Cancellation);
            return new ResultRecord(experiment, settings, ResultEnvironment.Current, DataOf(experiment), seconds, result, known);
        });
        Cancellation.ThrowIfCancellationRequested();
        Folder.Write(record);
        return record;
    }

    /// <summary>
    /// Adds the seeds that claims need and the record lacks, and stores each as it is done. Several run at once, each on one thread: small nets gain more from that than from many threads,
    /// and results do not depend on it. Experiments that measure times run alone.
    /// </summary>
    public ResultRecord Replicate(ResultRecord record)
    {
        Experiment experiment = record.Experiment;
        long[] seeds = MissingSeeds(experiment, record);
        if (seeds.Length == 0) return record;
        ExperimentSettings settings = record.Settings;
        ProgressDisplay.Run(experiment.Name, Agenda, CostOfSeed(experiment) * seeds.Length, progress =>
        {
            Lock storing = new();
            var shared = new SharedProgress(progress, seeds.Length);
            SideBySide(seeds.Length, Lanes(experiment, seeds.Length), (i, token) =>
            {
                (ExperimentResult result, double seconds) = Measure(experiment.Replicate, settings with { Seed = seeds[i] }, shared.Part(i, $"seed {seeds[i]}"), token);
                var replicate = new Replicate(seeds[i], seconds, result.Figures, result.WeightsHash);
                lock (storing)
                {
                    record = record with { Replicates = InOrder(experiment, [.. record.Replicates, replicate]) };
                    Folder.Write(record);
                }

                shared.Finish(i, $"seed {seeds[i]} done");
            });
            return record;
        });
        return record;
    }

    /// <summary>Does numbered work in several lanes, each of which computes on one thread; the first failure stops the others and is thrown.</summary>
    /// <param name="count">Pieces of work.</param>
    /// <param name="lanes">Threads that take them in turn; one uses all threads for each piece.</param>
    /// <param name="work">Takes the number of a piece and a token that stops it.</param>
    private void SideBySide(int count, int lanes, Action<int, CancellationToken> work)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        int next = -1;
        ExceptionDispatchInfo? failure = null;
        Thread[] helpers = [.. Enumerable.Range(1, lanes - 1).Select(_ => new Thread(Lane) { IsBackground = true })];
        using (lanes > 1 ? Compute.UseThreads(1) : null)
        {
            foreach (Thread helper in helpers) helper.Start();
            Lane();
            foreach (Thread helper in helpers) helper.Join();
        }

        Cancellation.ThrowIfCancellationRequested();
        failure?.Throw();

        void Lane()
        {
            try
            {
                for (int i = Interlocked.Increment(ref next); i < count && !stop.IsCancellationRequested; i = Interlocked.Increment(ref next)) work(i, stop.Token);
            }
            catch (Exception e)
            {
                // What the other lanes throw because they are stopped comes later.
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                stop.Cancel();
            }
        }
    }

    private int Lanes(Experiment experiment, int seeds) => experiment.IsTimed ? 1 : Math.Clamp(request.Threads, 1, seeds);

    /// <summary>Seeds that claims need and a result lacks.</summary>
    private long[] MissingSeeds(Experiment experiment, ResultRecord? stored) =>
        [.. ReplicateSeeds(experiment).Except(stored?.Replicates.Select(static replicate => replicate.Seed) ?? [])];

    /// <summary>Replicates in the order of their seeds, whichever was done first: two runs store the same file.</summary>
    private Replicate[] InOrder(Experiment experiment, IEnumerable<Replicate> replicates)
    {
        List<long> order = [.. ReplicateSeeds(experiment)];
        return [.. replicates.OrderBy(replicate => order.IndexOf(replicate.Seed))];
    }

    /// <summary>Planned seconds of the own seed: all seeds cost what the experiment says, and further ones run side by side.</summary>
    private double CostOfRun(Experiment experiment)
    {
        int more = ReplicateSeeds(experiment).Count;
        double all = request.Quick ? experiment.Cost.Quick : experiment.Cost.Lesson;
        return more == 0 ? all : all / (1 + ((double)more / Lanes(experiment, more)));
    }

    /// <summary>Planned seconds of one further seed, its share of the time that several take side by side.</summary>
    private double CostOfSeed(Experiment experiment)
    {
        int more = ReplicateSeeds(experiment).Count;
        return more == 0 ? 0 : ((request.Quick ? experiment.Cost.Quick : experiment.Cost.Lesson) - CostOfRun(experiment)) / more;
    }

    /// <summary>True where the user asked for an element type that the experiment can not have.</summary>
    public bool OverridesDType(Experiment experiment) => request.DType is { } asked && experiment.OnlyDType is { } only && only != asked;

    private (ExperimentResult Result, double Seconds) Measure(
        Func<ExperimentContext, ExperimentResult> run, ExperimentSettings settings, IProgressSink progress, CancellationToken token)
    {
        TimeSpan loadingBefore = Data.LoadingTime;
        var clock = Stopwatch.StartNew();
        ExperimentResult result = run(new ExperimentContext(settings, Data, progress, token));
        // Another lane may have begun to load before this one began to wait for it.
        return (result, Math.Max(0, (clock.Elapsed - (Data.LoadingTime - loadingBefore)).TotalSeconds));
    }

    private static string Describe(ExperimentSettings settings, DataIdentity? data) =>
        $"seed {settings.Seed}, {ResultPrinter.Describe(settings)}{(data is null ? "" : $", {data.Name} ({data.Source})")}";
}
