using System.Buffers.Binary;
using System.IO.Compression;
using Evenkeel.Serialization;
using Xunit;
using static Evenkeel.Tests.Serialization.TorchPickle;

namespace Evenkeel.Tests.Serialization;

/// <summary>Files of PyTorch that are damaged, or made to do harm.</summary>
public sealed class PyTorchHostileTests
{
    private const string System = "cos\nsystem\n";

    /// <summary>What stands for an object in a pickle, and where the error finds it.</summary>
    public static TheoryData<string, string, string> Calls => new()
    {
        { "a call", System + Tuple(Text("touch x")) + "R", "os.system at \"a\"" },
        { "a function", System, "os.system at \"a\"" },
        { "an object", "cevil\nThing\n)\x81", "evil.Thing at \"a\"" },
        { "an object with a state", "cevil\nThing\n)\x81" + Dictionary(Text("x"), "N") + "b", "evil.Thing at \"a\"" },
        { "an object with names", "cevil\nThing\n)}\x92", "evil.Thing at \"a\"" },
        { "an old object", "(ievil\nThing\n", "evil.Thing at \"a\"" },
        { "another old object", "(cevil\nThing\no", "evil.Thing at \"a\"" },
        { "names on the stack", "\x8c\x02os\x8c\x06system\x93", "os.system at \"a\"" },
        { "Python 2", "c__builtin__\neval\n(tR", "builtins.eval at \"a\"" },
        { "a constructor", "ccopy_reg\n_reconstructor\n(cevil\nThing\nc__builtin__\nobject\nNtR",
            "evil.Thing at \"a\"" },
        { "a chain of calls", "cbuiltins\ngetattr\n(" + System + Text("x") + "tR(tR", "builtins.getattr at \"a\"" },
        { "a call and its removal", System + "(tR0N", "os.system at byte" },
        { "the hook of a tensor", Call("torch._utils._rebuild_tensor_v2", Storage("0", 2), Number(0), Numbers(2),
            Numbers(1), "\x89", System + "(tR"), "os.system at byte" },
        { "metadata", NewDictionary + Dictionary(Text("_metadata"), System + "(tR") + "b", "os.system at byte" },
        { "a call of a class that is known", "ctorch\nTensor\n(tR", "torch.Tensor at \"a\"" },
        { "a storage of another class", Tensor(storage: Storage("0", 2, "torch.QInt8Storage")),
            "torch.QInt8Storage at \"a\"" },
        { "a whole model", Tuple(Text("module"), "cmine\nNet\n", Text("net.py"), Text("class Net")) + "Q)\x81",
            "mine.Net at \"a\"" },
        { "another rebuilding", Call("torch._utils._rebuild_meta_tensor_no_storage", Numbers(2)),
            "A meta tensor has no values" },
    };

