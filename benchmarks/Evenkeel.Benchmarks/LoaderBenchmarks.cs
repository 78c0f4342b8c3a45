using BenchmarkDotNet.Attributes;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Benchmarks;

/// <summary>
/// Images of CIFAR-10's size through its usual augmentation (crop with a padding of 4, flip, normalize), ResNet-20 on
/// batches that are there already, and both together. Times are per image.
/// </summary>
[MemoryDiagnoser]
public class LoaderBenchmarks
{
    private const int Images = 1024;
    private const int BatchSize = 128;

    private readonly Tape _tape = new(Mode.Train);
    private readonly CrossEntropyLoss _loss = new();
    private readonly Tensor _fixedInputs = Tensor.RandomNormal([BatchSize, 3, 32, 32], new Philox(2));
    private readonly Tensor _fixedLabels = Tensor.Labels([.. Enumerable.Range(0, BatchSize).Select(i => i % 10)]);
    private TransformedDataset _images = null!;
    private ResNet _model = null!;
    private SGD _optimizer = null!;

    /// <summary>Number of threads that make batches in the background.</summary>
    [Params(1, 2)]
    public int LoaderThreads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        byte[] pixels = new byte[Images * 3 * 32 * 32];
        var random = new Philox(1);
        foreach (ref byte pixel in pixels.AsSpan()) pixel = (byte)random.NextInt(256);
        string[] classes = [.. Enumerable.Range(0, 10).Select(i => $"class {i}")];
        int[] labels = [.. Enumerable.Range(0, Images).Select(i => i % 10)];
        _images = new TransformedDataset(
            new ImageSet(pixels, labels, 3, 32, 32, classes, "drawn", "drawn"),
            [
                new RandomCrop(32, padding: 4), new RandomHorizontalFlip(), new ToTensor(),
                new Normalize([0.4914f, 0.4822f, 0.4465f], [0.2470f, 0.2435f, 0.2616f]),
            ]);
        _model = new ResNet(random: new Philox(3));
        _optimizer = new SGD(_model.Parameters(), 0.01, momentum: 0.9);
    }

    [Benchmark(OperationsPerInvoke = Images)]
    public int Load()
    {
        using DataLoader loader = Loader();
        return loader.Sum(static batch => batch.Count);
    }

    [Benchmark(OperationsPerInvoke = Images)]
    public void Train()
    {
        for (int i = 0; i < Images; i += BatchSize) Step(_fixedInputs, _fixedLabels);
    }

    [Benchmark(OperationsPerInvoke = Images)]
    public void LoadAndTrain()
    {
        using DataLoader loader = Loader();
        foreach (Batch batch in loader) Step(batch.Inputs, batch.Targets);
    }

    private DataLoader Loader() => new(_images, BatchSize, shuffle: true, workers: LoaderThreads);

    private void Step(Tensor inputs, Tensor labels)
    {
        _tape.Reset();
        _loss.Forward(_model.Forward(_tape.Input(inputs)), labels).Backward();
        _optimizer.Step();
        _optimizer.ZeroGrad();
    }
}
