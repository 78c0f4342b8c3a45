using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// Picks the values of a row at the places of a pack, which rise from lane to lane. Packs of places that lie near each
/// other share the first of them, <c>near</c>.
/// </summary>
internal unsafe interface IPicker<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Whether places are picked that rise from <paramref name="near"/> to <paramref name="far"/>.</summary>
    static abstract bool Reaches(int* near, int* far);

    /// <summary>What <see cref="Pick"/> needs of the places, for any number of rows.</summary>
    static abstract Vector512<T> Lanes(int* places, int* near);

    /// <summary>The values <c>x[places[lane]]</c> of the row <paramref name="x"/>.</summary>
    /// <param name="x">The row.</param>
    /// <param name="lanes">What <see cref="Lanes"/> found.</param>
    /// <param name="places">The places.</param>
    /// <param name="first">The first of the near places.</param>
    /// <param name="half">The near place in the middle of the pack.</param>
    static abstract Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int first, int half);
}

/// <summary>Places within one pack, or within half a pack for each half of the lanes: one permutation.</summary>
internal readonly unsafe struct FromOnePack<T> : IPicker<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Reaches(int* near, int* far) =>
        PickerPack<T>.IsSupported && PickerPack<T>.Span(near, far) < PickerPack<T>.Width;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Lanes(int* places, int* near) => PickerPack<T>.Lanes(places, near);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int first, int half) =>
        PickerPack<T>.Permute(PickerPack<T>.Load(x, first, half), lanes);
}

/// <summary>Places within two packs, or within two half packs for each half of the lanes.</summary>
internal readonly unsafe struct FromTwoPacks<T> : IPicker<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Reaches(int* near, int* far) =>
        PickerPack<T>.IsSupported && PickerPack<T>.Span(near, far) < 2 * PickerPack<T>.Width;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Lanes(int* places, int* near) => PickerPack<T>.Lanes(places, near);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int first, int half) =>
        PickerPack<T>.Permute(PickerPack<T>.Load(x, first, half),
            PickerPack<T>.Load(x + PickerPack<T>.Width, first, half), lanes);
}

/// <summary>
/// Packs of a row, and permutations of them: whole packs with AVX-512; with AVX2 half packs, which each half of the
/// lanes has for itself.
/// </summary>
internal static unsafe class PickerPack<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Whether the hardware has the permutations.</summary>
    public static bool IsSupported
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx512F.IsSupported || (Avx2.IsSupported && typeof(T) == typeof(float));
    }

    /// <summary>Values side by side that a permutation picks from.</summary>
    public static int Width
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx512F.IsSupported ? Vector512<T>.Count : Vector256<T>.Count;
    }

    /// <summary>
    /// From the first place of a pack of places that rise to the last one; of each half, the longer one with AVX2.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Span(int* near, int* far)
    {
        int last = Vector512<T>.Count - 1, half = Vector256<T>.Count;
        return Avx512F.IsSupported ? far[last] - near[0] : Math.Max(far[half - 1] - near[0], far[last] - near[half]);
    }

    /// <summary>
    /// The numbers of places within what <see cref="Load"/> reads from <paramref name="near"/> on.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Lanes(int* places, int* near)
    {
        if (typeof(T) == typeof(double))
            return (Simd.LoadLongs(places) - Vector512.Create((long)near[0])).As<long, T>();
        if (Avx512F.IsSupported) return (Simd.Load(places) - Vector512.Create(near[0])).As<int, T>();
        return Vector512.Create(
            Vector256.Load(places) - Vector256.Create(near[0]),
            Vector256.Load(places + 8) - Vector256.Create(near[8])).As<int, T>();
    }

    /// <summary>The numbers of the places behind.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Next(Vector512<T> lanes) => typeof(T) == typeof(float)
        ? (lanes.AsInt32() + Vector512<int>.One).As<int, T>()
        : (lanes.AsInt64() + Vector512<long>.One).As<long, T>();

    /// <summary>The values of a row from a place on; with AVX2 the upper half has a place of its own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load(T* x, int first, int half) => Avx512F.IsSupported
        ? Simd.Load(x + first)
        : Vector512.Create(Vector256.Load(x + first), Vector256.Load(x + half));

    /// <summary>The values with the numbers <paramref name="lanes"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Permute(Vector512<T> values, Vector512<T> lanes)
    {
        if (!Avx512F.IsSupported)
        {
            return Vector512.Create(
                Avx2.PermuteVar8x32(values.AsSingle().GetLower(), lanes.AsInt32().GetLower()),
                Avx2.PermuteVar8x32(values.AsSingle().GetUpper(), lanes.AsInt32().GetUpper())).As<float, T>();
        }

        return typeof(T) == typeof(float)
            ? Avx512F.PermuteVar16x32(values.AsSingle(), lanes.AsInt32()).As<float, T>()
            : Avx512F.PermuteVar8x64(values.AsDouble(), lanes.AsInt64()).As<double, T>();
    }

    /// <summary>
    /// The values with the numbers <paramref name="lanes"/> of those near and, behind them, those far.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Permute(Vector512<T> near, Vector512<T> far, Vector512<T> lanes)
    {
        if (!Avx512F.IsSupported)
        {
            return Vector512.Create(
                Half(near.AsSingle().GetLower(), far.AsSingle().GetLower(), lanes.AsInt32().GetLower()),
                Half(near.AsSingle().GetUpper(), far.AsSingle().GetUpper(), lanes.AsInt32().GetUpper()))
                .As<float, T>();
        }

        return typeof(T) == typeof(float)
            ? Avx512F.PermuteVar16x32x2(near.AsSingle(), lanes.AsInt32(), far.AsSingle()).As<float, T>()
            : Avx512F.PermuteVar8x64x2(near.AsDouble(), lanes.AsInt64(), far.AsDouble()).As<double, T>();
    }

    /// <summary>Lanes number <paramref name="lanes"/> of two half packs side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Half(Vector256<float> near, Vector256<float> far, Vector256<int> lanes)
    {
        // The permutation reads the lowest three bits of a lane's number.
        Vector256<float> low = Avx2.PermuteVar8x32(near, lanes), high = Avx2.PermuteVar8x32(far, lanes);
        return Vector256.ConditionalSelect(Vector256.GreaterThan(lanes, Vector256.Create(7)).AsSingle(), high, low);
    }
}

/// <summary>Any places: values are gathered, or read one by one if the hardware cannot.</summary>
internal readonly unsafe struct FromAnywhere<T> : IPicker<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool Reaches(int* near, int* far) => true;

    public static Vector512<T> Lanes(int* places, int* near) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int first, int half)
    {
        if (!Avx2.IsSupported || typeof(T) != typeof(float)) return OneByOne(x, places);
        float* row = (float*)x;
        return Vector512.Create(Avx2.GatherVector256(row, Vector256.Load(places), sizeof(float)),
            Avx2.GatherVector256(row, Vector256.Load(places + 8), sizeof(float))).As<float, T>();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<T> OneByOne(T* x, int* places)
    {
        T* values = stackalloc T[Vector512<T>.Count];
        for (int i = 0; i < Vector512<T>.Count; i++) values[i] = x[places[i]];
        return Simd.Load(values);
    }
}
