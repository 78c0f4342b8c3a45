using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import;

/// <summary>Makes a network of a graph: layers where weights are constant, values computed once where everything is.
/// </summary>
internal sealed class ModuleBuilder
{
    /// <summary>How often constants of the largest allowed size are read while a network is made.</summary>
    private const int MostReadings = 16;

    private readonly OnnxModel _model;
    private readonly ExternalData? _external;
    private readonly string[] _outputs;
    private readonly List<Node> _nodes;
    private readonly Dictionary<string, int> _slots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Value> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _ranks = new(StringComparer.Ordinal);
    private readonly HashSet<string> _defined = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly List<Program.Step> _steps = [];
    private readonly List<OnnxProblem> _problems = [];
    private long _computed, _read;

    private ModuleBuilder(OnnxModel model)
    {
        (_model, _external) = (model, model.External?.Again());
        GraphProto graph = model.Proto.Graph;
        _outputs = [.. graph.Output.Select(static output => output.Name)];
        foreach (NodeProto node in graph.Node) _used.UnionWith(node.Input);
        _used.UnionWith(_outputs);
        _nodes = [.. graph.Node.Select(node => new Node(node, model.Opset, _external) { IsUsed = _used.Contains })];
    }

    /// <summary>The network of a model.</summary>
    /// <exception cref="OnnxNotSupportedException">Nodes cannot be a part of a network; all are named.</exception>
    /// <exception cref="InvalidDataException">The graph is damaged.</exception>
    public static OnnxModule Build(OnnxModel model) => Of(model, static builder => builder.Build());

    /// <summary>What keeps a model from becoming a network.</summary>
    /// <exception cref="InvalidDataException">The graph is damaged.</exception>
    public static IReadOnlyList<OnnxProblem> Problems(OnnxModel model) => Of(model, static builder =>
    {
        builder.FindUnknown();
        return builder._problems;
    });

    /// <summary>What is made of a model. Whatever is damaged on the way is said with the model's name, here alone.
    /// </summary>
    private static T Of<T>(OnnxModel model, Func<ModuleBuilder, T> make)
    {
        try
        {
            return make(new ModuleBuilder(model));
        }
        catch (InvalidDataException damaged)
        {
            throw new InvalidDataException(
                $"OnnxModel \"{model.Name}\": expected a graph that can be computed, but {damaged.Message}.", damaged);
        }
    }

    private OnnxModule Build()
    {
        FindUnknown();
        if (_problems.Count > 0) throw new OnnxNotSupportedException(_model.Name, _problems);
        GraphProto graph = _model.Proto.Graph;
        foreach (TensorProto tensor in graph.Initializer) AddConstant(tensor);
        if (graph.SparseInitializer.Count > 0)
            throw Bad("it has sparse weights, which are not read");
        TensorType[] types = Types();
        foreach (OnnxValueInfo input in _model.Inputs)
        {
            if (!_defined.Add(input.Name)) throw Bad($"the input \"{input.Name}\" is there twice");
            if (input.Shape is { } shape) _ranks[input.Name] = shape.Count;
        }

        foreach (ValueInfoProto value in graph.ValueInfo)
        {
            if (value.Type?.TensorType?.Shape is { } shape) _ranks.TryAdd(value.Name, shape.Dim.Count);
        }

        FoldConstants();
        List<Node> nodes = Patterns.Simplified(
            _nodes.FindAll(node => !IsFolded(node)), _constants, [.. _outputs]);
        _used.Clear();
        foreach (Node node in nodes) _used.UnionWith(node.Inputs);
        _used.UnionWith(_outputs);

        int[] inputSlots = [.. _model.Inputs.Select(input => SlotOf(input.Name))];
        var program = new Program();
        var module = new OnnxModule(program);
        var layers = new LayerBuilder(module);
        foreach (Node node in nodes) AddStep(node, layers);
        if (_problems.Count > 0) throw new OnnxNotSupportedException(_model.Name, _problems);
        foreach (string output in _outputs)
        {
            if (!_defined.Contains(output) && !_constants.ContainsKey(output))
                throw Bad($"nothing makes the output \"{output}\"");
        }

        int[] outputSlots = [.. _outputs.Select(SlotOf)];
        (Program.Source[] weights, Program.Source[] constants, Tensor[] values) = Sources(layers);
        program.Complete(
            [.. _model.Inputs.Select(static input => input.Name)], types,
            _model.Inputs is [{ Shape: [var batch, ..] }, ..] ? batch.Size : null, inputSlots,
            _outputs, outputSlots,
            weights, constants, [.. _steps], _slots.Count);
        module.Complete([.. layers.Layers], [.. layers.Weights], values);
        return module;
    }

