using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// What all batch norms share: y = gamma·(x - mean)/sqrt(var + eps) + beta, channel by channel. The layers are
/// <see cref="BatchNorm1d"/>, 2d and 3d, <see cref="BatchNormalization"/>, <see cref="GhostBatchNorm1d"/>, 2d and 3d,
/// <see cref="BatchRenorm1d"/>, 2d and 3d, and <see cref="SyncBatchNorm"/>.
/// </summary>
/// <remarks>
/// <para>On a tape in <see cref="Mode.Train"/>, mean and (biased) variance are those of the batch, and the running
/// statistics follow them as <see cref="RunningAverage"/> says. In <see cref="Mode.Eval"/> and without a tape the
/// running statistics are used; with <c>trackRunningStats: false</c> the batch's own in every mode. A layer may be
/// frozen: see <see cref="NormState"/>.</para>
/// <para>State-dict keys: <c>weight</c> (gamma), <c>bias</c> (beta), <c>running_mean</c>, <c>running_var</c>,
/// <c>num_batches_tracked</c>.</para>
/// <para>A batch that is not finite leaves no trace in the running statistics: see
/// <see cref="RunningStatistics.SkippedBatches"/>.</para>
/// <para>The forms (plain, ghost, renorm, synchronized) are values of one layer: see <see cref="VirtualBatchSize"/> and
/// <see cref="Limits"/>.</para>
/// <para>Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015; semantics of PyTorch's
/// <c>torch.nn.BatchNorm*d</c>.</para>
/// </remarks>
public abstract class BatchNorm : Module, IFusesReLU, IInitializable, INormalization, ITrackingNorm
{
    private protected BatchNorm(int? dimensions, int numFeatures, double eps, RunningAverage average, bool affine,
        bool trackRunningStats, BatchForm form = default)
        : this(dimensions, numFeatures, NormConvention.Torch with { Eps = eps, Average = average }, affine, affine,
            trackRunningStats, form)
    {
    }

    private protected BatchNorm(int? dimensions, int numFeatures, NormConvention convention, bool useScale,
        bool useBias, bool trackRunningStats, BatchForm form = default)
    {
        ArgumentNullException.ThrowIfNull(convention);
        NormChecks.Features(TypeName, numFeatures);
        NormChecks.Eps(TypeName, convention.Eps);
        (Dimensions, NumFeatures, Convention, Form) = (dimensions, numFeatures, convention, form);
        if (useScale) Weight = Register("weight", Tensor.Ones([numFeatures]), ParameterRole.NormScale);
        if (useBias) Bias = Register("bias", Tensor.Zeros([numFeatures]), ParameterRole.NormShift);
        if (trackRunningStats) Running = Register(new RunningStatistics(numFeatures, Average));
    }

    /// <summary>
    /// A layer of another kind with all that <paramref name="source"/> has: copies of its parameters and statistics,
    /// and its state.
    /// </summary>
    private protected BatchNorm(BatchNorm source, NormConvention convention, BatchForm form, ModuleCopier copier)
    {
        (Dimensions, NumFeatures, Convention, Form) = (source.Dimensions, source.NumFeatures, convention, form);
        State = source.State;
        if (source.Weight is { } weight) Weight = Register("weight", copier.Copy(weight));
        if (source.Bias is { } bias) Bias = Register("bias", copier.Copy(bias));
        if (source.Running is { } running) Running = Register(copier.Copy(running));
    }

    /// <inheritdoc/>
    public int NumFeatures { get; }

    /// <inheritdoc/>
    public double Eps => Convention.Eps;

    /// <inheritdoc/>
    public Parameter? Weight { get; }

    /// <inheritdoc/>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public RunningAverage Average => Convention.Average;

    /// <inheritdoc/>
    public RunningStatistics? Running { get; }

    /// <inheritdoc/>
    public bool TrackRunningStats => Running is not null;

    /// <inheritdoc/>
    public NormState State { get; private set; }

