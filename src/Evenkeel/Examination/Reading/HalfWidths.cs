using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>Widens narrow floating-point numbers into a span that is there already.</summary>
internal static class HalfWidths
{
    /// <summary>2^112.</summary>
    private static readonly float s_extraBias = MathF.ScaleB(1, 112);

    /// <summary>The values of a type of at most 16 bits, as single.</summary>
    /// <param name="type">The type.</param>
    /// <param name="from">The values, little-endian.</param>
    /// <param name="to">Takes as many numbers.</param>
    public static void Widen(ElementType type, ReadOnlySpan<byte> from, Span<float> to)
    {
        if (type == ElementType.BF16) FromBF16(MemoryMarshal.Cast<byte, ushort>(from), to);
        else if (type == ElementType.F16) FromF16(MemoryMarshal.Cast<byte, ushort>(from), to);
        else type.Widen(from, [to.Length]).AsSpan<float>().CopyTo(to);
    }

    private static void FromBF16(ReadOnlySpan<ushort> from, Span<float> to)
    {
        int i = 0;
        for (; i <= to.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            (Vector512<uint> low, Vector512<uint> high) =
                Vector512.Widen(Vector512.Create(from.Slice(i, Vector512<ushort>.Count)));
            (low << 16).AsSingle().CopyTo(to[i..]);
            (high << 16).AsSingle().CopyTo(to[(i + Vector512<uint>.Count)..]);
        }

        for (; i < to.Length; i++) to[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << 16);
    }

    private static void FromF16(ReadOnlySpan<ushort> from, Span<float> to)
    {
        int i = 0;
        for (; i <= to.Length - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            (Vector512<uint> low, Vector512<uint> high) =
                Vector512.Widen(Vector512.Create(from.Slice(i, Vector512<ushort>.Count)));
            Widened(low).CopyTo(to[i..]);
            Widened(high).CopyTo(to[(i + Vector512<uint>.Count)..]);
        }

        for (; i < to.Length; i++) to[i] = (float)BitConverter.UInt16BitsToHalf(from[i]);
    }

    /// <summary>
    /// Exponent and fraction move to their places in a single, whose bias is larger by 112; the multiplication corrects
    /// that, for subnormal numbers too.
    /// </summary>
    private static Vector512<float> Widened(Vector512<uint> half)
    {
        Vector512<uint> sign = (half & Vector512.Create(0x8000u)) << 16, rest = half & Vector512.Create(0x7FFFu);
        Vector512<uint> size = ((rest << 13).AsSingle() * Vector512.Create(s_extraBias)).AsUInt32();
        Vector512<uint> isNotFinite = Vector512.GreaterThanOrEqual(rest, Vector512.Create(0x7C00u));
        return (sign | size | (isNotFinite & Vector512.Create(0x7F800000u))).AsSingle();
    }
}