    /// <summary>Names every node that has no meaning here, before anything is computed.</summary>
    private void FindUnknown()
    {
        foreach (Node node in _nodes)
        {
            NodeProto proto = node.Proto;
            if (!OnnxModel.IsOnnx(proto.Domain))
                _problems.Add(new OnnxProblem($"{proto.Domain}.{node.Op}", node.ToString(),
                    "it is an operator of another domain than ONNX's own"));
            else if (OperatorTable.Find(node.Op) is null)
                _problems.Add(new OnnxProblem(node.Op, node.ToString(), ReasonFor(node.Op)));
            else if (OperatorTable.LeastInputs(node.Op) is var least && !Enumerable.Range(0, least).All(node.Has))
                _problems.Add(new OnnxProblem(node.Op, node.ToString(), $"its first {least} inputs are not all there"));
            else if (node.Reference is { } reference)
                _problems.Add(new OnnxProblem(node.Op, node.ToString(),
                    $"the attribute \"{reference}\" refers to one of a function"));
            else if (node.Outputs.Length == 0)
                _problems.Add(new OnnxProblem(node.Op, node.ToString(), "it has no output"));
        }
    }

    private static string ReasonFor(string op) => op switch
    {
        "If" or "Loop" or "Scan" => "its inner graph depends on values",
        "LSTM" or "GRU" or "RNN" => "recurrent layers are not part of the library",
        "QuantizeLinear" or "DequantizeLinear" or "QLinearConv" or "QLinearMatMul" or "ConvInteger"
            or "MatMulInteger" or "DynamicQuantizeLinear" => "quantized networks are not supported",
        _ when op.StartsWith("Sequence", StringComparison.Ordinal)
            || op.StartsWith("Optional", StringComparison.Ordinal)
            || op.StartsWith("String", StringComparison.Ordinal) => "it does not compute with tensors of numbers",
        _ => "the operator is not in the table of docs/onnx.md",
    };

    private TensorType[] Types()
    {
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (ValueInfoProto value in _model.Proto.Graph.Input)
            numbers.TryAdd(value.Name, value.Type?.TensorType?.ElemType ?? 0);
        return [.. _model.Inputs.Select(input => TensorType.Find(numbers[input.Name]) is { Holder: not null } type
            ? type
            : throw new OnnxNotSupportedException(_model.Name,
                [new OnnxProblem("input", $"\"{input.Name}\"",
                    $"{(input.Type.Length == 0 ? "what is no tensor" : input.Type)} is not computed with here")]))];
    }

    private void AddConstant(TensorProto tensor)
    {
        if (tensor.Name.Length == 0 || _constants.ContainsKey(tensor.Name))
            throw Bad($"{TensorContent.NameOf(tensor)} is there twice, or has no name");
        // What no node takes need not be of a type that is read.
        if (!_used.Contains(tensor.Name)) return;
        _constants.Add(tensor.Name, new Value(TensorContent.Of(tensor, _external), tensor.Name));
        _ranks[tensor.Name] = _constants[tensor.Name].Shape.Rank;
    }

    private bool IsFolded(Node node) =>
        node.Outputs.All(output => output.Length == 0 || _constants.ContainsKey(output));

    /// <summary>Computes every node whose inputs are all constant.</summary>
    private void FoldConstants()
    {
        foreach (Node node in _nodes)
        {
            foreach (string output in node.Outputs)
            {
                if (output.Length > 0 && (_defined.Contains(output) || _constants.ContainsKey(output)))
                    throw Bad($"two nodes make \"{output}\"");
            }

            foreach (string input in node.Inputs)
            {
                if (input.Length > 0 && !_defined.Contains(input) && !_constants.ContainsKey(input))
                {
                    throw Bad($"{node} takes \"{input}\", which nothing before it makes; the graph has a cycle, or a "
                        + "part is missing");
                }
            }

            bool isConstant = node.Inputs.All(input => input.Length == 0 || _constants.ContainsKey(input))
                && node.Outputs.Length > 0;
            if (!isConstant || !TryCompute(node))
            {
                foreach (string output in node.Outputs)
                {
                    if (output.Length > 0) _defined.Add(output);
                }
            }
        }
    }

