using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>A tensor of zeros.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="dtype">The element type. Default: Float32.</param>
    public static Tensor Zeros(Shape shape, DType dtype = DType.Float32)
    {
        Tensor tensor = Empty(shape, dtype);
        tensor.Bytes().Clear();
        return tensor;
    }

    /// <summary>A tensor of ones.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="dtype">The element type. Default: Float32.</param>
    public static Tensor Ones(Shape shape, DType dtype = DType.Float32) => Full(shape, 1, dtype);

    /// <summary>A tensor whose elements all have one value, rounded to the element type.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="value">The value of all elements.</param>
    /// <param name="dtype">The element type. Default: Float32.</param>
    public static Tensor Full(Shape shape, double value, DType dtype = DType.Float32)
    {
        Tensor tensor = Empty(shape, dtype);
        tensor.Fill(value);
        return tensor;
    }

    /// <summary>A scalar: a tensor of rank 0.</summary>
    /// <param name="value">The one value, rounded to the element type.</param>
    /// <param name="dtype">The element type. Default: Float32.</param>
    public static Tensor Scalar(double value, DType dtype = DType.Float32) => Full([], value, dtype);

    /// <summary>A copy of <paramref name="values"/> (float, double or long) in the given shape.</summary>
    /// <param name="values">Float, double or long values in row-major order.</param>
    /// <param name="shape">The sizes of the dimensions, whose product is the number of values.</param>
    /// <exception cref="ArgumentException">The number of values is not the shape's count.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape) where T : unmanaged
    {
        DType dtype = DTypeExtensions.Of<T>();
        if (values.Length != shape.Count)
        {
            throw new ArgumentException(
                $"Tensor.From: expected {shape.Count} values for shape {shape}, got {values.Length}.", nameof(values));
        }

        Tensor tensor = Empty(shape, dtype);
        values.CopyTo(tensor.AsSpan<T>());
        return tensor;
    }

    /// <summary>A copy of an array of float, double or long in the given shape.</summary>
    /// <param name="values">The values in row-major order.</param>
    /// <param name="shape">The sizes of the dimensions, whose product is the number of values.</param>
    public static Tensor From<T>(T[] values, Shape shape) where T : unmanaged => From((ReadOnlySpan<T>)values, shape);

    /// <summary>A copy of an array as a vector.</summary>
    public static Tensor From<T>(params T[] values) where T : unmanaged =>
        From((ReadOnlySpan<T>)values, [values.Length]);

    /// <summary>A copy of a two-dimensional array as a matrix.</summary>
    public static Tensor From<T>(T[,] values) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        ref T first = ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference((Array)values));
        return From(
            MemoryMarshal.CreateReadOnlySpan(ref first, values.Length), [values.GetLength(0), values.GetLength(1)]);
    }

    /// <summary>Class labels as a vector of 64-bit integers.</summary>
    public static Tensor Labels(params ReadOnlySpan<int> labels)
    {
        Tensor tensor = Empty([labels.Length], DType.Int64);
        Span<long> values = tensor.AsSpan<long>();
        for (int i = 0; i < labels.Length; i++) values[i] = labels[i];
        return tensor;
    }

    /// <summary>Sets every element to one value, rounded to the element type.</summary>
    public void Fill(double value)
    {
        switch (DType)
        {
            case DType.Float32: AsSpan<float>().Fill((float)value); break;
            case DType.Float64: AsSpan<double>().Fill(value); break;
            default: AsSpan<long>().Fill((long)value); break;
        }
    }
}
