using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// (..., C·r², H, W) as (..., C, H·r, W·r): each r² channels become the r by r values of one place (Shi et al.
    /// 2016). y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w]. The result is a copy.
    /// </summary>
    /// <param name="upscaleFactor">r, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is below 1.</exception>
    /// <exception cref="ArgumentException">
    /// There are fewer than three dimensions, or the channels are no multiple of r².
    /// </exception>
    public Tensor PixelShuffle(int upscaleFactor) => PixelShuffleOp.Apply(this, upscaleFactor);
}

/// <summary>The values of y are those of x in another order, so dx is dy in the order of x.</summary>
internal sealed unsafe class PixelShuffleOp : Op
{
    private Tensor _x = null!;
    private int _groups, _factor;

    /// <inheritdoc/>
    public override string Name => "PixelShuffle";

    public static Tensor Apply(Tensor x, int upscaleFactor)
    {
        PixelShuffling.CheckFactor(upscaleFactor);
        long square = (long)upscaleFactor * upscaleFactor;
        int rank = x.Shape.Rank;
        if (rank < 3 || x.Shape[-3] % square != 0)
        {
            throw new ArgumentException(
                $"PixelShuffle: expected (..., C·{square}, H, W), got {x.Shape}. The channels are a multiple of the "
                + "factor's square.", nameof(upscaleFactor));
        }

        if (x.DType == DType.Int64)
            return Apply(x.Reinterpret(DType.Float64), upscaleFactor).Reinterpret(DType.Int64);
        Tape? tape = Join("PixelShuffle", ref x);
        int r = upscaleFactor, channels = (int)(x.Shape[-3] / square);
        PixelShuffleOp op = Rent<PixelShuffleOp>(tape);
        (op._x, op._groups, op._factor) = (x, channels, r);
        for (int i = 0; i < rank - 3; i++) op._groups *= x.Shape[i];
        op.Bind(x.Shape.With(-3, channels).With(-2, x.Shape[-2] * r).With(-1, x.Shape[-1] * r), x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("factor", _factor);

    /// <inheritdoc/>
    protected override void Forward<T>() => PixelRows.Run(
        _x.Pointer<T>(), Output.Pointer<T>(), _groups, _factor, _x.Shape[-2], _x.Shape[-1], back: false);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        PixelRows.Run(dx.Pointer<T>(), Dy.Pointer<T>(), _groups, _factor, dx.Shape[-2], dx.Shape[-1], back: true);
        Close<T>(_x, dx);
    }
}

/// <summary>The check that the op and its layer share.</summary>
internal static class PixelShuffling
{
    public static void CheckFactor(int upscaleFactor)
    {
        if (upscaleFactor >= 1) return;
        throw new ArgumentOutOfRangeException(
            nameof(upscaleFactor), $"PixelShuffle: expected a factor of 1 or more, got {upscaleFactor}.");
    }
}
