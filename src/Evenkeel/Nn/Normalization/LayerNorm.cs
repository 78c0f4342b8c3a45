using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Layer normalization over the trailing dimensions: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and (biased)
/// variance of each sample's own values.
/// </summary>
/// <remarks>
/// <para>Input: (*, normalizedShape); output: the same shape. No running statistics: train and eval are the same, and a
/// batch of one is fine.</para>
/// <para>State-dict keys: <c>weight</c> (gamma) and <c>bias</c> (beta), of the normalized shape.</para>
/// <para>Source: Ba, Kiros and Hinton, "Layer Normalization", 2016; semantics of PyTorch's
/// <c>torch.nn.LayerNorm</c>.</para>
/// </remarks>
public sealed class LayerNorm : Module, IFusesReLU, IInitializable, INormalization
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="normalizedShape">
    /// The trailing dimensions that are normalized together, for example <c>[768]</c> or <c>[6, 3, 4]</c>.
    /// </param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="elementwiseAffine">Whether gamma and beta are learned; without them they are 1 and 0.</param>
    /// <param name="bias">Whether beta is learned, if <paramref name="elementwiseAffine"/> is true.</param>
    /// <exception cref="ArgumentException">An empty normalized shape, or one with a zero.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A negative or NaN eps.</exception>
    public LayerNorm(Shape normalizedShape, double eps = 1e-5, bool elementwiseAffine = true, bool bias = true)
    {
        if (normalizedShape.Rank == 0)
        {
            throw new ArgumentException(
                "LayerNorm: expected the trailing dimensions to normalize, got none. Pass for example [768].",
                nameof(normalizedShape));
        }

        NormChecks.Features("LayerNorm", normalizedShape.Count);
        NormChecks.Eps("LayerNorm", eps);
        NormalizedShape = normalizedShape;
        Eps = eps;
        if (!elementwiseAffine) return;
        Weight = Register("weight", Tensor.Ones(normalizedShape), ParameterRole.NormScale);
        if (bias) Bias = Register("bias", Tensor.Zeros(normalizedShape), ParameterRole.NormShift);
    }

    /// <summary>Creates the layer for vectors of <paramref name="features"/> values.</summary>
    /// <param name="features">Size of the last dimension.</param>
    /// <param name="eps">Added to the variance; 0 or more. Default: 1e-5.</param>
    /// <param name="elementwiseAffine">Whether gamma and beta are learned. Default: true.</param>
    /// <param name="bias">Whether beta is learned, if gamma is. Default: true.</param>
    public LayerNorm(int features, double eps = 1e-5, bool elementwiseAffine = true, bool bias = true)
        : this(Positive(features), eps, elementwiseAffine, bias)
    {
    }

    /// <summary>The trailing dimensions that are normalized together.</summary>
    public Shape NormalizedShape { get; }

    /// <summary>The value that is added to the variance.</summary>
    public double Eps { get; }

    /// <summary>gamma, of the normalized shape, 1 at first; null with <c>elementwiseAffine: false</c>.</summary>
    public Parameter? Weight { get; }

    /// <summary>beta, of the normalized shape, 0 at first; null if there is none.</summary>
    public Parameter? Bias { get; }

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString()
    {
        string shape = string.Join(", ", NormalizedShape.ToArray());
        return $"LayerNorm(({shape}{(NormalizedShape.Rank == 1 ? "," : "")}), eps={PythonNumber.Format(Eps)}, "
            + $"elementwise_affine={PythonNumber.Format(Weight is not null)})";
    }

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => x.FusedLayerNorm(NormalizedShape, Weight, Bias, Eps, fuseReLU: true);

    /// <summary>Whatever the scheme is, gamma becomes 1 and beta 0.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random)
    {
        Weight?.Value.Fill(1);
        Bias?.Value.Fill(0);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.LayerNorm(NormalizedShape, Weight, Bias, Eps);

    private static Shape Positive(int features)
    {
        NormChecks.Features("LayerNorm", features);
        return [features];
    }
}
