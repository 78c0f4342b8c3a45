using Evenkeel.Onnx.Format;
using Evenkeel.Tests.Onnx;

namespace Evenkeel.Tests.Examination;

/// <summary>Graphs with something in them that the doctor speaks of.</summary>
internal static class PatientGraphs
{
    /// <summary>A norm behind a global pool.</summary>
    public static OnnxGraph OneValue(string op)
    {
        bool isLayer = op == "LayerNormalization";
        OnnxGraph graph = new OnnxGraph(21).Input("x", 2, 4, 8, 8)
            .Weight("g", [isLayer ? 1 : 4], isLayer ? [2f] : Ones(4))
            .Weight("b", [isLayer ? 1 : 4], isLayer ? [1f] : Ones(4));
        string[] inputs = ["p", "g", "b"];
        graph.Node("GlobalAveragePool", "x", "p");
        if (op == "GroupNormalization") graph.Node(op, inputs, ["y"], OnnxGraph.Int("num_groups", 4));
        else graph.Node(op, inputs, ["y"]);
        graph.Output("y");
        return graph;
    }

    /// <summary>Layer norms, each as nine operators.</summary>
    public static OnnxGraph Pieces(int norms)
    {
        OnnxGraph graph = new OnnxGraph(13).Input("x0", 2, 8).Weight("two", [], 2).Weight("eps", [], 1e-5f);
        for (int i = 0; i < norms; i++)
        {
            graph.Weight($"ln{i}.weight", [8], Spread(8, 1)).Weight($"ln{i}.bias", [8], Spread(8, 0));
            graph.Node("ReduceMean", [$"x{i}"], [$"m{i}"], OnnxGraph.Ints("axes", -1))
                .Node("Sub", [$"x{i}", $"m{i}"], [$"d{i}"]).Node("Pow", [$"d{i}", "two"], [$"s{i}"])
                .Node("ReduceMean", [$"s{i}"], [$"v{i}"], OnnxGraph.Ints("axes", -1))
                .Node("Add", [$"v{i}", "eps"], [$"e{i}"]).Node("Sqrt", [$"e{i}"], [$"r{i}"])
                .Node("Div", [$"d{i}", $"r{i}"], [$"n{i}"]).Node("Mul", [$"n{i}", $"ln{i}.weight"], [$"g{i}"])
                .Node("Add", [$"g{i}", $"ln{i}.bias"], [$"x{i + 1}"]);
        }

        graph.Output($"x{norms}");
        return graph;
    }

    /// <summary>A batch norm with constants before it, behind it or both.</summary>
    public static OnnxGraph ConstantBeside(string where)
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 3, 8, 8).Weight("conv.weight", 4, 3, 3, 3)
            .Weight("k", [4, 1, 1], Spread(4, 1));
        AddNorm(graph, "bn", 4);
        string value = "c";
        graph.Node("Conv", ["x", "conv.weight"], ["c"]);
        if (where != "behind") graph.Node("Mul", [value, "k"], [value = "scaled"]);
        graph.Node("BatchNormalization", NormInputs(value, "bn"), ["n"]);
        value = "n";
        if (where != "before") graph.Node("Add", [value, "k"], [value = "shifted"]);
        graph.Node("Relu", value, "y").Output("y");
        return graph;
    }

    /// <summary>Convolutions with batch norm and ReLU.</summary>
    public static OnnxGraph Chain(int layers, params AttributeProto[] attributes)
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 3, 8, 8);
        string value = "x";
        for (int i = 0; i < layers; i++)
        {
            graph.Weight($"conv{i}.weight", 3, 3, 3, 3);
            AddNorm(graph, $"bn{i}", 3);
            graph.Node("Conv", [value, $"conv{i}.weight"], [$"c{i}"], OnnxGraph.Ints("pads", 1, 1, 1, 1))
                .Node("BatchNormalization", NormInputs($"c{i}", $"bn{i}"), [$"n{i}"], attributes)
                .Node("Relu", $"n{i}", value = i == layers - 1 ? "y" : $"r{i}");
        }

        return graph.Output("y");
    }

    public static void AddNorm(OnnxGraph graph, string name, int channels) => graph
        .Weight($"{name}.weight", [channels], Spread(channels, 1))
        .Weight($"{name}.bias", [channels], Spread(channels, 0))
        .Weight($"{name}.running_mean", [channels], Spread(channels, 0))
        .Weight($"{name}.running_var", [channels], Spread(channels, 1));

    public static string[] NormInputs(string x, string name) =>
        [x, $"{name}.weight", $"{name}.bias", $"{name}.running_mean", $"{name}.running_var"];

    private static float[] Spread(int count, float middle) =>
        [.. Enumerable.Range(0, count).Select(i => middle + (0.1f * (i + 1) / count))];

    private static float[] Ones(int count) => [.. Enumerable.Repeat(1f, count)];
}
