using System.Buffers.Binary;
using System.Text;

namespace Evenkeel.Data;

public sealed partial record FileFormat
{
    private const string ReadsPictures = "ImageFile.Read of the package Evenkeel.Images reads it.";
    private const string ToPng = "Convert it to PNG, for example with ImageMagick: magick FILE FILE.png.";
    private const string Spreadsheet = "Save the table as CSV (UTF-8) from the program that wrote it.";
    private const string Unpack = "Unpack it and give the file that is in it.";
    private const string GetAgain = "The file was not fetched or written completely; get it again.";

    private const string FromPickle = "Load it in Python, and write its arrays with numpy.save or " +
        "safetensors.numpy.save_file.";

    private const string ReadsModel = "TensorFile.Read reads it, Module.Load reads a model's weights from it, and "
        + "'evenkeel inspect' shows what is in it.";

    private const string CifarBinary = "Take the binary version: cifar-10-binary.tar.gz " +
        "('evenkeel data fetch cifar-10' gets it).";

    // The formats that TensorFile reads.
    internal static readonly FileFormat OfSafeTensors = new("a safetensors file", ReadsModel);
    internal static readonly FileFormat OfSafeTensorsIndex = new(
        "the index of a model whose weights are in several files (model.safetensors.index.json)", ReadsModel);
    internal static readonly FileFormat OfTorchScript = new("a TorchScript file (a zip archive of code and pickles)",
        ReadsModel);
    internal static readonly FileFormat OfPyTorch = new("a PyTorch file (.pt or .pth: a zip archive of pickles)",
        ReadsModel);
    internal static readonly FileFormat OfPyTorchLegacy = new(
        "a PyTorch file of the form before version 1.6 (.pt or .pth: pickles)", ReadsModel);
    internal static readonly FileFormat OfPyTorchIndex = new(
        "the index of a PyTorch model whose weights are in several files (pytorch_model.bin.index.json)", ReadsModel);
    internal static readonly FileFormat OfNpy = new("an npy file (a NumPy array)", "Npy.Read reads it.");
    internal static readonly FileFormat OfNpz = new("an npz file (several NumPy arrays in a zip archive)",
        "Npz.Read reads it; Npy.Read reads one array that numpy.save wrote.");

    internal static readonly FileFormat OfOnnx = new("an ONNX file",
        "OnnxModel.Load of the package Evenkeel.Onnx reads it; 'evenkeel inspect' shows what is in it, and 'evenkeel "
        + "convert' writes its weights into another file.");

    private static readonly FileFormat s_idx = new("an IDX file (of the kind that MNIST comes in)",
        "Idx.Read reads it.");

    private static readonly FileFormat s_cifar10Python = new("CIFAR-10's Python version (pickles)", CifarBinary);
    private static readonly FileFormat s_cifar100Python = new("CIFAR-100's Python version (pickles)",
        $"It is another set than CIFAR-10. {CifarBinary}");
    private static readonly FileFormat s_cifar10Archive = new("CIFAR-10's binary version in an archive (.tar)",
        "Cifar10.Load reads it compressed, as it was downloaded (cifar-10-binary.tar.gz), " +
        "or unpacked into its folder.");
    private static readonly FileFormat s_cifar100Archive = new("CIFAR-100's binary version",
        $"It is another set than CIFAR-10. {CifarBinary}");
    private static readonly FileFormat[] s_cifar = [s_cifar10Python, s_cifar100Python, s_cifar10Archive,
        s_cifar100Archive];

    private static readonly FileFormat s_savedModel = new("a model of TensorFlow (saved_model.pb)",
        "Load it in Python and write its variables with safetensors.numpy.save_file.");
    private static readonly FileFormat s_savedModelFolder = new("the folder of a model of TensorFlow (SavedModel)",
        s_savedModel.Remedy);

    /// <summary>Whether the file is a table in text. The first bytes of one may look like those of a picture.</summary>
    internal bool IsTable => ReferenceEquals(this, s_table);

    private static readonly FileFormat s_empty = new("an empty file", GetAgain) { IsText = true };
    private static readonly FileFormat s_table = new("text in columns (CSV or the like)",
        "Evenkeel.Tables reads it: TableSchema.Learn and TableSchema.Load.")
    { IsText = true };
    private static readonly FileFormat s_text = new("text", "If it is the message of a server that refused the " +
        "download, get the file again.")
    { IsText = true };
    private static readonly FileFormat s_utf16 = new("text in UTF-16",
        "If it is a table, save it as CSV in UTF-8.")
    { IsText = true };

