using System.Diagnostics;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Lab.Running;

/// <summary>What the user asked for; null if the lesson decides.</summary>
internal sealed record RunRequest(long? Seed, int Threads, DType? DType, int? Epochs, bool Quick);

/// <summary>
/// Runs experiments and stores their results; <c>run</c>, <c>reproduce</c> and <c>claims</c> differ in what they print
/// and reuse.
/// </summary>
/// <param name="request">What the user asked for.</param>
/// <param name="data">The images.</param>
/// <param name="folder">Where results are stored, and found again.</param>
/// <param name="display">Shows the progress.</param>
/// <param name="cancellation">The user's Ctrl-C.</param>
internal sealed class Laboratory(
    RunRequest request, LabData data, ResultFolder folder, IRunDisplay display, CancellationToken cancellation)
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
        return [.. Enumerable.Range(1, (request.Quick ? QuickSeeds : Seeds) - 1)
            .Select(i => (first + i) % ((long)uint.MaxValue + 1))];
    }

    /// <summary>The stored result, where it may stand for a new run: same settings, data and build.</summary>
    public ResultRecord? Reusable(Experiment experiment) =>
        Folder.Find(experiment) is { } stored && HasTheseSettings(stored)
            && stored.Environment == ResultEnvironment.Current ? stored : null;

    /// <summary>
    /// Whether a stored result is of the settings and data that were asked for; its build may be another.
    /// </summary>
    public bool HasTheseSettings(ResultRecord stored) => stored.Settings == SettingsOf(stored.Experiment)
        && stored.Data == DataOf(stored.Experiment);

    /// <summary>
    /// Refuses a folder that holds results of other settings or data: two in one folder would make one report of them.
    /// </summary>
    /// <exception cref="LabException">It does.</exception>
    public void RequireTheseSettings()
    {
        ResultRecord? other = Folder.All().FirstOrDefault(stored => !HasTheseSettings(stored));
        if (other is null) return;
        string was = Describe(other.Settings, other.Data),
            now = Describe(SettingsOf(other.Experiment), DataOf(other.Experiment));
        // The same files, changed since.
        if (was == now) (was, now) = ($"{was}, {other.Data?.Identity}", $"{now}, {DataOf(other.Experiment)?.Identity}");
        throw LabException.Usage(
            $"--out: the folder holds results of other settings: {other.Experiment.Name} was run with {was}, and you " +
            $"ask for {now}. " +
            "Ask for the same, choose another folder with --out, or replace its results with reproduce --replace.");
    }

    /// <summary>Puts runs on the agenda.</summary>
    public void PlanRuns(IEnumerable<Experiment> experiments) => Agenda.Plan(experiments.Sum(CostOfRun));

    /// <summary>
    /// Runs one experiment under a progress display and stores its result; further seeds of the same settings stay.
    /// </summary>
    public ResultRecord Run(Experiment experiment)
    {
        ResultRecord record =
            display.Show(Agenda, sink =>
                RunOwnSeed(experiment, sink, Reusable(experiment)?.Replicates ?? [], Cancellation));
        Cancellation.ThrowIfCancellationRequested();
        Folder.Write(record);
        return record;
    }

    /// <summary>The result of one experiment with every seed that claims need.</summary>
    public Completion Complete(Experiment experiment) => Complete([experiment]).Single();

    /// <summary>
    /// The results of experiments with every seed that claims need: what the folder has is reused, the rest is run and
    /// stored.
    /// Runs of different seeds and experiments stand side by side, one per thread: small nets gain more from that than
    /// from
    /// many threads, and results do not depend on it. Experiments that measure times run alone, after all others.
    /// </summary>
    /// <param name="experiments">In the order in which runs begin.</param>
    /// <returns>Each as soon as it and those before it are complete or have failed.</returns>
    /// <exception cref="OperationCanceledException">The user has stopped the run.</exception>
    /// <exception cref="LabException">Results cannot be stored.</exception>
    public IEnumerable<Completion> Complete(IEnumerable<Experiment> experiments) =>
        Complete([.. experiments.OrderBy(static experiment => experiment.IsTimed).Select(Open)]);

    /// <summary>Adds the seeds that claims need and a result lacks, and stores each as it is done.</summary>
    public ResultRecord Replicate(ResultRecord record) =>
        Complete([new OpenExperiment(record.Experiment, record, MissingSeeds(record.Experiment, record))]).Single()
            .RecordOrFailure();

    private OpenExperiment Open(Experiment experiment)
    {
        ResultRecord? stored = Reusable(experiment);
        return new OpenExperiment(experiment, stored, MissingSeeds(experiment, stored));
    }

    private IEnumerable<Completion> Complete(OpenExperiment[] experiments)
    {
        Cancellation.ThrowIfCancellationRequested();
        Agenda.Plan(experiments.Sum(one => CostOfRun(one.Experiment) * one.Runs.Count));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var relay = new ProgressRelay();
        Task running = Task.Factory.StartNew(RunAll, stop.Token, TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        try
        {
            foreach (OpenExperiment one in experiments)
            {
                if (!one.Done.IsCompleted) display.Show(Agenda, sink =>
                    relay.Lend(sink, () => Task.WaitAny(one.Done, running)));
                if (!one.Done.IsCompleted) running.GetAwaiter().GetResult();
                Cancellation.ThrowIfCancellationRequested();
                yield return one.Completion();
            }
        }
        finally
        {
            stop.Cancel();
            ((IAsyncResult)running).AsyncWaitHandle.WaitOne();
            foreach (OpenExperiment one in experiments) one.Dispose();
        }

        void RunAll()
        {
            foreach (IGrouping<bool, OpenExperiment> group in experiments.GroupBy(static one => one.Experiment.IsTimed))
            {
                (OpenExperiment One, long? Seed)[] runs =
                    [.. group.SelectMany(static one => one.Runs.Select(seed => (one, seed)))];
                int lanes = group.Key ? 1 : Math.Clamp(request.Threads, 1, Math.Max(1, runs.Length));
                Lanes.Run(runs.Length, lanes, (i, token) => Do(runs[i].One, runs[i].Seed, relay, token), stop.Token);
            }
        }
    }

    /// <summary>
    /// One run of an experiment, its own or of a further seed. A failure ends this experiment, not the others.
    /// </summary>
    private void Do(OpenExperiment one, long? seed, IProgressSink sink, CancellationToken token)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, one.Stopped);
        try
        {
            either.Token.ThrowIfCancellationRequested();
            if (seed is { } further) one.Add(RunFurtherSeed(one.Experiment, further, sink, either.Token), InOrder,
                Folder.Write);
            else one.Add(RunOwnSeed(one.Experiment, sink, [], either.Token), InOrder, Folder.Write);
        }
        catch (Exception e) when (e is not LabException { EndsAll: true } && !token.IsCancellationRequested)
        {
            one.Fail(e);
        }
    }

    private ResultRecord RunOwnSeed(Experiment experiment, IProgressSink sink, IReadOnlyList<Replicate> known,
        CancellationToken token)
    {
        ExperimentSettings settings = SettingsOf(experiment);
        using Agenda.Piece piece = Agenda.Begin(CostOfRun(experiment));
        (ExperimentResult result, double seconds) =
            Measure(experiment.Run, settings, new PieceProgress(sink, piece, $"{experiment.Name}: "), token);
        return new ResultRecord(experiment, settings, ResultEnvironment.Current, DataOf(experiment), seconds,
            result, known);
    }

    private Replicate RunFurtherSeed(Experiment experiment, long seed, IProgressSink sink, CancellationToken token)
    {
        ExperimentSettings settings = SettingsOf(experiment) with { Seed = seed };
        string name = $"{experiment.Name}: seed {seed}";
        using Agenda.Piece piece = Agenda.Begin(CostOfRun(experiment));
        (ExperimentResult result, double seconds) =
            Measure(experiment.Replicate, settings,
                new PieceProgress(sink, piece, name + ", ") { HasMilestones = false }, token);
        sink.Report(1, $"{name} done", milestone: true);
        return new Replicate(seed, seconds, result.Figures, result.WeightsHash);
    }

    /// <summary>Seeds that claims need and a result lacks.</summary>
    private long[] MissingSeeds(Experiment experiment, ResultRecord? stored) =>
        [.. ReplicateSeeds(experiment).Except(stored?.Replicates.Select(static replicate => replicate.Seed) ?? [])];

    /// <summary>
    /// Replicates in the order of their seeds, whichever was done first: two runs store the same file.
    /// </summary>
    private ResultRecord InOrder(ResultRecord record)
    {
        List<long> order = [.. ReplicateSeeds(record.Experiment)];
        return record with { Replicates = [.. record.Replicates.OrderBy(replicate => order.IndexOf(replicate.Seed))] };
    }

    /// <summary>Planned seconds of a run of one seed: all seeds together cost what the experiment says.</summary>
    private double CostOfRun(Experiment experiment) =>
        (request.Quick ? experiment.Cost.Quick : experiment.Cost.Lesson) / (1 + ReplicateSeeds(experiment).Count);

    /// <summary>Whether the user asked for an element type that the experiment cannot have.</summary>
    public bool OverridesDType(Experiment experiment) => request.DType is { } asked && experiment.OnlyDType is { } only
        && only != asked;

    private (ExperimentResult Result, double Seconds) Measure(
        Func<ExperimentContext, ExperimentResult> run, ExperimentSettings settings, IProgressSink progress,
            CancellationToken token)
    {
        TimeSpan loadingBefore = Data.LoadingTime;
        var clock = Stopwatch.StartNew();
        ExperimentResult result = run(new ExperimentContext(settings, Data, progress, token));
        // Another lane may have begun to load before this one began to wait for it.
        return (result, Math.Max(0, (clock.Elapsed - (Data.LoadingTime - loadingBefore)).TotalSeconds));
    }

    private static string Describe(ExperimentSettings settings, DataIdentity? data) =>
        $"seed {settings.Seed}, " +
        $"{ResultText.Describe(settings)}{(data is null ? "" : $", {data.Name} ({data.Source})")}";
}
