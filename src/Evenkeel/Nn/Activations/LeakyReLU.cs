namespace Evenkeel.Nn;

/// <summary>y = x for x &gt; 0, slope·x elsewhere, for tensors of any shape. Source: torch.nn.LeakyReLU.</summary>
public sealed class LeakyReLU : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="negativeSlope">The slope for negative x.</param>
    /// <exception cref="ArgumentOutOfRangeException">The slope is not finite.</exception>
    public LeakyReLU(double negativeSlope = 0.01)
    {
        if (!double.IsFinite(negativeSlope))
        {
            throw new ArgumentOutOfRangeException(
                nameof(negativeSlope), $"LeakyReLU: expected a finite slope, got {negativeSlope}.");
        }

        NegativeSlope = negativeSlope;
    }

    /// <summary>The slope for negative x.</summary>
    public double NegativeSlope { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.LeakyReLU(NegativeSlope);

    /// <inheritdoc/>
    public override string ToString() => $"LeakyReLU(negative_slope={PythonNumber.Format(NegativeSlope)})";
}
