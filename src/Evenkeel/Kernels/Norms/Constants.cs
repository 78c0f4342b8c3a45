using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// What the formulas of some groups are made with: numbers of T, one row per constant, one place per group. See
/// <c>NormTheorem</c>, which writes them.
/// </summary>
/// <param name="rows">The first row, of pivots.</param>
/// <param name="stride">Values from a row to the next.</param>
internal readonly unsafe struct Constants<T>(T* rows, nint stride) where T : unmanaged
{
    /// <summary>Number of rows.</summary>
    public const int Rows = 5;

    public T* Pivot => rows;

    public T* Scale => rows + stride;

    public T* Shift => rows + 2 * stride;

    public T* B => rows + 3 * stride;

    public T* C => rows + 4 * stride;

    /// <summary>The constants of the groups from <paramref name="group"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Constants<T> From(nint group) => new(rows + group, stride);
}

/// <summary>A term or a map whose constants differ from group to group.</summary>
internal interface IGroupwise<TSelf, T> where T : unmanaged
{
    /// <summary>
    /// The formula from the first of some constants (all lanes are one group's), or from a pack of
    /// them (a lane is a group).
    /// </summary>
    static abstract TSelf Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes;
}

/// <summary>How the lanes of a pack and the groups belong together.</summary>
internal unsafe interface ILanes
{
    static abstract Vector512<T> Load<T>(T* constants) where T : unmanaged;
}

/// <summary>All lanes hold values of one group: planes and segments.</summary>
internal readonly unsafe struct GroupPerPack : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load<T>(T* constants) where T : unmanaged => Simd.Broadcast(*constants);
}

/// <summary>Every lane is a group: columns.</summary>
internal readonly unsafe struct GroupPerLane : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load<T>(T* constants) where T : unmanaged => Simd.Load(constants);
}
