using Evenkeel.Examination;
using Evenkeel.Onnx.Format;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Onnx.Examining;

/// <summary>
/// Reads a graph as the doctor sees it. What cannot be read is said, and the rest is looked at all the same.
/// </summary>
internal sealed class GraphReader
{
    private readonly OnnxModel _model;
    private readonly GraphConstants _constants;
    private readonly List<Node> _nodes;
    private readonly GraphFlow _flow;
    private readonly List<GraphRemark> _remarks = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<Node, ExaminedLinear> _linears = [];
    private readonly Dictionary<string, IReadOnlyList<long?>> _shapes;
    private readonly HashSet<string> _weights = new(StringComparer.Ordinal);

    public GraphReader(OnnxModel model)
    {
        _model = model;
        var used = new HashSet<string>(StringComparer.Ordinal);
        GraphProto graph = model.Proto.Graph;
        foreach (NodeProto node in graph.Node) used.UnionWith(node.Input);
        HashSet<string> outputs = [.. graph.Output.Select(static output => output.Name)];
        used.UnionWith(outputs);
        List<Node> nodes = [.. Readable(graph, used)];
        _constants = new GraphConstants(model, nodes);
        nodes.RemoveAll(static node => node.Op == "Constant");
        _nodes = Simplified(nodes, outputs);
        _flow = new GraphFlow(_nodes, outputs, _constants);
        _shapes = GraphShapes.Of(model, _nodes, _constants);
    }

    public ExaminedNetwork Read()
    {
        var layers = new List<ExaminedLayer>();
        bool saysMomentum = true;
        // Layers first: a norm may look at one behind it.
        foreach (Node node in _nodes)
        {
            if (Linear(node) is { } linear) _linears.Add(node, linear);
        }

        foreach (Node node in _nodes)
        {
            if (_linears.TryGetValue(node, out ExaminedLinear? linear)) layers.Add(linear);
            if (!GraphNorms.IsNorm(node)) continue;
            ExaminedNorm norm = Norm(node);
            saysMomentum &= norm.Family != NormFamily.Batch || norm.IsMomentumKnown;
            layers.Add(norm);
        }

        AddOthers(layers);
        foreach (OnnxProblem problem in Unknown())
            _remarks.Add(new GraphRemark(GraphRemarkKind.Unsupported, problem.Node, problem.Reason));
        return new ExaminedNetwork("ONNX", layers)
        {
            HasGraph = true,
            Remarks = _remarks,
            Assumptions = saysMomentum ? []
                : ["Norms do not say their momentum: ONNX's default is assumed, which is 0.1 in PyTorch's sense."],
        };
    }

    /// <summary>The nodes whose messages can be read.</summary>
    private IEnumerable<Node> Readable(GraphProto graph, HashSet<string> used)
    {
        foreach (NodeProto proto in graph.Node)
        {
            Node node;
            try
            {
                node = new Node(proto, _model.Opset, _model.External) { IsUsed = used.Contains };
            }
            catch (InvalidDataException damaged)
            {
                string name = proto.Name.Length > 0 ? proto.Name : proto.Output.FirstOrDefault(proto.OpType);
                _remarks.Add(new GraphRemark(GraphRemarkKind.Unsupported, name, damaged.Message));
                continue;
            }

            yield return node;
        }
    }

    /// <summary>The nodes, with those joined that together are one norm or one activation.</summary>
    private List<Node> Simplified(List<Node> nodes, HashSet<string> outputs)
    {
        List<Node> simple;
        try
        {
            simple = Patterns.Simplified(nodes, _constants.Values(), outputs);
        }
        catch (Exception damaged) when (damaged is InvalidDataException or Refusal)
        {
            return nodes;
        }

        var there = new HashSet<Node>(nodes);
        foreach (Node node in simple)
        {
            if (!there.Contains(node) && GraphNorms.IsNorm(node))
            {
                _remarks.Add(new GraphRemark(GraphRemarkKind.DecomposedNorm, GraphFlow.NameOf(node),
                    node.Op == "LayerNormalization" ? "layer norm" : "RMS norm"));
            }
        }

        return simple;
    }

    private IReadOnlyList<OnnxProblem> Unknown()
    {
        try
        {
            return _model.UnknownOperators();
        }
        catch (InvalidDataException)
        {
            // The graph is damaged, and the nodes that are have been said.
            return [];
        }
    }

