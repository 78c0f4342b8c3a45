namespace Evenkeel;

/// <summary>
/// One member's view of a group that works on one logical batch together: replicas on threads, processes, or micro-batches in lockstep.
/// </summary>
/// <remarks>
/// Gathering is all there is: whoever combines what was gathered does so in the order of the ranks, so every member gets the same bits, whoever came first.
/// A tape carries its member (<see cref="Tape.Collective"/>); layers find it there.
/// </remarks>
public interface ICollective
{
    /// <summary>This member's number, from 0 to <see cref="Size"/> - 1.</summary>
    int Rank { get; }

    /// <summary>How many members there are.</summary>
    int Size { get; }

    /// <summary>Gives this member's values and receives those of all, in the order of the ranks. Returns when all members have come.</summary>
    /// <param name="operation">What is being done, the same for all members; a member that does something else is an error that names both.</param>
    /// <param name="own">This member's values; as many as every other member's.</param>
    /// <param name="all">Receives <see cref="Size"/> times as many.</param>
    /// <exception cref="InvalidOperationException">The members do different things, one of them has failed, or one has finished its pass.</exception>
    void AllGather(string operation, ReadOnlySpan<double> own, Span<double> all);
}
