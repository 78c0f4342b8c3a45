using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Arithmetic in double on one value or on eight side by side. A formula over a table is written once for both. Eight
/// lanes give the same bits as eight single values.
/// </summary>
internal unsafe interface IReal<TSelf> where TSelf : struct, IReal<TSelf>
{
    static abstract TSelf Create(double value);

    static abstract TSelf Load(double* p);

    /// <summary>The value rounded to T, as a double.</summary>
    static abstract TSelf Round<T>(TSelf value) where T : unmanaged;

    static abstract TSelf Abs(TSelf value);

    static abstract TSelf Sqrt(TSelf value);

    /// <summary><paramref name="then"/> if <paramref name="test"/> is 0, else <paramref name="otherwise"/>.</summary>
    static abstract TSelf WhereZero(TSelf test, TSelf then, TSelf otherwise);

    /// <summary>
    /// <paramref name="then"/> if a &gt; b, else <paramref name="otherwise"/>. A NaN is greater than no number.
    /// </summary>
    static abstract TSelf WhereGreater(TSelf a, TSelf b, TSelf then, TSelf otherwise);

    static abstract bool AnyGreater(TSelf a, TSelf b);

    /// <summary>True if a ≤ b in every lane; false if one of them is NaN.</summary>
    static abstract bool AllAtMost(TSelf a, TSelf b);

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, TSelf b);

    static abstract TSelf operator /(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a);

    void Store(double* p);

    /// <summary>Stores the value rounded to T.</summary>
    void StoreAs<T>(T* p) where T : unmanaged;
}

/// <summary>One double.</summary>
internal readonly unsafe struct One(double value) : IReal<One>
{
    private readonly double _value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Create(double value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Load(double* p) => new(*p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Round<T>(One value) where T : unmanaged =>
        typeof(T) == typeof(float) ? new((float)value._value) : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Abs(One value) => new(Math.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Sqrt(One value) => new(Math.Sqrt(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One WhereZero(One test, One then, One otherwise) => test._value == 0 ? then : otherwise;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One WhereGreater(One a, One b, One then, One otherwise) => a._value > b._value ? then : otherwise;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreater(One a, One b) => a._value > b._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllAtMost(One a, One b) => a._value <= b._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator +(One a, One b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator -(One a, One b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator *(One a, One b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator /(One a, One b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator -(One a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(double* p) => *p = _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreAs<T>(T* p) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) *(float*)p = (float)_value;
        else *(double*)p = _value;
    }
}

/// <summary>Eight doubles: a pack.</summary>
internal readonly unsafe struct Eight(Vector512<double> value) : IReal<Eight>
{
    /// <summary>Number of values side by side.</summary>
    public const int Count = 8;

    private readonly Vector512<double> _value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight Create(double value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight Load(double* p) => new(Simd.Load(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight Round<T>(Eight value) where T : unmanaged => new(Widen.Round<T>(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight Abs(Eight value) => new(Vector512.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight Sqrt(Eight value) => new(Vector512.Sqrt(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight WhereZero(Eight test, Eight then, Eight otherwise) => new(Vector512.ConditionalSelect(
        Vector512.Equals(test._value, Vector512<double>.Zero), then._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight WhereGreater(Eight a, Eight b, Eight then, Eight otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a._value, b._value), then._value, otherwise._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreater(Eight a, Eight b) => Vector512.GreaterThanAny(a._value, b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllAtMost(Eight a, Eight b) => Vector512.LessThanOrEqualAll(a._value, b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight operator +(Eight a, Eight b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight operator -(Eight a, Eight b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight operator *(Eight a, Eight b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight operator /(Eight a, Eight b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Eight operator -(Eight a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(double* p) => Simd.Store(p, _value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreAs<T>(T* p) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) Widen.Narrow(_value).Store((float*)p);
        else Simd.Store((double*)p, _value);
    }
}
