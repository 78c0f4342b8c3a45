using Evenkeel.Kernels;

namespace Evenkeel.Training;

/// <summary>The values of a tensor as doubles, in memory that is kept between batches.</summary>
internal sealed class MetricValues
{
    private double[] _values = [];

    /// <summary>The values; valid until the next call.</summary>
    public ReadOnlySpan<double> Read(Tensor tensor)
    {
        int count = tensor.Count;
        if (_values.Length < count) _values = new double[count];
        switch (tensor.DType)
        {
            case DType.Float32: Copy<float>(tensor); break;
            case DType.Float64: Copy<double>(tensor); break;
            default:
                ReadOnlySpan<long> integers = tensor.AsSpan<long>();
                for (int i = 0; i < count; i++) _values[i] = integers[i];
                break;
        }

        return _values.AsSpan(0, count);
    }

    /// <summary>
    /// Throws if prediction and target do not have the same shape of floating-point numbers, or if a target is not
    /// finite.
    /// </summary>
    public static void CheckPair(string metric, Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        if (prediction.Shape != target.Shape || !target.DType.IsFloatingPoint() || !prediction.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"{metric}: expected predictions and targets that are numbers of one shape, "
                + $"got {prediction.DType} of shape {prediction.Shape} and {target.DType} of shape {target.Shape}. "
                + $"Reshape the targets, or take Accuracy for class labels.", nameof(target));
        }
    }

    /// <summary>Throws if a target is not finite.</summary>
    public static void CheckFinite(string metric, Shape shape, ReadOnlySpan<double> targets)
    {
        for (int i = 0; i < targets.Length; i++)
        {
            if (!double.IsFinite(targets[i])) ThrowNotFinite(metric, shape, i, targets[i]);
        }
    }

    private static void ThrowNotFinite(string metric, Shape shape, int index, double value) =>
        throw new ArgumentException($"{metric}: expected finite targets, got {value} for sample "
            + $"{ClassLabels.Place(shape, index)} of the batch. Remove the sample or fill in the value.",
            nameof(value));

    private unsafe void Copy<T>(Tensor tensor) where T : unmanaged
    {
        fixed (T* source = tensor.AsSpan<T>())
        fixed (double* values = _values)
        {
            Widen.Copy(source, values, tensor.Count);
        }
    }
}
