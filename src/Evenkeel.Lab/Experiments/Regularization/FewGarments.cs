using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Regularization;

/// <summary>
/// Few training images, which a net soon knows by heart: others for every seed, out of the first five thousand of
/// Fashion-MNIST. Two further sets come from its test images: one to choose a
/// setting by, one to report what the choice is worth; a best of several that is reported on the images it was chosen
/// by is too good.
/// </summary>
internal sealed class FewGarments
{
    /// <summary>Training images.</summary>
    public const int TrainCount = 1000;

    private const int Pool = 5000;
    private const int QuickHeld = 1000;
    private const int Pixels = 784;
    private const int EvaluationBatch = 250;

    private readonly ExperimentContext _context;

    private FewGarments(ExperimentContext context, IDataset train, IDataset choice, IDataset test) =>
        (_context, Train, Choice, Test) = (context, train, choice, test);

    /// <summary>The images that nets are trained on, as rows; mean image 0, variance 1 over all.</summary>
    public IDataset Train { get; }

    /// <summary>A third of the held-out images: what a setting is chosen by.</summary>
    public IDataset Choice { get; }

    /// <summary>The other two thirds: what is reported.</summary>
    public IDataset Test { get; }

    public int Inputs => Pixels;

    /// <summary>Draws the training images of the context's seed.</summary>
    /// <param name="context">Seed, data and type.</param>
    /// <param name="held">Held-out images; null: all, and fewer in a quick run.</param>
    /// <param name="count">Training images.</param>
    public static FewGarments Draw(ExperimentContext context, int? held = null, int count = TrainCount) =>
        Draw(context, held ?? (context.Quick ? QuickHeld : FashionImages.TestCount), count);

    private static FewGarments Draw(ExperimentContext context, int held, int count)
    {
        FashionImages images = context.Data.Fashion(context, Pool, held);
        int[] order = new Philox((ulong)context.Seed, "few garments").Permutation(Pool);
        float[] train = Rows(images.Train, order[..count]), test = Rows(images.Test, [.. Enumerable.Range(0, held)]);
        Standardize(train, test);
        int third = held / 3;
        return new FewGarments(
            context,
            Set(train, images.Train, order[..count]),
            Set(test[..(third * Pixels)], images.Test, [.. Enumerable.Range(0, third)]),
            Set(test[(third * Pixels)..], images.Test, [.. Enumerable.Range(third, held - third)]));
    }

    /// <summary>The training images in a new random order each epoch.</summary>
    public DataLoader Batches(int batchSize, IRandomStream random) =>
        new(Train, batchSize, shuffle: true, workers: 0,
            cancellationToken: _context.Cancellation)
        { Sampler = Sampler.Shuffled(random), DType = _context.DType };

    /// <summary>One of the sets in its order, to evaluate on.</summary>
    public DataLoader InOrder(IDataset set) =>
        new(set, EvaluationBatch, lastBatch: LastBatch.Keep, workers: 0,
            cancellationToken: _context.Cancellation)
        { DType = _context.DType };

    private static TensorDataset Set(float[] rows, ImageSet images, int[] indices)
    {
        int[] labels = new int[indices.Length];
        images.CopyLabelsTo(indices, labels);
        return new TensorDataset(Tensor.From(rows).Reshape(indices.Length, Pixels), Tensor.Labels(labels));
    }

    private static float[] Rows(ImageSet images, int[] indices)
    {
        float[] rows = new float[indices.Length * Pixels];
        images.CopyTo(indices, rows);
        return rows;
    }

    /// <summary>Takes the training images' mean image off all, and divides all by their deviation.</summary>
    private static void Standardize(float[] train, float[] test)
    {
        int count = train.Length / Pixels;
        double squares = 0;
        float[] mean = new float[Pixels];
        for (int p = 0; p < Pixels; p++)
        {
            double sum = 0;
            for (int i = 0; i < count; i++) sum += train[(i * Pixels) + p];
            double own = sum / count;
            mean[p] = (float)own;
            for (int i = 0; i < count; i++) squares += (train[(i * Pixels) + p]
                - own) * (train[(i * Pixels) + p] - own);
        }

        float scale = (float)(1 / Math.Sqrt(squares / train.Length));
        foreach (float[] rows in (ReadOnlySpan<float[]>)[train, test])
        {
            for (int i = 0; i < rows.Length; i++) rows[i] = (rows[i] - mean[i % Pixels]) * scale;
        }
    }
}
