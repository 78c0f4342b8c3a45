using System.Diagnostics;

namespace Evenkeel.Mpi;

/// <summary>
/// How a process waits for others: it spins first, for messages take microseconds; then it gives its processor away,
/// and after a while it sleeps.
/// </summary>
/// <param name="isCrowded">Whether there are more processes than processors: then it never spins.</param>
internal struct Patience(bool isCrowded)
{
    private const int SpinTurns = 200, Turn = 20, LookEvery = 64;

    private static readonly long s_yielding = Stopwatch.Frequency / 50;

    private readonly long _begun = Stopwatch.GetTimestamp();
    private int _turns;

    /// <summary>Whether it is time to look whether the others live.</summary>
    public readonly bool IsLong => Stopwatch.GetTimestamp() - _begun > s_yielding && _turns % LookEvery == 0;

    public void Pause()
    {
        _turns++;
        if (!isCrowded && _turns < SpinTurns) Thread.SpinWait(Turn);
        else if (Stopwatch.GetTimestamp() - _begun < s_yielding) Thread.Yield();
        else Thread.Sleep(TimeSpan.FromMicroseconds(200));
    }
}
