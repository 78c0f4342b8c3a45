using System.Runtime.InteropServices;

namespace Evenkeel.Serialization;

/// <summary>Where the values of a storage stand.</summary>
/// <param name="Begin">The first byte in the stream.</param>
/// <param name="Length">The number of bytes.</param>
/// <param name="Packed">The packed file in the archive that has them; null if they are not packed.</param>
internal readonly record struct TorchPlace(long Begin, long Length, ZipEntry? Packed);

/// <summary>
/// Reads the values of views. A tensor whose values lie one after another is read from the file into its own memory.
/// For others, and for packed storages, the storage is read once and its values are picked.
/// </summary>
/// <param name="stream">The file.</param>
/// <param name="source">The file's name and budget.</param>
/// <param name="find">Where a storage stands; null if it is not there.</param>
/// <param name="unpack">The content of a packed file.</param>
/// <param name="isBigEndian">Whether the numbers have their upper byte first.</param>
internal sealed class TorchStorages(Stream stream, TorchSource source, Func<TorchStorage, TorchPlace?> find,
    Func<ZipEntry, byte[]> unpack, bool isBigEndian)
{
    private TorchPlace? _place;
    private byte[]? _loaded;

    /// <summary>Checks that a view lies in its storage, and that its number of bytes is possible.</summary>
    public static void Check(TorchSource source, string name, TorchView view)
    {
        TorchStorage storage = view.Storage;
        const string Remedy = "The file is damaged or was written wrongly; save it again.";
        if (view.Offset < 0 || view.Sizes.Any(static size => size < 0) || view.Strides.Any(static stride => stride < 0))
            throw source.Bad($"expected offset, sizes and strides of 0 or more for \"{name}\", got {view.Offset}, " +
                $"{Shown(view.Sizes)} and {Shown(view.Strides)}", Remedy);
        if (view.Sizes.Contains(0)) return;
        // The loop ends with numbers beyond a long, so 128 bits hold them.
        Int128 last = view.Offset, count = 1;
        for (int i = 0; i < view.Sizes.Length && Int128.Max(count, last) <= long.MaxValue; i++)
        {
            count *= view.Sizes[i];
            last += (Int128)(view.Sizes[i] - 1) * view.Strides[i];
        }

        Int128 held = (Int128)storage.Count * storage.Type.Size / view.Type.Size;
        if (Int128.Max(count, last) > long.MaxValue || last >= held)
            throw source.Bad($"expected \"{name}\" within the {held} values of its storage \"{storage.Key}\", got " +
                $"sizes {Shown(view.Sizes)} and strides {Shown(view.Strides)} from {view.Offset} on", Remedy);
        if (count * view.Type.Size > Array.MaxLength)
            throw source.Bad($"expected at most {Array.MaxLength} bytes for one tensor, got {count * view.Type.Size} " +
                $"for \"{name}\" of {view.Type.DType} and sizes {Shown(view.Sizes)}",
                "Split the tensor before saving; of a view that repeats its values, save the values.");
    }

    /// <summary>Reads the tensors into an archive, in their order. Views that are the same become one tensor.</summary>
    /// <param name="tensors">The tensors; all of them are checked.</param>
    /// <param name="archive">The archive.</param>
    public void Read(List<(string Name, TorchView View)> tensors, TensorArchive archive)
    {
        var done = new Dictionary<TorchView, Block>();
        // Storage after storage, so that each is loaded once at most and not kept.
        foreach (IGrouping<string, (string Name, TorchView View)> group in
            tensors.GroupBy(static item => item.View.Storage.Key, StringComparer.Ordinal))
        {
            foreach ((string name, TorchView view) in group)
            {
                if (!done.ContainsKey(view)) done.Add(view, Read(name, view));
            }

            (_place, _loaded) = (null, null);
        }

        foreach ((string name, TorchView view) in tensors)
        {
            Block block = done[view];
            if (block.Tensor is not null) archive.Add(name, block.Tensor);
            else archive.Add(name, block.Bytes!, view.Type.Name, view.Sizes);
        }
    }

    private static string Shown(long[] numbers) => numbers.Length <= 8
        ? $"({string.Join(", ", numbers)})"
        : $"({string.Join(", ", numbers.Take(8))}, ...)";

    private Block Read(string name, TorchView view)
    {
        long bytes = view.Count * view.Type.Size;
        source.Budget.Take(bytes, $"the tensor \"{name}\"");
        Block block = ElementType.Find(view.Type.Name) is { IsNative: true } native
            && native.ShapeOf(view.Sizes) is { } shape
            ? new Block(Tensor.Empty(shape, native.Holder!.Value), null)
            : new Block(null, new byte[bytes]);
        if (bytes == 0) return block;
        Span<byte> values = block.Tensor is not null ? block.Tensor.Bytes() : block.Bytes;
        _place ??= find(view.Storage);
        Int128 end = ((Int128)view.Storage.Begin + view.Storage.Count) * view.Storage.Type.Size;
        if (_place is not { } place || end > place.Length)
            throw source.Bad($"expected {end} bytes in the storage \"{view.Storage.Key}\" of \"{name}\", got " +
                (_place is { } shorter ? $"{shorter.Length}" : "none"),
                "The file is truncated or damaged; get it again.");
        long begin = (view.Storage.Begin * view.Storage.Type.Size) + (view.Offset * view.Type.Size);
        if (place.Packed is null && view.IsContiguous)
        {
            stream.Position = place.Begin + begin;
            stream.ReadExactly(values);
        }
        else
        {
            Pick(Loaded(name, place).AsSpan((int)begin), view, values);
        }

        if (isBigEndian) ByteOrder.Reverse(values, view.Type.PartSize);
        return block;
    }

    private byte[] Loaded(string name, TorchPlace place)
    {
        if (_loaded is not null) return _loaded;
        if (place.Length > Array.MaxLength)
            throw source.Bad($"expected \"{name}\" to have its values one after another, or a storage of at most " +
                $"{Array.MaxLength} bytes, got one of {place.Length}", "Save x.contiguous().clone() in Python.");
        if (place.Packed is { } entry)
        {
            _loaded = unpack(entry);
        }
        else
        {
            _loaded = new byte[place.Length];
            stream.Position = place.Begin;
            stream.ReadExactly(_loaded);
        }

        return _loaded;
    }

    private static void Pick(ReadOnlySpan<byte> from, TorchView view, Span<byte> to)
    {
        if (view.IsContiguous)
        {
            from[..to.Length].CopyTo(to);
            return;
        }

        switch (view.Type.Size)
        {
            case 1:
                Pick<byte>(from, view, to);
                break;
            case 2:
                Pick<ushort>(from, view, to);
                break;
            case 4:
                Pick<uint>(from, view, to);
                break;
            case 8:
                Pick<ulong>(from, view, to);
                break;
            default:
                Pick<UInt128>(from, view, to);
                break;
        }
    }

    private static void Pick<T>(ReadOnlySpan<byte> from, TorchView view, Span<byte> to) where T : unmanaged
    {
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(from);
        Span<T> picked = MemoryMarshal.Cast<byte, T>(to);
        int inner = view.Sizes.Length - 1;
        int size = (int)view.Sizes[inner], stride = (int)view.Strides[inner];
        long[] index = new long[view.Sizes.Length];
        for (int row = 0; row < picked.Length; row += size)
        {
            long first = 0;
            for (int axis = 0; axis < inner; axis++) first += index[axis] * view.Strides[axis];
            int at = (int)first;
            foreach (ref T value in picked.Slice(row, size))
            {
                value = values[at];
                at += stride;
            }

            for (int axis = inner - 1; axis >= 0 && ++index[axis] == view.Sizes[axis]; axis--) index[axis] = 0;
        }
    }

    /// <summary>Values of a tensor, or those of a type that no tensor has.</summary>
    private readonly record struct Block(Tensor? Tensor, byte[]? Bytes);
}
