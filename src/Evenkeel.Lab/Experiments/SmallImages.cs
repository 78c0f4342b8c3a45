using Evenkeel.Data;

namespace Evenkeel.Lab.Experiments;

/// <summary>The notebook's small data: the first thousand training images and the thousand validation images, mean image subtracted, as rows of numbers.</summary>
internal sealed class SmallImages
{
    private SmallImages(Parameter train, int[] trainLabels, Parameter validation, int[] validationLabels)
    {
        (Train, TrainLabels, Validation, ValidationLabels) = (train, trainLabels, validation, validationLabels);
        TrainCount = trainLabels.Length;
        Pixels = train.Shape[1];
    }

    /// <summary>(images, pixels); a parameter without gradient, which a tape watches without a copy.</summary>
    public Parameter Train { get; }

    public int[] TrainLabels { get; }

    public Parameter Validation { get; }

    public int[] ValidationLabels { get; }

    public int TrainCount { get; }

    public int Pixels { get; }

    public DType DType => Train.DType;

    public static SmallImages From(Cifar10Split split, int count, DType dtype) => new(
        Rows(split.Train, count, split.MeanImage, dtype), split.Train.Labels[..count].ToArray(),
        Rows(split.Validation, split.Validation.Count, split.MeanImage, dtype), split.Validation.Labels.ToArray());

    /// <summary>Copies the chosen training images and their labels.</summary>
    public void CopyTrain(ReadOnlySpan<int> chosen, Tensor images, Tensor labels)
    {
        if (DType == DType.Float64) Gather(Train.Value.AsSpan<double>(), chosen, images.AsSpan<double>());
        else Gather(Train.Value.AsSpan<float>(), chosen, images.AsSpan<float>());
        Span<long> values = labels.AsSpan<long>();
        for (int i = 0; i < chosen.Length; i++) values[i] = TrainLabels[chosen[i]];
    }

    private void Gather<T>(ReadOnlySpan<T> from, ReadOnlySpan<int> chosen, Span<T> to)
    {
        for (int i = 0; i < chosen.Length; i++) from.Slice(chosen[i] * Pixels, Pixels).CopyTo(to[(i * Pixels)..]);
    }

    private static Parameter Rows(ImageSet images, int count, float[] mean, DType dtype)
    {
        ImageSet part = images.Slice(0, count);
        Tensor rows = Tensor.Zeros([count, part.ImageSize]);
        part.CopyAllTo(rows.AsSpan<float>(), mean);
        return new Parameter(dtype == DType.Float32 ? rows : rows.To(dtype)) { RequiresGradient = false };
    }
}
