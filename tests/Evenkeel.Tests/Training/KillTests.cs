using System.Diagnostics;
using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Training;

/// <summary>
/// A training in a process of its own (tests/Evenkeel.KillTarget) that is killed, or finds its folder taken.
/// </summary>
[Trait("Length", "long")]
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Kills = 200, Runs = 2, Epochs = 40;

    /// <summary>
    /// Milliseconds. A quarter of the kills comes while the process starts and reads its checkpoint, the rest after its
    /// first step, when it trains and writes. These come within a share of what a whole training takes here and now:
    /// where other work takes the processors, a fixed time may end before the first write.
    /// </summary>
    private const int LongestStart = 300, LongestTraining = 100, LongestShare = 4;

    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-kill").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_training_killed_at_200_random_moments_ends_with_the_bits_of_an_undisturbed_one()
    {
        string undisturbed = Path.Combine(_folder, "undisturbed");
        string expected = RunToTheEnd(undisturbed, out TimeSpan whole);
        int longestTraining = Math.Max(LongestTraining, (int)whole.TotalMilliseconds / LongestShare);
        byte[] log = File.ReadAllBytes(Path.Combine(undisturbed, "log.csv"));
        uint seed = (uint)Environment.TickCount;
        output.WriteLine($"seed {seed}");
        int inWrite = 0, beforeFirstStep = 0, trainings = 0, files = 0;
        // Two at a time, each in a folder of its own.
        Parallel.For(0, Runs, run =>
        {
            var random = new Philox(seed, "kills").Split((ulong)run);
            int kills = 0;
            while (kills < Kills / Runs)
            {
                int number = Interlocked.Increment(ref trainings);
                string folder = Path.Combine(_folder, $"training{number}");
                bool isOver = false;
                while (!isOver && kills < Kills / Runs)
                {
                    bool waits = random.NextInt(4) > 0;
                    int delay = random.NextInt(waits ? longestTraining : LongestStart);
                    string[] before = HalfWritten(folder);
                    (isOver, bool trained) = RunAndKill(folder, waits, delay);
                    Interlocked.Add(ref files, CheckFiles(folder));
                    if (isOver) continue;
                    kills++;
                    if (!trained) Interlocked.Increment(ref beforeFirstStep);
                    if (HalfWritten(folder).Except(before).Any()) Interlocked.Increment(ref inWrite);
                }

                Assert.Equal(expected, RunToTheEnd(folder));
                Assert.Equal(log, File.ReadAllBytes(Path.Combine(folder, "log.csv")));
                // What the kills have left half-written is gone.
                Assert.Empty(HalfWritten(folder));
            }
        });
        output.WriteLine($"{Kills} kills in {trainings} trainings of {Epochs * 6} steps: {inWrite} in the middle of a "
            + $"write, {beforeFirstStep} before the first step; {files} files opened, all whole");
        // Kills that never meet a write prove nothing.
        Assert.InRange(inWrite, 5, Kills);
        Assert.InRange(beforeFirstStep, 5, Kills / 2);
    }

    [Fact]
    public void The_second_process_on_a_folder_is_told_and_the_first_is_not_disturbed()
    {
        string undisturbed = RunToTheEnd(Path.Combine(_folder, "undisturbed")), folder = Path.Combine(_folder, "run");
        using Process first = Start(folder, "hold");
        string? line;
        while ((line = first.StandardOutput.ReadLine()) is not null and not "holds")
        {
        }

        Assert.Equal("holds", line);
        using Process second = Start(folder);
        string error = second.StandardError.ReadToEnd();
        second.WaitForExit();
        Assert.Equal(1, second.ExitCode);
        Assert.Equal($"Checkpoints: expected the folder \"{folder}\" for this training alone, got one in which another "
            + "training runs (it holds the file \"lock\"). Wait until that one has ended, or choose another folder.",
            error.Trim());
        first.StandardInput.WriteLine();
        string text = first.StandardOutput.ReadToEnd();
        first.WaitForExit();
        Assert.Equal(0, first.ExitCode);
        Assert.Equal(undisturbed, LastLine(text));
    }

    /// <summary>Each file with a final name opens whole. Returns their number.</summary>
    private static int CheckFiles(string folder)
    {
        if (!Directory.Exists(folder)) return 0;
        string[] files = Directory.GetFiles(folder, "*.safetensors");
        foreach (string path in files.Where(static path => !Path.GetFileName(path).StartsWith('.')))
        {
            TensorArchive archive = SafeTensors.Read(path);
            Assert.NotEmpty(archive.StateDict());
        }

        string log = Path.Combine(folder, "log.csv");
        if (!File.Exists(log)) return files.Length;
        string[] rows = File.ReadAllText(log).Split('\n');
        Assert.Equal("", rows[^1]);
        Assert.All(rows.SkipLast(1), static row => Assert.Equal(8, row.Split(',').Length));
        return files.Length + 1;
    }

    private static string[] HalfWritten(string folder) => Directory.Exists(folder)
        ? [.. Directory.GetFiles(folder, ".*.tmp").Select(static path => Path.GetFileName(path))]
        : [];

    /// <summary>Says whether the training came to its end before it was killed, and whether it made a step.</summary>
    private static (bool IsOver, bool HasTrained) RunAndKill(string folder, bool waits, int delay)
    {
        using Process process = Start(folder);
        string text = waits ? process.StandardOutput.ReadLine() ?? "" : "";
        if (!process.WaitForExit(delay)) process.Kill();
        process.WaitForExit();
        // A process that fails by itself is no kill.
        Assert.Equal("", process.StandardError.ReadToEnd());
        text += process.StandardOutput.ReadToEnd();
        return (process.ExitCode == 0, text.Contains("trains", StringComparison.Ordinal));
    }

    private static string RunToTheEnd(string folder) => RunToTheEnd(folder, out _);

    /// <summary>Also says how long the process took from its first step on.</summary>
    private static string RunToTheEnd(string folder, out TimeSpan training)
    {
        using Process process = Start(folder);
        string text = process.StandardOutput.ReadLine() + "\n";
        var watch = Stopwatch.StartNew();
        text += process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        training = watch.Elapsed;
        Assert.Equal((0, ""), (process.ExitCode, error));
        return LastLine(text);
    }

    private static string LastLine(string text) => text.TrimEnd().Split('\n')[^1];

    private static Process Start(string folder, params ReadOnlySpan<string> more)
    {
        string host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";
        var start = new ProcessStartInfo(host)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Evenkeel.KillTarget.dll"));
        start.ArgumentList.Add(folder);
        start.ArgumentList.Add(Epochs.ToString(CultureInfo.InvariantCulture));
        foreach (string argument in more) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }
}
