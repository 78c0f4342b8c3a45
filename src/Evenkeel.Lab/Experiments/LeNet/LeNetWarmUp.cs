using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.LeNet;

/// <summary>Has the code of a LeNet's training compiled while the images load.</summary>
internal static class LeNetWarmUp
{
    private const int Images = 600;
    private const int BatchSize = 256;

    /// <summary>Trains a net of every kind for some steps on images of noise, on another thread; wait for it before the clock starts.</summary>
    public static Task Start(DType dtype) => Task.Run(() =>
    {
        byte[] pixels = new byte[Images * 784];
        int[] labels = new int[Images], order = new int[Images];
        var random = new Philox(0);
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)random.NextUInt32();
        for (int i = 0; i < Images; i++) (labels[i], order[i]) = (i % 10, i);
        var set = new UnitImages(new ImageSet(pixels, labels, 1, 28, 28, [.. Enumerable.Range(0, 10).Select(static i => $"{i}")], "noise", "noise"));
        foreach (string variant in (ReadOnlySpan<string>)[FashionLeNet.None, FashionLeNet.BatchNormed, FashionLeNet.Scratch])
        {
            Sequential net = FashionLeNet.Net(variant, random);
            if (dtype == DType.Float64) net.To(dtype);
            var training = new ClassifierTraining(net, new SGD(net.Parameters(), 0.1), dtype);
            training.Epoch(set, order, BatchSize, static _ => { });
            training.Evaluate(set, CancellationToken.None);
        }
    });
}
