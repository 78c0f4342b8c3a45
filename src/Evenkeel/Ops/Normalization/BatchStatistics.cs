using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>A part of a batch: some samples, and where their statistics and sums are.</summary>
/// <param name="Start">The first sample.</param>
/// <param name="Samples">Number of samples.</param>
/// <param name="Count">
/// m: the values per channel that the statistics are of; more than this part's if they are pooled.
/// </param>
/// <param name="Statistics">Rows of statistics, a place per channel.</param>
/// <param name="Sums">Rows of sums, a place per channel.</param>
internal readonly record struct BatchPart(int Start, int Samples, double Count, NormTable Statistics, NormTable Sums);

/// <summary>
/// The statistics of a batch that may come in parts: those of each part; and if the batch is pooled, those of all parts
/// of all members, combined in their order.
/// </summary>
/// <remarks>How two sets of moments become one: <see cref="PooledMoments"/>.</remarks>
internal sealed unsafe class BatchStatistics
{
    /// <summary>Rows of statistics that members give each other: pivot, low, variance and exponent.</summary>
    private const int GivenRows = 4;

    // The rows of each part, and behind them those of the whole.
    private Tensor _rows = null!;
    private ICollective? _members;
    private int _channels;
    private int _samples;
    private int _spatial;

    // The parts of this batch: part p ends before sample _ends[p] and has _values[p] values per channel. And the values
    // of every part of every member.
    private int[] _ends = new int[1];
    private double[] _values = new double[1];
    private double[] _counts = [];
    private double _pooledCount;

    // What is given and what is received; they only ever grow.
    private double[] _own = [];
    private double[] _all = [];

    /// <summary>Number of parts.</summary>
    public int Parts { get; private set; }

    /// <summary>True where all parts have the statistics of the whole; else each has its own.</summary>
    public bool IsPooled { get; private set; }

    /// <summary>
    /// A batch in runs of <paramref name="size"/> samples, each with its own statistics; in one part where that is 0.
    /// </summary>
    public void CutIntoRuns(int size, int samples, int spatial)
    {
        int parts = size == 0 || samples == 0 ? 1 : (int)(((long)samples + size - 1) / size);
        Begin(parts, samples, spatial);
        for (int p = 0; p < parts; p++) _ends[p] = p == parts - 1 ? samples : (p + 1) * size;
        CountValues();
    }

    /// <summary>
    /// A batch in parts of given sizes, whose statistics are those of all parts, and of the parts of all
    /// <paramref name="members"/>. No sizes: one part.
    /// </summary>
    public void Pool(ReadOnlySpan<int> sizes, ICollective? members, int samples, int spatial)
    {
        Begin(Math.Max(1, sizes.Length), samples, spatial);
        _ends[0] = samples;
        for (int p = 0; p < sizes.Length; p++) _ends[p] = (p == 0 ? 0 : _ends[p - 1]) + sizes[p];
        _members = members;
        IsPooled = true;
        CountValues();
    }

    /// <summary>
    /// Leaves positions out: each part has the values that count under the mask, whose bits are written.
    /// </summary>
    /// <param name="mask">Zeros and ones, one for each position.</param>
    /// <param name="bits">Receives them as bits of its type, see <see cref="MaskBits"/>.</param>
    public void CountUnder(Tensor mask, Tensor bits)
    {
        for (int p = 0; p < Parts; p++)
            _values[p] = PositionMask.Write(mask, bits, Start(p) * _spatial, Length(p) * _spatial);
    }

    /// <summary>
    /// The shape of the memory that <see cref="Bind"/> wants: the rows of each part, and
    /// behind them those of the whole.
    /// </summary>
    public Shape RowsShape(int channels) => [Parts + (IsPooled ? 1 : 0), NormTable.PartRows, channels];

    public void Bind(Tensor rows)
    {
        _rows = rows;
        _channels = rows.Shape[2];
        // Nothing is measured or summed over a part without samples: its rows are zero from the start.
        for (int p = 0; IsPooled && p < Parts; p++)
        {
            if (Length(p) == 0)
                rows.AsSpan<double>().Slice(p * NormTable.PartRows * _channels, NormTable.PartRows * _channels).Clear();
        }
    }

