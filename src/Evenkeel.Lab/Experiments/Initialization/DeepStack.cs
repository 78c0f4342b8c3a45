using Evenkeel.Diagnostics;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Initialization;

/// <summary>The lesson's network of 256 features, and its linear layers alone for the derivation without activations.</summary>
internal sealed class DeepStack
{
    public const int Width = 256;
    public const int BatchSize = 16;

    private readonly DeepMLP _network;
    private readonly bool _relu;

    /// <summary>
    /// Makes the network in the lesson's order: all linear layers with PyTorch's default, then <paramref name="init"/> over them (null: the default stays), then the inputs.
    /// </summary>
    public DeepStack(TorchGenerator random, int layers, Init? init, bool batchNorm, bool relu = true)
    {
        _relu = relu;
        _network = new DeepMLP(Width, layers, batchNorm ? NormKind.BatchNorm : null, random);
        if (init is not null) _network.InitializeWeights(init, random);
        Inputs = Tensor.RandomNormal([BatchSize, Width], random);
    }

    public Module Model => _relu ? _network : _network.Linears;

    /// <summary>N(0, 1), drawn after the weights.</summary>
    public Tensor Inputs { get; }

    /// <summary>The first layers as a network of their own, with the same weights.</summary>
    public Sequential Prefix(int layers)
    {
        var prefix = new Sequential();
        for (int i = 0; i < layers; i++)
        {
            prefix.Add(_network.Linears[i]);
            if (_network.Norms.Count > 0) prefix.Add(_network.Norms[i]);
            if (_relu) prefix.Add(_network.Activations[i]);
        }

        return prefix;
    }

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

    private bool IsLastOfALayer(string name, Module module) => _relu ? module is ReLU : module is Linear;

    private void Forward(Tensor inputs)
    {
        var tape = new Tape(Mode.Train, recordGradients: false);
        tape.Reset();
        Model.Forward(tape.Input(inputs));
        tape.Reject();
    }
}
