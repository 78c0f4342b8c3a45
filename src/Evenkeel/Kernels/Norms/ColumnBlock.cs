using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Neighbouring columns that go together: a whole stripe, or one pack of what is left of the matrix. The last pack
/// overlaps the one before it; a matrix of fewer columns than a pack is one partial pack.
/// </summary>
/// <param name="Start">The first column.</param>
/// <param name="Lanes">Number of columns; 0 behind the last block.</param>
internal readonly record struct ColumnBlock(int Start, int Lanes)
{
    /// <summary>The first block of stripe number <paramref name="stripe"/> of a matrix.</summary>
    public static ColumnBlock First<T>(int stripe, int columns) where T : unmanaged
    {
        int width = Columns.StripeColumns<T>();
        int start = stripe * width;
        return columns - start >= width ? new ColumnBlock(start, width) : Pack<T>(start, columns);
    }

    /// <summary>The block behind this one in the same stripe.</summary>
    public ColumnBlock Next<T>(int stripe, int columns) where T : unmanaged
    {
        int next = Start + Lanes;
        return next >= columns || next >= (stripe + 1) * Columns.StripeColumns<T>() ? default : Pack<T>(next, columns);
    }

    private static ColumnBlock Pack<T>(int start, int columns) where T : unmanaged
    {
        int width = Vector512<T>.Count;
        return columns < width ? new ColumnBlock(0, columns) : new ColumnBlock(Math.Min(start, columns - width), width);
    }
}
