using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Evenkeel.Interop.Tests.Speed;

/// <summary>
/// Layers beside PyTorch in one process, in turns: <c>speed [--filter TEXT] [--threads N] [--rounds N]</c>. In a round
/// each side runs for a twentieth of a second, PyTorch in both of its layouts. What is shown is the median of the
/// rounds' medians, PyTorch's of the layout that is faster.
/// </summary>
internal static class SpeedCommand
{
    public const string Usage = "speed [--filter TEXT] [--threads N] [--rounds N]";

    private const int TrimThreshold = -1, TopPad = -2, MmapMax = -4;
    private const double WarmUpSeconds = 0.15, Seconds = 0.05;

    /// <summary>PyTorch's threads wait in a loop for some milliseconds before they sleep.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Runs the command. Null if the arguments are not understood.</summary>
    public static int? Run(string[] args)
    {
        string filter = "";
        int threads = Environment.ProcessorCount, rounds = 7;
        if (args.Length % 2 != 0) return null;
        foreach (string[] option in args.Chunk(2))
        {
            if (option[0] == "--filter") filter = option[1];
            else if (!int.TryParse(option[1], NumberStyles.None, CultureInfo.InvariantCulture, out int value)
                || value == 0)
                return null;
            else if (option[0] == "--threads") threads = value;
            else if (option[0] == "--rounds") rounds = value;
            else return null;
        }

        if (Environment.GetEnvironmentVariable("DOTNET_TieredCompilation") != "0")
            Console.WriteLine("Some methods may not be optimized yet: set DOTNET_TieredCompilation=0.");
        KeepFreedMemory();
        torch.set_num_threads(threads);
        Compute.Threads = threads;
        Console.WriteLine($"beside PyTorch {torch.__version__}, {threads} threads, {rounds} rounds; microseconds, the "
            + "factor is PyTorch's time over ours");
        Console.WriteLine($"{"case",-48}{"forward",34}{"forward and backward",34}");
        foreach (SpeedCase one in SpeedCases.All.Where(
            one => one.Name.Contains(filter, StringComparison.OrdinalIgnoreCase)))
            Console.WriteLine($"{one.Name,-48}{Row(one, false, rounds)}{Row(one, true, rounds)}");
        return 0;
    }

    private static string Row(SpeedCase one, bool isBackward, int rounds)
    {
        List<Action> sides = [one.Ours(isBackward), one.Theirs(isBackward, isChannelsLast: false)];
        if (one.Input.Length > 2) sides.Add(one.Theirs(isBackward, isChannelsLast: true));
        foreach (Action side in sides) Median(side, WarmUpSeconds);
        var medians = sides.ConvertAll(static _ => new List<double>());
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < sides.Count; i++)
            {
                Thread.Sleep(s_pause);
                medians[i].Add(Median(sides[i], Seconds));
            }
        }

        double[] times = [.. medians.Select(static rounds => MiddleOf(rounds))];
        double theirs = times[1..].Min();
        // Of each round, so that a machine that slows down for a while slows both sides.
        List<double> factors = [.. Enumerable.Range(0, rounds).Select(
            i => (theirs == times[1] ? medians[1] : medians[2])[i] / medians[0][i])];
        return $"{times[0],12:n1}{theirs,12:n1}{MiddleOf(factors),8:f2}{(theirs == times[1] ? "  " : " l")}";
    }

    private static double Median(Action action, double seconds)
    {
        var times = new List<double>();
        long begun = Stopwatch.GetTimestamp();
        while (times.Count < 3 || Stopwatch.GetElapsedTime(begun).TotalSeconds < seconds)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return MiddleOf(times);
    }

    private static double MiddleOf(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>
    /// The C library gives large blocks back to the system and maps them anew at the next call. PyTorch would look two
    /// to four times slower than with an allocator that keeps them, which its own advice for processors is.
    /// </summary>
    private static void KeepFreedMemory()
    {
        if (Option(MmapMax, 0) == 0 || Option(TrimThreshold, int.MaxValue) == 0 || Option(TopPad, 1 << 28) == 0)
            Console.WriteLine("The C library keeps no freed memory: PyTorch looks slower here than it can be.");
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int Option(int parameter, int value);
}
