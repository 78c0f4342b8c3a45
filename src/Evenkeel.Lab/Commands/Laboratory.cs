using System.Diagnostics;
using Evenkeel.Kernels;
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

    /// <summary>Runs one experiment under a progress display and stores its result; further seeds of the same settings stay.</summary>
    public ResultRecord Run(Experiment experiment)
    {
        ExperimentSettings settings = SettingsOf(experiment);
        IReadOnlyList<Replicate> known = Reusable(experiment)?.Replicates ?? [];
        ResultRecord record = ProgressDisplay.Run(experiment.Name, progress =>
        {
            (ExperimentResult result, double seconds) = Measure(experiment.Run, settings, progress, cancellation);
            return new ResultRecord(experiment, settings, ResultEnvironment.Current, DataOf(experiment), seconds, result, known);
        });
        cancellation.ThrowIfCancellationRequested();
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
        long[] seeds = [.. ReplicateSeeds(experiment).Except(record.Replicates.Select(static replicate => replicate.Seed))];
        if (seeds.Length == 0) return record;
        int lanes = experiment.IsTimed ? 1 : Math.Min(Workers.Threads, seeds.Length), threads = Workers.Threads, next = -1;
        Exception? failure = null;
        Lock done = new();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        ProgressDisplay.Run($"{experiment.Name}, {seeds.Length} more seeds", progress =>
        {
            var shared = new SharedProgress(progress, seeds.Length);
            try
            {
                if (lanes > 1) Workers.Threads = 1;
                Thread[] helpers = [.. Enumerable.Range(1, lanes - 1).Select(_ => new Thread(Work) { IsBackground = true })];
                foreach (Thread helper in helpers) helper.Start();
                Work();
                foreach (Thread helper in helpers) helper.Join();
            }
            finally
            {
                Workers.Threads = threads;
            }

            return 0;

            void Work()
            {
                try
                {
                    for (int i = Interlocked.Increment(ref next); i < seeds.Length; i = Interlocked.Increment(ref next))
                    {
                        ExperimentSettings settings = record.Settings with { Seed = seeds[i] };
                        (ExperimentResult result, double seconds) = Measure(experiment.Replicate, settings, shared.Part(i, $"seed {seeds[i]}"), stop.Token);
                        lock (done)
                        {
                            Replicate[] all = [.. record.Replicates, new Replicate(seeds[i], seconds, result.Figures, result.WeightsHash)];
                            record = record with { Replicates = [.. all.OrderBy(replicate => Array.IndexOf(seeds, replicate.Seed))] };
                            Folder.Write(record);
                        }
                    }
                }
                catch (Exception e)
                {
                    // The first failure is the one to tell; it stops the other lane.
                    Interlocked.CompareExchange(ref failure, e, null);
                    stop.Cancel();
                }
            }
        });
        cancellation.ThrowIfCancellationRequested();
        if (failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        return record;
    }

    /// <summary>True where the user asked for an element type that the experiment can not have.</summary>
    public bool OverridesDType(Experiment experiment) => request.DType is { } asked && experiment.OnlyDType is { } only && only != asked;

    private (ExperimentResult Result, double Seconds) Measure(
        Func<ExperimentContext, ExperimentResult> run, ExperimentSettings settings, IProgressSink progress, CancellationToken token)
    {
        TimeSpan loadingBefore = Data.LoadingTime;
        var clock = Stopwatch.StartNew();
        ExperimentResult result = run(new ExperimentContext(settings, Data, progress, token));
        return (result, (clock.Elapsed - (Data.LoadingTime - loadingBefore)).TotalSeconds);
    }
}
