using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Arithmetic value by value. Operands broadcast as in NumPy; integers keep the width of their type.</summary>
internal static class Arithmetic
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        Factory sum = Binary(static (a, b) => a + b, static (a, b) => a + b);
        all["Add"] = node => sum(node) with { IsSum = true };
        all["Sub"] = Binary(static (a, b) => a - b, static (a, b) => a - b);
        all["Mul"] = Binary(static (a, b) => a * b, static (a, b) => a * b);
        all["Div"] = Binary(static (a, b) => a / b, Divided);
        all["Pow"] = static _ => (Kernel)Pow;
        all["Mod"] = static node =>
        {
            if (node.Int("fmod", 0) != 0) return (Kernel)Remainder;
            return (Kernel)(static x => [Integers(x[0], x[1], Modulo, x.Pass)]);
        };
        all["Sum"] = Many(static (a, b) => a + b, static (a, b) => a + b);
        all["Max"] = Many(static (a, b) => a.Maximum(b), Math.Max);
        all["Min"] = Many(static (a, b) => a.Minimum(b), Math.Min);
        all["Mean"] = static _ => (Kernel)(static x =>
        {
            Tensor sum = x.Float(0);
            for (int i = 1; i < x.Count; i++)
            {
                x.Pass.Broadcast(sum.Shape, x.Float(i).Shape);
                sum += x.Float(i);
            }

            return [x[0].With(x.Count == 1 ? sum : sum / x.Count)];
        });
        all["Neg"] = Unary(static x => -x, static x => -x);
        all["Abs"] = Unary(static x => x.Abs(), static x => x == long.MinValue ? x : Math.Abs(x));
        all["Exp"] = static _ => Activations.Kernel(static x => x.Exp());
        all["Log"] = static _ => Activations.Kernel(static x => x.Log());
        all["Sqrt"] = static _ => Activations.Kernel(static x => x.Sqrt());
        all["Reciprocal"] = static _ => Activations.Kernel(static x => Tensor.Ones([1], x.DType).Reshape([]) / x);
        all["Floor"] = Rounded(Math.Floor);
        all["Ceil"] = Rounded(Math.Ceiling);
        all["Round"] = Rounded(static x => Math.Round(x, MidpointRounding.ToEven));
        all["Sign"] = static _ => (Kernel)(static x =>
            [x[0].IsFloat
                ? x[0].With(Mapped(x[0].Tensor, static value => double.IsNaN(value) ? value : Math.Sign(value)))
                : x[0].With(Tensor.From([.. x.Longs(0).Select(static value => (long)Math.Sign(value))], x[0].Shape))]);
    }

    /// <summary>Integers of two operands, value by value.</summary>
    public static Value Integers(Value a, Value b, Func<long, long, long> function, Pass pass)
    {
        if (a.Type != b.Type)
            throw new InvalidDataException($"expected operands of one type, got {a.Type} and {b.Type}");
        return a.With(Combined(a, b, (p, q) => Wrapped(function(p, q), a.Type), pass));
    }

    /// <summary>Two operands of integers that broadcast.</summary>
    public static Tensor Combined(Value a, Value b, Func<long, long, long> function, Pass pass)
    {
        long[] left = a.ToLongs(), right = b.ToLongs();
        Shape shape = pass.Broadcast(a.Shape, b.Shape);
        long[] result = new long[shape.Count];
        for (int i = 0; i < result.Length; i++)
            result[i] = function(left[Place(i, shape, a.Shape)], right[Place(i, shape, b.Shape)]);
        return Tensor.From(result, shape);
    }

    /// <summary>A whole number in the width of its type: what is beyond wraps around.</summary>
    public static long Wrapped(long value, TensorType type) => type.Name switch
    {
        "uint8" => (byte)value,
        "int8" => (sbyte)value,
        "uint16" => (ushort)value,
        "int16" => (short)value,
        "uint32" => (uint)value,
        "int32" => (int)value,
        "bool" => value == 0 ? 0 : 1,
        _ => value,
    };

    /// <summary>The place in an operand of a place in the result.</summary>
    private static int Place(int index, Shape shape, Shape operand)
    {
        int place = 0, stride = 1;
        for (int i = 1; i <= shape.Rank; i++)
        {
            int at = index % shape[-i];
            index /= shape[-i];
            if (i > operand.Rank) continue;
            if (operand[-i] != 1) place += at * stride;
            stride *= operand[-i];
        }

        return place;
    }

    private static long Divided(long a, long b) => b switch
    {
        0 => throw Zero(),
        -1 => -a,
        _ => a / b,
    };

    /// <summary>The remainder with the sign of the dividend, as in C; without a gradient.</summary>
    private static Value[] Remainder(Operands x)
    {
        if (!x[0].IsFloat)
        {
            return [Integers(x[0], x[1], static (a, b) => b switch
            {
                0 => throw Zero(),
                -1 => 0,
                _ => a % b,
            }, x.Pass)];
        }

        Shape shape = x.Pass.Broadcast(x[0].Shape, x[1].Shape);
        double[] left = Logic.Spread(x[0], shape), right = Logic.Spread(x[1], shape);
        for (int i = 0; i < left.Length; i++) left[i] %= right[i];
        return [x[0].With(Tensor.From(left, shape).To(x[0].Tensor.DType))];
    }

    /// <summary>The remainder with the sign of the divisor.</summary>
    private static long Modulo(long a, long b)
    {
        if (b == 0) throw Zero();
        long rest = b == -1 ? 0 : a % b;
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }

    private static InvalidDataException Zero() => new("a whole number is divided by 0");

    private static Factory Binary(Func<Tensor, Tensor, Tensor> floats, Func<long, long, long> integers) => node =>
    {
        node.Ignore("consumed_inputs");
        // Before opset 7 the second operand could stand at an axis of the first.
        if (node.Int("broadcast", 0) != 0 && node.HasAttribute("axis"))
        {
            long axis = node.Int("axis", 0);
            return (Kernel)(x =>
            {
                int rank = x[0].Shape.Rank, after = rank - Node.Axis(axis, rank) - x[1].Shape.Rank;
                if (after < 0) throw new InvalidDataException($"{x[1].Shape} does not fit {x[0].Shape} at axis {axis}");
                Tensor b = x.Float(1).Reshape([.. x[1].Shape, .. Enumerable.Repeat(1, after)]);
                x.Pass.Broadcast(x[0].Shape, b.Shape);
                return [x[0].With(floats(x.Float(0), b))];
            });
        }

        return (Kernel)(x =>
        {
            if (!x[0].IsFloat) return [Integers(x[0], x[1], integers, x.Pass)];
            x.Pass.Broadcast(x[0].Shape, x[1].Shape);
            return [x[0].With(floats(x.Float(0), x.Float(1)))];
        });
    };

    private static Factory Many(Func<Tensor, Tensor, Tensor> floats, Func<long, long, long> integers) => _ =>
        (Kernel)(x =>
        {
            Value result = x[0];
            for (int i = 1; i < x.Count; i++)
            {
                if (result.IsFloat) x.Pass.Broadcast(result.Shape, x[i].Shape);
                result = result.IsFloat ? result.With(floats(result.Tensor, x.Float(i)))
                    : Integers(result, x[i], integers, x.Pass);
            }

            return [result];
        });

    private static Factory Unary(Func<Tensor, Tensor> floats, Func<long, long> integers) => _ => (Kernel)(x =>
    {
        Value value = x[0];
        return [value.With(value.IsFloat ? floats(value.Tensor)
            : Tensor.From([.. value.ToLongs().Select(v => Wrapped(integers(v), value.Type))], value.Shape))];
    });

    /// <summary>Functions that are constant between jumps: their gradient is 0.</summary>
    private static Factory Rounded(Func<double, double> function) => _ =>
        (Kernel)(x => [x[0].IsFloat ? x[0].With(Mapped(x[0].Tensor, function)) : x[0]]);

    /// <summary>A function of each value, computed in double; without a gradient.</summary>
    public static Tensor Mapped(Tensor x, Func<double, double> function)
    {
        double[] values = x.Detach().To(DType.Float64).ToArray<double>();
        for (int i = 0; i < values.Length; i++) values[i] = function(values[i]);
        return Tensor.From(values, x.Shape).To(x.DType);
    }

    /// <summary>The result has the type of the base.</summary>
    private static Value[] Pow(Operands x)
    {
        Value exponent = x[1];
        Shape shape = x.Pass.Broadcast(x[0].Shape, exponent.Shape);
        if (x[0].IsFloat)
        {
            // A single constant exponent has a simpler gradient.
            if (exponent.Tensor.Count == 1 && !exponent.Tensor.RequiresGradient
                && exponent.Shape.Rank <= x[0].Shape.Rank)
                return [x[0].With(x.Float(0).Pow(exponent.ToScalar()))];
            Tensor powers = exponent.IsFloat ? exponent.Tensor : exponent.Tensor.To(x[0].Tensor.DType);
            if (powers.DType != x[0].Tensor.DType) powers = powers.To(x[0].Tensor.DType);
            return [x[0].With(x.Float(0).Pow(powers))];
        }

        double[] left = [.. x.Longs(0).Select(static value => (double)value)];
        Value a = x[0];
        var wide = new Value(Tensor.From(left, a.Shape), TensorType.Double);
        Tensor right = exponent.Tensor.To(DType.Float64);
        double[] powered = wide.Tensor.Pow(right).ToArray<double>();
        return [a.With(Tensor.From([.. powered.Select(value => Wrapped((long)value, a.Type))], shape))];
    }
}