    /// <summary>
    /// The library whose batch norm the layer computes: average, eps, channel axis, and what one value per channel
    /// gives.
    /// </summary>
    public NormConvention Convention { get; }

    /// <summary>
    /// Samples of a virtual batch in a ghost batch norm; 0 in the other layers, whose batch is whole.
    /// </summary>
    public int VirtualBatchSize => Form.VirtualBatchSize;

    /// <summary>
    /// The limits of r and d of a batch renormalization, by the number of batches; null in the other layers.
    /// </summary>
    public RenormLimits? Limits => Form.Limits;

    /// <summary>Whose statistics the layer uses.</summary>
    internal BatchForm Form { get; }

    /// <summary>
    /// The spatial dimensions of the inputs, 1 to 3, that a layer of one rank (BatchNorm2d) takes, or was made from;
    /// null if the convention says which ranks are taken.
    /// </summary>
    internal int? Dimensions { get; }

    bool INormalization.MixesSamples => Running is null;

    bool ITrackingNorm.IsPerSample => false;

    /// <summary>PyTorch's spelling of the settings, and the convention if it is another one.</summary>
    public override string ToString()
    {
        bool scale = Weight is not null, bias = Bias is not null;
        string affine = scale == bias
            ? $"affine={PythonNumber.Format(scale)}"
            : $"scale={PythonNumber.Format(scale)}, bias={PythonNumber.Format(bias)}";
        string convention = Convention.Name == NormConvention.Torch.Name ? "" : $", convention={Convention}";
        return string.Create(CultureInfo.InvariantCulture,
            $"{TypeName}({NumFeatures}{Form}, eps={PythonNumber.Format(Eps)}, momentum={Average}, {affine}, ")
            + $"track_running_stats={PythonNumber.Format(TrackRunningStats)}{convention}{this.StateText})";
    }

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Normalize(x, mask: null, fuseReLU: true);

    void IInitializable.SetStartValues(Init init, IRandomStream random) => this.SetStartValues();

    void ITrackingNorm.Keep(NormState state) => State = state;

    int ITrackingNorm.AxisOf(Shape shape) => AxisOf(shape);

    Tensor ITrackingNorm.AsPlanes(Tensor x) => AsPlanes(x);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Normalize(x);

    /// <summary>PyTorch's momentum as an average; null is the cumulative one.</summary>
    private protected static RunningAverage FromMomentum(double? momentum) =>
        momentum is { } weight ? RunningAverage.Torch(weight) : RunningAverage.Cumulative;

    /// <summary>The form of a ghost batch norm.</summary>
    private protected static BatchForm Ghost(string layer, int virtualBatchSize)
    {
        NormChecks.VirtualBatchSize(layer, virtualBatchSize);
        return new BatchForm { VirtualBatchSize = virtualBatchSize };
    }

    /// <summary>The form of a batch renormalization; null for the paper's limits.</summary>
    private protected static BatchForm Renorm(RenormLimits? limits) =>
        new() { Limits = limits ?? RenormLimits.Paper };

    /// <summary>The spatial dimensions of an input, as errors write them.</summary>
    internal static string Spatial(int dimensions) => dimensions switch { 1 => "L", 2 => "H, W", _ => "D, H, W" };

    /// <summary>The pass; with a mask, the statistics are those of the positions whose mask is 1.</summary>
    private protected Tensor Normalize(Tensor x, Tensor? mask = null, bool fuseReLU = false)
    {
        Shape shape = x.Shape;
        int axis = AxisOf(shape);
        bool takes = Takes(shape.Rank) && axis >= 0 && (axis < shape.Rank || shape.Rank == 1);
        int channels = !takes ? 0 : axis < shape.Rank ? shape[axis] : 1;
        if (!takes || channels != NumFeatures) throw WrongShape(x, takes ? channels : null);
        Tensor planes = AsPlanes(x);
        // Without running statistics the batch's own are used in every mode.
        bool? training = TrackRunningStats ? null : true;
        BatchForm form = mask is null ? Form : Form with { Mask = MaskOf(mask, x, axis, planes) };
        Tensor y = planes.NormalizeBatch(
            form, this.Gamma, this.Beta, Running, Eps, fuseReLU, training, Convention.SingleValue);
        return ReferenceEquals(planes, x) ? y : y.Reshape(shape);
    }

