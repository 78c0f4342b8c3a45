using System.Runtime.InteropServices;
using Evenkeel.Nn;
using Evenkeel.Onnx.Export.Operators;
using Evenkeel.Onnx.Format;
using Google.Protobuf;

namespace Evenkeel.Onnx.Export;

/// <summary>Writes the operations of a trace as the nodes and initializers of a graph.</summary>
internal sealed class GraphWriter
{
    private readonly GraphProto _graph = new();
    private readonly NetworkTrace _trace;
    private readonly OnnxExportOptions _options;
    private readonly int? _opset;
    private readonly List<string> _problems = [];
    private readonly List<string> _untrained = [];
    private readonly SortedSet<string> _decomposed = new(StringComparer.Ordinal);
    private readonly Dictionary<Tensor, string> _names = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, string> _constants = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly WeightNames _weights;
    private TracedOp? _op;

    /// <param name="trace">The passes.</param>
    /// <param name="options">Names and switches.</param>
    /// <param name="opset">The version of the operators; null to see which one is needed.</param>
    public GraphWriter(NetworkTrace trace, OnnxExportOptions options, int? opset)
    {
        (_trace, _options, _opset) = (trace, options, opset);
        _weights = new WeightNames(trace);
        CheckNames(options, trace.Inputs.Count, [.. _weights.All]);
        _taken.UnionWith([options.InputName, options.SecondInputName, options.OutputName, .. _weights.All]);
    }

    /// <summary>The version of the operators.</summary>
    public int Opset => _opset ?? OnnxModel.LargestOpset;

    /// <summary>The lowest version that has everything that was asked for.</summary>
    public int Needed { get; private set; }

    /// <summary>What is written as several operators although a later version has one for it.</summary>
    public IReadOnlyList<string> Decomposed => [.. _decomposed];

    /// <summary>Whether a norm takes the statistics of the batch.</summary>
    public bool UsesBatchStatistics { get; private set; }

    /// <summary>The passes.</summary>
    public NetworkTrace Trace => _trace;

    /// <summary>The type of the network's numbers.</summary>
    public DType Type { get; private set; }

    public static InvalidOperationException Untrained(IEnumerable<string> layers) => new(
        "ExportOnnx: expected running statistics that have seen a batch, got start values (num_batches_tracked is 0) "
        + $"in {string.Join(", ", layers)}. Train the network, load statistics, or set AllowUntrainedStatistics.");

    /// <summary>
    /// Whether the opset has an operator. If none is given it has, and the opset becomes at least that.
    /// </summary>
    /// <param name="since">The first version that has it.</param>
    /// <param name="what">What the report says is written otherwise.</param>
    public bool Has(int since, string what)
    {
        if (_opset is { } opset)
        {
            if (opset < since) _decomposed.Add(what);
            return opset >= since;
        }

        Needed = Math.Max(Needed, since);
        return true;
    }

    /// <summary>Writes all operations.</summary>
    /// <exception cref="NotSupportedException">Some have no form in ONNX.</exception>
    /// <exception cref="InvalidOperationException">Running statistics have never been updated.</exception>
    public void WriteAll()
    {
        _problems.AddRange(_trace.Problems);
        Type = _trace.Output.DType.IsFloatingPoint() ? _trace.Output.DType : DType.Float32;
        WriteInputs();
        foreach (TracedOp op in _trace.Ops)
        {
            _op = op;
            Type = op.Output.DType.IsFloatingPoint() ? op.Output.DType : Type;
            if (OperatorTable.Find(op.Kind) is { } write) _names[op.Output] = write(this, op);
            else Refuse($"the operation {op.Kind} has no form in ONNX");
            // What follows a refused operation is written too: all problems are found at once.
            _names.TryAdd(op.Output, "");
        }

        _op = null;
        if (_problems.Count > 0)
        {
            throw new NotSupportedException($"ExportOnnx: expected a network whose every part has a form in ONNX, got "
                + $"{_problems.Count} {(_problems.Count == 1 ? "part" : "parts")} without one:\n  "
                + string.Join("\n  ", _problems.Distinct(StringComparer.Ordinal)));
        }

        if (_untrained.Count > 0) throw Untrained(_untrained.Distinct(StringComparer.Ordinal));
        WriteOutput();
    }

