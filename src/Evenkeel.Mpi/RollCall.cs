using System.Diagnostics;

namespace Evenkeel.Mpi;

/// <summary>
/// Finds out who is missing when a deadline is over. Whoever waits says that it is here, and listens; who does not
/// answer is missing.
/// </summary>
internal sealed unsafe class RollCall(MpiLibrary mpi, nint communicator, int rank, int size)
{
    private const int Tag = 7;
    private const byte Here = 1, Ends = 2;

    /// <summary>How long those who wait have to answer.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly bool[] _isHere = new bool[size];
    private readonly byte[] _word = GC.AllocateArray<byte>(1, pinned: true);
    private readonly nint[] _requests = GC.AllocateArray<nint>(size, pinned: true);

    /// <summary>Whether another process has said that it ends all.</summary>
    public bool IsEnding { get; private set; }

    /// <summary>Says to all that this process ends them, and says why.</summary>
    public void SayEnd() => Say(Ends);

    /// <summary>Whether another process has called.</summary>
    public bool IsCalled()
    {
        for (int other = 0; other < size; other++)
        {
            if (other == rank) continue;
            int isThere = 0;
            mpi.Probe(other, Tag, communicator, &isThere, mpi.StatusIgnore);
            if (isThere == 0) continue;
            byte word;
            mpi.Receive(&word, 1, mpi.Bytes, other, Tag, communicator, mpi.StatusIgnore);
            if (word == Ends) IsEnding = true;
            else _isHere[other] = true;
        }

        return Array.Exists(_isHere, static isHere => isHere);
    }

    /// <summary>Calls all, and waits for their answers.</summary>
    /// <param name="calls">Guards the calls of MPI.</param>
    /// <param name="speaks">Whether this process is the first of those that have answered.</param>
    /// <returns>The processes that have not answered.</returns>
    public int[] Call(Lock calls, out bool speaks)
    {
        lock (calls) Say(Here);
        long begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun) < s_patience)
        {
            lock (calls) IsCalled();
            Thread.Sleep(5);
        }

        int[] missing = [.. Enumerable.Range(0, size).Where(other => other != rank && !_isHere[other])];
        speaks = !Array.Exists(_isHere[..rank], static isHere => isHere);
        return missing;
    }

    private void Say(byte what)
    {
        _word[0] = what;
        fixed (byte* word = _word)
        fixed (nint* first = _requests)
        {
            for (int other = 0; other < size; other++)
            {
                if (other != rank) mpi.Send(word, 1, mpi.Bytes, other, Tag, communicator, first + other);
            }
        }
    }
}
