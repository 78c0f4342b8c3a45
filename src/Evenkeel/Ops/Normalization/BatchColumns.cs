using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Batch norm of (N, C): a lane is a channel, and packs go down the rows. A chunk is a stripe of channels; the last one ends with single, overlapping packs.
/// </summary>
/// <remarks>
/// Line by line what <see cref="BatchPlanes{T, TEpilogue}"/> does for one channel. A row of statistics is stored once, when it is final: an overlapping pack stores a neighbour's columns too,
/// perhaps on another thread, and then with the very same values.
/// </remarks>
internal readonly unsafe struct BatchColumns<T, TEpilogue>(BatchOperands<T> batch) : IBatchWalk<BatchColumns<T, TEpilogue>>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TEpilogue : struct, IEpilogue
{
    public int ChannelsPerChunk => Columns.StripeColumns<T>();

    public ColumnBlock First(int first) => ColumnBlock.First<T>(first / ChannelsPerChunk, batch.Channels);

    public ColumnBlock Next(ColumnBlock channels, int end) => channels.Start + channels.Lanes < end ? channels.Next<T>((end - 1) / ChannelsPerChunk, batch.Channels) : default;

    [SkipLocalsInit]
    public void Forward(ColumnBlock channels, in BatchPart part, BatchPasses passes)
    {
        double* coefficients = stackalloc double[Coefficient.Count * Columns.Row + 8];
        double* sums = stackalloc double[2 * Columns.Row + 8];
        coefficients = Simd.Align(coefficients);
        sums = Simd.Align(sums);
        T* x = batch.X + Offset(channels, part);
        if (passes != BatchPasses.Map)
        {
            SaveMoments(x, channels, part, coefficients, sums);
            batch.Renormalize(channels.Start, channels.Start + channels.Lanes, part);
        }

        if (passes == BatchPasses.Statistics) return;
        bool inRange = LoadFormula(channels, part, coefficients);
        T* y = batch.Y + Offset(channels, part);
        Columns.Map<T, Normalize<T, TEpilogue>>(x, x, y, part.Samples, batch.Channels, channels.Lanes, coefficients);
        if (!inRange) MapScaled(x, y, channels, part);
    }

    /// <summary>y of those columns whose formula T does not hold.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MapScaled(T* x, T* y, ColumnBlock channels, in BatchPart part)
    {
        for (int lane = 0; lane < channels.Lanes; lane++)
        {
            int c = channels.Start + lane;
            if (!batch.IsInRange(c, part, batch.Affine(c, part).Gamma))
                batch.Scaled<TEpilogue>(c, part).Map(x + lane, y + lane, part.Samples, batch.Channels, 1);
        }
    }

    [SkipLocalsInit]
    public void Backward(ColumnBlock channels, in BatchPart part, BatchPasses passes)
    {
        double* coefficients = stackalloc double[Coefficient.Count * Columns.Row + 8];
        double* sums = stackalloc double[2 * Columns.Row + 8];
        coefficients = Simd.Align(coefficients);
        sums = Simd.Align(sums);
        nint offset = Offset(channels, part);
        T* x = batch.X + offset;
        T* dy = batch.Dy + offset;
        bool inRange = LoadFormula(channels, part, coefficients);
        if (passes != BatchPasses.Map && batch.NeedsSums)
        {
            Columns.Sum<T, Cotangent<T, TEpilogue>>(x, dy, part.Samples, batch.Channels, channels.Lanes, coefficients, sums);
            SaveSums(x, dy, channels, part, coefficients, sums, inRange);
        }

        if (passes == BatchPasses.Statistics || batch.Dx is null) return;
        inRange &= LoadSlopes(channels, part, coefficients);
        if (batch.Mask is null) Columns.Map<T, InputGradient<T, TEpilogue>>(x, dy, batch.Dx + offset, part.Samples, batch.Channels, channels.Lanes, coefficients);
        else Columns.Map<T, InputGradient<T, TEpilogue>, RowMask<T>>(x, dy, batch.Dx + offset, part.Samples, batch.Channels, channels.Lanes, coefficients, Mask(part));
        if (!inRange) GradientScaled(channels, part, coefficients, offset);
    }

    /// <summary>dx of those columns whose formula T does not hold.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void GradientScaled(ColumnBlock channels, in BatchPart part, double* coefficients, nint offset)
    {
        for (int lane = 0; lane < channels.Lanes; lane++)
        {
            int c = channels.Start + lane;
            double gamma = batch.Affine(c, part).Gamma, b = coefficients[Coefficient.B * Columns.Row + lane], constant = coefficients[Coefficient.C * Columns.Row + lane];
            double path = batch.FromBatch && gamma != 0 ? part[BatchPart.Dgamma][c] : 0;
            if (batch.IsInRange(c, part, gamma) && !NormFormulas.LosesSlopes<T>(b, constant, part[BatchPart.Rstd][c], path)) continue;
            batch.ScaledGradient<TEpilogue>(c, part, offset + lane, batch.Channels);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void ParameterGradients(ColumnBlock channels, BatchStatistics statistics)
    {
        for (int j = 0; j < channels.Padded; j += Vector512<double>.Count)
        {
            Vector512<double> dgamma = default, dbeta = default;
            for (int p = 0; p < statistics.Parts; p++)
            {
                BatchPart part = statistics.PartToSum(p);
                Vector512<double> own = Load(channels, part, BatchPart.Dgamma, j), shift = Load(channels, part, BatchPart.Dbeta, j);
                if (batch.Renormalizes) own = Load(channels, part, BatchPart.R, j) * own + Load(channels, part, BatchPart.D, j) * shift;
                dgamma = p == 0 ? own : dgamma + own;
                dbeta = p == 0 ? shift : dbeta + shift;
            }

            channels.SaveParameter(batch.Dgamma, j, dgamma);
            channels.SaveParameter(batch.Dbeta, j, dbeta);
        }
    }

    public void Renormalize(int from, int to, in BatchPart part) => batch.Renormalize(from, to, part);

    /// <summary>Nothing is stored past the caches.</summary>
    public void Fence()
    {
    }

    /// <summary>The mask of a part, or of every <paramref name="stride"/>th of its samples.</summary>
    private RowMask<T> Mask(in BatchPart part, int stride = 1) => new(batch.Mask + part.Start, stride);

    private nint Offset(ColumnBlock channels, in BatchPart part) => (nint)part.Start * batch.Channels + channels.Start;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Load(ColumnBlock channels, in BatchPart part, int row, int j) => channels.Load(part[row] + channels.Start, j);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Save(ColumnBlock channels, in BatchPart part, int row, int j, Vector512<double> values) => channels.Save(part[row] + channels.Start, values, j);

    /// <summary>Statistics of some columns, as <see cref="Moments.Of{T}"/> computes them for one group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SaveMoments(T* x, ColumnBlock channels, in BatchPart part, double* coefficients, double* sums)
    {
        var m = Vector512.Create(part.Count);
        int step = Vector512<double>.Count;
        double* pivots = coefficients + Coefficient.Pivot * Columns.Row;
        int sample = Math.Min(part.Samples, NormFormulas.SampleRows), apart = part.Samples / sample;
        Sum<Value<T>>(x, channels, part, sample, apart, coefficients, sums);
        var sampled = Vector512.Create(Math.Max(1, SampledRows(part, sample, apart)));
        for (int j = 0; j < channels.Padded; j += step) Simd.Store(pivots + j, Widen.Round<T>(Simd.Load(sums + j) / sampled));
        double* lows = sums;
        double* variances = sums + Columns.Row;
        for (int attempt = 1; ; attempt++)
        {
            Sum<Deviation<T>>(x, channels, part, part.Samples, apart: 1, coefficients, sums);
            Vector512<double> far = default;
            for (int j = 0; j < channels.Padded; j += step)
            {
                Vector512<double> low = Simd.Load(lows + j) / m;
                Vector512<double> variance = Simd.Load(variances + j) / m - low * low;
                variance = Vector512.AndNot(variance, Vector512.LessThan(variance, Vector512<double>.Zero));
                Simd.Store(lows + j, low);
                Simd.Store(variances + j, variance);
                far |= IsFar(channels, low, variance, j);
            }

            if (attempt == NormFormulas.MaxPivots || far == Vector512<double>.Zero) break;
            for (int j = 0; j < channels.Padded; j += step)
            {
                Vector512<double> low = Simd.Load(lows + j), pivot = Simd.Load(pivots + j);
                Simd.Store(pivots + j, Vector512.ConditionalSelect(IsFar(channels, low, Simd.Load(variances + j), j), Widen.Round<T>(pivot + low), pivot));
            }
        }

        Vector512<double> outside = default, least = Vector512.Create(NormFormulas.LeastVariance<T>(batch.Eps));
        for (int j = 0; j < channels.Padded; j += step)
        {
            Vector512<double> variance = Simd.Load(variances + j);
            outside |= ~(Vector512.GreaterThanOrEqual(variance, least) & Vector512.LessThanOrEqual(variance, Vector512.Create(double.MaxValue)));
        }

        if (outside != Vector512<double>.Zero)
        {
            SaveScaled(x, channels, part, pivots, lows, variances);
            return;
        }

        for (int j = 0; j < channels.Padded; j += step)
        {
            Vector512<double> variance = Simd.Load(variances + j), sum = variance + Vector512.Create(batch.Eps);
            Save(channels, part, BatchPart.Pivot, j, Simd.Load(pivots + j));
            Save(channels, part, BatchPart.Low, j, Simd.Load(lows + j));
            Save(channels, part, BatchPart.Variance, j, variance);
            Save(channels, part, BatchPart.Rstd, j, Vector512.AndNot(Vector512<double>.One / Vector512.Sqrt(sum), Vector512.Equals(sum, Vector512<double>.Zero)));
        }
    }

    /// <summary>The same for columns of which squares of T do not hold one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SaveScaled(T* x, ColumnBlock channels, in BatchPart part, double* pivots, double* lows, double* variances)
    {
        for (int lane = 0; lane < channels.Lanes; lane++)
        {
            Moments moments = new(pivots[lane], lows[lane], variances[lane]);
            if (NormFormulas.IsOutOfRange<T>(variances[lane], batch.Eps))
            {
                moments = batch.Mask is null
                    ? Moments.Scaled(x + lane, part.Samples, batch.Channels, 1, batch.Eps)
                    : Moments.Scaled(x + lane, part.Samples, batch.Channels, 1, part.Count, batch.Eps, hasMean: true, batch.MaskOf(part));
            }

            part.Save(channels.Start + lane, moments, batch.Eps);
        }
    }

    /// <summary>Sums of x over some rows of a part, each <paramref name="apart"/> rows behind the one before it; under the mask, if there is one.</summary>
    private void Sum<TTerm>(T* x, ColumnBlock channels, in BatchPart part, int rows, int apart, double* coefficients, double* sums) where TTerm : struct, ITerm<T>, IColumnwise<TTerm>
    {
        if (batch.Mask is null) Columns.Sum<T, TTerm>(x, x, rows, (nint)apart * batch.Channels, channels.Lanes, coefficients, sums);
        else Columns.Sum<T, TTerm, RowMask<T>>(x, x, rows, (nint)apart * batch.Channels, channels.Lanes, coefficients, sums, Mask(part, apart));
    }

    /// <summary>How many of the sampled rows count.</summary>
    private double SampledRows(in BatchPart part, int sample, int apart)
    {
        if (batch.Mask is null) return sample;
        RowMask<T> mask = Mask(part, apart);
        int rows = 0;
        for (int row = 0; row < sample; row++) rows += mask.Run(row).Counts(0) ? 1 : 0;
        return rows;
    }

    /// <summary>All ones where <see cref="NormFormulas.IsFar"/>; zero behind the last column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> IsFar(ColumnBlock channels, Vector512<double> low, Vector512<double> variance, int j) =>
        Vector512.GreaterThan(low * low, variance) & Simd.HeadMask<double>(Math.Clamp(channels.Lanes - j, 0, Vector512<double>.Count));

    /// <summary>Pivot, scale and shift of <see cref="Normalize{T, TEpilogue}"/>. False if T may not hold those of a channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool LoadFormula(ColumnBlock channels, in BatchPart part, double* coefficients)
    {
        Vector512<double> lost = default;
        for (int j = 0; j < channels.Padded; j += Vector512<double>.Count)
        {
            Vector512<double> gamma = channels.LoadParameter(batch.Gamma, j, 1), beta = channels.LoadParameter(batch.Beta, j, 0);
            if (batch.Renormalizes)
            {
                beta += gamma * Load(channels, part, BatchPart.D, j);
                gamma *= Load(channels, part, BatchPart.R, j);
            }

            Vector512<double> rstd = Load(channels, part, BatchPart.Rstd, j), scale = gamma * rstd;
            Simd.Store(coefficients + Coefficient.Pivot * Columns.Row + j, Load(channels, part, BatchPart.Pivot, j));
            Simd.Store(coefficients + Coefficient.Scale * Columns.Row + j, scale);
            Simd.Store(coefficients + Coefficient.Shift * Columns.Row + j, beta - Load(channels, part, BatchPart.Low, j) * scale);
            lost |= Vector512.LessThan(rstd, Vector512<double>.Zero) | Leaves(scale, Vector512.AndNot(gamma, Vector512.Equals(rstd, Vector512<double>.Zero)));
        }

        return lost == Vector512<double>.Zero;
    }

    /// <summary>All ones where T does not hold a value with all its digits, though another one is not 0: what <see cref="NormFormulas"/> decides closely.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Leaves(Vector512<double> value, Vector512<double> other)
    {
        Vector512<double> magnitude = Vector512.Abs(value);
        return Vector512.GreaterThan(magnitude, Vector512.Create(ValueRange.Largest<T>())) |
            Vector512.AndNot(Vector512.LessThan(magnitude, Vector512.Create(ValueRange.SmallestNormal<T>())), Vector512.Equals(other, Vector512<double>.Zero));
    }

    /// <summary>Σdy and Σdy·xhat = rstd·(Σdy·(x-pivot) - low·Σdy).</summary>
    /// <remarks>
    /// Whether a column is summed again must depend on it alone: the packs at the end overlap those of another thread.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SaveSums(
        T* x, T* dy, ColumnBlock channels, in BatchPart part, double* coefficients, double* sums, bool inRange)
    {
        double* dgammas = sums + Columns.Row;
        var smallest = Vector512.Create(part.Samples * ValueRange.SmallestNormal<T>());
        for (int j = 0; j < channels.Padded; j += Vector512<double>.Count)
        {
            Vector512<double> dbeta = Simd.Load(sums + j), rstd = Load(channels, part, BatchPart.Rstd, j), variance = Load(channels, part, BatchPart.Variance, j);
            Vector512<double> dgamma = rstd * (Simd.Load(dgammas + j) - Load(channels, part, BatchPart.Low, j) * dbeta), magnitude = Vector512.Abs(dgamma);
            Vector512<double> underflows = Vector512.LessThan(magnitude, rstd * smallest) & Vector512.GreaterThan(rstd, Vector512<double>.One);
            Vector512<double> lost = ~Vector512.LessThanOrEqual(magnitude, Vector512.Create(double.MaxValue)) | Vector512.LessThan(rstd, Vector512<double>.Zero) |
                (underflows & Vector512.GreaterThan(variance, Vector512<double>.Zero));
            if (!inRange || lost != Vector512<double>.Zero)
            {
                Simd.Store(dgammas + j, dgamma);
                RedoSums(x, dy, channels, part, coefficients, sums, j);
                (dbeta, dgamma) = (Simd.Load(sums + j), Simd.Load(dgammas + j));
            }

            Save(channels, part, BatchPart.Dbeta, j, dbeta);
            Save(channels, part, BatchPart.Dgamma, j, dgamma);
        }
    }

    /// <summary>The sums of those columns from <paramref name="first"/> on, a pack of doubles, that T loses.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RedoSums(T* x, T* dy, ColumnBlock channels, in BatchPart part, double* coefficients, double* sums, int first)
    {
        double* dgammas = sums + Columns.Row;
        double* magnitudes = stackalloc double[Columns.Row + 8];
        magnitudes = Simd.Align(magnitudes);
        bool hasMagnitudes = false;
        for (int lane = first; lane < Math.Min(channels.Lanes, first + Vector512<double>.Count); lane++)
        {
            int c = channels.Start + lane;
            bool inRange = batch.IsInRange(c, part, batch.Affine(c, part).Gamma);
            if (inRange && !NormFormulas.LosesSums<T>(dgammas[lane], part[BatchPart.Rstd][c], part[BatchPart.Variance][c], part.Samples)) continue;
            if (inRange && double.IsFinite(dgammas[lane]))
            {
                if (!hasMagnitudes) Columns.Sum<T, Magnitude<T, TEpilogue>>(x, dy, part.Samples, batch.Channels, channels.Lanes, coefficients, magnitudes);
                hasMagnitudes = true;
                if (!NormFormulas.Underflows<T>(magnitudes[lane], part[BatchPart.Rstd][c], part.Samples)) continue;
            }

            (sums[lane], dgammas[lane]) = batch.Scaled<TEpilogue>(c, part).Sums(x + lane, dy + lane, part.Samples, batch.Channels, 1);
        }
    }

    /// <summary>
    /// b and c of <see cref="InputGradient{T, TEpilogue}"/>; zero where the statistics are fixed. False if T may not hold those of a channel.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool LoadSlopes(ColumnBlock channels, in BatchPart part, double* coefficients)
    {
        var m = Vector512.Create(part.Count);
        Vector512<double> lost = default;
        for (int j = 0; j < channels.Padded; j += Vector512<double>.Count)
        {
            Vector512<double> b = default, c = default;
            if (batch.FromBatch)
            {
                Vector512<double> a = Simd.Load(coefficients + Coefficient.Scale * Columns.Row + j), dgamma = Load(channels, part, BatchPart.Dgamma, j);
                b = -a * Load(channels, part, BatchPart.Rstd, j) * (dgamma / m);
                c = -a * (Load(channels, part, BatchPart.Dbeta, j) / m) - b * Load(channels, part, BatchPart.Low, j);
                lost |= Leaves(b, Vector512.AndNot(dgamma, Vector512.Equals(a, Vector512<double>.Zero))) |
                    ~Vector512.LessThanOrEqual(Vector512.Abs(c), Vector512.Create(ValueRange.Largest<T>()));
            }

            Simd.Store(coefficients + Coefficient.B * Columns.Row + j, b);
            Simd.Store(coefficients + Coefficient.C * Columns.Row + j, c);
        }

        return lost == Vector512<double>.Zero;
    }
}
