using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

// The formulas of the norms: structs of one to three lines, which the loops of Segments, Planes and Columns take as
// types. Their constants are made by NormTheorem.

/// <summary>Σx.</summary>
internal readonly struct Value<T> : ITerm<T>, IGroupwise<Value<T>, T> where T : unmanaged
{
    public static bool UsesDy => false;

    public static bool HasProduct => false;

    public static Value<T> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => w;
}

/// <summary>Σx².</summary>
internal readonly struct Square<T> : ITerm<T>, IGroupwise<Square<T>, T> where T : unmanaged
{
    public static bool UsesDy => false;

    public static bool HasProduct => false;

    public static Square<T> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => w * w;
}

/// <summary>Σd and Σd², d = x - pivot.</summary>
internal readonly unsafe struct Deviation<T>(Vector512<T> pivot) : ITerm<T>, IGroupwise<Deviation<T>, T>
    where T : unmanaged
{
    public static bool UsesDy => false;

    public static bool HasProduct => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Deviation<T> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
        new(TLanes.Load(constants.Pivot));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => x - pivot;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => w;
}

/// <summary>What y of a group is made with, in every lane or lane by lane.</summary>
/// <remarks>
/// A struct of its own inside <see cref="Normalize{T, TEpilogue}"/>: a formula of three 512-bit packs that is made anew
/// in a loop is kept on the stack by the JIT, and one that holds them in a struct is kept in registers.
/// </remarks>
internal readonly record struct Affine<T>(Vector512<T> Pivot, Vector512<T> Scale, Vector512<T> Shift)
    where T : unmanaged;

/// <summary>y = (x - pivot)·scale + shift with scale = gamma·rstd, shift = beta - low·scale.</summary>
internal readonly unsafe struct Normalize<T, TEpilogue>(Affine<T> affine)
    : IMap<T>, IGroupwise<Normalize<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Normalize<T, TEpilogue> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
        new(new(TLanes.Load(constants.Pivot), TLanes.Load(constants.Scale), TLanes.Load(constants.Shift)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy) =>
        TEpilogue.Apply(Simd.Fma(x - affine.Pivot, affine.Scale, affine.Shift));

    /// <summary>All positions are normalized, those too that the statistics leave out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy, Vector512<T> counts) => Invoke(x, dy);

    /// <summary>x - pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Centered(Vector512<T> x) => x - affine.Pivot;

    /// <summary>The gradient before the epilogue, whose input is computed anew from x - pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Dy(Vector512<T> centered, Vector512<T> dy) =>
        TEpilogue.Backward(Simd.Fma(centered, affine.Scale, affine.Shift), dy);
}

/// <summary>Σdy and Σdy·(x - pivot): dbeta, and what dgamma is made of.</summary>
internal readonly struct Cotangent<T, TEpilogue>(Normalize<T, TEpilogue> forward)
    : ITerm<T>, IGroupwise<Cotangent<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => true;

    public static bool HasProduct => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Cotangent<T, TEpilogue> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
        new(Normalize<T, TEpilogue>.Of<TLanes>(constants));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => forward.Centered(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => forward.Dy(w, dy);
}

/// <summary>Σ|dy|, dy behind the epilogue.</summary>
internal readonly struct Magnitude<T, TEpilogue>(Normalize<T, TEpilogue> forward)
    : ITerm<T>, IGroupwise<Magnitude<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => true;

    public static bool HasProduct => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Magnitude<T, TEpilogue> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
        new(Normalize<T, TEpilogue>.Of<TLanes>(constants));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> W(Vector512<T> x) => forward.Centered(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => Vector512.Abs(forward.Dy(w, dy));
}

/// <summary>
/// dx = a·dy + b·(x-pivot) + c, a = gamma·rstd; b and c are those of <see cref="NormTheorem.Slopes{T}"/>.
/// </summary>
internal readonly unsafe struct InputGradient<T, TEpilogue>(
    Normalize<T, TEpilogue> forward, Vector512<T> a, Vector512<T> b, Vector512<T> c)
    : IMap<T>, IGroupwise<InputGradient<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue
{
    public static bool UsesDy => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static InputGradient<T, TEpilogue> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes => new(
        Normalize<T, TEpilogue>.Of<TLanes>(constants), TLanes.Load(constants.Scale), TLanes.Load(constants.B),
        TLanes.Load(constants.C));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy)
    {
        Vector512<T> centered = forward.Centered(x);
        return Simd.Fma(a, forward.Dy(centered, dy), Simd.Fma(b, centered, c));
    }

    /// <summary>
    /// The statistics, through which b and c come, are no functions of a position that they leave out.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy, Vector512<T> counts)
    {
        Vector512<T> centered = forward.Centered(x);
        return Simd.Fma(a, forward.Dy(centered, dy), Simd.Fma(b, centered, c) & counts);
    }
}
