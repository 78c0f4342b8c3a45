using System.Security.Cryptography;
using System.Text;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// A hash over every bit of a model, of several models or of tensors: SHA-256 in 64 lower-case hexadecimal digits.
/// Equal hashes mean equal names, shapes, weights and statistics.
/// </summary>
/// <remarks>
/// Each tensor counts as the line <c>name element-type shape</c> in UTF-8, then its bytes (little-endian).
/// </remarks>
public sealed class WeightsHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>The hash of one model: all its parameters, then all its buffers, under their keys.</summary>
    public static string Of(Module model)
    {
        using var hash = new WeightsHash();
        hash.AddState("", model);
        return hash.Finish();
    }

    /// <summary>Adds all parameters, then all buffers of a model, as <c>name.key</c>.</summary>
    /// <param name="name">The name that distinguishes this model from the others.</param>
    /// <param name="model">The model.</param>
    public void Add(string name, Module model) => AddState($"{name}.", model);

    /// <summary>Adds one tensor, for example an output or a gradient.</summary>
    /// <param name="name">The name that distinguishes this tensor from the others.</param>
    /// <param name="tensor">The tensor.</param>
    public void Add(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        _hash.AppendData(Encoding.UTF8.GetBytes($"{name} {tensor.DType} {tensor.Shape}\n"));
        _hash.AppendData(tensor.Bytes());
    }

    /// <summary>The hash of everything that was added, in this order. The next addition begins a new hash.</summary>
    public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    /// <summary>Releases the system's resources for the hash.</summary>
    public void Dispose() => _hash.Dispose();

    private void AddState(string prefix, Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        foreach ((string key, Parameter parameter) in model.NamedParameters()) Add(prefix + key, parameter.Value);
        foreach ((string key, StateBuffer buffer) in model.NamedBuffers()) Add(prefix + key, buffer.Value);
    }
}
