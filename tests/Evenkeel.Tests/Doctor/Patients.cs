using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Training;

namespace Evenkeel.Tests.WithData;

/// <summary>Healthy networks of three architectures, trained once in a second or so, and their data.</summary>
internal static class Patients
{
    public const int Classes = 4;

    private const int Side = 12, Samples = 320, Features = 8;

    private static readonly Dictionary<string, Lazy<Module>> s_trained = new(StringComparer.Ordinal)
    {
        ["mlp"] = new(() => Trained(Mlp(), Table(1), epochs: 9)),
        ["convnet"] = new(() => Trained(ConvNet(), Pictures(1), epochs: 9)),
        ["flat"] = new(() => Measured(Trained(Flat(), Pictures(1), epochs: 6), Pictures(1))),
        ["resnet"] = new(() => Trained(SmallResNet(), Pictures(1), epochs: 9)),
    };

    /// <summary>The names of the architectures.</summary>
    public static IReadOnlyList<string> Names { get; } = ["mlp", "convnet", "resnet"];

    /// <summary>A copy of a trained network.</summary>
    public static Module Healthy(string name) => s_trained[name].Value.Clone();

    /// <summary>The samples that a network was trained with.</summary>
    public static TensorDataset DataOf(string name) => name == "mlp" ? Table(1) : Pictures(1);

    /// <summary>A network with a norm, an activation and dropout of choice between two linear layers.</summary>
    public static Sequential Mlp(Func<int, Module>? norm = null, Func<Module>? activation = null, double dropout = 0)
    {
        norm ??= static width => new BatchNorm1d(width);
        activation ??= static () => new ReLU();
        const int width = 24;
        return
        [
            new Linear(Features, width, bias: false, new Philox(1)), norm(width), activation(),
            dropout > 0 ? new Dropout(dropout) : new Identity(),
            new Linear(width, width, bias: false, new Philox(2)), norm(width), activation(),
            new Linear(width, Classes, random: new Philox(3)),
        ];
    }

    /// <summary>Two convolutions with norms, and a linear layer.</summary>
    public static Sequential ConvNet(
        Func<int, Module>? norm = null, Func<Module>? activation = null, double dropout = 0)
    {
        norm ??= static channels => new BatchNorm2d(channels);
        activation ??= static () => new ReLU();
        return
        [
            new Conv2d(3, 12, 3, padding: 1, bias: false, random: new Philox(1)), norm(12), activation(),
            new MaxPool2d(2), dropout > 0 ? new Dropout(dropout) : new Identity(),
            new Conv2d(12, 16, 3, padding: 1, bias: false, random: new Philox(2)), norm(16), activation(),
            new MaxPool2d(2), new Flatten(), new Linear(16 * 9, Classes, random: new Philox(3)),
        ];
    }

    /// <summary>Pictures as vectors.</summary>
    public static Sequential Flat() =>
    [
        new Flatten(), new Linear(3 * Side * Side, 24, bias: false, new Philox(1)), new BatchNorm1d(24), new ReLU(),
        new Linear(24, Classes, random: new Philox(3)),
    ];

    /// <summary>Three stages of one residual block each.</summary>
    public static ResNet SmallResNet() => new(
        new ResNetOptions { Side = Side, Blocks = 1, Width = 8, Classes = Classes }, new Philox(1));

    /// <summary>A network after some epochs on a set.</summary>
    public static Module Trained(Module model, IDataset data, int epochs, int batchSize = 32, double rate = 3e-3)
    {
        var options = new TrainerOptions { Epochs = epochs, BatchSize = batchSize, Seed = 1 };
        new Trainer(model, new Adam(model.Parameters(), learningRate: rate), new CrossEntropyLoss(), options).Fit(data);
        return model;
    }

    /// <summary>A network with the statistics of a set: its weights move faster than the averages follow.</summary>
    public static Module Measured(Module model, IDataset data)
    {
        model.Recalibrate(data);
        return model;
    }

    /// <summary>Overlapping clouds of eight features.</summary>
    public static TensorDataset Table(ulong seed)
    {
        var random = new Philox(seed, "table");
        float[] values = new float[Samples * Features];
        int[] labels = new int[Samples];
        for (int i = 0; i < Samples; i++)
        {
            labels[i] = i % Classes;
            for (int j = 0; j < Features; j++)
            {
                double centre = 1.2 * Math.Sin((1 + labels[i]) * (j + 1.7));
                values[(i * Features) + j] = (float)(centre + (0.3 * j) + random.NextNormal());
            }
        }

        return new TensorDataset(Tensor.From(values, [Samples, Features]), Tensor.Labels(labels));
    }

    /// <summary>Pictures of 12x12 pixels from 0 to 1: stripes of four directions, reddish as photographs are.</summary>
    public static TensorDataset Pictures(ulong seed)
    {
        double[] level = [0.55, 0.45, 0.3], contrast = [0.25, 0.2, 0.12];
        var random = new Philox(seed, "pictures");
        float[] values = new float[Samples * 3 * Side * Side];
        int[] labels = new int[Samples];
        for (int i = 0; i < Samples; i++)
        {
            labels[i] = i % Classes;
            double phase = 6.28 * random.NextDouble(), light = 0.12 * random.NextNormal();
            (double dy, double dx) = labels[i] switch
            {
                0 => (1.0, 0.0),
                1 => (0.0, 1.0),
                2 => (0.7, 0.7),
                _ => (0.7, -0.7),
            };
            for (int c = 0; c < 3; c++)
            {
                for (int p = 0; p < Side * Side; p++)
                {
                    double wave = Math.Sin(phase + (1.3 * ((dy * (p / Side)) + (dx * (p % Side)))));
                    double value = level[c] + light + (contrast[c] * ((0.6 * wave) + (0.5 * random.NextNormal())));
                    values[(((i * 3) + c) * Side * Side) + p] = (float)Math.Clamp(value, 0, 1);
                }
            }
        }

        return new TensorDataset(Tensor.From(values, [Samples, 3, Side, Side]), Tensor.Labels(labels));
    }

    /// <summary>The norms with running statistics, in their order.</summary>
    public static ITrackingNorm[] Norms(Module model) =>
        [.. model.NamedModules().Select(static entry => entry.Module).OfType<ITrackingNorm>()];

    /// <summary>Pictures from 0 to 1 as a wrong pipeline gives them.</summary>
    public static Tensor Prepared(Tensor images, string wrong)
    {
        Tensor mean = Tensor.From([0.485f, 0.456f, 0.406f], [1, 3, 1, 1]);
        Tensor deviation = Tensor.From([0.229f, 0.224f, 0.225f], [1, 3, 1, 1]);
        return wrong switch
        {
            "x255" => images * 255,
            "bgr" => Reversed(images),
            "bgr x255" => Reversed(images) * 255,
            "-1..1" => (images * 2) - 1,
            "imagenet" => (images - mean) / deviation,
            "nhwc" => images.Permute(0, 2, 3, 1).Reshape(images.Shape),
            _ => throw new ArgumentOutOfRangeException(nameof(wrong)),
        };
    }

    private static Tensor Reversed(Tensor images) =>
        Tensor.Concat([images[.., 2..3], images[.., 1..2], images[.., 0..1]], 1);

    /// <summary>A set with other inputs and the same labels.</summary>
    public static TensorDataset With(TensorDataset set, Func<Tensor, Tensor> change) =>
        new(change(set.Inputs.Clone()), set.Targets);
}
