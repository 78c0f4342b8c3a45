using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="InstanceNorm1d"/>, <see cref="InstanceNorm2d"/> and <see cref="InstanceNorm3d"/> share: y = gamma·(x - mean)/sqrt(var + eps) + beta, each channel of each sample by itself.
/// </summary>
/// <remarks>
/// <para>Without running statistics (the default) mean and (biased) variance are the instance's own in every mode. With them, on a tape in <see cref="Mode.Train"/> they are the instance's own
/// too, and the running statistics follow the mean over the batch of the instances' means and unbiased variances; in <see cref="Mode.Eval"/> and without a tape the running statistics are used, as in batch norm.</para>
/// <para>Input: a batch (N, C, ...) or a single sample (C, ...); output: the same shape. More than one spatial value is needed where the instance's own statistics are.</para>
/// <para>State-dict keys: <c>weight</c> (gamma) and <c>bias</c> (beta) where <c>affine: true</c>; <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c> where <c>trackRunningStats: true</c>
/// (the last one counts the batches; PyTorch's layer leaves it at 0).</para>
/// <para>Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016; semantics of PyTorch's <c>torch.nn.InstanceNorm*d</c>.</para>
/// </remarks>
public abstract class InstanceNorm : Module, IFusesReLU, IInitializable
{
    private readonly RunningAverage _average;

    private protected InstanceNorm(int numFeatures, double eps, double momentum, bool affine, bool trackRunningStats)
    {
        NormChecks.Features(TypeName, numFeatures);
        NormChecks.Eps(TypeName, eps);
        NumFeatures = numFeatures;
        Eps = eps;
        _average = RunningAverage.Torch(momentum);
        if (affine)
        {
            Weight = Register("weight", Tensor.Ones([numFeatures]));
            Bias = Register("bias", Tensor.Zeros([numFeatures]));
        }

        if (trackRunningStats)
        {
            Running = new RunningStatistics(numFeatures, _average);
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

    /// <summary>Number of spatial dimensions.</summary>
    private protected abstract int SpatialRank { get; }

    /// <summary>The spatial dimensions, for errors: <c>H, W</c>.</summary>
    private protected abstract string Spatial { get; }

    private Tensor Normalize(Tensor x, bool fuseReLU)
    {
        int rank = x.Shape.Rank, channels = rank - SpatialRank - 1;
        if (channels is not (0 or 1) || x.Shape[channels] != NumFeatures)
        {
            string remedy = channels is 0 or 1
                ? $"The channels are dimension {channels}; create the layer with {x.Shape[channels]} features or fix the layer before it."
                : "Use the layer of that rank (InstanceNorm1d for (N, C, L), 2d for images, 3d for volumes), or Reshape.";
            throw new ArgumentException($"{TypeName}: expected (N, {NumFeatures}, {Spatial}) or (C, {Spatial}) with C = {NumFeatures}, got {x.Shape}. {remedy}");
        }

        if (channels == 1) return x.InstanceNorm(Weight, Bias, Running, Eps, fuseReLU);
        Shape sample = x.Shape;
        return x.Reshape([1, .. sample.ToArray()]).InstanceNorm(Weight, Bias, Running, Eps, fuseReLU).Reshape(sample);
    }
}
