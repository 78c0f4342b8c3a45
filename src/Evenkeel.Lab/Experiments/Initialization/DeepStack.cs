using Evenkeel.Diagnostics;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Initialization;

/// <summary>The lesson's network: layers of one width, Linear without a bias, then batch norm or not, then ReLU or not.</summary>
internal sealed class DeepStack
{
    public const int Width = 256;
    public const int BatchSize = 16;

    private readonly List<Module> _modules = [];
    private readonly int _modulesOfALayer;

    /// <summary>
    /// Makes the network in the lesson's order: all linear layers with PyTorch's default, then <paramref name="init"/> over them (null: the default stays), then the inputs.
    /// </summary>
    public DeepStack(TorchGenerator random, int layers, Init? init, bool batchNorm, bool relu = true)
    {
        _modulesOfALayer = 1 + (batchNorm ? 1 : 0) + (relu ? 1 : 0);
        var linears = new Linear[layers];
        for (int i = 0; i < layers; i++) linears[i] = new Linear(Width, Width, bias: false, random);
        foreach (Linear linear in linears)
        {
            _modules.Add(linear);
            if (batchNorm) _modules.Add(new BatchNorm1d(Width));
            if (relu) _modules.Add(new ReLU());
        }

        Model = Prefix(layers);
        if (init is not null) Model.Initialize(init, random);
        Inputs = Tensor.RandomNormal([BatchSize, Width], random);
    }

    public Sequential Model { get; }

    /// <summary>N(0, 1), drawn after the weights.</summary>
    public Tensor Inputs { get; }

    /// <summary>The first layers as a network of their own, with the same weights.</summary>
    public Sequential Prefix(int layers) => new([.. _modules.Take(layers * _modulesOfALayer)]);

    /// <summary>One pass in training mode: the statistics of every layer's last output.</summary>
    public TensorStatistics[] Run()
    {
        using var probe = new ActivationProbe(Model, IsLastOfALayer);
        Forward(Inputs);
        return [.. probe.Records.Select(static record => record.Values)];
    }

    /// <summary>
    /// The same pass in float32 and in float64 from the same weights and inputs: for each layer the root mean square of the difference over the standard deviation. The network stays in float64.
    /// </summary>
    public double[] RoundingErrors()
    {
        var outputs = new List<Tensor>();
        var hooks = Model.NamedModules().Where(entry => IsLastOfALayer(entry.Name, entry.Module)).Select(entry => entry.Module.AddForwardHook((_, _, y) => outputs.Add(y.To(DType.Float64).Clone()))).ToArray();
        Forward(Inputs);
        Model.To(DType.Float64);
        Forward(Inputs.To(DType.Float64));
        foreach (IDisposable hook in hooks) hook.Dispose();
        int layers = outputs.Count / 2;
        var errors = new double[layers];
        for (int i = 0; i < layers; i++)
        {
            double[] single = outputs[i].ToArray<double>(), exact = outputs[layers + i].ToArray<double>();
            double sum = 0;
            for (int k = 0; k < exact.Length; k++) sum += (single[k] - exact[k]) * (single[k] - exact[k]);
            errors[i] = Math.Sqrt(sum / exact.Length) / TensorStatistics.Of(outputs[layers + i]).Std;
        }

        return errors;
    }

    private bool IsLastOfALayer(string name, Module module) => module.Children.Count == 0 && ReferenceEquals(module, _modules[(int.Parse(name, System.Globalization.CultureInfo.InvariantCulture) / _modulesOfALayer * _modulesOfALayer) + _modulesOfALayer - 1]);

    private void Forward(Tensor inputs)
    {
        var tape = new Tape(Mode.Train, recordGradients: false);
        tape.Reset();
        Model.Forward(tape.Input(inputs));
        tape.Reject();
    }
}
