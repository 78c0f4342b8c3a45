using System.Reflection;
using System.Text;
using System.Text.Json;
using Evenkeel.Nn;
using Evenkeel.Onnx.Format;
using Evenkeel.Serialization;
using Google.Protobuf;
using Module = Evenkeel.Nn.Module;

namespace Evenkeel.Onnx.Export;

/// <summary>The bytes of a model, with large weights in a file beside it.</summary>
/// <remarks>
/// The file of weights is written into a folder of its own beside the model, and takes its place when the model is
/// saved: what was there before stays if anything goes wrong until then.
/// </remarks>
internal sealed class ModelFile : IDisposable
{
    /// <summary>Values of fewer bytes stay in the model.</summary>
    private const int LeastExternal = 1024;

    /// <summary>Places in a file of weights are multiples of this, so that it can be mapped into memory.</summary>
    private const int Alignment = 4096;

    private readonly byte[] _bytes;
    private readonly string? _dataFolder;
    private readonly string _path, _dataName;

    /// <param name="proto">The model.</param>
    /// <param name="path">The file that it goes to.</param>
    /// <param name="threshold">Bytes of weights beyond which they go to a file of their own.</param>
    public ModelFile(ModelProto proto, string path, long threshold)
    {
        (_path, _dataName) = (path, Path.GetFileName(path) + ".data");
        if (proto.Graph.Initializer.Sum(static tensor => (long)tensor.RawData.Length) > threshold)
        {
            string folder = FolderOf(path);
            if (!Directory.Exists(folder))
            {
                throw new DirectoryNotFoundException(
                    $"ExportOnnx: the folder \"{folder}\" of \"{path}\" does not exist. Create it first.");
            }

            _dataFolder = Path.Combine(folder, $".{_dataName}.{Path.GetRandomFileName()}.tmp");
            Directory.CreateDirectory(_dataFolder);
            try
            {
                WriteData(proto, Path.Combine(_dataFolder, _dataName));
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        _bytes = proto.ToByteArray();
    }

    /// <summary>Says who wrote a model, and what the options add.</summary>
    /// <param name="proto">The model.</param>
    /// <param name="options">Classes, preprocessing and texts.</param>
    /// <param name="hash">The hash of the network's weights.</param>
    /// <param name="model">The network.</param>
    public static void Describe(ModelProto proto, OnnxExportOptions options, string hash, Module model)
    {
        string version = typeof(Module).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion.Split('+')[0] ?? "";
        (proto.ProducerName, proto.ProducerVersion) = ("Evenkeel", version);
        Add("evenkeel.version", version);
        Add("evenkeel.weights_hash", hash);
        string[] frozen = [.. model.NamedModules().Where(
            static named => named.Module is ITrackingNorm { State: not NormState.Active })
            .Select(static named => named.Name)];
        if (frozen.Length > 0) Add("evenkeel.frozen_norms", string.Join(", ", frozen));
        if (options.Classes is { } classes) Add("classes", Json(classes));
        if (options.Preprocessing is { } preprocessing)
        {
            Add("preprocessing.in_graph", options.PreprocessingInGraph ? "true" : "false");
            Add("preprocessing.scale", OnnxPreprocessing.Text([preprocessing.Scale]));
            Add("preprocessing.mean", OnnxPreprocessing.Text(preprocessing.Mean));
            Add("preprocessing.std", OnnxPreprocessing.Text(preprocessing.Std));
        }

        if (options.Metadata is { } texts)
        {
            foreach ((string key, string value) in texts) Add(key, value);
        }

        void Add(string key, string value)
        {
            StringStringEntryProto? known = proto.MetadataProps.FirstOrDefault(entry => entry.Key == key);
            if (known is null) proto.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
            else known.Value = value;
        }
    }

    /// <summary>Puts the file of weights and the model in their places.</summary>
    public void Save()
    {
        if (_dataFolder is not null && !Directory.Exists(_path))
        {
            File.Move(
                Path.Combine(_dataFolder, _dataName), Path.Combine(FolderOf(_path), _dataName), overwrite: true);
        }

        AtomicFile.Write(_path, stream => stream.Write(_bytes));
    }

    /// <summary>The model as it is read back from its bytes.</summary>
    public OnnxModel ReadBack() => new(ModelReader.Read(_bytes),
        _dataFolder is null ? null : new ExternalData(_dataFolder), _path);

    /// <summary>Removes what was not saved.</summary>
    public void Dispose()
    {
        if (_dataFolder is not null && Directory.Exists(_dataFolder)) Directory.Delete(_dataFolder, recursive: true);
    }

    private static string FolderOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;

    private static void WriteData(ModelProto proto, string path) => AtomicFile.Write(path, stream =>
    {
        long position = 0;
        foreach (TensorProto tensor in proto.Graph.Initializer)
        {
            if (tensor.RawData.Length < LeastExternal) continue;
            long start = (position + Alignment - 1) / Alignment * Alignment;
            stream.Write(new byte[start - position]);
            stream.Write(tensor.RawData.Span);
            position = start + tensor.RawData.Length;
            AddEntry(tensor, "location", Path.GetFileName(path));
            AddEntry(tensor, "offset", $"{start}");
            AddEntry(tensor, "length", $"{tensor.RawData.Length}");
            tensor.DataLocation = 1;
            tensor.ClearRawData();
        }
    });

    private static void AddEntry(TensorProto tensor, string key, string value) =>
        tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });

    private static string Json(IEnumerable<string> values)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartArray();
            foreach (string value in values) json.WriteStringValue(value);
            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }
}
