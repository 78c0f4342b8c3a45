using Evenkeel.Data;

namespace Evenkeel.Lab.Experiments;

/// <summary>
/// The notebook's small data: a thousand training images and the thousand validation images, mean image subtracted, as
/// rows of numbers.
/// </summary>
internal sealed class SmallImages(Cifar10Split split)
{
    public ImageDataset Train { get; } = new(split.Train, split.MeanImage, flatten: true);

    public ImageDataset Validation { get; } = new(split.Validation, split.MeanImage, flatten: true);

    public int Pixels => Train.Images.ImageSize;
}
