using System.Diagnostics;

namespace Evenkeel.Cli.Bench;

/// <summary>
/// The median time of an action; the protocol is the peers': warm-up, then single calls until the time is over, at
/// least ten.
/// </summary>
internal static class Measurement
{
    private const int WarmUpCalls = 3;
    private const int LeastRuns = 10;
    private const int MostRuns = 5000;

    /// <summary>
    /// The JIT replaces a method's first version after 30 calls and 0.1 s; a shorter warm-up measures the first.
    /// </summary>
    private const double WarmUpSeconds = 0.1;

    /// <summary>Median in microseconds, and the number of timed calls.</summary>
    public static (double MedianMicroseconds, int Runs) Median(Action action, double seconds,
        CancellationToken cancellation)
    {
        long warm = Stopwatch.GetTimestamp();
        for (int i = 0; i < WarmUpCalls || Stopwatch.GetElapsedTime(warm).TotalSeconds < WarmUpSeconds; i++) action();
        var ticks = new List<long>(MostRuns);
        long begun = Stopwatch.GetTimestamp();
        while (ticks.Count < LeastRuns
            || (Stopwatch.GetElapsedTime(begun).TotalSeconds < seconds && ticks.Count < MostRuns))
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            action();
            ticks.Add(Stopwatch.GetTimestamp() - start);
        }

        ticks.Sort();
        return (ticks[ticks.Count / 2] * 1e6 / Stopwatch.Frequency, ticks.Count);
    }
}