    /// <summary>Whether a node was computed. What fails here fails again, with its reason, when it becomes a step.
    /// </summary>
    private bool TryCompute(Node node)
    {
        node.Constants = [.. node.Inputs.Select(input => input.Length == 0 ? null : _constants[input])];
        node.Ranks = [.. node.Constants.Select(static value => value?.Shape.Rank)];
        // Many nodes over one large constant take time, not memory: the rest is left to the pass.
        foreach (Value? constant in node.Constants) _read += constant is null ? 0 : (long)constant.Shape.Count * 8;
        if (_read > MostReadings * _model.MostComputed) return false;
        Value[] results;
        try
        {
            Kernel kernel = OperatorTable.Find(node.Op)!(node).Kernel;
            node.CheckAttributes();
            results = kernel(new Operands(node.Constants, new Pass([], isWide: false, _model.MostComputed / 2)));
        }
        catch (Exception failure) when (failure is Refusal or ArgumentException or InvalidDataException)
        {
            return false;
        }

        for (int i = 0; i < node.Outputs.Length && i < results.Length; i++)
        {
            if (node.Outputs[i].Length == 0) continue;
            _computed += (long)results[i].Shape.Count * 8;
            if (_computed > _model.MostComputed)
            {
                throw Bad($"its constants take more than {_model.MostComputed} bytes; it was made to fill the "
                    + "memory");
            }

            _constants[node.Outputs[i]] = results[i];
            _ranks[node.Outputs[i]] = results[i].Shape.Rank;
        }

        return IsFolded(node);
    }

    private void AddStep(Node node, LayerBuilder layers)
    {
        node.Layers = layers;
        node.Constants =
            [.. node.Inputs.Select(input => input.Length == 0 ? null : _constants.GetValueOrDefault(input))];
        node.Ranks = [.. node.Inputs.Select(input => _ranks.TryGetValue(input, out int rank) ? rank : (int?)null)];
        try
        {
            Operation step = OperatorTable.Find(node.Op)!(node);
            node.CheckAttributes();
            if (step.Layer >= 0 && Enumerable.Range(1, node.Outputs.Length - 1).Any(node.Wants))
                throw new Refusal("it has one output, and more are used");
            RankRules.Note(node, _ranks);
            // A layer has taken its weights; the step has one input.
            string[] inputs = step.Layer >= 0 ? node.Inputs[..1] : node.Inputs;
            _steps.Add(new Program.Step(node.ToString(),
                [.. inputs.Select(input => input.Length == 0 ? -1 : SlotOf(input))],
                [.. node.Outputs.Select(output => output.Length == 0 || !_used.Contains(output) ? -1 : SlotOf(output))],
                step.Kernel, step.Layer, step.IsReLU, step.IsSum, step.Rank, step.Check));
        }
        catch (Refusal refusal)
        {
            _problems.Add(new OnnxProblem(node.Op, node.ToString(), refusal.Message));
        }
        catch (Exception damaged) when (damaged is InvalidDataException or ArgumentException)
        {
            _problems.Add(new OnnxProblem(node.Op, node.ToString(), damaged.Message));
        }
    }

    private int SlotOf(string value)
    {
        if (!_slots.TryGetValue(value, out int slot)) _slots.Add(value, slot = _slots.Count);
        return slot;
    }

    /// <summary>
    /// The constants that steps still take: several floating-point numbers are weights, which train; the rest stays as
    /// it is.
    /// </summary>
    private (Program.Source[] Weights, Program.Source[] Constants, Tensor[] Values) Sources(LayerBuilder layers)
    {
        var weights = new List<Program.Source>();
        var constants = new List<Program.Source>();
        var values = new List<Tensor>();
        var taken = new HashSet<int>(_steps.SelectMany(static step => step.Inputs));
        taken.UnionWith(_outputs.Select(SlotOf));
        foreach ((string name, int slot) in _slots)
        {
            if (!taken.Contains(slot) || !_constants.TryGetValue(name, out Value? value)) continue;
            if (value.IsFloat && value.Shape.Count > 1)
            {
                int weight = layers.Add(LayerNames.Cleaned(name), value.Tensor.Detach().Clone());
                weights.Add(new Program.Source(slot, weight, value.Type));
            }
            else
            {
                constants.Add(new Program.Source(slot, values.Count, value.Type));
                values.Add(value.Tensor);
            }
        }

        return ([.. weights], [.. constants], [.. values]);
    }

    private static InvalidDataException Bad(string what) => new(what);
}
