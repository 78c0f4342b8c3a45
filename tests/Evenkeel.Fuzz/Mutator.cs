using System.Buffers.Binary;
using System.IO.Compression;

namespace Evenkeel.Fuzz;

/// <summary>Damages a file in a few places, as a bad disk, a bad program or somebody with a plan would.</summary>
public sealed class Mutator(int seed)
{
    /// <summary>Numbers at the edges of types, as sizes and offsets in binary headers.</summary>
    private static readonly long[] s_numbers =
    [
        0, 1, -1, 2, 7, 127, 128, 255, 256, 1 << 16, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 31, 1L << 32,
        1L << 40, long.MaxValue, long.MinValue,
    ];

    /// <summary>The same in texts, as in headers of JSON or of Python.</summary>
    private static readonly string[] s_texts =
    [
        "0", "-1", "1", "4294967296", "9223372036854775807", "18446744073709551616", "1e9", "[]", "{}", "\"", "'",
        "True", "null", "(", ",", "../", "\\u0000",
    ];

    private readonly System.Random _random = new(seed);

    /// <summary>A damaged copy.</summary>
    /// <param name="file">The file.</param>
    /// <param name="other">Another file of the format, of which a piece may be taken.</param>
    public byte[] Mutate(byte[] file, byte[] other)
    {
        // Most damage to an archive is found by its checksums: half of it goes into an entry that is packed again.
        if (file.AsSpan().StartsWith("PK"u8) && _random.Next(2) == 0) return MutateEntry(file, other);
        byte[] changed = [.. file];
        for (int times = _random.Next(1, 5); times > 0 && changed.Length > 0; times--) changed = Once(changed, other);
        return changed;
    }

    private byte[] Once(byte[] file, byte[] other)
    {
        int at = Place(file.Length);
        Span<byte> rest = file.AsSpan(at);
        switch (_random.Next(11))
        {
            case 0 or 1: rest[0] ^= (byte)(1 << _random.Next(8)); return file;
            case 2: rest[0] = (byte)_random.Next(256); return file;
            case 3:
                long number = s_numbers[_random.Next(s_numbers.Length)] + _random.Next(-1, 2);
                Span<byte> bytes = stackalloc byte[8];
                if (_random.Next(4) == 0) BinaryPrimitives.WriteInt64BigEndian(bytes, number);
                else BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
                int width = Math.Min(1 << _random.Next(4), rest.Length);
                bytes[..width].CopyTo(rest);
                return file;
            case 4: return file[.._random.Next(file.Length)];
            case 5:
                int cut = Math.Min(_random.Next(1, 40), rest.Length);
                return [.. file[..at], .. file[(at + cut)..]];
            case 6:
                int again = Math.Min(_random.Next(1, 200), rest.Length);
                return [.. file[..(at + again)], .. file[at..]];
            case 7:
                string text = s_texts[_random.Next(s_texts.Length)];
                int over = Math.Min(_random.Next(text.Length + 1), rest.Length);
                return [.. file[..at], .. System.Text.Encoding.ASCII.GetBytes(text), .. file[(at + over)..]];
            case 8:
                int from = _random.Next(other.Length + 1), length = Math.Min(_random.Next(200), other.Length - from);
                return [.. file[..at], .. other[from..(from + length)], .. file[at..]];
            case 9: rest[..Math.Min(_random.Next(1, 32), rest.Length)].Clear(); return file;
            default: return [.. file, .. new byte[_random.Next(1, 64)]];
        }
    }

    /// <summary>Headers are at the beginning, the table of an archive at the end: they are hit more often.</summary>
    private int Place(int length) => _random.Next(4) switch
    {
        0 => _random.Next(Math.Min(length, 256)),
        1 => length - 1 - _random.Next(Math.Min(length, 256)),
        _ => _random.Next(length),
    };

    private byte[] MutateEntry(byte[] file, byte[] other)
    {
        using var result = new MemoryStream();
        using (var from = new ZipArchive(new MemoryStream(file)))
        using (var to = new ZipArchive(result, ZipArchiveMode.Create, leaveOpen: true))
        {
            int chosen = _random.Next(from.Entries.Count);
            for (int i = 0; i < from.Entries.Count; i++)
            {
                using var content = new MemoryStream();
                using (Stream entry = from.Entries[i].Open()) entry.CopyTo(content);
                byte[] bytes = content.ToArray();
                if (i == chosen && bytes.Length > 0)
                {
                    for (int times = _random.Next(1, 4); times > 0 && bytes.Length > 0; times--)
                        bytes = Once(bytes, other);
                }

                CompressionLevel level =
                    _random.Next(8) == 0 ? CompressionLevel.Fastest : CompressionLevel.NoCompression;
                using Stream packed = to.CreateEntry(from.Entries[i].FullName, level).Open();
                packed.Write(bytes);
            }
        }

        return result.ToArray();
    }
}
