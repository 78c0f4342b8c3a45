using System.Globalization;

namespace Evenkeel.Onnx.Format;

/// <summary>
/// Values of a model that are in files beside it. A place outside the model's folder is refused, also one that a
/// symbolic link leads to.
/// </summary>
/// <param name="folder">The folder of the model.</param>
internal sealed class ExternalData(string folder)
{
    /// <summary>How often the bytes of a file may be read: weights that are tied have one place.</summary>
    private const int MostReadings = 4;

    private readonly Dictionary<string, long> _read = new(StringComparer.Ordinal);

    /// <summary>The most links on the way to a file.</summary>
    private const int MostLinks = 40;

    private readonly string _folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));

    /// <summary>The same folder for another reading of the model.</summary>
    public ExternalData Again() => new(_folder);

    /// <summary>Reads the values of a tensor.</summary>
    /// <param name="tensor">The message that says where they are.</param>
    /// <param name="size">The number of bytes that its type and dimensions ask for.</param>
    /// <exception cref="InvalidDataException">
    /// The place is outside the folder, missing, or holds another number of bytes.
    /// </exception>
    public byte[] Read(TensorProto tensor, long size)
    {
        string what = TensorContent.NameOf(tensor);
        string location = "";
        long offset = 0, length = size;
        foreach (StringStringEntryProto entry in tensor.ExternalData)
        {
            switch (entry.Key)
            {
                case "location": location = entry.Value; break;
                case "offset": offset = Number(what, entry); break;
                case "length": length = Number(what, entry); break;
            }
        }

        string path = PathOf(what, location);
        if (length != size)
        {
            throw new InvalidDataException(
                $"{what} should have {size} bytes, and {length} are said to be in \"{location}\"");
        }

        // What has no length is no file with weights; opening a pipe would wait for ever.
        long there = new FileInfo(path).Length;
        if (offset > there || length > there - offset)
        {
            throw new InvalidDataException(
                $"{what} should be {length} bytes from byte {offset} of \"{location}\" on, which has {there}");
        }

        if (size == 0) return [];
        long read = _read[path] = _read.GetValueOrDefault(path) + length;
        if (read / MostReadings > there)
        {
            throw new InvalidDataException($"{what} is in \"{location}\", whose {there} bytes would be read more than "
                + $"{MostReadings} times; it was made to fill the memory");
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        if (length > Array.MaxLength)
            throw new InvalidDataException($"{what} has {length} bytes; a tensor has at most {Array.MaxLength}");
        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)length);
        stream.Position = offset;
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static long Number(string what, StringStringEntryProto entry) =>
        long.TryParse(entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new InvalidDataException(
                $"{what} is in another file, and its {entry.Key} is \"{entry.Value}\", not a number of bytes");

    private string PathOf(string what, string location)
    {
        if (location.Length == 0 || location.Contains('\0', StringComparison.Ordinal)
            || Path.IsPathRooted(location) || location.Contains(':', StringComparison.Ordinal))
            throw Outside(what, location);
        string path = Path.GetFullPath(Path.Combine(_folder, location.Replace('\\', '/')));
        path = Followed(path, links: 0) ?? throw Outside(what, location);
        return File.Exists(path) ? path
            : throw new InvalidDataException(
                $"{what} is in \"{location}\", and there is no such file beside the model");
    }

    /// <summary>
    /// The path without links; null if it leaves the folder. A link, of the file or of a folder above it, may lead
    /// anywhere, also over other links.
    /// </summary>
    private string? Followed(string path, int links)
    {
        if (!IsInside(path, _folder) || links > MostLinks) return null;
        string at = _folder;
        string[] parts = Path.GetRelativePath(_folder, path).Split(Path.DirectorySeparatorChar);
        for (int i = 0; i < parts.Length; i++)
        {
            string next = Path.Combine(at, parts[i]);
            if (new FileInfo(next).LinkTarget is { } target)
            {
                // Folders before this one are no links, so ".." in the target is the folder above.
                string to = Path.GetFullPath(Path.Combine([at, target, .. parts[(i + 1)..]]));
                return Followed(to, links + 1);
            }

            at = next;
        }

        return path;
    }

    private static bool IsInside(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar,
            StringComparison.Ordinal);

    private static InvalidDataException Outside(string what, string location) => new(
        $"{what} is said to be in \"{location}\", which is not a file in the model's folder");
}
