using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Fully connected layer, y = x·Wᵀ + b, with x (N, in), W (out, in), b (out), y (N, out). Source: torch.nn.Linear.
/// </summary>
public sealed class Linear : Module
{
    /// <summary>
    /// Creates the layer with PyTorch's default start values, U(±1/√in) for the weight, then the bias.
    /// </summary>
    /// <param name="inFeatures">Size of an input row.</param>
    /// <param name="outFeatures">Size of an output row.</param>
    /// <param name="bias">False if a normalization layer follows: it removes the bias again.</param>
    /// <param name="random">
    /// The stream of the start values. Null: a stream of the layer's own, which depends on the order in which layers
    /// are made in the process.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Linear(int inFeatures, int outFeatures, bool bias = true, IRandomStream? random = null)
    {
        if (inFeatures < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(inFeatures), $"Linear: expected 1 or more input features, got {inFeatures}.");
        }

        if (outFeatures < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(outFeatures), $"Linear: expected 1 or more output features, got {outFeatures}.");
        }

        random ??= DefaultStreams.Next();
        InFeatures = inFeatures;
        OutFeatures = outFeatures;
        Weight = Register("weight", Init.Default.Create([outFeatures, inFeatures], random), ParameterRole.Weight);
        if (!bias) return;
        Bias = Register("bias", Tensor.Zeros([outFeatures]), ParameterRole.Bias);
        Init.Default.FillBias(Bias, Weight.Shape, random);
    }

    /// <summary>Size of an input row.</summary>
    public int InFeatures { get; }

    /// <summary>Size of an output row.</summary>
    public int OutFeatures { get; }

    /// <summary>W, shape (out, in).</summary>
    public Parameter Weight { get; }

    /// <summary>b, shape (out); null without a bias.</summary>
    public Parameter? Bias { get; }

    /// <summary>
    /// The standardization of the weight that the layer computes with. Null, the default, uses the raw weight.
    /// </summary>
    /// <exception cref="ArgumentException">A filter has a single weight.</exception>
    public WeightStandardization? WeightStandardization
    {
        get; set =>
        field = Nn.WeightStandardization.Checked("Linear", value, Weight.Shape);
    }

    /// <summary>
    /// Writes the standardized weight into <see cref="Weight"/> and ends the standardization. The outputs stay the
    /// same, bit for bit, without the work. From now on the layer trains like a plain one. Without a standardization it
    /// does nothing.
    /// </summary>
    public void BakeWeightStandardization()
    {
        Nn.WeightStandardization.Bake(WeightStandardization, Weight);
        WeightStandardization = null;
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) =>
        x.Linear(Nn.WeightStandardization.Apply(WeightStandardization, Weight, x.Tape), Bias);

    /// <inheritdoc/>
    public override string ToString() =>
        $"Linear(in_features={InFeatures}, out_features={OutFeatures}, "
        + $"bias={PythonNumber.Format(Bias is not null)}{Nn.WeightStandardization.Text(WeightStandardization)})";
}
