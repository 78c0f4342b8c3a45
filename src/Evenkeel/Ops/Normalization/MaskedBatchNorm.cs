using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Batch normalization whose statistics leave positions out: mean = Σw·x/m, var = Σw·(x-mean)²/m with m = Σw, w the
    /// mask; y = gamma·(x - mean)/sqrt(var + eps) + beta at all positions.
    /// </summary>
    /// <param name="mask">
    /// 0 or 1 for each position: the input's shape with 1 for the channels, (N, 1) or (N, 1, ...). It is
    /// plain data, outside any tape.
    /// </param>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="running">
    /// Statistics that follow the batches and that eval mode uses; null where there are none.
    /// </param>
    /// <param name="eps">
    /// Added to the variance; 0 or more. With 0 a channel that is constant under the mask gives beta there.
    /// </param>
    /// <param name="training">
    /// As in <see cref="BatchNorm"/>. With the running statistics the mask changes nothing.
    /// </param>
    /// <param name="singleValue">What one value per channel is.</param>
    /// <exception cref="ArgumentException">
    /// Wrong rank or shape, a mask with other values or without a 1, one value per channel where that is an error, or
    /// no running statistics where they are needed.
    /// </exception>
    /// <remarks>
    /// The op is <see cref="BatchNorm"/>'s, and a mask of ones gives its bits. A value that the mask leaves out does
    /// not reach the statistics even if it is NaN; it reaches its own y, and the gradients of gamma and beta.
    /// On a tape that pools batch statistics all members pass a mask, and m is the number of ones in all of them.
    /// <para>Source: the mask of Keras' and Flax' layers.</para>
    /// </remarks>
    public Tensor MaskedBatchNorm(
        Tensor mask, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null,
        SingleValue singleValue = SingleValue.Error)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return NormalizeBatch(
            new BatchForm { Mask = mask }, gamma, beta, running, eps, fuseReLU: false, training, singleValue);
    }
}

/// <summary>A mask as its user gives it: zeros and ones of any element type.</summary>
internal static unsafe class PositionMask
{
    /// <summary>The number of ones.</summary>
    /// <exception cref="ArgumentException">A value is neither 0 nor 1.</exception>
    public static int CountOnes(string op, Tensor mask) => mask.DType switch
    {
        DType.Float32 => CountOnes(op, mask.AsSpan<float>()),
        DType.Float64 => CountOnes(op, mask.AsSpan<double>()),
        _ => CountOnes(op, mask.AsSpan<long>()),
    };

    /// <summary>Writes the bits of some positions, see <see cref="MaskBits"/>.</summary>
    /// <returns>The number of ones.</returns>
    public static int Write(Tensor mask, Tensor bits, int start, int count) => bits.DType == DType.Float64
        ? Write(mask, bits.AsSpan<double>(), start, count)
        : Write(mask, bits.AsSpan<float>(), start, count);

    private static int CountOnes<T>(string op, Span<T> mask) where T : unmanaged, INumberBase<T>
    {
        int ones, others;
        fixed (T* from = mask) (ones, others) = MaskBits.Count(from, mask.Length);
        if (others == 0) return ones;
        foreach (T value in mask)
        {
            if (value != T.One && value != T.Zero)
            {
                throw new ArgumentException(
                    $"{op}: expected a mask of zeros and ones, got {value}. 1 marks the positions that count.",
                    nameof(mask));
            }
        }

        return ones;
    }

    private static int Write<T>(Tensor mask, Span<T> bits, int start, int count) where T : unmanaged =>
        mask.DType switch
        {
            DType.Float32 => Write(mask.AsSpan<float>(), bits, start, count),
            DType.Float64 => Write(mask.AsSpan<double>(), bits, start, count),
            _ => Write(mask.AsSpan<long>(), bits, start, count),
        };

    private static int Write<TValue, T>(Span<TValue> mask, Span<T> bits, int start, int count)
        where TValue : unmanaged, INumberBase<TValue>
        where T : unmanaged
    {
        fixed (TValue* from = mask)
        fixed (T* to = bits) return MaskBits.Write(from + start, to + start, count);
    }
}
