using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>
/// Weight and bias of a linear layer or convolution in double, to be changed by norms and rounded once at the end.
/// </summary>
internal sealed class FoldableWeights
{
    private readonly Module _layer;
    private readonly double[] _weight;
    private readonly double[] _bias;
    private readonly int _groups;

    public FoldableWeights(Module layer)
    {
        _layer = layer;
        Parameter weight = WeightOf(layer);
        WeightStandardization? standardization;
        (_groups, standardization, int outputs) = layer switch
        {
            ConvNd convolution => (convolution.Groups, convolution.WeightStandardization, convolution.OutChannels),
            ConvTransposeNd transposed => (transposed.Groups, null, transposed.OutChannels),
            _ => (1, ((Linear)layer).WeightStandardization, weight.Shape[0]),
        };
        var wide = new Parameter(InDouble(layer, weight));
        _weight = WeightStandardization.Apply(standardization, wide, tape: null).ToArray<double>();
        _bias = layer.OwnParameters.TryGetValue("bias", out Parameter? bias)
            ? bias.Value.To(DType.Float64).ToArray<double>()
            : new double[outputs];
    }

    /// <summary>W in double: what is computed is computed in double.</summary>
    private static Tensor InDouble(Module layer, Parameter weight)
    {
        if (layer.Parametrization is null) return weight.Value.To(DType.Float64).Detach();
        var form = (WeightParametrization)layer.Parametrization.Clone();
        form.To(DType.Float64);
        return form.Compute(tape: null).Detach();
    }

    /// <summary>W.</summary>
    public static Parameter WeightOf(Module layer) => layer.OwnWeight!;

    /// <summary>The norm of the outputs: W' = W·s and b' = (b - mean)·s + beta, s along the outputs.</summary>
    public void NormalizeOutputs(FixedMap norm)
    {
        for (int i = 0; i < _weight.Length; i++) _weight[i] *= norm.Scale[OutputOf(i)];
        for (int o = 0; o < _bias.Length; o++)
            _bias[o] = ((_bias[o] - norm.Mean[o]) * norm.Scale[o]) + norm.Beta[o];
    }

    /// <summary>
    /// The norm of the inputs: b' = b + Σ W·(beta - mean·s) over the weights of an output, then W' = W·s, s along the
    /// inputs. For each output, an input channel has as many weights as the kernel has points, or as a plane has points
    /// if planes were flattened for a linear layer.
    /// </summary>
    public void NormalizeInputs(FixedMap norm)
    {
        int m = _weight.Length / _bias.Length, channels = norm.Scale.Length / _groups, points = m / channels;
        for (int o = 0; o < _bias.Length; o++)
        {
            int first = o / (_bias.Length / _groups) * channels;
            for (int i = 0; i < m; i++)
            {
                int c = first + (i / points);
                _bias[o] += _weight[(o * m) + i] * (norm.Beta[c] - (norm.Mean[c] * norm.Scale[c]));
                _weight[(o * m) + i] *= norm.Scale[c];
            }
        }
    }

    /// <summary>The output of a weight: the first dimension, or in a transposed convolution the second.</summary>
    private int OutputOf(int i)
    {
        if (_layer is not ConvTransposeNd transposed) return i / (_weight.Length / _bias.Length);
        int outputs = _bias.Length / _groups, points = transposed.Weight.Value.Count
            / (transposed.InChannels * outputs);
        int input = i / (outputs * points), group = input / (transposed.InChannels / _groups);
        return (group * outputs) + (i / points % outputs);
    }

    /// <summary>A new layer with these weights, always with a bias, and without weight standardization.</summary>
    public Module ToLayer(DType dtype)
    {
        Module layer = LinearLayers.Like(_layer, null, null, bias: true);
        layer.To(dtype);
        (Parameter weight, Parameter bias) = (WeightOf(layer), layer.OwnParameters["bias"]);
        weight.Value.CopyFrom(Tensor.From(_weight, weight.Shape).To(dtype));
        bias.Value.CopyFrom(Tensor.From(_bias, bias.Shape).To(dtype));
        weight.RequiresGradient = WeightOf(_layer).RequiresGradient;
        // A bias that is new comes from the weight, so it is frozen like the weight.
        bias.RequiresGradient = _layer.OwnParameters.TryGetValue("bias", out Parameter? old)
            ? old.RequiresGradient
            : weight.RequiresGradient;
        return layer;
    }
}

/// <summary>
/// A norm with fixed statistics: y = (x - mean)·s + beta channel by channel, s = gamma/sqrt(var + eps).
/// </summary>
/// <param name="Mean">The running mean.</param>
/// <param name="Scale">s.</param>
/// <param name="Beta">beta.</param>
internal sealed record FixedMap(double[] Mean, double[] Scale, double[] Beta)
{
    public static FixedMap Of(ITrackingNorm norm)
    {
        double[] mean = Values(norm.Running!.Mean.Value), scale = Values(norm.Running.Variance.Value);
        double[] beta = norm.Bias is null ? new double[mean.Length] : Values(norm.Bias.Value);
        double[]? gamma = norm.Weight is null ? null : Values(norm.Weight.Value);
        for (int c = 0; c < scale.Length; c++) scale[c] = (gamma?[c] ?? 1) * NormTheorem.Rstd(scale[c], norm.Eps);
        return new FixedMap(mean, scale, beta);
    }

    public bool IsFinite => Mean.All(double.IsFinite) && Scale.All(double.IsFinite) && Beta.All(double.IsFinite);

    private static double[] Values(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();
}
