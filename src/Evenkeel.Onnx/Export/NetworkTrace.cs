using Evenkeel.Nn;

namespace Evenkeel.Onnx.Export;

/// <summary>
/// Two recorded passes of a network in Eval, on different inputs and, if the number of samples is open, on different
/// numbers of samples. What differs between the two follows the input: dimensions that follow the number of samples,
/// and values that were read past the operations.
/// </summary>
internal sealed class NetworkTrace
{
    private readonly Dictionary<Tensor, Tensor> _twins = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Tensor> _following = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Module, string> _paths = new(ReferenceEqualityComparer.Instance);
    private readonly Pass _one, _other;

    private NetworkTrace(Module model, Pass one, Pass other)
    {
        (Model, _one, _other) = (model, one, other);
        foreach ((string path, Module module) in model.NamedModules()) _paths.Add(module, path);
    }

    public Module Model { get; }

    /// <summary>The inputs of the network.</summary>
    public IReadOnlyList<Tensor> Inputs => _one.Inputs;

    /// <summary>The output of the network.</summary>
    public Tensor Output => _one.Output;

    /// <summary>The operations that lead from the inputs to the output, in the order in which they ran.</summary>
    public IReadOnlyList<TracedOp> Ops { get; private set; } = [];

    /// <summary>What no file can have, each with its layer.</summary>
    public List<string> Problems { get; } = [];

    public static NetworkTrace Of(Module model, SampleInputs samples)
    {
        Pass one = Pass.Of(model, samples.Draw(samples.Batch ?? 2, seed: 1)),
            other = Pass.Of(model, samples.Draw(samples.Batch ?? 3, seed: 2));
        var trace = new NetworkTrace(model, one, other);
        trace.Compare();
        return trace;
    }

    /// <summary>Whether a tensor depends on the inputs.</summary>
    public bool Follows(Tensor tensor) => _following.Contains(tensor);

    /// <summary>The dimensions of a tensor, -1 for those that follow the number of samples.</summary>
    public long[] Dimensions(Tensor tensor)
    {
        Shape shape = tensor.Shape, other = Twin(tensor).Shape;
        long[] sizes = new long[shape.Rank];
        for (int i = 0; i < sizes.Length; i++)
            sizes[i] = other.Rank == shape.Rank && other[i] == shape[i] ? shape[i] : -1;
        return sizes;
    }

    /// <summary>Whether two dimensions have the same size in each pass.</summary>
    public bool IsSameSize(Tensor a, int axis, Tensor b, int otherAxis) =>
        a.Shape[axis] == b.Shape[otherAxis] && Twin(a).Shape[axis] == Twin(b).Shape[otherAxis];

    /// <summary>The operation that made a tensor; null for inputs, parameters and constants.</summary>
    public TracedOp? Maker(Tensor tensor) => _one.Trace.Maker(tensor);

    /// <summary>The parameter as the pass saw it.</summary>
    public Tensor Watched(Parameter parameter) => _one.Tape.Watch(parameter);

    /// <summary>The dotted name of the module in which an operation ran.</summary>
    public string PathOf(TracedOp op) => op.Scope is Module module ? _paths.GetValueOrDefault(module, "") : "";

    /// <summary>An operation with its layer, as errors name it.</summary>
    public string Label(TracedOp op)
    {
        string name = op.Scope is Module module ? module.GetType().Name : "";
        string path = PathOf(op), layer = path.Length == 0 ? name : $"{path} ({name})";
        return layer.Length == 0 ? op.Name : $"{layer}: {op.Name}";
    }

    private Tensor Twin(Tensor tensor) => _twins.GetValueOrDefault(tensor, tensor);

