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

    /// <summary>Throws if prediction and target are not floating-point numbers of the same shape.</summary>
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
    public static void CheckFinite(string metric, Tensor target, ReadOnlySpan<double> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!double.IsFinite(values[i])) ThrowNotFinite(metric, target, i, values[i]);
        }
    }

    private static void ThrowNotFinite(string metric, Tensor target, int index, double value) =>
        throw new ArgumentException($"{metric}: expected finite targets, got {value} for sample "
            + $"{ClassLabels.Place(target.Shape, index)} of the batch. Remove the sample or fill in the value.",
            nameof(target));

    private unsafe void Copy<T>(Tensor tensor) where T : unmanaged
    {
        fixed (T* source = tensor.AsSpan<T>())
        fixed (double* values = _values)
        {
            Widen.Copy(source, values, tensor.Count);
        }
    }
}
