namespace Evenkeel.Cli.Bits;

/// <summary>
/// Matrix products: every transposition, m, n and k around the tile's sides, k around the chunk of 256; the dot form (B
/// transposed, m up to 64, k of 256 or more).
/// </summary>
internal static class ProductBits
{
    private static readonly (int M, int N, int K)[] s_products =
        [(1, 1, 1), (5, 7, 3), (17, 33, 19), (13, 65, 67), (9, 10, 300), (64, 11, 259), (65, 9, 257), (67, 49, 35)];

    private static readonly (int Batch, int Inputs, int Outputs)[] s_layers =
        [(5, 19, 7), (4, 300, 10), (65, 33, 67), (3, 513, 35)];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. from product in s_products
           from transpose in new[] { (A: false, B: false), (A: true, B: false), (A: false, B: true),
               (A: true, B: true), }
           select Product(product.M, product.N, product.K, transpose.A, transpose.B),
        .. s_layers.SelectMany(layer =>
            new[] { Linear(layer.Batch, layer.Inputs, layer.Outputs, bias: true),
                Linear(layer.Batch, layer.Inputs, layer.Outputs, bias: false), }),
    ];

    private static BitsCase Product(int m, int n, int k, bool transposeA, bool transposeB) => new(
        $"matmul/{m}x{n}x{k}/{(transposeA ? "t" : "n")}{(transposeB ? "t" : "n")}",
        probe => probe.Pass(
            x => x[0].MatMul(x[1], transposeA, transposeB),
            transposeA ? probe.Normal(k, m) : probe.Normal(m, k),
            transposeB ? probe.Normal(n, k) : probe.Normal(k, n)));

    private static BitsCase Linear(int batch, int inputs, int outputs, bool bias) => new(
        $"linear/{batch}x{inputs}-{outputs}{(bias ? "" : "/no-bias")}",
        probe =>
        {
            Tensor x = probe.Normal(batch, inputs), weight = probe.Normal(outputs, inputs);
            if (bias) probe.Pass(input => input[0].Linear(input[1], input[2]), x, weight, probe.Normal(outputs));
            else probe.Pass(input => input[0].Linear(input[1]), x, weight);
        });
}
