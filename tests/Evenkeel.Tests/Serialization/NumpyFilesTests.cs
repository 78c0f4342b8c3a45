using System.Buffers.Binary;
using System.Diagnostics;
using Evenkeel.Data;
using Evenkeel.Serialization;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>
/// Files that NumPy 1.24 wrote (tests/golden/generate_numpy_files.py) are read, and NumPy reads ours. Value i of an
/// array is i - 3, of unsigned ones i, of truth values i % 2.
/// </summary>
public sealed class NumpyFilesTests
{
    private static Stream Open(string name) => GoldenFiles.Open("files/numpy/" + name);

    private static Tensor Read(string name) => Npy.Read(Open(name), name);

    private static double[] Doubles(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();

    private static double[] Values(int count, char kind = 'f') => [.. Enumerable.Range(0, count).Select(i =>
        kind == 'u' ? i : kind == 'b' ? i % 2 : (double)i - 3)];

    [Theory]
    [InlineData("f2", "F16", DType.Float32)]
    [InlineData("f4", "F32", DType.Float32)]
    [InlineData("f8", "F64", DType.Float64)]
    [InlineData("i1", "I8", DType.Int64)]
    [InlineData("i2", "I16", DType.Int64)]
    [InlineData("i4", "I32", DType.Int64)]
    [InlineData("i8", "I64", DType.Int64)]
    [InlineData("u1", "U8", DType.Int64)]
    [InlineData("u2", "U16", DType.Int64)]
    [InlineData("u4", "U32", DType.Int64)]
    [InlineData("u8", "U64", DType.Int64)]
    [InlineData("b1", "BOOL", DType.Int64)]
    public void All_types_are_read_in_both_orders_of_bytes_and_of_dimensions(string code, string type, DType dtype)
    {
        TensorArchive archive = Npz.Read(Open("types.npz"));
        Assert.Equal(14 * 4, archive.Names.Count);
        foreach (string name in Ways(code))
        {
            Assert.Equal(type, archive.TypeOf(name));
            Tensor tensor = archive.Tensor(name);
            Assert.Equal(dtype, tensor.DType);
            Assert.Equal<Shape>([2, 3, 2], tensor.Shape);
            Assert.Equal(Values(12, code[0]), Doubles(tensor));
        }
    }

    [Theory]
    [InlineData("c8", "C64")]
    [InlineData("c16", "C128")]
    public void Complex_numbers_stay_bytes_in_an_archive(string code, string type)
    {
        TensorArchive archive = Npz.Read(Open("types.npz"));
        double[] expected = [.. Enumerable.Range(0, 12).SelectMany(static i => new[] { i - 3, 0.5 * i })];
        foreach (string name in Ways(code))
        {
            Assert.Equal(type, archive.TypeOf(name));
            Assert.Equal([2L, 3L, 2L], archive.DimensionsOf(name));
            byte[] bytes = archive.Bytes(name);
            Assert.Equal(expected, Enumerable.Range(0, 24).Select(i => type == "C64"
                ? BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4 * i))
                : BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(8 * i))));
        }
    }

    private static string[] Ways(string code) => [$"little/{code}/C", $"little/{code}/F", $"big/{code}/C",
        $"big/{code}/F"];

    [Theory]
    [InlineData("version1.npy", DType.Float32)]
    [InlineData("version2.npy", DType.Float32)]
    [InlineData("version3.npy", DType.Float32)]
    [InlineData("big-fortran.npy", DType.Float64)]
    [InlineData("half.npy", DType.Float32)]
    [InlineData("bool.npy", DType.Int64)]
    public void A_file_of_one_array_becomes_a_tensor(string name, DType dtype)
    {
        Tensor tensor = Read(name);
        Assert.Equal<Shape>([2, 3, 2], tensor.Shape);
        Assert.Equal(dtype, tensor.DType);
        Assert.Equal(Values(12, name == "bool.npy" ? 'b' : 'f'), Doubles(tensor));
    }

    [Fact]
    public void Five_column_major_dimensions_become_row_major()
    {
        Tensor tensor = Read("five-fortran.npy");
        Assert.Equal<Shape>([2, 3, 1, 4, 5], tensor.Shape);
        Assert.Equal(Values(120), Doubles(tensor));
    }

    [Fact]
    public void Scalars_and_empty_arrays_are_read()
    {
        Assert.Equal<Shape>([], Read("scalar.npy").Shape);
        Assert.Equal(2.5, Read("scalar.npy").Item());
        Assert.Equal<Shape>([0, 4], Read("empty.npy").Shape);
    }

    [Theory]
    [InlineData("stored.npz")]
    [InlineData("packed.npz")]
    public void An_archive_keeps_names_and_order(string name)
    {
        TensorArchive archive = Npz.Read(Open(name));
        Assert.Equal(["a", "b", "s", "ü/w"], archive.Names);
        Assert.Equal(Values(12), Doubles(archive.Tensor("a")));
        Assert.Equal([7, 8], archive.Tensor("b").ToArray<long>());
        Assert.Equal(2.5, archive.Tensor("s").Item());
        Assert.Equal<Shape>([0, 4], archive.Tensor("ü/w").Shape);
    }

    [Fact]
    public void An_archive_without_arrays_is_empty() => Assert.Empty(Npz.Read(Open("nothing.npz")).Names);

    [Theory]
    [InlineData("object.npy", "got Python objects ('|O'). Such a file is a pickle, which may run any program")]
    [InlineData("record.npy", "expected numbers, got records with fields: [('x', '<i4'), ('y', '<f8')]")]
    [InlineData("names.npy", "got records with fields: [('größe', '<i4')")]
    [InlineData("text.npy", "got texts ('<U2'). Save numbers in their place")]
    [InlineData("bytes.npy", "got texts ('|S2')")]
    [InlineData("date.npy", "got dates or times ('<M8[D]'). Save their numbers in NumPy: x.astype('<i8')")]
    [InlineData("raw.npy", "got raw bytes ('|V3'). Save them as numbers in NumPy: x.view('|u1')")]
    [InlineData("long.npy", "got numbers of extended precision ('<f16'). Convert them in NumPy: x.astype('<f8')")]
    [InlineData("complex.npy", "got complex ones (C64). Save their parts in NumPy")]
    [InlineData("uint64.npy", "expected integers below 2^63, got larger ones")]
    [InlineData("seven.npy", "expected at most 6 dimensions and 2147483647 elements, got (1, 2, 1, 3, 1, 2, 1)")]
    public void What_is_no_tensor_is_refused_by_name(string name, string message)
    {
        string said = Assert.Throws<InvalidDataException>(() => Read(name)).Message;
        Assert.StartsWith($"Npy \"{name}\": expected ", said, StringComparison.Ordinal);
        Assert.Contains(message, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("object.npz", "array \"o\": expected numbers of at most 64 bits, or pairs of them, got Python objects")]
    [InlineData("readme.npz", "expected files of arrays (.npy), got \"readme.txt\"")]
    public void What_is_no_array_of_numbers_in_an_archive_is_refused_by_name(string name, string message)
    {
        string said = Assert.Throws<InvalidDataException>(() => Npz.Read(Open(name), name)).Message;
        Assert.StartsWith($"Npz \"{name}\"", said, StringComparison.Ordinal);
        Assert.Contains(message, said, StringComparison.Ordinal);
    }

    [Fact]
    public void A_data_set_takes_halves_and_small_integers()
    {
        using var folder = new TempFolder();
        Save("half.npy");
        Save("bool.npy");
        TensorDataset set = Npy.ReadDataset(folder.File("half.npy"), folder.File("bool.npy"));
        Assert.Equal((2, DType.Float32, DType.Int64), (set.Count, set.Inputs.DType, set.Targets.DType));

        void Save(string name)
        {
            using FileStream file = File.Create(folder.File(name));
            Open(name).CopyTo(file);
        }
    }

    /// <summary>NumPy's sum of all values of all arrays, and their types, after it has read ours.</summary>
    private const string Program = """
        import sys, numpy
        for path in sys.argv[1:]:
            file = numpy.load(path)
            arrays = [(name, file[name]) for name in file.files] if path.endswith("z") else [("", file)]
            for name, array in arrays:
                print(name, array.dtype.str, array.shape, array.astype("c16").sum().real)
        """;

    [Fact]
    public void NumPy_reads_ours()
    {
        using var folder = new TempFolder();
        var archive = new TensorArchive();
        archive.Add("layer/weight", Tensor.From([1f, 2f, 3f, 4f, 5f, 6.5f], [2, 3]));
        archive.Add("scalar", Tensor.From([0.25], []));
        archive.Add("count", Tensor.From([7L], [1]));
        archive.Add("empty", Tensor.Zeros([0, 4]));
        archive.Add("half", [0x00, 0x3E, 0x00, 0x3C], "F16", [2]);
        archive.Add("truth", [1, 0, 1], "BOOL", [3]);
        archive.Add("small", [0xFF, 2], "I8", [2, 1]);
        archive.Add("pair", [0, 0, 0x80, 0x3F, 0, 0, 0, 0], "C64", [1]);
        Npz.Write(folder.File("stored.npz"), archive);
        Npz.Write(folder.File("packed.npz"), archive, compress: true);
        Npy.Write(folder.File("x.npy"), Tensor.From([1.5f, 2f], [2]));
        string[] lines = ["layer/weight <f4 (2, 3) 21.5", "scalar <f8 () 0.25", "count <i8 (1,) 7.0",
            "empty <f4 (0, 4) 0.0", "half <f2 (2,) 2.5", "truth |b1 (3,) 2.0", "small |i1 (2, 1) 1.0",
            "pair <c8 (1,) 1.0"];
        Assert.Equal([.. lines, .. lines, " <f4 (2,) 3.5"],
            Python(folder.File("stored.npz"), folder.File("packed.npz"), folder.File("x.npy")));
    }

    private static string[] Python(params string[] arguments)
    {
        foreach (string python in new[] { "/usr/bin/python3", "python3" })
        {
            var start = new ProcessStartInfo(python, ["-c", Program, .. arguments])
            { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            try
            {
                using Process process = Process.Start(start)!;
                string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
                process.WaitForExit();
                if (error.Contains("No module named 'numpy'", StringComparison.Ordinal)) continue;
                Assert.Equal("", error);
                return output.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // There is no such program.
            }
        }

        Assert.Skip("python3 has no NumPy here (Debian: python3-numpy)");
        return [];
    }
}
