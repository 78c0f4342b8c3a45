using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>Files in PyTorch's format that the library writes.</summary>
public sealed class PyTorchWriteTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static TensorArchive Mixed()
    {
        var archive = new TensorArchive();
        Tensor tied = Tensor.From([1f, float.NaN, -0f, float.PositiveInfinity, float.Epsilon, 1e-45f], [2, 3]);
        archive.Add("a.weight", tied);
        archive.Add("a.counter", Tensor.From([long.MinValue], []));
        archive.Add("bytes", [1, 2, 3]);
        archive.Add("b", Tensor.From(Math.PI, double.NegativeInfinity));
        archive.Add("empty", Tensor.Zeros([0, 4]));
        archive.Add("tied", tied);
        archive.Add("\u00fc \"quoted\"", Tensor.From(7f));
        archive.Add("large", Tensor.From([.. Enumerable.Range(0, 70_000).Select(static i => (float)i)], [70_000]));
        archive.Add("half", [0, 0x3C, 0, 0xC0], "F16", [2, 1]);
        archive.Add("brain", [0x80, 0x3F], "BF16", [1]);
        archive.Add("truth", [1, 0, 1], "BOOL", [3]);
        archive.Add("complex", [.. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(-2f)], "C64", [1]);
        archive.Add("double", [.. BitConverter.GetBytes(1.0), .. BitConverter.GetBytes(-2.0)], "C128", [1]);
        archive.Add("int", [.. BitConverter.GetBytes(-70_000)], "I32", []);
        archive.Add("short", [.. BitConverter.GetBytes((short)-7)], "I16", [1, 1]);
        archive.Add("byte", [0xFF], "I8", [1]);
        archive.Metadata["epoch"] = "3";
        archive.Metadata["\u00e4"] = "\U0001d465";
        return archive;
    }

    private static byte[] Written(TensorArchive archive)
    {
        using var stream = new MemoryStream();
        PyTorchFile.Write(stream, archive);
        return stream.ToArray();
    }

    [Fact]
    public void Round_trips_bit_for_bit_in_order()
    {
        TensorArchive archive = Mixed();
        archive.Add("small", [1, 2], "F8_E4M3", [2]);
        archive.Add("unsigned", [1, 2, 3, 4, 5, 6, 7, 0x88], "U64", [1]);
        string path = _folder.File("x.pt");
        PyTorchFile.Write(path, archive);
        TensorArchive read = PyTorchFile.Read(path);
        Assert.Equal(archive.Names, read.Names);
        Assert.Equal(archive.Metadata, read.Metadata);
        foreach (string name in archive.Names)
        {
            Assert.Equal(archive.TypeOf(name), read.TypeOf(name));
            Assert.Equal(archive.DimensionsOf(name), read.DimensionsOf(name));
            Assert.True(archive.Items[name].Content.SequenceEqual(read.Items[name].Content), name);
        }

        Assert.Same(read.Tensor("a.weight"), read.Tensor("tied"));
        Assert.Equal(File.ReadAllBytes(path), Written(read));
        Assert.Empty(PyTorchFile.Read(new MemoryStream(Written(new TensorArchive()))).Names);
    }

    /// <summary>PyTorch maps files into memory and reads storages where they stand.</summary>
    [Fact]
    public void Storages_are_not_packed_and_begin_at_multiples_of_64()
    {
        byte[] bytes = Written(Mixed());
        using var zip = new ZipArchive(new MemoryStream(bytes));
        Assert.Equal("archive/data.pkl", zip.Entries[0].FullName);
        Assert.Equal("archive/version", zip.Entries[^1].FullName);
        int at = 0;
        foreach (ZipArchiveEntry entry in zip.Entries)
        {
            Assert.Equal(entry.Length, entry.CompressedLength);
            var content = new MemoryStream();
            using (Stream stream = entry.Open()) stream.CopyTo(content);
            int header = at + bytes.AsSpan(at).IndexOf(Encoding.UTF8.GetBytes(entry.FullName)) - 30;
            int begin = header + 30 + BitConverter.ToUInt16(bytes, header + 26)
                + BitConverter.ToUInt16(bytes, header + 28);
            Assert.Equal(0, begin % 64);
            Assert.True(bytes.AsSpan(begin, (int)entry.Length).SequenceEqual(content.ToArray()), entry.FullName);
            Assert.Equal(entry.Crc32, Crc32.Append(0, content.ToArray()));
            at = begin + (int)entry.Length;
        }

        // The check value of this checksum.
        Assert.Equal(0xCBF43926, Crc32.Append(0, "123456789"u8));
        Assert.Equal(0u, Crc32.Append(0, []));
    }

    /// <summary>More than 65,535 files need the records of zip64.</summary>
    [Fact]
    public void Many_tensors_are_written_and_read()
    {
        var archive = new TensorArchive();
        for (int i = 0; i < 66_000; i++) archive.Add($"t{i}", [(byte)i]);
        byte[] bytes = Written(archive);
        using (var zip = new ZipArchive(new MemoryStream(bytes))) Assert.Equal(66_003, zip.Entries.Count);
        TensorArchive read = PyTorchFile.Read(new MemoryStream(bytes));
        Assert.Equal(archive.Names, read.Names);
        Assert.Equal([unchecked((byte)65_999)], read.Bytes("t65999"));
    }

    [Fact]
    public void A_type_that_PyTorch_does_not_have_is_refused_by_name()
    {
        var archive = new TensorArchive();
        archive.Add("w", [1], "F4", [2]);
        string path = _folder.File("x.pt");
        ArgumentException error = Assert.Throws<ArgumentException>(() => PyTorchFile.Write(path, archive));
        Assert.Contains("expected a type of PyTorch for \"w\" (F64, F32,", error.Message, StringComparison.Ordinal);
        Assert.Contains("got F4.", error.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void A_model_goes_to_PyTorchs_file_and_back()
    {
        var first = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        var second = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        var archive = new TensorArchive();
        archive.Add("", first.StateDict());
        PyTorchFile.Write(_folder.File("model.pt"), archive);
        second.LoadStateDict(PyTorchFile.Read(_folder.File("model.pt")).StateDict());
        foreach ((string name, Tensor tensor) in first.StateDict())
            Assert.True(tensor.Bytes().SequenceEqual(second.StateDict()[name].Bytes()), name);
    }

    /// <summary>torch.load, also with weights_only=True, where Python has PyTorch (Debian: python3-torch).</summary>
    [Fact]
    public void PyTorch_reads_the_same_values()
    {
        const string Script = """
            import sys
            try:
                import torch
            except ImportError:
                print("no torch")
                sys.exit()
            for arguments in ({}, {"weights_only": True}):
                state = torch.load(sys.argv[1], **arguments)
                strings = sorted(state.metadata.items()) == [("epoch", "3"), ("\u00e4", "\U0001d465")]
                print(type(state).__module__, type(state).__name__, strings)
                for name, x in state.items():
                    data = bytes(x.reshape(-1).view(torch.uint8).tolist())
                    print(ascii(name), str(x.dtype)[6:], list(x.shape), x.is_contiguous(), data[:48].hex())
                print(state["a.weight"].storage().data_ptr() == state["tied"].storage().data_ptr())
            """;
        TensorArchive archive = Mixed();
        PyTorchFile.Write(_folder.File("x.pt"), archive);
        string[]? lines = Python(Script, _folder.File("x.pt"));
        if (lines is null || lines is ["no torch"]) Assert.Skip("There is no Python with PyTorch.");
        var expected = new List<string> { "collections OrderedDict True" };
        foreach (string name in archive.Names)
        {
            string dtype = TorchType.Find(archive.TypeOf(name))!.DType["torch.".Length..];
            ReadOnlySpan<byte> content = archive.Items[name].Content;
            string shown = name.Replace("\u00fc", "\\xfc", StringComparison.Ordinal);
            string hex = Convert.ToHexStringLower(content[..Math.Min(48, content.Length)]);
            expected.Add($"'{shown}' {dtype} [{string.Join(", ", archive.DimensionsOf(name))}] True {hex}".TrimEnd());
        }

        expected.Add("True");
        Assert.Equal([.. expected, .. expected], lines.Select(static line => line.TrimEnd()));
    }

    /// <summary>The lines that a script prints; null if there is no Python.</summary>
    private string[]? Python(string script, string argument)
    {
        string path = _folder.File("script.py");
        File.WriteAllText(path, script);
        string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        var start = new ProcessStartInfo(python)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add(path);
        start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors.Result);
            return output.Trim().Split('\n');
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
