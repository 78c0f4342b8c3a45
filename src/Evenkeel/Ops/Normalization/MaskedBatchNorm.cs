using System.Numerics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Batch normalization whose statistics leave positions out: mean = Σw·x/m, var = Σw·(x-mean)²/m with m = Σw, w the mask; y = gamma·(x - mean)/sqrt(var + eps) + beta at all positions.
    /// </summary>
    /// <param name="mask">0 or 1 for each position: the input's shape with 1 for the channels, (N, 1) or (N, 1, ...). It is plain data, outside any tape.</param>
    /// <param name="gamma">Scale, one value a channel; null means 1.</param>
    /// <param name="beta">Shift, one value a channel; null means 0.</param>
    /// <param name="running">Statistics that follow the batches and that eval mode uses; null where there are none.</param>
    /// <param name="eps">Added to the variance. With 0 a channel that is constant under the mask gives NaN.</param>
    /// <param name="training">As in <see cref="BatchNorm"/>. With the running statistics the mask changes nothing.</param>
    /// <param name="singleValue">What one value per channel is.</param>
    /// <exception cref="ArgumentException">Wrong rank or shape, a mask with other values or without a 1, one value per channel where that is an error, or no running statistics where they are needed.</exception>
    /// <remarks>Composed of elementwise operations and sums, which derive its gradient. Values where the mask is 0 must be finite, for 0·NaN is NaN. Source: the mask of Keras' and Flax' layers.</remarks>
    public Tensor MaskedBatchNorm(
        Tensor mask, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null, SingleValue singleValue = SingleValue.Error)
    {
        const string name = "MaskedBatchNorm";
        ArgumentNullException.ThrowIfNull(mask);
        NormChecks.Eps(name, eps);
        NormChecks.Batch(name, this);
        NormChecks.PerChannel(name, this, gamma, beta, running);
        if (mask.Shape != Shape.With(1, 1))
            throw new ArgumentException($"{name}: expected a mask of shape {Shape.With(1, 1)} for an input of shape {Shape}, got {mask.Shape}.");
        double m = MaskedStatistics.CountOnes(name, mask);
        if (!RunningStatistics.FromBatch(name, Tape, running, training) || Count == 0) return BatchNorm(gamma, beta, running, eps, training: training, singleValue: singleValue);
        if (m == 0)
            throw new ArgumentException($"{name}: expected a mask with at least one 1, got none of {mask.Count}; there is nothing to take statistics of. Drop the batch.");
        if (m == 1 && singleValue == SingleValue.Error)
            throw new ArgumentException($"{name}: expected more than one value per channel under the mask, got exactly one; one value has no spread (the output would be beta whatever the input). Use a larger batch, run in Mode.Eval, or take a convention that allows it.");
        if (Tape is { PoolsBatchStatistics: true, Collective.Size: > 1 })
            throw new ArgumentException($"{name}: expected a pass on its own, got a tape that pools batch statistics; statistics under a mask are not pooled. Leave the mask out, or run the whole batch in one pass.");
        Span<int> axes = stackalloc int[Shape.Rank - 1];
        for (int i = 1; i < axes.Length; i++) axes[i] = i + 1;
        Tensor weights = MaskedStatistics.Weights(mask, Tape, DType);
        Tensor mean = (this * weights).Sum(axes, keepDims: true) / m;
        Tensor centered = this - mean;
        Tensor variance = (centered * centered * weights).Sum(axes, keepDims: true) / m;
        if (running is not null) MaskedStatistics.Follow(running, mean, variance, m);
        Tensor y = centered / (variance + eps).Sqrt();
        if (gamma is not null) y *= GraphNorms.PerChannel(this, gamma)!;
        return beta is null ? y : y + GraphNorms.PerChannel(this, beta)!;
    }
}

