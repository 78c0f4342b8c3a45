using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The memory of one pass: pinned slabs, handed out from front to back and rewound as a whole. The number of slabs only
/// grows, so a steady pass allocates nothing.
/// </summary>
/// <remarks>
/// Every rewind begins a new epoch. A tensor remembers the epoch in which it was rented. So an access to a tensor kept
/// beyond its pass is detected.
/// </remarks>
/// <param name="firstSlabBytes">Size of the first slab; each later one is as large as all before it.</param>
internal sealed class Arena(int firstSlabBytes = 1 << 20)
{
    /// <summary>
    /// The largest number of bytes in one piece: the longest managed array less the bytes for alignment.
    /// </summary>
    public static readonly long MaxBytes = Array.MaxLength - (2 * Simd.Alignment);

    private readonly List<Memory> _slabs = [];
    private readonly List<Memory> _free = [];
    private int _current;
    private long _used;

    /// <summary>A pinned, 64-byte aligned stretch of a managed array.</summary>
    internal readonly record struct Memory(byte[] Buffer, int Offset, long Length);

    /// <summary>
    /// The error text for a tensor that was kept beyond its pass, with advice. Null for the arena of a tape, which has
    /// a text of its own.
    /// </summary>
    public string? StaleMessage { get; init; }

    /// <summary>Number of rewinds: the number of the current pass.</summary>
    public long Epoch { get; private set; }

    /// <summary>Bytes held in all slabs.</summary>
    public long Capacity { get; private set; }

    /// <summary>Hands out <paramref name="bytes"/> bytes of undefined content, aligned to a pack.</summary>
    public Memory Rent(long bytes)
    {
        long rounded = Round(bytes);
        if (TakeFree(rounded) is { } again) return again with { Length = bytes };
        while (_current < _slabs.Count)
        {
            Memory slab = _slabs[_current];
            if (_used + rounded <= slab.Length)
            {
                var rented = new Memory(slab.Buffer, slab.Offset + (int)_used, bytes);
                _used += rounded;
                return rented;
            }

            _current++;
            _used = 0;
        }

        long size = Math.Max(rounded, Math.Min(Math.Max(firstSlabBytes, Capacity), 256L << 20));
        _slabs.Add(Allocate(size));
        Capacity += size;
        _used = rounded;
        Memory fresh = _slabs[^1];
        return fresh with { Length = bytes };
    }

    /// <summary>
    /// Takes one piece back before the pass ends. Nothing may read it any more. A piece of other memory, for example of
    /// a parameter, is left alone.
    /// </summary>
    public void Return(Memory memory)
    {
        foreach (Memory slab in _slabs)
        {
            if (!ReferenceEquals(slab.Buffer, memory.Buffer)) continue;
            _free.Add(memory with { Length = Round(memory.Length) });
            return;
        }
    }

    /// <summary>Takes all memory back. Tensors rented so far are stale from now on.</summary>
    public void Rewind()
    {
        Epoch++;
        _free.Clear();
        _current = 0;
        _used = 0;
    }

    /// <summary>Memory outside any arena: pinned and aligned, with undefined content.</summary>
    public static unsafe Memory Allocate(long bytes)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(
            checked((int)(Round(bytes) + Simd.Alignment)), pinned: true);
        nint start = (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref buffer[0]);
        return new Memory(buffer, (int)(-start & (Simd.Alignment - 1)), Round(bytes));
    }

    /// <summary>The smallest returned piece that is large enough; what is left of it stays free.</summary>
    private Memory? TakeFree(long bytes)
    {
        int best = -1;
        for (int i = 0; i < _free.Count; i++)
        {
            if (_free[i].Length >= bytes && (best < 0 || _free[i].Length < _free[best].Length)) best = i;
        }

        if (best < 0 || bytes == 0) return null;
        Memory piece = _free[best];
        if (piece.Length == bytes) _free.RemoveAt(best);
        else _free[best] = new Memory(piece.Buffer, piece.Offset + (int)bytes, piece.Length - bytes);
        return piece;
    }

    private static long Round(long bytes) => (bytes + Simd.Alignment - 1) & -Simd.Alignment;
}
