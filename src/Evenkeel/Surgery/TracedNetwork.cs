using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>One run of a module in a traced pass.</summary>
internal sealed record TracedCall(Module Module, Tensor X, Tensor Y);

/// <summary>
/// A network in one traced pass in Eval: which module ran on which tensors, and what may be changed about it.
/// </summary>
internal sealed class TracedNetwork
{
    private readonly List<TracedCall> _calls = [];
    private readonly Dictionary<Module, string> _names = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Module> _hooked = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Parameter, int> _owners = new(ReferenceEqualityComparer.Instance);

    /// <summary>Runs the pass.</summary>
    public TracedNetwork(Module model, FoldInputs inputs)
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
                hooks.Add(module.AddForwardHook((layer, x, y) => _calls.Add(new TracedCall(layer, x, y))));
            }

            Output = inputs.Run(model, Trace);
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }
    }

    /// <summary>The data flow.</summary>
    public TapeTrace Trace { get; } = new();

    /// <summary>The output of the network.</summary>
    public Tensor Output { get; }

    /// <summary>All runs of modules, in the order in which they end.</summary>
    public IReadOnlyList<TracedCall> Calls => _calls;

    /// <summary>The dotted name of a module.</summary>
    public string NameOf(Module module) => _names[module];

    /// <summary>Whether a hook of somebody else looks at a module.</summary>
    public bool IsHooked(Module module) => _hooked.Contains(module);

    /// <summary>The runs of a module.</summary>
    public IReadOnlyList<TracedCall> CallsOf(Module module) =>
        _calls.FindAll(call => ReferenceEquals(call.Module, module));

    /// <summary>The run of the linear layer that made a tensor; null for none.</summary>
    public TracedCall? MadeByLinear(Tensor y) =>
        _calls.Find(made => ReferenceEquals(made.Y, y) && IsLinear(made.Module));

    /// <summary>The run of a linear layer that takes a tensor; null for none.</summary>
    public TracedCall? TakenByLinear(Tensor x) =>
        _calls.Find(taken => ReferenceEquals(taken.X, x) && IsLinear(taken.Module));

    /// <summary>The reason why a linear layer cannot be changed; null if it can.</summary>
    public string? Refusal(Module layer)
    {
        int calls = _calls.Count(call => ReferenceEquals(call.Module, layer));
        if (calls > 1) return $"{Label(layer)} runs {calls} times in a pass";
        if (_hooked.Contains(layer)) return $"a hook looks at {Label(layer)}; dispose the hook first";
        foreach ((string name, Parameter parameter) in layer.OwnParameters)
        {
            if (_owners[parameter] > 1 || Trace.Uses(parameter) > 1)
                return $"the {name} of {Label(layer)} is used elsewhere too";
        }

        return null;
    }

    /// <summary>The modules of a copy of a network, by the names that they have in the network.</summary>
    public static Dictionary<string, Module> ByName(Module copy) => copy.NamedModules().ToDictionary(
        static entry => entry.Name, static entry => entry.Module, StringComparer.Ordinal);

    /// <summary>The dimension of a tensor along which a linear layer has its inputs or outputs.</summary>
    public static int AxisOf(Module layer, Shape shape) => layer switch
    {
        ConvNd convolution => shape.Rank - 1 - convolution.Settings.Spatial,
        ConvTransposeNd convolution => shape.Rank - 1 - convolution.Settings.Spatial,
        _ => shape.Rank - 1,
    };

    /// <summary>Whether a module is a linear layer or a convolution.</summary>
    public static bool IsLinear(Module module) => module is Linear or ConvNd or ConvTransposeNd;

    /// <summary>
    /// Whether a layer pads with zeros. Padding from values of the input is as good as none: they pass the norm too.
    /// </summary>
    public static bool PadsWithZeros(Module module) => module is ConvNd { PaddingMode: PaddingMode.Zeros } convolution
        && convolution.Settings.Pads(convolution.Kernel);

    /// <summary>What made a tensor: the innermost module that returned it, otherwise the op.</summary>
    public string MakerOf(Tensor x)
    {
        TracedOp? op = Trace.Maker(x);
        if (op is null) return "the network's input";
        TracedCall? call = _calls.Find(made => ReferenceEquals(made.Y, x) && made.Module.Children.Count == 0);
        return call is null ? $"the operation {op.Name}" : Label(call.Module);
    }

    /// <summary>The other operations that take the input of a call.</summary>
    public string OthersThan(TracedCall call, Tensor x)
    {
        IEnumerable<string> others = from op in Trace.Consumers(x)
                                     where !ReferenceEquals(op.Output, call.Y)
                                     select op.Name;
        string text = string.Join(", ", others.Distinct(StringComparer.Ordinal));
        return text.Length == 0 ? "the same layer" : text;
    }

    /// <summary>Name and type, for people.</summary>
    public string Label(Module module) =>
        $"{(_names[module].Length == 0 ? "the network itself" : _names[module])} ({module.TypeName})";
}
