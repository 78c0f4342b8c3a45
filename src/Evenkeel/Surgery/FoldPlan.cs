using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>
/// Decides for each norm of a network into which layer it goes, from the data flow of one traced pass. It keeps the
/// resulting weights.
/// </summary>
internal sealed class FoldPlan
{
    private readonly TapeTrace _trace = new();
    private readonly List<Call> _calls = [];
    private readonly Dictionary<Module, string> _names = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Module> _hooked = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Parameter, int> _owners = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Module, FoldableWeights> _weights = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Module, Call> _folded = new(ReferenceEqualityComparer.Instance);
    private readonly Tensor _output;

    /// <summary>
    /// Runs one pass in Eval and decides. <paramref name="unmovable"/> holds the norms that the fields of the network
    /// do not allow to be replaced, each with the reason.
    /// </summary>
    public FoldPlan(Module model, FoldInputs inputs, IReadOnlyDictionary<Module, string> unmovable)
    {
        IReadOnlyList<(string Name, Module Module)> modules = model.NamedModules();
        var hooks = new List<IDisposable>(modules.Count);
        try
        {
            foreach ((string name, Module module) in modules)
            {
                _names.Add(module, name);
                if (module.HasHooks) _hooked.Add(module);
                foreach ((_, Parameter parameter) in module.OwnParameters)
                    _owners[parameter] = _owners.GetValueOrDefault(parameter) + 1;
                // Modules with a hook are not fused, so each op belongs to exactly one layer.
                hooks.Add(module.AddForwardHook((layer, x, y) => _calls.Add(new Call(layer, x, y))));
            }

            _output = inputs.Run(model, _trace);
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }

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
        List<Call> calls = _calls.FindAll(call => ReferenceEquals(call.Module, module));
        if (calls.Count == 0) return Kept("it has no part in the pass");
        if (calls.Count > 1) return Kept($"it runs {calls.Count} times in a pass");
        if (_hooked.Contains(module)) return Kept("a hook looks at it; dispose the hook first");
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
            return new FoldedLayer(name, module.TypeName, FoldStatus.IntoLayerBefore, _names[before], null, warning);
        }

        Module? after = LayerAfter(norm, calls[0], out string reasonAfter);
        if (after is null) return Kept(reason == reasonAfter ? reason : $"{reason}; {reasonAfter}");
        Weights(after).NormalizeInputs(map);
        _folded.Add(module, calls[0]);
        return new FoldedLayer(name, module.TypeName, FoldStatus.IntoLayerAfter, _names[after], null, warning);

