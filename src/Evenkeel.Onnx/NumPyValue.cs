using System.Buffers.Binary;
using Evenkeel.Onnx.Import;
using Evenkeel.Serialization;

namespace Evenkeel.Onnx;

/// <summary>Values of a graph in NumPy's files.</summary>
internal static class NumPyValue
{
    /// <summary>The names of the types that NumPy calls otherwise than ONNX, or does not have.</summary>
    private static readonly Dictionary<string, string> s_names = new(StringComparer.Ordinal)
    {
        ["float"] = "float32",
        ["double"] = "float64",
        ["bfloat16"] = "float32",
        ["float8e4m3fn"] = "float32",
        ["float8e5m2"] = "float32",
    };

    /// <summary>What NumPy calls a type of ONNX; those that it does not have are float32 there.</summary>
    /// <param name="type">The name in ONNX, as <see cref="OnnxValueInfo.Type"/> gives it.</param>
    public static string NameOf(string type) => s_names.GetValueOrDefault(type, type);

    /// <summary>What NumPy calls a type of an archive, for example <c>float32</c> for <c>F32</c>.</summary>
    public static string NameOfStored(string type) => type switch
    {
        "BOOL" => "bool",
        ['F', .. var bits] when bits.All(char.IsAsciiDigit) => "float" + bits,
        ['I', .. var bits] => "int" + bits,
        ['U', .. var bits] => "uint" + bits,
        ['C', .. var bits] => "complex" + bits,
        _ => type,
    };

    /// <summary>Writes a value with the type that the graph gives it.</summary>
    /// <param name="path">The file, .npy.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Value value)
    {
        Tensor tensor = value.Tensor.Detach();
        var archive = new TensorArchive();
        string type = NameOf(value.Type.Name);
        if (tensor.DType == DType.Int64 && type != "int64" && value.Type.Element is { } whole)
        {
            archive.Add("array", Narrow(tensor.ToArray<long>(), whole.Bits / 8), whole.Name, Sizes(tensor));
        }
        else if (type == "float16" && tensor.DType == DType.Float32)
        {
            long[] halves = Array.ConvertAll(tensor.ToArray<float>(),
                static x => (long)BitConverter.HalfToUInt16Bits((Half)x));
            archive.Add("array", Narrow(halves, sizeof(ushort)), ElementType.F16.Name, Sizes(tensor));
        }
        else
        {
            archive.Add("array", tensor);
        }

        Npy.Write(path, archive);
    }

    private static long[] Sizes(Tensor tensor) => [.. tensor.Shape.Select(static size => (long)size)];

    /// <summary>The low bytes of each number, little-endian.</summary>
    private static byte[] Narrow(long[] values, int size)
    {
        byte[] bytes = new byte[values.Length * size];
        Span<byte> all = stackalloc byte[sizeof(long)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(all, values[i]);
            all[..size].CopyTo(bytes.AsSpan(i * size));
        }

        return bytes;
    }
}
