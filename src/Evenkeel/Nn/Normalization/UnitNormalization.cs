namespace Evenkeel.Nn;

/// <summary>
/// Normalization to unit length over one or more dimensions together: y = x / sqrt(max(Σx², 1e-12)).
/// </summary>
/// <remarks>
/// <para>Input: any shape with those dimensions; output: the same shape. Nothing is learned, and train and eval are the
/// same. It is <see cref="LpNormalization"/> with p = 2 and eps = 1e-6.</para>
/// <para>Source: Keras' <c>UnitNormalization</c>.</para>
/// </remarks>
public sealed class UnitNormalization : Module, INormalization
{
    /// <summary>The root of Keras' 1e-12, which is compared with the sum of squares.</summary>
    private const double Eps = 1e-6;

    private readonly int[] _axes;

    /// <summary>Creates the layer with Keras' argument.</summary>
    /// <param name="axis">
    /// The dimensions whose values get length 1 together; negative ones count from the end. None is the last one.
    /// </param>
    /// <exception cref="ArgumentException">A dimension is given twice.</exception>
    public UnitNormalization(params ReadOnlySpan<int> axis)
    {
        _axes = axis.IsEmpty ? [-1] : axis.ToArray();
        if (_axes.Distinct().Count() == _axes.Length) return;
        throw new ArgumentException(
            $"UnitNormalization: expected each dimension once, got {string.Join(", ", _axes)}. Name it once.",
            nameof(axis));
    }

    /// <summary>The dimensions whose values get length 1 together.</summary>
    public IReadOnlyList<int> Axis => _axes;

    /// <inheritdoc/>
    public override string ToString() => $"UnitNormalization(axis=({string.Join(", ", _axes)}))";

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Normalize(_axes, p: 2, Eps);
}
