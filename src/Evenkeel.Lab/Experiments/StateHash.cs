using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Evenkeel.Lab.Experiments;

/// <summary>SHA-256 over names, shapes and bits of tensors: equal only where every bit is.</summary>
internal sealed class StateHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public void Add(string name, Tensor tensor)
    {
        _hash.AppendData(Encoding.UTF8.GetBytes($"{name} {tensor.DType} {tensor.Shape}\n"));
        switch (tensor.DType)
        {
            case DType.Float32: _hash.AppendData(MemoryMarshal.AsBytes(tensor.AsSpan<float>())); break;
            case DType.Float64: _hash.AppendData(MemoryMarshal.AsBytes(tensor.AsSpan<double>())); break;
            default: _hash.AppendData(MemoryMarshal.AsBytes(tensor.AsSpan<long>())); break;
        }
    }

    /// <summary>The hash of all that was added, in lower-case hexadecimal.</summary>
    public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}
