using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Evenkeel.Data;
using SkiaSharp;

namespace Evenkeel.Images;

/// <summary>
/// The decoded pictures of a folder in one file. The name of the file comes from the folder's path and the options, so
/// a changed folder replaces its old file. The content is used only if the fingerprint of the sources (names, lengths,
/// times, options) and the checksum of the content are right.
/// </summary>
/// <remarks>
/// Layout, little-endian: "EVKLIMGS", a version of 32 bits, the fingerprint (32 bytes), the SHA-256 of all that follows
/// (32 bytes), the length of the table of 32 bits, the table (file, label, channels, height, width of each picture;
/// file and reason of each bad one), the pixels one after the other.
/// </remarks>
internal sealed class ImageFolderCache
{
    private const int Version = 5;

    /// <summary>Another decoder may give other pixels.</summary>
    private static readonly string s_decoder = typeof(SKCodec).Assembly.GetName().ToString();

    private const int HeaderBytes = 8 + 4 + 32 + 32 + 4;

    private readonly string _file;
    private readonly ImageFolderListing _listing;
    private readonly byte[] _fingerprint;

    private ImageFolderCache(string file, ImageFolderListing listing, byte[] fingerprint) =>
        (_file, _listing, _fingerprint) = (file, listing, fingerprint);

    private static ReadOnlySpan<byte> Magic => "EVKLIMGS"u8;

    public static ImageFolderCache For(ImageFolderListing listing, ImageFolderOptions options)
    {
        string key = string.Create(CultureInfo.InvariantCulture,
            $"{options.Height}x{options.Width}, {options.Fit}, channels {options.Channels}, "
            + $"skip {options.SkipBad}, {s_decoder}");
        string folder = options.CacheFolder ?? Path.Combine(DataCatalog.UserFolder, "image-folders");
        string name = Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes($"{listing.Source}\n{key}")).AsSpan(0, 8));
        byte[] fingerprint = SHA256.HashData(
            [.. Encoding.UTF8.GetBytes($"{Version}\n{key}\n"), .. listing.Fingerprint]);
        string file = Path.Combine(folder, $"{listing.Name}-{name}.images");
        return new ImageFolderCache(file, listing, fingerprint);
    }

    /// <summary>The pictures. Null if there is no file, or if the file is outdated or damaged.</summary>
    public ImageFolder? Read()
    {
        try
        {
            if (!File.Exists(_file)) return null;
            using var stream = new FileStream(
                _file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
            return Read(stream);
        }
        catch (Exception failure)
            when (failure is IOException or InvalidDataException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }

    /// <summary>
    /// Keeps the pictures. If the folder cannot be written, the next load decodes again; nothing else is lost.
    /// </summary>
    public void Write(ImageFolder folder)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
            byte[] table = TableOf(folder);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            hash.AppendData(table);
            foreach (FolderImage image in folder.Images) hash.AppendData(image.Image.Pixels);
            WholeFile.Write(_file, stream =>
            {
                Span<byte> number = stackalloc byte[4];
                stream.Write(Magic);
                BinaryPrimitives.WriteInt32LittleEndian(number, Version);
                stream.Write(number);
                stream.Write(_fingerprint);
                stream.Write(hash.GetHashAndReset());
                BinaryPrimitives.WriteInt32LittleEndian(number, table.Length);
                stream.Write(number);
                stream.Write(table);
                foreach (FolderImage image in folder.Images) stream.Write(image.Image.Pixels);
            });
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static byte[] TableOf(ImageFolder folder)
    {
        using var table = new MemoryStream();
        using (var writer = new BinaryWriter(table, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(folder.Count);
            foreach (FolderImage image in folder.Images)
            {
                writer.Write(image.File);
                writer.Write(image.Label);
                writer.Write(image.Image.Channels);
                writer.Write(image.Image.Height);
                writer.Write(image.Image.Width);
            }

            writer.Write(folder.Bad.Count);
            foreach (BadImage bad in folder.Bad)
            {
                writer.Write(bad.File);
                writer.Write(bad.Reason);
            }
        }

        return table.ToArray();
    }

    private ImageFolder? Read(FileStream stream)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        stream.ReadExactly(header);
        if (!header.StartsWith(Magic) || BinaryPrimitives.ReadInt32LittleEndian(header[8..]) != Version
            || !header.Slice(12, 32).SequenceEqual(_fingerprint))
        {
            return null;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(header[76..]);
        if (length < 0 || length > stream.Length - HeaderBytes) return null;
        var table = new byte[length];
        stream.ReadExactly(table);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(table);

        using var reader = new BinaryReader(new MemoryStream(table), Encoding.UTF8);
        var images = new FolderImage[Bounded(reader.ReadInt32(), length)];
        for (int i = 0; i < images.Length; i++)
        {
            string file = reader.ReadString();
            int label = reader.ReadInt32(), channels = reader.ReadInt32(), height = reader.ReadInt32(),
                width = reader.ReadInt32();
            ImageFile.CheckSize(width, height);
            if (channels is not (1 or 3) || (long)channels * height * width > stream.Length - stream.Position)
                return null;
            byte[] pixels = GC.AllocateUninitializedArray<byte>(channels * height * width);
            stream.ReadExactly(pixels);
            hash.AppendData(pixels);
            images[i] = new FolderImage(file, label, new ByteImage(pixels, channels, height, width));
        }

        var bad = new BadImage[Bounded(reader.ReadInt32(), length)];
        for (int i = 0; i < bad.Length; i++) bad[i] = new BadImage(reader.ReadString(), reader.ReadString());
        if (stream.Position != stream.Length || !hash.GetHashAndReset().AsSpan().SequenceEqual(header.Slice(44, 32)))
            return null;
        return new ImageFolder(_listing, images, bad, fromCache: true);
    }

    /// <summary>
    /// A damaged number must not become a large allocation. Every entry takes at least one byte of the table.
    /// </summary>
    private static int Bounded(int count, int length) =>
        count >= 0 && count <= length ? count : throw new FormatException("a count that the table cannot hold");
}
