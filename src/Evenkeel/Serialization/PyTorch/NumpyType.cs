using System.Buffers.Binary;
using System.Numerics;

namespace Evenkeel.Serialization;

/// <summary>NumPy's type of a number in a pickle, for example <c>f8</c>.</summary>
internal sealed class NumpyType(string code)
{
    private bool _isBigEndian;

    /// <summary>The type's state has its order of bytes in second place.</summary>
    public void Build(object? state) => _isBigEndian = state is PickleNode { Items: [_, ">", ..] };

    /// <summary>The number with these bytes; null for types that are no numbers.</summary>
    public object? Number(ReadOnlySpan<byte> bytes)
    {
        Span<byte> value = stackalloc byte[16];
        if (bytes.Length > value.Length) return null;
        bytes.CopyTo(value);
        if (_isBigEndian) value[..bytes.Length].Reverse();
        return (code, bytes.Length) switch
        {
            ("b1", 1) => value[0] != 0,
            ("i1", 1) => (long)(sbyte)value[0],
            ("i2", 2) => (long)BinaryPrimitives.ReadInt16LittleEndian(value),
            ("i4", 4) => (long)BinaryPrimitives.ReadInt32LittleEndian(value),
            ("i8", 8) => BinaryPrimitives.ReadInt64LittleEndian(value),
            ("u1", 1) => (long)value[0],
            ("u2", 2) => (long)BinaryPrimitives.ReadUInt16LittleEndian(value),
            ("u4", 4) => (long)BinaryPrimitives.ReadUInt32LittleEndian(value),
            ("u8", 8) => new BigInteger(BinaryPrimitives.ReadUInt64LittleEndian(value)),
            ("f2", 2) => (double)BinaryPrimitives.ReadHalfLittleEndian(value),
            ("f4", 4) => (double)BinaryPrimitives.ReadSingleLittleEndian(value),
            ("f8", 8) => BinaryPrimitives.ReadDoubleLittleEndian(value),
            _ => null,
        };
    }
}
