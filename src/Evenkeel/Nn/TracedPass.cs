namespace Evenkeel.Nn;

/// <summary>One run of a module in a traced pass.</summary>
internal sealed record TracedCall(Module Module, Tensor X, Tensor Y);

/// <summary>
/// A network in one traced pass: which module ran on which tensors, and which operation took what. Modules with a hook
/// are not fused, so each operation belongs to exactly one layer.
/// </summary>
internal abstract class TracedPass
{
    private readonly List<TracedCall> _calls = [];
    private readonly Dictionary<Module, string> _names = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Module> _hooked = new(ReferenceEqualityComparer.Instance);

    /// <summary>Runs the pass.</summary>
    /// <param name="model">The network.</param>
    /// <param name="run">Runs it on a tape with this trace, and returns the output.</param>
    protected TracedPass(Module model, Func<TapeTrace, Tensor> run)
    {
        IReadOnlyList<(string Name, Module Module)> modules = model.NamedModules();
        var hooks = new List<IDisposable>(modules.Count);
        try
        {
            foreach ((string name, Module module) in modules)
            {
                _names.Add(module, name);
                if (module.HasHooks) _hooked.Add(module);
                hooks.Add(module.AddForwardHook((layer, x, y) => _calls.Add(new TracedCall(layer, x, y))));
            }

            Output = run(Trace);
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

    /// <summary>What made a tensor: the innermost module that returned it, otherwise the op.</summary>
    public string MakerOf(Tensor x)
    {
        TracedOp? op = Trace.Maker(x);
        if (op is null) return "the network's input";
        TracedCall? call = _calls.Find(made => ReferenceEquals(made.Y, x) && made.Module.Children.Count == 0);
        return call is null ? $"the operation {op.Name}" : Label(call.Module);
    }

    /// <summary>Name and type, for people.</summary>
    public string Label(Module module) =>
        $"{(_names[module].Length == 0 ? "the network itself" : _names[module])} ({module.TypeName})";
}
