using System.Globalization;
using System.Text;

namespace Evenkeel.Nn;

public abstract partial class Module
{
    /// <summary>
    /// A table of the network: layer (with a mark if a norm is frozen), output shape, number of parameters, and totals.
    /// Runs one pass in Eval on zeros; weights and statistics stay as they are.
    /// </summary>
    /// <param name="inputShape">The shape of the input with its batch axis, for example [1, 3, 32, 32].</param>
    public string Summary(Shape inputShape) => SummaryOf(inputShape, null);

    private protected string SummaryOf(Shape inputShape, Shape? secondShape)
    {
        IReadOnlyList<(string Name, Module Module)> modules = NamedModules();
        var shapes = new Dictionary<Module, Shape>(ReferenceEqualityComparer.Instance);
        var hooks = new List<IDisposable>(modules.Count);
        try
        {
            foreach ((_, Module module) in modules)
                hooks.Add(module.AddForwardHook((layer, _, y) => shapes.TryAdd(layer, y.Shape)));
            IReadOnlyList<Parameter> parameters = Parameters();
            DType dtype = parameters.Count == 0 ? DType.Float32 : parameters[0].DType;
            var tape = new Tape(Mode.Eval);
            Tensor x = tape.Input(Tensor.Zeros(inputShape, dtype));
            Run(x, secondShape is { } shape ? tape.Input(Tensor.Zeros(shape, dtype)) : null);
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }

        string inputs = secondShape is { } other ? $"inputs {inputShape} and {other}" : $"input {inputShape}";
        return SummaryTable(modules, shapes, inputs);
    }

    private string SummaryTable(
        IReadOnlyList<(string Name, Module Module)> modules, Dictionary<Module, Shape> shapes, string inputs)
    {
        List<(string Layer, string Shape, string Parameters)> rows = [("Layer", "Output shape", "Parameters")];
        var counted = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        foreach ((string name, Module module) in modules)
        {
            long own = 0;
            foreach ((_, Parameter parameter) in module._parameters)
            {
                if (counted.Add(parameter)) own += parameter.Value.Count;
            }

            int depth = name.Length == 0 ? 0 : 1 + name.AsSpan().Count('.');
            string label = name.Length == 0
                ? module.TypeName
                : $"{new string(' ', 2 * depth)}{name[(name.LastIndexOf('.') + 1)..]}: {module.TypeName}";
            if (module is ITrackingNorm { State: var state and not NormState.Active })
                label += state == NormState.Frozen ? " (frozen)" : " (statistics frozen)";
            // A module that the pass does not run has no output. A module with nothing to train shows a dash.
            rows.Add((label, shapes.TryGetValue(module, out Shape shape) ? shape.ToString() : "-",
                module._parameters.Count == 0 ? "-" : own.ToString("N0", CultureInfo.InvariantCulture)));
        }

        long total = 0, trainable = 0, buffered = 0;
        foreach ((_, Parameter parameter) in NamedParameters())
        {
            total += parameter.Value.Count;
            if (parameter.RequiresGradient) trainable += parameter.Value.Count;
        }

        foreach ((_, StateBuffer buffer) in NamedBuffers()) buffered += buffer.Value.Count;

        int first = rows.Max(static row => row.Layer.Length), second = rows.Max(static row => row.Shape.Length),
            third = rows.Max(static row => row.Parameters.Length);
        string rule = new string('-', first + second + third + 4) + "\n";
        var text = new StringBuilder();
        text.Append(TypeName).Append(", ").Append(inputs).Append('\n').Append(rule);
        for (int i = 0; i < rows.Count; i++)
        {
            text.Append(rows[i].Layer.PadRight(first)).Append("  ").Append(rows[i].Shape.PadRight(second)).Append(
                "  ").Append(rows[i].Parameters.PadLeft(third)).Append('\n');
            if (i == 0) text.Append(rule);
        }

        return text.Append(rule)
            .Append(CultureInfo.InvariantCulture,
                $"Parameters: {total:N0} (trainable {trainable:N0}, non-trainable {total - trainable:N0})\n")
            .Append(CultureInfo.InvariantCulture, $"Buffers: {buffered:N0} values\n")
            .ToString();
    }
}
