using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>Computes the shapes of broadcast operands and of reductions, as plans for the kernels.</summary>
internal static class Broadcasting
{
    /// <summary>The shape to which two operands broadcast.</summary>
    /// <exception cref="ArgumentException">The operands differ in a dimension, and it is 1 in neither.</exception>
    public static Shape Shape(string op, Shape a, Shape b)
    {
        int rank = Math.Max(a.Rank, b.Rank);
        Span<int> sizes = stackalloc int[rank];
        for (int i = 1; i <= rank; i++)
        {
            int sizeA = i <= a.Rank ? a[-i] : 1, sizeB = i <= b.Rank ? b[-i] : 1;
            if (sizeA != sizeB && sizeA != 1 && sizeB != 1)
            {
                throw new ArgumentException(
                    $"{op}: expected shapes that broadcast (dimensions, counted from the end, equal or 1), "
                    + $"got {a} and {b}. Reshape one of them, or keep reduced dimensions with keepDims: true.",
                    nameof(b));
            }

            sizes[^i] = sizeA == 1 ? sizeB : sizeA;
        }

        return new Shape(sizes);
    }

    /// <summary>The plan of an elementwise loop over <paramref name="y"/>.</summary>
    public static BroadcastPlan Plan(Shape y, Shape a, Shape b, Shape c)
    {
        Span<int> sizes = stackalloc int[4 * Evenkeel.Shape.MaxRank];
        Span<int> sizesY = Copy(y, sizes), sizesA = Copy(a, sizes[6..]), sizesB = Copy(b, sizes[12..]),
            sizesC = Copy(c, sizes[18..]);
        return BroadcastPlan.Create(sizesY, sizesA, sizesB, sizesC);
    }

    /// <summary>
    /// The plan that sums <paramref name="full"/> over the dimensions along which <paramref name="small"/> was
    /// repeated.
    /// </summary>
    public static ReductionPlan Reduction(Shape full, Shape small)
    {
        uint reduced = 0;
        for (int i = 0; i < full.Rank; i++)
        {
            int own = i - (full.Rank - small.Rank);
            if (own < 0 || (small[own] == 1 && full[i] != 1)) reduced |= 1u << i;
        }

        return Reduction(full, reduced);
    }

    /// <summary>The plan of a reduction over the dimensions whose bits are set.</summary>
    public static ReductionPlan Reduction(Shape shape, uint reduced)
    {
        Span<int> sizes = stackalloc int[Evenkeel.Shape.MaxRank];
        return ReductionPlan.Create(Copy(shape, sizes), reduced);
    }

    /// <summary>Axes as bits. No axis means all axes. Negative ones count from the end.</summary>
    /// <exception cref="ArgumentException">An axis does not exist or is given twice.</exception>
    public static uint Axes(string op, Shape shape, ReadOnlySpan<int> axes)
    {
        if (axes.IsEmpty) return (1u << shape.Rank) - 1;
        uint bits = 0;
        foreach (int axis in axes)
        {
            uint bit = 1u << Axis(op, shape, axis);
            if ((bits & bit) != 0)
            {
                throw new ArgumentException(
                    $"{op}: expected each axis once, got axis {axis} twice for shape {shape}.", nameof(axes));
            }

            bits |= bit;
        }

        return bits;
    }

    /// <summary>An axis counted from the front.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist.</exception>
    public static int Axis(string op, Shape shape, int axis)
    {
        int positive = axis < 0 ? axis + shape.Rank : axis;
        if ((uint)positive >= (uint)shape.Rank)
        {
            throw new ArgumentOutOfRangeException(nameof(axis),
                $"{op}: expected an axis from {-shape.Rank} to {shape.Rank - 1} for shape {shape}, got {axis}.");
        }

        return positive;
    }

    /// <summary>The shape that remains after the dimensions whose bits are set are reduced.</summary>
    public static Shape Reduced(Shape shape, uint reduced, bool keepDims)
    {
        Span<int> sizes = stackalloc int[Evenkeel.Shape.MaxRank];
        int rank = 0;
        for (int i = 0; i < shape.Rank; i++)
        {
            bool sums = (reduced >> i & 1) != 0;
            if (!sums) sizes[rank++] = shape[i];
            else if (keepDims) sizes[rank++] = 1;
        }

        return new Shape(sizes[..rank]);
    }

    /// <summary>The number of elements before an axis, along it, and behind it.</summary>
    public static (int Outer, int Length, int Inner) Around(Shape shape, int axis)
    {
        int outer = 1, inner = 1;
        for (int i = 0; i < axis; i++) outer *= shape[i];
        for (int i = axis + 1; i < shape.Rank; i++) inner *= shape[i];
        return (outer, shape[axis], inner);
    }

    private static Span<int> Copy(Shape shape, Span<int> sizes)
    {
        shape.CopyTo(sizes);
        return sizes[..shape.Rank];
    }
}

/// <summary>The formula f(a, b) = a.</summary>
internal readonly struct Identity<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool ReadsB => false;

    public static bool ReadsC => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a;
}

/// <summary>The formula f(a, b) = b: the loop only repeats the second operand.</summary>
internal readonly struct Second<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool ReadsB => true;

    public static bool ReadsC => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => b;
}
