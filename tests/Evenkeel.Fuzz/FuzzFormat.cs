using System.Reflection;
using Evenkeel.Nn;
using Evenkeel.Serialization;

namespace Evenkeel.Fuzz;

/// <summary>A format that is read, and valid files of it.</summary>
/// <param name="name">The name of the format.</param>
/// <param name="ending">The ending of its files.</param>
/// <param name="read">Reads a file to its last value.</param>
/// <param name="valid">Makes valid files.</param>
public sealed class FuzzFormat(string name, string ending, Action<string> read, Func<IReadOnlyList<byte[]>> valid)
{
    private readonly Lazy<IReadOnlyList<byte[]>> _valid = new(valid);

    public static IReadOnlyList<FuzzFormat> All { get; } =
    [
        Of("safetensors", ".safetensors", TensorFormat.SafeTensors),
        Of("pytorch", ".pt", TensorFormat.PyTorch),
        Of("npz", ".npz", TensorFormat.Npz),
        Of("torchsharp", ".dat", TensorFormat.TorchSharp),
        new("npy", ".npy", static path => TensorFile.Read(path).StateDict(), static () =>
        [
            Written(".npy", static path => Npy.Write(path, Tensor.From([1f, 2f, 3f, 4f, 5f, 6f], [2, 3]))),
            .. Committed(TensorFormat.Npy),
        ]),
        OnnxFormat.Format,
    ];

    public string Name => name;

    public string Ending => ending;

    /// <summary>Damages a file as one of its format; null if the format has no such damage.</summary>
    public Func<byte[], System.Random, byte[]>? Change { get; init; }

    /// <summary>What reading may allocate for any file, beside what it may for each byte.</summary>
    public long MostAnyway { get; init; } = Fuzzer.MostAnyway;

    public IReadOnlyList<byte[]> Valid => _valid.Value;

    public void Read(string path) => read(path);

    private static FuzzFormat Of(string name, string ending, TensorFormat format) => new(name, ending, path =>
    {
        TensorArchive archive = format switch
        {
            TensorFormat.SafeTensors => SafeTensors.Read(path),
            TensorFormat.PyTorch => PyTorchFile.Read(path),
            TensorFormat.Npz => Npz.Read(path),
            _ => TorchSharpFile.Read(path),
        };
        archive.StateDict();
    }, () =>
    [
        Written(ending, static path => Net().Save(path)),
        Written(ending, static path => TensorFile.Write(path, Mixed())),
        .. Committed(format),
    ]);

    private static Sequential Net() => [new Linear(3, 4), new BatchNorm1d(4), new ReLU(), new Linear(4, 2)];

    private static TensorArchive Mixed()
    {
        var archive = new TensorArchive();
        archive.Add("0.weight", Tensor.From([1f, 2f, 3f, 4f, 5f, 6f], [2, 3]));
        archive.Add("0.bias", Tensor.From([1.0, 2.0], [2]));
        archive.Add("count", Tensor.From([7L], []));
        archive.Add("empty", Tensor.Zeros([0, 3]));
        archive.Metadata["format"] = "pt";
        return archive;
    }

    /// <summary>Some of the committed files are there to be refused.</summary>
    private static bool CanBeRead(string path)
    {
        try
        {
            TensorFile.Read(path);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static byte[] Written(string ending, Action<string> write)
    {
        string folder = Directory.CreateTempSubdirectory("evenkeel-fuzz-").FullName;
        try
        {
            string path = Path.Combine(folder, "valid" + ending);
            write(path);
            return File.ReadAllBytes(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The committed files of other programs that have a format and can be read.</summary>
    private static IEnumerable<byte[]> Committed(TensorFormat format)
    {
        Assembly assembly = typeof(FuzzFormat).Assembly;
        foreach (string resource in assembly.GetManifestResourceNames())
        {
            using Stream stream = assembly.GetManifestResourceStream(resource)!;
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            bool isValid = false;
            Written(Path.GetExtension(resource), path =>
            {
                File.WriteAllBytes(path, bytes);
                isValid = TensorFile.FormatOf(path) == format && CanBeRead(path);
            });
            if (isValid) yield return bytes;
        }
    }
}
