using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class FileFormatTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The first bytes of files of other programs, and a part of the name that they get.</summary>
    internal static IEnumerable<(string Name, byte[] Bytes)> Foreign =>
    [
        ("an empty file", []),
        ("a safetensors file", [2, 0, 0, 0, 0, 0, 0, 0, .. "{}"u8]),
        ("an npy file", [0x93, .. "NUMPY"u8, 1, 0, 10, 0, .. "{}        "u8]),
        ("a PyTorch file (.pt or .pth: a " +
            "zip", Zip("model/data.pkl", "model/byteorder", "model/data/0", "model/version")),
        ("a TorchScript file",
            Zip("net/data/0", "net/data.pkl", "net/code/__torch__.py", "net/constants.pkl", "net/version")),
        ("a Keras file", Zip("metadata.json", "config.json", "model.weights.h5")),
        ("an npz file", Zip("x.npy", "y.npy")),
        ("a document of an office program", Zip("[Content_Types].xml", "xl/workbook.xml")),
        ("a zip archive", Zip("readme.txt")),
        ("an empty zip archive", Zip()),
        ("a PyTorch file of the form before version " +
            "1.6", [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
            .. ".\x80\x02M\xE9\x03."u8]),
        ("CIFAR-10's Python version",
            [0x80, 2, .. "}q\x01(U\vbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labels"u8]),
        ("CIFAR-100's Python version", [0x80, 2, .. "}q\x01(U\tfilenamesq\x02]q\x03(U\x14_bos_taurus_s_000507"u8]),
        ("a Python pickle", [0x80, 4, 0x95, 1, 0, 0, 0, 0, 0, 0, 0, .. "}."u8]),
        ("a Python pickle", [.. "(dp0\nS'weight'\np1\n"u8]),
        ("a MATLAB file (.mat)", [.. "MATLAB 5.0 MAT-file, Platform: GLNXA64"u8, 0, 1, .. "IM"u8]),
        ("a MATLAB file of version 7.3", [.. "MATLAB 7.3 MAT-file, Platform: GLNXA64"u8, 0, 2, .. "IM"u8]),
        ("an HDF5 file", [0x89, .. "HDF\r\n"u8, 0x1A, (byte)'\n', 0]),
        ("a GGUF file", [.. "GGUF"u8, 3, 0, 0, 0]),
        ("a TensorFlow Lite file", [0x1C, 0, 0, 0, .. "TFL3"u8]),
        ("a Parquet file", [.. "PAR1"u8, 0x15, 4]),
        ("a Feather file", [.. "ARROW1"u8, 0, 0]),
        ("an SQLite database", [.. "SQLite format 3\0"u8]),
        ("a document of an old office program", [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]),
        ("a PNG picture", [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n']),
        ("a JPEG picture", [0xFF, 0xD8, 0xFF, 0xE0]),
        ("a GIF picture", [.. "GIF89a"u8]),
        ("a WebP picture", [.. "RIFF"u8, 1, 2, 3, 4, .. "WEBPVP8 "u8]),
        ("a RIFF file", [.. "RIFF"u8, 1, 2, 3, 4, .. "WAVEfmt "u8]),
        ("a TIFF picture", [.. "II"u8, 42, 0, 8, 0, 0, 0]),
        ("a TIFF picture", [.. "MM"u8, 0, 42, 0, 0, 0, 8]),
        ("a HEIC or AVIF picture", [0, 0, 0, 0x18, .. "ftypheic"u8]),
        ("a film", [0, 0, 0, 0x18, .. "ftypisom"u8]),
        ("a JPEG 2000 picture", [0, 0, 0, 12, .. "jP  "u8]),
        ("a JPEG XL picture", [0xFF, 0x0A, 1]),
        ("a Photoshop file", [.. "8BPS"u8, 0, 1]),
        ("an OpenEXR picture", [0x76, 0x2F, 0x31, 0x01]),
        ("a PDF document", [.. "%PDF-1.7"u8]),
        ("a Windows icon", [0, 0, 1, 0, 1, 0, 16, 16]),
        ("a BMP picture", [.. "BM"u8, 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40]),
        ("a PPM or PGM picture", [.. "P6\n2 2\n255\n"u8, 0, 0]),
        ("a picture of the PBM or PAM family", [.. "P4\n2 2\n"u8, 0]),
        ("CIFAR-10's Python version", Tar("cifar-10-batches-py/data_batch_4")),
        ("CIFAR-10's binary version in an archive", Tar("cifar-10-batches-bin/data_batch_4.bin")),
        ("CIFAR-100's binary version", Tar("cifar-100-binary/train.bin")),
        ("a tar archive", Tar("a.txt")),
        ("CIFAR-10's Python version (pickles), compressed by gzip", Gzip(Tar("cifar-10-batches-py/data_batch_4"))),
        ("a tar archive, compressed by gzip", Gzip(Tar("a.txt"))),
        ("an IDX file (of the kind that MNIST comes in), compressed by gzip", Gzip([0, 0, 8, 1, 0, 0, 0, 1, 7])),
        ("text in columns (CSV or the like), compressed by gzip", Gzip([.. "a,b\n1,2\n"u8])),
        ("a file that is compressed by gzip", [0x1F, 0x8B, 8, 0]),
        ("a file that is compressed by bzip2", [.. "BZh91AY&SY"u8, 0xB5]),
        ("a file that is compressed by xz", [0xFD, .. "7zXZ"u8, 0]),
        ("a file that is compressed by Zstandard", [0x28, 0xB5, 0x2F, 0xFD]),
        ("a 7z archive", [.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C]),
        ("a RAR archive", [.. "Rar!"u8, 0x1A, 7, 0]),
        ("a Git LFS pointer", [.. "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"u8]),
        ("a picture in SVG", [.. "<?xml version=\"1.0\"?>\n<svg width=\"1\"/>"u8]),
        ("a web page", [.. "\n<!DOCTYPE HTML>\n<html><head>"u8]),
        ("a web page", [0xEF, 0xBB, 0xBF, .. "<HTML lang=en>"u8]),
        ("a web page", [.. "<!-- saved -->\n<html>"u8]),
        ("an XML file", [.. "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"u8]),
        ("the index of a model whose weights are in several files",
            [.. "{\n  \"metadata\": {\"total_size\": 8},\n  \"weight_map\": {\"a\": \"model-1.safetensors\"}}"u8]),
        ("the index of a PyTorch model",
            [.. "{\"metadata\": {}, \"weight_map\": {\"a\": \"pytorch_model-00001-of-00002.bin\"}}"u8]),
        ("a JSON file", [.. "{\"a\": 1}"u8]),
        ("a JSON file", [.. " [1, 2]"u8]),
        ("a model of TensorFlow", [8, 1, 0x12, 0xE0, 3]),
        ("an ONNX file", [8, 7, 0x12, 7, .. "pytorch"u8, 0x1A, 3, .. "2.1"u8]),
        ("an ONNX file", [8, 8, 0x3A, 0x80, 2]),
        ("an IDX file", [0, 0, 8, 3, 0, 0, 0, 1]),
        ("a file that begins with nothing but zeros", new byte[64]),
        ("text in UTF-16", [0xFF, 0xFE, (byte)'a', 0]),
        ("text in columns", [.. "a;b\n1;2\n"u8]),
        ("text in columns", [.. "PAR1,PAR2\n1,2\n"u8]),
        ("text in columns", [.. "P2\tP3\n1\t2\n"u8]),
        ("text in columns", [.. "x,yftyp,z\n1,2,3\n"u8]),
        ("text that begins with \"Entry not found\"", [.. "Entry not found"u8]),
    ];

    private static byte[] Zip(params string[] names)
    {
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (string name in names)
            {
                using Stream entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write("content"u8);
            }
        }

        return stream.ToArray();
    }

    private static byte[] Tar(string name)
    {
        var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Gnu,
            leaveOpen: true)) tar.WriteEntry(new GnuTarEntry(TarEntryType.RegularFile,
            name)
            { DataStream = new MemoryStream(new byte[700]) });
        return stream.ToArray();
    }

    private static byte[] Gzip(byte[] content)
    {
        var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionMode.Compress)) gzip.Write(content);
        return stream.ToArray();
    }

    [Fact]
    public void A_format_is_told_by_the_bytes_of_the_file_and_the_remedy_is_whole_sentences()
    {
        foreach ((string name, byte[] bytes) in Foreign)
        {
            string path = _folder.File("file.csv");
            File.WriteAllBytes(path, bytes);
            FileFormat? format = FileFormat.Of(path);
            Assert.True(format is not null && format.Name.StartsWith(name, StringComparison.Ordinal),
                $"expected {name}, got {format?.Name}");
            Assert.Equal(format, FileFormat.Of(bytes));
            Assert.True(format!.Remedy.EndsWith('.') || format.Remedy.EndsWith(')'), format.Remedy);
            Assert.True(char.IsUpper(format.Remedy[0]), format.Remedy);
        }
    }

    [Fact]
    public void A_folder_is_named_with_the_files_in_it()
    {
        Assert.Equal(new FileFormat("a folder", "Give a file."), FileFormat.Of(_folder.Path));
        File.WriteAllText(_folder.File("model.safetensors"), "");
        File.WriteAllText(_folder.File("config.json"), "");
        Assert.Equal("Give one of the files in it: config.json, model.safetensors.",
            FileFormat.Of(_folder.Path)!.Remedy);
        File.WriteAllText(_folder.File("saved_model.pb"), "");
        Assert.StartsWith("the folder of a model of TensorFlow", FileFormat.Of(_folder.Path)!.Name,
            StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => FileFormat.Of(_folder.File("nothing")));
    }

    [Fact]
    public void Bytes_of_no_known_format_have_none()
    {
        Assert.Null(FileFormat.Of([0xC3, 0x28, 1, 2, 3]));
        Assert.Null(FileFormat.Of([1, 2, 3]));
        Assert.Contains("begins with the bytes c3280102", FileFormat.Wrong("Npy", "x", "an npy " +
            "file", new MemoryStream([0xC3, 0x28, 1, 2])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_text_is_text_though_the_part_that_is_looked_at_ends_inside_a_character()
    {
        for (int shift = 0; shift < 3; shift++)
            Assert.StartsWith("text",
                FileFormat.Of(Encoding.UTF8.GetBytes(new string('x', shift) + new string('\u20AC', 3000)))?.Name,
                StringComparison.Ordinal);
    }

    [Fact]
    public void The_position_of_a_stream_stays()
    {
        var stream = new MemoryStream(Zip("x.npy")) { Position = 7 };
        Assert.StartsWith("an npz file", FileFormat.Of(stream)!.Name, StringComparison.Ordinal);
        Assert.Equal(7, stream.Position);
    }
}
