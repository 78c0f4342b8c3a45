using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>The layers of a module with the neighbours that one pass in Eval shows.</summary>
internal sealed class ModuleTrace
{
    private static readonly HashSet<string> s_like = new(StringComparer.Ordinal) { "ReLU6", "Hardswish" };

    private static readonly HashSet<string> s_others = new(StringComparer.Ordinal)
    {
        "CELU", "ELU", "GELU", "GELUTanh", "GLU", "Hardsigmoid", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish", "PReLU",
        "SELU", "SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh",
    };

    private readonly TapeTrace _trace = new();
    private readonly List<Call> _calls = [];
    private readonly Tensor _output;
    private readonly Dictionary<Module, ExaminedLayer> _layers = new(ReferenceEqualityComparer.Instance);
    private readonly List<ExaminedLayer> _others = [];

    private ModuleTrace(Module model, Tensor input)
    {
        var hooks = new List<IDisposable>();
        try
        {
            foreach ((string name, Module module) in model.NamedModules())
            {
                if (ModuleLayers.Of(name, module) is { } layer)
                {
                    _layers.Add(module, layer);
                    // A module with a hook is not fused, so each op belongs to one layer.
                    hooks.Add(module.AddForwardHook((part, x, y) => _calls.Add(new Call(part, x, y))));
                }
                else
                {
                    _others.AddRange(ModuleLayers.Others(name, module));
                }
            }

            _output = model.Forward(new Tape(Mode.Eval) { Trace = _trace }.Input(input));
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }
    }

    /// <summary>One run of a layer.</summary>
    private sealed record Call(Module Module, Tensor X, Tensor Y);

    /// <summary>The network of a module, from one pass.</summary>
    public static ExaminedNetwork Read(Module model, Tensor input)
    {
        var trace = new ModuleTrace(model, input);
        Module[] ran = [.. trace._calls.Select(static call => call.Module).Distinct()];
        IEnumerable<Module> all = ran.Concat(trace._layers.Keys.Except(ran));
        return new ExaminedNetwork("network",
            [.. all.Select(module => trace.Surrounded(module)), .. trace._others])
        {
            HasGraph = true,
        };
    }

    private ExaminedLayer Surrounded(Module module)
    {
        Call[] calls = [.. _calls.Where(call => ReferenceEquals(call.Module, module))];
        // What runs several times has several neighbours.
        if (_layers[module] is not ExaminedNorm norm || calls is not [var call]) return _layers[module];
        ExaminedLinear? before = Before(call.X);
        TracedOp? next = Only(call.Y);
        FollowingActivation activation = next is null ? FollowingActivation.Unknown : ActivationOf(next);
        bool endsResidual = next is { Kind: "Add" } && next.Operands.All(static operand => operand.Parameter is null);
        ExaminedLinear? after = activation == FollowingActivation.None ? After(call.Y)
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
                : $"what comes before it is not a linear layer but {MakerOf(call.X)}",
            ValuesPerSample = ValuesPerSample(norm, call.X.Shape),
        };
    }

    /// <summary>The linear layer whose output only this norm takes.</summary>
    private ExaminedLinear? Before(Tensor x)
    {
        if (ReferenceEquals(x, _output) || _trace.Consumers(x).Count != 1) return null;
        Call? maker = _calls.Find(call => ReferenceEquals(call.Y, x));
        return maker is null ? null : _layers[maker.Module] as ExaminedLinear;
    }

    /// <summary>The linear layer that alone takes a value, which may be flattened before.</summary>
    private ExaminedLinear? After(Tensor y)
    {
        while (Only(y) is { IsAlias: true } alias) y = alias.Output;
        if (Only(y) is null) return null;
        Call? taker = _calls.Find(call => ReferenceEquals(call.X, y));
        return taker is null ? null : _layers[taker.Module] as ExaminedLinear;
    }

    private TracedOp? Only(Tensor value) => !ReferenceEquals(value, _output)
        && _trace.Consumers(value) is [var only] ? only : null;

    private string MakerOf(Tensor x) => _trace.Maker(x) is { } op ? op.Kind : "the network's input";

    private static FollowingActivation ActivationOf(TracedOp op) => op.Kind switch
    {
        "ReLU" => FollowingActivation.ReLU,
        _ when s_like.Contains(op.Kind) => FollowingActivation.LikeReLU,
        _ when s_others.Contains(op.Kind) => FollowingActivation.Other,
        _ => FollowingActivation.None,
    };

    private static long? ValuesPerSample(ExaminedNorm norm, Shape shape)
    {
        if (shape.Rank < 2) return null;
        long places = 1;
        for (int axis = 2; axis < shape.Rank; axis++) places *= shape[axis];
        return norm.Family switch
        {
            NormFamily.Batch or NormFamily.Instance => places,
            NormFamily.Group => norm.Channels / norm.Groups * places,
            _ => norm.Channels,
        };
    }
}