    private void Compare()
    {
        IReadOnlyList<TracedOp> ops = _one.Trace.Ops, others = _other.Trace.Ops;
        bool isSame = ops.Count == others.Count;
        for (int i = 0; isSame && i < ops.Count; i++)
        {
            isSame = ops[i].Kind == others[i].Kind && ops[i].Operands.Count == others[i].Operands.Count
                && ops[i].Output.Shape.Rank == others[i].Output.Shape.Rank;
        }

        if (!isSame)
        {
            Problems.Add($"{Model.GetType().Name}: its operations depend on the values of the input or on the number "
                + "of samples");
            return;
        }

        for (int i = 0; i < Inputs.Count; i++) Pair(Inputs[i], _other.Inputs[i], follows: true);
        Pair(Output, _other.Output, follows: false);
        for (int i = 0; i < ops.Count; i++)
        {
            bool follows = false;
            foreach ((Tensor mine, Tensor its) in Sources(ops[i], others[i]))
            {
                Pair(mine, its, follows: false);
                follows |= Follows(mine);
            }

            Pair(ops[i].Output, others[i].Output, follows);
        }

        KeepLive(ops, others);
    }

    /// <summary>Keeps what the output needs, and checks it.</summary>
    private void KeepLive(IReadOnlyList<TracedOp> ops, IReadOnlyList<TracedOp> others)
    {
        var needed = new HashSet<Tensor>(ReferenceEqualityComparer.Instance) { Output };
        var live = new List<TracedOp>();
        for (int i = ops.Count - 1; i >= 0; i--)
        {
            if (!needed.Contains(ops[i].Output) || !Follows(ops[i].Output)) continue;
            live.Add(ops[i]);
            foreach ((Tensor mine, Tensor its) in Sources(ops[i], others[i]))
            {
                needed.Add(mine);
                if (!Follows(mine) && !IsSameValue(mine, its))
                {
                    Problems.Add($"{Label(ops[i])}: takes values of shape {mine.Shape} that come from the input or the "
                        + "number of samples past the operations");
                }
            }

            if (ops[i].Settings.DifferenceTo(others[i].Settings) is { } setting && !(ops[i].Kind == "Slice"
                && ReachesEnd(ops[i]) && ReachesEnd(others[i]) && setting == "length"))
            {
                Problems.Add($"{Label(ops[i])}: its {setting} follows the number of samples");
            }
        }

        live.Reverse();
        Ops = live;
        if (!Follows(Output) && !IsSameValue(Output, _other.Output))
            Problems.Add($"{Model.GetType().Name}: its output is computed past the operations");
    }

    /// <summary>Whether a part goes to the end of its dimension.</summary>
    public static bool ReachesEnd(TracedOp slice)
    {
        OpSettings settings = slice.Settings;
        return settings.Integer("start") + settings.Integer("length")
            == slice.Operands[0].Shape[settings.Integer("axis")];
    }

    private void Pair(Tensor mine, Tensor its, bool follows)
    {
        if (!ReferenceEquals(mine, its)) _twins[mine] = its;
        if (follows) _following.Add(mine);
    }

    private static IEnumerable<(Tensor Mine, Tensor Its)> Sources(TracedOp mine, TracedOp its) =>
        mine.Operands.Concat(mine.Settings.Tensors).Zip(its.Operands.Concat(its.Settings.Tensors));

    private static bool IsSameValue(Tensor a, Tensor b) => ReferenceEquals(a, b) || a.SharesMemoryWith(b)
        || (a.Shape == b.Shape && a.DType == b.DType && a.Bytes().SequenceEqual(b.Bytes()));

    /// <summary>One recorded pass. The tape keeps its values.</summary>
    private sealed record Pass(Tape Tape, TapeTrace Trace, IReadOnlyList<Tensor> Inputs, Tensor Output)
    {
        public static Pass Of(Module model, (Tensor First, Tensor? Second) inputs)
        {
            var trace = new TapeTrace();
            var tape = new Tape(Mode.Eval) { Trace = trace };
            Tensor first = tape.Input(inputs.First);
            Tensor? second = inputs.Second is null ? null : tape.Input(inputs.Second);
            // A module with a hook is not fused with its neighbour, so each operation belongs to one layer.
            var hooks = new List<IDisposable>();
            try
            {
                foreach ((_, Module module) in model.NamedModules())
                    hooks.Add(module.AddForwardHook(static (_, _, _) => { }));
                Tensor output = model.Run(first, second);
                return new Pass(tape, trace, second is null ? [first] : [first, second], output);
            }
            finally
            {
                foreach (IDisposable hook in hooks) hook.Dispose();
            }
        }
    }
}
