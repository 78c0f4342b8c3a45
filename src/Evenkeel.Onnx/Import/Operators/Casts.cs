using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Changes of type.</summary>
internal static class Casts
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["Cast"] = static node =>
        {
            node.Ignore("saturate", "round_mode");
            TensorType to = Known(node.Int("to", 0));
            return (Kernel)(x => [Converted(x[0], to, x.Pass)]);
        };
        all["CastLike"] = static node =>
        {
            node.Ignore("saturate", "round_mode");
            return (Kernel)(static x => [Converted(x[0], Known(x[1].Type.Number), x.Pass)]);
        };
        all["Identity"] = static _ => (Kernel)(static x => [x[0]]);
    }

    /// <summary>A type that values can be converted to.</summary>
    private static TensorType Known(long number)
    {
        TensorType? type = TensorType.Find(number);
        return type is { Holder: not null, Name: not "float8e4m3fn" and not "float8e5m2" and not "float8e8m0" }
            ? type
            : throw new Refusal($"it converts to {TensorType.NameOf(number)}");
    }

    private static Value Converted(Value x, TensorType to, Pass pass)
    {
        if (x.Type == to) return x;
        if (to.IsFloat)
        {
            DType dtype = pass.TypeOf(to);
            // What 16 bits do not hold is rounded only where nothing is computed afterwards in more.
            Tensor tensor = x.IsFloat && x.Tensor.DType == dtype ? x.Tensor : Convert(x.Tensor, dtype);
            return new Value(to.Element!.Bits < 32 && dtype == DType.Float32 ? Rounded(tensor, to) : tensor, to);
        }

        if (!x.IsFloat)
        {
            return new Value(Tensor.From(
                [.. x.ToLongs().Select(value => Arithmetic.Wrapped(value, to))], x.Shape), to);
        }

        double[] values = x.Tensor.Detach().To(DType.Float64).ToArray<double>();
        return new Value(Tensor.From(
            [.. values.Select(value => to == TensorType.Bool ? value != 0 ? 1L : 0
                : Arithmetic.Wrapped((long)Math.Truncate(value), to))], x.Shape), to);
    }

    /// <summary>Another type; on a tape a constant, for a conversion has no gradient here.</summary>
    private static Tensor Convert(Tensor x, DType dtype) => (x.DType.IsFloatingPoint() ? x.Detach() : x).To(dtype);

    private static Tensor Rounded(Tensor x, TensorType to)
    {
        if (x.RequiresGradient) return x;
        byte[] narrow = new byte[x.Count * 2];
        ReadOnlySpan<float> values = x.AsSpan<float>();
        for (int i = 0; i < values.Length; i++)
        {
            ushort bits = to == TensorType.Float16
                ? BitConverter.HalfToUInt16Bits((Half)values[i])
                : Serialization.ElementType.ToBF16(values[i]);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt16LittleEndian(narrow.AsSpan(2 * i), bits);
        }

        return to.Element!.Widen(narrow, x.Shape);
    }
}
