using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// A buffer with a pack of guard values on both sides: NaN, so that an overread shows in the result, and a written
/// guard is found by <see cref="Check"/>.
/// </summary>
internal sealed unsafe class GuardedBuffer<T> where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
{
    private const int Guard = 32;

    private readonly T[] _values;

    public GuardedBuffer(int count, ulong seed)
    {
        Count = count;
        _values = GC.AllocateArray<T>(count + (2 * Guard), pinned: true);
        Array.Fill(_values, T.NaN);
        var random = new Evenkeel.Random.Philox(seed);
        for (int i = 0; i < count; i++) _values[Guard + i] = T.CreateTruncating(random.NextDouble() + 0.5);
    }

    public int Count { get; }

    public Span<T> Values => _values.AsSpan(Guard, Count);

    /// <summary>The first element: aligned to nothing but the element, as a row inside a tensor is.</summary>
    public T* Pointer => (T*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref _values[Guard]);

    public void Check()
    {
        for (int i = 0; i < Guard; i++)
        {
            Assert.True(
                T.IsNaN(_values[i]) && T.IsNaN(_values[^(i + 1)]), $"A guard was overwritten at length {Count}.");
        }
    }
}
