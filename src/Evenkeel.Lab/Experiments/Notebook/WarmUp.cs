using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Losses;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

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
            var options = Cs231n.Training(random, epochs: 1, batchSize: 50);
            options.RestoreBestModel = false;
            new Trainer(net.Model, new Adam(net.Model.Parameters(), 1e-3), new CrossEntropyLoss(), options)
                .Fit(images.Train, images.Validation);
        }
    });
}
