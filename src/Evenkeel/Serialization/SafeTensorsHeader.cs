using System.Text.Json;
using System.Text.Unicode;

namespace Evenkeel.Serialization;

/// <summary>One line of a header: what lies at which bytes after it.</summary>
internal readonly record struct SafeTensorsEntry(string Name, string Type, Shape Shape, long Begin, long End);

/// <summary>The JSON part of a safetensors file.</summary>
internal static class SafeTensorsHeader
{
    public static InvalidDataException Bad(string file, string what, string remedy) => new($"SafeTensors \"{file}\": {what}. {remedy}");

    /// <summary>Gives each item its place: 8-byte types, then 4-byte types, then bytes; there may be no holes, so this order is what aligns them.</summary>
    public static List<SafeTensorsEntry> Layout(TensorArchive archive)
    {
        var entries = new SafeTensorsEntry[archive.Items.Count];
        long end = 0;
        foreach (int size in (ReadOnlySpan<int>)[8, 4, 1])
        {
            for (int i = 0; i < entries.Length; i++)
            {
                (string name, TensorArchive.Item item) = archive.Items.GetAt(i);
                if ((item.Tensor?.DType.SizeInBytes() ?? 1) != size) continue;
                long begin = end;
                end += item.Tensor is { } tensor ? (long)tensor.Count * size : item.Bytes!.Length;
                string type = item.Tensor?.DType switch { DType.Float32 => "F32", DType.Float64 => "F64", DType.Int64 => "I64", _ => "U8" };
                entries[i] = new SafeTensorsEntry(name, type, item.Tensor?.Shape ?? [item.Bytes!.Length], begin, end);
            }
        }

        return [.. entries];
    }

    /// <summary>The header in the archive's order, padded with spaces so that the data begins at a multiple of 8.</summary>
    public static byte[] Write(TensorArchive archive, List<SafeTensorsEntry> entries)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (archive.Metadata.Count != 0)
            {
                json.WriteStartObject(SafeTensors.MetadataName);
                foreach ((string key, string value) in archive.Metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            foreach (SafeTensorsEntry entry in entries)
            {
                json.WriteStartObject(entry.Name);
                json.WriteString("dtype", entry.Type);
                json.WriteStartArray("shape");
                foreach (int size in entry.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(entry.Begin);
                json.WriteNumberValue(entry.End);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        if (buffer.Length > SafeTensors.MaxHeaderBytes)
            throw new InvalidDataException($"SafeTensors: expected names and strings of at most {SafeTensors.MaxHeaderBytes} bytes, got {buffer.Length}. Put large strings into a block of bytes.");
        return buffer.ToArray();
    }

    /// <summary>Parses and checks a header against the number of data bytes that follow it.</summary>
    /// <returns>The entries in the header's order.</returns>
    public static List<SafeTensorsEntry> Read(ReadOnlyMemory<byte> header, long dataBytes, string file, IDictionary<string, string> metadata)
    {
        if (header.Length == 0 || header.Span[0] != (byte)'{')
            throw Bad(file, "expected a header that begins with '{'", "This is not a safetensors file, or it is damaged.");
        if (!Utf8.IsValid(header.Span))
            throw Bad(file, "expected a header in UTF-8, got bytes that are not", "This is not a safetensors file, or it is damaged.");
        try
        {
            using JsonDocument document = JsonDocument.Parse(header);
            var entries = new List<SafeTensorsEntry>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (!names.Add(property.Name))
                    throw Bad(file, $"expected each name once, got \"{property.Name}\" twice", "The file was written wrongly; save it again.");
                if (property.Name == SafeTensors.MetadataName) ReadMetadata(property.Value, file, metadata);
                else entries.Add(ReadEntry(property.Name, property.Value, dataBytes, file));
            }

            CheckCoverage(entries, dataBytes, file);
            return entries;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Broken escapes (half a surrogate pair) only show when a string is decoded, as InvalidOperationException.
            throw new InvalidDataException($"SafeTensors \"{file}\": expected a header in JSON, got text that is not ({exception.Message}) This is not a safetensors file, or it is damaged.", exception);
        }
    }

    private static void ReadMetadata(JsonElement element, string file, IDictionary<string, string> metadata)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Bad(file, $"expected {SafeTensors.MetadataName} to be an object of strings, got {element.ValueKind}", "The file was written wrongly.");
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
                throw Bad(file, $"expected strings in {SafeTensors.MetadataName}, got {property.Value.ValueKind} for \"{property.Name}\"", "The file was written wrongly.");
            if (!metadata.TryAdd(property.Name, property.Value.GetString()!))
                throw Bad(file, $"expected each key of {SafeTensors.MetadataName} once, got \"{property.Name}\" twice", "The file was written wrongly.");
        }
    }