    public static TheoryData<string, string, string> BadPickles => new()
    {
        { "nothing", "expected a value on the stack, got none", "" },
        { "no opcode", "expected an opcode of the protocols 0 to 5, got 0xff", "\xff" },
        { "protocol 6", "expected a pickle of protocol 0 to 5, got 6", "\x80\x06" },
        { "no mark", "expected a mark on the stack", "t" },
        { "below a mark", "expected 2 values on the stack, got 0", "NN(\x86" },
        { "a key alone", "a key without a value", "}(Nu" },
        { "items for a number", "expected a List to add to, got an integer", "K\x01Na" },
        { "an item for itself", "expected a value on the stack", "]a" },
        { "state for a number", "expected an object to complete, got an integer", "K\x01Nb" },
        { "a call of a number", "expected a class or a function to call, got an integer", "K\x01)R" },
        { "arguments as a list", "expected the arguments of a call as a tuple, got a List", "cos\nsystem\n]R" },
        { "a class without a name", "expected module and name of a class as strings", "NN\x93" },
        { "no class before the arguments", "expected a class before its arguments", "(o" },
        { "an empty memo", "expected a value that was kept under 7, got none", "h\x07" },
        { "no number of a memo", "expected the number of a kept value", "gx\n" },
        { "an extension", "a number of Python's registry of extensions", "\x82\x01" },
        { "an outer buffer", "got a buffer outside of it", "\x97" },
        { "a storage in text", "expected storages as tuples", "Pstorage\n" },
        { "no storage", "expected a storage as ('storage', class, key, place, number of values)", "NQ" },
        { "a negative storage", "expected a storage as", Storage("0", -1) },
        { "a huge integer", "expected integers of at most 256 bytes, got one of 4294967295",
            "\x8b\xff\xff\xff\xff" },
        { "many digits", "expected integers of at most 620 digits, got 700", "L" + new string('9', 700) + "L\n" },
        { "no digits", "expected an integer, got other text", "Ix\n" },
        { "no number", "expected a number, got other text", "Fx\n" },
        { "a text that is too long", "expected 4294967295 bytes, got ", "X\xff\xff\xff\xff" },
        { "a text of negative length", "expected 18446744073709551615 bytes, got ",
            "\x8d\xff\xff\xff\xff\xff\xff\xff\xff" },
        { "bytes that are too long", "expected 9223372036854775807 bytes, got ",
            "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f" },
        { "a frame that is too long", "expected 18446744073709551615 bytes, got ",
            "\x95\xff\xff\xff\xff\xff\xff\xff\xff" },
        { "no UTF-8", "expected text in UTF-8", "X\x02\0\0\0\xff\xff" },
        { "a broken escape", "expected a complete escape", "V\\u12\n" },
        { "no quotes", "expected a text between quotes", "Sx\n" },
        { "one quote", "expected a text between quotes", "S'\n" },
        { "no pairs", "expected pairs of a key and a value", Call("collections.OrderedDict", List("N")) },
        { "a tensor without a storage", "expected a tensor as storage, offset, sizes and strides",
            Tensor(storage: "N") },
        { "sizes without strides", "expected a tensor as storage, offset, sizes and strides", Tensor([2], []) },
        { "65 dimensions", "expected a tensor as storage, offset, sizes and strides",
            Tensor([.. Enumerable.Repeat(1L, 65)], [.. Enumerable.Repeat(1L, 65)]) },
        { "a tensor of two things", "expected torch._utils._rebuild_tensor with the arguments that PyTorch writes",
            Call("torch._utils._rebuild_tensor", "N", "N") },
    };

