using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Evenkeel.Tables;
using Evenkeel.Tests.Data;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>
/// Every reader that is given a file of another kind, or a damaged one, says so in words and takes no memory for it.
/// </summary>
public sealed class ForeignFilesTests : IDisposable
{
    /// <summary>
    /// What reading may allocate for each byte of a file, and in any case: decoders and a buffer of 64 KB.
    /// </summary>
    private const long MostPerByte = 64, MostAnyway = 4 << 20;

    private const int Mutations = 400;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A reader, and the formats that it reads by the beginning of their names.</summary>
    private static IEnumerable<(string Name, string[] Own, Action<string> Read)> Readers =>
    [
        ("SafeTensors", ["a safetensors", "the index of a model"], static path => SafeTensors.Read(path)),
        ("TensorFile", ["a safetensors", "the index of a", "a PyTorch", "a TorchScript", "an npy", "an npz"],
            static path => new Linear(1, 1).Load(path)),
        ("Npy", ["an npy"], static path => Npy.Read(path)),
        ("Npz", ["an npz", "an empty zip"], static path => Npz.Read(path)),
        ("TorchSharpFile", ["a TorchSharp"], static path => TorchSharpFile.Read(path)),
        ("Idx", ["an IDX"], static path => Idx.Read(path)),
        ("Cifar10", ["CIFAR-10's binary version in an archive (.tar), compressed"], static path => Cifar10.Load(path)),
        ("ImageFile", ["a PNG", "a JPEG", "a BMP", "a PPM", "a GIF", "a WebP"], static path => ImageFile.Read(path)),
        ("TableSchema", ["text", "an empty file"], static path => TableSchema.Learn(path)),
    ];

    [Fact]
    public void Every_reader_names_a_file_of_another_kind_and_says_what_to_do()
    {
        foreach ((string reader, string[] own, Action<string> read) in Readers)
        {
            foreach ((string format, byte[] bytes) in FileFormatTests.Foreign)
            {
                if (own.Any(name => format.StartsWith(name, StringComparison.Ordinal))) continue;
                string path = _folder.File("file.bin");
                File.WriteAllBytes(path, bytes);
                string message = Assert.Throws<InvalidDataException>(() => read(path)).Message;
                Assert.StartsWith(reader, message, StringComparison.Ordinal);
                Assert.Contains(path, message, StringComparison.Ordinal);
                Assert.True(IsNamed(message, format, bytes), $"{reader} on {format}: {message}");
            }
        }

        // An empty picture or data set has words of its own.
        static bool IsNamed(string message, string format, byte[] bytes) =>
            message.Contains(format, StringComparison.Ordinal) || bytes.Length == 0
                || (message.StartsWith("Idx", StringComparison.Ordinal)
                && bytes is [0, 0, ..] or [0x1F, 0x8B, ..] or { Length: < 4 });
    }

