using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Instance normalization: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and (biased) variance of each channel
    /// of each sample. The functional form; see <c>InstanceNorm2d</c>.
    /// </summary>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="running">Statistics that follow the mean over the batch of the instances' means and variances, and
    /// that eval mode uses, or, frozen, every mode (there it is batch norm with fixed statistics);
    /// null: the instances' own are used in every mode.</param>
    /// <param name="eps">Added to the variance; 0 or more. With 0 a constant instance gives beta.</param>
    /// <exception cref="ArgumentException">
    /// Not (N, C, ...) with a spatial dimension, channel counts that disagree, or one spatial value where the
    /// instances' own statistics are needed.
    /// </exception>
    /// <remarks>
    /// The op is group norm's, with groups of a single channel.
    /// <para>Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016. The mode is the tape's; without
    /// a tape it is Eval.</para>
    /// </remarks>
    public Tensor InstanceNorm(Tensor? gamma, Tensor? beta, RunningStatistics? running = null, double eps = 1e-5) =>
        FusedInstanceNorm(gamma, beta, running, eps, fuseReLU: false);

    /// <summary>The same, and ReLU in the same pass over memory if wanted, with the same bits.</summary>
    internal Tensor FusedInstanceNorm(
        Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps, bool fuseReLU)
    {
        bool fromInstances = RunningStatistics.FromBatch(
            "InstanceNorm", Tape, running, training: running is null ? true : null);
        NormChecks.Instances("InstanceNorm", this, gamma, beta, running, eps, fromInstances);
        if (!fromInstances) return NormalizeBatch(default, gamma, beta, running, eps, fuseReLU, training: false);
        return fuseReLU
            ? GroupNorm<ReLUEpilogue>.Apply("InstanceNorm", this, Shape[1], gamma, beta, running, eps)
            : GroupNorm<NoEpilogue>.Apply("InstanceNorm", this, Shape[1], gamma, beta, running, eps);
    }
}
