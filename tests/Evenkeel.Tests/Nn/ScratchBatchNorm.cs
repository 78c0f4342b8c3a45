using Evenkeel.Nn;

namespace Evenkeel.Tests.Nn;

public sealed class ScratchBatchNorm : Module
{
    public ScratchBatchNorm(int channels) => (Gamma, Beta) = (Register("gamma", Init.Ones(channels)), Register("beta", Init.Zeros(channels)));

    public Parameter Gamma { get; }

    public Parameter Beta { get; }

    protected override Tensor ForwardCore(Tensor x)
    {
        Tensor centered = x - x.Mean([0], keepDims: true);
        Tensor variance = (centered * centered).Mean([0], keepDims: true);
        return centered / (variance + 1e-5).Sqrt() * Gamma + Beta;
    }
}
