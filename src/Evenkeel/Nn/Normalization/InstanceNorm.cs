using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="InstanceNorm1d"/>, <see cref="InstanceNorm2d"/> and <see cref="InstanceNorm3d"/> share:
/// y = gamma·(x - mean)/sqrt(var + eps) + beta, each channel of each sample by itself.
/// </summary>
/// <remarks>
/// <para>Without running statistics (the default) mean and (biased) variance are the instance's own in every mode. With
/// them, on a tape in <see cref="Mode.Train"/> they are the instance's own too, and the running statistics follow the
/// mean over the batch of the instances' means and unbiased variances; in <see cref="Mode.Eval"/> and without a tape
/// the running statistics are used, as in batch norm. A layer with running statistics may be frozen: see
/// <see cref="NormState"/>.</para>
/// <para>Input: a batch (N, C, ...) or a single sample (C, ...); output: the same shape. More than one spatial value is
/// needed if the instance's own statistics are.</para>
/// <para>State-dict keys: <c>weight</c> (gamma) and <c>bias</c> (beta) with <c>affine: true</c>; <c>running_mean</c>,
/// <c>running_var</c>, <c>num_batches_tracked</c> with <c>trackRunningStats: true</c> (the last one counts the batches;
/// PyTorch's layer leaves it at 0).</para>
/// <para>Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016; semantics of PyTorch's
/// <c>torch.nn.InstanceNorm*d</c>.</para>
/// </remarks>
public abstract class InstanceNorm : Module, IFusesReLU, IInitializable, INormalization, ITrackingNorm
{
    private readonly int _dimensions;

    private protected InstanceNorm(
        int dimensions, int numFeatures, double eps, double? momentum, bool affine, bool trackRunningStats)
    {
        RunningAverage average = momentum is { } weight ? RunningAverage.Torch(weight) : RunningAverage.Cumulative;
        NormChecks.Features(TypeName, numFeatures);
        NormChecks.Eps(TypeName, eps);
        (_dimensions, NumFeatures, Eps, Average) = (dimensions, numFeatures, eps, average);
        if (affine) Weight = Register("weight", Tensor.Ones([numFeatures]), ParameterRole.NormScale);
        if (affine) Bias = Register("bias", Tensor.Zeros([numFeatures]), ParameterRole.NormShift);
        if (trackRunningStats) Running = Register(new RunningStatistics(numFeatures, average));
    }

    /// <inheritdoc/>
    public int NumFeatures { get; }

    /// <inheritdoc/>
    public double Eps { get; }

    /// <inheritdoc/>
    public Parameter? Weight { get; }

    /// <inheritdoc/>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public RunningAverage Average { get; }

    /// <inheritdoc/>
    public RunningStatistics? Running { get; }

    /// <inheritdoc/>
    public bool TrackRunningStats => Running is not null;

    /// <inheritdoc/>
    public NormState State { get; private set; }

    bool ITrackingNorm.IsPerSample => true;

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{TypeName}({NumFeatures}, eps={PythonNumber.Format(Eps)}, momentum={Average}, ")
        + $"affine={PythonNumber.Format(Weight is not null)}, "
        + $"track_running_stats={PythonNumber.Format(TrackRunningStats)}{this.StateText})";

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Normalize(x, fuseReLU: true);

    void IInitializable.SetStartValues(Init init, IRandomStream random) => this.SetStartValues();

    void ITrackingNorm.Keep(NormState state) => State = state;

    int ITrackingNorm.AxisOf(Shape shape) => AxisOf(shape);

    Tensor ITrackingNorm.AsPlanes(Tensor x) => AsPlanes(x);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Normalize(x, fuseReLU: false);

    private int AxisOf(Shape shape) => shape.Rank - _dimensions - 1;

    /// <summary>A sample outside a batch is a batch of one.</summary>
    private Tensor AsPlanes(Tensor x) => AxisOf(x.Shape) == 1 ? x : x.Reshape([1, .. x.Shape]);

    private Tensor Normalize(Tensor x, bool fuseReLU)
    {
        int channels = AxisOf(x.Shape);
        if (channels is not (0 or 1) || x.Shape[channels] != NumFeatures)
        {
            string spatial = BatchNorm.Spatial(_dimensions), remedy = channels is 0 or 1
                ? $"The channels are dimension {channels}; create the layer with {x.Shape[channels]} features or fix "
                    + "the layer before it."
                : "Use the layer of that rank (InstanceNorm1d for (N, C, L), 2d for images, 3d for volumes), or "
                    + "Reshape.";
            throw new ArgumentException(
                $"{TypeName}: expected (N, {NumFeatures}, {spatial}) or (C, {spatial}) with C = {NumFeatures}, got "
                + $"{x.Shape}. {remedy}", nameof(x));
        }

        Tensor batch = AsPlanes(x), y = batch.FusedInstanceNorm(this.Gamma, this.Beta, Running, Eps, fuseReLU);
        return ReferenceEquals(batch, x) ? y : y.Reshape(x.Shape);
    }
}
