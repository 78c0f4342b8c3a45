namespace Evenkeel.Data;

/// <summary>
/// The checksum of PNG's chunks: CRC-32 with the reflected polynomial 0xEDB88320, as in ISO 3309. Four tables process
/// four bytes per step.
/// </summary>
internal static class Crc32
{
    private static readonly uint[][] s_tables = CreateTables();

    /// <summary>
    /// The checksum of <paramref name="bytes"/> after data whose checksum is <paramref name="crc"/>. The first call
    /// takes 0.
    /// </summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        uint[] t0 = s_tables[0], t1 = s_tables[1], t2 = s_tables[2], t3 = s_tables[3];
        uint c = ~crc;
        int i = 0;
        for (; i + 4 <= bytes.Length; i += 4)
        {
            c ^= (uint)(bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24);
            c = t3[c & 0xFF] ^ t2[c >> 8 & 0xFF] ^ t1[c >> 16 & 0xFF] ^ t0[c >> 24];
        }

        for (; i < bytes.Length; i++) c = t0[(c ^ bytes[i]) & 0xFF] ^ c >> 8;
        return ~c;
    }

    private static uint[][] CreateTables()
    {
        uint[][] tables = [new uint[256], new uint[256], new uint[256], new uint[256]];
        for (uint n = 0; n < 256; n++)
        {
            uint c = n;
            for (int bit = 0; bit < 8; bit++) c = (c & 1) != 0 ? 0xEDB88320u ^ c >> 1 : c >> 1;
            tables[0][n] = c;
        }

        for (int table = 1; table < 4; table++)
        {
            for (int n = 0; n < 256; n++)
                tables[table][n] = tables[0][tables[table - 1][n] & 0xFF] ^ tables[table - 1][n] >> 8;
        }

        return tables;
    }
}
