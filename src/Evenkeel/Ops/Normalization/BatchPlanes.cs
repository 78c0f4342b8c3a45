using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>Batch norm of (N, C, …), channel by channel: a channel of a part is a run of S values in each of its samples, C·S apart.</summary>
internal readonly unsafe struct BatchPlanes<T, TEpilogue>(BatchOperands<T> batch) : IBatchWalk<BatchPlanes<T, TEpilogue>>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TEpilogue : struct, IEpilogue
{
    private const int PageBytes = 4096;

    /// <summary>So many neighbouring planes that they fill a memory page: they share pages, and two threads seldom write to one cache line.</summary>
    public int ChannelsPerChunk => Math.Max(1, PageBytes / sizeof(T) / batch.Spatial);

    public ColumnBlock First(int first) => new(first, 1, 1);

    public ColumnBlock Next(ColumnBlock channels, int end) => channels.Start + 1 < end ? new(channels.Start + 1, 1, 1) : default;

    public void Forward(ColumnBlock channels, in BatchPart part, BatchPasses passes)
    {
        int c = channels.Start;
        nint offset = Offset(c, part);
        T* x = batch.X + offset;
        if (passes != BatchPasses.Map)
        {
            Moments moments = batch.Mask is null
                ? Moments.Of(x, part.Samples, Stride, batch.Spatial, batch.Eps)
                : Moments.Of(x, part.Samples, Stride, batch.Spatial, part.Count, batch.Eps, batch.MaskOf(part));
            part.Save(c, moments, batch.Eps);
            batch.Renormalize(c, c + 1, part);
        }

        if (passes == BatchPasses.Statistics) return;
        (double gamma, double beta) = batch.Affine(c, part);
        if (!batch.IsInRange(c, part, gamma))
        {
            batch.Scaled<TEpilogue>(c, part).Map(x, batch.Y + offset, part.Samples, Stride, batch.Spatial);
            return;
        }

        // What lies behind a plane is the next one's turn only where channels go one by one; fixed statistics go by samples.
        Segments.Map(x, x, batch.Y + offset, part.Samples, Stride, batch.Spatial, Formula(c, part, gamma, beta), batch.Streams, ahead: batch.FromBatch && Ahead(part));
    }

    public void Backward(ColumnBlock channels, in BatchPart part, BatchPasses passes)
    {
        int c = channels.Start;
        nint offset = Offset(c, part);
        T* x = batch.X + offset;
        T* dy = batch.Dy + offset;
        (double gamma, double beta) = batch.Affine(c, part);
        bool inRange = batch.IsInRange(c, part, gamma);
        Normalize<T, TEpilogue> formula = Formula(c, part, gamma, beta);
        double rstd = part[BatchPart.Rstd][c], low = part[BatchPart.Low][c];
        if (passes != BatchPasses.Map && batch.NeedsSums)
        {
            double dbeta = 0, dgamma = double.NaN;
            if (inRange)
            {
                (dbeta, double product) = Segments.Sum(x, dy, part.Samples, Stride, batch.Spatial, new Cotangent<T, TEpilogue>(formula));
                dgamma = rstd * (product - low * dbeta);
            }

            double values = (double)part.Samples * batch.Spatial;
            if (NormFormulas.LosesSums<T>(dgamma, rstd, part[BatchPart.Variance][c], values) &&
                (!double.IsFinite(dgamma) || NormFormulas.Underflows<T>(Magnitude(x, dy, part, formula), rstd, values)))
            {
                (dbeta, dgamma) = batch.Scaled<TEpilogue>(c, part).Sums(x, dy, part.Samples, Stride, batch.Spatial);
            }

            part[BatchPart.Dbeta][c] = dbeta;
            part[BatchPart.Dgamma][c] = dgamma;
        }

        if (passes == BatchPasses.Statistics || batch.Dx is null) return;
        double a = gamma * rstd, b = 0, constant = 0;
        if (batch.FromBatch)
        {
            b = -a * rstd * (part[BatchPart.Dgamma][c] / part.Count);
            constant = -a * (part[BatchPart.Dbeta][c] / part.Count) - b * low;
            inRange &= !NormFormulas.LosesSlopes<T>(b, constant, rstd, gamma == 0 ? 0 : part[BatchPart.Dgamma][c]);
        }

        if (!inRange)
        {
            batch.ScaledGradient<TEpilogue>(c, part, offset, Stride);
            return;
        }

        var gradient = new InputGradient<T, TEpilogue>(formula, Broadcast(a), Broadcast(b), Broadcast(constant));
        if (batch.Mask is null) Segments.Map(x, dy, batch.Dx + offset, part.Samples, Stride, batch.Spatial, gradient, batch.Streams, Ahead(part));
        else Segments.Map(x, dy, batch.Dx + offset, part.Samples, Stride, batch.Spatial, gradient, batch.MaskOf(part), batch.Streams, Ahead(part));
    }

    public void ParameterGradients(ColumnBlock channels, BatchStatistics statistics)
    {
        int c = channels.Start;
        double dgamma = 0, dbeta = 0;
        for (int p = 0; p < statistics.Parts; p++)
        {
            BatchPart part = statistics.PartToSum(p);
            double own = part[BatchPart.Dgamma][c], shift = part[BatchPart.Dbeta][c];
            if (batch.Renormalizes) own = part[BatchPart.R][c] * own + part[BatchPart.D][c] * shift;
            dgamma = p == 0 ? own : dgamma + own;
            dbeta = p == 0 ? shift : dbeta + shift;
        }

        if (batch.Dgamma is not null) batch.Dgamma[c] = T.CreateTruncating(dgamma);
        if (batch.Dbeta is not null) batch.Dbeta[c] = T.CreateTruncating(dbeta);
    }

    public void Renormalize(int from, int to, in BatchPart part) => batch.Renormalize(from, to, part);

    public void Fence()
    {
        if (batch.Streams) Simd.StreamFence();
    }

    private double Magnitude(T* x, T* dy, in BatchPart part, Normalize<T, TEpilogue> formula) =>
        Segments.Sum(x, dy, part.Samples, Stride, batch.Spatial, new Magnitude<T, TEpilogue>(formula)).Sum;

    private nint Stride => (nint)batch.Channels * batch.Spatial;

    private nint Offset(int c, in BatchPart part) => part.Start * Stride + (nint)c * batch.Spatial;

    private static Normalize<T, TEpilogue> Formula(int c, in BatchPart part, double gamma, double beta)
    {
        double scale = gamma * part[BatchPart.Rstd][c];
        return new Normalize<T, TEpilogue>(Broadcast(part[BatchPart.Pivot][c]), Broadcast(scale), Broadcast(beta - part[BatchPart.Low][c] * scale));
    }

    /// <summary>True where this channel and the next fit the second-level cache together.</summary>
    private bool Ahead(in BatchPart part) => (long)part.Samples * batch.Spatial * sizeof(T) <= 512 << 10;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Broadcast(double value) => Vector512.Create(T.CreateTruncating(value));
}
