using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Comparisons, truth values, and the choice between two values.</summary>
internal static class Logic
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["Equal"] = Compared(static (a, b) => a == b, static (a, b) => a == b);
        all["Greater"] = Compared(static (a, b) => a > b, static (a, b) => a > b);
        all["GreaterOrEqual"] = Compared(static (a, b) => a >= b, static (a, b) => a >= b);
        all["Less"] = Compared(static (a, b) => a < b, static (a, b) => a < b);
        all["LessOrEqual"] = Compared(static (a, b) => a <= b, static (a, b) => a <= b);
        all["And"] = Joined(static (a, b) => a & b);
        all["Or"] = Joined(static (a, b) => a | b);
        all["Xor"] = Joined(static (a, b) => a ^ b);
        all["Not"] = static _ => (Kernel)(static x =>
            [x[0].With(Tensor.From([.. x.Longs(0).Select(static value => value == 0 ? 1L : 0)], x[0].Shape))]);
        all["Where"] = static _ => (Kernel)Where;
    }

    private static Factory Compared(Func<double, double, bool> floats, Func<long, long, bool> integers) => _ =>
        (Kernel)(x =>
        {
            Value a = x[0], b = x[1];
            if (!a.IsFloat)
                return [new Value(Arithmetic.Combined(a, b, (p, q) => integers(p, q) ? 1 : 0, x.Pass),
                    TensorType.Bool)];
            Shape shape = x.Pass.Broadcast(a.Shape, b.Shape);
            double[] left = Spread(a, shape), right = Spread(b, shape);
            long[] result = new long[left.Length];
            for (int i = 0; i < result.Length; i++) result[i] = floats(left[i], right[i]) ? 1 : 0;
            return [Value.Bools(result, shape)];
        });

    /// <summary>The values of an operand, repeated to a shape.</summary>
    public static double[] Spread(Value value, Shape shape) =>
        (value.Tensor.Detach().To(DType.Float64) + Tensor.Zeros(shape, DType.Float64)).ToArray<double>();

    private static Factory Joined(Func<long, long, long> function) => _ =>
        (Kernel)(x => [x[0].With(Arithmetic.Combined(x[0], x[1], function, x.Pass))]);

    private static Value[] Where(Operands x)
    {
        Value condition = x[0], a = x[1], b = x[2];
        if (a.Type != b.Type) throw new InvalidDataException($"expected values of one type, got {a.Type} and {b.Type}");
        x.Pass.Broadcast(x.Pass.Broadcast(condition.Shape, a.Shape), b.Shape);
        if (a.IsFloat)
        {
            Tensor mask = condition.Tensor.To(a.Tensor.DType);
            return [a.With(Tensor.Where(mask, x.Float(1), x.Float(2)))];
        }

        Tensor left = Arithmetic.Combined(condition, a, static (c, p) => c == 0 ? 0 : p, x.Pass);
        Tensor right = Arithmetic.Combined(condition, b, static (c, p) => c == 0 ? p : 0, x.Pass);
        return [a.With(Arithmetic.Combined(a.With(left), b.With(right), static (p, q) => p + q, x.Pass))];
    }
}
