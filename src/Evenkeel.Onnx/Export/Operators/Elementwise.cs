using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Operations element by element.</summary>
internal static class Elementwise
{
    public static void AddTo(Dictionary<string, Write> all)
    {
        foreach ((string kind, string op) in new[]
        {
            ("Abs", "Abs"), ("Exp", "Exp"), ("Log", "Log"), ("Negate", "Neg"), ("Sqrt", "Sqrt"), ("Tanh", "Tanh"),
            ("Sigmoid", "Sigmoid"), ("ReLU", "Relu"), ("Softsign", "Softsign"), ("SELU", "Selu"),
            ("Hardswish", "HardSwish"),
        })
        {
            all.Add(kind, (graph, x) => graph.Node(op, [graph.Name(x.Operands[0])]));
        }

        foreach ((string kind, string op) in new[]
        {
            ("Add", "Add"), ("Subtract", "Sub"), ("Multiply", "Mul"), ("Divide", "Div"), ("Pow", "Pow"),
            ("Maximum", "Max"), ("Minimum", "Min"), ("PReLU", "PRelu"),
        })
        {
            all.Add(kind, (graph, x) => graph.Node(op, [graph.Name(x.Operands[0]), graph.Name(x.Operands[1])]));
        }

        foreach ((string kind, string op, bool isFirst) in new[]
        {
            ("AddScalar", "Add", false), ("MultiplyScalar", "Mul", false), ("DivideByScalar", "Div", false),
            ("PowScalar", "Pow", false), ("SubtractFromScalar", "Sub", true), ("DivideScalar", "Div", true),
        })
        {
            all.Add(kind, (graph, x) =>
            {
                string value = graph.Name(x.Operands[0]), number = graph.Number(x.Settings.Number("value"));
                return isFirst ? graph.Node(op, [number, value]) : graph.Node(op, [value, number]);
            });
        }

        all.Add("Square", static (graph, x) =>
            graph.Node("Mul", [graph.Name(x.Operands[0]), graph.Name(x.Operands[0])]));
        all.Add("ReLU6", static (graph, x) => Clip(graph, x, 0, 6));
        all.Add("Clamp", static (graph, x) => Clip(graph, x, x.Settings.Number("min"), x.Settings.Number("max")));
        all.Add("Hardtanh", static (graph, x) => Clip(graph, x, x.Settings.Number("min"), x.Settings.Number("max")));
        all.Add("LeakyReLU", static (graph, x) => WithAttribute(graph, x, "LeakyRelu", x.Settings.Number("slope")));
        all.Add("ELU", static (graph, x) => WithAttribute(graph, x, "Elu", x.Settings.Number("alpha")));
        all.Add("CELU", static (graph, x) => WithAttribute(graph, x, "Celu", x.Settings.Number("alpha")));
        all.Add("Hardsigmoid", static (graph, x) => WithAttribute(graph, x, "HardSigmoid", 1.0 / 6));
        all.Add("SiLU", static (graph, x) =>
        {
            string name = graph.Name(x.Operands[0]);
            return graph.Node("Mul", [name, graph.Node("Sigmoid", [name])]);
        });
        all.Add("LogSigmoid", static (graph, x) =>
            graph.Node("Neg", [graph.Node("Softplus", [graph.Node("Neg", [graph.Name(x.Operands[0])])])]));
        all.Add("Mish", Mish);
        all.Add("Softplus", Softplus);
        all.Add("GELU", GELU);
        all.Add("GELUTanh", GELUTanh);
        all.Add("Where", static (graph, x) => graph.Node("Where", [
            graph.Node("Cast", [graph.Name(x.Settings.TensorOf("condition")!)],
                Attributes.Of("to", (long)TensorType.Bool.Number)),
            graph.Name(x.Operands[0]), graph.Name(x.Operands[1])]));
    }

    private static string WithAttribute(GraphWriter graph, TracedOp x, string op, double alpha) =>
        graph.Node(op, [graph.Name(x.Operands[0])], Attributes.Of("alpha", alpha));

    private static string Clip(GraphWriter graph, TracedOp x, double min, double max) => graph.Node("Clip", [
        graph.Name(x.Operands[0]), double.IsFinite(min) ? graph.Number(min) : "",
        double.IsFinite(max) ? graph.Number(max) : ""]);

    /// <summary>x·tanh(softplus(x)).</summary>
    private static string Mish(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]);
        return graph.Has(18, "Mish")
            ? graph.Node("Mish", [x])
            : graph.Node("Mul", [x, graph.Node("Tanh", [graph.Node("Softplus", [x])])]);
    }

    /// <summary>softplus(beta·x)/beta, and x itself above the threshold if that can be told from it.</summary>
    private static string Softplus(GraphWriter graph, TracedOp op)
    {
        // ln(1 + e^z) - z is below float32's rounding from here on.
        const double Straight = 17;
        double beta = op.Settings.Number("beta"), threshold = op.Settings.Number("threshold");
        string x = graph.Name(op.Operands[0]);
        string z = beta == 1 ? x : graph.Node("Mul", [x, graph.Number(beta)]), y = graph.Node("Softplus", [z]);
        if (beta != 1) y = graph.Node("Div", [y, graph.Number(beta)]);
        return threshold >= Straight
            ? y
            : graph.Node("Where", [graph.Node("Greater", [z, graph.Number(threshold)]), x, y]);
    }

    /// <summary>x·(1 + erf(x/√2))/2.</summary>
    private static string GELU(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]);
        if (graph.Has(20, "GELU")) return graph.Node("Gelu", [x]);
        string erf = graph.Node("Erf", [graph.Node("Mul", [x, graph.Number(Math.Sqrt(0.5))])]);
        return Half(graph, x, erf);
    }

    /// <summary>x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.</summary>
    private static string GELUTanh(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]);
        if (graph.Has(20, "GELU")) return graph.Node("Gelu", [x], Attributes.Of("approximate", "tanh"));
        string cube = graph.Node("Mul", [graph.Node("Mul", [x, x]), x]);
        string inner = graph.Node("Add", [x, graph.Node("Mul", [cube, graph.Number(0.044715)])]);
        return Half(graph, x, graph.Node("Tanh", [
            graph.Node("Mul", [inner, graph.Number(Math.Sqrt(2 / Math.PI))])]));
    }

    private static string Half(GraphWriter graph, string x, string curve) => graph.Node("Mul", [
        graph.Node("Mul", [x, graph.Node("Add", [curve, graph.Number(1)])]), graph.Number(0.5)]);
}
