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
    private readonly BatchForm _form;

    private protected BatchNorm(int numFeatures, double eps, RunningAverage average, bool affine, bool trackRunningStats, BatchForm form = default)
        : base(numFeatures, eps, average, useScale: affine, useBias: affine, trackRunningStats) => _form = form;

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{TypeName}({NumFeatures}{_form}, eps={PythonNumber.Format(Eps)}, momentum={Average}, affine={PythonNumber.Format(Weight is not null)}, track_running_stats={PythonNumber.Format(TrackRunningStats)}{StateText})");

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Normalize(x, fuseReLU: true);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Normalize(x, fuseReLU: false);

    /// <summary>Whether the layer takes inputs of this rank.</summary>
    private protected abstract bool Takes(int rank);

    /// <summary>The shapes the layer takes, for errors: <c>(N, {0}, H, W)</c>.</summary>
    private protected abstract string ExpectedShape { get; }

    /// <summary>PyTorch's momentum as an average; null is the cumulative one.</summary>
    private protected static RunningAverage FromMomentum(double? momentum) => momentum is { } weight ? RunningAverage.Torch(weight) : RunningAverage.Cumulative;

    private Tensor Normalize(Tensor x, bool fuseReLU)
    {
        if (!Takes(x.Shape.Rank) || x.Shape[1] != NumFeatures)
        {
            string expected = string.Format(CultureInfo.InvariantCulture, ExpectedShape, NumFeatures);
            string remedy = Takes(x.Shape.Rank)
                ? $"The channels are dimension 1; create the layer with {x.Shape[1]} features or fix the layer before it."
                : TypeName.EndsWith('d')
                    ? $"Use the layer of that rank ({TypeName[..^2]}1d for (N, C) and (N, C, L), 2d for images, 3d for volumes), or Reshape."
                    : "Add the missing dimensions with Reshape.";
            throw new ArgumentException($"{TypeName}: expected {expected}, got {x.Shape}. {remedy}");
        }

        // Without running statistics the batch's own are meant, in every mode.
        return x.NormalizeBatch(_form, Gamma, Beta, Running, Eps, fuseReLU, training: TrackRunningStats ? null : true);
    }
}
