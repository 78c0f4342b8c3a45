using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Each value is divided by a power of the squares around it, across channels:
    /// y[c] = x[c]/d[c]^beta, d[c] = k + (alpha/size)·Σ x[c']². c' runs over the size channels around c. The input is
    /// (N, C, ...).
    /// </summary>
    /// <param name="size">
    /// Channels per window: size/2 of them (rounded down) before c, the others from c on. Places outside the channels
    /// add nothing.
    /// </param>
    /// <param name="alpha">Weight of the mean square.</param>
    /// <param name="beta">The power.</param>
    /// <param name="k">The constant added to the mean square.</param>
    /// <remarks>
    /// Source: Krizhevsky, Sutskever and Hinton 2012. As in torch.nn.functional.local_response_norm, alpha is divided
    /// by the size.
    /// </remarks>
    /// <exception cref="ArgumentException">The tensor has fewer than three dimensions.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1, or a constant is not finite.</exception>
    public Tensor LocalResponseNorm(int size, double alpha = 1e-4, double beta = 0.75, double k = 1)
    {
        LocalResponseNormOp.Check(size, alpha, beta, k);
        return LocalResponseNormOp.Apply(this, size, alpha, beta, k);
    }
}

/// <summary>y_c = x_c·d_c^-β, d_c = k + (α/n)·Σ_{j in window(c)} x_j².</summary>
/// <remarks>
/// ∂y_c/∂x_j = [c = j]·d_c^-β - β·x_c·d_c^(-β-1)·(α/n)·2x_j for j in window(c), so
/// dx_j = dy_j·d_j^-β - (2αβ/n)·x_j·Σ_{c: j in window(c)} dy_c·y_c/d_c.
/// The channels c whose windows hold j are the mirrored window: a window reaches back some channels before c, so the
/// mirrored one reaches as many behind j. The forward pass keeps d.
/// </remarks>
internal sealed unsafe class LocalResponseNormOp : Op
{
    private Tensor _x = null!;
    private Tensor _d = null!;
    private int _size;
    private double _alpha, _beta, _k;

    /// <inheritdoc/>
    public override string Name => "LocalResponseNorm";

    public static Tensor Apply(Tensor x, int size, double alpha, double beta, double k)
    {
        Tape? tape = Join("LocalResponseNorm", ref x);
        if (x.Shape.Rank < 3)
        {
            throw new ArgumentException(
                $"LocalResponseNorm: expected (N, C, ...) with at least one more dimension, got {x.Shape}. "
                + $"Add dimensions of size 1 with Reshape.",
                nameof(x));
        }

        LocalResponseNormOp op = Rent<LocalResponseNormOp>(tape);
        (op._x, op._size, op._alpha, op._beta, op._k) = (x, size, alpha, beta, k);
        op._d = op.NewTensor(x.Shape, x.DType);
        op.Bind(x.Shape, x.DType, x);
        return op.Execute();
    }

    /// <summary>Checks the settings. The layer's constructor calls it too.</summary>
    public static void Check(int size, double alpha, double beta, double k)
    {
        if (size < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(size), $"LocalResponseNorm: expected a window of 1 or more channels, got {size}.");
        }

        if (!double.IsFinite(alpha) || !double.IsFinite(beta) || !double.IsFinite(k))
        {
            throw new ArgumentOutOfRangeException(nameof(alpha),
                $"LocalResponseNorm: expected finite constants, got alpha {alpha}, beta {beta} and k {k}.");
        }
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _d = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("size", _size);
        settings.Set("alpha", _alpha);
        settings.Set("beta", _beta);
        settings.Set("k", _k);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() =>
        ResponseNorm.Forward(_x.Pointer<T>(), _d.Pointer<T>(), Output.Pointer<T>(), Walk, _beta, _k);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        Tensor products = NewTensor(_x.Shape, _x.DType);
        ResponseNorm.Backward(_x.Pointer<T>(), _d.Pointer<T>(),
            Output.Pointer<T>(), Dy.Pointer<T>(), products.Pointer<T>(), dx.Pointer<T>(), Walk, _beta, _k);
        Close<T>(_x, dx);
    }

    private ChannelWindows Walk
    {
        get
        {
            int samples = _x.Shape[0], channels = _x.Shape[1];
            return new ChannelWindows(samples, channels,
                _x.Count == 0 ? 0 : _x.Count / samples / channels, _size / 2, (_size - 1) / 2, _alpha / _size);
        }
    }
}
