using System.Numerics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The position of the largest of all values in row-major order, as a scalar of a 64-bit integer outside any tape.
    /// Of equal values the first one counts; if there is a NaN, the first NaN counts. It has no gradient.
    /// </summary>
    /// <exception cref="ArgumentException">The tensor has no elements.</exception>
    public Tensor ArgMax() => Reshape(new Shape(Count)).ArgMax(0);

    /// <summary>
    /// The position of the largest value along one dimension, as 64-bit integers outside any tape. For a row of class
    /// scores it is the predicted class. Of equal values the first one counts; if there is a NaN, the first NaN counts.
    /// It has no gradient.
    /// </summary>
    /// <param name="axis">The dimension to search; negative ones count from the end.</param>
    /// <param name="keepDims">True keeps that dimension as one of size 1.</param>
    /// <exception cref="ArgumentException">The axis does not exist, or has no elements.</exception>
    public Tensor ArgMax(int axis, bool keepDims = false)
    {
        Tensor x = this;
        Op.Join("ArgMax", ref x);
        axis = Broadcasting.Axis("ArgMax", Shape, axis);
        if (Shape[axis] == 0)
        {
            throw new ArgumentException($"ArgMax: expected at least one element along axis {axis}, got shape {Shape}. "
                + $"The maximum of nothing is undefined.", nameof(axis));
        }

        Tensor index = Empty(Broadcasting.Reduced(Shape, 1u << axis, keepDims), DType.Int64);
        (int outer, int length, int inner) = Broadcasting.Around(Shape, axis);
        if (DType == DType.Float64) Search(AsSpan<double>());
        else Search(AsSpan<float>());
        Tape?.Trace?.Note("ArgMax", "ArgMax", index, this).Settings.Set("axis", axis);
        return index;

        unsafe void Search<T>(Span<T> values) where T : unmanaged, IFloatingPointIeee754<T>
        {
            fixed (T* from = values)
            fixed (long* to = index.AsSpan<long>()) Kernels.ArgMax.Run(from, to, outer, length, inner);
        }
    }
}
