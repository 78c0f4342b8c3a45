using System.Numerics;
using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>What a walk does of its two passes over a part: both at once, while the part is in the cache, unless something has to happen in between.</summary>
internal enum BatchPasses
{
    Both,

    /// <summary>Forward: moments. Backward: Σdy and Σdy·xhat.</summary>
    Statistics,

    /// <summary>Forward: y. Backward: dx.</summary>
    Map,
}

/// <summary>
/// A way through a batch: some neighbouring channels at a time. <see cref="BatchPlanes{T, TEpilogue}"/> for (N, C, …), <see cref="BatchColumns{T, TEpilogue}"/> for (N, C).
/// </summary>
internal interface IBatchWalk<TSelf>
{
    /// <summary>Channels of a chunk: fixed by the shape.</summary>
    int ChannelsPerChunk { get; }

    /// <summary>The first channels that go together, of a chunk that begins at <paramref name="first"/>.</summary>
    ColumnBlock First(int first);

    /// <summary>The next ones before channel <paramref name="end"/>; no lanes behind the last.</summary>
    ColumnBlock Next(ColumnBlock channels, int end);

    /// <summary>Moments of a part; y from them.</summary>
    void Forward(ColumnBlock channels, in BatchPart part, BatchPasses passes);

    /// <summary>Σdy and Σdy·xhat of a part; dx from them.</summary>
    void Backward(ColumnBlock channels, in BatchPart part, BatchPasses passes);

    /// <summary>dgamma and dbeta from the sums of all parts.</summary>
    void ParameterGradients(ColumnBlock channels, BatchStatistics statistics);

    /// <inheritdoc cref="BatchOperands{T}.Renormalize"/>
    void Renormalize(int from, int to, in BatchPart part);

    /// <summary>At the end of a chunk: what was stored past the caches is visible before the chunk counts as done.</summary>
    void Fence();
}

/// <summary>The operands of a batch norm by pointer, null where there is none, and how they lie in memory: what both walks work on.</summary>
internal unsafe struct BatchOperands<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public T* X, Y, Dy, Dx, Gamma, Beta, Dgamma, Dbeta, RunningMean, RunningVariance;

    /// <summary>Bits of the positions (N, …) that the batch's statistics are of; null where all are. See <see cref="MaskBits"/>.</summary>
    public T* Mask;

    /// <summary>The batch is (N, C, …): samples, channels, values of a channel in a sample.</summary>
    public int Samples, Channels, Spatial;

    public double Eps;

    /// <summary>Whether the statistics are the batch's own: then dx has a path through them.</summary>
    public bool FromBatch;

    /// <summary>Renormalization's limits; <see cref="Renormalizes"/> says whether there are any.</summary>
    public double RMax, DMax;

    public bool Renormalizes;

    /// <summary>True where what is written, by all members of a group together, outgrows the last-level cache.</summary>
    public bool Streams;

    /// <summary>Whether the backward pass needs Σdy and Σdy·xhat.</summary>
    public readonly bool NeedsSums => FromBatch || Dgamma is not null || Dbeta is not null;

    /// <summary>The mask of a part, which is the same for all channels: a run has one sample's positions.</summary>
    public readonly RunMask<T> MaskOf(in BatchPart part) => new(Mask + (nint)part.Start * Spatial, Spatial);

    /// <summary>gamma and beta of a channel, as renormalization changes them.</summary>
    public readonly (double Gamma, double Beta) Affine(int c, in BatchPart part)
    {
        double gamma = Gamma is null ? 1 : double.CreateTruncating(Gamma[c]);
        double beta = Beta is null ? 0 : double.CreateTruncating(Beta[c]);
        return Renormalizes ? (gamma * part[BatchPart.R][c], beta + gamma * part[BatchPart.D][c]) : (gamma, beta);
    }

    /// <summary>True if T holds the formula of a channel; if not, it is done by <see cref="Scaled{TEpilogue}"/>.</summary>
    public readonly bool IsInRange(int c, in BatchPart part, double gamma) =>
        part[BatchPart.Exponent][c] == 0 && !NormFormulas.LosesScale<T>(gamma, part[BatchPart.Rstd][c]);

    /// <summary>The slow path of a channel.</summary>
    public readonly ScaledNorm<T, TEpilogue> Scaled<TEpilogue>(int c, in BatchPart part) where TEpilogue : struct, IEpilogue
    {
        (double gamma, double beta) = Affine(c, part);
        return new(part.Moments(c), Math.Abs(part[BatchPart.Rstd][c]), gamma, beta, IsInRange(c, part, gamma), inTwoSteps: false);
    }

    /// <summary>dx of a channel on the slow path.</summary>
    /// <param name="offset">From the batch's first value to the channel's.</param>
    /// <param name="stride">From one run of values to the next.</param>
    public readonly void ScaledGradient<TEpilogue>(int c, in BatchPart part, nint offset, nint stride) where TEpilogue : struct, IEpilogue
    {
        double gamma = Affine(c, part).Gamma;
        int k = ScaledNorm<T, TEpilogue>.GammaExponent(Math.Abs(gamma));
        double share = FromBatch ? Math.ScaleB(gamma, -k) / part.Count : 0;
        double meanG = FromBatch ? share * part[BatchPart.Dbeta][c] : 0, meanGXHat = FromBatch ? share * part[BatchPart.Dgamma][c] : 0;
        ScaledNorm<T, TEpilogue> norm = Scaled<TEpilogue>(c, part);
        if (Mask is null) norm.Gradient(X + offset, Dy + offset, Dx + offset, part.Samples, stride, Spatial, meanG, meanGXHat, k);
        else norm.Gradient(X + offset, Dy + offset, Dx + offset, part.Samples, stride, Spatial, meanG, meanGXHat, k, MaskOf(part));
    }

    /// <summary>
    /// r and d of some channels, from their moments and the running ones: y = gamma·(xhat·r + d) + beta is batch norm with gamma' = gamma·r and beta' = beta + gamma·d.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Renormalize(int from, int to, in BatchPart part)
    {
        if (!Renormalizes) return;
        double* r = part[BatchPart.R], d = part[BatchPart.D];
        for (int c = from; c < to; c++)
        {
            double rstd = NormFormulas.Rstd(double.CreateTruncating(RunningVariance[c]), Eps);
            Moments moments = part.Moments(c);
            double std = moments.Exponent == 0
                ? Math.Sqrt(moments.Variance + Eps)
                : Math.ScaleB(Math.Sqrt(moments.Variance + Math.ScaleB(Eps, -2 * moments.Exponent)), moments.Exponent);
            r[c] = Math.Clamp(Times(std, rstd), 1 / RMax, RMax);
            d[c] = Math.Clamp(Times(moments.Pivot - double.CreateTruncating(RunningMean[c]) + moments.Unscaled.Low, rstd), -DMax, DMax);
        }

        // Rstd is 0 where the running variance and eps are: there anything but 0 is beyond the limits.
        static double Times(double value, double rstd) => rstd == 0 && value != 0 ? value * double.PositiveInfinity : value * rstd;
    }
}
