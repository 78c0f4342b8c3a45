using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>
/// Writes the zip format of <c>torch.save</c>: a pickle of protocol 2 with an OrderedDict of tensors, and a file for
/// each storage. The bytes depend on the archive alone.
/// </summary>
internal sealed class TorchWriter
{
    private const string Root = "archive/";

    private readonly ArrayBufferWriter<byte> _pickle = new();
    private readonly Dictionary<object, int> _storages = new(ReferenceEqualityComparer.Instance);
    private readonly List<TensorArchive.Item> _files = [];

    private TorchWriter(TensorArchive archive)
    {
        Code(0x80, 2);
        Global("collections", "OrderedDict");
        Code((byte)')', (byte)'R', (byte)'(');
        foreach ((string name, TensorArchive.Item item) in archive.Items)
        {
            Text(name);
            View(name, item);
        }

        Code((byte)'u');
        if (archive.Metadata.Count > 0) Strings(archive.Metadata);
        Code((byte)'.');
    }

    public static void Write(Stream stream, TensorArchive archive)
    {
        var writer = new TorchWriter(archive);
        var zip = new TorchZipWriter(stream);
        zip.Add(Root + "data.pkl", writer._pickle.WrittenSpan);
        zip.Add(Root + "byteorder", "little"u8);
        for (int i = 0; i < writer._files.Count; i++)
            zip.Add(string.Create(CultureInfo.InvariantCulture, $"{Root}data/{i}"), writer._files[i].Content);
        zip.Add(Root + "version", "3\n"u8);
        zip.Finish();
    }

    private void View(string name, TensorArchive.Item item)
    {
        if (TorchType.Find(item.Type) is not { } type)
            throw new ArgumentException(
                $"PyTorchFile: expected a type of PyTorch for \"{name}\" ({TorchType.Names}), got {item.Type}. " +
                "Write the archive with SafeTensors.Write, or leave the tensor out.", nameof(item));
        object values = (object?)item.Tensor ?? item.Raw!.Bytes;
        if (!_storages.TryGetValue(values, out int storage))
        {
            storage = _files.Count;
            _storages.Add(values, storage);
            _files.Add(item);
        }

        bool isTyped = type.StorageClass is not null;
        Global("torch._utils", isTyped ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
        Code((byte)'(', (byte)'(');
        Text("storage");
        string storageClass = type.StorageClass ?? TorchType.Untyped;
        Global(storageClass[..storageClass.LastIndexOf('.')], storageClass[(storageClass.LastIndexOf('.') + 1)..]);
        Text(storage.ToString(CultureInfo.InvariantCulture));
        Text("cpu");
        Number(isTyped ? item.Content.Length / type.Size : item.Content.Length);
        Code((byte)'t', (byte)'Q');
        Number(0);
        long[] sizes = item.Dimensions, strides = new long[sizes.Length];
        long stride = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(1, sizes[i]);
        }

        Tuple(sizes);
        Tuple(strides);
        Code(0x89);
        Global("collections", "OrderedDict");
        Code((byte)')', (byte)'R');
        if (!isTyped) Global("torch", type.DType["torch.".Length..]);
        Code((byte)'t', (byte)'R');
    }

    /// <summary>An attribute of the dictionary, where no loader of weights looks.</summary>
    private void Strings(IDictionary<string, string> metadata)
    {
        Code((byte)'}');
        Text(TorchNames.Strings);
        Code((byte)'}', (byte)'(');
        foreach ((string key, string value) in metadata)
        {
            Text(key);
            Text(value);
        }

        Code((byte)'u', (byte)'s', (byte)'b');
    }

    private void Code(params ReadOnlySpan<byte> codes) => _pickle.Write(codes);

    private void Global(string module, string name) => Code(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

    private void Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Code((byte)'X');
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        Code(length);
        Code(bytes);
    }

    private void Tuple(long[] numbers)
    {
        Code((byte)'(');
        foreach (long number in numbers) Number(number);
        Code((byte)'t');
    }

    private void Number(long value)
    {
        Span<byte> bytes = stackalloc byte[9];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        switch (value)
        {
            case >= 0 and <= byte.MaxValue:
                Code((byte)'K');
                Code(bytes[..1]);
                break;
            case >= 0 and <= ushort.MaxValue:
                Code((byte)'M');
                Code(bytes[..2]);
                break;
            case >= int.MinValue and <= int.MaxValue:
                Code((byte)'J');
                Code(bytes[..4]);
                break;
            default:
                Code(0x8A, 8);
                Code(bytes[..8]);
                break;
        }
    }
}
