using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Root mean square normalization over the trailing dimensions: y = gamma·x/sqrt(mean(x²) + eps), the mean of each
/// sample's own values. Layer norm without the mean and without beta.
/// </summary>
/// <remarks>
/// <para>Input: (*, normalizedShape); output: the same shape. No running statistics: train and eval are the same, and a
/// batch of one is fine.</para>
/// <para>State-dict key: <c>weight</c> (gamma), of the normalized shape.</para>
/// <para>Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019; semantics of PyTorch's
/// <c>torch.nn.RMSNorm</c>.</para>
/// </remarks>
public sealed class RMSNorm : Module, IFusesReLU, IInitializable, INormalization
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="normalizedShape">
    /// The trailing dimensions that are normalized together, for example <c>[768]</c> or <c>[6, 3, 4]</c>.
    /// </param>
    /// <param name="eps">
    /// Added to the mean square; 0 or more. Null uses the machine epsilon of the input's type, 2^-23 for float32 and
    /// 2^-52 for float64 (Keras and Flax use 1e-6).
    /// </param>
    /// <param name="elementwiseAffine">Whether gamma is learned; without it it is 1.</param>
    /// <exception cref="ArgumentException">An empty normalized shape, or one with a zero.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A negative or NaN eps.</exception>
    public RMSNorm(Shape normalizedShape, double? eps = null, bool elementwiseAffine = true)
    {
        if (normalizedShape.Rank == 0)
        {
            throw new ArgumentException(
                "RMSNorm: expected the trailing dimensions to normalize, got none. Pass for example [768].",
                nameof(normalizedShape));
        }

        NormChecks.Features("RMSNorm", normalizedShape.Count);
        if (eps is { } added) NormChecks.Eps("RMSNorm", added);
        NormalizedShape = normalizedShape;
        Eps = eps;
        if (elementwiseAffine) Weight = Register("weight", Tensor.Ones(normalizedShape), ParameterRole.NormScale);
    }

    /// <summary>Creates the layer for vectors of <paramref name="features"/> values.</summary>
    /// <param name="features">Size of the last dimension.</param>
    /// <param name="eps">
    /// Added to the mean square; 0 or more. Null uses the machine epsilon of the input's type.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">No features, or a negative or NaN eps.</exception>
    public RMSNorm(int features, double? eps = null)
        : this(Positive(features), eps)
    {
    }

    /// <summary>The trailing dimensions that are normalized together.</summary>
    public Shape NormalizedShape { get; }

    /// <summary>What is added to the mean square; null for the machine epsilon of the input's type.</summary>
    public double? Eps { get; }

    /// <summary>gamma, of the normalized shape, 1 at first; null with <c>elementwiseAffine: false</c>.</summary>
    public Parameter? Weight { get; }

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString()
    {
        string shape = string.Join(", ", NormalizedShape.ToArray());
        return $"RMSNorm(({shape}{(NormalizedShape.Rank == 1 ? "," : "")}), "
            + $"eps={(Eps is { } eps ? PythonNumber.Format(eps) : "None")}, "
            + $"elementwise_affine={PythonNumber.Format(Weight is not null)})";
    }

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => x.FusedRMSNorm(NormalizedShape, Weight, Eps, fuseReLU: true);

    /// <summary>Whatever the scheme is, gamma becomes 1.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random) => Weight?.Value.Fill(1);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.RMSNorm(NormalizedShape, Weight, Eps);

    private static Shape Positive(int features)
    {
        NormChecks.Features("RMSNorm", features);
        return [features];
    }
}
