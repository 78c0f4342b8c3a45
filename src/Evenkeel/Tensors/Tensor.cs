using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evenkeel;

/// <summary>
/// A dense array of numbers with a shape: contiguous, row-major (images are N, C, H, W). The element type is a value,
/// <see cref="DType"/>.
/// </summary>
/// <remarks>
/// A tensor made by <c>Zeros</c>, <c>From</c> and similar methods owns plain managed memory, and mathematics on it is
/// plain mathematics. A tensor on a <see cref="Tape"/> lives in the tape's memory until the tape's next
/// <see cref="Tape.Reset"/>. A later access throws, so <see cref="Clone"/> the tensors that you want to keep.
/// </remarks>
[DebuggerDisplay("{DebuggerText,nq}")]
public sealed partial class Tensor
{
    private readonly byte[] _buffer;
    private readonly int _offset;
    private readonly Arena? _arena;
    private long _epoch;

    private Tensor(Arena.Memory memory, Shape shape, DType dtype, Arena? arena)
    {
        _buffer = memory.Buffer;
        _offset = memory.Offset;
        _arena = arena;
        _epoch = arena?.Epoch ?? 0;
        Shape = shape;
        DType = dtype;
    }

    /// <summary>The sizes of the dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>Number of elements.</summary>
    public int Count => Shape.Count;

    /// <summary>A new tensor with undefined content outside any tape.</summary>
    internal static Tensor Empty(Shape shape, DType dtype) =>
        new(Arena.Allocate(SizeInBytes(shape, dtype)), shape, dtype, arena: null);

    /// <summary>A tensor with undefined content in the current pass of an arena.</summary>
    internal static Tensor Rent(Arena arena, Shape shape, DType dtype) =>
        new(arena.Rent(SizeInBytes(shape, dtype)), shape, dtype, arena);

    /// <summary>Another handle on this tensor's memory, in the given shape (of the same count) and pass.</summary>
    internal Tensor Alias(Shape shape, Arena? arena) =>
        new(new Arena.Memory(_buffer, _offset, 0), shape, DType, arena);

    /// <summary>Another handle on this tensor's memory, in the given shape (of the same count).</summary>
    internal Tensor Alias(Shape shape) => Alias(shape, _arena);

    /// <summary>Whether two tensors begin at one place in memory: one is another handle on the other.</summary>
    internal bool SharesMemory(Tensor other) => ReferenceEquals(_buffer, other._buffer) && _offset == other._offset;

    /// <summary>Gives the memory back to the pass before its end. No handle on it may be read any more.</summary>
    internal void ReturnTo(Arena arena)
    {
        if (ReferenceEquals(_arena, arena) && Count > 0)
            arena.Return(new Arena.Memory(_buffer, _offset, SizeInBytes(Shape, DType)));
    }

    /// <summary>
    /// A handle on <paramref name="count"/> samples of this tensor, from <paramref name="start"/> on along the first
    /// axis. It makes no copy, and no gradient flows through it.
    /// </summary>
    internal Tensor Rows(int start, int count)
    {
        ThrowIfStale();
        Span<int> sizes = stackalloc int[Shape.Rank];
        Shape.CopyTo(sizes);
        int offset = Shape[0] == 0 ? 0 : (int)(start * (SizeInBytes(Shape, DType) / Shape[0]));
        sizes[0] = count;
        return new Tensor(new Arena.Memory(_buffer, _offset + offset, 0), new Shape(sizes), DType, _arena);
    }

    /// <summary>
    /// Another handle on this tensor's memory that reads the bits as another type of the same size. With it 64-bit
    /// integers go through ops that only move elements. No gradient flows through it.
    /// </summary>
    internal Tensor Reinterpret(DType dtype)
    {
        ThrowIfStale();
        var handle = new Tensor(new Arena.Memory(_buffer, _offset, 0), Shape, dtype, _arena);
        if (Tape is null) return handle;
        handle.On(Tape, requiresGradient: false);
        Tape.Trace?.Note("Reinterpret", "Reinterpret", handle, isAlias: true, this);
        return handle;
    }

    /// <summary>
    /// The elements, without a copy. The span keeps the memory alive, so it may outlive the tensor and the tape. But a
    /// tape writes other values there after its next <see cref="Tape.Reset"/>.
    /// </summary>
    /// <typeparam name="T">
    /// <see cref="float"/>, <see cref="double"/> or <see cref="long"/>; it must fit <see cref="DType"/>.
    /// </typeparam>
    /// <exception cref="InvalidOperationException">
    /// The element type differs, or the tensor belongs to a pass that is over.
    /// </exception>
    public Span<T> AsSpan<T>() where T : unmanaged
    {
        ThrowIfStale();
        if (DTypeExtensions.Of<T>() != DType) ThrowWrongType<T>();
        return MemoryMarshal.CreateSpan(ref Unsafe.As<byte, T>(ref Start), Count);
    }

    /// <summary>
    /// The address of the first element. An address keeps no memory alive: the memory exists only while a handle on it
    /// is reachable, and a local variable is not reachable after its last use. So this method is for ops only: they
    /// hold their tensors, and are held while they run. All other code writes
    /// <c>fixed (T* p = tensor.AsSpan&lt;T&gt;())</c>.
    /// </summary>
    internal unsafe T* Pointer<T>() where T : unmanaged
    {
        if (DTypeExtensions.Of<T>() != DType) ThrowWrongType<T>();
        ThrowIfStale();
        // The array is pinned.
        return (T*)Unsafe.AsPointer(ref Start);
    }