    /// <summary>The model with this graph.</summary>
    public ModelProto Finish(string name)
    {
        _graph.Name = name.Length == 0 ? "network" : name;
        var model = new ModelProto { IrVersion = IrVersionOf(Opset), Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = Opset });
        return model;
    }

    /// <summary>Says that the present operation cannot be written, and why.</summary>
    public void Refuse(string why) => _problems.Add($"{_trace.Label(_op!)}: {why}");

    /// <summary>Says that the present operation uses statistics of the batch.</summary>
    public void NoteBatchStatistics()
    {
        UsesBatchStatistics = true;
        if (!_options.AllowBatchStatistics)
        {
            Refuse("it keeps no running statistics and normalizes by those of the batch, so an answer depends on the "
                + "samples beside it. Set AllowBatchStatistics to write it all the same");
        }
    }

    /// <summary>Says that the present operation uses running statistics.</summary>
    public void NoteStatistics(Tensor mean)
    {
        if (_options.AllowUntrainedStatistics) return;
        foreach ((string path, Module module) in _trace.Model.NamedModules())
        {
            if (module is ITrackingNorm { Running: { } running } && ReferenceEquals(running.Mean.Value, mean)
                && running.NumBatchesTracked.Value.Item() == 0)
            {
                _untrained.Add($"{(path.Length == 0 ? "the network itself" : path)} ({module.GetType().Name})");
            }
        }
    }

    /// <summary>The name of a tensor in the graph.</summary>
    public string Name(Tensor tensor)
    {
        if (_names.TryGetValue(tensor, out string? name)) return name;
        // Another handle on the values of a weight: the weight, reshaped.
        if (_trace.Maker(tensor) is { IsAlias: true } alias && _weights.IsWeight(alias.Operands[0]))
        {
            string source = Name(alias.Operands[0]);
            name = alias.Kind == "Reinterpret"
                ? source
                : Reshape(source, [.. tensor.Shape.Select(static size => (long)size)]);
        }
        else
        {
            name = _weights.Find(tensor) is { } key ? key : Unique("constant");
            Add(name, tensor.Bytes().ToArray(), tensor.DType, [.. tensor.Shape.Select(static size => (long)size)]);
        }

        return _names[tensor] = name;
    }

    /// <summary>A node with one output, whose name it returns.</summary>
    public string Node(string op, ReadOnlySpan<string> inputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        string path = _op is null ? "" : _trace.PathOf(_op);
        string output = Unique(path.Length == 0 ? op : $"{path}/{op}");
        var node = new NodeProto { OpType = op, Name = output };
        foreach (string input in inputs) node.Input.Add(input);
        while (node.Input.Count > 0 && node.Input[^1].Length == 0) node.Input.RemoveAt(node.Input.Count - 1);
        node.Output.Add(output);
        foreach (AttributeProto attribute in attributes) node.Attribute.Add(attribute);
        _graph.Node.Add(node);
        return output;
    }

    /// <summary>A number of the network's type.</summary>
    public string Number(double value) => Type == DType.Float64
        ? Constant([value], [], DType.Float64)
        : Constant([(float)value], [], DType.Float32);

    /// <summary>Numbers of the network's type.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="shape">Their shape.</param>
    public string Numbers(ReadOnlySpan<double> values, ReadOnlySpan<int> shape)
    {
        if (Type == DType.Float64) return Constant(values, shape, DType.Float64);
        float[] single = new float[values.Length];
        for (int i = 0; i < single.Length; i++) single[i] = (float)values[i];
        return Constant<float>(single, shape, DType.Float32);
    }

    /// <summary>Factors between sizes, which are float32 whatever the network's type.</summary>
    public string Scales(ReadOnlySpan<double> values)
    {
        float[] single = new float[values.Length];
        for (int i = 0; i < single.Length; i++) single[i] = (float)values[i];
        return Constant<float>(single, [values.Length], DType.Float32);
    }

    /// <summary>A list of whole numbers: sizes, axes, places.</summary>
    public string Integers(params ReadOnlySpan<long> values) => Constant(values, [values.Length], DType.Int64);

    /// <summary>A vector of one value.</summary>
    public string Filled(double value, int count)
    {
        double[] values = new double[count];
        Array.Fill(values, value);
        return Numbers(values, [count]);
    }

    public string Reshape(string x, ReadOnlySpan<long> sizes) => Node("Reshape", [x, Integers(sizes)]);

    /// <summary>The sizes of a reshape that hold for any number of samples.</summary>
    /// <param name="to">The result.</param>
    /// <param name="from">What is reshaped; null if it is no tensor of the trace.</param>
    public long[] Target(Tensor to, Tensor? from = null)
    {
        long[] sizes = _trace.Dimensions(to), source = from is null ? [] : _trace.Dimensions(from);
        int open = 0;
        for (int i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] >= 0) continue;
            if (i < source.Length && source[i] < 0 && _trace.IsSameSize(from!, i, to, i)) sizes[i] = 0;
            else open++;
        }

        if (open > 1)
        {
            Refuse($"more than one dimension of its result {to.Shape} follows the number of samples. "
                + "Set DynamicBatch = false");
        }

        return sizes;
    }

    /// <summary>A value per channel so that it repeats over an input of this rank.</summary>
    /// <param name="values">The values, of shape (C).</param>
    /// <param name="rank">The rank of the input.</param>
    public string PerChannel(Tensor values, int rank)
    {
        string name = Name(values);
        if (rank <= 2) return name;
        long[] sizes = new long[rank - 1];
        Array.Fill(sizes, 1);
        sizes[0] = values.Count;
        return Reshape(name, sizes);
    }

    /// <summary>A reduction over dimensions.</summary>
    /// <param name="op">The operator.</param>
    /// <param name="x">What is reduced.</param>
    /// <param name="axes">The dimensions.</param>
    /// <param name="keep">Whether they stay with size 1.</param>
    public string Reduce(string op, string x, ReadOnlySpan<int> axes, bool keep)
    {
        long[] list = Array.ConvertAll(axes.ToArray(), static axis => (long)axis);
        AttributeProto keeps = Attributes.Of("keepdims", keep ? 1L : 0L);
        if (list.Length == 0) return x;
        return op == "ReduceSum" || Opset >= 18
            ? Node(op, [x, Integers(list)], keeps)
            : Node(op, [x], Attributes.Of("axes", list), keeps);
    }

    /// <summary>A part of a dimension.</summary>
    /// <param name="x">The whole.</param>
    /// <param name="axis">The dimension.</param>
    /// <param name="start">The first place.</param>
    /// <param name="end">The place behind the last.</param>
    public string Slice(string x, int axis, long start, long end) =>
        Node("Slice", [x, Integers(start), Integers(end), Integers(axis)]);

    /// <summary>
    /// A graph has one space of names: an input with the name of a weight would have it as its default.
    /// </summary>
    private static void CheckNames(OnnxExportOptions options, int inputs, HashSet<string> weights)
    {
        string[] names = inputs == 1 ? [options.InputName, options.OutputName]
            : [options.InputName, options.SecondInputName, options.OutputName];
        if (names.FirstOrDefault(weights.Contains) is not { } taken) return;
        throw new ArgumentException($"ExportOnnx: expected names for inputs and output that no weight of the network "
            + $"has, got \"{taken}\". Set InputName, SecondInputName or OutputName.", nameof(options));
    }

    private static long IrVersionOf(int opset) =>
        opset switch { <= 18 => 8, <= 20 => 9, <= 22 => 10, 23 => 11, 24 => 12, _ => 13 };

    private static int ElementType(DType type) => type switch
    {
        DType.Float64 => TensorType.Double.Number,
        DType.Int64 => TensorType.Int64.Number,
        _ => TensorType.Float.Number,
    };

    private string Constant<T>(ReadOnlySpan<T> values, ReadOnlySpan<int> shape, DType type) where T : unmanaged
    {
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        string key = $"{type} {string.Join(',', shape.ToArray())} {Convert.ToBase64String(bytes)}";
        if (_constants.TryGetValue(key, out string? name)) return name;
        name = Unique("constant");
        _constants.Add(key, name);
        Add(name, bytes, type, Array.ConvertAll(shape.ToArray(), static size => (long)size));
        return name;
    }

    private void Add(string name, byte[] bytes, DType type, ReadOnlySpan<long> sizes)
    {
        var tensor = new TensorProto { Name = name, DataType = ElementType(type) };
        tensor.Dims.AddRange(sizes);
        tensor.RawData = UnsafeByteOperations.UnsafeWrap(bytes);
        _graph.Initializer.Add(tensor);
    }

    private string Unique(string name)
    {
        string unique = name;
        for (int i = 2; !_taken.Add(unique); i++) unique = $"{name}_{i}";
        return unique;
    }

    private void WriteInputs()
    {
        string[] names = [_options.InputName, _options.SecondInputName];
        for (int i = 0; i < _trace.Inputs.Count; i++)
        {
            Tensor input = _trace.Inputs[i];
            _graph.Input.Add(Info(names[i], input));
            _names[input] = i == 0 && _options.PreprocessingInGraph ? Preprocessed(names[i], input) : names[i];
        }
    }

    private string Preprocessed(string name, Tensor input)
    {
        OnnxPreprocessing preprocessing = _options.Preprocessing!;
        int[] shape = OnnxPreprocessing.ShapeFor(preprocessing.Mean.Count, input.Shape.Rank);
        string x = preprocessing.Scale == 1 ? name : Node("Mul", [name, Number(preprocessing.Scale)]);
        x = Node("Sub", [x, Numbers([.. preprocessing.Mean], shape)]);
        return Node("Div", [x, Numbers([.. preprocessing.Std], shape)]);
    }

    /// <summary>Gives the output its name. A node of its own does if the value is an input or a weight.</summary>
    private void WriteOutput()
    {
        string name = Name(_trace.Output);
        NodeProto? last = _graph.Node.FirstOrDefault(node => node.Output[0] == name);
        if (last is null)
        {
            var identity = new NodeProto { OpType = "Identity", Name = _options.OutputName };
            identity.Input.Add(name);
            identity.Output.Add(_options.OutputName);
            _graph.Node.Add(identity);
        }
        else
        {
            last.Output[0] = _options.OutputName;
            foreach (NodeProto node in _graph.Node)
            {
                for (int i = 0; i < node.Input.Count; i++)
                {
                    if (node.Input[i] == name) node.Input[i] = _options.OutputName;
                }
            }
        }

        _graph.Output.Add(Info(_options.OutputName, _trace.Output));
    }

    private ValueInfoProto Info(string name, Tensor tensor)
    {
        var shape = new TensorShapeProto();
        long[] sizes = _trace.Dimensions(tensor);
        for (int i = 0; i < sizes.Length; i++)
        {
            var dimension = new TensorShapeProto.Types.Dimension();
            if (sizes[i] >= 0) dimension.DimValue = sizes[i];
            else if (_trace.IsSameSize(tensor, i, _trace.Inputs[0], 0)) dimension.DimParam = "N";
            else dimension.DimParam = $"{name}_{i}";
            shape.Dim.Add(dimension);
        }

        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor { ElemType = ElementType(tensor.DType), Shape = shape },
            },
        };
    }
}
