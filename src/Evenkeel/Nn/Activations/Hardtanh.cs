namespace Evenkeel.Nn;

/// <summary>
/// y = min(max(x, min), max), for tensors of any shape. The derivative is 0 at both limits. Source: torch.nn.Hardtanh.
/// </summary>
public sealed class Hardtanh : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="minVal">The lower limit.</param>
    /// <param name="maxVal">The upper limit, at least the lower one.</param>
    /// <exception cref="ArgumentException">The lower limit is above the upper one, or one of them is NaN.</exception>
    public Hardtanh(double minVal = -1, double maxVal = 1)
    {
        HardtanhOp.CheckLimits("Hardtanh", minVal, maxVal);
        MinVal = minVal;
        MaxVal = maxVal;
    }

    /// <summary>The lower limit.</summary>
    public double MinVal { get; }

    /// <summary>The upper limit.</summary>
    public double MaxVal { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Hardtanh(MinVal, MaxVal);

    /// <inheritdoc/>
    public override string ToString() =>
        $"Hardtanh(min_val={PythonNumber.Format(MinVal)}, max_val={PythonNumber.Format(MaxVal)})";
}
