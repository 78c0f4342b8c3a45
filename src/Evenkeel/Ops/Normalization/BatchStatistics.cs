using System.Numerics;
using System.Runtime.CompilerServices;

namespace Evenkeel;

/// <summary>So many samples of a batch, and where their statistics are; a row has one double a channel.</summary>
/// <param name="start">The first sample.</param>
/// <param name="samples">Their number.</param>
/// <param name="count">m: the values per channel that the statistics are of; more than this part's where they are pooled.</param>
/// <param name="moments">Rows <see cref="Pivot"/> to <see cref="D"/>.</param>
/// <param name="sums">Rows <see cref="Dbeta"/> and <see cref="Dgamma"/>.</param>
/// <param name="channels">Doubles from one row to the next.</param>
internal readonly unsafe struct BatchPart(int start, int samples, double count, double* moments, double* sums, int channels)
{
    public const int Pivot = 0;
    public const int Low = 1;
    public const int Variance = 2;

    /// <summary>Low, the variance and rstd are in units of 2^this, 4^this and 2^-this; see <see cref="Moments"/>.</summary>
    public const int Exponent = 3;

    /// <summary>1/sqrt(var + eps); negative if the exponent is not 0, so that one look tells.</summary>
    public const int Rstd = 4;

    /// <summary>Renormalization's factor and shift; not set without it.</summary>
    public const int R = 5, D = 6;

    /// <summary>Σdy and Σdy·xhat.</summary>
    public const int Dbeta = 7, Dgamma = 8;

    public const int Rows = 9;

    public int Start => start;

    public int Samples => samples;

    public double Count => count;

    /// <summary>A row of moments.</summary>
    public double* this[int row] => (row < Dbeta ? moments : sums) + (nint)row * channels;

    /// <summary>The moments of a channel.</summary>
    public Moments Moments(int c) => new(this[Pivot][c], this[Low][c], this[Variance][c], (int)this[Exponent][c]);

    /// <summary>Sets the moments of a channel, and its rstd.</summary>
    public void Save(int c, in Moments of, double eps)
    {
        this[Pivot][c] = of.Pivot;
        this[Low][c] = of.Low;
        this[Variance][c] = of.Variance;
        this[Exponent][c] = of.Exponent;
        this[Rstd][c] = of.Exponent == 0 ? of.Rstd(eps) : -of.Rstd(eps);
    }
}

/// <summary>
/// The statistics of a batch that may come in parts: those of each part; and where the batch is pooled, those of all parts of all members, combined in their order.
/// </summary>
/// <remarks>
/// Two groups of n and n' values with means mean and mean' have together (Chan, Golub and LeVeque, 1979), with delta = mean' - mean:
/// mean + delta·n'/(n+n') and Σ(x-mean)² = their two sums + delta²·n·n'/(n+n').
/// <para>Means are held as pivot + low here too, so that no digits are lost where |mean| ≫ std: delta is taken of the pivots and of the lows.</para>
/// </remarks>
internal sealed unsafe class BatchStatistics
{
    /// <summary>Rows of moments that members give each other: pivot, low, variance and exponent.</summary>
    private const int Given = 4;

    // The memory, and where it is: asked for many times a channel.
    private Tensor _memory = null!;
    private double* _rows;
    private ICollective? _members;
    private int _channels;
    private int _samples;
    private int _spatial;

    // The parts of this batch: part p ends before sample _ends[p] and has _values[p] values per channel. And the values of every part of every member.
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

    /// <summary>A batch in runs of <paramref name="size"/> samples, each with its own statistics; in one part where that is 0.</summary>
    public void CutIntoRuns(int size, int samples, int spatial)
    {
        int parts = size == 0 || samples == 0 ? 1 : (int)(((long)samples + size - 1) / size);
        Begin(parts, samples, spatial);
        for (int p = 0; p < parts; p++) _ends[p] = p == parts - 1 ? samples : (p + 1) * size;
        CountValues();
    }

