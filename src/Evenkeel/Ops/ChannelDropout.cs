using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Dropout of whole channels. On a tape in <see cref="Mode.Train"/> each plane of (N, C, H, W), or row of (N, C,
    /// L), is set to 0 with probability p, and multiplied by 1/(1 - p) otherwise. In <see cref="Mode.Eval"/> and
    /// without a tape the tensor itself is returned. If p is 1, the result is 0, whatever the input is.
    /// </summary>
    /// <param name="probability">p, from 0 to 1.</param>
    /// <remarks>
    /// Neighbouring values of a feature map are similar, so <see cref="Dropout"/> removes almost no information there
    /// (Tompson et al. 2015). The random numbers are seeded as in <see cref="Dropout"/>.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">p is outside [0, 1].</exception>
    /// <exception cref="ArgumentException">The input has another rank.</exception>
    public Tensor Dropout2d(double probability = 0.5)
    {
        if (!(probability >= 0 && probability <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(probability), $"Dropout2d: expected a probability from 0 to 1, got {probability}.");
        }

        ChannelDropoutOp.Check(this);
        return Tape is { Mode: Mode.Train } && probability > 0 ? ChannelDropoutOp.Apply(this, probability) : this;
    }
}

/// <summary>y[n,c,...] = x[n,c,...]·mask[n,c], mask = 0 or 1/(1 - p); dx = dy·mask.</summary>
internal sealed unsafe class ChannelDropoutOp : Op
{
    private Tensor _x = null!;
    private Tensor _mask = null!;
    private double _probability;
    private ulong _seed, _draw;

    /// <inheritdoc/>
    public override string Name => "Dropout2d";

    public static void Check(Tensor x)
    {
        if (x.Shape.Rank is not (3 or 4))
        {
            throw new ArgumentException($"Dropout2d: expected (N, C, H, W) or (N, C, L), got {x.Shape}. "
                + "Use Dropout for values that are not in channels.", nameof(x));
        }
    }

    public static Tensor Apply(Tensor x, double probability)
    {
        Tape tape = Join("Dropout2d", ref x)!;
        ulong draw = tape.NextDraw();
        ChannelDropoutOp op = Rent<ChannelDropoutOp>(tape);
        (op._x, op._probability, op._seed, op._draw) = (x, probability, tape.Seed, draw);
        op._mask = op.NewTensor([x.Shape[0] * x.Shape[1], 1], x.DType);
        op.Bind(x.Shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _mask = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        if (_probability == 1)
        {
            Output.Fill(0);
            return;
        }

        DropoutMask.Fill(_mask.Pointer<T>(), _mask.Count,
            _seed, _draw, (ulong)(_probability * 4294967296.0), T.CreateTruncating(1 / (1 - _probability)));
        Mask(_x.Pointer<T>(), Output.Pointer<T>());
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        if (_probability == 1) dx.Fill(0);
        else Mask(Dy.Pointer<T>(), dx.Pointer<T>());
        Close<T>(_x, dx);
    }

    private void Mask<T>(T* from, T* to) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (_x.Count == 0) return;
        int planes = _mask.Count;
        ReadOnlySpan<int> values = [planes, _x.Count / planes], masks = [planes, 1];
        BroadcastPlan plan = BroadcastPlan.Create(values, values, masks, masks);
        T* mask = _mask.Pointer<T>();
        Map.Broadcast(plan, from, mask, mask, to, default(DropoutOp.Masked<T>));
    }
}
