namespace Evenkeel.Cli.Bits;

/// <summary>Ops element by element, and those that only move elements.</summary>
internal static class ElementwiseBits
{
    /// <summary>Large: more than one chunk of a map (32,768 elements), and no whole number of packs.</summary>
    private static readonly int[] s_small = [3, 67], s_large = [5, 6607];

    /// <summary>
    /// Pairs of shapes that broadcast: a row, a column, channels of images, a scalar, both operands at once; then one
    /// large.
    /// </summary>
    private static readonly (int[] A, int[] B)[] s_pairs =
    [
        ([3, 67], [3, 67]), ([9, 33], [33]), ([33], [9, 33]), ([9, 33], [9, 1]), ([2, 5, 7, 3], [5, 1, 1]),
        ([], [4, 21]), ([7, 1, 19], [5, 1]),
        ([1, 6607], [5, 1]),
    ];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. Unary("abs", x => x.Abs()),
        .. Unary("negate", x => -x),
        .. Unary("square", x => x.Square()),
        .. Unary("exp", x => x.Exp()),
        .. Unary("tanh", x => x.Tanh()),
        .. Unary("sigmoid", x => x.Sigmoid()),
        .. Unary("relu", x => x.ReLU()),
        .. Unary("leaky-relu", x => x.LeakyReLU(0.01)),
        .. Unary("gelu", x => x.GELU()),
        .. Unary("gelu-tanh", x => x.GELU(approximate: true)),
        .. Unary("relu6", x => x.ReLU6()),
        .. Unary("hardtanh", x => x.Hardtanh(-0.7, 1.3)),
        .. Unary("hardswish", x => x.Hardswish()),
        .. Unary("hardsigmoid", x => x.Hardsigmoid()),
        .. Unary("silu", x => x.SiLU()),
        .. Unary("elu", x => x.ELU(0.7)),
        .. Unary("selu", x => x.SELU()),
        .. Unary("celu", x => x.CELU(0.7)),
        .. Unary("softplus", x => x.Softplus(1.3, 2)),
        .. Unary("softsign", x => x.Softsign()),
        .. Unary("mish", x => x.Mish()),
        .. Unary("log-sigmoid", x => x.LogSigmoid()),
        .. Unary("clamp", x => x.Clamp(-0.7, 1.3)),
        .. Unary("pow-3", x => x.Pow(3)),
        .. Unary("dropout", x => x.Dropout(0.3)),
        .. Unary("scalar-add", x => 0.3 + (x + 0.1)),
        .. Unary("scalar-subtract", x => 0.3 - (x - 0.1)),
        .. Unary("scalar-multiply", x => 0.3 * (x * 1.1)),
        .. Unary("scalar-divide", x => x / 0.3),
        .. UnaryOfPositive("divide-scalar", x => 0.3 / x),
        .. UnaryOfPositive("log", x => x.Log()),
        .. UnaryOfPositive("sqrt", x => x.Sqrt()),
        .. UnaryOfPositive("pow-1.7", x => x.Pow(1.7)),
        Extreme("exp", x => x.Exp()),
        Extreme("tanh", x => x.Tanh()),
        Extreme("sigmoid", x => x.Sigmoid()),
        Extreme("gelu", x => x.GELU()),
        Extreme("gelu-tanh", x => x.GELU(approximate: true)),
        Extreme("silu", x => x.SiLU()),
        Extreme("elu", x => x.ELU()),
        Extreme("softplus", x => x.Softplus()),
        Extreme("mish", x => x.Mish()),
        Extreme("log-sigmoid", x => x.LogSigmoid()),
        .. new int[][] { [5, 7, 131], [3, 67], [2, 3, 33, 7] }.SelectMany(shape => new BitsCase[]
        {
            new($"prelu/{ShapeName.Of(shape)}", probe =>
                probe.Pass(x => x[0].PReLU(x[1]), probe.Normal(shape), probe.Normal(shape[1]))),
            new($"prelu-1/{ShapeName.Of(shape)}", probe =>
                probe.Pass(x => x[0].PReLU(x[1]), probe.Normal(shape), probe.Normal(1))),
        }),
        new("glu/3x66", probe => probe.Pass(x => x[0].GLU(), probe.Normal(3, 66))),
        new("glu/2x6x19", probe => probe.Pass(x => x[0].GLU(1), probe.Normal(2, 6, 19))),
        new("glu/3x2x33001", probe => probe.Pass(x => x[0].GLU(1), probe.Normal(3, 2, 33001))),

