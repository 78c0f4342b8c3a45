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
    static abstract Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int* near);
}

/// <summary>Places within one pack, or within half a pack for each half of the lanes: one permutation.</summary>
internal readonly unsafe struct FromOnePack<T> : IPicker<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Reaches(int* near, int* far) => Avx512F.IsSupported
        ? far[Vector512<T>.Count - 1] - near[0] < Vector512<T>.Count
        : Avx2.IsSupported && typeof(T) == typeof(float) && far[7] - near[0] < 8 && far[15] - near[8] < 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Lanes(int* places, int* near) => FromTwoPacks<T>.Lanes(places, near);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int* near)
    {
        if (!Avx512F.IsSupported)
        {
            return Vector512.Create(
                Avx2.PermuteVar8x32(Vector256.Load((float*)x + near[0]), lanes.AsInt32().GetLower()),
                Avx2.PermuteVar8x32(Vector256.Load((float*)x + near[8]), lanes.AsInt32().GetUpper())).As<float, T>();
        }

        Vector512<T> values = Simd.Load(x + near[0]);
        return typeof(T) == typeof(float)
            ? Avx512F.PermuteVar16x32(values.AsSingle(), lanes.AsInt32()).As<float, T>()
            : Avx512F.PermuteVar8x64(values.AsDouble(), lanes.AsInt64()).As<double, T>();
    }
}

/// <summary>Places within two packs, or within two half packs for each half of the lanes.</summary>
internal readonly unsafe struct FromTwoPacks<T> : IPicker<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Reaches(int* near, int* far) => Avx512F.IsSupported
        ? far[Vector512<T>.Count - 1] - near[0] < 2 * Vector512<T>.Count
        : Avx2.IsSupported && typeof(T) == typeof(float) && far[7] - near[0] < 16 && far[15] - near[8] < 16;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int* near)
    {
        if (!Avx512F.IsSupported)
        {
            return Vector512.Create(
                Half((float*)x + near[0], (float*)x + near[0] + 8, lanes.AsInt32().GetLower()),
                Half((float*)x + near[8], (float*)x + near[8] + 8, lanes.AsInt32().GetUpper())).As<float, T>();
        }

        Vector512<T> low = Simd.Load(x + near[0]), high = Simd.Load(x + near[0] + Vector512<T>.Count);
        return typeof(T) == typeof(float)
            ? Avx512F.PermuteVar16x32x2(low.AsSingle(), lanes.AsInt32(), high.AsSingle()).As<float, T>()
            : Avx512F.PermuteVar8x64x2(low.AsDouble(), lanes.AsInt64(), high.AsDouble()).As<double, T>();
    }

    /// <summary>Lanes number <paramref name="lanes"/> of two half packs side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Half(float* near, float* far, Vector256<int> lanes)
    {
        // The permutation reads the lowest three bits of a lane's number.
        Vector256<float> low = Avx2.PermuteVar8x32(Vector256.Load(near), lanes),
            high = Avx2.PermuteVar8x32(Vector256.Load(far), lanes);
        return Vector256.ConditionalSelect(Vector256.GreaterThan(lanes, Vector256.Create(7)).AsSingle(), high, low);
    }
}

/// <summary>Any places: values are gathered, or read one by one if the hardware cannot.</summary>
internal readonly unsafe struct FromAnywhere<T> : IPicker<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool Reaches(int* near, int* far) => true;

    public static Vector512<T> Lanes(int* places, int* near) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Pick(T* x, Vector512<T> lanes, int* places, int* near)
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
