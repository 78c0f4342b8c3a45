using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>
/// Decides for each norm of a network into which layer it goes, from the data flow of one traced pass. It keeps the
/// resulting weights.
/// </summary>
internal sealed class FoldPlan
{
    private readonly TracedNetwork _network;
    private readonly Dictionary<Module, FoldableWeights> _weights = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Module, TracedCall> _folded = new(ReferenceEqualityComparer.Instance);

    /// <summary>
    /// Runs one pass in Eval and decides. <paramref name="unmovable"/> holds the norms that the fields of the network
    /// do not allow to be replaced, each with the reason.
    /// </summary>
    public FoldPlan(Module model, FoldInputs inputs, IReadOnlyDictionary<Module, string> unmovable)
    {
        _network = new TracedNetwork(model, inputs);
        IReadOnlyList<(string Name, Module Module)> modules = model.NamedModules();
        var layers = new Dictionary<Module, FoldedLayer>(ReferenceEqualityComparer.Instance);
        bool isNew = true;
        // Repeated after each success: a norm may follow one that has been folded.
        while (isNew)
        {
            isNew = false;
            foreach ((string name, Module module) in modules)
            {
                if (module is not INormalization
                    || (layers.TryGetValue(module, out FoldedLayer? known) && known.Status != FoldStatus.Kept))
                {
                    continue;
                }

                FoldedLayer layer = Decide(name, module, unmovable);
                layers[module] = layer;
                isNew |= layer.Status != FoldStatus.Kept;
            }
        }

        Layers = [.. from entry in modules where layers.ContainsKey(entry.Module) select layers[entry.Module]];
    }

    /// <summary>All norms and what happens to them.</summary>
    public IReadOnlyList<FoldedLayer> Layers { get; }

    /// <summary>The norms that are folded.</summary>
    public IReadOnlyCollection<Module> Folded => _folded.Keys;

    /// <summary>What stands in the folded network in place of a module; null takes the copy of the module.</summary>
    public Module? Substitute(Module module, DType dtype) => _folded.ContainsKey(module) ? new Identity()
        : _weights.TryGetValue(module, out FoldableWeights? weights) ? weights.ToLayer(dtype)
        : null;

    private FoldedLayer Decide(string name, Module module, IReadOnlyDictionary<Module, string> unmovable)
    {
        if (module is not ITrackingNorm norm)
            return Kept("its statistics are those of each sample, so it is not a fixed map");
        if (norm.Running is null)
            return Kept("it keeps no running statistics and normalizes by the batch's own in every mode");
        IReadOnlyList<TracedCall> calls = _network.CallsOf(module);
        if (calls.Count == 0) return Kept("it has no part in the pass");
        if (calls.Count > 1) return Kept($"it runs {calls.Count} times in a pass");
        if (_network.IsHooked(module)) return Kept("a hook looks at it; dispose the hook first");
        if (unmovable.TryGetValue(module, out string? held)) return Kept(held);
        FixedMap map = FixedMap.Of(norm);
        if (!map.IsFinite) return Kept("its running statistics, gamma or beta are not finite");
        string? warning = norm.Running.NumBatchesTracked.Value.Item() == 0
            ? "it has seen no batch (num_batches_tracked is 0); its running statistics are start values, "
                + "or come from a file that does not count"
            : null;

        Module? before = LayerBefore(norm, calls[0], out string reason);
        if (before is not null)
        {
            Weights(before).NormalizeOutputs(map);
            _folded.Add(module, calls[0]);
            return Into(FoldStatus.IntoLayerBefore, before);
        }

        Module? after = LayerAfter(norm, calls[0], out string reasonAfter);
        if (after is null) return Kept(reason == reasonAfter ? reason : $"{reason}; {reasonAfter}");
        Weights(after).NormalizeInputs(map);
        _folded.Add(module, calls[0]);
        return Into(FoldStatus.IntoLayerAfter, after);

        FoldedLayer Into(FoldStatus status, Module layer) =>
            new(name, module.TypeName, status, _network.NameOf(layer), null, warning);

        FoldedLayer Kept(string why) => new(name, module.TypeName, FoldStatus.Kept, null, why, null);
    }