    public static TheoryData<string, string, string> BadTensors => new()
    {
        { "a negative size", "expected offset, sizes and strides of 0 or more for \"tensor\", got 0, (-1) and (1)",
            Tensor([-1]) },
        { "a negative stride", "of 0 or more for \"tensor\", got 1, (2) and (-1)", Tensor([2], [-1], 1) },
        { "a negative offset", "of 0 or more for \"tensor\", got -1, (2) and (1)", Tensor(offset: -1) },
        { "a size past the end", "expected \"tensor\" within the 2 values of its storage \"0\", got sizes (3) and " +
            "strides (1) from 0 on", Tensor([3]) },
        { "an offset past the end", "sizes (2) and strides (1) from 1 on", Tensor(offset: 1) },
        { "a scalar past the end", "sizes () and strides () from 2 on", Tensor([], [], 2) },
        { "a stride past the end", "sizes (2) and strides (2) from 0 on", Tensor([2], [2]) },
        { "huge sizes", "within the 2 values of its storage",
            Tensor([long.MaxValue, long.MaxValue, long.MaxValue], [0, 0, 0]) },
        { "sizes whose product is 0 in 64 bits", "within the 2 values of its storage",
            Tensor([1L << 32, 1L << 32], [0, 0]) },
        { "strides whose sum is 0 in 64 bits", "within the 2 values of its storage",
            Tensor([2, 2, 2, 2, 2], [1L << 62, 1L << 62, 1L << 62, 1L << 62, 0]) },
        { "a huge product of size and stride", "within the 2 values of its storage",
            Tensor([long.MaxValue, 3], [long.MaxValue, 1]) },
        { "a huge offset", "within the 2 values of its storage", Tensor(offset: long.MaxValue) },
        { "repeats past 2 GB", "bytes for one tensor, got 8589934592 for \"tensor\" of torch.float32",
            Tensor([1L << 31], [0]) },
        { "repeats past the budget", "expected a content of at most 10", Tensor([1L << 28], [0]) },
        { "a storage that is too long", "expected 12 bytes in the storage \"0\" of \"tensor\", got 8",
            Tensor([2], storage: Storage("0", 3)) },
        { "a storage whose bytes are no long", "expected 36893488147419103228 bytes in the storage",
            Tensor([2], storage: Storage("0", long.MaxValue)) },
        { "a storage that is not there", "expected 8 bytes in the storage \"1\" of \"tensor\", got none",
            Tensor(storage: Storage("1", 2)) },
        { "a storage outside of the folder", "expected 8 bytes in the storage \"../data.pkl\" of \"tensor\", got none",
            Tensor(storage: Storage("../data.pkl", 2)) },
        { "a storage at the root of the disk", "got none", Tensor(storage: Storage("/etc/passwd", 2)) },
        { "one name twice", "expected each name once, got two tensors with the name \"1\"",
            Dictionary(Number(1), Tensor(), Text("1"), Tensor()) },
        { "one name by two ways", "two tensors with the name \"a.b\"",
            Dictionary(Text("a.b"), Tensor(), Text("a"), Dictionary(Text("b"), Tensor())) },
        { "one name for two numbers", "two values with the name \"1\"",
            Dictionary(Number(1), "N", Text("1"), "N") },
        { "a name of the archive", "expected another name than \"__metadata__\"",
            Dictionary(Text("__metadata__"), Tensor()) },
        { "a tuple as a key", "strings, numbers or None for a tensor, got \"a Tuple\"",
            Dictionary(Numbers(1, 2), Tensor()) },
        { "a long name", "keys of at most 4096 characters", Dictionary(Text(new string('x', 5000)), Tensor()) },
    };

    private static InvalidDataException Refused(byte[] file, bool skipUnknown = false) =>
        Assert.Throws<InvalidDataException>(() => PyTorchFile.Read(new MemoryStream(file), "test", skipUnknown));