        FoldedLayer Kept(string why) => new(name, module.TypeName, FoldStatus.Kept, null, why, null);
    }

    /// <summary>The linear layer whose output only this norm takes; otherwise the reason why there is none.</summary>
    private Module? LayerBefore(ITrackingNorm norm, Call call, out string reason)
    {
        Tensor x = call.X;
        while (true)
        {
            if (ReferenceEquals(x, _output)) return No("its input is the network's output too", out reason);
            if (_trace.Consumers(x).Count != 1)
                return No($"its input is used elsewhere too, by {OthersThan(call, x)}", out reason);
            Call? earlier = _folded.Values.FirstOrDefault(folded => ReferenceEquals(folded.Y, x));
            if (earlier is null) break;
            x = earlier.X;
        }

        Call? source = _calls.Find(made => ReferenceEquals(made.Y, x) && IsLinear(made.Module));
        if (source is null) return No($"what comes before it is not a linear layer but {MakerOf(x)}", out reason);
        if (Refusal(source.Module) is { } refusal) return No(refusal, out reason);
        (int channels, int outputs) = (norm.AxisOf(x.Shape), AxisOf(source.Module, x.Shape));
        if (channels != outputs)
        {
            return No(
                $"its channels are dimension {channels} of {x.Shape}, "
                + $"the outputs of {Label(source.Module)} dimension {outputs}",
                out reason);
        }

        reason = "";
        return source.Module;
    }

    /// <summary>
    /// The linear layer that alone takes this norm's output, unpadded, directly or flattened; otherwise the reason why
    /// there is none.
    /// </summary>
    private Module? LayerAfter(ITrackingNorm norm, Call call, out string reason)
    {
        Tensor y = call.Y;
        bool isFlat = false;
        while (true)
        {
            if (ReferenceEquals(y, _output)) return No("its output is the network's", out reason);
            IReadOnlyList<TracedOp> consumers = _trace.Consumers(y);
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

        Call? target = _calls.Find(taken => ReferenceEquals(taken.X, y) && IsLinear(taken.Module));
        if (target is null)
        {
            return No($"what comes after it is not a linear layer but {_trace.Consumers(y)[0].Name}", out reason);
        }

        if (Refusal(target.Module) is { } refusal) return No(refusal, out reason);
        if (target.Module is ConvTransposeNd)
        {
            return No(
                $"{Label(target.Module)} after it adds up as many inputs as reach a place, at the border fewer, so the "
                + "norm's shift is no bias", out reason);
        }

        if (PadsWithZeros(target.Module))
        {
            return No(
                $"{Label(target.Module)} after it pads with zeros, which the norm would not leave zero", out reason);
        }

        int axis = norm.AxisOf(call.Y.Shape);
        if (isFlat ? axis != 1 || target.Module is not Linear : axis != AxisOf(target.Module, y.Shape))
        {
            return No($"its channels are not the inputs of {Label(target.Module)}, whose input has shape {y.Shape}",
                out reason);
        }

        reason = "";
        return target.Module;
    }

    /// <summary>The reason why a linear layer cannot take a norm; null if it can.</summary>
    private string? Refusal(Module layer)
    {
        int calls = _calls.Count(call => ReferenceEquals(call.Module, layer));
        if (calls > 1) return $"{Label(layer)} runs {calls} times in a pass";
        if (_hooked.Contains(layer)) return $"a hook looks at {Label(layer)}; dispose the hook first";
        foreach ((string name, Parameter parameter) in layer.OwnParameters)
        {
            if (_owners[parameter] > 1 || _trace.Uses(parameter) > 1)
                return $"the {name} of {Label(layer)} is used elsewhere too";
        }

        return null;
    }

    private FoldableWeights Weights(Module layer)
    {
        if (!_weights.TryGetValue(layer, out FoldableWeights? weights))
            _weights.Add(layer, weights = new FoldableWeights(layer));
        return weights;
    }

    /// <summary>The dimension of a tensor along which a linear layer has its inputs or outputs.</summary>
    private static int AxisOf(Module layer, Shape shape) => layer switch
    {
        ConvNd convolution => shape.Rank - 1 - convolution.Settings.Spatial,
        ConvTransposeNd convolution => shape.Rank - 1 - convolution.Settings.Spatial,
        _ => shape.Rank - 1,
    };

    private static bool IsLinear(Module module) => module is Linear or ConvNd or ConvTransposeNd;

    /// <summary>Padding from values of the input is as good as none: they pass the norm too.</summary>
    private static bool PadsWithZeros(Module module) => module is ConvNd { PaddingMode: PaddingMode.Zeros } convolution
        && convolution.Settings.Pads(convolution.Kernel);

    /// <summary>What made a tensor: the innermost module that returned it, otherwise the op.</summary>
    private string MakerOf(Tensor x)
    {
        TracedOp? op = _trace.Maker(x);
        if (op is null) return "the network's input";
        Call? call = _calls.Find(made => ReferenceEquals(made.Y, x) && made.Module.Children.Count == 0);
        return call is null ? $"the operation {op.Name}" : Label(call.Module);
    }

    private string OthersThan(Call call, Tensor x)
    {
        IEnumerable<string> others = from op in _trace.Consumers(x)
                                     where !ReferenceEquals(
            op.Output, call.Y)
                                     select op.Name;
        string text = string.Join(", ", others.Distinct(StringComparer.Ordinal));
        return text.Length == 0 ? "the same layer" : text;
    }

    private string Label(Module module) =>
        $"{(_names[module].Length == 0 ? "the network itself" : _names[module])} ({module.TypeName})";

    private static Module? No(string why, out string reason)
    {
        reason = why;
        return null;
    }

    /// <summary>One run of a module.</summary>
    private sealed record Call(Module Module, Tensor X, Tensor Y);
}
