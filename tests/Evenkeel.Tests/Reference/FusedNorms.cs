namespace Evenkeel.Tests.Reference;

/// <summary>Batch norm in its forms with ReLU in the same pass if wanted: what a network does with the pair.</summary>
internal static class FusedNorms
{
    public static Tensor BatchNorm(
        this Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running, bool fuseReLU, double eps = 1e-5,
        bool? training = null) =>
        x.NormalizeBatch(default, gamma, beta, running, eps, fuseReLU, training);

    public static Tensor GhostBatchNorm(
        this Tensor x, int virtualBatchSize, Tensor? gamma, Tensor? beta, RunningStatistics? running, bool fuseReLU,
        double eps = 1e-5) =>
        x.NormalizeBatch(new BatchForm { VirtualBatchSize = virtualBatchSize }, gamma, beta, running, eps, fuseReLU);

    public static Tensor BatchRenorm(
        this Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics running, RenormLimits limits, bool fuseReLU) =>
        x.NormalizeBatch(new BatchForm { Limits = limits }, gamma, beta, running, 1e-5, fuseReLU);

    public static Tensor SyncBatchNorm(
        this Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running, bool fuseReLU, ReadOnlySpan<int> parts,
        double eps = 1e-5) =>
        x.NormalizeBatch(new BatchForm { SpansGroup = true }, gamma, beta, running, eps, fuseReLU, parts: parts);
}
