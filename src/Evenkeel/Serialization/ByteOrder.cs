using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Evenkeel.Serialization;

/// <summary>Turns big-endian values of a file into little-endian ones, and the other way round.</summary>
internal static class ByteOrder
{
    /// <summary>Reverses the bytes of each value, in place.</summary>
    /// <param name="values">The values.</param>
    /// <param name="size">The bytes of one value: 2, 4 or 8. Single bytes stay.</param>
    public static void Reverse(Span<byte> values, int size)
    {
        switch (size)
        {
            case 2:
                Span<ushort> twos = MemoryMarshal.Cast<byte, ushort>(values);
                BinaryPrimitives.ReverseEndianness(twos, twos);
                break;
            case 4:
                Span<uint> fours = MemoryMarshal.Cast<byte, uint>(values);
                BinaryPrimitives.ReverseEndianness(fours, fours);
                break;
            case 8:
                Span<ulong> eights = MemoryMarshal.Cast<byte, ulong>(values);
                BinaryPrimitives.ReverseEndianness(eights, eights);
                break;
        }
    }
}