    private static SafeTensorsEntry ReadEntry(string name, JsonElement element, long dataBytes, string file)
    {
        const string Remedy = "The header is damaged or was written wrongly; fetch or save the file again.";
        if (element.ValueKind != JsonValueKind.Object
            || !element.TryGetProperty("dtype", out JsonElement dtype) || dtype.ValueKind != JsonValueKind.String
            || !element.TryGetProperty("shape", out JsonElement shape) || shape.ValueKind != JsonValueKind.Array
            || !element.TryGetProperty("data_offsets", out JsonElement offsets) || offsets.ValueKind != JsonValueKind.Array || offsets.GetArrayLength() != 2)
            throw Bad(file, $"expected dtype, shape and two data_offsets for \"{name}\", got {Short(element)}", Remedy);
        string type = dtype.GetString()!;
        int size = type switch
        {
            "F64" or "I64" => 8,
            "F32" => 4,
            "F16" or "BF16" => 2,
            "U8" => 1,
            _ => throw Bad(file, $"expected \"{name}\" to be of type F32, F64, I64, F16, BF16 or U8, got {Short(dtype)}", "Convert it before saving."),
        };
        if (shape.GetArrayLength() > Shape.MaxRank && type != "U8")
            throw Bad(file, $"expected at most {Shape.MaxRank} dimensions for \"{name}\", got {shape.GetArrayLength()}", "Merge some of them before saving.");
        long count = 1;
        bool empty = false;
        var sizes = new List<int>(Shape.MaxRank);
        foreach (JsonElement dimension in shape.EnumerateArray())
        {
            if (dimension.ValueKind != JsonValueKind.Number || !dimension.TryGetInt64(out long value) || value < 0)
                throw Bad(file, $"expected dimensions of 0 or more for \"{name}\", got {Short(shape)}", Remedy);
            // At most 2³¹-1 elements fit a tensor; a zero anywhere makes the product 0, however large the others are.
            if (value > int.MaxValue) count = long.MaxValue;
            if (count <= int.MaxValue) count *= Math.Max(1, value);
            empty |= value == 0;
            sizes.Add((int)Math.Min(value, int.MaxValue));
        }

        if (count > int.MaxValue)
            throw Bad(file, $"expected at most {int.MaxValue} elements for \"{name}\", got shape {Short(shape)}", "Split the tensor before saving, or fetch the file again if it is damaged.");
        if (empty) count = 0;
        if (offsets[0].ValueKind != JsonValueKind.Number || !offsets[0].TryGetInt64(out long begin)
            || offsets[1].ValueKind != JsonValueKind.Number || !offsets[1].TryGetInt64(out long end) || begin < 0 || end < begin)
            throw Bad(file, $"expected data_offsets [begin, end] with 0 <= begin <= end for \"{name}\", got {Short(offsets)}", Remedy);
        if (end > dataBytes)
            throw Bad(file, $"expected {end} bytes of data or more (for \"{name}\"), got {dataBytes}", "The file is truncated; fetch or save it again.");
        if (end - begin != count * size)
            throw Bad(file, $"expected {count * size} bytes for \"{name}\" of type {type} and shape {Short(shape)}, got {end - begin}", Remedy);
        return new SafeTensorsEntry(name, type, type == "U8" ? [(int)count] : new Shape([.. sizes]), begin, end);
    }

    /// <summary>The entries must cover the data without holes, overlaps or a rest.</summary>
    private static void CheckCoverage(List<SafeTensorsEntry> entries, long dataBytes, string file)
    {
        SafeTensorsEntry[] sorted = [.. entries];
        Array.Sort(sorted, static (left, right) => left.Begin != right.Begin ? left.Begin.CompareTo(right.Begin) : left.End.CompareTo(right.End));
        long covered = 0;
        string previous = "the header";
        foreach (SafeTensorsEntry entry in sorted)
        {
            if (entry.Begin != covered)
                throw Bad(file, $"expected \"{entry.Name}\" to begin at byte {covered}, where {previous} ends, got {entry.Begin}: the data {(entry.Begin < covered ? "overlap" : "have a hole")}", "The file is damaged or was written wrongly; fetch or save it again.");
            covered = entry.End;
            previous = $"\"{entry.Name}\"";
        }

        if (covered != dataBytes)
            throw Bad(file, $"expected {covered} bytes of data, got {dataBytes}", "There is something after the last tensor: the file is damaged, or two files were joined.");
    }

    private static string Short(JsonElement element)
    {
        string text = element.GetRawText();
        return text.Length <= 80 ? text : text[..77] + "...";
    }
}