    /// <summary>
    /// Whether the layer takes inputs of this rank. A synchronized layer takes all that have channels, whatever it was
    /// made from.
    /// </summary>
    private bool Takes(int rank) => Dimensions is not { } spatial || Form.SpansGroup
        ? (Form.SpansGroup && rank >= 2) || Convention.Ranks.Takes(rank)
        : rank == spatial + 2 || (spatial == 1 && rank == 2);

    /// <summary>The channels as dimension 1, whatever their axis: in memory an input is (before, C, after).</summary>
    private Tensor AsPlanes(Tensor x)
    {
        int axis = AxisOf(x.Shape);
        if (axis == 1 && x.Shape.Rank > 1) return x;
        int before = 1, after = 1;
        for (int i = 0; i < x.Shape.Rank; i++)
        {
            if (i < axis) before *= x.Shape[i];
            if (i > axis) after *= x.Shape[i];
        }

        return after == 1 ? x.Reshape([before, NumFeatures]) : x.Reshape([before, NumFeatures, after]);
    }

    /// <summary>As the convention says. A vector is N values of one channel (ONNX).</summary>
    private int AxisOf(Shape shape) => shape.Rank == 1
        ? 1
        : Convention.ChannelAxis < 0 ? Convention.ChannelAxis + shape.Rank : Convention.ChannelAxis;

    /// <summary>The mask of the planes: (N, 1, ...).</summary>
    private Tensor MaskOf(Tensor mask, Tensor x, int axis, Tensor planes)
    {
        Span<int> positions = stackalloc int[Math.Max(0, x.Shape.Rank - 1)];
        for (int i = 0; i < positions.Length; i++) positions[i] = x.Shape[i < axis ? i : i + 1];
        var expected = x.Shape.Rank == 1 ? x.Shape : new Shape(positions);
        if (mask.Shape != expected)
        {
            throw new ArgumentException(
                $"{TypeName}: expected a mask of shape {expected} for an input of shape {x.Shape} with the channels as "
                + $"dimension {Convention.ChannelAxis}, one value per position, got {mask.Shape}. "
                + "Leave the channel axis "
                + "out of the mask.", nameof(mask));
        }

        return mask.Reshape(planes.Shape.With(1, 1));
    }

    private ArgumentException WrongShape(Tensor x, int? channels)
    {
        int axis = Convention.ChannelAxis;
        string layer = $"{NumFeatures} channels as dimension {axis} ({Convention})", expected, other;
        if (Form.SpansGroup)
        {
            expected = axis == 1 ? $"(N, {NumFeatures}) or (N, {NumFeatures}, ...)" : layer;
            other = "Add the missing dimensions with Reshape.";
        }
        else if (Dimensions is { } spatial)
        {
            expected = $"(N, {NumFeatures}, {Spatial(spatial)})";
            if (spatial == 1) expected = $"(N, {NumFeatures}) or {expected}";
            if (axis != 1) expected = $"{layer} of the ranks of {expected}";
            other = $"Use the layer of that rank ({Form.Name}1d for (N, C) and (N, C, L), 2d for images, 3d for "
                + "volumes), or Reshape.";
        }
        else
        {
            expected = $"an input of {Convention.Ranks} with {NumFeatures} channels as dimension {axis} "
                + $"({Convention.Name})";
            other = "Add the missing dimensions with Reshape.";
        }

        string remedy = channels is { } got
            ? $"The channels are dimension {axis}; create the layer with {got} features or fix the layer before it."
            : other;
        return new ArgumentException($"{TypeName}: expected {expected}, got {x.Shape}. {remedy}", nameof(x));
    }
}