    /// <summary>A batch in parts of given sizes, whose statistics are those of all parts, and of the parts of all <paramref name="members"/>. No sizes: one part.</summary>
    public void Pool(ReadOnlySpan<int> sizes, ICollective? members, int samples, int spatial)
    {
        Begin(Math.Max(1, sizes.Length), samples, spatial);
        _ends[0] = samples;
        for (int p = 0; p < sizes.Length; p++) _ends[p] = (p == 0 ? 0 : _ends[p - 1]) + sizes[p];
        _members = members;
        IsPooled = true;
        CountValues();
    }

    /// <summary>Leaves positions out: each part has the values that count under the mask, whose bits are written.</summary>
    /// <param name="mask">Zeros and ones, one for each position.</param>
    /// <param name="bits">Receives them as bits of its type, see <see cref="Kernels.MaskBits"/>.</param>
    public void CountUnder(Tensor mask, Tensor bits)
    {
        for (int p = 0; p < Parts; p++) _values[p] = PositionMask.Write(mask, bits, Start(p) * _spatial, Length(p) * _spatial);
    }

    /// <summary>The shape of the memory that <see cref="Bind"/> wants: the rows of each part, and behind them those of the whole.</summary>
    public Shape RowsShape(int channels) => [Parts + (IsPooled ? 1 : 0), BatchPart.Rows, channels];

    public void Bind(Tensor rows)
    {
        _memory = rows;
        _rows = rows.Pointer<double>();
        _channels = rows.Shape[2];
        // Most channels are in range, and say so only here.
        for (int block = 0; block < rows.Shape[0]; block++) new Span<double>(Block(block) + BatchPart.Exponent * _channels, _channels).Clear();
        // Nothing is measured or summed over a part without samples: its rows are zero from the start.
        for (int p = 0; IsPooled && p < Parts; p++)
        {
            if (Length(p) == 0) new Span<double>(Block(p), BatchPart.Rows * _channels).Clear();
        }
    }

    public void Recycle()
    {
        _memory = null!;
        _members = null;
    }

    /// <summary>A part with its own moments and sums.</summary>
    public BatchPart Part(int p) => new(Start(p), Length(p), _values[p], Block(p), Block(p), _channels);

    /// <summary>A part whose sums are its own; its moments are those it was normalized with.</summary>
    public BatchPart PartToSum(int p) => IsPooled ? new(Start(p), Length(p), _pooledCount, Block(Parts), Block(p), _channels) : Part(p);

    /// <summary>One sample of a batch in one part.</summary>
    public BatchPart Sample(int n) => new(n, 1, _spatial, Block(0), Block(0), _channels);

    /// <summary>The whole batch, pooled.</summary>
    public BatchPart Whole => new(0, _samples, _pooledCount, Block(Parts), Block(Parts), _channels);