    public void Recycle()
    {
        _rows = null!;
        _members = null;
    }

    /// <summary>A part with its own statistics and sums.</summary>
    public BatchPart Part(int p) => new(Start(p), Length(p), _values[p], Table(p), Table(p));

    /// <summary>A part whose sums are its own; its statistics are those that it was normalized with.</summary>
    public BatchPart PartToSum(int p) =>
        IsPooled ? new(Start(p), Length(p), _pooledCount, Table(Parts), Table(p)) : Part(p);

    /// <summary>The whole batch, pooled.</summary>
    public BatchPart Whole => new(0, _samples, _pooledCount, Table(Parts), Table(Parts));

    /// <summary>
    /// Tells all members how many values there are, and settles how many channels go together: as few as the member
    /// with the least cache asks for. <see cref="int.MaxValue"/> is no limit.
    /// </summary>
    /// <returns>The values per channel of the whole, and the channels that are gathered together.</returns>
    public (double Count, int Channels) Agree(int channelsAtOnce)
    {
        int members = _members?.Size ?? 1;
        Span<double> own = Own(Parts + 1);
        for (int p = 0; p < Parts; p++) own[p] = _values[p];
        own[Parts] = channelsAtOnce;
        ReadOnlySpan<double> all = Gather("BatchNorm counts", Parts + 1);
        if (_counts.Length < members * Parts) _counts = new double[members * Parts];
        _pooledCount = 0;
        for (int k = 0; k < members * Parts; k++) _pooledCount += _counts[k] = all[k / Parts * (Parts + 1) + k % Parts];
        for (int member = 0; member < members; member++)
            channelsAtOnce = Math.Min(channelsAtOnce, (int)all[member * (Parts + 1) + Parts]);
        return (_pooledCount, channelsAtOnce);
    }