    private ExaminedNorm Norm(Node node)
    {
        ExaminedNorm norm = GraphNorms.Read(node, NameOf(node), _constants);
        _weights.UnionWith(node.Inputs.Skip(1));
        if (GraphNorms.TrainingMode(node) is { } detail)
            _remarks.Add(new GraphRemark(GraphRemarkKind.TrainingMode, norm.Name, detail));
        NormSurroundings around = _flow.Around(node);
        foreach (string constant in around.Constants)
            _remarks.Add(new GraphRemark(GraphRemarkKind.ConstantBesideNorm, norm.Name, constant));
        ExaminedLinear? before = around.Before is { } maker ? _linears.GetValueOrDefault(maker) : null;
        ExaminedLinear? after = around.After is { } taker ? _linears.GetValueOrDefault(taker) : null;
        return norm with
        {
            Before = before,
            After = after,
            Activation = around.Activation,
            EndsResidual = around.EndsResidual,
            AreNeighboursCertain = true,
            FoldObstacle =
                norm.Family == NormFamily.Batch ? _flow.FoldObstacle(node, around, _linears.ContainsKey) : null,
            ValuesPerSample = norm.ValuesIn(_shapes.GetValueOrDefault(node.Inputs.FirstOrDefault(""))),
        };
    }

    private ExaminedLinear? Linear(Node node)
    {
        if (!OnnxModel.IsOnnx(node.Proto.Domain) || node.Op is not ("Conv" or "ConvTranspose" or "Gemm" or "MatMul")
            || !node.Has(1) || _constants.Floats(node.Inputs[1]) is not { } weight) return null;
        long[] sizes = weight.Dimensions;
        bool isMatrix = node.Op is "Gemm" or "MatMul";
        if (isMatrix ? sizes.Length != 2 : sizes.Length is < 3 or > 5) return null;
        if (sizes.Any(static size => size is < 1 or > int.MaxValue)) return null;
        long groups = node.Op == "ConvTranspose" ? node.Int("group", 1) : 1;
        int axis = node.Op switch
        {
            "Conv" => 0,
            "ConvTranspose" or "MatMul" => 1,
            _ => node.Int("transB", 0) != 0 ? 0 : 1,
        };
        FilterLayout layout = FilterLayout.Along(sizes, axis);
        if (groups > 1 && groups <= sizes[0] && sizes[0] % groups == 0) layout = layout with { Groups = (int)groups };
        FilterScan scan = GraphConstants.Scan(weight, layout);
        double[]? bias = node.Has(2) ? _constants.Vector(node.Inputs[2]) : null;
        _weights.UnionWith(node.Inputs.Skip(1));
        var bad = new List<(string, long)>();
        if (scan.NotFinite > 0) bad.Add(("weight", scan.NotFinite));
        if (NotFinite.Count(bias) is > 0 and var count) bad.Add(("bias", count));
        bool fits = bias is null || bias.Length == layout.Filters || isMatrix;
        return new ExaminedLinear(NameOf(node), node.Op, sizes, layout.Filters)
        {
            FilterNorms = scan.Norms,
            FilterHashes = scan.Hashes,
            FilterPeaks = scan.Peaks,
            Bias = bias?.Length == layout.Filters ? bias : null,
            NotFinite = bad,
            Misfit = fits ? null : $"expected a bias of {layout.Filters} values for a weight of "
                + $"[{string.Join(", ", sizes)}], got {bias!.Length}",
        };
    }

    /// <summary>The constants that belong to no layer, if they hold what is no number.</summary>
    private void AddOthers(List<ExaminedLayer> layers)
    {
        foreach ((string name, TensorContent content) in _constants.AllFloats())
        {
            if (_weights.Contains(name)) continue;
            long bad = GraphConstants.Scan(content, FilterLayout.Whole(content.Count)).NaNs;
            if (bad == 0) continue;
            layers.Add(new ExaminedTensor(name, "constant", content.Dimensions) { NotFinite = [(name, bad)] });
        }
    }

    /// <summary>A name of its own: the place of the weights.</summary>
    private string NameOf(Node node)
    {
        string path = LayerNames.PathOf(node, node.Inputs.Skip(1)), name = path;
        for (int number = 2; !_names.Add(name); number++) name = $"{path}_{number}";
        return name;
    }
}
