using Evenkeel.Data;
using Microsoft.Win32.SafeHandles;

namespace Evenkeel.Serialization;

/// <summary>A safetensors file whose tensors are read piece by piece, from any thread.</summary>
internal sealed class SafeTensorsView : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly string _name;
    private readonly long _start;
    private readonly Dictionary<string, SafeTensorsEntry> _byName;

    private SafeTensorsView(FileStream stream, string name)
    {
        _name = name;
        Entries = SafeTensors.ReadHeader(stream, name, Metadata, out _start);
        _byName = Entries.ToDictionary(static entry => entry.Name, StringComparer.Ordinal);
        _handle = File.OpenHandle(name);
    }

    /// <summary>The tensors and their places, in the order of the header.</summary>
    public IReadOnlyList<SafeTensorsEntry> Entries { get; }

    /// <summary>The texts of the header.</summary>
    public IDictionary<string, string> Metadata { get; } =
        new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Reads the header. If the file has checksums of ours, they are checked.</summary>
    /// <inheritdoc cref="SafeTensors.Read(string)" path="/exception"/>
    public static SafeTensorsView Open(string path)
    {
        using FileStream stream = FileFormat.Open("SafeTensors", path, SafeTensors.Kind);
        return new SafeTensorsView(stream, path);
    }

    /// <summary>The place of a tensor; null if there is none of this name.</summary>
    public SafeTensorsEntry? Find(string name) =>
        _byName.TryGetValue(name, out SafeTensorsEntry entry) ? entry : null;

    /// <summary>Reads a piece of a tensor.</summary>
    /// <param name="entry">The tensor.</param>
    /// <param name="offset">The first byte, counted from its beginning.</param>
    /// <param name="to">Takes the bytes.</param>
    /// <exception cref="InvalidDataException">The file became shorter.</exception>
    public void Read(SafeTensorsEntry entry, long offset, Span<byte> to)
    {
        long position = _start + entry.Begin + offset;
        while (to.Length > 0)
        {
            int got = RandomAccess.Read(_handle, to, position);
            if (got == 0) throw SeekableStream.Shortened("SafeTensors", _name, new EndOfStreamException());
            to = to[got..];
            position += got;
        }
    }

    public void Dispose() => _handle.Dispose();
}
