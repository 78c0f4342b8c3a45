namespace Evenkeel.Kernels;

/// <summary>
/// What the kernels expect of their arguments, for <c>Debug.Assert</c> at their entries. A release build asks nothing:
/// the callers have checked what a user gave.
/// </summary>
internal static unsafe class Contracts
{
    /// <summary>True if the address is aligned to a pack, or null.</summary>
    public static bool IsAligned(void* p) => (nint)p % Simd.Alignment == 0;

    /// <summary>True if two stretches of memory have no element in common. Null has no elements.</summary>
    public static bool AreApart<T>(T* a, long aCount, T* b, long bCount) where T : unmanaged =>
        a == null || b == null || aCount <= 0 || bCount <= 0 || a + aCount <= b || b + bCount <= a;

    /// <summary>
    /// True if an elementwise loop may write <paramref name="y"/> while it reads <paramref name="x"/>: the same memory,
    /// or none in common.
    /// </summary>
    public static bool AreSameOrApart<T>(T* x, T* y, long count) where T : unmanaged =>
        x == y || AreApart(x, count, y, count);
}
