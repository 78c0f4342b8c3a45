using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>Checksums tell a damaged file from one that another program has written anew.</summary>
public sealed class SealTests : IDisposable
{
    /// <summary>new Linear(2, 3) as the version before the seal saved it.</summary>
    private const string LinearOfAnEarlierVersion =
        "8AAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJldmVua2VlbC5zaGEyNTYiOiJmMWJlNWE4MTNmZDVhM2Q0Y2VlMjQ0OWFhMGNh" +
        "Y2E2OTIxNzhmNzc1NzQ1ZTk2NThjMDhhY2RiZDU1YzZhNDEzIiwiZm9ybWF0IjoicHQifSwid2VpZ2h0Ijp7ImR0eXBlIjoi" +
        "RjMyIiwic2hhcGUiOlszLDJdLCJkYXRhX29mZnNldHMiOlswLDI0XX0sImJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6" +
        "WzNdLCJkYXRhX29mZnNldHMiOlsyNCwzNl19fSAgICBs1uO9AjIhPxEgGL+n7RW/AG/FPtmKAL+IAxK/eJOMPpHH2T4=";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Sequential Network(ulong seed)
    {
        var network = new Sequential(new Linear(4, 3, bias: false), new BatchNorm1d(3), new ReLU(), new Linear(3, 2));
        network.Initialize(Init.Default, seed);
        return network;
    }

    private string Saved(ulong seed = 1)
    {
        string path = _folder.File("model.safetensors");
        Network(seed).Save(path);
        return path;
    }

    /// <summary>
    /// The file as versions before the seal wrote it: the checksum of the data alone, in a header like any other.
    /// </summary>
    private string SavedByAnEarlierVersion(ulong seed = 1)
    {
        string path = _folder.File("model.safetensors");
        TensorArchive archive = SafeTensors.Read(Saved(seed));
        SafeTensors.Write(path, archive);
        byte[] bytes = File.ReadAllBytes(path);
        int data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        archive.Metadata["evenkeel.sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes.AsSpan(data)));
        SafeTensors.Write(path, archive);
        return path;
    }

    private static (JsonObject Header, byte[] Data) Parts(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        return (JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject(), bytes[(8 + length)..]);
    }

    private static void Join(string path, string header, byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), length = new byte[8];
        int padded = (text.Length + 7) & ~7;
        BinaryPrimitives.WriteInt64LittleEndian(length, padded);
        File.WriteAllBytes(path, [.. length, .. text, .. Enumerable.Repeat((byte)' ', padded - text.Length), .. data]);
    }

    /// <summary>
    /// What Python's safetensors makes of a file that it loads and saves with its metadata: 8-byte types first, then by
    /// name, all values changed by <paramref name="change"/>.
    /// </summary>
    private static void RewriteInPython(string path, Func<byte[], byte[]> change, bool inWide = false)
    {
        (JsonObject header, byte[] data) = Parts(path);
        var written = new JsonObject { ["__metadata__"] = header["__metadata__"]!.DeepClone() };
        var values = new List<byte>();
        foreach ((string name, JsonNode? entry) in header.Where(static pair => pair.Key != "__metadata__")
            .OrderBy(static pair => (string)pair.Value!["dtype"]! == "I64" ? 0 : 1).ThenBy(static pair => pair.Key,
                StringComparer.Ordinal))
        {
            byte[] own = data[(int)entry!["data_offsets"]![0]!..(int)entry["data_offsets"]![1]!];
            string type = (string)entry["dtype"]!;
            if (type == "F32")
            {
                own = change(own);
                if (inWide) (type, own) = ("F64",
                    [.. Enumerable.Range(0, own.Length / 4).SelectMany(i =>
                    BitConverter.GetBytes((double)BitConverter.ToSingle(own, 4 * i)))]);
            }

            written[name] = new JsonObject
            {
                ["dtype"] = type,
                ["shape"] = entry["shape"]!.DeepClone(),
                ["data_offsets"] = new JsonArray(values.Count, values.Count + own.Length),
            };
            values.AddRange(own);
        }

        Join(path, written.ToJsonString(), [.. values]);
    }

