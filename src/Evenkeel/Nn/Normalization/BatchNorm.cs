using System.Globalization;

namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="BatchNorm1d"/>, 2d and 3d, <see cref="GhostBatchNorm"/>, <see cref="BatchRenorm"/> and <see cref="SyncBatchNorm"/> share: y = gamma·(x - mean)/sqrt(var + eps) + beta, channel by channel.
/// </summary>
/// <remarks>
/// <para>On a tape in <see cref="Mode.Train"/>, mean and (biased) variance are those of the batch, and the running statistics follow them as <see cref="RunningAverage"/> says.
/// In <see cref="Mode.Eval"/> and without a tape the running statistics are used; with <c>trackRunningStats: false</c> the batch's own in every mode. A layer may be frozen: see <see cref="NormState"/>.</para>
/// <para>State-dict keys: <c>weight</c> (gamma), <c>bias</c> (beta), <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c>.</para>
/// <para>A batch that is not finite leaves no trace in the running statistics: see <see cref="RunningStatistics.SkippedBatches"/>.</para>
/// <para>Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015; semantics of PyTorch's <c>torch.nn.BatchNorm*d</c>.</para>
/// </remarks>
public abstract class BatchNorm : TrackingNorm, IFusesReLU
{
    private protected BatchNorm(int numFeatures, double eps, RunningAverage average, bool affine, bool trackRunningStats, BatchForm form = default)
        : this(numFeatures, NormConvention.Torch with { Eps = eps, Average = average }, useScale: affine, useBias: affine, trackRunningStats, form)
    {
    }

    private protected BatchNorm(int numFeatures, NormConvention convention, bool useScale, bool useBias, bool trackRunningStats, BatchForm form = default)
        : base(numFeatures, (convention ?? throw new ArgumentNullException(nameof(convention))).Eps, convention.Average, useScale, useBias, trackRunningStats) =>
        (Convention, Form) = (convention, form);

    private protected BatchNorm(BatchNorm source, BatchForm form, ModuleCopier copier)
        : this(source, source.Convention, form, copier)
    {
    }

    private protected BatchNorm(BatchNorm source, NormConvention convention, BatchForm form, ModuleCopier copier)
        : base(source, copier) => (Convention, Form) = (convention, form);

    /// <summary>Whose batch norm it is: average, eps, channel axis, and what one value per channel is.</summary>
    public NormConvention Convention { get; }

    /// <summary>Whose statistics the layer uses.</summary>
    internal BatchForm Form { get; }

    /// <summary>PyTorch's spelling of the settings, and the convention where it is another one.</summary>
    public override string ToString()
    {
        bool scale = Weight is not null, bias = Bias is not null;
        string affine = scale == bias ? $"affine={PythonNumber.Format(scale)}" : $"scale={PythonNumber.Format(scale)}, bias={PythonNumber.Format(bias)}";
        string convention = Convention.Name == NormConvention.Torch.Name ? "" : $", convention={Convention}";
        return string.Create(CultureInfo.InvariantCulture,
            $"{TypeName}({NumFeatures}{Form}, eps={PythonNumber.Format(Eps)}, momentum={Average}, {affine}, track_running_stats={PythonNumber.Format(TrackRunningStats)}{convention}{StateText})");
    }

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Normalize(x, mask: null, fuseReLU: true);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Normalize(x);

    /// <summary>Whether the layer takes inputs of this rank.</summary>
    private protected abstract bool Takes(int rank);

    /// <summary>The shapes the layer takes, for errors: <c>(N, {0}, H, W)</c>.</summary>
    private protected abstract string ExpectedShape { get; }

    /// <summary>PyTorch's momentum as an average; null is the cumulative one.</summary>
    private protected static RunningAverage FromMomentum(double? momentum) => momentum is { } weight ? RunningAverage.Torch(weight) : RunningAverage.Cumulative;

    /// <summary>The pass with a mask; hooks see it as they see any.</summary>
    private protected Tensor ForwardUnder(Tensor mask, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(mask);
        Tensor y = Normalize(x, mask);
        RunHooks(x, y);
        return y;
    }

    private protected Tensor Normalize(Tensor x, Tensor? mask = null, bool fuseReLU = false)
    {
        Shape shape = x.Shape;
        int axis = AxisOf(shape);
        bool takes = Takes(shape.Rank) && axis >= 0 && (axis < shape.Rank || shape.Rank == 1);
        int channels = !takes ? 0 : axis < shape.Rank ? shape[axis] : 1;
        if (!takes || channels != NumFeatures) throw WrongShape(x, takes ? channels : null);
        Tensor planes = AsPlanes(x);
        // Without running statistics the batch's own are meant, in every mode.
        bool? training = TrackRunningStats ? null : true;
        BatchForm form = mask is null ? Form : Form with { Mask = MaskOf(mask, x, axis, planes) };
        Tensor y = planes.NormalizeBatch(form, Gamma, Beta, Running, Eps, fuseReLU, training, Convention.SingleValue);
        return ReferenceEquals(planes, x) ? y : y.Reshape(shape);
    }

    /// <summary>The channels as dimension 1, whatever their axis, for in memory (before, C, after) is what an input is.</summary>
    internal override Tensor AsPlanes(Tensor x)
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
    internal override int AxisOf(Shape shape) => shape.Rank == 1 ? 1 : Convention.ChannelAxis < 0 ? Convention.ChannelAxis + shape.Rank : Convention.ChannelAxis;

    /// <summary>The mask of the planes: (N, 1, ...).</summary>
    private Tensor MaskOf(Tensor mask, Tensor x, int axis, Tensor planes)
    {
        Span<int> positions = stackalloc int[Math.Max(0, x.Shape.Rank - 1)];
        for (int i = 0; i < positions.Length; i++) positions[i] = x.Shape[i < axis ? i : i + 1];
        var expected = x.Shape.Rank == 1 ? x.Shape : new Shape(positions);
        if (mask.Shape != expected)
            throw new ArgumentException($"{TypeName}: expected a mask of shape {expected} for an input of shape {x.Shape} with the channels as dimension {Convention.ChannelAxis}, one value a position, got {mask.Shape}. Leave the channel axis out of the mask.");
        return mask.Reshape(planes.Shape.With(1, 1));
    }

    private ArgumentException WrongShape(Tensor x, int? channels)
    {
        // The layers of one rank say so in their names: BatchNorm2d.
        bool isOfOneRank = TypeName.EndsWith('d');
        int axis = Convention.ChannelAxis;
        string expected = string.Format(CultureInfo.InvariantCulture, ExpectedShape, NumFeatures);
        if (this is SyncBatchNorm && axis != 1) expected = $"{NumFeatures} channels as dimension {axis} ({Convention})";
        if (isOfOneRank && axis != 1) expected = $"{NumFeatures} channels as dimension {axis} ({Convention}) of the ranks of {expected}";
        string remedy = channels is { } got
            ? $"The channels are dimension {axis}; create the layer with {got} features or fix the layer before it."
            : isOfOneRank
                ? $"Use the layer of that rank ({TypeName[..^2]}1d for (N, C) and (N, C, L), 2d for images, 3d for volumes), or Reshape."
                : "Add the missing dimensions with Reshape.";
        return new ArgumentException($"{TypeName}: expected {expected}, got {x.Shape}. {remedy}");
    }
}