    /// <summary>Makes the statistics of the whole out of those of all parts, for some channels.</summary>
    public void PoolMoments<T>(int from, int to, double eps) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = to - from;
        ReadOnlySpan<double> all = GatherRows("BatchNorm forward", 0, GivenRows, from, to);
        NormTable whole = Whole.Statistics.From(from);
        fixed (double* gathered = all)
        {
            for (int c = 0; c < width; c++)
            {
                var pool = default(PooledMoments);
                bool inRange = true;
                for (int k = 0; k < PartsOfAll; k++)
                {
                    if (_counts[k] == 0) continue;
                    Moments part = Gathered(gathered, k, width).Moments(c);
                    pool.Add(_counts[k], part.Pivot, part.Low, part.Variance);
                    inRange &= part.Exponent == 0;
                }

                double pivot = Widen.Round<T>(pool.Pivot + pool.Low);
                var moments = new Moments(pivot, pool.Pivot - pivot + pool.Low, pool.Squares / pool.Count);
                if (!inRange || NormRange.IsOutOfRange<double>(moments.Variance, eps))
                    moments = PoolScaled<T>(gathered, width, c, eps);
                whole.Set(c, moments, eps);
            }
        }
    }

    /// <summary>
    /// The same for one channel in units of a power of two: if a part's statistics are, or the whole's squares
    /// leave the range of double.
    /// </summary>
    private Moments PoolScaled<T>(double* gathered, int width, int c, double eps) where T : unmanaged
    {
        int exponent = eps > 0 ? (Math.ILogB(eps) >> 1) + 1 : int.MinValue;
        for (int k = 0; k < PartsOfAll; k++)
        {
            if (_counts[k] == 0) continue;
            Moments part = Gathered(gathered, k, width).Moments(c);
            exponent = Math.Max(exponent, Exponent(part.Pivot, 0));
            exponent = Math.Max(exponent, Exponent(part.Low, part.Exponent));
            exponent = Math.Max(exponent, Exponent(Math.Sqrt(part.Variance), part.Exponent));
        }

        if (exponent == int.MinValue) exponent = 0;
        var pool = default(PooledMoments);
        for (int k = 0; k < PartsOfAll; k++)
        {
            if (_counts[k] == 0) continue;
            Moments part = Gathered(gathered, k, width).Moments(c);
            int own = part.Exponent - exponent;
            pool.Add(_counts[k],
                Math.ScaleB(part.Pivot, -exponent), Math.ScaleB(part.Low, own), Math.ScaleB(part.Variance, 2 * own));
        }

        // A NaN has no units: the channel is NaN by the ordinary formulas.
        if (double.IsNaN(pool.Squares)) return new Moments(double.NaN, double.NaN, double.NaN);
        double pivot = Widen.Round<T>(Math.ScaleB(pool.Pivot + pool.Low, exponent));
        return pool.Squares == 0
            ? new Moments(pivot, 0, 0)
            : new Moments(
                pivot, pool.Pivot - Math.ScaleB(pivot, -exponent) + pool.Low, pool.Squares / pool.Count, exponent);

        static int Exponent(double value, int own) =>
            value == 0 || !double.IsFinite(value) ? int.MinValue : Math.ILogB(value) + 1 + own;
    }

    /// <summary>Makes Σdy and Σdy·xhat of the whole out of those of all parts, for some channels.</summary>
    public void PoolSums(int from, int to)
    {
        int width = to - from;
        ReadOnlySpan<double> all = GatherRows("BatchNorm backward", NormTable.StatisticsRows, 2, from, to);
        NormTable whole = Whole.Sums.From(from);
        Add(all, new Span<double>(whole.SumDy, width));
        Add(all[width..], new Span<double>(whole.SumDyXHat, width));

        // Part by part, in their order.
        static void Add(ReadOnlySpan<double> all, Span<double> sums)
        {
            sums.Clear();
            for (int at = 0; at < all.Length; at += 2 * sums.Length)
            {
                for (int c = 0; c < sums.Length; c++) sums[c] += all[at + c];
            }
        }
    }

    /// <summary>Parts of all members.</summary>
    private int PartsOfAll => Parts * (_members?.Size ?? 1);

    /// <summary>The gathered statistics of a part.</summary>
    private static NormTable Gathered(double* all, int part, int width) =>
        new(all + (nint)part * GivenRows * width, width);

    private void Begin(int parts, int samples, int spatial)
    {
        (Parts, _samples, _spatial) = (parts, samples, spatial);
        IsPooled = false;
        _members = null;
        if (_ends.Length < parts) (_ends, _values) = (new int[parts], new double[parts]);
    }

    private void CountValues()
    {
        for (int p = 0; p < Parts; p++) _values[p] = (double)Length(p) * _spatial;
    }

    private int Start(int p) => p == 0 ? 0 : _ends[p - 1];

    private int Length(int p) => _ends[p] - Start(p);

    private NormTable Table(int block) => NormTable.Of(_rows.Pointer<double>(), _rows.Shape, block);

    /// <summary>Rows of all parts of all members, the channels from .. to of each.</summary>
    private ReadOnlySpan<double> GatherRows(string operation, int row, int rows, int from, int to)
    {
        int width = to - from;
        Span<double> own = Own(Parts * rows * width);
        for (int p = 0; p < Parts; p++)
        {
            for (int i = 0; i < rows; i++)
            {
                _rows.AsSpan<double>().Slice(((p * NormTable.PartRows) + row + i) * _channels + from, width).CopyTo(
                    own[((p * rows + i) * width)..]);
            }
        }

        return Gather(operation, own.Length);
    }

    private Span<double> Own(int count)
    {
        if (_own.Length < count) _own = new double[count];
        return _own.AsSpan(0, count);
    }

    /// <summary>The first <paramref name="count"/> values of <see cref="_own"/> of every member.</summary>
    private ReadOnlySpan<double> Gather(string operation, int count)
    {
        if (_members is null) return _own.AsSpan(0, count);
        int size = count * _members.Size;
        if (_all.Length < size) _all = new double[size];
        _members.AllGather(operation, _own.AsSpan(0, count), _all.AsSpan(0, size));
        return _all.AsSpan(0, size);
    }
}