    [Fact]
    public void Every_reader_refuses_a_folder_in_words()
    {
        File.WriteAllText(_folder.File("model.safetensors"), "");
        foreach ((string reader, _, Action<string> read) in Readers.Where(static reader => reader.Name != "Cifar10"))
        {
            string message = Assert.Throws<InvalidDataException>(() => read(_folder.Path)).Message;
            Assert.StartsWith(reader, message, StringComparison.Ordinal);
            Assert.Contains("a folder", message, StringComparison.Ordinal);
            Assert.Contains("Give one of the files in it: model.safetensors", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_page_in_the_place_of_a_result_is_named()
    {
        Experiment experiment = ExperimentCatalog.All[0];
        File.WriteAllText(_folder.File($"{experiment.Name}.json"), "<!DOCTYPE html><html>");
        (_, _, string reason) = Assert.Single(new ResultFolder(_folder.Path).Damaged());
        Assert.Equal("it is a web page (HTML)", reason);
    }

    public static TheoryData<string> Formats => ["sealed.safetensors", "plain.safetensors", "x.npy",
        "stored.npz", "packed.npz", "x.dat", "x.idx", "x.idx.gz", "x.csv", "x.png", "x.bmp", "x.pgm"];

    private static byte[] Valid(string name)
    {
        var archive = new TensorArchive();
        archive.Add("0.weight", Tensor.From([1f, 2f, 3f, 4f, 5f, 6f], [2, 3]));
        archive.Add("0.bias", Tensor.From([1.0, 2.0], [2]));
        archive.Add("count", Tensor.From([7L], []));
        archive.Add("mask", new byte[4], "BOOL", [2, 2]);
        archive.Metadata["format"] = "pt";
        using var folder = new TempFolder();
        using var stream = new MemoryStream();
        byte[] idx = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        switch (name)
        {
            case "sealed.safetensors":
                SafeTensors.WriteSealed(folder.File(name), archive);
                return File.ReadAllBytes(folder.File(name));
            case "plain.safetensors": SafeTensors.Write(stream, archive); break;
            case "x.npy": Npy.Write(stream, archive.Tensor("0.weight")); break;
            case "stored.npz": Npz.Write(stream, archive); break;
            case "packed.npz": Npz.Write(stream, archive, compress: true); break;
            case "x.dat": TorchSharpFile.Write(stream, archive); break;
            case "x.idx": return idx;
            case "x.idx.gz":
                using (var gzip = new GZipStream(stream, CompressionMode.Compress, leaveOpen: true)) gzip.Write(idx);
                break;
            case "x.csv": return Encoding.UTF8.GetBytes("a,b,label\n1.5,2,x\n\"3\",4,y\n5,6,x\n");
            case "x.png":
                ImageFile.WritePng(folder.File(name),
                    new ByteImage([.. Enumerable.Range(0, 48).Select(static i => (byte)i)], 3, 4, 4));
                return File.ReadAllBytes(folder.File(name));
            case "x.bmp":
                byte[] bmp = new byte[54 + 12];
                "BM"u8.CopyTo(bmp);
                BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(2), bmp.Length);
                (bmp[10], bmp[14], bmp[18], bmp[22], bmp[26], bmp[28]) = (54, 40, 1, 3, 1, 24);
                return bmp;
            default: return [.. "P5\n3 2\n255\n"u8, 1, 2, 3, 4, 5, 6];
        }

        return stream.ToArray();
    }

    private static Action<string> ReaderOf(string name) => Path.GetExtension(name) switch
    {
        ".safetensors" => static path => SafeTensors.Read(path),
        ".npy" => static path => Npy.Read(path),
        ".npz" => static path => Npz.Read(path),
        ".dat" => static path => TorchSharpFile.Read(path),
        ".idx" or ".gz" => static path => Idx.Read(path),
        ".csv" => static path => TableSchema.Learn(path),
        _ => static path => ImageFile.Read(path),
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_damaged_file_is_read_or_refused_by_name_and_takes_little_memory(string name)
    {
        byte[] valid = Valid(name);
        Action<string> read = ReaderOf(name);
        string path = _folder.File(name);
        File.WriteAllBytes(path, valid);
        read(path);
        var random = new System.Random(1);
        byte[] edges = [0, 1, 0x7F, 0x80, 0xFF, (byte)'0', (byte)'9', (byte)'"', (byte)'{', (byte)','];
        for (int run = 0; run < Mutations; run++)
        {
            byte[] changed = [.. valid];
            for (int times = random.Next(1, 4); times > 0; times--)
            {
                int at = random.Next(changed.Length);
                changed[at] = random.Next(3) == 0 ? edges[random.Next(edges.Length)]
                    : (byte)(changed[at] ^ (1 << random.Next(8)));
            }

            if (random.Next(4) == 0) changed = changed[..random.Next(changed.Length)];
            File.WriteAllBytes(path, changed);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Exception? failure = Record.Exception(() => read(path));
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            string told = $"run {run}: {failure}";
            Assert.True(failure is null or InvalidDataException, told);
            Assert.True(failure is null || failure.Message.Contains(path, StringComparison.Ordinal), told);
            Assert.True(allocated <= MostAnyway + MostPerByte * changed.Length,
                $"{allocated} bytes for {changed.Length}; {told}");
            // Only a change of what means nothing (a space in the padding) leaves a sealed file valid.
            if (name == "sealed.safetensors") Assert.True(failure is not null || changed.AsSpan().SequenceEqual(valid),
                told);
        }
    }
}
