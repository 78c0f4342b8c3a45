using Evenkeel.Nn;

namespace Evenkeel.Tests.Nn;

/// <summary>A layer and the shape of its input.</summary>
internal sealed record ActivationAndShapeCase(int[] Shape, Func<Module> Create);

/// <summary>
/// The cases of the golden family "activation-and-shape-layers": each option of each layer, on given numbers.
/// tests/Evenkeel.Interop.Tests has PyTorch's side of each name.
/// </summary>
internal static class ActivationAndShapeCases
{
    /// <summary>Rows of the embeddings.</summary>
    public const int Vocabulary = 5;

    private static readonly int[] s_values = [4, 6, 4], s_planes = [2, 3, 5, 4];

    public static readonly IReadOnlyDictionary<string, ActivationAndShapeCase> All =
        new Dictionary<string, ActivationAndShapeCase>(StringComparer.Ordinal)
        {
            ["relu6"] = new(s_values, static () => new ReLU6()),
            ["hardtanh"] = new(s_values, static () => new Hardtanh()),
            ["hardtanh limits"] = new(s_values, static () => new Hardtanh(-1, 0.5)),
            ["hardswish"] = new(s_values, static () => new Hardswish()),
            ["hardsigmoid"] = new(s_values, static () => new Hardsigmoid()),
            ["silu"] = new(s_values, static () => new SiLU()),
            ["elu"] = new(s_values, static () => new ELU()),
            ["elu alpha"] = new(s_values, static () => new ELU(0.75)),
            ["selu"] = new(s_values, static () => new SELU()),
            ["celu"] = new(s_values, static () => new CELU()),
            ["celu alpha"] = new(s_values, static () => new CELU(0.75)),
            ["prelu"] = new(s_values, static () => new PReLU()),
            ["prelu channels"] = new(s_values, static () => new PReLU(6)),
            ["softplus"] = new(s_values, static () => new Softplus()),
            ["softplus settings"] = new(s_values, static () => new Softplus(1.5, 3)),
            ["softsign"] = new(s_values, static () => new Softsign()),
            ["mish"] = new(s_values, static () => new Mish()),
            ["gelu"] = new(s_values, static () => new GELU()),
            ["gelu tanh"] = new(s_values, static () => new GELU(approximate: true)),
            ["glu"] = new(s_values, static () => new GLU()),
            ["glu dim"] = new(s_values, static () => new GLU(1)),
            ["logsigmoid"] = new(s_values, static () => new LogSigmoid()),
            ["upsample nearest"] = new(s_planes, static () => new Upsample(scaleFactor: 2)),
            ["upsample nearest size"] = new(s_planes, static () => new Upsample((7, 11))),
            ["upsample nearest smaller"] = new(s_planes, static () => new Upsample((2, 3))),
            ["upsample nearest factors"] = new(s_planes, static () => new Upsample(scaleFactor: (1.7, 2.4))),
            ["upsample bilinear"] =
                new(s_planes, static () => new Upsample(scaleFactor: 2, mode: UpsampleMode.Bilinear)),
            ["upsample bilinear size"] =
                new(s_planes, static () => new Upsample((7, 19), mode: UpsampleMode.Bilinear)),
            ["upsample bilinear smaller"] =
                new(s_planes, static () => new Upsample((1, 3), mode: UpsampleMode.Bilinear)),
            ["upsample bilinear factors"] =
                new(s_planes, static () => new Upsample(scaleFactor: (1.7, 2.4), mode: UpsampleMode.Bilinear)),
            ["upsample aligned"] = new(s_planes,
                static () => new Upsample(scaleFactor: 2, mode: UpsampleMode.Bilinear, alignCorners: true)),
            ["upsample aligned size"] = new(s_planes,
                static () => new Upsample((7, 19), mode: UpsampleMode.Bilinear, alignCorners: true)),
            ["upsample aligned smaller"] = new(s_planes,
                static () => new Upsample((1, 3), mode: UpsampleMode.Bilinear, alignCorners: true)),
            ["upsample aligned factors"] = new(s_planes,
                static () => new Upsample(scaleFactor: (1.7, 2.4), mode: UpsampleMode.Bilinear, alignCorners: true)),
            ["zero_pad2d"] = new(s_planes, static () => new ZeroPad2d(2)),
            ["zero_pad2d sides"] = new(s_planes, static () => new ZeroPad2d(1, 2, 3, 0)),
            ["zero_pad2d negative"] = new(s_planes, static () => new ZeroPad2d(-1, 2, 3, -2)),
            ["pixel_shuffle 2"] = new([2, 8, 3, 5], static () => new PixelShuffle(2)),
            ["pixel_shuffle 3"] = new([2, 9, 3, 2], static () => new PixelShuffle(3)),
            ["embedding"] = new([3, 4], static () => new Embedding(Vocabulary, 6)),
            ["embedding padding_idx"] = new([3, 4], static () => new Embedding(Vocabulary, 6, paddingIdx: 1)),
        };

    /// <summary>
    /// Input i of a tensor of some rank. Those of activations are from -24 to 24, with corners; those of planes are
    /// smaller. All numbers here are the same in both element types.
    /// </summary>
    public static double Input(int i, int rank) =>
        rank < 4 && i % 3 == 0 ? ((i * 37 % 97) - 48) / 2.0 : ((i * 29 % 61) - 30) / 8.0;

    /// <summary>Element i of a layer's weight.</summary>
    public static double Weight(int i) => (((i * 5) % 11) - 4) / 8.0;

    /// <summary>Element i of the gradient that comes back to the output.</summary>
    public static double Cotangent(int i) => (((i * 13) % 23) - 11) / 8.0;

    /// <summary>Position i of the embeddings: all rows but one, some several times.</summary>
    public static long Position(int i) => i * i % Vocabulary;

    /// <summary>The output, the gradient of the input, and those of the weights.</summary>
    public static double[] Run(string name, DType dtype)
    {
        ActivationAndShapeCase one = All[name];
        Module layer = one.Create();
        layer.To(dtype);
        foreach (Parameter parameter in layer.Parameters())
            parameter.CopyFrom(Values(parameter.Shape, Weight, dtype));
        var shape = new Shape(one.Shape);
        var tape = new Tape();
        bool isEmbedding = layer is Embedding;
        Tensor x = isEmbedding
            ? tape.Input(Tensor.From([.. Enumerable.Range(0, shape.Count).Select(Position)], shape))
            : tape.Input(Values(shape, i => Input(i, shape.Rank), dtype), requiresGradient: true);
        Tensor y = layer.Forward(x);
        y.Backward(Values(y.Shape, Cotangent, dtype));
        var result = new List<double>();
        Add(y);
        if (!isEmbedding) Add(x.Gradient!);
        foreach (Parameter parameter in layer.Parameters()) Add(parameter.Gradient!);
        return [.. result];

        void Add(Tensor values) => result.AddRange(values.To(DType.Float64).ToArray<double>());
    }

    private static Tensor Values(Shape shape, Func<int, double> value, DType dtype) =>
        Tensor.From(Enumerable.Range(0, shape.Count).Select(value).ToArray(), shape).To(dtype);
}
