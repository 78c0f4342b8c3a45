using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>A short name for every bit of a model: equal hashes mean equal weights and statistics.</summary>
public static class WeightsHash
{
    /// <summary>
    /// The first 16 hexadecimal digits of SHA-256 over key, element type, shape and bytes (little-endian) of all parameters and buffers, in the order of the state dict.
    /// </summary>
    public static string Of(Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[4];
        foreach (Module.StateEntry entry in model.State())
        {
            byte[] key = Encoding.UTF8.GetBytes(entry.Key);
            Append(hash, number, key.Length);
            hash.AppendData(key);
            Append(hash, number, (int)entry.Live.DType);
            Append(hash, number, entry.Live.Shape.Rank);
            for (int i = 0; i < entry.Live.Shape.Rank; i++) Append(hash, number, entry.Live.Shape[i]);
            hash.AppendData(entry.Live.Bytes());
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    private static void Append(IncrementalHash hash, Span<byte> buffer, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(buffer, value);
        hash.AppendData(buffer);
    }
}
