using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// Has the code of a training compiled while the data load: loading keeps one core busy, compiling the other, some 0.25
/// s that the training would wait for otherwise.
/// </summary>
internal static class WarmUp
{
    private const int Images = 300;

    /// <summary>
    /// Trains small nets of every kind for an epoch on images of noise, on another thread; wait for it before the clock
    /// starts.
    /// </summary>
    public static Task Start(DType dtype) => Task.Run(() =>
    {
        Cifar10Split noise = SyntheticCifar.Create(0, Images, Images, 0);
        var images = new SmallImages(noise);
        foreach (string norm in (ReadOnlySpan<string>)[FullyConnectedNet.BatchNorm, FullyConnectedNet.LayerNorm,
            FullyConnectedNet.None])
        {
            var random = new NumPyRandomState(0);
            FullyConnectedNet net = FullyConnectedNet.Create(random, images.Pixels, [100, 100], 10, 0.02, norm, dtype);
            new Solver(net.Model, new Adam(net.Model.Parameters(), 1e-3), random, epochs: 1, batchSize: 50)
                .Train(images.Train, images.Validation);
        }
    });
}
