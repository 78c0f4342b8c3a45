using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Evenkeel;

/// <summary>
/// The processes that compute one logical batch together. Each of them owns consecutive parts of it
/// (<see cref="Evenkeel.Training.Replicas"/>).
/// </summary>
/// <remarks>
/// <para>A group moves bytes and adds nothing: who receives combines in the order of the parts, so the bits do not
/// depend on the library, the network or the number of processes. All processes make the same calls in the same order:
/// the gathering of <see cref="AllGather(string, ReadOnlySpan{byte}, Span{byte})"/> is one sequence, the transfers that
/// run beside it are another.</para>
/// <para>The members of calls may be on several threads of a process, one at a time.</para>
/// <para>A process that does not arrive within <see cref="Deadline"/> ends all of them, with one message that names it,
/// the operation and the step.</para>
/// </remarks>
public interface IProcessGroup : ICollective
{
    /// <summary>
    /// The step that runs, for messages. The trainer sets it.
    /// </summary>
    long Step { get; set; }

    /// <summary>The longest that a process waits for the others in one operation.</summary>
    TimeSpan Deadline { get; }

    /// <summary>
    /// Bytes that this process has sent to others in transfers so far. What is gathered does not count.
    /// </summary>
    long BytesSent { get; }

    /// <summary>A process in words, for example <c>rank 1 on node7</c>.</summary>
    /// <param name="rank">Its number, from 0 to <see cref="ICollective.Size"/> - 1.</param>
    string NameOf(int rank);

    /// <summary>Sends the same number of bytes to every process, and receives those of all in rank order.</summary>
    /// <param name="operation">The name of the operation, for messages.</param>
    /// <param name="own">The bytes of this process. Every process gives the same number.</param>
    /// <param name="all">Receives <see cref="ICollective.Size"/> times as many.</param>
    void AllGather(string operation, ReadOnlySpan<byte> own, Span<byte> all);

    /// <summary>
    /// Begins to send each process its bytes, and to receive from each. Both arrays hold the bytes in rank order, one
    /// after the other, and stay as they are until the transfer is done.
    /// </summary>
    /// <param name="operation">The name of the operation, for messages.</param>
    /// <param name="sent">What is sent: a pinned array.</param>
    /// <param name="sentCounts">How many bytes each process gets.</param>
    /// <param name="received">What is received: a pinned array.</param>
    /// <param name="receivedCounts">How many bytes each process sends here.</param>
    ITransfer BeginAllToAll(
        string operation, byte[] sent, int[] sentCounts, byte[] received, int[] receivedCounts);

    /// <summary>
    /// Begins to send the bytes of this process to all others, and to receive theirs: what stands at the place of this
    /// process is sent, and the rest of the array is filled.
    /// </summary>
    /// <param name="operation">The name of the operation, for messages.</param>
    /// <param name="values">The bytes of all processes in rank order: a pinned array.</param>
    /// <param name="counts">How many bytes each process has.</param>
    ITransfer BeginAllGather(string operation, byte[] values, int[] counts);

    /// <summary>Gathers a text of each process, cut off after 1,000 bytes of UTF-8.</summary>
    /// <param name="operation">The name of the operation, for messages.</param>
    /// <param name="own">The text of this process.</param>
    /// <returns>The texts in rank order.</returns>
    string[] GatherTexts(string operation, string own)
    {
        const int Bytes = 1000;
        byte[] mine = new byte[Bytes], all = new byte[Bytes * Size];
        Encoding.UTF8.GetEncoder().Convert(own, mine, flush: true, out _, out _, out _);
        AllGather(operation, mine, all);
        return [.. Enumerable.Range(0, Size)
            .Select(rank => Encoding.UTF8.GetString(all.AsSpan(rank * Bytes, Bytes)).TrimEnd('\0'))];
    }

    /// <summary>Ends all processes at once, with a message. It does not return.</summary>
    /// <param name="message">What has happened, for the user.</param>
    [DoesNotReturn]
    void Abort(string message);
}

/// <summary>A transfer between processes that runs beside the computation.</summary>
public interface ITransfer
{
    /// <summary>
    /// Moves the transfer on and says whether it is done. Messages move while somebody asks.
    /// </summary>
    bool Poll();

    /// <summary>Waits until the transfer is done, or the deadline of the group ends the processes.</summary>
    void Wait();
}
