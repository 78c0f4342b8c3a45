using Evenkeel.Onnx.Import.Operators;

namespace Evenkeel.Onnx.Import;

/// <summary>Makes what a node computes.</summary>
/// <exception cref="Refusal">The node has a form that is not supported.</exception>
internal delegate Operation Factory(Node node);

/// <summary>What a node becomes: a kernel, or a layer with one input.</summary>
/// <param name="Kernel">What it computes.</param>
/// <param name="Layer">The number of the layer that it is, or -1.</param>
/// <param name="IsReLU">Whether it is a ReLU.</param>
internal readonly record struct Operation(Kernel Kernel, int Layer = -1, bool IsReLU = false)
{
    public static Operation Of(int layer) =>
        new(x => [x[0].With(x.Pass.Layers[layer].Forward(x.Float(0)))], layer);

    public static implicit operator Operation(Kernel kernel) => new(kernel);
}

/// <summary>The operators of ONNX that become parts of a network.</summary>
internal static class OperatorTable
{
    private static readonly Dictionary<string, Factory> s_factories = All();

    /// <summary>The names of all operators, in alphabetical order.</summary>
    public static IEnumerable<string> Names => s_factories.Keys.Order(StringComparer.Ordinal);

    public static Factory? Find(string op) => s_factories.GetValueOrDefault(op);

    private static Dictionary<string, Factory> All()
    {
        var all = new Dictionary<string, Factory>(StringComparer.Ordinal);
        Activations.AddTo(all);
        Arithmetic.AddTo(all);
        Casts.AddTo(all);
        Convolutions.AddTo(all);
        Logic.AddTo(all);
        Norms.AddTo(all);
        Pools.AddTo(all);
        Products.AddTo(all);
        Reductions.AddTo(all);
        Resizing.AddTo(all);
        Shapes.AddTo(all);
        return all;
    }
}
