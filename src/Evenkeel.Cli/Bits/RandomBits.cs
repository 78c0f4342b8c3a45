using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Cli.Bits;

/// <summary>Draws: every kind of stream, and every scheme of initial weights.</summary>
internal static class RandomBits
{
    private const int Count = 1001;

    private static readonly (string Name, Func<IRandomStream> Create)[] s_streams =
        [("philox", () => new Philox(231)), ("numpy", () => new NumPyRandomState(231)),
            ("torch", () => new TorchGenerator(231))];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. s_streams.SelectMany(stream => new BitsCase[]
        {
            new($"{stream.Name}/uniform", probe =>
                probe.Add("y", Tensor.RandomUniform([Count], stream.Create(), probe.DType))),
            new($"{stream.Name}/normal", probe =>
                probe.Add("y", Tensor.RandomNormal([Count], stream.Create(), probe.DType))),
            new($"{stream.Name}/permutation", probe =>
                probe.Add("y", Tensor.Labels(stream.Create().Permutation(Count)))),
            Scheme(stream, "default", Init.Default),
            Scheme(stream, "kaiming-normal", Init.KaimingNormal),
            Scheme(stream, "kaiming-uniform", Init.KaimingUniform),
            Scheme(stream, "xavier-normal", Init.XavierNormal),
            Scheme(stream, "xavier-uniform", Init.XavierUniform),
            Scheme(stream, "normal", Init.Normal(0.02, 0.1)),
            Scheme(stream, "uniform", Init.Uniform(-0.1, 0.3)),
        }),
    ];

    private static BitsCase Scheme((string Name, Func<IRandomStream> Create) stream, string name, Init init) =>
        new($"{stream.Name}/init-{name}", probe => probe.Add("w", init.Create([19, 53], stream.Create(), probe.DType)));
}
