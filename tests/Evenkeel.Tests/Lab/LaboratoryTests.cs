using System.Text;
using Evenkeel.Lab;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Lab.Running;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>
/// Seeds that run side by side: the same results as one by one, for any number of threads, and nothing lost where one
/// fails or the run is stopped.
/// </summary>
public sealed class LaboratoryTests : IDisposable
{
    /// <summary>Experiments that train in milliseconds and that claims read.</summary>
    private static readonly string[] s_cheap = ["scale-invariance", "redundant-bias", "feature-scaling"];

    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-laboratory-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_replicate_is_what_a_run_of_its_seed_alone_is(int threads)
    {
        Laboratory laboratory = Open(threads);
        foreach (string name in s_cheap)
        {
            Experiment experiment = ExperimentCatalog.Find(name)!;
            Completion first = laboratory.Complete(experiment);
            Assert.True(first.Seconds > 0);
            ResultRecord record = first.RecordOrFailure();
            long seed = experiment.LessonSeed;
            Assert.Equal([seed + 1, seed + 2], record.Replicates.Select(static replicate => replicate.Seed));
            foreach (Replicate replicate in record.Replicates)
            {
                ExperimentResult alone = experiment.Replicate(new ExperimentContext(
                    record.Settings with { Seed = replicate.Seed }, LabData.Embedded, new Silence(),
                    CancellationToken.None));
                Assert.Equal(alone.Figures, replicate.Figures);
                Assert.Equal(alone.WeightsHash, replicate.WeightsHash);
            }

            Completion again = laboratory.Complete(experiment);
            Assert.Null(again.Seconds);
            Assert.Equal(
                ResultJson.Write(record, indented: true), ResultJson.Write(again.RecordOrFailure(), indented: true));
        }
    }

    [Fact]
    public void Verdicts_are_the_same_in_two_runs_and_for_one_and_two_threads()
    {
        Claim[] claims = [.. ClaimCatalog.All.Where(static claim => claim.Experiments.All(s_cheap.Contains))];
        Assert.True(claims.Length >= 3);
        string two = Verdicts("a", 2);
        Assert.Equal(two, Verdicts("b", 2));
        Assert.Equal(two, Verdicts("c", 1));

        string Verdicts(string name, int threads)
        {
            Laboratory laboratory = Open(threads, Path.Combine(_folder, name));
            foreach (string experiment in s_cheap) laboratory.Complete(ExperimentCatalog.Find(experiment)!);
            // What is judged is what a file holds.
            Evidence evidence = ResultFolder.EvidenceOf(laboratory.Folder.All());
            return string.Join(
                '\n', claims.Select(claim => Encoding.UTF8.GetString(FindingJson.Write(claim.Judge(evidence)))));
        }
    }

