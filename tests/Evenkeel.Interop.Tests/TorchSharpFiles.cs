using Evenkeel.Serialization;
using static TorchSharp.torch;
using Net = TorchSharp.torch.nn.Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests;

/// <summary>
/// TorchSharp's own files: those that it writes are read, and those that the library writes are loaded by it. The
/// tests of the library have two of them (tests/golden/files/torchsharp). Value i is i - 3, of unsigned numbers i, of
/// truth values i % 2 == 1, of complex numbers i - 3 and 0.5 i; in the file of a network it is |i - 3| / 4.
/// </summary>
internal static class TorchSharpFiles
{
    private static readonly (string Type, ScalarType Code)[] s_types =
    [
        ("U8", uint8), ("I8", int8), ("I16", int16), ("I32", int32), ("I64", int64), ("F16", float16),
        ("F32", float32), ("F64", float64), ("C64", complex64), ("C128", complex128), ("BOOL", @bool),
        ("BF16", bfloat16),
    ];

    /// <summary>Writes the golden files types.dat and net.dat with TorchSharp.</summary>
    public static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        using var types = new Holder(Values());
        types.save(Path.Combine(folder, "types.dat"));
        using Net net = Net();
        net.save(Path.Combine(folder, "net.dat"));
    }

    /// <summary>Both directions for all types.</summary>
    public static IEnumerable<(bool Fits, string Text)> Check()
    {
        string folder = Directory.CreateTempSubdirectory("evenkeel-").FullName;
        try
        {
            string theirs = Path.Combine(folder, "theirs.dat"), ours = Path.Combine(folder, "ours.dat");
            Dictionary<string, Torch> values = Values();
            using var from = new Holder(values);
            using var to = new Holder(values.ToDictionary(static one => one.Key, static one => zeros_like(one.Value)));
            from.save(theirs);
            TensorArchive archive = TorchSharpFile.Read(theirs);
            TorchSharpFile.Write(ours, archive);
            to.load(ours);
            Dictionary<string, Torch> loaded = to.state_dict();
            bool isSame = File.ReadAllBytes(theirs).AsSpan().SequenceEqual(File.ReadAllBytes(ours));
            yield return (isSame, $"TorchSharp's file and ours, {values.Count} tensors: "
                + (isSame ? "the same bytes" : "other bytes"));
            foreach ((string name, Torch value) in values)
            {
                (string type, _) = s_types.Single(one => one.Code == value.dtype);
                bool fits = archive.TypeOf(name) == type && archive.DimensionsOf(name).SequenceEqual(value.shape)
                    && loaded[name].bytes.SequenceEqual(value.bytes);
                if (!fits) yield return (false, $"TorchSharp's file, {name}: differs");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Dictionary<string, Torch> Values()
    {
        var values = new Dictionary<string, Torch>(StringComparer.Ordinal);
        Torch i = arange(12, dtype: float64).reshape(2, 3, 2);
        foreach ((string type, ScalarType code) in s_types)
        {
            values[type] = type switch
            {
                "U8" => i.to(code),
                "BOOL" => i.remainder(2) == 1,
                "C64" or "C128" => complex(i - 3, 0.5 * i).to(code),
                _ => (i - 3).to(code),
            };
        }

        values["scalar"] = tensor(2.5, float32);
        values["empty"] = zeros(0, 4);
        values["größe." + new string('x', 200)] = ones([1, 1, 1, 1, 1, 1, 1]);
        return values;
    }

    private static Net Net()
    {
        TorchSharp.Modules.Sequential net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3));
        using (no_grad())
        {
            foreach ((_, Torch value) in net.state_dict())
                value.copy_((arange(value.numel(), dtype: float32) - 3).reshape(value.shape).abs() / 4);
        }

        return net;
    }

    /// <summary>A module that holds tensors of any type.</summary>
    private sealed class Holder : nn.Module
    {
        public Holder(Dictionary<string, Torch> values) : base(nameof(Holder))
        {
            foreach ((string name, Torch value) in values) register_buffer(name, value);
        }
    }
}
