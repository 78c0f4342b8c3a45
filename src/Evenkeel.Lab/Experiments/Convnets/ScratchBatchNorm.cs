using System.Numerics;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Lesson D's batch norm written from primitives, as a user would: <c>Y = (X - mean)/sqrt(var + eps)·gamma + beta</c>,
/// for (N, C) over the batch and for (N, C, H, W) over batch and pixels.
/// Nothing here knows how to go backward: the gradient comes from the operations.
/// </summary>
/// <remarks>
/// Two things differ from the lesson's text, and are why it works: gamma and beta have a value per channel (the
/// lesson's class has one for all, <c>scalar: true</c> here), and the mode is the tape's
/// (the lesson takes it from <c>torch.is_grad_enabled()</c>, so nobody can look at training statistics without
/// gradients).
/// </remarks>
internal sealed class ScratchBatchNorm : Module, IInitializable
{
    private const double Eps = 1e-5;

    /// <summary>The lesson's momentum: the weight of the old value.</summary>
    private const double Keep = 0.9;

    private readonly bool _scalar;

    /// <param name="channels">C.</param>
    /// <param name="isSpatial">True for (N, C, H, W), false for (N, C).</param>
    /// <param name="scalar">The lesson's class as printed: one gamma and one beta for all channels, and a moving
    /// variance that begins at 0.</param>
    public ScratchBatchNorm(int channels, bool isSpatial, bool scalar = false)
    {
        Shape moments = isSpatial ? [1, channels, 1, 1] : [1, channels];
        Shape affine = scalar ? [1] : moments;
        _scalar = scalar;
        Gamma = Register("gamma", Tensor.Ones(affine), ParameterRole.NormScale);
        Beta = Register("beta", Tensor.Zeros(affine), ParameterRole.NormShift);
        MovingMean = RegisterBuffer("moving_mean", Tensor.Zeros(moments), range: StateRange.Finite);
        MovingVariance = RegisterBuffer("moving_var", Tensor.Full(moments, scalar ? 0 : 1), range: StateRange.Variance);
    }

    public Parameter Gamma { get; }

    public Parameter Beta { get; }

    public StateBuffer MovingMean { get; }

    public StateBuffer MovingVariance { get; }

    public void SetStartValues(Init init, IRandomStream random)
    {
        Gamma.Value.Fill(1);
        Beta.Value.Fill(0);
        MovingMean.Value.Fill(0);
        MovingVariance.Value.Fill(_scalar ? 0 : 1);
    }

    protected override Tensor ForwardCore(Tensor x)
    {
        if (x.Tape is not { Mode: Mode.Train }) return (x - MovingMean.Value) / (MovingVariance.Value + Eps)
            .Sqrt() * Gamma + Beta;
        Tensor mean = x.Shape.Rank == 2 ? x.Mean([0], keepDims: true) : x.Mean([0, 2, 3], keepDims: true);
        Tensor centered = x - mean;
        Tensor squares = centered * centered;
        Tensor variance = x.Shape.Rank == 2 ? squares.Mean([0], keepDims: true)
            : squares.Mean([0, 2, 3], keepDims: true);
        Follow(MovingMean.Value, mean);
        Follow(MovingVariance.Value, variance);
        return centered / (variance + Eps).Sqrt() * Gamma + Beta;
    }

    private static void Follow(Tensor moving, Tensor batch)
    {
        if (moving.DType == DType.Float64) Follow<double>(moving, batch);
        else Follow<float>(moving, batch);
    }

    private static void Follow<T>(Tensor moving, Tensor batch) where T : unmanaged, INumber<T>
    {
        T keep = T.CreateTruncating(Keep);
        Span<T> old = moving.AsSpan<T>();
        ReadOnlySpan<T> now = batch.AsSpan<T>();
        for (int c = 0; c < old.Length; c++) old[c] = (keep * old[c]) + ((T.One - keep) * now[c]);
    }
}
