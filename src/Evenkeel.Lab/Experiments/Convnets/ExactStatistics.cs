using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Looks at a net as it would be with exact statistics in the place of its moving averages.</summary>
internal static class ExactStatistics
{
    /// <summary>
    /// Test accuracy with the statistics of some images. The moving averages are put back: training goes on as if
    /// nobody had looked.
    /// </summary>
    public static double TestAccuracy(Module net, ClassifierTraining training, IDataset images, DataLoader tests,
        CancellationToken cancellation)
    {
        (StateBuffer Buffer, Tensor Kept)[] moving =
            [.. net.NamedBuffers().Select(static entry => (entry.Buffer, entry.Buffer.Value.Clone()))];
        net.Recalibrate(images, cancellationToken: cancellation);
        double accuracy = training.Evaluate(tests).Accuracy;
        foreach ((StateBuffer buffer, Tensor kept) in moving) buffer.Value.CopyFrom(kept);
        return accuracy;
    }
}
