using System.Runtime.InteropServices;

namespace Evenkeel.Serialization;

/// <summary>Makes row-major values of column-major ones, in which the first index runs fastest.</summary>
internal static class FortranOrder
{
    /// <summary>Rows and columns of one step. Both sides of it fit into the first cache.</summary>
    private const int Block = 16;

    /// <summary>Writes the values in row-major order.</summary>
    /// <param name="from">The values in column-major order.</param>
    /// <param name="to">As many bytes; not the same memory.</param>
    /// <param name="sizes">The sizes of the dimensions, outermost first.</param>
    /// <param name="size">The number of bytes of one value: 1, 2, 4, 8 or 16.</param>
    public static void ToRowMajor(ReadOnlySpan<byte> from, Span<byte> to, long[] sizes, int size)
    {
        int[] axes = from.IsEmpty ? [] : [.. sizes.Where(static axis => axis != 1).Select(static axis => (int)axis)];
        if (axes.Length < 2)
        {
            from.CopyTo(to);
            return;
        }

        switch (size)
        {
            case 1: Reverse(from, to, axes); break;
            case 2: Reverse<ushort>(from, to, axes); break;
            case 4: Reverse<uint>(from, to, axes); break;
            case 8: Reverse<ulong>(from, to, axes); break;
            default: Reverse<UInt128>(from, to, axes); break;
        }
    }

    private static void Reverse<T>(ReadOnlySpan<byte> from, Span<byte> to, int[] axes) where T : unmanaged =>
        Reverse(MemoryMarshal.Cast<byte, T>(from), MemoryMarshal.Cast<byte, T>(to), axes);

    /// <summary>
    /// The first and the last axis make a matrix for each place on the axes between them. Each matrix is transposed in
    /// blocks.
    /// </summary>
    private static void Reverse<T>(ReadOnlySpan<T> from, Span<T> to, int[] axes) where T : unmanaged
    {
        int rows = axes[0], columns = axes[^1];
        int fromColumn = from.Length / columns, toRow = to.Length / rows;
        int[] place = new int[axes.Length];
        int source = 0, target = 0;
        while (true)
        {
            Transpose(from[source..], to[target..], rows, columns, fromColumn, toRow);
            // The next place. The axis of the smallest step in the source comes first.
            int fromStep = rows, toStep = toRow, axis = 1;
            for (; axis < axes.Length - 1; axis++)
            {
                toStep /= axes[axis];
                source += fromStep;
                target += toStep;
                if (++place[axis] < axes[axis]) break;
                place[axis] = 0;
                fromStep *= axes[axis];
                source -= fromStep;
                target -= toStep * axes[axis];
            }

            if (axis == axes.Length - 1) return;
        }
    }

    private static void Transpose<T>(
        ReadOnlySpan<T> from, Span<T> to, int rows, int columns, int fromColumn, int toRow) where T : unmanaged
    {
        for (int top = 0; top < rows; top += Block)
        {
            int bottom = Math.Min(top + Block, rows);
            for (int left = 0; left < columns; left += Block)
            {
                int right = Math.Min(left + Block, columns);
                for (int row = top; row < bottom; row++)
                {
                    Span<T> line = to[((row * toRow) + left)..((row * toRow) + right)];
                    for (int i = 0; i < line.Length; i++) line[i] = from[((left + i) * fromColumn) + row];
                }
            }
        }
    }
}