    /// <summary>The linear layer whose output only this norm takes; otherwise the reason why there is none.</summary>
    private Module? LayerBefore(ITrackingNorm norm, TracedCall call, out string reason)
    {
        Tensor x = call.X;
        while (true)
        {
            if (ReferenceEquals(x, _network.Output)) return No("its input is the network's output too", out reason);
            if (_network.Trace.Consumers(x).Count != 1)
                return No($"its input is used elsewhere too, by {_network.OthersThan(call, x)}", out reason);
            TracedCall? earlier = _folded.Values.FirstOrDefault(folded => ReferenceEquals(folded.Y, x));
            if (earlier is null) break;
            x = earlier.X;
        }

        TracedCall? source = _network.MadeByLinear(x);
        if (source is null)
            return No($"what comes before it is not a linear layer but {_network.MakerOf(x)}", out reason);
        if (_network.Refusal(source.Module) is { } refusal) return No(refusal, out reason);
        (int channels, int outputs) = (norm.AxisOf(x.Shape), TracedNetwork.AxisOf(source.Module, x.Shape));
        if (channels != outputs)
        {
            return No(
                $"its channels are dimension {channels} of {x.Shape}, "
                + $"the outputs of {_network.Label(source.Module)} dimension {outputs}",
                out reason);
        }

        reason = "";
        return source.Module;
    }

    /// <summary>
    /// The linear layer that alone takes this norm's output, unpadded, directly or flattened; otherwise the reason why
    /// there is none.
    /// </summary>
    private Module? LayerAfter(ITrackingNorm norm, TracedCall call, out string reason)
    {
        Tensor y = call.Y;
        bool isFlat = false;
        while (true)
        {
            if (ReferenceEquals(y, _network.Output)) return No("its output is the network's", out reason);
            IReadOnlyList<TracedOp> consumers = _network.Trace.Consumers(y);
            if (consumers.Count != 1)
            {
                return No(
                    consumers.Count == 0 ? "no layer takes its output" : "its output goes several ways", out reason);
            }

            if (_folded.Values.FirstOrDefault(folded => ReferenceEquals(folded.X, y)) is { } later)
            {
                y = later.Y;
            }
            else if (consumers[0] is { IsAlias: true, Output.Shape.Rank: 2 } flatten
                && flatten.Output.Shape[0] == y.Shape[0])
            {
                // Row-major: the values of a channel stay together.
                isFlat = true;
                y = flatten.Output;
            }
            else
            {
                break;
            }
        }

        TracedCall? target = _network.TakenByLinear(y);
        if (target is null)
        {
            return No(
                $"what comes after it is not a linear layer but {_network.Trace.Consumers(y)[0].Name}", out reason);
        }

        if (_network.Refusal(target.Module) is { } refusal) return No(refusal, out reason);
        if (target.Module is ConvTransposeNd)
        {
            return No(
                $"{_network.Label(target.Module)} after it adds up as many inputs as reach a place, at the border "
                + "fewer, so the norm's shift is no bias", out reason);
        }

        if (TracedNetwork.PadsWithZeros(target.Module))
        {
            return No(
                $"{_network.Label(target.Module)} after it pads with zeros, which the norm would not leave zero",
                out reason);
        }

        int axis = norm.AxisOf(call.Y.Shape);
        if (isFlat ? axis != 1 || target.Module is not Linear : axis != TracedNetwork.AxisOf(target.Module, y.Shape))
        {
            return No(
                $"its channels are not the inputs of {_network.Label(target.Module)}, whose input has shape {y.Shape}",
                out reason);
        }

        reason = "";
        return target.Module;
    }

    private FoldableWeights Weights(Module layer)
    {
        if (!_weights.TryGetValue(layer, out FoldableWeights? weights))
            _weights.Add(layer, weights = new FoldableWeights(layer));
        return weights;
    }

    private static Module? No(string why, out string reason)
    {
        reason = why;
        return null;
    }
}
