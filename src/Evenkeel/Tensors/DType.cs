namespace Evenkeel;

/// <summary>
/// The element type of a <see cref="Tensor"/>. It is a value, not a type parameter, so one call changes a whole model.
/// </summary>
public enum DType
{
    /// <summary>32-bit floating point (IEEE binary32), <see cref="float"/>.</summary>
    Float32,

    /// <summary>64-bit floating point (IEEE binary64), <see cref="double"/>; the type of gradient checks.</summary>
    Float64,

    /// <summary>
    /// 64-bit integers, <see cref="long"/>: storage for labels, indices and counters, without arithmetic.
    /// </summary>
    Int64,
}

/// <summary>Facts about element types.</summary>
public static class DTypeExtensions
{
    /// <summary>Bytes of one element.</summary>
    public static int SizeInBytes(this DType dtype) => dtype == DType.Float32 ? 4 : 8;

    /// <summary>True for the types with arithmetic and gradients.</summary>
    public static bool IsFloatingPoint(this DType dtype) => dtype != DType.Int64;

    /// <summary>The element type that stores <typeparamref name="T"/>.</summary>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is not float, double or long.</exception>
    internal static DType Of<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.Float32
            : typeof(T) == typeof(double) ? DType.Float64
            : typeof(T) == typeof(long) ? DType.Int64
            : throw new NotSupportedException($"Tensor: expected elements of type float, double or long, "
                + $"got {typeof(T).Name}. Convert the values first.");
}
