using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Values around a tensor, along any axes.</summary>
internal static class Pads
{
    /// <summary>The operator Pad of all versions.</summary>
    public static Operation Pad(Node node)
    {
        string mode = node.Text("mode", "constant");
        if (mode is not ("constant" or "reflect" or "edge" or "wrap"))
            throw new Refusal($"the mode {mode} is not known");
        double number = node.Float("value", 0);
        long[]? fixedPads = node.Ints("pads");
        return (Kernel)(x =>
        {
            int rank = x[0].Shape.Rank;
            long[] pads = x.Optional(1)?.ToLongs() ?? fixedPads ?? throw new InvalidDataException("it has no pads");
            long[] axes = x.Optional(3)?.ToLongs() ?? [.. Enumerable.Range(0, rank).Select(static i => (long)i)];
            if (pads.Length != 2 * axes.Length)
                throw new InvalidDataException($"{pads.Length} pads do not fit {axes.Length} axes");
            double value = x.Optional(2)?.ToScalar() ?? number;
            Value padded = x[0];
            for (int i = 0; i < axes.Length; i++)
            {
                int axis = Node.Axis(axes[i], rank);
                padded = Around(padded, axis, pads[i], pads[axes.Length + i], mode, value, x.Pass);
            }

            return [padded];
        });
    }

    /// <summary>Zeros around the spatial dimensions, at the beginning and the end of each.</summary>
    public static Tensor Zeros(Tensor x, ReadOnlySpan<long> before, ReadOnlySpan<long> after, Pass pass)
    {
        var value = new Value(x, TensorType.Of(x.DType));
        for (int i = 0; i < before.Length; i++) value = Around(value, i + 2, before[i], after[i], "constant", 0, pass);
        return value.Tensor;
    }

    private static Value Around(Value x, int axis, long before, long after, string mode, double value, Pass pass)
    {
        long length = x.Shape[axis], total = length + before + after;
        if (before < -length || after < -length || before > int.MaxValue || after > int.MaxValue || total < 0)
            throw new InvalidDataException($"pads of {before} and {after} leave {total} of {length}");
        long[] sizes = [.. x.Shape.Select(static size => (long)size)];
        sizes[axis] = total;
        pass.Fitting(sizes);
        if (before < 0 || after < 0)
        {
            int start = (int)Math.Max(0, -before);
            x = Shapes.Part(x, axis, start, (int)(length - start - Math.Max(0, -after)));
            (before, after, length) = (Math.Max(0, before), Math.Max(0, after), x.Shape[axis]);
        }

        if (before == 0 && after == 0) return x;
        if (mode == "constant") return Shapes.Joined([.. Filled(before), x, .. Filled(after)], axis);
        if (length == 0 || (mode == "reflect" && Math.Max(before, after) >= length))
            throw new InvalidDataException($"pads of {before} and {after} need more than {length} values to {mode}");
        int[] places = new int[length + before + after];
        for (int i = 0; i < places.Length; i++) places[i] = Source(i - before, length, mode);
        return Shapes.Selected(x, axis, places);

        IEnumerable<Value> Filled(long count)
        {
            if (count == 0) yield break;
            Shape shape = x.Shape.With(axis, (int)count);
            yield return x.With(x.IsFloat ? Tensor.Full(shape, value, x.Tensor.DType)
                : Tensor.From(Enumerable.Repeat((long)value, shape.Count).ToArray(), shape));
        }
    }

    private static int Source(long place, long length, string mode) => (int)(mode switch
    {
        "edge" => Math.Clamp(place, 0, length - 1),
        "wrap" => ((place % length) + length) % length,
        _ => place < 0 ? -place : place >= length ? (2 * (length - 1)) - place : place,
    });
}
