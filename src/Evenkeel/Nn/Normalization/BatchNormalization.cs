namespace Evenkeel.Nn;

/// <summary>
/// Batch normalization of any rank and any channel axis, in a library's convention (the name is that of Keras and
/// ONNX): y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and variance over all dimensions but the channels'.
/// </summary>
/// <remarks>
/// <para>The channel axis costs nothing: (N, H, W, C) is (N·H·W, C) in memory, and any other axis is a reshape to
/// (before, C, after). Nothing is transposed.</para>
/// <para><c>Forward(x, mask)</c> takes a mask, as Keras and Flax have it: 0 or 1 for each position, the input's shape
/// without the channel axis, (N, L) for (N, L, C). In training only the positions whose mask is 1 count in the
/// statistics; a value that the mask leaves out does not reach them even if it is NaN. All positions are normalized,
/// the masked ones too, and in eval the mask changes nothing. A mask of another shape, with other values or without a 1
/// is an <see cref="ArgumentException"/>, and so is one with a single 1 if the convention says that one value per
/// channel is an error. Keras adds 1e-7 to the count of ones; here it is exact, as in Flax.</para>
/// <para>Modes, running statistics, state-dict keys and source: see <see cref="BatchNorm"/>; the conventions:
/// <see cref="NormConvention"/>.</para>
/// </remarks>
/// <example><c>new BatchNormalization(16, NormConvention.Keras)</c> is <c>keras.layers.BatchNormalization()</c> on
/// inputs (N, ..., 16).</example>
public sealed class BatchNormalization : BatchNorm, ITwoInputs
{
    /// <summary>Creates the layer.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="convention">The library whose batch norm it is.</param>
    /// <param name="useScale">
    /// Whether gamma is learned, which is the default; without it it is 1 (<c>scale</c> in Keras, <c>use_scale</c> in
    /// Flax).
    /// </param>
    /// <param name="useBias">
    /// Whether beta is learned, which is the default; without it it is 0 (<c>center</c> in Keras, <c>use_bias</c> in
    /// Flax).
    /// </param>
    /// <param name="trackRunningStats">
    /// Whether running statistics are kept, which is the default; without them the batch's own are used in every mode.
    /// </param>
    /// <exception cref="ArgumentNullException">No convention.</exception>
    /// <exception cref="ArgumentOutOfRangeException">No features, or a negative or NaN eps.</exception>
    public BatchNormalization(int numFeatures, NormConvention convention, bool useScale = true, bool useBias = true,
        bool trackRunningStats = true)
        : base(dimensions: null, numFeatures, convention, useScale, useBias, trackRunningStats)
    {
    }

    internal BatchNormalization(BatchNorm source, ModuleCopier copier)
        : base(source, source.Convention, source.Form with { SpansGroup = false }, copier)
    {
    }

    /// <summary>Runs the layer with statistics of the positions whose mask is 1, then its hooks.</summary>
    /// <param name="x">The input.</param>
    /// <param name="second">The mask: 0 or 1 for each position, the input's shape without the channel axis.</param>
    public Tensor Forward(Tensor x, Tensor second)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(second);
        return Shown(x, Normalize(x, mask: second));
    }
}
