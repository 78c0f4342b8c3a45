namespace Evenkeel;

/// <summary>
/// One member's view of a group that computes one logical batch together. The members are replicas on threads,
/// processes, or micro-batches in lockstep.
/// </summary>
/// <remarks>
/// A group only gathers. The receiver combines the gathered values in the order of the ranks, so every member gets the
/// same bits, whichever member came first. A tape carries its member (<see cref="Tape.Collective"/>); layers find it
/// there.
/// </remarks>
public interface ICollective
{
    /// <summary>This member's number, from 0 to <see cref="Size"/> - 1.</summary>
    int Rank { get; }

    /// <summary>The number of members.</summary>
    int Size { get; }

    /// <summary>
    /// Sends this member's values and receives the values of all members, in the order of the ranks. It returns when
    /// all members have come.
    /// </summary>
    /// <param name="operation">
    /// The name of the operation, the same for all members. If a member does another operation, the error names both.
    /// </param>
    /// <param name="own">This member's values. Every member gives the same number of values.</param>
    /// <param name="all">Receives <see cref="Size"/> times as many values.</param>
    /// <exception cref="InvalidOperationException">
    /// The members do different things, one of them has failed, or one has finished its pass.
    /// </exception>
    void AllGather(string operation, ReadOnlySpan<double> own, Span<double> all);
}