    /// <summary>
    /// Tells all members how many values there are, and settles how many channels go together: as few as the member with the least cache asks for. <see cref="int.MaxValue"/> is no limit.
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
        for (int member = 0; member < members; member++) channelsAtOnce = Math.Min(channelsAtOnce, (int)all[member * (Parts + 1) + Parts]);
        return (_pooledCount, channelsAtOnce);
    }

    /// <summary>Makes the moments of the whole out of those of all parts, for some channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void PoolMoments<T>(int from, int to, double eps) where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<double> all = GatherRows("BatchNorm forward", BatchPart.Pivot, Given, from, to);
        BatchPart whole = Whole;
        int width = to - from, size = Given * width;
        int parts = Parts * (_members?.Size ?? 1);
        for (int c = 0; c < width; c++)
        {
            double n = 0, pivot = 0, low = 0, squares = 0;
            bool inRange = true;
            for (int k = 0, at = c; k < parts; k++, at += size)
            {
                double more = _counts[k];
                if (more == 0) continue;
                if (n == 0) pivot = all[at];
                double delta = all[at] - pivot + (all[at + width] - low);
                double share = more / (n + more);
                low += delta * share;
                squares += all[at + 2 * width] * more + delta * delta * (n * share);
                n += more;
                inRange &= all[at + 3 * width] == 0;
            }

            double rounded = Moments.Round<T>(pivot + low);
            var moments = new Moments(rounded, pivot - rounded + low, squares / n);
            if (!inRange || NormFormulas.IsOutOfRange<double>(moments.Variance, eps)) moments = PoolScaled<T>(all, c, width, eps);
            whole.Save(from + c, moments, eps);
        }
    }

    /// <summary>The same for one channel in units of a power of two: where a part's statistics are, or the whole's squares leave the range of double.</summary>
    private Moments PoolScaled<T>(ReadOnlySpan<double> all, int c, int width, double eps) where T : unmanaged
    {
        int size = Given * width, parts = Parts * (_members?.Size ?? 1), exponent = eps > 0 ? (Math.ILogB(eps) >> 1) + 1 : int.MinValue;
        for (int k = 0, at = c; k < parts; k++, at += size)
        {
            if (_counts[k] == 0) continue;
            int own = (int)all[at + 3 * width];
            exponent = Math.Max(exponent, Exponent(all[at], 0));
            exponent = Math.Max(exponent, Exponent(all[at + width], own));
            exponent = Math.Max(exponent, Exponent(Math.Sqrt(all[at + 2 * width]), own));
        }

        if (exponent == int.MinValue) exponent = 0;
        double n = 0, pivot = 0, low = 0, squares = 0;
        for (int k = 0, at = c; k < parts; k++, at += size)
        {
            double more = _counts[k];
            if (more == 0) continue;
            int own = (int)all[at + 3 * width] - exponent;
            double next = Math.ScaleB(all[at], -exponent);
            if (n == 0) pivot = next;
            double delta = next - pivot + (Math.ScaleB(all[at + width], own) - low);
            double share = more / (n + more);
            low += delta * share;
            squares += Math.ScaleB(all[at + 2 * width], 2 * own) * more + delta * delta * (n * share);
            n += more;
        }

        // A NaN has no units: the channel is NaN by the ordinary formulas.
        if (double.IsNaN(squares)) return new Moments(double.NaN, double.NaN, double.NaN);
        double rounded = Moments.Round<T>(Math.ScaleB(pivot + low, exponent));
        return squares == 0 ? new Moments(rounded, 0, 0) : new Moments(rounded, pivot - Math.ScaleB(rounded, -exponent) + low, squares / n, exponent);

        static int Exponent(double value, int own) => value == 0 || !double.IsFinite(value) ? int.MinValue : Math.ILogB(value) + 1 + own;
    }

    /// <summary>Makes Σdy and Σdy·xhat of the whole out of those of all parts, for some channels.</summary>
    public void PoolSums(int from, int to)
    {
        ReadOnlySpan<double> all = GatherRows("BatchNorm backward", BatchPart.Dbeta, 2, from, to);
        int width = to - from, size = 2 * width;
        for (int row = 0; row < 2; row++)
        {
            double* whole = Whole[BatchPart.Dbeta + row] + from;
            for (int c = 0; c < width; c++)
            {
                double sum = 0;
                for (int at = row * width + c; at < all.Length; at += size) sum += all[at];
                whole[c] = sum;
            }
        }
    }

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

    private double* Block(int block) => _rows + (nint)block * BatchPart.Rows * _channels;

    /// <summary>Rows of all parts of all members, the channels from .. to of each.</summary>
    private ReadOnlySpan<double> GatherRows(string operation, int row, int rows, int from, int to)
    {
        int width = to - from;
        Span<double> own = Own(Parts * rows * width);
        for (int p = 0; p < Parts; p++)
        {
            for (int i = 0; i < rows; i++)
                new Span<double>(Block(p) + (nint)(row + i) * _channels + from, width).CopyTo(own[((p * rows + i) * width)..]);
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
