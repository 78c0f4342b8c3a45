using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>How packs of results are stored, as a type argument.</summary>
internal unsafe interface IPackStore
{
    /// <summary>Stores a pack of a row of <paramref name="count"/> results.</summary>
    static abstract void Put<T>(T* to, Vector512<T> values, int count) where T : unmanaged;
}

/// <summary>Whole packs.</summary>
internal readonly unsafe struct WholePack : IPackStore
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<T>(T* to, Vector512<T> values, int count) where T : unmanaged => Simd.Store(to, values);
}

/// <summary>Rows of fewer results than a pack has.</summary>
internal readonly unsafe struct PartOfPack : IPackStore
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<T>(T* to, Vector512<T> values, int count) where T : unmanaged =>
        Simd.StorePartial(to, values, count);
}

/// <summary>Whole, aligned packs past the caches: call <see cref="Simd.StreamFence"/> after the last one.</summary>
internal readonly unsafe struct PastCaches : IPackStore
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<T>(T* to, Vector512<T> values, int count) where T : unmanaged =>
        Simd.StoreStream(to, values);
}
