namespace Evenkeel.Nn;

/// <summary>
/// y = ln(1 + e^(beta·x))/beta, and y = x where beta·x is above the threshold, for tensors of any shape. Source:
/// torch.nn.Softplus.
/// </summary>
public sealed class Softplus : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="beta">How sharp the bend is; not 0.</param>
    /// <param name="threshold">Above it y is x. Infinity is none.</param>
    /// <exception cref="ArgumentOutOfRangeException">beta is 0 or not finite, or the threshold is NaN.</exception>
    public Softplus(double beta = 1, double threshold = 20)
    {
        SoftplusOp.Check(beta, threshold);
        Beta = beta;
        Threshold = threshold;
    }

    /// <summary>How sharp the bend is.</summary>
    public double Beta { get; }

    /// <summary>Where beta·x is above it, y is x.</summary>
    public double Threshold { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Softplus(Beta, Threshold);

    /// <inheritdoc/>
    public override string ToString() =>
        $"Softplus(beta={PythonNumber.Format(Beta)}, threshold={PythonNumber.Format(Threshold)})";
}
