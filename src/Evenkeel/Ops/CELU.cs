namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x if x &gt; 0, else alpha·(e^(x/alpha) - 1), element by element (Barron 2017). For alpha above 0 the derivative
    /// has no jump: at 0 it is 1.
    /// </summary>
    /// <param name="alpha">The negative limit is -alpha; not 0. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">alpha is 0 or not finite.</exception>
    public Tensor CELU(double alpha = 1) => CELUOp.Apply(this, alpha);
}

/// <summary><see cref="ELUOp"/> with p = alpha and q = 1/alpha.</summary>
internal sealed class CELUOp : UnaryElementwise<ELUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "CELU";

    public static Tensor Apply(Tensor x, double alpha)
    {
        CheckAlpha(alpha);
        return Apply<CELUOp>("CELU", x, alpha, 1 / alpha);
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("alpha", P);

    /// <summary>Checks the limit. The layer's constructor calls it too.</summary>
    public static void CheckAlpha(double alpha)
    {
        if (double.IsFinite(alpha) && alpha != 0) return;
        throw new ArgumentOutOfRangeException(
            nameof(alpha), $"CELU: expected a finite alpha other than 0, got {alpha}. It divides x.");
    }
}
