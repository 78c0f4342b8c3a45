using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;

namespace Evenkeel.Tests.Examination;

/// <summary>Healthy networks from seeds, and what tests injure in them.</summary>
internal static class Patients
{
    /// <summary>Architectures with a batch norm behind a linear layer and before a ReLU.</summary>
    public static readonly string[] Architectures = ["dense", "convolutions", "volumes", "residual"];

    /// <summary>A healthy network: it has moved from its start values as training moves it.</summary>
    public static Module Make(string architecture, ulong seed = 1)
    {
        var random = new Philox(seed);
        Module model = architecture switch
        {
            "dense" => new Sequential(
                new Linear(12, 20, bias: false, random: random), new BatchNorm1d(20), new ReLU(),
                new Linear(20, 20, bias: false, random: random), new BatchNorm1d(20), new ReLU(),
                new Linear(20, 20, bias: false, random: random), new BatchNorm1d(20), new ReLU(),
                new Linear(20, 4, random: random)),
            "convolutions" => new Sequential(
                new Conv2d(3, 20, 3, padding: 1, bias: false, random: random), new BatchNorm2d(20), new ReLU(),
                new Conv2d(20, 20, 3, padding: 1, bias: false, random: random), new BatchNorm2d(20), new ReLU(),
                new MaxPool2d(2),
                new Conv2d(20, 24, 3, padding: 1, bias: false, random: random), new BatchNorm2d(24), new ReLU(),
                new AdaptiveAvgPool2d(1), new Flatten(), new Linear(24, 4, random: random)),
            "volumes" => new Sequential(
                new Conv3d(1, 20, 3, padding: 1, bias: false, random: random), new BatchNorm3d(20), new ReLU(),
                new Conv3d(20, 20, 3, padding: 1, bias: false, random: random), new BatchNorm3d(20), new ReLU(),
                new Conv3d(20, 20, 3, padding: 1, bias: false, random: random), new BatchNorm3d(20), new ReLU(),
                new AdaptiveAvgPool3d(1), new Flatten(), new Linear(20, 4, random: random)),
            _ => new ResNet(new ResNetOptions { Side = 16, Blocks = 1, Width = 20, Classes = 4 }, random),
        };
        Season(model, random);
        return model;
    }

    /// <summary>Gives norms values as training leaves them.</summary>
    public static void Season(Module model, Philox random)
    {
        foreach ((_, Module module) in model.NamedModules())
        {
            foreach ((string name, Parameter parameter) in module.OwnParameters)
            {
                if (module is not (ITrackingNorm or GroupNorm or LayerNorm or RMSNorm)) continue;
                double middle = name == "weight" ? 1 : 0;
                Fill(parameter.Value, () => middle + (0.2 * random.NextNormal()));
            }

            if (module is not ITrackingNorm { Running: { } running }) continue;
            Fill(running.Mean.Value, () => 0.3 * random.NextNormal());
            Fill(running.Variance.Value, () => 0.5 + Math.Abs(random.NextNormal()));
            running.NumBatchesTracked.Value.Fill(1000);
        }
    }

    /// <summary>The batch norm that is injured: the second one; it has a layer before and a ReLU behind it.</summary>
    public static BatchNorm Norm(Module model) =>
        model.NamedModules().Select(static pair => pair.Module).OfType<BatchNorm>().ElementAt(1);

    /// <summary>The name of that norm.</summary>
    public static string NameOfNorm(Module model) => NameOf(model, Norm(model));

    /// <summary>The weight of the layer before that norm.</summary>
    public static Tensor Weight(Module model)
    {
        ExaminedNorm norm = ExaminedNetwork.Of(model).Norms.First(one => one.Name == NameOfNorm(model));
        return model.NamedParameters().First(pair => pair.Name == $"{norm.Before!.Name}.weight").Parameter.Value;
    }

    public static string NameOf(Module model, Module part) =>
        model.NamedModules().First(pair => ReferenceEquals(pair.Module, part)).Name;

    public static void Fill(Tensor tensor, Func<double> next)
    {
        for (int i = 0; i < tensor.Count; i++) Set(tensor, i, next());
    }

    public static void Set(Tensor tensor, int i, double value)
    {
        if (tensor.DType == DType.Float64) tensor.AsSpan<double>()[i] = value;
        else tensor.AsSpan<float>()[i] = (float)value;
    }

    /// <summary>The values of a filter.</summary>
    public static Span<float> Filter(Tensor weight, int filter)
    {
        int size = weight.Count / weight.Shape[0];
        return weight.AsSpan<float>().Slice(filter * size, size);
    }

    /// <summary>The network's tensors as a file has them.</summary>
    public static TensorArchive Archive(Module model)
    {
        var archive = new TensorArchive();
        archive.Add("", model.StateDict());
        return archive;
    }

    /// <summary>The same tensors, one of them another.</summary>
    public static TensorArchive With(Module model, string name, Tensor tensor)
    {
        var archive = new TensorArchive();
        foreach ((string key, Tensor value) in model.StateDict()) archive.Add(key, key == name ? tensor : value);
        return archive;
    }
}
