using Evenkeel.Nn;

namespace Evenkeel.Lab.Experiments.DoctorProof;

/// <summary>The values of a channel of a batch norm.</summary>
internal sealed class NormChannel
{
    public double Mean { get; set; }

    public double Variance { get; set; }

    public double Gamma { get; set; }

    public double Beta { get; set; }
}

/// <summary>A batch norm and the layer before it, to be injured.</summary>
internal sealed class InjuredNorm
{
    private readonly BatchNorm _norm;
    private readonly Tensor _weight;
    private readonly Tensor? _bias;

    private InjuredNorm(BatchNorm norm, Module layer)
    {
        _norm = norm;
        _weight = layer is Conv2d convolution ? convolution.Weight.Value : ((Linear)layer).Weight.Value;
        _bias = (layer is Conv2d other ? other.Bias : ((Linear)layer).Bias)?.Value;
    }

    /// <summary>The batch norms of a network in their order, each behind a linear layer or a convolution.</summary>
    public static IReadOnlyList<InjuredNorm> In(Module network)
    {
        var norms = new List<InjuredNorm>();
        Module? layer = null;
        foreach ((_, Module module) in network.NamedModules())
        {
            if (module is Linear or Conv2d) layer = module;
            else if (module is BatchNorm norm) norms.Add(new InjuredNorm(norm, layer!));
        }

        return norms;
    }

    /// <summary>Changes every channel.</summary>
    /// <param name="change">Takes the number of the channel and its values, and changes these.</param>
    public void Each(Action<int, NormChannel> change)
    {
        (Tensor mean, Tensor variance) = (_norm.Running!.Mean.Value, _norm.Running.Variance.Value);
        (Tensor gamma, Tensor beta) = (_norm.Weight!.Value, _norm.Bias!.Value);
        for (int c = 0; c < mean.Count; c++)
        {
            var channel = new NormChannel
            {
                Mean = Get(mean, c),
                Variance = Get(variance, c),
                Gamma = Get(gamma, c),
                Beta = Get(beta, c),
            };
            change(c, channel);
            Set(mean, c, channel.Mean);
            Set(variance, c, channel.Variance);
            Set(gamma, c, channel.Gamma);
            Set(beta, c, channel.Beta);
        }
    }

    /// <summary>Sets the number of batches that the statistics are said to hold.</summary>
    public void SetBatches(double batches) => _norm.Running!.NumBatchesTracked.Value.Fill(batches);

    /// <summary>Multiplies the weights and biases of the layer before.</summary>
    public void ScaleLayer(double factor)
    {
        foreach (Tensor tensor in _bias is null ? [_weight] : (ReadOnlySpan<Tensor>)[_weight, _bias])
        {
            for (int i = 0; i < tensor.Count; i++) Set(tensor, i, Get(tensor, i) * factor);
        }
    }

    /// <summary>Adds to the bias of one output of the layer before, which must have biases.</summary>
    public void ShiftLayer(int output, double shift) => Set(_bias!, output, Get(_bias!, output) + shift);

    /// <summary>Makes one channel a copy of another, its filter included.</summary>
    public void Copy(int from, int to)
    {
        RunningStatistics running = _norm.Running!;
        Tensor?[] all =
            [_weight, _bias, running.Mean.Value, running.Variance.Value, _norm.Weight!.Value, _norm.Bias!.Value];
        foreach (Tensor? tensor in all)
        {
            if (tensor is null) continue;
            int size = tensor.Count / tensor.Shape[0];
            for (int i = 0; i < size; i++) Set(tensor, (to * size) + i, Get(tensor, (from * size) + i));
        }
    }

    private static double Get(Tensor tensor, int i) =>
        tensor.DType == DType.Float64 ? tensor.AsSpan<double>()[i] : tensor.AsSpan<float>()[i];

    private static void Set(Tensor tensor, int i, double value)
    {
        if (tensor.DType == DType.Float64) tensor.AsSpan<double>()[i] = value;
        else tensor.AsSpan<float>()[i] = (float)value;
    }
}
