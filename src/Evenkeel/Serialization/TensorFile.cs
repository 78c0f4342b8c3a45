using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>The formats of files that hold tensors under names.</summary>
public enum TensorFormat
{
    /// <summary>safetensors, one file or several with an index (<c>model.safetensors.index.json</c>).</summary>
    SafeTensors,

    /// <summary>
    /// PyTorch's .pt, .pth and .bin, of any version from 0.4 on, TorchScript, or several with an index.
    /// </summary>
    PyTorch,

    /// <summary>One NumPy array (.npy).</summary>
    Npy,

    /// <summary>Several NumPy arrays (.npz).</summary>
    Npz,

    /// <summary>The state dict of TorchSharp's <c>Module.save</c> (.dat).</summary>
    TorchSharp,
}

/// <summary>
/// Reads and writes files of tensors in all formats that <see cref="TensorFormat"/> names. Reading looks at the content
/// of the file, writing at its name.
/// </summary>
public static class TensorFile
{
    private static readonly Dictionary<FileFormat, TensorFormat> s_formats = new()
    {
        [FileFormat.OfSafeTensors] = TensorFormat.SafeTensors,
        [FileFormat.OfSafeTensorsIndex] = TensorFormat.SafeTensors,
        [FileFormat.OfPyTorch] = TensorFormat.PyTorch,
        [FileFormat.OfPyTorchLegacy] = TensorFormat.PyTorch,
        [FileFormat.OfTorchScript] = TensorFormat.PyTorch,
        [FileFormat.OfPyTorchIndex] = TensorFormat.PyTorch,
        [FileFormat.OfNpy] = TensorFormat.Npy,
        [FileFormat.OfNpz] = TensorFormat.Npz,
    };

    private const string Kind = "a file of tensors (safetensors, PyTorch, npy, npz or TorchSharp)";

    /// <summary>The format of a file by its content; null if it is none of them.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static TensorFormat? FormatOf(string path)
    {
        if (FileFormat.Of(path) is { } format && s_formats.TryGetValue(format, out TensorFormat known)) return known;
        // It has no signature, and is recognized by its structure alone.
        if (Directory.Exists(path)) return null;
        using FileStream stream = FileFormat.Open("TensorFile", path, Kind);
        return TorchSharpFile.LooksLike(stream) ? TensorFormat.TorchSharp : null;
    }

    /// <summary>Reads a file of any of the formats. The array of an npy file has the name <c>array</c>.</summary>
    /// <param name="path">The file, or the index of a model in several files.</param>
    /// <param name="skipUnknown">
    /// Whether objects in a PyTorch file that are not tensors, numbers or texts are left out instead of refused; see
    /// <see cref="PyTorchFile.Read(string, bool)"/>. Default: false.
    /// </param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged, or of another kind. The message says what it is and what to do.
    /// </exception>
    public static TensorArchive Read(string path, bool skipUnknown = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path) && !Directory.Exists(path))
            throw new FileNotFoundException($"TensorFile \"{path}\": expected {Kind}, found none.", path);
        switch (FormatOf(path))
        {
            case TensorFormat.SafeTensors: return SafeTensors.Read(path);
            case TensorFormat.PyTorch when FileFormat.Of(path) == FileFormat.OfPyTorchIndex:
                return ShardIndex.Read(path, file => PyTorchFile.Read(file, skipUnknown));
            case TensorFormat.PyTorch: return PyTorchFile.Read(path, skipUnknown);
            case TensorFormat.Npz: return Npz.Read(path);
            case TensorFormat.TorchSharp: return TorchSharpFile.Read(path);
            case TensorFormat.Npy:
                return Npy.ReadArchive(path);
            default:
                if (FileFormat.Of(path) is { } format) throw FileFormat.Wrong("TensorFile", path, Kind, format);
                using (FileStream stream = FileFormat.Open("TensorFile", path, Kind))
                    throw FileFormat.Wrong("TensorFile", path, Kind, stream);
        }
    }

    /// <summary>The name of a format, for people.</summary>
    internal static string NameOf(TensorFormat format) => format switch
    {
        TensorFormat.SafeTensors => "safetensors",
        TensorFormat.Npy => "npy",
        TensorFormat.Npz => "npz",
        _ => format.ToString(),
    };

    /// <summary>The format that a file name asks for when it is written; null if its ending is not known.</summary>
    /// <param name="path">The file: .safetensors, .pt, .pth, .bin, .npy, .npz or .dat.</param>
    public static TensorFormat? FormatOfName(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".safetensors" => TensorFormat.SafeTensors,
            ".pt" or ".pth" or ".bin" => TensorFormat.PyTorch,
            ".npy" => TensorFormat.Npy,
            ".npz" => TensorFormat.Npz,
            ".dat" => TensorFormat.TorchSharp,
            _ => null,
        };
    }

    /// <summary>
    /// Writes an archive as a whole or not at all, in the format that the name asks for: .safetensors, .pt or .pth or
    /// .bin (PyTorch), .npz, .dat (TorchSharp), or .npy if it is a single tensor. Any other name gets safetensors.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="archive">The tensors. The strings of <see cref="TensorArchive.Metadata"/> go into safetensors and
    /// PyTorch's files; the other formats have no place for them.</param>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    /// <exception cref="ArgumentException">
    /// The format does not have a type of the archive, or holds a single array only. The message says what to do.
    /// </exception>
    public static void Write(string path, TensorArchive archive) => Write(path, archive, isSealed: false);

    /// <summary>The same; a safetensors file can have checksums.</summary>
    internal static void Write(string path, TensorArchive archive, bool isSealed)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(archive);
        switch (FormatOfName(path))
        {
            case TensorFormat.PyTorch: PyTorchFile.Write(path, archive); break;
            case TensorFormat.Npz: Npz.Write(path, archive); break;
            case TensorFormat.TorchSharp: TorchSharpFile.Write(path, archive); break;
            case TensorFormat.Npy when archive.Names.Count == 1:
                Npy.Write(path, archive);
                break;
            case TensorFormat.Npy:
                throw new ArgumentException(
                    $"TensorFile \"{path}\": expected one tensor for an npy file, got {archive.Names.Count}. "
                    + "Write them into an npz file.", nameof(archive));
            default:
                if (isSealed) SafeTensors.WriteSealed(path, archive);
                else SafeTensors.Write(path, archive);
                break;
        }
    }
}
