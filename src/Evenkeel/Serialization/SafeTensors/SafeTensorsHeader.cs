using System.Text.Json;
using System.Text.Unicode;

namespace Evenkeel.Serialization;

/// <summary>One entry of a header: a tensor and its place in the data.</summary>
/// <param name="Name">The name.</param>
/// <param name="Type">The format's name of the type.</param>
/// <param name="Dimensions">The sizes of the dimensions as the file has them.</param>
/// <param name="Begin">The first byte, counted from the end of the header.</param>
/// <param name="End">The byte after the last.</param>
internal readonly record struct SafeTensorsEntry(string Name, string Type, long[] Dimensions, long Begin, long End);

/// <summary>The JSON part of a safetensors file.</summary>
internal static class SafeTensorsHeader
{
    public static InvalidDataException Bad(string file, string what, string remedy) =>
        new($"SafeTensors \"{file}\": {what}. {remedy}");

    /// <summary>The archive's items in its order, each with its place.</summary>
    public static List<SafeTensorsEntry> Layout(TensorArchive archive)
    {
        var entries = new List<SafeTensorsEntry>(archive.Items.Count);
        foreach ((string name, TensorArchive.Item item) in archive.Items)
            entries.Add(new SafeTensorsEntry(name, item.Type, item.Dimensions, 0, item.Content.Length));
        return Place(entries);
    }

    /// <summary>
    /// Gives each entry its place in a file that is written: large elements before small ones. Holes are not allowed,
    /// so this order aligns the entries.
    /// </summary>
    public static List<SafeTensorsEntry> Place(IReadOnlyList<SafeTensorsEntry> entries)
    {
        var placed = new SafeTensorsEntry[entries.Count];
        long begin = 0;
        foreach (int size in (ReadOnlySpan<int>)[8, 4, 2, 1])
        {
            for (int i = 0; i < placed.Length; i++)
            {
                if (Alignment(entries[i].Type) != size) continue;
                long end = begin + (entries[i].End - entries[i].Begin);
                placed[i] = entries[i] with { Begin = begin, End = end };
                begin = end;
            }
        }

        return [.. placed];
    }

    /// <summary>Whether the entries are in the order of Python's safetensors: by type, then by name.</summary>
    public static bool HasPythonsOrder(IReadOnlyList<SafeTensorsEntry> entries)
    {
        for (int i = 1; i < entries.Count; i++)
        {
            int order = Rank(entries[i - 1].Type).CompareTo(Rank(entries[i].Type));
            if (order == 0) order = string.CompareOrdinal(entries[i - 1].Name, entries[i].Name);
            if (order > 0) return false;
        }

        return true;

        // The types that earlier versions wrote.
        static int Rank(string type) => Array.IndexOf(["I64", "F64", "F32", "U8"], type);
    }

