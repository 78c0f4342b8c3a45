using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Evenkeel.Tests.Serialization;

/// <summary>
/// Pickles written by hand, as strings of which each character is a byte, and the files around them. The archive is
/// that of .NET, so what the library writes is not read with its own eyes alone.
/// </summary>
internal static class TorchPickle
{
    public const string NewDictionary = "ccollections\nOrderedDict\n)R";

    /// <summary>A dictionary from keys and values, each of them a part of a pickle.</summary>
    public static string Dictionary(params string[] items) => "}(" + string.Concat(items) + "u";

    public static string List(params string[] items) => "](" + string.Concat(items) + "e";

    public static string Tuple(params string[] items) => "(" + string.Concat(items) + "t";

    public static string Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return "X" + Int32(bytes.Length) + Encoding.Latin1.GetString(bytes);
    }

    public static string Number(long value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return "\x8a\x08" + Encoding.Latin1.GetString(bytes);
    }

    public static string Numbers(params long[] values) => Tuple([.. values.Select(Number)]);

    public static string Global(string name)
    {
        int dot = name.LastIndexOf('.');
        return $"c{name[..dot]}\n{name[(dot + 1)..]}\n";
    }

    /// <summary>A call of a function with arguments.</summary>
    public static string Call(string name, params string[] arguments) => Global(name) + Tuple(arguments) + "R";

    public static string Storage(string key, long count, string type = "torch.FloatStorage", string more = "") =>
        Tuple(Text("storage"), Global(type), Text(key), Text("cpu"), Number(count), more) + "Q";

    /// <summary>A tensor of the storage "0" with two values, if nothing else is said.</summary>
    public static string Tensor(
        long[]? sizes = null, long[]? strides = null, long offset = 0, string? storage = null) =>
        Call("torch._utils._rebuild_tensor_v2", storage ?? Storage("0", 2), Number(offset), Numbers(sizes ?? [2]),
            Numbers(strides ?? [1]), "\x89", NewDictionary);

    public static byte[] Bytes(string pickle) => Encoding.Latin1.GetBytes("\x80\x02" + pickle + ".");

    /// <summary>A file of the zip format with one storage, "0", of 1.5 and -2.</summary>
    public static byte[] NewFile(string pickle) => Zip(("archive/data.pkl", Bytes(pickle)),
        ("archive/version", "3\n"u8.ToArray()), ("archive/data/0", [0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0]));

    /// <summary>A file of the format before 1.6 with such a storage.</summary>
    public static byte[] OldFile(string pickle, string keys, params byte[] storages) =>
        [.. Bytes("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"), .. Bytes("M\xe9\x03"), .. Bytes("}"),
            .. Bytes(pickle), .. Bytes(keys), .. storages];

    public static byte[] Zip(params (string Name, byte[] Content)[] files) =>
        Zip(CompressionLevel.NoCompression, files);

    public static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] files)
    {
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in files)
            {
                using Stream stream = zip.CreateEntry(name, level).Open();
                stream.Write(content);
            }
        }

        return bytes.ToArray();
    }

    private static string Int32(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Encoding.Latin1.GetString(bytes);
    }
}
