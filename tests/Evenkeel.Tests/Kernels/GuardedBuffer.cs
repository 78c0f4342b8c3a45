using System.Numerics;
using System.Runtime.InteropServices;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>The end of a <see cref="GuardedBuffer{T}"/> that touches memory which nobody may read or write.</summary>
internal enum Fence
{
    /// <summary>The last value is the last one before a closed page.</summary>
    Behind,

    /// <summary>The first value is the first one after a closed page.</summary>
    Before,
}

/// <summary>
/// Values with a guard at each end. At one end it is a closed page: an access ends the process with an
/// AccessViolationException whose stack names the kernel, even if the kernel drops what it reads. At the other end it
/// is a pack of NaN: a value that is read there shows in the result, and <see cref="Check"/> finds one that is written.
/// </summary>
/// <remarks>
/// Windows has no closed page here, only NaN at both ends. A buffer ends when its thread has made 64 newer ones.
/// </remarks>
internal sealed unsafe class GuardedBuffer<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Guard = 32;

    private readonly ClosedPages _pages;
    private readonly int _first;

    public GuardedBuffer(int count, ulong seed, Fence fence = Fence.Behind)
    {
        Count = count;
        _pages = new ClosedPages((nint)(count + (2 * Guard)) * sizeof(T));
        int room = (int)(_pages.Bytes / sizeof(T));
        _first = fence == Fence.Before ? 0 : room - count;
        if (!ClosedPages.AreSupported) _first = Guard;
        new Span<T>(_pages.Memory, room).Fill(T.NaN);
        Span<T> values = Values;
        var random = new Evenkeel.Random.Philox(seed);
        for (int i = 0; i < count; i++) values[i] = T.CreateTruncating(random.NextDouble() + 0.5);
    }

    public int Count { get; }

    public Span<T> Values => new(Pointer, Count);

    /// <summary>The first element: aligned to nothing but the element, as a row inside a tensor is.</summary>
    public T* Pointer => (T*)_pages.Memory + _first;

    /// <summary>Element <paramref name="i"/> as a double.</summary>
    public double this[int i] => double.CreateTruncating(Values[i]);

    /// <summary>Sets what lies between runs to NaN: the runs do not include it.</summary>
    public GuardedBuffer<T> WithGaps(int length, int stride)
    {
        Span<T> values = Values;
        for (int i = 0; i < Count; i++)
        {
            if (i % stride >= length) values[i] = T.NaN;
        }

        return this;
    }

    /// <summary>Fails if a guard, or a gap of <see cref="WithGaps"/>, was overwritten.</summary>
    public void Check(int length = int.MaxValue, int stride = int.MaxValue)
    {
        var all = new ReadOnlySpan<T>(_pages.Memory, (int)(_pages.Bytes / sizeof(T)));
        int end = _first + Count;
        for (int i = Math.Max(0, _first - Guard); i < Math.Min(all.Length, end + Guard); i++)
        {
            if ((i < _first || i >= end || (i - _first) % stride >= length) && !T.IsNaN(all[i]))
                Assert.Fail($"A guard was overwritten at {i - _first} of {Count} elements.");
        }
    }
}

/// <summary>Whole pages of memory between two pages that are closed.</summary>
internal sealed unsafe partial class ClosedPages
{
    private const int Open = 3;

    /// <summary>
    /// Buffers of a thread that live at the same time: pages are returned when so many newer ones exist, not when
    /// nobody refers to them, because a kernel knows their address only.
    /// </summary>
    private const int Living = 64;

    private static readonly int s_page = Environment.SystemPageSize;

    [ThreadStatic] private static Queue<ClosedPages>? t_living;

    private readonly byte* _block;

    public ClosedPages(nint bytes)
    {
        Bytes = (bytes + s_page - 1) / s_page * s_page;
        _block = (byte*)NativeMemory.AlignedAlloc((nuint)(Bytes + (2 * s_page)), (nuint)s_page);
        Protect(0);
        t_living ??= new Queue<ClosedPages>();
        t_living.Enqueue(this);
        if (t_living.Count > Living) t_living.Dequeue().Free();
    }

    public static bool AreSupported => !OperatingSystem.IsWindows();

    /// <summary>The size of the open part, in bytes.</summary>
    public nint Bytes { get; }

    public byte* Memory => _block + s_page;

    private void Free()
    {
        Protect(Open);
        NativeMemory.AlignedFree(_block);
    }

    private void Protect(int access)
    {
        if (!AreSupported) return;
        if (ProtectPage(_block, s_page, access) != 0 || ProtectPage(Memory + Bytes, s_page, access) != 0)
            throw new InvalidOperationException("mprotect: expected a page to close or open.");
    }

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int ProtectPage(void* address, nint length, int access);
}