    private static void AssertRefused(string message, byte[] file)
    {
        InvalidDataException error = Refused(file);
        Assert.StartsWith("PyTorchFile \"test\": expected ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_call_is_refused_by_name_and_place(string what, string pickle, string message)
    {
        Assert.NotEmpty(what);
        foreach (byte[] file in (byte[][])
            [NewFile(Dictionary(Text("a"), pickle)), OldFile(Dictionary(Text("a"), pickle), List())])
        {
            InvalidDataException error = Refused(file);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Contains("Nothing was executed", error.Message, StringComparison.Ordinal);
            Assert.Contains("skipUnknown: true", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_call_can_be_left_out(string what, string pickle, string message)
    {
        TensorArchive read = PyTorchFile.Read(
            new MemoryStream(NewFile(Dictionary(Text("a"), pickle, Text("b"), Tensor()))), what, skipUnknown: true);
        Assert.Equal("b", read.Names[^1]);
        Assert.Equal([1.5f, -2f], read.Tensor("b").ToArray<float>());
        if (message.Contains(" at \"a\"", StringComparison.Ordinal))
            Assert.Equal($"<{message[..message.IndexOf(' ', StringComparison.Ordinal)]}>", read.Metadata["a"]);
    }

    [Theory]
    [MemberData(nameof(BadPickles))]
    public void A_damaged_pickle_is_refused(string what, string message, string pickle)
    {
        Assert.NotEmpty(what);
        AssertRefused(message, NewFile(pickle));
        AssertRefused(message, OldFile(pickle, List()));
    }

    [Theory]
    [MemberData(nameof(BadTensors))]
    public void A_tensor_that_cannot_be_is_refused(string what, string message, string pickle)
    {
        Assert.NotEmpty(what);
        AssertRefused(message, NewFile(pickle));
    }

    [Fact]
    public void A_pickle_without_an_end_is_refused()
    {
        AssertRefused("got 0xff at byte 3 of data.pkl", NewFile("\xff"));
        AssertRefused("expected the end of a pickle ('.'), got the end at byte 3 of data.pkl",
            Zip(("m/data.pkl", "\x80\x02N"u8.ToArray()[1..])));
        byte[] old = OldFile("N", List());
        for (int length = 15; length < old.Length - 1; length++) AssertRefused("", old[..length]);
    }

    [Fact]
    public void Storages_of_old_files_are_checked()
    {
        string tensor = Tensor();
        byte[] two = [2, 0, 0, 0, 0, 0, 0, 0];
        AssertRefused("expected 8 bytes of the storage \"0\" at byte", OldFile(tensor, List(Text("0"))));
        AssertRefused("expected 8 bytes of the storage \"0\" at byte", OldFile(tensor, List(Text("0")), [.. two, 1]));
        AssertRefused("expected 2 values in the storage \"0\", got 3",
            OldFile(tensor, List(Text("0")), [3, 0, 0, 0, 0, 0, 0, 0, .. new byte[12]]));
        AssertRefused("expected each storage once, got \"0\" twice",
            OldFile(tensor, List(Text("0"), Text("0")), [.. two, .. two, .. two, .. two]));
        AssertRefused("expected names of storages that tensors have", OldFile(tensor, List(Text("1")), two));
        AssertRefused("expected 8 bytes in the storage \"0\" of \"tensor\", got none", OldFile(tensor, List()));
        AssertRefused("expected the list of storages", OldFile(tensor, "N"));
        string part = Tensor(storage: Storage("0", 2, more: Tuple(Text("p"), Number(1), Number(2))));
        AssertRefused("expected 12 bytes in the storage \"0\"", OldFile(part, List(Text("0")), [.. two, .. two]));
        string huge = Tensor(storage: Storage("0", long.MaxValue));
        AssertRefused("expected 36893488147419103228 bytes of the storage",
            OldFile(huge, List(Text("0")), [.. Enumerable.Repeat((byte)255, 7), 127]));
    }

    [Fact]
    public void Deep_and_endless_values_are_refused()
    {
        AssertRefused("got more at \"...0.0.0", NewFile(new string(']', 200) + new string('a', 199)));
        AssertRefused("one that contains itself at \"0\"", NewFile("]q\0h\0a"));
        AssertRefused("one that contains itself", NewFile("}q\0" + Text("a") + "h\0s"));
        AssertRefused("one that contains itself", NewFile("]q\0(h\0ta"));
        // Objects of TorchScript in one another have no keys on the way.
        AssertRefused("got more at \"\"", NewFile(string.Concat(Enumerable.Repeat("c__torch__\nM\n)\x81", 100_000))
            + new string('b', 99_999)));
        // Tuples of 100,000 levels are made without a stack of calls.
        AssertRefused("got more at \"...0.0", NewFile("N" + new string('\x85', 10_000)));
    }

    /// <summary>Ten lists of ten references to the one before: a billion values in a few hundred bytes.</summary>
    [Fact]
    public void Values_that_stand_in_too_many_places_are_refused()
    {
        string pickle = List([.. Enumerable.Repeat("N", 10)]) + "q\0";
        for (char level = '\x01'; level < '\x0a'; level++)
            pickle += List([.. Enumerable.Repeat($"h{(char)(level - 1)}", 10)]) + "q" + level;
        AssertRefused("values, got more at ", NewFile(pickle));
    }

    [Theory]
    [InlineData("lists", "]")]
    [InlineData("dictionaries", "}")]
    [InlineData("nothing", "N")]
    [InlineData("marks", "(")]
    [InlineData("tuples", "N\x85")]
    [InlineData("copies", "h\0")]
    [InlineData("kept values", "\x94")]
    [InlineData("numbers", "M\xff\xff")]
    [InlineData("texts", "U\x01x")]
    [InlineData("classes", "ca\nb\n")]
    [InlineData("sets", "h\0\x85c__builtin__\nset\nh\x01R")]
    [InlineData("dictionaries of pairs", "ccollections\nOrderedDict\nh\x02R")]
    [InlineData("far numbers of the memo", "r\xff\xff\xff\x7fNp99999\nNp99998\nN")]
    public void A_pickle_cannot_fill_the_memory(string what, string code)
    {
        const int Bytes = 4_000_000;
        string start = List([.. Enumerable.Repeat("N", 500)]) + "q\0" + "h\0\x85q\x01"
            + List([.. Enumerable.Repeat("NN\x86", 500)]) + "\x85q\x02";
        byte[] file = NewFile(start + string.Concat(Enumerable.Repeat(code, Bytes / code.Length)));
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            PyTorchFile.Read(new MemoryStream(file), what, skipUnknown: true);
        }
        catch (InvalidDataException)
        {
            // It may be refused, or be small enough.
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 12L * Bytes);
    }

    [Fact]
    public void Zeros_that_are_packed_well_are_refused()
    {
        string pickle = Tensor([1 << 24], storage: Storage("0", 1 << 24));
        AssertRefused("got more with the tensor \"tensor\"", Zip(CompressionLevel.SmallestSize,
            ("m/data.pkl", Bytes(pickle)), ("m/data/0", new byte[4 << 24])));
        AssertRefused("got more with the packed file \"m/data.pkl\"", Zip(CompressionLevel.SmallestSize,
            ("m/data.pkl", Bytes(new string('N', 1 << 26)))));
    }

    [Fact]
    public void Views_of_one_storage_have_a_limit()
    {
        const int Count = 100_000;
        string[] items = [.. Enumerable.Range(0, 60).SelectMany(static i => (string[])
            [Number(i), Tensor([Count - i], storage: Storage("0", Count))])];
        AssertRefused("got more with the tensor \"", Zip(("m/data.pkl", Bytes(Dictionary(items))),
            ("m/data/0", new byte[4 * Count])));
    }

    public static TheoryData<string, string, Action<byte[]>> BadArchives => new()
    {
        { "no list", "with the list of its files at the end, got none", static zip => zip[^22] = 0 },
        { "more files", "expected a list of 4 files", static zip => Write(zip, zip.Length - 12, 4, 2) },
        { "many files", "expected a list of 65534 files", static zip => Write(zip, zip.Length - 12, 65534, 2) },
        { "a list past the end", "expected a list of 3 files before byte", static zip =>
            Write(zip, zip.Length - 6, 0x7FFFFFFF, 4) },
        { "a long list", "expected a list of 3 files before byte", static zip =>
            Write(zip, zip.Length - 10, 0x7FFFFFFF, 4) },
        { "no entry", "expected another entry in the list of its files", static zip => zip[ListOf(zip)] = 0 },
        { "a long name", "expected a complete entry in the list of its files", static zip =>
            Write(zip, ListOf(zip) + 28, 0xFFFF, 2) },
        { "a header past the end", "expected \"archive/data.pkl\" before byte", static zip =>
            Write(zip, ListOf(zip) + 42, 0x7FFFFFFF, 4) },
        { "files that overlap", "\"archive/data.pkl\" and \"archive/version\" that overlap", static zip =>
            Write(zip, ListOf(zip) + 20, 0x7FFFFFFF, 4) },
        { "a content past the end", "bytes of \"archive/data/0\" before byte", static zip =>
            Write(zip, ListOf(zip) + (46 * 2) + "archive/data.pkl".Length + "archive/version".Length + 20, 0x7FFF, 4) },
        { "two sizes", "expected one size of \"archive/data.pkl\"", static zip => zip[ListOf(zip) + 24]++ },
        { "no header", "expected the header of \"archive/data.pkl\" at byte 0", static zip => zip[0] = (byte)'p' },
        { "another name", "expected \"archive/data.pkl\" at byte 0, got a file of another name", static zip =>
            zip[30] = (byte)'b' },
        { "another method", "got one packed by method 99", static zip => zip[ListOf(zip) + 10] = 99 },
        { "encryption", "got an encrypted one", static zip => zip[ListOf(zip) + 8] |= 1 },
        { "deflate that is none", "packed by deflate, got other bytes", static zip =>
        {
            zip[ListOf(zip) + 10] = 8;
            zip[46] = 0xFF;
        } },
    };

    [Theory]
    [MemberData(nameof(BadArchives))]
    public void A_damaged_archive_is_refused(string what, string message, Action<byte[]> damage)
    {
        Assert.NotEmpty(what);
        byte[] zip = NewFile(Tensor());
        damage(zip);
        if (zip[0] == 'p')
        {
            // Without the first two letters it is no archive.
            zip[0] = (byte)'P';
            zip[3] = 5;
        }

        AssertRefused(message, zip);
    }

    [Fact]
    public void Files_of_one_name_and_several_pickles_are_refused()
    {
        byte[] pickle = Bytes("}");
        AssertRefused("got the file \"m/data.pkl\" twice", Zip(("m/data.pkl", pickle), ("m/data.pkl", pickle)));
        AssertRefused("got \"a/data.pkl\" and \"b/data.pkl\"", Zip(("a/data.pkl", pickle), ("b/data.pkl", pickle)));
        AssertRefused("expected \"little\" or \"big\" in the file byteorder",
            Zip(("a/data.pkl", pickle), ("a/byteorder", "middle"u8.ToArray())));
        AssertRefused("a PyTorch file (.pt, .pth or .bin), got a zip archive", Zip(("a/b.pkl", pickle)));
        AssertRefused("a PyTorch file (.pt, .pth or .bin), got ", Zip(("a/b/data.pkl", pickle)));
    }

    [Fact]
    public void Other_files_are_named()
    {
        AssertRefused("got an empty file", []);
        AssertRefused("got a Python pickle", Bytes("N"));
        AssertRefused("got a Python pickle", "\x80\x04N."u8.ToArray()[1..]);
        byte[] tar = new byte[1024];
        "storages\0"u8.CopyTo(tar);
        "ustar"u8.CopyTo(tar.AsSpan(257));
        AssertRefused("got a PyTorch file of the oldest form (a tar archive)", tar);
        using var folder = new TempFolder();
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => PyTorchFile.Read(folder.Path));
        Assert.Contains("got a folder", error.Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => PyTorchFile.Read(folder.File("x.pt")));
    }

    /// <summary>Strings beside the tensors have limits; what is beyond them is left out.</summary>
    [Fact]
    public void Long_strings_and_many_strings_are_left_out()
    {
        TensorArchive read = PyTorchFile.Read(new MemoryStream(NewFile(Dictionary(
            Text("tensor"), Tensor(), Text("long"), Text(new string('x', 10_001)), Text("short"), Text("y"),
            Text("many"), List([.. Enumerable.Repeat("K\x07", 20_000)]), Text("bytes"), "C\x01x"))));
        Assert.Equal(["tensor"], read.Names);
        Assert.Equal("y", read.Metadata["short"]);
        Assert.False(read.Metadata.ContainsKey("long"));
        Assert.False(read.Metadata.ContainsKey("bytes"));
        Assert.Equal(9_999, read.Metadata.Count);
        string[] texts = [.. Enumerable.Repeat(Text(new string('x', 9000)), 200)];
        read = PyTorchFile.Read(new MemoryStream(NewFile(List(texts))));
        Assert.InRange(read.Metadata.Count, 100, 116);
    }

    private static int ListOf(byte[] zip) => BinaryPrimitives.ReadInt32LittleEndian(zip.AsSpan(zip.Length - 6));

    private static void Write(byte[] zip, int at, uint value, int bytes)
    {
        for (int i = 0; i < bytes; i++) zip[at + i] = (byte)(value >> (8 * i));
    }
}