        .. Binary("add", (a, b) => a + b),
        .. Binary("subtract", (a, b) => a - b),
        .. Binary("multiply", (a, b) => a * b),
        .. Binary("maximum", (a, b) => a.Maximum(b)),
        .. Binary("minimum", (a, b) => a.Minimum(b)),
        .. BinaryOfPositive("divide", (a, b) => a / b),
        .. BinaryOfPositive("pow", (a, b) => a.Pow(b)),

        new("reshape/6x35", probe => probe.Pass(x => x[0].Reshape(7, 30), probe.Normal(6, 35))),
        new("transpose/37x41", probe => probe.Pass(x => x[0].Transpose(0, 1), probe.Normal(37, 41))),
        new("permute/3x5x7x19", probe => probe.Pass(x => x[0].Permute(2, 0, 3, 1), probe.Normal(3, 5, 7, 19))),
        new("permute/9x61x67", probe => probe.Pass(x => x[0].Permute(2, 1, 0), probe.Normal(9, 61, 67))),
        new("concat/axis1", probe =>
            probe.Pass(x => Tensor.Concat(x, 1), probe.Normal(3, 5, 7), probe.Normal(3, 2, 7), probe.Normal(3, 9, 7))),
        new("stack/axis1", probe =>
            probe.Pass(x => Tensor.Stack(x, 1), probe.Normal(3, 5), probe.Normal(3, 5), probe.Normal(3, 5))),
        new("split/axis1",
            probe => probe.Pass(x => Tensor.Concat(x[0].Split(4, 1).AsSpan(1), 1), probe.Normal(3, 17, 5))),
        new("flatten", probe => probe.Pass(x => x[0].Flatten(1), probe.Normal(3, 5, 7))),
        new("index", probe => probe.Pass(x => x[0][1..3, ^2, ..^1], probe.Normal(4, 17, 5))),
        new("where/broadcast", probe =>
            probe.Pass(x => Tensor.Where(Choice(probe.Labels(67, 2), 67, 1), x[0], x[1]), probe.Normal(67, 131),
                probe.Normal(131))),
        new("gather/axis1", probe =>
            probe.Pass(x => x[0].Gather(1, Choice(probe.Labels(67 * 9, 31), 67, 9)), probe.Normal(67, 31))),
        new("embedding/67x131", probe =>
            probe.Pass(x => probe.Labels(900, 67).Embedding(x[0], paddingIndex: 3), probe.Normal(67, 131))),
        new("slice/axis1", probe => probe.Pass(x => x[0].Slice(1, 3, 11), probe.Normal(4, 17, 5))),
        new("shared-input", probe =>
            probe.Pass(x => x[0] * x[0].Tanh() + x[0].Exp() * x[1], probe.Normal(s_small), probe.Normal(67))),
    ];

    private static IEnumerable<BitsCase> Unary(string name, Func<Tensor, Tensor> op) =>
        new[] { s_small, s_large }.Select(shape =>
            new BitsCase($"{name}/{ShapeName.Of(shape)}", probe =>
                probe.Pass(x => op(x[0]), probe.NormalAround(0, 2, shape))));

    private static IEnumerable<BitsCase> UnaryOfPositive(string name, Func<Tensor, Tensor> op) =>
        new[] { s_small, s_large }.Select(shape =>
            new BitsCase($"{name}/{ShapeName.Of(shape)}", probe => probe.Pass(x => op(x[0]), probe.Positive(shape))));

    /// <summary>Arguments where results underflow, overflow or saturate.</summary>
    private static BitsCase Extreme(string name, Func<Tensor, Tensor> op) =>
        new($"{name}/extreme", probe =>
            probe.Pass(x => op(x[0]), probe.NormalAround(0, probe.DType == DType.Float32 ? 60 : 400, 3, 67)));

    private static IEnumerable<BitsCase> Binary(string name, Func<Tensor, Tensor, Tensor> op) =>
        s_pairs.Select(pair =>
            new BitsCase(Named(name, pair), probe =>
                probe.Pass(x => op(x[0], x[1]), probe.Normal(pair.A), probe.Normal(pair.B))));

    private static IEnumerable<BitsCase> BinaryOfPositive(string name, Func<Tensor, Tensor, Tensor> op) =>
        s_pairs.Select(pair =>
            new BitsCase(Named(name, pair), probe =>
                probe.Pass(x => op(x[0], x[1]), probe.Positive(pair.A), probe.Positive(pair.B))));

    private static string Named(string name, (int[] A, int[] B) pair) =>
        $"{name}/{ShapeName.Of(pair.A)},{ShapeName.Of(pair.B)}";

    private static Tensor Choice(Tensor labels, params ReadOnlySpan<int> shape) => labels.Reshape(new Shape(shape));
}
