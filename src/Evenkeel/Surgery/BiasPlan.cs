using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>Finds the biases that a norm takes away again, from the data flow of one traced pass.</summary>
internal sealed class BiasPlan
{
    private readonly Dictionary<Module, string> _norms = new(ReferenceEqualityComparer.Instance);
    private readonly List<string> _layers = [];

    /// <summary>Runs one pass in Eval and looks.</summary>
    public BiasPlan(Module model, FoldInputs inputs)
    {
        var network = new TracedNetwork(model, inputs);
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (module is not ITrackingNorm { Running: not null } norm || network.IsHooked(module)
                || network.CallsOf(module) is not [var call] || ReferenceEquals(call.X, network.Output)
                || network.Trace.Consumers(call.X).Count != 1
                || network.MadeByLinear(call.X) is not { } source || network.Refusal(source.Module) is not null
                || !source.Module.OwnParameters.ContainsKey("bias") || source.Module.Parametrization is not null
                || norm.AxisOf(call.X.Shape) != TracedNetwork.AxisOf(source.Module, call.X.Shape))
            {
                continue;
            }

            _norms.Add(source.Module, name);
            _layers.Add(network.NameOf(source.Module));
        }
    }

    /// <summary>The layers whose bias goes.</summary>
    public IReadOnlyList<string> Layers => _layers;

    /// <summary>The network without these biases, in a type.</summary>
    public Module Apply(Module model, DType dtype)
    {
        Module result = model.Clone(module => _norms.ContainsKey(module) ? Without(module, dtype) : null);
        if (dtype == DType.Float64) result.To(dtype);
        Dictionary<string, Module> modules = TracedNetwork.ByName(result);
        foreach ((Module layer, string norm) in _norms)
        {
            Tensor bias = layer.OwnParameters["bias"].Value;
            Tensor mean = ((ITrackingNorm)modules[norm]).Running!.Mean.Value;
            for (int c = 0; c < mean.Count; c++) mean.SetValueAt(c, mean.ValueAt(c) - bias.ValueAt(c));
        }

        return result;
    }

    private static Module Without(Module layer, DType dtype)
    {
        Module copy = LinearLayers.Like(layer, null, null, bias: false);
        copy.To(dtype);
        switch (layer, copy)
        {
            case (ConvNd from, ConvNd to): to.WeightStandardization = from.WeightStandardization; break;
            case (Linear from, Linear to): to.WeightStandardization = from.WeightStandardization; break;
        }

        Parameter weight = FoldableWeights.WeightOf(copy), old = FoldableWeights.WeightOf(layer);
        weight.Value.CopyFrom(old.Value.To(dtype).Detach());
        weight.RequiresGradient = old.RequiresGradient;
        return copy;
    }
}
