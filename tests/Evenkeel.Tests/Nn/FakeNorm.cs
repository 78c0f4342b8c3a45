using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Tests.Nn;

/// <summary>A stand-in with a normalization layer's keys: y = x, or max(x, 0) where it is fused; counts both.</summary>
internal sealed class FakeNorm : Module, IFusesReLU, IInitializable
{
    public FakeNorm(int features)
    {
        Weight = Register("weight", Tensor.Ones([features]));
        Bias = Register("bias", Tensor.Zeros([features]));
        Mean = RegisterBuffer("running_mean", Tensor.Zeros([features]));
        Variance = RegisterBuffer("running_var", Tensor.Ones([features]));
        Batches = RegisterBuffer("num_batches_tracked", Tensor.Zeros([], DType.Int64), optional: true);
    }

    public Parameter Weight { get; }
    public Parameter Bias { get; }
    public StateBuffer Mean { get; }
    public StateBuffer Variance { get; }
    public StateBuffer Batches { get; }
    public int Plain { get; private set; }
    public int Fused { get; private set; }

    public Tensor ForwardWithReLU(Tensor x)
    {
        Fused++;
        return x.ReLU();
    }

    public void SetStartValues(Init init, IRandomStream random)
    {
        Weight.Value.Fill(1);
        Bias.Value.Fill(0);
    }

    protected override Tensor ForwardCore(Tensor x)
    {
        Plain++;
        return x;
    }
}

/// <summary>A module that gives back what a function makes of its input.</summary>
internal sealed class Lambda(Func<Tensor, Tensor> function) : Module
{
    protected override Tensor ForwardCore(Tensor x) => function(x);
}
