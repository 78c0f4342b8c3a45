using Evenkeel.Diagnostics;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Initialization;

/// <summary>The lesson's network of 256 features: linear, batch norm or not, ReLU.</summary>
internal sealed class DeepStack
{
    public const int Width = 256;
    public const int BatchSize = 16;

    private readonly DeepMLP _network;

    /// <summary>
    /// Makes the network in the lesson's order: all linear layers with PyTorch's default, then <paramref name="init"/>
    /// over them (null: the default stays), then the inputs.
    /// </summary>
    public DeepStack(TorchGenerator random, int layers, Init? init, bool batchNorm)
    {
        _network = new DeepMLP(Width, layers, batchNorm ? NormKind.BatchNorm : null, random);
        if (init is not null) _network.InitializeWeights(init, random);
        Inputs = Tensor.RandomNormal([BatchSize, Width], random);
    }

    private DeepStack(DeepStack plain, double scale)
    {
        // The layers' own draws are replaced at once, so any stream will do.
        _network = new DeepMLP(Width, plain._network.Linears.Count, NormKind.BatchNorm, new TorchGenerator(0));
        for (int i = 0; i < plain._network.Linears.Count; i++)
        {
            Tensor weight = ((Linear)plain._network.Linears[i]).Weight.Value;
            ((Linear)_network.Linears[i]).Weight.Value.CopyFrom(scale == 1 ? weight : weight * scale);
        }

        Inputs = plain.Inputs;
    }

    public Module Model => _network;

    /// <summary>N(0, 1), drawn after the weights.</summary>
    public Tensor Inputs { get; }

    /// <summary>
    /// A network with batch norm, with the same inputs and with these weights times a factor: what the same seed would
    /// draw, without drawing it again.
    /// </summary>
    public DeepStack WithBatchNorm(double scale = 1) => new(this, scale);

    /// <summary>The first layers as a network of their own, with the same weights.</summary>
    public Sequential Prefix(int layers)
    {
        var prefix = new Sequential();
        for (int i = 0; i < layers; i++)
        {
            prefix.Add(_network.Linears[i]);
            if (_network.Norms.Count > 0) prefix.Add(_network.Norms[i]);
            prefix.Add(_network.Activations[i]);
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
    /// The same pass in float32 and in float64 from the same weights and inputs: for each layer the root mean square of
    /// the difference over the standard deviation. The network stays in float64.
    /// </summary>
    public double[] RoundingErrors()
    {
        var outputs = new List<Tensor>();
        var hooks = Model.NamedModules().Where(entry => IsLastOfALayer(entry.Name, entry.Module))
            .Select(entry => entry.Module.AddForwardHook((_, _, y) => outputs.Add(y.To(DType.Float64).Clone())))
            .ToArray();
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

    private static bool IsLastOfALayer(string name, Module module) => module is ReLU;

    private void Forward(Tensor inputs)
    {
        var tape = new Tape(Mode.Train, recordGradients: false);
        tape.Reset();
        Model.Forward(tape.Input(inputs));
        tape.Reject();
    }
}
