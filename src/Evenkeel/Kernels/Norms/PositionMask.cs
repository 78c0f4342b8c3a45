using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Which positions of a group count: what the loops of <see cref="Segments"/> and <see cref="Columns"/> lay over
/// their terms and maps. A position that does not count adds exact zeros, whatever its value is, so a mask of
/// ones gives the bits of none.
/// </summary>
internal unsafe interface IPositionMask<T, TSelf> where T : unmanaged
{
    /// <summary>True where every position counts: then the loops read no mask.</summary>
    static abstract bool IsNone { get; }

    /// <summary>The mask of a run, or of a row of a matrix.</summary>
    TSelf Run(int run);

    /// <summary>The mask of every <paramref name="step"/>th run.</summary>
    TSelf Every(int step);

    /// <summary>
    /// All ones in the lanes that count, zero in the others, of the pack that begins at place
    /// <paramref name="i"/> of the run.
    /// </summary>
    Vector512<T> Load(nint i);

    /// <summary>Whether place <paramref name="i"/> of the run counts.</summary>
    bool Counts(nint i);
}

/// <summary>No mask.</summary>
internal readonly unsafe struct NoMask<T> : IPositionMask<T, NoMask<T>> where T : unmanaged
{
    public static bool IsNone => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoMask<T> Run(int run) => default;

    public NoMask<T> Every(int step) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Load(nint i) => Vector512<T>.AllBitsSet;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Counts(nint i) => true;
}

/// <summary>
/// A mask with a place for each value of a run, as <see cref="MaskBits"/> writes it; its runs are
/// <paramref name="stride"/> apart.
/// </summary>
internal readonly unsafe struct RunMask<T>(T* bits, nint stride) : IPositionMask<T, RunMask<T>> where T : unmanaged
{
    public static bool IsNone => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RunMask<T> Run(int run) => new(bits + run * stride, stride);

    public RunMask<T> Every(int step) => new(bits, step * stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Load(nint i) => Simd.Load(bits + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Counts(nint i) => Unsafe.ReadUnaligned<int>(bits + i) != 0;
}

/// <summary>A mask with one place for a whole row of a matrix; its rows are <paramref name="stride"/> apart.</summary>
internal readonly unsafe struct RowMask<T>(T* bits, nint stride) : IPositionMask<T, RowMask<T>> where T : unmanaged
{
    public static bool IsNone => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowMask<T> Run(int run) => new(bits + run * stride, stride);

    public RowMask<T> Every(int step) => new(bits, step * stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Load(nint i) => Simd.Broadcast(*bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Counts(nint i) => Unsafe.ReadUnaligned<int>(bits) != 0;
}

/// <summary>
/// Zeros and ones as the loops read them: no bit set, or all bits, in elements of the type that they are laid over.
/// </summary>
internal static unsafe class MaskBits
{
    /// <summary>
    /// Elements behind the last one that are read and do not count: a run shorter than a pack is read as a whole one.
    /// </summary>
    public const int Overrun = 16;

    /// <summary>The number of ones, and of values that are neither 0 nor 1.</summary>
    public static (int Ones, int Others) Count<TValue>(TValue* values, int count)
        where TValue : unmanaged, INumberBase<TValue>
    {
        int ones = 0, others = 0, i = 0;
        for (; i <= count - Vector512<TValue>.Count; i += Vector512<TValue>.Count)
        {
            Vector512<TValue> v = Simd.Load(values + i), isOne = Vector512.Equals(v, Vector512<TValue>.One);
            ones += BitOperations.PopCount(isOne.ExtractMostSignificantBits());
            others += BitOperations.PopCount(
                (~(isOne | Vector512.Equals(v, Vector512<TValue>.Zero))).ExtractMostSignificantBits());
        }

        for (; i < count; i++)
        {
            if (values[i] == TValue.One) ones++;
            else if (values[i] != TValue.Zero) others++;
        }

        return (ones, others);
    }

    /// <summary>Writes bits for <paramref name="count"/> zeros and ones.</summary>
    /// <returns>The number of ones.</returns>
    public static int Write<TValue, T>(
        TValue* values, T* bits, int count) where TValue : unmanaged, INumberBase<TValue> where T : unmanaged
    {
        int ones = 0, i = 0;
        for (; sizeof(TValue) == sizeof(T) && i <= count - Vector512<TValue>.Count; i += Vector512<TValue>.Count)
        {
            Vector512<TValue> isOne = Vector512.Equals(Simd.Load(values + i), Vector512<TValue>.One);
            ones += BitOperations.PopCount(isOne.ExtractMostSignificantBits());
            Simd.Store((TValue*)(bits + i), isOne);
        }

        for (; i < count; i++)
        {
            int one = values[i] == TValue.One ? 1 : 0;
            ones += one;
            if (sizeof(T) == sizeof(int)) ((int*)bits)[i] = -one;
            else ((long*)bits)[i] = -one;
        }

        return ones;
    }
}