    [Fact]
    public void A_stopped_run_goes_on_with_the_seeds_that_are_missing()
    {
        using var stop = new CancellationTokenSource();
        var seeds = new List<long>();
        // The second of the four seeds is not over when the user stops the run.
        var experiment = new Made((context, result) =>
        {
            if (context.Seed == 3)
            {
                stop.Cancel();
                context.Report(0.5, "half");
            }

            seeds.Add(context.Seed);
            result.Figures["seed"] = context.Seed;
        });
        Laboratory stopped = Open(threads: 1, quick: false, cancellation: stop.Token);
        Assert.ThrowsAny<OperationCanceledException>(() => stopped.Replicate(stopped.Run(experiment)));
        Assert.Equal([1, 2], seeds);
        ResultRecord kept = Stored(stopped);
        Assert.Equal([2], kept.Replicates.Select(static replicate => replicate.Seed));

        Laboratory resumed = Open(threads: 1, quick: false);
        ResultRecord whole = resumed.Replicate(
            kept with { Experiment = new Made((context, result) => seeds.Add(context.Seed)) });
        Assert.Equal([1, 2, 3, 4, 5], seeds);
        Assert.Equal([2, 3, 4, 5], whole.Replicates.Select(static replicate => replicate.Seed));
        Assert.Equal(2, whole.Replicates[0].Figures["seed"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_failure_in_one_lane_stops_the_others_and_is_the_one_that_is_told(int threads)
    {
        int before = Compute.Threads;
        var experiment = new Made((context, _) =>
        {
            if (context.Seed == 3) throw new InvalidDataException("seed 3 is broken");
            // The others wait to be stopped, or are done: with one lane, seed 2 comes before.
            if (context.Seed > 3) WaitToBeStopped(context);
        });
        Laboratory laboratory = Open(threads, quick: false);
        ResultRecord record = laboratory.Run(experiment);
        Assert.Equal(
            "seed 3 is broken", Assert.Throws<InvalidDataException>(() => laboratory.Replicate(record)).Message);
        Assert.Equal(before, Compute.Threads);
        Assert.Equal([2], Stored(laboratory).Replicates.Select(static replicate => replicate.Seed));
    }

    [Fact]
    public void Seeds_are_stored_in_their_order_whichever_is_done_first()
    {
        using var second = new ManualResetEventSlim();
        var experiment = new Made((context, _) =>
        {
            // Seed 2 ends last, so the other lane does all the rest.
            if (context.Seed == 2) Assert.True(second.Wait(TimeSpan.FromSeconds(20)));
            if (context.Seed == 5) second.Set();
        });
        Laboratory laboratory = Open(threads: 2, quick: false);
        ResultRecord record = laboratory.Replicate(laboratory.Run(experiment));
        Assert.Equal([2, 3, 4, 5], record.Replicates.Select(static replicate => replicate.Seed));
        Assert.Equal([2, 3, 4, 5], Stored(laboratory).Replicates.Select(static replicate => replicate.Seed));
    }

    [Fact]
    public void Runs_of_different_experiments_stand_side_by_side()
    {
        using var both = new Barrier(2);
        Made Waiting(string name) => new(
            (context, _) => Assert.True(both.SignalAndWait(TimeSpan.FromSeconds(20), context.Cancellation)),
            name: name);
        Completion[] completions = [.. Open(threads: 2)
            .Complete([Waiting("batchnorm-gradient"), Waiting("fcn-gradient")])];
        Assert.All(completions, static completion => Assert.Null(completion.Failure));
        Assert.Equal(["batchnorm-gradient", "fcn-gradient"],
            completions.Select(static completion => completion.Experiment.Name));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void An_experiment_that_fails_does_not_hide_the_others(int threads)
    {
        var broken = new Made((_, _) => throw new InvalidDataException("broken"));
        var whole = new Made((_, result) => result.Figures["whole"] = 1, name: "fcn-gradient");
        Completion[] completions = [.. Open(threads).Complete([broken, whole])];
        Assert.Equal("broken", Assert.Throws<InvalidDataException>(completions[0].RecordOrFailure).Message);
        Assert.Null(completions[0].Record);
        Assert.Equal(1, completions[1].RecordOrFailure().Result.Figures["whole"]);
    }

    [Fact]
    public void What_measures_times_runs_after_all_others_and_alone()
    {
        int running = 0, most = 0;
        var timed = new Made((_, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            Thread.Sleep(20);
            Interlocked.Decrement(ref running);
        }, isTimed: true);
        var other = new Made((_, _) =>
        {
            Interlocked.Increment(ref running);
            Thread.Sleep(20);
            Interlocked.Decrement(ref running);
        }, name: "redundant-bias");
        Completion[] completions = [.. Open(threads: 3).Complete([timed, other])];
        Assert.Equal([other, timed], completions.Select(static completion => completion.Experiment));
        Assert.Equal(1, most);
    }

    [Fact]
    public void The_seeds_of_what_measures_times_run_one_by_one()
    {
        int running = 0, most = 0;
        var experiment = new Made((_, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            Thread.Sleep(20);
            Interlocked.Decrement(ref running);
        }, isTimed: true);
        Laboratory laboratory = Open(threads: 3);
        laboratory.Replicate(laboratory.Run(experiment));
        Assert.Equal(1, most);
    }

    [Fact]
    public void The_agenda_of_a_finished_run_is_at_its_end()
    {
        Laboratory laboratory = Open(threads: 2);
        Experiment[] experiments = [.. s_cheap.Select(static name => ExperimentCatalog.Find(name)!)];
        Assert.Equal(experiments, laboratory.Complete(experiments).Select(static completion => completion.Experiment));
        Assert.Equal(1, laboratory.Agenda.State().Done, Tolerances.Float64Roundoff);

        Laboratory again = Open(threads: 2);
        Assert.All(again.Complete(experiments), static completion => Assert.Null(completion.Seconds));
        Assert.Equal((0, TimeSpan.Zero), again.Agenda.State());
    }

    [Fact]
    public void Other_settings_in_the_folder_are_refused()
    {
        Open(threads: 2).Complete(ExperimentCatalog.Find("scale-invariance")!);
        Open(threads: 2).RequireTheseSettings();
        LabException refusal = Assert.Throws<LabException>(() => Open(threads: 2, quick: false).RequireTheseSettings());
        Assert.True(refusal.IsUsage);
        Assert.Contains(
            "scale-invariance was run with seed 1, 2 threads, float32, quick, "
            + "and you ask for seed 1, 2 threads, float32. ",
            refusal.Message, StringComparison.Ordinal);
        Assert.Throws<LabException>(() => Open(threads: 1).RequireTheseSettings());
    }

    [Fact]
    public void Files_of_the_same_name_that_have_changed_are_told_apart()
    {
        Laboratory laboratory = Open(threads: 2);
        Experiment experiment = ExperimentCatalog.Find("deep-net")!;
        DataIdentity data = laboratory.DataOf(experiment)! with { Identity = "changed" };
        laboratory.Folder.Write(new ResultRecord(experiment,
            laboratory.SettingsOf(experiment), ResultEnvironment.Current, data, 1, new ExperimentResult(), []));
        string refusal = Assert.Throws<LabException>(laboratory.RequireTheseSettings).Message;
        Assert.Contains($"{data.Name} (embedded), changed, and you ask for ", refusal, StringComparison.Ordinal);
        string now = $"{data.Name} (embedded), {laboratory.DataOf(experiment)!.Identity}. Ask for the same";
        Assert.Contains(now, refusal, StringComparison.Ordinal);
    }

    private Laboratory Open(
        int threads, string? folder = null, bool quick = true, CancellationToken cancellation = default)
    {
        var results = new ResultFolder(folder ?? _folder);
        results.Prepare();
        var request = new RunRequest(Seed: null, threads, DType: null, Epochs: null, quick);
        return new Laboratory(request, LabData.Embedded, results, new Silence(), cancellation);
    }

    private static ResultRecord Stored(Laboratory laboratory) =>
        laboratory.Folder.Find(ExperimentCatalog.Find("scale-invariance")!)!;

    private static void WaitToBeStopped(ExperimentContext context)
    {
        Assert.True(context.Cancellation.WaitHandle.WaitOne(TimeSpan.FromSeconds(20)));
        context.Report(1, "stopped");
    }

    /// <summary>An experiment that does what a test wants, under the name of one that claims read.</summary>
    private sealed class Made(
        Action<ExperimentContext, ExperimentResult> run, bool isTimed = false, string name = "scale-invariance")
        : Experiment
    {
        public override string Name => name;

        public override string Title => "made up";

        public override string Lesson => "K9";

        public override string Description => "made up";

        public override long LessonSeed => 1;

        public override bool IsTimed => isTimed;

        public override ExperimentResult Run(ExperimentContext context)
        {
            var result = new ExperimentResult();
            run(context, result);
            return result;
        }

        public override IReadOnlyList<Chart> Charts(ExperimentResult result) => [];

        public override string Headline(IReadOnlyDictionary<string, double> figures) => "made up";
    }
}
