using System.Buffers;

namespace Evenkeel.Tables;

/// <summary>Whole rows of a text.</summary>
/// <param name="Bytes">A buffer of the pool, which whoever has read the block gives back.</param>
/// <param name="Length">Number of bytes.</param>
/// <param name="FirstLine">The line in which the block begins, from 1.</param>
/// <param name="IsFirst">Whether the text begins here.</param>
internal readonly record struct Block(byte[] Bytes, int Length, long FirstLine, bool IsFirst)
{
    public ReadOnlySpan<byte> Text => Bytes.AsSpan(0, Length);

    public void Return() => ArrayPool<byte>.Shared.Return(Bytes);
}
