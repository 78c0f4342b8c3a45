using BenchmarkDotNet.Attributes;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Benchmarks;

/// <summary>
/// Trainings with and without the doctor: a small fully connected net, where a look weighs most, LeNet and a small
/// residual net. Times are per step; the promise is 3 %.
/// </summary>
public class DoctorBenchmarks
{
    private const int Steps = 100;

    private TensorDataset _samples = null!;

    /// <summary>The network.</summary>
    [Params("MLP", "LeNet", "ResNet")]
    public string Network { get; set; } = "MLP";

    /// <summary>Whether the doctor looks.</summary>
    [Params(false, true)]
    public bool HasDoctor { get; set; }

    private int BatchSize => Network == "MLP" ? 50 : 32;

    [GlobalSetup]
    public void Setup()
    {
        int count = Steps * BatchSize;
        Tensor labels = Tensor.Labels([.. Enumerable.Range(0, count).Select(static i => i % 4)]);
        Shape shape = Network == "MLP" ? new Shape([count, 2]) : new Shape([count, 3, 32, 32]);
        _samples = new TensorDataset(Tensor.RandomNormal(shape, new Philox(1)), labels);
    }

    [Benchmark(OperationsPerInvoke = Steps)]
    public History Train()
    {
        Module model = Network switch
        {
            "MLP" => new FullyConnected(2, [64, 64], 4, NormKind.BatchNorm),
            "LeNet" => LeNet.Color(4, NormKind.BatchNorm, new Philox(3)),
            _ => new ResNet(new ResNetOptions { Classes = 4, Blocks = 1 }, new Philox(3)),
        };
        var options = new TrainerOptions
        {
            Epochs = 1,
            BatchSize = BatchSize,
            TrainingSamples = 0,
            Monitor = Scores.LossName,
            RestoreBestModel = false,
            Doctor = HasDoctor ? new TrainingDoctor() : null,
        };
        var optimizer = new SGD(model.Parameters(), 0.01, momentum: 0.9);
        return new Trainer(model, optimizer, new CrossEntropyLoss(), options).Fit(_samples);
    }
}
