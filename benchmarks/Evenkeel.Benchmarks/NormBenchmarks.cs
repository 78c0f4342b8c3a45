using BenchmarkDotNet.Attributes;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Benchmarks;

/// <summary>
/// A normalization layer forward and backward, with all gradients a training step needs. <c>evenkeel bench</c> has the
/// cases that are compared with peers.
/// </summary>
[MemoryDiagnoser]
public class NormBenchmarks
{
    private readonly Tape _tape = new(Mode.Train);
    private Module _layer = null!;
    private Parameter _x = null!;
    private Tensor _dy = null!;

    [Params(
        "batchnorm 50x100", "batchnorm 32x64x56x56", "batchnorm 64x512x7x7", "layernorm 50x100", "layernorm 4096x1024")]
    public string Case { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        string[] words = Case.Split(' ');
        var shape = new Shape(Array.ConvertAll(words[1].Split('x'), int.Parse));
        _layer = words[0] == "layernorm" ? new LayerNorm(shape[-1])
            : shape.Rank == 2 ? new BatchNorm1d(shape[1])
            : new BatchNorm2d(shape[1]);
        _x = new Parameter(Tensor.RandomNormal(shape, new Philox(1)));
        _dy = Tensor.RandomNormal(shape, new Philox(2));
    }

    [Benchmark]
    public void ForwardBackward()
    {
        _tape.Reset();
        _layer.Forward(_tape.Watch(_x)).Backward(_dy);
        _x.ZeroGrad();
        _layer.ZeroGrad();
    }
}
