using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>What is done with a row of a transposed block before it is stored.</summary>
internal interface IRowRule
{
    /// <summary>The row to store.</summary>
    /// <param name="row">The row as it is.</param>
    /// <param name="index">Its number, 0 to 15.</param>
    Vector512<float> Apply(Vector512<float> row, int index);
}

/// <summary>Rows are stored as they are.</summary>
internal readonly struct AsItIs : IRowRule
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> row, int index) => row;
}

/// <summary>A block of sixteen rows of sixteen values, transposed in registers. It takes AVX-512.</summary>
internal static unsafe class BlockTranspose
{
    /// <summary>Rows and columns of a block.</summary>
    public const int Size = 16;

    public static bool IsSupported => Avx512F.IsSupported;

    /// <summary><c>to[c·toRow + r] = rule(from[r·fromRow + c])</c>.</summary>
    /// <param name="from">The first row.</param>
    /// <param name="fromRow">Distance of the rows that are read.</param>
    /// <param name="to">The first row of the transposed block.</param>
    /// <param name="toRow">Distance of the rows that are written.</param>
    /// <param name="rule">What is done with each of them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TRule>(float* from, nint fromRow, float* to, nint toRow, TRule rule)
        where TRule : struct, IRowRule
    {
        // Each group of four rows becomes four packs: in quarter q of pack i is column 4q + i of the four rows.
        Vector512<float> a0 = Simd.Load(from + (0 * fromRow)), b0 = Simd.Load(from + (1 * fromRow)),
            c0 = Simd.Load(from + (2 * fromRow)), d0 = Simd.Load(from + (3 * fromRow));
        Quarter(ref a0, ref b0, ref c0, ref d0);
        Vector512<float> a1 = Simd.Load(from + (4 * fromRow)), b1 = Simd.Load(from + (5 * fromRow)),
            c1 = Simd.Load(from + (6 * fromRow)), d1 = Simd.Load(from + (7 * fromRow));
        Quarter(ref a1, ref b1, ref c1, ref d1);
        Vector512<float> a2 = Simd.Load(from + (8 * fromRow)), b2 = Simd.Load(from + (9 * fromRow)),
            c2 = Simd.Load(from + (10 * fromRow)), d2 = Simd.Load(from + (11 * fromRow));
        Quarter(ref a2, ref b2, ref c2, ref d2);
        Vector512<float> a3 = Simd.Load(from + (12 * fromRow)), b3 = Simd.Load(from + (13 * fromRow)),
            c3 = Simd.Load(from + (14 * fromRow)), d3 = Simd.Load(from + (15 * fromRow));
        Quarter(ref a3, ref b3, ref c3, ref d3);
        Columns(a0, a1, a2, a3, to, toRow, 0, rule);
        Columns(b0, b1, b2, b3, to, toRow, 1, rule);
        Columns(c0, c1, c2, c3, to, toRow, 2, rule);
        Columns(d0, d1, d2, d3, to, toRow, 3, rule);
    }

    /// <summary>The quarters of four rows are transposed, each by itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarter(
        ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c, ref Vector512<float> d)
    {
        Vector512<double> lowAB = Avx512F.UnpackLow(a, b).AsDouble(), highAB = Avx512F.UnpackHigh(a, b).AsDouble(),
            lowCD = Avx512F.UnpackLow(c, d).AsDouble(), highCD = Avx512F.UnpackHigh(c, d).AsDouble();
        a = Avx512F.UnpackLow(lowAB, lowCD).AsSingle();
        b = Avx512F.UnpackHigh(lowAB, lowCD).AsSingle();
        c = Avx512F.UnpackLow(highAB, highCD).AsSingle();
        d = Avx512F.UnpackHigh(highAB, highCD).AsSingle();
    }

    /// <summary>Stores the columns i, i + 4, i + 8 and i + 12 of sixteen rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Columns<TRule>(Vector512<float> p0, Vector512<float> p1, Vector512<float> p2,
        Vector512<float> p3, float* to, nint toRow, int i, TRule rule) where TRule : struct, IRowRule
    {
        const byte Even = 0b10_00_10_00, Odd = 0b11_01_11_01;
        Vector512<float> even01 = Avx512F.Shuffle4x128(p0, p1, Even), even23 = Avx512F.Shuffle4x128(p2, p3, Even),
            odd01 = Avx512F.Shuffle4x128(p0, p1, Odd), odd23 = Avx512F.Shuffle4x128(p2, p3, Odd);
        Simd.Store(to + (i * toRow), rule.Apply(Avx512F.Shuffle4x128(even01, even23, Even), i));
        Simd.Store(to + ((i + 4) * toRow), rule.Apply(Avx512F.Shuffle4x128(odd01, odd23, Even), i + 4));
        Simd.Store(to + ((i + 8) * toRow), rule.Apply(Avx512F.Shuffle4x128(even01, even23, Odd), i + 8));
        Simd.Store(to + ((i + 12) * toRow), rule.Apply(Avx512F.Shuffle4x128(odd01, odd23, Odd), i + 12));
    }
}
