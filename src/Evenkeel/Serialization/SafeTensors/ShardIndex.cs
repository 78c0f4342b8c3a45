using System.Text.Json;
using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>
/// The index of a model whose tensors are in several files, as Hugging Face writes it: <c>weight_map</c> names the file
/// of each tensor, beside the index.
/// </summary>
internal static class ShardIndex
{
    /// <summary>Hundreds of thousands of tensors fit.</summary>
    private const long MaxBytes = 64 << 20;

    /// <summary>Reads the tensors that the index names, in its order.</summary>
    /// <param name="path">The index.</param>
    /// <param name="read">Reads one of the files.</param>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// The index is damaged, names a file in another folder, or names a tensor that is not in its file.
    /// </exception>
    public static TensorArchive Read(string path, Func<string, TensorArchive> read)
    {
        var shards = new Dictionary<string, TensorArchive>(StringComparer.Ordinal);
        var whole = new TensorArchive { Source = path };
        foreach ((string name, string file) in Files(path))
        {
            if (!shards.TryGetValue(file, out TensorArchive? shard))
            {
                shard = read(file);
                shards.Add(file, shard);
                foreach ((string key, string text) in shard.Metadata) whole.Metadata.TryAdd(key, text);
            }

            if (!shard.Items.TryGetValue(name, out TensorArchive.Item item)) throw Missing(path, name, file);
            whole.Add(name, item);
        }

        return whole;
    }

    /// <summary>Whether a file is an index of safetensors files.</summary>
    public static bool Is(string path) => File.Exists(path) && FileFormat.Of(path) == FileFormat.OfSafeTensorsIndex;

    /// <summary>The file of each tensor.</summary>
    /// <param name="path">The index.</param>
    /// <exception cref="IOException">The index is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or names a file in another folder.</exception>
    public static IEnumerable<(string Name, string Path)> Files(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach ((string name, string file) in Map(path))
        {
            if (file != Path.GetFileName(file) || file is "." or ".." || file.Contains('\\', StringComparison.Ordinal))
            {
                throw Bad(path, $"expected names of files beside the index, got \"{file}\" for \"{name}\"",
                    "The index is damaged, or was made to read another file.");
            }

            yield return (name, Path.Combine(folder, file));
        }
    }

    /// <summary>The error of a tensor that is not in the file that the index names.</summary>
    public static InvalidDataException Missing(string path, string name, string file) =>
        Bad(path, $"expected the tensor \"{name}\" in \"{Path.GetFileName(file)}\", got none of that name",
            "The index and the files do not belong together; get all of them again.");

    private static List<(string Name, string File)> Map(string path)
    {
        const string Damaged = "The index is damaged; get it again.";
        if (new FileInfo(path).Length is > MaxBytes and long length)
            throw Bad(path, $"expected an index of at most {MaxBytes} bytes, got {length}", Damaged);
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("weight_map", out JsonElement map)
                || map.ValueKind != JsonValueKind.Object)
                throw Bad(path, "expected an object with a weight_map, got none", Damaged);
            var files = new List<(string, string)>();
            foreach (JsonProperty entry in map.EnumerateObject())
            {
                if (entry.Value.ValueKind != JsonValueKind.String)
                    throw Bad(path, $"expected the name of a file for \"{entry.Name}\", got {entry.Value.ValueKind}",
                        Damaged);
                files.Add((entry.Name, entry.Value.GetString()!));
            }

            return files.DistinctBy(static file => file.Item1, StringComparer.Ordinal).Count() == files.Count
                ? files
                : throw Bad(path, "expected each tensor once in weight_map, got one twice", Damaged);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException(
                $"ShardIndex \"{path}\": expected JSON, got text that is not ({exception.Message}) {Damaged}",
                exception);
        }
    }

    private static InvalidDataException Bad(string path, string what, string remedy) =>
        new($"ShardIndex \"{path}\": {what}. {remedy}");
}
