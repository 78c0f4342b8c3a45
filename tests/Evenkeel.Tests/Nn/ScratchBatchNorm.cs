using Evenkeel.Nn;

namespace Evenkeel.Tests.Nn;

public sealed class ScratchBatchNorm : Module
{
    private readonly Parameter _gamma, _beta;
    private readonly StateBuffer _mean, _variance;

    public ScratchBatchNorm(int channels)
    {
        _gamma = Register("gamma", Tensor.Ones([channels]));
        _beta = Register("beta", Tensor.Zeros([channels]));
        _mean = RegisterBuffer("running_mean", Tensor.Zeros([channels]));
        _variance = RegisterBuffer("running_var", Tensor.Ones([channels]));
    }

    protected override Tensor ForwardCore(Tensor x)
    {
        // In use no answer may depend on the other samples: Eval takes what Train has kept.
        if (x.Tape is not { Mode: Mode.Train }) return Normalize(x - _mean.Value, _variance.Value);
        Tensor mean = x.Mean([0]), centered = x - mean, variance = (centered * centered).Mean([0]);
        Follow(_mean.Value, mean);
        Follow(_variance.Value, variance);
        return Normalize(centered, variance);
    }

    private Tensor Normalize(Tensor centered, Tensor variance) => centered / (variance + 1e-5).Sqrt() * _gamma + _beta;

    private static void Follow(Tensor running, Tensor batch) => running.CopyFrom(running * 0.9 + batch.Detach() * 0.1);
}