    /// <summary>The elements in a new array.</summary>
    /// <exception cref="InvalidOperationException">
    /// The element type differs, or the tensor belongs to a pass that is over.
    /// </exception>
    public T[] ToArray<T>() where T : unmanaged => AsSpan<T>().ToArray();

    /// <summary>The value of a tensor of one element, as a double.</summary>
    /// <exception cref="InvalidOperationException">The tensor does not have exactly one element.</exception>
    public double Item()
    {
        if (Count != 1)
        {
            throw new InvalidOperationException($"Tensor.Item: expected a tensor of one element, got shape {Shape}. "
                + $"Reduce it (Sum, Mean) or use ToArray.");
        }

        return DType switch
        {
            DType.Float32 => AsSpan<float>()[0],
            DType.Float64 => AsSpan<double>()[0],
            _ => AsSpan<long>()[0],
        };
    }

    /// <summary>An element of a floating-point tensor as a double; the index counts elements in memory.</summary>
    internal double ValueAt(int index) => DType == DType.Float64 ? AsSpan<double>()[index] : AsSpan<float>()[index];

    /// <summary>Sets an element of a floating-point tensor, rounded to its type; see <see cref="ValueAt"/>.</summary>
    internal void SetValueAt(int index, double value)
    {
        if (DType == DType.Float64) AsSpan<double>()[index] = value;
        else AsSpan<float>()[index] = (float)value;
    }

    /// <summary>
    /// A copy in memory of its own, outside any tape. It may be kept, and no gradient flows through it.
    /// </summary>
    public Tensor Clone()
    {
        Tensor copy = Empty(Shape, DType);
        copy.CopyFrom(this);
        return copy;
    }

    /// <summary>True if both handles are on the same memory.</summary>
    internal bool SharesMemoryWith(Tensor other) => ReferenceEquals(_buffer, other._buffer) && _offset == other._offset;

    /// <summary>
    /// A copy with another element type, outside any tape. Integers become the nearest floating-point values. No
    /// gradient flows through it. If this tensor has a gradient to lose (a parameter's value, an activation that
    /// requires a gradient), the copy is for plain mathematics only: it throws when it meets a tape, until it is
    /// <see cref="Detach"/>ed.
    /// </summary>
    public Tensor To(DType dtype)
    {
        Tensor converted = dtype == DType ? Clone() : Converted(dtype);
        converted.IsDetachedFromParameter = IsFromParameter || RequiresGradient;
        return converted;
    }

    private Tensor Converted(DType dtype)
    {
        Tensor converted = Empty(Shape, dtype);
        for (int i = 0; i < Count; i++)
        {
            double value = DType switch
            {
                DType.Float32 => AsSpan<float>()[i],
                DType.Float64 => AsSpan<double>()[i],
                _ => AsSpan<long>()[i],
            };
            switch (dtype)
            {
                case DType.Float32: converted.AsSpan<float>()[i] = (float)value; break;
                case DType.Float64: converted.AsSpan<double>()[i] = value; break;
                default: converted.AsSpan<long>()[i] = (long)value; break;
            }
        }

        return converted;
    }

    /// <summary>Copies the elements of a tensor of the same shape and type into this one.</summary>
    /// <exception cref="ArgumentException">Shape or element type differ.</exception>
    public void CopyFrom(Tensor source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Shape != Shape || source.DType != DType)
        {
            throw new ArgumentException(
                $"Tensor.CopyFrom: expected {DType} of shape {Shape}, got {source.DType} of shape {source.Shape}.",
                nameof(source));
        }

        source.Bytes().CopyTo(Bytes());
    }

    /// <summary>The elements as raw bytes, little-endian, without a copy.</summary>
    internal unsafe Span<byte> Bytes() => DType switch
    {
        DType.Float32 => MemoryMarshal.AsBytes(AsSpan<float>()),
        DType.Float64 => MemoryMarshal.AsBytes(AsSpan<double>()),
        _ => MemoryMarshal.AsBytes(AsSpan<long>()),
    };

    /// <summary>Throws if this tensor belongs to a pass that is over.</summary>
    internal void ThrowIfStale()
    {
        if (_arena is not null && _arena.Epoch != _epoch) ThrowStale();
    }

    /// <summary>Shape, element type and the first values.</summary>
    public override string ToString() => TensorPrinter.Print(this);

    /// <summary>True if the pass of this tensor is over.</summary>
    internal bool IsStale => _arena is not null && _arena.Epoch != _epoch;

    private string DebuggerText =>
        IsStale ? $"Tensor {Shape} {DType}, of a pass that is over" : TensorPrinter.Line(this);

    private static long SizeInBytes(Shape shape, DType dtype)
    {
        long bytes = (long)shape.Count * dtype.SizeInBytes();
        return bytes <= Arena.MaxBytes
            ? bytes
            : throw new ArgumentException($"Tensor: expected at most {Arena.MaxBytes} bytes (2 GB), got {bytes} for "
                + $"{dtype} of shape {shape}. Split the batch, or store the values in several tensors.", nameof(shape));
    }

    private ref byte Start => ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_buffer), _offset);

    private void ThrowStale() => throw new InvalidOperationException(_arena!.StaleMessage
        ?? $"Tensor: this activation of shape {Shape} belonged to step {_epoch} of its tape, which is now at step "
            + $"{_arena.Epoch}; its memory has been reused. Clone() it within its step to keep it.");

    private void ThrowWrongType<T>() => throw new InvalidOperationException($"Tensor: expected "
        + $"to be read as {(DType == DType.Float32 ? "float" : DType == DType.Float64 ? "double" : "long")} ({DType}), "
        + $"got {typeof(T).Name}. Convert it with To(DType).");
}
