using BenchmarkDotNet.Attributes;
using Evenkeel.Random;

namespace Evenkeel.Benchmarks;

/// <summary>The matrix product C = A·B, without a tape: the result is a new array each time.</summary>
[MemoryDiagnoser]
public class MatMulBenchmarks
{
    private Tensor _a = null!;
    private Tensor _b = null!;

    [Params("512x512x512", "50x100x3072", "3072x100x50")]
    public string MxNxK { get; set; } = "";

    [Params(false, true)]
    public bool TransposeB { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] sizes = Array.ConvertAll(MxNxK.Split('x'), int.Parse);
        _a = Tensor.RandomNormal([sizes[0], sizes[2]], new Philox(1));
        _b = Tensor.RandomNormal(TransposeB ? [sizes[1], sizes[2]] : [sizes[2], sizes[1]], new Philox(2));
    }

    [Benchmark]
    public Tensor MatMul() => _a.MatMul(_b, transposeB: TransposeB);
}
