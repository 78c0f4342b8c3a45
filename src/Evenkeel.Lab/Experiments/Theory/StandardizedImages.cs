using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// Images whose pixels have mean 0 (the mean image is subtracted already) and variance 1 over all, as rows of float32.
/// </summary>
internal sealed class StandardizedImages(float[] values, long[] labels, int pixels) : IDataset
{
    public int Count => labels.Length;

    public Shape SampleShape => [pixels];

    /// <summary>The first of them in one tensor, with their labels.</summary>
    public (Tensor Images, long[] Labels) First(int count, DType dtype)
    {
        int[] indices = [.. Enumerable.Range(0, count)];
        var tensor = Tensor.Zeros([count, pixels], dtype);
        CopyTo(indices, tensor);
        return (tensor, labels[..count]);
    }

    public static StandardizedImages Of(ImageDataset images)
    {
        int pixels = images.Images.ImageSize;
        int[] all = [.. Enumerable.Range(0, images.Count)];
        var tensor = Tensor.Zeros([images.Count, pixels]);
        images.CopyTo(all, tensor);
        float[] values = tensor.ToArray<float>();
        double squares = 0;
        foreach (float value in values) squares += (double)value * value;
        float scale = (float)(1 / Math.Sqrt(squares / values.Length));
        for (int i = 0; i < values.Length; i++) values[i] *= scale;
        return new StandardizedImages(values, images.LabelsOf(), pixels);
    }

    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        if (batch.DType == DType.Float32)
        {
            Span<float> rows = batch.AsSpan<float>();
            for (int i = 0; i < indices.Length; i++) values.AsSpan(indices[i] * pixels, pixels)
                .CopyTo(rows[(i * pixels)..]);
            return;
        }

        Span<double> wide = batch.AsSpan<double>();
        for (int i = 0; i < indices.Length; i++)
        {
            for (int j = 0; j < pixels; j++) wide[(i * pixels) + j] = values[(indices[i] * pixels) + j];
        }
    }

    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        Span<long> destination = targets.AsSpan<long>();
        for (int i = 0; i < indices.Length; i++) destination[i] = labels[indices[i]];
    }
}

/// <summary>
/// The net of the learning-rate and the covariate-shift experiments: five hidden layers of 100 with Kaiming weights.
/// </summary>
internal static class KaimingNet
{
    public const int HiddenLayers = 5;

    private const int Hidden = 100;

    /// <summary>
    /// At variance 2/in the output of a ReLU layer has the size of its input. The notebook's small weights would make
    /// the net without norm look worse than it is.
    /// </summary>
    public static FullyConnectedNet Create(NumPyRandomState random, int inputs, string norm, DType dtype) =>
        Create(random, inputs, [.. Enumerable.Repeat(Hidden, HiddenLayers)], norm, dtype);

    /// <summary>The same for other hidden layers, and with dropout behind each ReLU.</summary>
    public static FullyConnectedNet Create(NumPyRandomState random, int inputs, ReadOnlySpan<int> hidden, string norm,
        DType dtype, double dropout = 0)
    {
        FullyConnectedNet net =
            FullyConnectedNet.Create(random, inputs, hidden, 10, weightScale: 1, norm, dtype, dropout);
        foreach ((string name, Parameter parameter) in net.Parameters)
        {
            if (name[0] == 'W') parameter.Value.CopyFrom(parameter.Value * Math.Sqrt(2.0 / parameter.Shape[1]));
        }

        return net;
    }
}
