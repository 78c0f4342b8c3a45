using Evenkeel.Onnx.Import.Operators;

namespace Evenkeel.Onnx.Import;

/// <summary>Makes what a node computes.</summary>
/// <exception cref="Refusal">The node has a form that is not supported.</exception>
internal delegate Operation Factory(Node node);

/// <summary>What a node becomes: a kernel, or a layer with one input.</summary>
/// <param name="Kernel">What it computes.</param>
/// <param name="Layer">The number of the layer that it is, or -1.</param>
/// <param name="IsReLU">Whether it is a ReLU.</param>
/// <param name="IsSum">Whether it is the sum of two values.</param>
/// <param name="Rank">The number of dimensions that the layer takes; the kernel takes others. Null for any.</param>
/// <param name="Check">Asks the pass for the memory of a layer's output, for an input of a shape.</param>
internal readonly record struct Operation(
    Kernel Kernel, int Layer = -1, bool IsReLU = false, bool IsSum = false, int? Rank = null,
    Action<Shape, Pass>? Check = null)
{
    public static Operation Of(int layer, Action<Shape, Pass>? check = null) =>
        new(x => [x[0].With(x.Pass.Layers[layer].Forward(x.Float(0)))], layer, Check: check);

    public static implicit operator Operation(Kernel kernel) => new(kernel);
}

/// <summary>The operators of ONNX that become parts of a network.</summary>
internal static class OperatorTable
{
    private static readonly Dictionary<string, Factory> s_factories = All();

    /// <summary>The names of all operators, in alphabetical order.</summary>
    public static IEnumerable<string> Names => s_factories.Keys.Order(StringComparer.Ordinal);

    /// <summary>The number of inputs that an operator needs, all of which come first.</summary>
    public static int LeastInputs(string op) => op switch
    {
        "Constant" => 0,
        "BatchNormalization" => 5,
        "InstanceNormalization" or "GroupNormalization" or "Where" or "Range" => 3,
        "Add" or "Sub" or "Mul" or "Div" or "Pow" or "Mod" or "Equal" or "Greater" or "GreaterOrEqual" or "Less"
            or "LessOrEqual" or "And" or "Or" or "Xor" or "MatMul" or "Gemm" or "Conv" or "ConvTranspose" or "PRelu"
            or "CastLike" or "Gather" or "GatherElements" or "Expand" or "Tile" or "LayerNormalization"
            or "RMSNormalization" => 2,
        _ => 1,
    };

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