    /// <summary>Files that are not text. Formats with long signatures come before formats with short ones.</summary>
    private static readonly Row[] s_binary =
    [
        new(OfSafeTensors, IsSafeTensors),
        new(OfNpy, static (in file) => file.Has(0, [0x93, .. "NUMPY"u8])),

        // Zip archives, by the files in them.
        new(OfTorchScript, static (in file) => file.IsZipWith("data.pkl"u8)
            && (file.IsZipWith("constants.pkl"u8) || file.IsZipWith("/code/"u8))),
        new(OfPyTorch, static (in file) => file.IsZipWith("data.pkl"u8)),
        new("a Keras file (.keras: a zip archive)", "Load it in Python and write its weights with " +
            "safetensors.numpy.save_file.", static (in file) => file.IsZipWith("model.weights.h5"u8)),
        new(OfNpz, static (in file) => file.IsZipWith(".npy"u8)),
        new("a document of an office program (.xlsx or the like)", Spreadsheet, static (in file) =>
            file.IsZipWith("[Content_Types].xml"u8) || file.IsZipWith("mimetypeapplication/vnd.oasis"u8)),
        new("a zip archive", Unpack, 0, [.. "PK"u8, 3, 4]),
        new("an empty zip archive", GetAgain, 0, [.. "PK"u8, 5, 6]),

        // Pickles.
        new(OfPyTorchLegacy, static (in file) =>
            file.Has(2, [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19])),
        new(s_cifar100Python, static (in file) => IsPickle(file)
            && (file.Head[..Math.Min(32, file.Head.Length)].IndexOf("filenames"u8) >= 0
            || file.Head.IndexOf("fine_label"u8) >= 0)),
        new(s_cifar10Python, static (in file) => IsPickle(file)
            && (file.Head.IndexOf("batch_label"u8) >= 0 || file.Head.IndexOf("num_cases_per_batch"u8) >= 0)),
        new("a Python pickle", FromPickle, IsPickle),

        // Files of other libraries.
        new("a MATLAB file of version 7.3 (.mat, HDF5)", "Convert it in Python: h5py.File(\"x.mat\") gives its " +
            "arrays by name, and numpy.save writes one of them.", 0, "MATLAB 7.3 MAT-file"u8),
        new("a MATLAB file (.mat)", "Convert it in Python: scipy.io.loadmat(\"x.mat\") gives its arrays by name, and " +
            "numpy.save writes one of them.", 0, "MATLAB 5.0 MAT-file"u8),
        new("an HDF5 file (.h5, as Keras writes weights)", "Convert it in Python: h5py.File(\"x.h5\") gives its " +
            "arrays by name, and safetensors.numpy.save_file writes them.", IsHdf5),
        new("a GGUF file (quantized weights of llama.cpp)", "Take the model's safetensors file, " +
            "which its makers publish beside it.", 0, "GGUF"u8),
        new("a TensorFlow Lite file (.tflite)", "Take the model that it was made of, and write its variables in " +
            "Python with safetensors.numpy.save_file.", 4, "TFL3"u8),
        new("a Parquet file", "Convert it in Python with pandas.read_parquet(\"x.parquet\").to_csv(\"x.csv\", " +
            "index=False).", 0, "PAR1"u8),
        new("a Feather file (Arrow)", "Convert it in Python with " +
            "pandas.read_feather(\"x.feather\").to_csv(\"x.csv\", index=False).", 0, "ARROW1"u8),
        new("an SQLite database", "Write the table as CSV: sqlite3 -header -csv x.db 'select * from t' > x.csv.", 0,
            "SQLite format 3\0"u8),
        new("a document of an old office program (.xls or the like)", Spreadsheet, 0,
            [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]),

        // Pictures.
        new("a PNG picture", ReadsPictures, 0, [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n']),
        new("a JPEG picture", ReadsPictures, 0, [0xFF, 0xD8, 0xFF]),
        new("a RIFF file (sound or film)", "Give a file of another kind.", static (in file) => file.Has(0, "RIFF"u8)
            && !file.Has(8, "WEBP"u8)),
        new("a TIFF picture", ToPng, static (in file) =>
            file.Head is [(byte)'I', (byte)'I', 42 or 43, 0, ..] or [(byte)'M', (byte)'M', 0, 42 or 43, ..]),
        new("a HEIC or AVIF picture", ToPng, static (in file) => file.Has(4, "ftyp"u8)
            && (file.Has(8, "hei"u8) || file.Has(8, "hev"u8) || file.Has(8, "mif1"u8) || file.Has(8, "avi"u8))),
        new("a film (.mp4 or the like)", "Write its frames as PNG, for example with ffmpeg.", 4, "ftyp"u8),
        new("a JPEG 2000 picture", ToPng, 0, [0, 0, 0, 12, .. "jP  "u8]),
        new("a JPEG XL picture", ToPng, static (in file) => file.Has(0, [0, 0, 0, 12, .. "JXL "u8])
            || file.Head is [0xFF, 0x0A, ..]),
        new("a Photoshop file", ToPng, 0, "8BPS"u8),
        new("an OpenEXR picture", ToPng, 0, [0x76, 0x2F, 0x31, 0x01]),
        new("a Windows icon", ToPng, static (in file) => file.Head is [0, 0, 1, 0, > 0, 0, ..]),
        new("a BMP picture", ReadsPictures, static (in file) => file.Has(0, "BM"u8) && file.Has(6, [0, 0, 0, 0])
            && file.Head.Length > 14),

        // Archives. The content of a gzip file is looked at elsewhere.
        new(s_cifar10Python, static (in file) => IsTar(file) && file.Has(0, "cifar-10-batches-py"u8)),
        new(s_cifar100Python, static (in file) => IsTar(file) && file.Has(0, "cifar-100-python"u8)),
        new(s_cifar10Archive, static (in file) => IsTar(file) && file.Has(0, "cifar-10-batches-bin"u8)),
        new(s_cifar100Archive, static (in file) => IsTar(file) && file.Has(0, "cifar-100-binary"u8)),
        new("a tar archive", Unpack, IsTar),
        new("a file that is compressed by bzip2 (.bz2)", Unpack, static (in file) => file.Has(0, "BZh"u8)
            && file.Has(4, [0x31, 0x41, 0x59, 0x26, 0x53, 0x59])),
        new("a file that is compressed by xz (.xz)", Unpack, 0, [0xFD, .. "7zXZ"u8, 0]),
        new("a file that is compressed by Zstandard (.zst)", Unpack, 0, [0x28, 0xB5, 0x2F, 0xFD]),
        new("a 7z archive", Unpack, 0, [.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C]),
        new("a RAR archive", Unpack, 0, [.. "Rar!"u8, 0x1A, 0x07]),

        // Formats with short signatures.
        new(s_savedModel, static (in file) => file.Head is [8, 1, 0x12, ..]),
        new(OfOnnx, IsOnnx),
        new(s_idx, static (in file) => file.Head is [0, 0, 8 or 9 or >= 11 and <= 14, >= 1 and <= 8, ..]),
        new("a file that begins with nothing but zeros", GetAgain, static (in file) => file.Head.Length >= 16
            && file.Head.IndexOfAnyExcept((byte)0) < 0),
    ];

    /// <summary>
    /// Files that are text, or begin like text: a table whose first column is called PAR1 is not a Parquet file.
    /// </summary>
    private static readonly Row[] s_textual =
    [
        new(s_empty, static (in file) => file.Head.IsEmpty),
        new("a GIF picture", ReadsPictures, static (in file) => file.Has(0, "GIF87a"u8) || file.Has(0, "GIF89a"u8)),
        new("a WebP picture", ReadsPictures, static (in file) => file.Has(0, "RIFF"u8) && file.Has(8, "WEBP"u8)),
        new("a PPM or PGM picture", ReadsPictures, static (in file) => IsPnm(file, "2356"u8)),
        new("a picture of the PBM or PAM family", ToPng, static (in file) => IsPnm(file, "14"u8)
            || file.Has(0, "P7\nWIDTH"u8)),
        new("a PDF document", "Write its pages as pictures, for example with pdftoppm -png.", 0, "%PDF-"u8),
        new("a Python pickle", FromPickle, static (in file) =>
            file.Head is [(byte)'(', (byte)'d' or (byte)'l', (byte)'p', >= (byte)'0' and <= (byte)'9', (byte)'\n', ..]
            || file.Has(0, "ccopy_reg\n"u8)),
        new("a Git LFS pointer (it says where the file is, and is not the file)",
            "Fetch the file itself: 'git lfs pull' in its repository, or the download link of the repository's page.",
                0, "version https://git-lfs.github.com/spec/"u8),
        new("a picture in SVG", ToPng, static (in file) => IsMarkup(file, "<svg"u8)
            || (IsMarkup(file, "<?xml"u8) && file.Head.IndexOf("<svg"u8) >= 0)),
        new("a web page (HTML)",
            "The link leads to a page about the file, or to a server's refusal. Save the file itself: on Hugging " +
                "Face the address has /resolve/ in the place of /blob/, on GitHub /raw/.",
            static (in file) => IsMarkup(file, "<!doctype html"u8) || IsMarkup(file, "<html"u8)
                || IsMarkup(file, "<head"u8) || IsMarkup(file, "<body"u8)
                || ((IsMarkup(file, "<?xml"u8) || IsMarkup(file, "<!--"u8) || IsMarkup(file, "<!doctype"u8))
                    && (file.Head.IndexOf("<html"u8) >= 0 || file.Head.IndexOf("<HTML"u8) >= 0))),
        new("an XML file", "If it is a server's refusal, get the file again; its text says why.", static (in file) =>
            IsMarkup(file, "<?xml"u8)),
        new(OfSafeTensorsIndex, static (in file) => IsJson(file) && file.Head.IndexOf("\"weight_map\""u8) >= 0
            && file.Head.IndexOf(".safetensors"u8) >= 0),
        new(OfPyTorchIndex, static (in file) => IsJson(file) && file.Head.IndexOf("\"weight_map\""u8) >= 0),
        new("a JSON file", "It holds no array and no picture: give the file that does.", IsJson),
    ];

    /// <summary>
    /// Whether the file is text that may be a table. JSON, web pages and similar formats are not: they have their own
    /// rows here.
    /// </summary>
    public bool IsText { get; private init; }

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private static bool IsSafeTensors(in Sample file) =>
        file.Head.Length > 8 && BinaryPrimitives.ReadUInt64LittleEndian(file.Head) is >= 2 and <= 100_000_000
            && file.Head[8] == (byte)'{';

    /// <summary>The first two bytes of protocols 2 to 5 say so. The older protocols are text.</summary>
    private static bool IsPickle(in Sample file) => file.Head is [0x80, >= 2 and <= 5, ..];

    /// <summary>
    /// The signature stands at the beginning, or after a block for other programs whose size is a power of two from 512
    /// on.
    /// </summary>
    private static bool IsHdf5(in Sample file)
    {
        ReadOnlySpan<byte> signature = [0x89, .. "HDF\r\n"u8, 0x1A, (byte)'\n'];
        return file.Has(0, signature) || file.Has(512, signature) || file.Has(1024, signature)
            || file.Has(2048, signature);
    }

    private static bool IsTar(in Sample file) => file.Has(257, "ustar"u8);

    /// <summary>
    /// Protocol Buffers have no signature. Field 1 (ir_version, a small number) comes first, then the producer's name,
    /// the graph, or another field of ModelProto.
    /// </summary>
    private static bool IsOnnx(in Sample file)
    {
        if (file.Head is not [8, >= 2 and <= 20, byte tag, byte length, ..]) return false;
        // Producer's name and version, and domain, are short texts; model_version is a number; then come graph,
        // opset_import and metadata.
        if (tag is not (0x12 or 0x1A or 0x22)) return tag is 0x28 or 0x32 or 0x3A or 0x42 or 0x72;
        return length < 128 && file.Head.Length >= 4 + length && Ascii.IsValid(file.Head.Slice(4, length))
            && file.Head.Slice(4, length).IndexOfAnyInRange((byte)0, (byte)31) < 0;
    }

    /// <summary>The family of PBM: P and a digit, then the width and the height, or a comment.</summary>
    private static bool IsPnm(in Sample file, ReadOnlySpan<byte> digits)
    {
        if (file.Head is not [(byte)'P', byte digit, (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t', ..]
            || digits.IndexOf(digit) < 0) return false;
        ReadOnlySpan<byte> rest = file.Head[2..].TrimStart(" \t\r\n"u8);
        int width = rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return rest.StartsWith("#"u8) || (width > 0 && rest[width] == (byte)' ');
    }

    private static bool IsMarkup(in Sample file, ReadOnlySpan<byte> start) => file.Text.Length >= start.Length
        && Ascii.EqualsIgnoreCase(file.Text[..start.Length], start);

    private static bool IsJson(in Sample file)
    {
        ReadOnlySpan<byte> text = file.Text;
        if (text.IsEmpty || text[0] is not ((byte)'{' or (byte)'[')) return false;
        ReadOnlySpan<byte> next = text[1..].TrimStart(" \t\r\n"u8);
        return !next.IsEmpty
            && (text[0] == (byte)'{' ? next[0] is (byte)'"' or (byte)'}'
            : next[0] is (byte)'{' or (byte)'[' or (byte)'"' or (byte)']' or (byte)'-'
                or >= (byte)'0' and <= (byte)'9');
    }

    private delegate bool Test(in Sample file);

    /// <summary>One format and how it is recognized.</summary>
    private sealed class Row(FileFormat format, Test fits)
    {
        public Row(string name, string remedy, Test fits)
            : this(new FileFormat(name, remedy), fits)
        {
        }

        /// <summary>A format that is recognized by bytes at one place.</summary>
        public Row(string name, string remedy, int offset, ReadOnlySpan<byte> signature)
            : this(new FileFormat(name, remedy), At(offset, signature.ToArray()))
        {
        }

        public FileFormat Format => format;

        public bool Fits(in Sample file) => fits(file);

        private static Test At(int offset, byte[] signature) => (in file) => file.Has(offset, signature);
    }
}
