using System.Diagnostics;

namespace Evenkeel.Mpi;

/// <summary>
/// How a process waits for others: it spins first, for messages take microseconds; then it gives its processor away,
/// and soon it sleeps. Who only gave it away would have no time left on a busy machine when the message comes.
/// </summary>
/// <param name="isCrowded">Whether there are more processes than processors: then it never spins.</param>
internal struct Patience(bool isCrowded)
{
    private const int SpinTurns = 200, Turn = 20, LookEvery = 16, SleepMilliseconds = 1;

    private static readonly long s_yielding = Stopwatch.Frequency / 500, s_looking = Stopwatch.Frequency / 50;

    private readonly long _begun = Stopwatch.GetTimestamp();
    private int _turns;

    /// <summary>Whether it is time to look whether the others live.</summary>
    public readonly bool IsLong => Elapsed > s_looking && _turns % LookEvery == 0;

    private readonly long Elapsed => Stopwatch.GetTimestamp() - _begun;

    public void Pause()
    {
        _turns++;
        if (!isCrowded && _turns < SpinTurns) Thread.SpinWait(Turn);
        else if (Elapsed < s_yielding) Thread.Yield();
        else Thread.Sleep(SleepMilliseconds);
    }
}