/// <summary>Running statistics that follow a mean and a variance computed by other ops. The result is a scalar that nobody reads; the op is there so that <see cref="Tape.Reject"/> takes the update back.</summary>
internal sealed unsafe class MaskedStatistics : Op
{
    private RunningStatistics _running = null!;
    private Tensor _mean = null!;
    private Tensor _variance = null!;
    private Tensor _moments = null!;
    private Tensor? _previous;
    private double _m;
    private bool _updated;

    public override string Name => "MaskedBatchNorm";

    /// <summary>The number of ones in a mask.</summary>
    /// <exception cref="ArgumentException">A value is neither 0 nor 1.</exception>
    public static double CountOnes(string op, Tensor mask) => mask.DType switch
    {
        DType.Float32 => CountOnes(op, mask.AsSpan<float>()),
        DType.Float64 => CountOnes(op, mask.AsSpan<double>()),
        _ => CountOnes(op, mask.AsSpan<long>()),
    };

    private static double CountOnes<T>(string op, ReadOnlySpan<T> values) where T : INumberBase<T>
    {
        long ones = 0;
        foreach (T value in values)
        {
            if (T.IsZero(value)) continue;
            if (value != T.One) throw new ArgumentException($"{op}: expected a mask of zeros and ones, got {value}. 1 marks the positions that count.");
            ones++;
        }

        return ones;
    }

    /// <summary>A mask as numbers of the input's type, on its tape.</summary>
    public static Tensor Weights(Tensor mask, Tape? tape, DType dtype)
    {
        Tensor weights = tape is null ? Tensor.Empty(mask.Shape, dtype) : tape.NewTensor(mask.Shape, dtype);
        switch (mask.DType)
        {
            case DType.Float32: Convert(mask.AsSpan<float>(), weights); break;
            case DType.Float64: Convert(mask.AsSpan<double>(), weights); break;
            default: Convert(mask.AsSpan<long>(), weights); break;
        }

        return weights;
    }

    private static void Convert<T>(ReadOnlySpan<T> mask, Tensor weights) where T : INumberBase<T>
    {
        if (weights.DType == DType.Float64)
        {
            Span<double> to = weights.AsSpan<double>();
            for (int i = 0; i < to.Length; i++) to[i] = T.IsZero(mask[i]) ? 0 : 1;
        }
        else
        {
            Span<float> to = weights.AsSpan<float>();
            for (int i = 0; i < to.Length; i++) to[i] = T.IsZero(mask[i]) ? 0 : 1;
        }
    }

    public static void Follow(RunningStatistics running, Tensor mean, Tensor variance, double m)
    {
        Tape? tape = Join("MaskedBatchNorm", ref mean);
        MaskedStatistics op = Rent<MaskedStatistics>(tape);
        (op._running, op._mean, op._variance, op._m) = (running, mean, variance, m);
        op.BindAll([], mean.DType, []);
        op._moments = op.NewTensor([3, mean.Count], DType.Float64);
        op._previous = tape is null ? null : op.NewTensor([2, mean.Count], mean.DType);
        op.Execute();
    }

    public override void Recycle()
    {
        base.Recycle();
        (_running, _mean, _variance, _moments, _previous, _updated) = (null!, null!, null!, null!, null, false);
    }

    public override void Undo()
    {
        if (_previous is null || !_updated) return;
        if (_previous.DType == DType.Float64) _running.Restore(_previous.Pointer<double>(), 1);
        else _running.Restore(_previous.Pointer<float>(), 1);
        _updated = false;
    }

    protected override void Forward<T>()
    {
        int channels = _mean.Count;
        double* moments = _moments.Pointer<double>();
        for (int c = 0; c < channels; c++)
        {
            moments[c] = double.CreateTruncating(_mean.Pointer<T>()[c]);
            moments[channels + c] = 0;
            moments[2 * channels + c] = double.CreateTruncating(_variance.Pointer<T>()[c]);
        }

        _updated = _running.Update(moments, channels, _m, _previous is null ? null : _previous.Pointer<T>());
        Output.Fill(0);
    }

    protected override void Backward<T>()
    {
    }
}
