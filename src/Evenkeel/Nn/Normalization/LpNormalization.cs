namespace Evenkeel.Nn;

/// <summary>
/// Normalization to length 1: y = x / max(‖x‖, eps), ‖x‖ = (Σ|x|ᵖ)^(1/p) along one dimension.
/// </summary>
/// <remarks>
/// <para>Input: any shape with that dimension; output: the same shape. Nothing is learned, and train and eval are the
/// same.</para>
/// <para>Source: PyTorch's <c>torch.nn.functional.normalize</c>; the name is that of ONNX's operator.</para>
/// </remarks>
public sealed class LpNormalization : Module, INormalization
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="p">The exponent of the norm, above 0; infinity takes the largest magnitude.</param>
    /// <param name="dim">The dimension along which the norm is taken; negative ones count from the end.</param>
    /// <param name="eps">The smallest divisor; 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">p or eps is out of its range.</exception>
    public LpNormalization(double p = 2, int dim = 1, double eps = 1e-12)
    {
        NormalizeOp.CheckP("LpNormalization", p);
        NormalizeOp.CheckEps("LpNormalization", eps);
        (P, Dim, Eps) = (p, dim, eps);
    }

    /// <summary>The exponent of the norm.</summary>
    public double P { get; }

    /// <summary>The dimension along which the norm is taken.</summary>
    public int Dim { get; }

    /// <summary>The smallest divisor.</summary>
    public double Eps { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"LpNormalization(p={PythonNumber.Format(P)}, dim={Dim}, eps={PythonNumber.Format(Eps)})";

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Normalize([Dim], P, Eps);
}