    private static byte[] Halved(byte[] values)
    {
        byte[] half = new byte[values.Length];
        for (int i = 0; i < values.Length; i += 4) BitConverter.TryWriteBytes(half.AsSpan(i),
            BitConverter.ToSingle(values, i) / 2);
        return half;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_another_program_has_written_anew_with_the_same_metadata_is_read(bool isOlder)
    {
        StateDict original = Network(1).StateDict();
        foreach ((string what, float factor, Action<string> rewrite) in new (string, float, Action<string>)[]
        {
            ("load and save", 1, static path => RewriteInPython(path, static values => values)),
            ("fine-tune and save", 0.5f, static path => RewriteInPython(path, Halved)),
            ("as double precision", 1, static path => RewriteInPython(path, static values => values, inWide: true)),
            ("fine-tune and save as double precision", 0.5f, static path =>
                RewriteInPython(path, Halved, inWide: true)),
        })
        {
            string path = isOlder ? SavedByAnEarlierVersion() : Saved();
            rewrite(path);
            Sequential read = Network(2);
            Assert.True(read.Load(path).IsComplete, what);
            Assert.Equal(original["0.weight"].ToArray<float>().Select(value => value * factor),
                read.StateDict()["0.weight"].ToArray<float>());
            Assert.DoesNotContain(SafeTensors.Read(path).Metadata.Keys, static key =>
                key.Contains("sha256", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_header_in_another_form_is_another_programs()
    {
        foreach (JsonSerializerOptions? options in new[] { null, new JsonSerializerOptions { WriteIndented = true } })
        {
            string path = Saved();
            (JsonObject header, byte[] data) = Parts(path);
            data[^1] ^= 1;
            Join(path, header.ToJsonString(options), data);
            Assert.True(Network(2).Load(path).IsComplete);
        }
    }

    [Fact]
    public void A_network_of_one_tensor_that_was_fine_tuned_elsewhere_is_read()
    {
        // Python's header is the same to the byte here but for the mark.
        string path = _folder.File("one.safetensors");
        new Linear(4, 3, bias: false).Save(path);
        RewriteInPython(path, Halved);
        Assert.True(new Linear(4, 3, bias: false).Load(path).IsComplete);
    }

    [Fact]
    public void Every_changed_bit_of_a_file_of_our_own_is_refused()
    {
        string path = Saved();
        byte[] bytes = File.ReadAllBytes(path);
        for (int i = 0; i < bytes.Length; i++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] changed = [.. bytes];
                changed[i] ^= (byte)(1 << bit);
                string? message = null;
                try
                {
                    SafeTensors.Read(new MemoryStream(changed), "model.safetensors");
                }
                catch (InvalidDataException failure)
                {
                    message = failure.Message;
                }

                Assert.True(message is not null && message.Contains("model.safetensors", StringComparison.Ordinal),
                    $"bit {bit} of byte {i}: {message ?? "read"}");
            }
        }
    }

    [Fact]
    public void Every_truncation_of_a_file_of_our_own_is_refused()
    {
        byte[] bytes = File.ReadAllBytes(Saved());
        for (int length = 0; length < bytes.Length; length++) Assert.Throws<InvalidDataException>(() =>
            SafeTensors.Read(new MemoryStream(bytes[..length])));
    }

    [Fact]
    public void A_file_of_an_earlier_version_is_read_and_still_checked()
    {
        string path = SavedByAnEarlierVersion();
        Sequential read = Network(2);
        Assert.True(read.Load(path).IsComplete);
        Assert.Equal(Network(1).StateDict()["3.weight"].ToArray<float>(),
            read.StateDict()["3.weight"].ToArray<float>());

        byte[] bytes = File.ReadAllBytes(path);
        int data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        for (int i = data; i < bytes.Length; i++)
        {
            byte[] changed = [.. bytes];
            changed[i] ^= 0x10;
            File.WriteAllBytes(path, changed);
            string message = Assert.Throws<InvalidDataException>(() => Network(2).Load(path)).Message;
            Assert.Contains("The file is damaged; fetch or save it again", message, StringComparison.Ordinal);
            Assert.Contains(path, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_an_earlier_version_really_wrote_is_read_and_checked()
    {
        byte[] bytes = Convert.FromBase64String(LinearOfAnEarlierVersion);
        string path = _folder.File("linear.safetensors");
        File.WriteAllBytes(path, bytes);
        var layer = new Linear(2, 3);
        Assert.True(layer.Load(path).IsComplete);
        Assert.Equal(BitConverter.ToSingle(bytes, bytes.Length - 4), layer.Bias!.Value.ToArray<float>()[2]);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.Contains("The file is damaged", Assert.Throws<InvalidDataException>(() => layer.Load(path)).Message,
            StringComparison.Ordinal);
        RewriteInPython(path, Halved);
        Assert.True(layer.Load(path).IsComplete);
    }

    [Fact]
    public void Earlier_versions_find_the_checksum_that_they_check()
    {
        (JsonObject header, byte[] data) = Parts(Saved());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(data)),
            (string?)header["__metadata__"]!["evenkeel.sha256"]);
        Assert.Equal("pt", (string?)header["__metadata__"]!["format"]);
    }


    [Fact]
    public void A_header_of_another_program_may_begin_with_a_space()
    {
        byte[] header = [.. "{ \"w\": {\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]} }"u8];
        string path = _folder.File("other.safetensors");
        File.WriteAllBytes(
            path, [.. BitConverter.GetBytes((long)header.Length), .. header, .. BitConverter.GetBytes(1.5f)]);
        Assert.Equal([1.5f], SafeTensors.Read(path).Tensor("w").ToArray<float>());
    }
}
