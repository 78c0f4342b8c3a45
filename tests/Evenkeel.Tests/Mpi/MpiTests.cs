using System.Globalization;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Mpi;

/// <summary>
/// A training under <c>mpirun</c> ends with the bits of one process that has as many parts. Without Open MPI or MPICH
/// (Debian: <c>openmpi-bin</c>, <c>mpich</c>) these tests are skipped.
/// </summary>
[Trait("Length", "long")]
public sealed class MpiTests
{
    private static readonly TimeSpan s_most = TimeSpan.FromSeconds(120);

    private static readonly Dictionary<string, string> s_alone = [];

    public static TheoryData<string, int, int, string> Runs => new()
    {
        { "mpirun.openmpi", 1, 4, "" },
        { "mpirun.openmpi", 2, 4, "" },
        { "mpirun.openmpi", 4, 4, "" },
        { "mpirun.mpich", 2, 4, "" },
        { "mpirun.mpich", 4, 4, "norm=sync pool=0" },
        { "mpirun.openmpi", 2, 4, "norm=sync pool=0" },
        { "mpirun.openmpi", 4, 4, "pool=0" },
        { "mpirun.openmpi", 3, 3, "" },
        { "mpirun.openmpi", 2, 6, "pool=0" },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public void The_number_of_processes_changes_no_bit(string launcher, int processes, int parts, string more)
    {
        SkipWithout(launcher);
        string[] words = ["train", "", $"parts={parts}", .. more.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal(Alone(words), Shared(launcher, processes, words));
    }

    [Fact]
    public void A_run_goes_on_with_another_number_of_processes_and_ends_with_the_same_bits()
    {
        string launcher = AnyLauncher();
        using var folder = new TempFolder();
        string[] words = ["train", "", "parts=4", "epochs=3"], stored = [.. words, $"folder={folder.Path}", "every=2"];
        string[] broken = ["train", "", "parts=4", "epochs=3", $"folder={folder.Path}", "every=2", "throw=7", "rank=1"];
        using (MpiRun first = MpiRun.Start(launcher, 4, Mpi(broken)))
        {
            Assert.NotEqual(0, first.Wait(s_most));
            string[] ours = [.. first.Errors.Split('\n')
                .Where(static line => line.StartsWith("evenkeel:", StringComparison.Ordinal))];
            Assert.Single(ours);
            Assert.Contains("rank 1 on ", ours[0], StringComparison.Ordinal);
            Assert.Contains("A fault on purpose.", ours[0], StringComparison.Ordinal);
            Assert.Contains("step 7", ours[0], StringComparison.Ordinal);
        }

        Assert.Equal(Alone(words), Shared(launcher, 2, stored));
    }

    [Theory]
    [InlineData(1, "optimizer=adam clip=0")]
    [InlineData(2, "optimizer=adam clip=0")]
    [InlineData(4, "optimizer=adam clip=0")]
    [InlineData(2, "optimizer=sgd clip=0")]
    [InlineData(4, "optimizer=sgd clip=0")]
    [InlineData(4, "optimizer=adam clip=1")]
    [InlineData(2, "optimizer=sgd clip=0 doctor=1")]
    public void A_shared_state_of_the_optimizer_changes_no_bit(int processes, string more)
    {
        string[] words = ["train", "", "parts=4", .. more.Split(' ')];
        using MpiRun alone = MpiRun.StartAlone([words[0], "alone", .. words[2..]]);
        using MpiRun shared = MpiRun.Start(AnyLauncher(), processes, [.. Mpi(words), "shard=1"]);
        Assert.True(alone.Wait(s_most) == 0, alone.Errors);
        Assert.True(shared.Wait(s_most) == 0, $"{shared.Output}\n{shared.Errors}");
        Assert.Equal(LastWord(alone), LastWord(shared));
        // A share of each of ten tensors may be an element larger or smaller than another.
        Assert.InRange(StateBytes(shared) - (StateBytes(alone) / processes), -160, 160);
    }

    [Fact]
    public void A_gradient_that_is_not_finite_skips_the_step_on_all_processes_that_share_the_state()
    {
        string[] words = ["train", "", "parts=4", "clip=0", "spoil=3", "rank=1"];
        using MpiRun shared = MpiRun.Start(AnyLauncher(), 2, [.. Mpi(words), "shard=1"]);
        Assert.True(shared.Wait(s_most) == 0, $"{shared.Output}\n{shared.Errors}");
        Assert.Equal(Alone(words), LastWord(shared));
        Assert.NotEqual(Alone(["train", "", "parts=4", "clip=0"]), LastWord(shared));
    }

    [Fact]
    public void A_run_with_a_shared_state_goes_on_with_other_processes_and_without_sharing()
    {
        string launcher = AnyLauncher();
        using var folder = new TempFolder();
        string[] words = ["train", "", "parts=4", "epochs=3", "clip=0"];
        string[] stored = [.. words, $"folder={folder.Path}", "every=2"];
        Break(4, 5, "shard=1");
        Break(2, 9, "shard=1");
        Assert.Equal(Alone(words), Shared(launcher, 2, stored));

        void Break(int processes, int step, string more)
        {
            using MpiRun run = MpiRun.Start(
                launcher, processes, [.. Mpi(stored), more, $"throw={step}", "rank=1"]);
            Assert.NotEqual(0, run.Wait(s_most));
            Assert.Contains($"step {step}", run.Errors, StringComparison.Ordinal);
            Assert.Contains(folder.Names, name => name == $"step-{step - 1:D8}.safetensors");
        }
    }

    [Fact]
    public void Over_TCP_between_two_network_namespaces_the_bits_are_the_same()
    {
        SkipWithout("mpirun.openmpi");
        using NetworkSpaces? spaces = NetworkSpaces.Create();
        Assert.SkipWhen(spaces is null, "Network namespaces cannot be made here (this needs root, ip and unshare).");
        using var folder = new TempFolder();
        string[] words = ["train", "", "parts=4"];
        using MpiRun run = MpiRun.Start(spaces, folder.Path, Mpi(words));
        Assert.True(run.Wait(s_most) == 0, $"{run.Output}\n{run.Errors}");
        Assert.Equal(Alone(words), LastWord(run));
    }

    private static string Alone(string[] words)
    {
        string key = string.Join(' ', words);
        lock (s_alone)
        {
            if (s_alone.TryGetValue(key, out string? known)) return known;
            using MpiRun run = MpiRun.StartAlone([words[0], "alone", .. words[2..]]);
            Assert.True(run.Wait(s_most) == 0, run.Errors);
            return s_alone[key] = LastWord(run);
        }
    }

    private static string Shared(string launcher, int processes, string[] words)
    {
        using MpiRun run = MpiRun.Start(launcher, processes, Mpi(words));
        Assert.True(run.Wait(s_most) == 0, $"{run.Output}\n{run.Errors}");
        Assert.Contains($"{processes} processes)", run.Output, StringComparison.Ordinal);
        return LastWord(run);
    }

    internal static string[] Mpi(string[] words) => [words[0], "mpi", .. words[2..]];

    private static long StateBytes(MpiRun run) => long.Parse(
        run.Output.Split('\n').Single(static line => line.StartsWith("state ", StringComparison.Ordinal)).Split(' ')[1],
        CultureInfo.InvariantCulture);

    internal static string LastWord(MpiRun run) => run.Output.TrimEnd().Split('\n')[^1].Split(' ')[0];

    internal static void SkipWithout(string launcher) => Assert.SkipUnless(
        MpiRun.Launchers.Contains(launcher, StringComparer.Ordinal),
        $"{launcher} is not installed (openmpi-bin, mpich).");

    internal static string AnyLauncher()
    {
        Assert.SkipWhen(MpiRun.Launchers.Length == 0, "No MPI is installed (openmpi-bin, mpich).");
        return MpiRun.Launchers[0];
    }
}
