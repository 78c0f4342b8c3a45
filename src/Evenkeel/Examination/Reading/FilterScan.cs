using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>Copies bytes of a tensor.</summary>
/// <param name="offset">The first byte, counted from the tensor's beginning.</param>
/// <param name="to">Takes the bytes.</param>
internal delegate void TensorBytes(long offset, Span<byte> to);

/// <summary>
/// What one pass over a weight says of each filter. The weight is read in pieces that fit a cache, so that the memory
/// does not grow with it.
/// </summary>
/// <remarks>
/// The order of the additions follows from the layout alone: the result is the same for any number of threads. Values
/// that are not finite are counted, and left out of the sums.
/// </remarks>
internal sealed class FilterScan
{
    /// <summary>The bytes of a piece.</summary>
    private const int PieceBytes = 1 << 18;

    /// <summary>About as many bytes of whole filters are one chunk of a job.</summary>
    private const long ChunkBytes = 1 << 22;

    /// <summary>Odd numbers from the golden ratio and from the square root of 3.</summary>
    private const uint LanePrime = 0x9E3779B1;

    private const ulong LowPrime = 0x9E3779B97F4A7C15, HighPrime = 0xBB67AE8584CAA73B;

    private const uint FirstNotFinite = 0x7F800000;

    private readonly double[] _squares;
    private readonly double[] _peaks;
    private readonly ulong[] _low, _high;
    private readonly long[] _bad;
    private long _nans;

    private FilterScan(int filters)
    {
        (_squares, _peaks, _low, _high) = (new double[filters], new double[filters], new ulong[filters],
            new ulong[filters]);
        _bad = new long[filters];
    }

    /// <summary>The Euclidean norm of each filter.</summary>
    public double[] Norms => Array.ConvertAll(_squares, Math.Sqrt);

    /// <summary>The largest absolute value of each filter.</summary>
    public double[] Peaks => _peaks;

    /// <summary>A hash of the values of each filter.</summary>
    public UInt128[] Hashes => [.. _low.Zip(_high, static (low, high) => new UInt128(high, low))];

    /// <summary>The number of values that are not finite.</summary>
    public long NotFinite => _bad.Sum();

    /// <summary>The number of values that are no numbers. Infinite ones may be meant, for example in a mask.</summary>
    public long NaNs => _nans;

    /// <summary>Reads a weight.</summary>
    /// <param name="type">The type of its values; one that widens to floating point.</param>
    /// <param name="layout">Where its filters are.</param>
    /// <param name="bytes">Reads it; several threads ask at a time.</param>
    public static FilterScan Of(ElementType type, FilterLayout layout, TensorBytes bytes)
    {
        var scan = new FilterScan(layout.Filters);
        if (layout.Count == 0) return scan;
        var values = new Values(type, bytes);
        if (layout.Outer == 1)
        {
            long filterBytes = Math.Max(1, layout.Inner * values.Size);
            int perChunk = (int)Math.Clamp(ChunkBytes / filterBytes, 1, layout.Filters);
            int chunks = (layout.Filters + perChunk - 1) / perChunk;
            Workers.Run(chunks, new Job(scan, values, layout, perChunk), layout.Count);
        }
        else
        {
            scan.Columns(values, layout);
        }

        return scan;
    }

    /// <summary>The values of a weight, in double or in single.</summary>
    private readonly record struct Values(ElementType Type, TensorBytes Bytes)
    {
        public int Size => Type.Bits / 8;

        public static int PerPiece => PieceBytes / 8;

        /// <summary>
        /// The length of the next piece: whole filters, or a part of one that is larger. So equal filters are cut at
        /// equal places, wherever they stand.
        /// </summary>
        public static int Piece(long position, long end, long inner) => (int)Math.Min(end - position,
            inner <= PerPiece ? PerPiece / inner * inner : Math.Min(PerPiece, inner - (position % inner)));

        /// <summary>Reads values from one on.</summary>
        public void Read(long first, Span<byte> raw, Span<float> to)
        {
            if (Type == ElementType.F32)
            {
                Bytes(first * 4, MemoryMarshal.AsBytes(to));
                return;
            }

            raw = raw[..(to.Length * Size)];
            Bytes(first * Size, raw);
            HalfWidths.Widen(Type, raw, to);
        }

        public void Read(long first, Span<double> to) => Bytes(first * 8, MemoryMarshal.AsBytes(to));
    }

    private readonly struct Job(FilterScan scan, Values values, FilterLayout layout, int perChunk) : IJob
    {
        public void Invoke(int chunk)
        {
            int first = chunk * perChunk, last = Math.Min(layout.Filters, first + perChunk);
            scan.Rows(values, layout.Inner, first, last);
        }
    }

    /// <summary>Filters that stand one after the other.</summary>
    private void Rows(Values values, long inner, int first, int last)
    {
        using var memory = new Buffers(Values.PerPiece);
        for (long position = first * inner; position < last * inner;)
        {
            int count = Values.Piece(position, last * inner, inner);
            memory.Fill(values, position, count);
            for (int at = 0, length; at < count; at += length)
            {
                length = (int)Math.Min(count - at, inner);
                memory.Add(this, (int)((position + at) / inner), at, length);
            }

            position += count;
        }
    }

