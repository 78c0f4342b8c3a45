using System.Security.Cryptography;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>
/// Checksums in a safetensors file. They distinguish a damaged file from one that another program has written again.
/// </summary>
/// <remarks>
/// Other programs copy a file's strings (<c>__metadata__</c>) into the files that they write. The tensors of such a
/// file may be new, so a checksum among the strings proves nothing there. Therefore a sealed header carries a mark that
/// no program copies, because it is not part of the content: a space behind the first brace. <list type="bullet">
/// <item>With the mark the file is as Evenkeel wrote it, or damaged: <c>evenkeel.sha256</c> (of all bytes after the
/// header) and <c>evenkeel.header.sha256</c> (of the header, with zeros in the place of its own digits) must be there
/// and right. No single changed bit removes the mark and leaves JSON.</item>
/// <item>Without the mark, another program has written the header, and the strings prove nothing.</item>
/// <item>Earlier versions wrote <c>evenkeel.sha256</c> alone, and no mark. If the header has exactly the bytes that
/// they wrote, the checksum of the data must be right. The exception is a file whose tensors are in the order of
/// Python's safetensors (by type and name), which then writes the same bytes. Few networks of ours have that order,
/// because <c>weight</c> comes before <c>bias</c>. </item></list>
/// </remarks>
internal static class SafeTensorsSeal
{
    /// <summary>The key for the SHA-256 of all bytes after the header. Versions before the mark check it too.</summary>
    internal const string DataName = "evenkeel.sha256";

    /// <summary>The key for the SHA-256 of the header, which holds that of the data.</summary>
    internal const string HeaderName = "evenkeel.header.sha256";

    private const string Remedy = "The file is damaged; fetch or save it again, or use an earlier one.";

    private static readonly string s_blank = new('0', 2 * SHA256.HashSizeInBytes);

    private static ReadOnlySpan<byte> Mark => "{ "u8;

    /// <summary>The header with the mark and both checksums. The archive's own strings stay as they are.</summary>
    public static byte[] Write(IDictionary<string, string> metadata, IReadOnlyList<SafeTensorsEntry> entries,
        string dataHash)
    {
        var strings = new SortedDictionary<string, string>(metadata, StringComparer.Ordinal)
        {
            [DataName] = dataHash,
            [HeaderName] = s_blank,
        };
        byte[] plain = SafeTensorsHeader.Write(strings, entries);
        using var marked = new MemoryStream();
        marked.Write(Mark);
        marked.Write(plain.AsSpan(1).TrimEnd((byte)' '));
        byte[] header = SafeTensorsHeader.Padded(marked);
        string hash = Convert.ToHexStringLower(SHA256.HashData(header));
        Encoding.ASCII.GetBytes(hash, header.AsSpan(PlaceOfHash(header), s_blank.Length));
        return header;
    }

    /// <summary>
    /// Checks a file that has been parsed, and removes the checksums from its strings. They belong to this file, and
    /// the archive may be changed and written again.
    /// </summary>
    /// <param name="stream">The file, at the end of its header.</param>
    /// <param name="header">The header.</param>
    /// <param name="entries">The header's entries.</param>
    /// <param name="metadata">The header's strings.</param>
    /// <param name="file">What errors call the file.</param>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static void Check(
        Stream stream, byte[] header, IReadOnlyList<SafeTensorsEntry> entries, IDictionary<string, string> metadata,
        string file)
    {
        // The space is not a mark if another program wrote it: its file has no checksum of ours.
        bool isMarked = header.AsSpan().StartsWith(Mark)
            && (metadata.ContainsKey(HeaderName) || metadata.ContainsKey(DataName));
        bool isOlder = !isMarked && IsOfEarlierVersion(header, entries, metadata);
        metadata.Remove(HeaderName, out string? headerHash);
        metadata.Remove(DataName, out string? dataHash);
        if (isMarked) CheckHeader(header, headerHash, file);
        if (!isMarked && !isOlder) return;
        string actual = Convert.ToHexStringLower(SHA256.HashData(stream));
        if (actual != dataHash)
        {
            throw SafeTensorsHeader.Bad(file, $"expected data with SHA-256 {dataHash}, got {actual}", isMarked
                ? Remedy
                : $"{Remedy} If another program has written it and copied the strings of an older file, remove " +
                $"\"{DataName}\" from its {SafeTensors.MetadataName}.");
        }
    }

    private static bool IsOfEarlierVersion(
        byte[] header, IReadOnlyList<SafeTensorsEntry> entries, IDictionary<string, string> metadata) =>
        metadata.ContainsKey(DataName) && !metadata.ContainsKey(HeaderName)
        && !SafeTensorsHeader.HasPythonsOrder(entries) && entries.SequenceEqual(SafeTensorsHeader.Place(entries))
        && header.AsSpan().SequenceEqual(SafeTensorsHeader.Write(metadata, entries));

    private static void CheckHeader(byte[] header, string? expected, string file)
    {
        int place = PlaceOfHash(header);
        string actual = "none";
        if (place >= 0 && expected?.Length == s_blank.Length)
        {
            byte[] blanked = [.. header];
            Encoding.ASCII.GetBytes(s_blank, blanked.AsSpan(place));
            actual = Convert.ToHexStringLower(SHA256.HashData(blanked));
        }

        if (actual != expected)
        {
            throw SafeTensorsHeader.Bad(
                file, $"expected a header with SHA-256 {expected ?? "(its digits are missing)"}, got {actual}", Remedy);
        }
    }

    /// <summary>
    /// The place of the digits of the header's checksum; -1 if they are not there. A name cannot hold this text,
    /// because its quotes would be escaped.
    /// </summary>
    private static int PlaceOfHash(ReadOnlySpan<byte> header)
    {
        ReadOnlySpan<byte> key = Encoding.ASCII.GetBytes($"\"{HeaderName}\":\"");
        int place = header.IndexOf(key);
        return place < 0 || place + key.Length + s_blank.Length > header.Length ? -1 : place + key.Length;
    }
}
