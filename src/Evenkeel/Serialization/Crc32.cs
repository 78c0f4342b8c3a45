using System.Buffers.Binary;

namespace Evenkeel.Serialization;

/// <summary>
/// The checksum of zip archives: CRC-32 with the polynomial 0xEDB88320, eight bytes at a step. .NET's ZipArchive does
/// not check it. Source: PKWARE's APPNOTE.TXT, section 4.4.7.
/// </summary>
internal static class Crc32
{
    private const uint Polynomial = 0xEDB88320;

    /// <summary>Entry k * 256 + b is the checksum of the byte b before k bytes of zeros.</summary>
    private static readonly uint[] s_table = Table();

    /// <summary>The checksum of some bytes more.</summary>
    /// <param name="crc">The checksum of the bytes before them; 0 if there are none.</param>
    /// <param name="bytes">The bytes.</param>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<uint> table = s_table;
        crc = ~crc;
        while (bytes.Length >= 8)
        {
            uint low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            uint high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = table[(7 << 8) + (byte)low] ^ table[(6 << 8) + (byte)(low >> 8)]
                ^ table[(5 << 8) + (byte)(low >> 16)] ^ table[(4 << 8) + (byte)(low >> 24)]
                ^ table[(3 << 8) + (byte)high] ^ table[(2 << 8) + (byte)(high >> 8)]
                ^ table[(1 << 8) + (byte)(high >> 16)] ^ table[(byte)(high >> 24)];
            bytes = bytes[8..];
        }

        foreach (byte value in bytes) crc = table[(byte)(crc ^ value)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] Table()
    {
        uint[] table = new uint[8 << 8];
        for (uint value = 0; value < 256; value++)
        {
            uint crc = value;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * Polynomial);
            table[value] = crc;
        }

        for (int i = 256; i < table.Length; i++) table[i] = table[(byte)table[i - 256]] ^ (table[i - 256] >> 8);
        return table;
    }
}
