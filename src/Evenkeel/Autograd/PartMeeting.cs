using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Evenkeel;

/// <summary>
/// The meeting of the parts of all processes: every process brings the values of its own parts, and gets those of all
/// parts in their order.
/// </summary>
/// <remarks>
/// A message of fixed size says what a process does, with its values if they are few; more values follow in a second
/// message. A process that has no part in a small last batch follows the others (<see cref="Follow"/>).
/// </remarks>
internal sealed class PartMeeting(IProcessGroup group)
{
    private const int HeadBytes = 64, NameBytes = 56, Inline = 120;
    private const int MessageBytes = HeadBytes + (Inline * sizeof(double));
    private const int Following = -1;

    private readonly byte[] _own = new byte[MessageBytes];
    private readonly byte[] _all = new byte[MessageBytes * group.Size];
    private readonly int[] _counts = new int[group.Size];
    private byte[] _more = [];
    private byte[] _allMore = [];

    /// <summary>Gathers the values of all parts.</summary>
    /// <param name="operation">The name of the operation.</param>
    /// <param name="parts">The values of the parts of this process, in their order.</param>
    /// <param name="length">Values per part.</param>
    /// <param name="all">Receives the values of all parts.</param>
    public void Exchange(string operation, ReadOnlySpan<double> parts, int length, Span<double> all)
    {
        WriteHead(operation, length, length == 0 ? 0 : parts.Length / length);
        bool isInline = parts.Length <= Inline;
        if (isInline) MemoryMarshal.AsBytes(parts).CopyTo(_own.AsSpan(HeadBytes));
        group.AllGather(operation, _own, _all);
        Check(operation, length);
        int most = Count(length);
        if (most <= Inline * sizeof(double))
        {
            Span<byte> into = MemoryMarshal.AsBytes(all);
            for (int rank = 0; rank < group.Size; rank++)
            {
                _all.AsSpan((rank * MessageBytes) + HeadBytes, _counts[rank]).CopyTo(into);
                into = into[_counts[rank]..];
            }

            return;
        }

        GatherMore(operation, parts, most, MemoryMarshal.AsBytes(all));
    }

    /// <summary>Takes part in the meetings of the others, without parts, until one of a name is over.</summary>
    /// <param name="last">The name of the last operation.</param>
    public void Follow(string last)
    {
        while (true)
        {
            WriteHead("", Following, 0);
            group.AllGather(last, _own, _all);
            int leader = 0;
            while (leader < group.Size && LengthOf(leader) == Following) leader++;
            string operation = leader < group.Size ? NameOf(leader) : last;
            int most = Count(leader < group.Size ? LengthOf(leader) : 0);
            if (most > Inline * sizeof(double)) GatherMore(operation, [], most, []);
            if (operation == Shortened(last)) return;
        }
    }

    /// <summary>The values of the meeting that <see cref="Follow"/> has seen last: one per part.</summary>
    public double[] Followed()
    {
        var values = new List<double>();
        for (int rank = 0; rank < group.Size; rank++)
        {
            ReadOnlySpan<byte> own = _all.AsSpan((rank * MessageBytes) + HeadBytes, _counts[rank]);
            values.AddRange(MemoryMarshal.Cast<byte, double>(own));
        }

        return [.. values];
    }

    /// <summary>Notes how many bytes each process brings, and returns the most of them.</summary>
    private int Count(int length)
    {
        for (int rank = 0; rank < group.Size; rank++)
            _counts[rank] = Math.Max(0, PartsOf(rank)) * length * sizeof(double);
        return _counts.Max();
    }

    /// <summary>Gathers what is too long for the first message. All processes send as much as the longest.</summary>
    private void GatherMore(string operation, ReadOnlySpan<double> parts, int most, Span<byte> all)
    {
        if (_more.Length < most) (_more, _allMore) = (new byte[most], new byte[most * group.Size]);
        MemoryMarshal.AsBytes(parts).CopyTo(_more);
        group.AllGather(operation, _more.AsSpan(0, most), _allMore.AsSpan(0, most * group.Size));
        for (int rank = 0; rank < group.Size && all.Length > 0; rank++)
        {
            _allMore.AsSpan(rank * most, _counts[rank]).CopyTo(all);
            all = all[_counts[rank]..];
        }
    }

    private void WriteHead(string operation, int length, int parts)
    {
        Span<byte> head = _own.AsSpan(0, HeadBytes);
        head.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(head, length);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], parts);
        Encoding.UTF8.TryGetBytes(Shortened(operation), head[(HeadBytes - NameBytes)..], out _);
    }

    private void Check(string operation, int length)
    {
        for (int rank = 0; rank < group.Size; rank++)
        {
            if (LengthOf(rank) == Following) continue;
            string other = NameOf(rank);
            if (other == Shortened(operation) && LengthOf(rank) == length) continue;
            string why = $"{operation}: {group.NameOf(rank)} came to {other} with {LengthOf(rank)} values and "
                + $"{group.NameOf(group.Rank)} came to {operation} with {length}, at step {group.Step}. All processes "
                + "must run the same layers in the same order.";
            group.Abort(why);
        }
    }

    private int LengthOf(int rank) => BinaryPrimitives.ReadInt32LittleEndian(_all.AsSpan(rank * MessageBytes));

    private int PartsOf(int rank) => BinaryPrimitives.ReadInt32LittleEndian(_all.AsSpan((rank * MessageBytes) + 4));

    private string NameOf(int rank)
    {
        ReadOnlySpan<byte> name = _all.AsSpan((rank * MessageBytes) + HeadBytes - NameBytes, NameBytes);
        int end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }

    /// <summary>Names are shortened to what a message has room for; layers' names are ASCII.</summary>
    private static string Shortened(string operation) =>
        operation.Length <= NameBytes ? operation : operation[..NameBytes];
}
