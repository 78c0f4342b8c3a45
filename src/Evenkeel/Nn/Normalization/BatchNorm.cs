using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="BatchNorm1d"/>, <see cref="BatchNorm2d"/> and <see cref="BatchNorm3d"/> share: y = gamma·(x - mean)/sqrt(var + eps) + beta, channel by channel.
/// </summary>
/// <remarks>
/// <para>On a tape in <see cref="Mode.Train"/>, mean and (biased) variance are those of the batch, and the running statistics follow them as <see cref="RunningAverage"/> says.
/// In <see cref="Mode.Eval"/> and without a tape the running statistics are used; with <c>trackRunningStats: false</c> the batch's own in every mode.</para>
/// <para>State-dict keys: <c>weight</c> (gamma), <c>bias</c> (beta), <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c>.</para>
/// <para>A batch that is not finite leaves no trace in the running statistics: see <see cref="RunningStatistics.SkippedBatches"/>.</para>
/// <para>Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015; semantics of PyTorch's <c>torch.nn.BatchNorm*d</c>.</para>
/// </remarks>
public abstract class BatchNorm : Module, IFusesReLU, IInitializable
{
    private readonly RunningAverage _average;

    private protected BatchNorm(int numFeatures, double eps, RunningAverage average, bool affine, bool trackRunningStats)
    {
        NormChecks.Features(TypeName, numFeatures);
        NormChecks.Eps(TypeName, eps);
        NumFeatures = numFeatures;
        Eps = eps;
        _average = average;
        if (affine)
        {
            Weight = Register("weight", Tensor.Ones([numFeatures]));
            Bias = Register("bias", Tensor.Zeros([numFeatures]));
        }

        if (trackRunningStats)
        {
            Running = new RunningStatistics(numFeatures, average);
            RegisterBuffer("running_mean", Running.Mean);
            RegisterBuffer("running_var", Running.Variance);
            RegisterBuffer("num_batches_tracked", Running.NumBatchesTracked, optional: true);
        }
    }

    /// <summary>Number of channels C.</summary>
    public int NumFeatures { get; }

    /// <summary>What is added to the variance.</summary>
    public double Eps { get; }

    /// <summary>gamma, one value a channel, 1 at first; null where <c>affine: false</c>.</summary>
    public Parameter? Weight { get; }

    /// <summary>beta, one value a channel, 0 at first; null where <c>affine: false</c>.</summary>
    public Parameter? Bias { get; }

    /// <summary>The running statistics; null where <c>trackRunningStats: false</c>.</summary>
    public RunningStatistics? Running { get; }

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{TypeName}({NumFeatures}, eps={PythonNumber.Format(Eps)}, momentum={_average}, affine={PythonNumber.Format(Weight is not null)}, track_running_stats={PythonNumber.Format(Running is not null)})");

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Normalize(x, fuseReLU: true);

    /// <summary>Whatever the scheme: gamma 1, beta 0, running statistics at their start values.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random)
    {
        Weight?.Value.Fill(1);
        Bias?.Value.Fill(0);
        Running?.Reset();
    }

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
                : "Use the layer of that rank (BatchNorm1d for (N, C) and (N, C, L), 2d for images, 3d for volumes), or Reshape.";
            throw new ArgumentException($"{TypeName}: expected {expected}, got {x.Shape}. {remedy}");
        }

        return x.BatchNorm(Weight, Bias, Running, Eps, fuseReLU);
    }
}
