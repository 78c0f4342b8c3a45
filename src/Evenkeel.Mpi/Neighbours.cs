using System.Buffers.Binary;
using System.Text;

namespace Evenkeel.Mpi;

/// <summary>Who the processes of a group are, and which of those on this machine still live.</summary>
internal sealed class Neighbours
{
    /// <summary>Bytes with which a process introduces itself.</summary>
    public const int CardBytes = 256;

    private readonly string[] _hosts;
    private readonly int[] _processes;
    private readonly bool[] _isHere;
    private readonly int _rank;

    /// <summary>Reads the cards of all processes.</summary>
    public Neighbours(int rank, ReadOnlySpan<byte> cards)
    {
        int size = cards.Length / CardBytes;
        (_rank, _hosts, _processes, _isHere) = (rank, new string[size], new int[size], new bool[size]);
        string own = Text(cards.Slice(rank * CardBytes, CardBytes)).Place;
        for (int other = 0; other < size; other++)
        {
            ReadOnlySpan<byte> card = cards.Slice(other * CardBytes, CardBytes);
            (_hosts[other], string place) = Text(card);
            _processes[other] = BinaryPrimitives.ReadInt32LittleEndian(card);
            _isHere[other] = place.Length > 0 && place == own;
        }
    }

    /// <summary>The card of this process: its number in the system, its machine, and its place.</summary>
    public static byte[] OwnCard()
    {
        byte[] card = new byte[CardBytes];
        BinaryPrimitives.WriteInt32LittleEndian(card, Environment.ProcessId);
        // The same numbers of processes mean the same ones only on one machine, in one name space.
        string place = OperatingSystem.IsLinux()
            ? ReadOrEmpty("/proc/sys/kernel/random/boot_id") + (new FileInfo("/proc/self/ns/pid").LinkTarget ?? "")
            : "";
        Encoding.UTF8.GetEncoder().Convert(
            $"{Environment.MachineName}\n{place}", card.AsSpan(sizeof(int)), flush: true, out _, out _, out _);
        return card;
    }

    /// <summary>The processes of this machine.</summary>
    public int CountHere => Math.Max(1, _isHere.Count(static isHere => isHere));

    /// <summary>A process in words.</summary>
    public string NameOf(int rank) => $"rank {rank} on {_hosts[rank]}";

    /// <summary>A process of this machine that has ended; -1 if there is none.</summary>
    public int FindDead()
    {
        for (int rank = 0; rank < _hosts.Length; rank++)
        {
            if (rank != _rank && _isHere[rank] && !IsAlive(_processes[rank])) return rank;
        }

        return -1;
    }

    /// <summary>Whether this is the lowest rank of its machine that lives: it speaks for all.</summary>
    public bool Speaks()
    {
        for (int rank = 0; rank < _rank; rank++)
        {
            if (_isHere[rank] && IsAlive(_processes[rank])) return false;
        }

        return true;
    }

    private static bool IsAlive(int process)
    {
        string state = ReadOrEmpty($"/proc/{process}/stat");
        int end = state.LastIndexOf(')');
        return end >= 0 && end + 2 < state.Length && state[end + 2] is not ('Z' or 'X');
    }

    private static (string Host, string Place) Text(ReadOnlySpan<byte> card)
    {
        string[] lines = Encoding.UTF8.GetString(card[sizeof(int)..]).TrimEnd('\0').Split('\n');
        return (lines[0], lines.Length > 1 ? lines[1] : "");
    }

    private static string ReadOrEmpty(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