    /// <summary>Filters whose values stand apart: the outputs are not the first dimension.</summary>
    private void Columns(Values values, FilterLayout layout)
    {
        using var memory = new Buffers(Values.PerPiece);
        long run = layout.PerOuter * layout.Inner;
        for (long position = 0; position < layout.Count;)
        {
            int count = Values.Piece(position, layout.Count, layout.Inner);
            memory.Fill(values, position, count);
            for (int at = 0, length; at < count; at += length)
            {
                (long outer, long inRun) = Math.DivRem(position + at, run);
                length = (int)Math.Min(count - at, layout.Inner);
                memory.Add(this, layout.FirstFilter(outer) + (int)(inRun / layout.Inner), at, length);
            }

            position += count;
        }
    }

    /// <summary>The memory of one thread.</summary>
    private sealed class Buffers(int values) : IDisposable
    {
        private readonly double[] _wide = ArrayPool<double>.Shared.Rent(values);
        private readonly byte[] _raw = ArrayPool<byte>.Shared.Rent(2 * values);
        private bool _isDouble;

        private Span<float> Single => MemoryMarshal.Cast<double, float>(_wide.AsSpan());

        public void Fill(Values from, long first, int count)
        {
            _isDouble = from.Type == ElementType.F64;
            if (_isDouble) from.Read(first, _wide.AsSpan(0, count));
            else from.Read(first, _raw, Single[..count]);
        }

        public void Add(FilterScan to, int filter, int start, int length)
        {
            if (_isDouble) to.Add(filter, _wide.AsSpan(start, length));
            else to.Add(filter, Single.Slice(start, length));
        }

        public void Dispose()
        {
            ArrayPool<double>.Shared.Return(_wide);
            ArrayPool<byte>.Shared.Return(_raw);
        }
    }

    private void Add(int filter, ReadOnlySpan<double> values)
    {
        (ulong low, ulong high) = (_low[filter], _high[filter]);
        double squares = 0, peak = _peaks[filter];
        foreach (double value in values)
        {
            ulong bits = BitConverter.DoubleToUInt64Bits(value);
            (low, high) = ((low ^ bits) * LowPrime, BitOperations.RotateLeft(high + bits, 29) * HighPrime);
            if (!double.IsFinite(value))
            {
                NoteNotFinite(filter, double.IsNaN(value));
                continue;
            }

            squares += value * value;
            peak = Math.Max(peak, Math.Abs(value));
        }

        _squares[filter] += squares;
        (_peaks[filter], _low[filter], _high[filter]) = (peak, low, high);
    }

    private void Add(int filter, ReadOnlySpan<float> values)
    {
        (ulong low, ulong high) = (_low[filter], _high[filter]);
        uint peak = 0;
        double squares = 0;
        int i = 0;
        if (values.Length >= Vector512<float>.Count)
        {
            Vector512<uint> hash = Vector512.Create(LanePrime), peaks = Vector512<uint>.Zero;
            Vector512<double> even = Vector512<double>.Zero, odd = even;
            for (; i <= values.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                Vector512<float> x = Vector512.Create(values.Slice(i, Vector512<float>.Count));
                Vector512<uint> bits = x.AsUInt32();
                hash = (hash ^ bits) * LanePrime;
                peaks = Vector512.Max(peaks, bits & Vector512.Create(0x7FFFFFFFu));
                (Vector512<double> first, Vector512<double> second) = Vector512.Widen(x);
                even = Vector512.FusedMultiplyAdd(first, first, even);
                odd = Vector512.FusedMultiplyAdd(second, second, odd);
            }

            squares = Vector512.Sum(even + odd);
            for (int lane = 0; lane < Vector512<uint>.Count; lane++)
            {
                peak = Math.Max(peak, peaks[lane]);
                (low, high) = Mixed(low, high, hash[lane]);
            }
        }

        for (; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            peak = Math.Max(peak, bits & 0x7FFFFFFF);
            squares += (double)values[i] * values[i];
            (low, high) = Mixed(low, high, bits);
        }

        (_low[filter], _high[filter]) = (low, high);
        if (peak >= FirstNotFinite)
        {
            (squares, peak) = (0, 0);
            foreach (float value in values)
            {
                if (!float.IsFinite(value))
                {
                    NoteNotFinite(filter, float.IsNaN(value));
                    continue;
                }

                squares += (double)value * value;
                peak = Math.Max(peak, BitConverter.SingleToUInt32Bits(value) & 0x7FFFFFFF);
            }
        }

        _squares[filter] += squares;
        _peaks[filter] = Math.Max(_peaks[filter], BitConverter.UInt32BitsToSingle(peak));
    }

    private void NoteNotFinite(int filter, bool isNaN)
    {
        _bad[filter]++;
        if (isNaN) Interlocked.Increment(ref _nans);
    }

    private static (ulong Low, ulong High) Mixed(ulong low, ulong high, uint bits) =>
        ((low ^ bits) * LowPrime, BitOperations.RotateLeft(high + bits, 29) * HighPrime);
}
