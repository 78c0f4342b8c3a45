using System.Diagnostics;
using System.Globalization;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Mpi;

/// <summary>
/// Nothing hangs: what goes wrong in one process ends all of them, with one message, and no half-written file stays.
/// </summary>
[Trait("Length", "long")]
public sealed class MpiFaultTests
{
    private const string KillsVariable = "EVENKEEL_MPI_KILLS";

    private static readonly TimeSpan s_most = TimeSpan.FromSeconds(120), s_end = TimeSpan.FromSeconds(5);

    /// <summary>How many processes are killed. A long run asks for 50.</summary>
    private static int Kills => int.TryParse(
        Environment.GetEnvironmentVariable(KillsVariable), CultureInfo.InvariantCulture, out int kills) ? kills : 3;

    [Fact]
    public void A_killed_process_ends_all_and_the_run_goes_on_to_the_same_bits()
    {
        string launcher = MpiTests.AnyLauncher();
        using MpiRun undisturbed = MpiRun.StartAlone("train", "alone", "parts=2", "epochs=3");
        Assert.True(undisturbed.Wait(s_most) == 0, undisturbed.Errors);
        string expected = MpiTests.LastWord(undisturbed);
        var random = new System.Random(7);
        for (int kill = 0; kill < Kills; kill++)
        {
            using var folder = new TempFolder();
            string[] words = ["train", "mpi", "parts=2", "epochs=3", $"folder={folder.Path}"];
            using (MpiRun run = MpiRun.Start(launcher, 2, [.. words, "pause=20"]))
            {
                run.Await($"step {random.Next(1, 9)}\n", s_most);
                Thread.Sleep(random.Next(40));
                int[] workers = run.Workers();
                Assert.Equal(2, workers.Length);
                MpiRun.Signal("KILL", workers[random.Next(2)]);
                var clock = Stopwatch.StartNew();
                Assert.NotEqual(0, run.Wait(s_most));
                Assert.True(clock.Elapsed < s_end, $"kill {kill}: the end took {clock.Elapsed}. {run.Errors}");
                string[] ours = Ours(run);
                Assert.True(ours.Length == 1, $"kill {kill}: {run.Errors}");
                Assert.Matches("""^evenkeel: rank \d on .+ has died; rank \d on .+ was in ".+" at step \d+""", ours[0]);
            }

            using MpiRun resumed = MpiRun.Start(launcher, 2, words);
            Assert.True(resumed.Wait(s_most) == 0, $"kill {kill}: {resumed.Errors}");
            Assert.Equal(expected, MpiTests.LastWord(resumed));
            // Who is killed in the middle of a checkpoint leaves it under a temporary name. The next start removes it.
            Assert.DoesNotContain(folder.Names, static name => name.EndsWith(".tmp", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_process_that_stands_still_runs_into_the_deadline()
    {
        string launcher = MpiTests.AnyLauncher();
        using MpiRun run = MpiRun.Start(
            launcher, 3, "train", "mpi", "parts=3", "epochs=9", "pause=50", "deadline=3", "rank=1", "stop=4");
        run.Await("step 4\n", s_most);
        Assert.NotEqual(0, run.Wait(TimeSpan.FromSeconds(20)));
        string ours = Assert.Single(Ours(run));
        Assert.Contains("rank 1 on ", ours, StringComparison.Ordinal);
        Assert.Contains(" did not come to \"", ours, StringComparison.Ordinal);
        Assert.Contains("within 3 s", ours, StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_that_the_system_has_stopped_runs_into_the_deadline()
    {
        string launcher = MpiTests.AnyLauncher();
        using MpiRun run = MpiRun.Start(launcher, 2, "train", "mpi", "parts=2", "epochs=9", "pause=50", "deadline=3");
        run.Await("step 3\n", s_most);
        int[] workers = run.Workers();
        MpiRun.Signal("STOP", workers[^1]);
        bool hasEnded = false;
        try
        {
            hasEnded = run.Wait(TimeSpan.FromSeconds(20)) != 0;
        }
        finally
        {
            if (!hasEnded) MpiRun.Signal("CONT", workers[^1]);
        }

        string ours = Assert.Single(Ours(run));
        Assert.Matches("""^evenkeel: rank \d on .+ did not come to ".+" at step \d+ within 3 s""", ours);
    }

    [Fact]
    public void Other_data_on_one_process_is_refused_at_the_start()
    {
        string launcher = MpiTests.AnyLauncher();
        using MpiRun run = MpiRun.Start(launcher, 2, "train", "mpi", "parts=2", "rank=1", "other-data=1");
        Assert.NotEqual(0, run.Wait(s_most));
        Assert.Contains("expected the same data set on all processes", run.Errors, StringComparison.Ordinal);
        Assert.Contains("rank 1 on ", run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("step 1\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_version_of_the_library_on_one_process_is_refused_at_the_start()
    {
        string launcher = MpiTests.AnyLauncher();
        using var folder = new TempFolder();
        using MpiRun run = MpiRun.StartTwo(launcher, OtherVersion(folder.Path), "train", "mpi", "parts=2");
        Assert.NotEqual(0, run.Wait(TimeSpan.FromSeconds(60)));
        string refusal = Assert.Single(
            run.Errors.Split('\n'), static line => line.Contains("expected the same", StringComparison.Ordinal));
        Assert.StartsWith(
            "Trainer: expected the same version of the library on all processes, got another one on rank 1 on ",
            refusal, StringComparison.Ordinal);
        Assert.Empty(Ours(run));
        Assert.DoesNotContain("step 1\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_ends_all_and_leaves_no_half_file()
    {
        string launcher = MpiTests.AnyLauncher();
        using var folder = new TempFolder();
        using TemporaryDisk? disk = TemporaryDisk.Mount(folder.Path, "size=96k");
        Assert.SkipWhen(disk is null, "A small file system cannot be mounted here (this needs root on Linux).");
        using MpiRun run = MpiRun.Start(launcher, 2, "train", "mpi", "parts=2", "epochs=20", $"folder={folder.Path}");
        Assert.NotEqual(0, run.Wait(s_most));
        string ours = Assert.Single(Ours(run));
        Assert.Contains("rank 0 on ", ours, StringComparison.Ordinal);
        Assert.All(
            folder.Names, static name => Assert.Matches(@"^(lock|best\.safetensors|step-\d{8}\.safetensors)$", name));
    }

    [Fact]
    public void Without_a_library_the_error_has_the_command()
    {
        Evenkeel.Mpi.MpiNotFoundException missing = Assert.Throws<Evenkeel.Mpi.MpiNotFoundException>(
            static () => Evenkeel.Mpi.MpiCollective.Start(new Evenkeel.Mpi.MpiOptions { Library = "libnothing.so.1" }));
        Assert.Contains("apt-get install openmpi-bin", missing.Message, StringComparison.Ordinal);
        Assert.Contains("libnothing.so.1", missing.Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// The program of these tests with a library that was built at another time: its identity is another one, and all
    /// else is the same.
    /// </summary>
    private static string OtherVersion(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory, "Evenkeel*"))
        {
            string name = Path.GetFileName(file);
            if (name.Contains("MpiTarget", StringComparison.Ordinal) || name is "Evenkeel.dll" or "Evenkeel.Mpi.dll")
                File.Copy(file, Path.Combine(folder, name));
        }

        string library = Path.Combine(folder, "Evenkeel.dll");
        byte[] bytes = File.ReadAllBytes(library);
        byte[] identity = typeof(Tensor).Assembly.ManifestModule.ModuleVersionId.ToByteArray();
        int place = bytes.AsSpan().IndexOf(identity);
        Assert.True(place >= 0, "The library does not hold its identity.");
        bytes[place] ^= 1;
        File.WriteAllBytes(library, bytes);
        return Path.Combine(folder, "Evenkeel.MpiTarget.dll");
    }

    private static string[] Ours(MpiRun run) =>
        [.. run.Errors.Split('\n').Where(static line => line.StartsWith("evenkeel:", StringComparison.Ordinal))];
}
