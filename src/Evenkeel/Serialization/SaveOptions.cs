using System.Collections.ObjectModel;

namespace Evenkeel.Serialization;

/// <summary>How numbers are stored in a file.</summary>
public enum StoredType
{
    /// <summary>64 bits (IEEE binary64).</summary>
    F64,

    /// <summary>32 bits (IEEE binary32).</summary>
    F32,

    /// <summary>16 bits (IEEE binary16): 11 bits of precision, up to 65,504.</summary>
    F16,

    /// <summary>16 bits (bfloat16): 8 bits of precision, the range of 32 bits.</summary>
    BF16,
}

/// <summary>What <see cref="ModuleFiles"/> writes and how.</summary>
public sealed record SaveOptions
{
    /// <summary>
    /// The type of floating-point numbers in the file. Integers stay what they are, and so do running statistics, whose
    /// range 16 bits do not hold. Numbers are rounded to nearest, ties to even. Default: null, the type that each
    /// tensor has.
    /// </summary>
    public StoredType? Type { get; init; }

    /// <summary>
    /// Texts that go along, for example the names of the classes; <see cref="TensorArchive.Metadata"/> has them again.
    /// The library's own win over them. Safetensors and PyTorch's files have a place for them. Default: none.
    /// </summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = ReadOnlyDictionary<string, string>.Empty;
}
