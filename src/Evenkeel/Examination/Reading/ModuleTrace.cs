using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>The layers of a module with the neighbours that one pass in Eval shows.</summary>
internal sealed class ModuleTrace : TracedPass
{
    private readonly Dictionary<Module, ExaminedLayer> _layers = new(ReferenceEqualityComparer.Instance);
    private readonly List<ExaminedLayer> _others = [];
    private readonly List<TracedCall> _runs;

    private ModuleTrace(Module model, Tensor input)
        : base(model, trace => model.Forward(new Tape(Mode.Eval) { Trace = trace }.Input(input)))
    {
        foreach ((string name, Module module) in model.NamedModules())
        {
            if (ModuleLayers.Of(name, module) is { } layer) _layers.Add(module, layer);
            else _others.AddRange(ModuleLayers.Others(name, module));
        }

        // A container may return the tensor of the layer that ends it.
        _runs = [.. Calls.Where(call => _layers.ContainsKey(call.Module))];
    }

    /// <summary>The network of a module, from one pass.</summary>
    public static ExaminedNetwork Read(Module model, Tensor input)
    {
        var trace = new ModuleTrace(model, input);
        Module[] ran = [.. trace._runs.Select(static run => run.Module).Distinct()];
        IEnumerable<Module> all = ran.Concat(trace._layers.Keys.Except(ran));
        return new ExaminedNetwork("network",
            [.. all.Select(module => trace.Surrounded(module)), .. trace._others])
        {
            HasGraph = true,
        };
    }

    private ExaminedLayer Surrounded(Module module)
    {
        // What runs several times has several neighbours.
        if (_layers[module] is not ExaminedNorm norm || CallsOf(module) is not [var run]) return _layers[module];
        ExaminedLinear? before = Before(run.X);
        TracedOp? next = Only(run.Y);
        FollowingActivation activation = next is null ? FollowingActivation.Unknown
            : KnownActivations.Of(next.Kind) ?? FollowingActivation.None;
        bool endsResidual = next is { Kind: "Add" } && next.Operands.All(static operand => operand.Parameter is null);
        ExaminedLinear? after = activation == FollowingActivation.None ? After(run.Y)
            : next is null ? null : After(next.Output);
        bool isFixed = norm is { Family: NormFamily.Batch, Mean: not null };
        return norm with
        {
            Before = before,
            After = endsResidual ? null : after,
            Activation = activation,
            EndsResidual = endsResidual,
            AreNeighboursCertain = true,
            FoldObstacle = !isFixed ? null : before is not null ? ""
                : $"what comes before it is not a linear layer but {MakerOf(run.X)}",
            ValuesPerSample = norm.ValuesIn([.. run.X.Shape.Select(static size => (long?)size)]),
        };
    }

    /// <summary>The linear layer whose output only this norm takes.</summary>
    private ExaminedLinear? Before(Tensor x)
    {
        if (ReferenceEquals(x, Output) || Trace.Consumers(x).Count != 1) return null;
        TracedCall? maker = _runs.Find(run => ReferenceEquals(run.Y, x));
        return maker is null ? null : _layers[maker.Module] as ExaminedLinear;
    }

    /// <summary>The linear layer that alone takes a value, which may be flattened before.</summary>
    private ExaminedLinear? After(Tensor y)
    {
        while (Only(y) is { IsAlias: true } alias) y = alias.Output;
        if (Only(y) is null) return null;
        TracedCall? taker = _runs.Find(run => ReferenceEquals(run.X, y));
        return taker is null ? null : _layers[taker.Module] as ExaminedLinear;
    }

    private TracedOp? Only(Tensor value) => !ReferenceEquals(value, Output)
        && Trace.Consumers(value) is [var only] ? only : null;
}
