using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Neighbouring columns that go together: a whole stripe, or one pack of what is left of the matrix. The last pack overlaps the one before it; a matrix of
/// fewer columns than a pack is one partial pack.
/// </summary>
/// <param name="Start">The first column.</param>
/// <param name="Lanes">Number of columns; 0 behind the last block.</param>
/// <param name="Padded">The same, rounded up to whole packs.</param>
internal readonly unsafe record struct ColumnBlock(int Start, int Lanes, int Padded)
{
    /// <summary>The first block of stripe number <paramref name="stripe"/> of a matrix.</summary>
    public static ColumnBlock First<T>(int stripe, int columns) where T : unmanaged
    {
        int width = Columns.StripeColumns<T>();
        int start = stripe * width;
        return columns - start >= width ? new ColumnBlock(start, width, width) : Pack<T>(start, columns);
    }

    /// <summary>The block behind this one in the same stripe.</summary>
    public ColumnBlock Next<T>(int stripe, int columns) where T : unmanaged
    {
        int next = Start + Lanes;
        return next >= columns || next >= (stripe + 1) * Columns.StripeColumns<T>() ? default : Pack<T>(next, columns);
    }

    /// <summary>Doubles <paramref name="j"/> .. j+7 of a row of values, one a column of this block; zero behind the last column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> Load(double* row, int j) =>
        j + Vector512<double>.Count <= Lanes ? Simd.Load(row + j) : j < Lanes ? Simd.LoadPartial(row + j, Lanes - j) : default;

    /// <summary>Stores doubles j .. j+7 of a row of values; nothing behind the last column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Save(double* row, Vector512<double> v, int j)
    {
        if (j + Vector512<double>.Count <= Lanes) Simd.Store(row + j, v);
        else if (j < Lanes) Simd.StorePartial(row + j, v, Lanes - j);
    }

    /// <summary>Values j .. j+7 of a parameter, one a column of the matrix, as doubles; <paramref name="missing"/> where there is no parameter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<double> LoadParameter<T>(T* parameter, int j, double missing) where T : unmanaged
    {
        if (parameter is null) return Vector512.Create(missing);
        T* at = parameter + Start + j;
        int lanes = Math.Min(Vector512<double>.Count, Lanes - j);
        if (lanes <= 0) return default;
        if (typeof(T) != typeof(float)) return lanes == Vector512<double>.Count ? Simd.Load((double*)at) : Simd.LoadPartial((double*)at, lanes);
        if (lanes == Vector512<double>.Count)
        {
            Vector256<float> half = Vector256.Load((float*)at);
            return Vector512.Create(Vector256.WidenLower(half), Vector256.WidenUpper(half));
        }

        return Vector512.WidenLower(Simd.LoadPartial((float*)at, lanes));
    }

    /// <summary>Rounds values j .. j+7 to T and stores them into a parameter's gradient, where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SaveParameter<T>(T* gradient, int j, Vector512<double> v) where T : unmanaged
    {
        if (gradient is null) return;
        T* at = gradient + Start + j;
        int lanes = Math.Min(Vector512<double>.Count, Lanes - j);
        if (lanes <= 0) return;
        Vector512<T> rounded = Widen.Narrow<T>(v, v);
        if (typeof(T) == typeof(float) && lanes == Vector256<float>.Count) rounded.AsSingle().GetLower().Store((float*)at);
        else Simd.StorePartial(at, rounded, lanes);
    }

    private static ColumnBlock Pack<T>(int start, int columns) where T : unmanaged
    {
        int width = Vector512<T>.Count;
        return columns < width ? new ColumnBlock(0, columns, width) : new ColumnBlock(Math.Min(start, columns - width), width, width);
    }
}