    /// <summary>
    /// The header in the archive's order, padded with spaces so that the data begins at a multiple of 8.
    /// </summary>
    public static byte[] Write(IDictionary<string, string> metadata, IReadOnlyList<SafeTensorsEntry> entries)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata.Count != 0)
            {
                json.WriteStartObject(SafeTensors.MetadataName);
                foreach ((string key, string value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            foreach (SafeTensorsEntry entry in entries)
            {
                json.WriteStartObject(entry.Name);
                json.WriteString("dtype", entry.Type);
                json.WriteStartArray("shape");
                foreach (long size in entry.Dimensions) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(entry.Begin);
                json.WriteNumberValue(entry.End);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return Padded(buffer);
    }

    /// <summary>Fills a header up to a multiple of 8 bytes.</summary>
    public static byte[] Padded(MemoryStream header)
    {
        while (header.Length % 8 != 0) header.WriteByte((byte)' ');
        if (header.Length > SafeTensors.MaxHeaderBytes)
            throw new InvalidDataException("SafeTensors: expected names and strings of at most " +
                $"{SafeTensors.MaxHeaderBytes} bytes, got {header.Length}. Put large strings into a block of bytes.");
        return header.ToArray();
    }

    /// <summary>
    /// Parses a header and checks it against the number of data bytes that follow it. Every entry that it returns fits
    /// the limits of the platform.
    /// </summary>
    /// <returns>The entries in the header's order.</returns>
    public static List<SafeTensorsEntry> Read(
        ReadOnlyMemory<byte> header, long dataBytes, string file, IDictionary<string, string> metadata)
    {
        if (!Utf8.IsValid(header.Span))
        {
            throw Bad(file, "expected a header in UTF-8, got bytes that are not",
                "This is not a safetensors file, or it is damaged.");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(header);
            var entries = new List<SafeTensorsEntry>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (!names.Add(property.Name))
                {
                    throw Bad(file, $"expected each name once, got \"{property.Name}\" twice",
                        "The file was written wrongly; save it again.");
                }

                if (property.Name == SafeTensors.MetadataName) ReadMetadata(property.Value, file, metadata);
                else entries.Add(ReadEntry(property.Name, property.Value, dataBytes, file));
            }

            CheckCoverage(entries, dataBytes, file);
            return entries;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // A broken escape (half a surrogate pair) is found only when the string is decoded. It is then an
            // InvalidOperationException.
            throw new InvalidDataException(
                $"SafeTensors \"{file}\": expected a header in JSON, "
                + $"got text that is not ({exception.Message}) This is not a safetensors file, or it is damaged.",
                exception);
        }
    }

    private static int Alignment(string type) =>
        ElementType.Find(type) is { Bits: >= 8 } known ? Math.Min(known.Bits / 8, 8) : 1;

    private static void ReadMetadata(JsonElement element, string file, IDictionary<string, string> metadata)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Bad(file, $"expected {SafeTensors.MetadataName} to be an object of strings, got {element.ValueKind}",
                "The file was written wrongly.");
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
            {
                throw Bad(
                    file,
                    $"expected strings in {SafeTensors.MetadataName}, "
                    + $"got {property.Value.ValueKind} for \"{property.Name}\"",
                    "The file was written wrongly.");
            }

            if (!metadata.TryAdd(property.Name, property.Value.GetString()!))
            {
                throw Bad(file, $"expected each key of {SafeTensors.MetadataName} once, got \"{property.Name}\" twice",
                    "The file was written wrongly.");
            }
        }
    }

    private static SafeTensorsEntry ReadEntry(string name, JsonElement element, long dataBytes, string file)
    {
        const string Remedy = "The header is damaged or was written wrongly; fetch or save the file again.";
        if (element.ValueKind != JsonValueKind.Object
            || !element.TryGetProperty("dtype", out JsonElement dtype) || dtype.ValueKind != JsonValueKind.String
            || !element.TryGetProperty("shape", out JsonElement shape) || shape.ValueKind != JsonValueKind.Array
            || !element.TryGetProperty("data_offsets", out JsonElement offsets)
            || offsets.ValueKind != JsonValueKind.Array || offsets.GetArrayLength() != 2)
        {
            throw Bad(file, $"expected dtype, shape and two data_offsets for \"{name}\", got {Short(element)}", Remedy);
        }

        string type = dtype.GetString()!;
        long[] sizes = new long[shape.GetArrayLength()];
        int rank = 0;
        foreach (JsonElement dimension in shape.EnumerateArray())
        {
            if (dimension.ValueKind != JsonValueKind.Number || !dimension.TryGetInt64(out sizes[rank])
                || sizes[rank++] < 0)
                throw Bad(file, $"expected dimensions of 0 or more for \"{name}\", got {Short(shape)}", Remedy);
        }

        if (offsets[0].ValueKind != JsonValueKind.Number || !offsets[0].TryGetInt64(out long begin)
            || offsets[1].ValueKind != JsonValueKind.Number || !offsets[1].TryGetInt64(out long end) || begin < 0
            || end < begin)
        {
            throw Bad(
                file, $"expected data_offsets [begin, end] with 0 <= begin <= end for \"{name}\", got {Short(offsets)}",
                Remedy);
        }

        if (end > dataBytes)
        {
            throw Bad(file, $"expected {end} bytes of data or more (for \"{name}\"), got {dataBytes}",
                "The file is truncated; fetch or save it again.");
        }

        // Of a type that is not known only the place of its bytes is checked.
        if (ElementType.Find(type) is { } known && known.BytesOf(sizes) is var needed && needed != end - begin)
        {
            throw needed / known.Bits * 8 > int.MaxValue
                ? Bad(file, $"expected at most {int.MaxValue} elements for \"{name}\", got shape {Short(shape)}",
                    "Split the tensor before saving, or fetch the file again if it is damaged.")
                : Bad(file, $"expected {needed} bytes for \"{name}\" of type {type} and shape {Short(shape)}, got " +
                    $"{end - begin}", Remedy);
        }

        long most = ElementType.Find(type) is { IsNative: true } ? Arena.MaxBytes : Array.MaxLength;
        if (end - begin > most)
            throw Bad(file, $"expected at most {most} bytes for one tensor, got {end - begin} for \"{name}\" " +
                $"of type {type} and shape {Short(shape)}", "Split the tensor before saving.");
        return new SafeTensorsEntry(name, type, sizes, begin, end);
    }

    /// <summary>Checks that the entries cover the data without holes, overlaps or a rest.</summary>
    private static void CheckCoverage(List<SafeTensorsEntry> entries, long dataBytes, string file)
    {
        SafeTensorsEntry[] sorted = [.. entries];
        Array.Sort(sorted, static (left, right) => left.Begin != right.Begin
            ? left.Begin.CompareTo(right.Begin)
            : left.End.CompareTo(right.End));
        long covered = 0;
        string previous = "the header";
        foreach (SafeTensorsEntry entry in sorted)
        {
            if (entry.Begin != covered)
            {
                throw Bad(
                    file,
                    $"expected \"{entry.Name}\" to begin at byte {covered}, where {previous} ends, "
                    + $"got {entry.Begin}: the data {(entry.Begin < covered ? "overlap" : "have a hole")}",
                    "The file is damaged or was written wrongly; fetch or save it again.");
            }

            covered = entry.End;
            previous = $"\"{entry.Name}\"";
        }

        if (covered != dataBytes)
        {
            throw Bad(file, $"expected {covered} bytes of data, got {dataBytes}",
                "There is something after the last tensor: the file is damaged, or two files were joined.");
        }
    }

    private static string Short(JsonElement element)
    {
        string text = element.GetRawText();
        return text.Length <= 80 ? text : text[..77] + "...";
    }
}
