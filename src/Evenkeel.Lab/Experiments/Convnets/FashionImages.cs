using Evenkeel.Data;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Fashion-MNIST, or what stands in for it: bytes of (1, 28, 28) that become values from 0 to 1 when a batch needs them
/// (<c>ToTensor</c>, and nothing else).
/// </summary>
internal sealed class FashionImages(ImageSet train, ImageSet test)
{
    public const int TrainCount = 60_000;
    public const int TestCount = 10_000;

    /// <summary>
    /// As many of the embedded images as show what the lesson shows; drawn garments are easier than photographed ones.
    /// </summary>
    public const int EmbeddedTrainCount = 20_000;

    /// <summary>Images a batch of evaluation.</summary>
    private const int EvaluationBatch = 250;

    public ImageSet Train { get; } = train;

    public ImageSet Test { get; } = test;

    /// <summary>The first images of both parts.</summary>
    public FashionImages Take(int train, int test) => train == Train.Count && test == Test.Count ? this
        : new FashionImages(Train.Slice(0, train), Test.Slice(0, test));

    /// <summary>
    /// Training batches in an order that each epoch draws from the stream (<c>torch.randperm</c> of PyTorch's); the
    /// last one is as small as it comes.
    /// </summary>
    public DataLoader Batches(int batchSize, IRandomStream random, DType dtype, CancellationToken cancellation) =>
        new(Values(Train), batchSize, shuffle: true, cancellationToken: cancellation)
        {
            Sampler = Sampler.Shuffled(random),
            DType = dtype,
        };

    /// <summary>The test images in their order.</summary>
    public DataLoader TestBatches(DType dtype, CancellationToken cancellation) => InOrder(Test, dtype, cancellation);

    /// <summary>The first training images, as a net sees them.</summary>
    public IDataset TrainValues(int count) => Values(Train.Slice(0, Math.Min(count, Train.Count)));

    /// <summary>The first training images in their order.</summary>
    public DataLoader TrainInOrder(int count, DType dtype, CancellationToken cancellation) =>
        InOrder(Train.Slice(0, Math.Min(count, Train.Count)), dtype, cancellation);

    private static DataLoader InOrder(ImageSet images, DType dtype, CancellationToken cancellation) =>
        new(Values(images), EvaluationBatch, lastBatch: LastBatch.Keep,
            cancellationToken: cancellation)
        { DType = dtype };

    private static TransformedDataset Values(ImageSet images) => new(images, [new ToTensor()]);
}
