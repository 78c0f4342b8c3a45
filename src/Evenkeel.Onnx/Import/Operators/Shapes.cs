using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>What moves values, and what asks for shapes. Works on every type.</summary>
internal static class Shapes
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["Constant"] = Constant;
        all["ConstantOfShape"] = ConstantOfShape;
        all["Shape"] = Shape;
        all["Size"] = static _ => (Kernel)(static x => [new Value(Tensor.From([(long)x[0].Shape.Count], []),
            TensorType.Int64)]);
        all["Reshape"] = Reshape;
        all["Flatten"] = Flatten;
        all["Squeeze"] = static node => Sizes(node, node.Ints("axes"), Squeezed);
        all["Unsqueeze"] = static node => Sizes(node, node.Ints("axes"), Unsqueezed);
        all["Transpose"] = Transpose;
        all["Concat"] = Concat;
        all["Split"] = Split;
        all["Slice"] = Slice;
        all["Gather"] = Gather;
        all["GatherElements"] = GatherElements;
        all["Expand"] = static _ => (Kernel)(static x => [Expanded(x[0], x.Longs(1), x.Pass)]);
        all["Tile"] = static _ => (Kernel)(static x => [Tiled(x[0], x.Longs(1), x.Pass)]);
        all["Range"] = static _ => (Kernel)Range;
        all["Pad"] = Pads.Pad;
        all["DepthToSpace"] = DepthToSpace;
        all["SpaceToDepth"] = SpaceToDepth;
    }

    /// <summary>The same numbers in another shape.</summary>
    public static Value Reshaped(Value x, ReadOnlySpan<int> sizes) => x.With(x.Tensor.Reshape(sizes));

    /// <summary>Values of an axis at places, in this order.</summary>
    public static Value Selected(Value x, int axis, ReadOnlySpan<int> places)
    {
        if (!x.IsFloat)
        {
            (int outer, int inner) = Around(x.Shape, axis);
            long[] from = x.ToLongs(), to = new long[outer * places.Length * inner];
            int at = 0;
            for (int o = 0; o < outer; o++)
            {
                foreach (int place in places)
                {
                    from.AsSpan(((o * x.Shape[axis]) + place) * inner, inner).CopyTo(to.AsSpan(at));
                    at += inner;
                }
            }

            return x.With(Tensor.From(to, x.Shape.With(axis, places.Length)));
        }

        // Neighbours are taken together.
        var parts = new List<Value>();
        for (int i = 0; i < places.Length;)
        {
            int n = 1;
            while (i + n < places.Length && places[i + n] == places[i] + n) n++;
            parts.Add(Part(x, axis, places[i], n));
            i += n;
        }

        return parts.Count == 0 ? Part(x, axis, 0, 0) : Joined(parts, axis);
    }

    /// <summary>A part of an axis.</summary>
    public static Value Part(Value x, int axis, int start, int length)
    {
        if (start == 0 && length == x.Shape[axis]) return x;
        if (x.IsFloat) return x.With(x.Tensor.Slice(axis, start, length));
        (int outer, int inner) = Around(x.Shape, axis);
        long[] from = x.ToLongs(), to = new long[outer * length * inner];
        for (int o = 0; o < outer; o++)
        {
            Array.Copy(from, ((o * x.Shape[axis]) + start) * inner, to, o * length * inner, length * inner);
        }

        return x.With(Tensor.From(to, x.Shape.With(axis, length)));
    }

    /// <summary>Values one behind the other.</summary>
    public static Value Joined(IReadOnlyList<Value> parts, int axis)
    {
        if (parts.Count == 1) return parts[0];
        if (parts[0].IsFloat) return parts[0].With(Tensor.Concat([.. parts.Select(static part => part.Tensor)], axis));
        int length = parts.Sum(part => part.Shape[axis]);
        Shape shape = parts[0].Shape.With(axis, length);
        (int outer, int inner) = Around(shape, axis);
        long[] to = new long[shape.Count];
        int at = 0;
        foreach (Value part in parts)
        {
            long[] from = part.ToLongs();
            int own = part.Shape[axis] * inner;
            if (from.Length != outer * own)
                throw new InvalidDataException($"the shapes {parts[0].Shape} and {part.Shape} do not fit each other");
            for (int o = 0; o < outer; o++) Array.Copy(from, o * own, to, (o * length * inner) + at, own);
            at += own;
        }

        return parts[0].With(Tensor.From(to, shape));
    }

    private static (int Outer, int Inner) Around(Shape shape, int axis)
    {
        int outer = 1, inner = 1;
        for (int i = 0; i < axis; i++) outer *= shape[i];
        for (int i = axis + 1; i < shape.Rank; i++) inner *= shape[i];
        return (outer, inner);
    }

    private static Operation Constant(Node node)
    {
        Value value = node switch
        {
            _ when node.HasAttribute("value") => node.Content("value"),
            _ when node.HasAttribute("value_float") => new Value(
                Tensor.From([(float)node.Float("value_float", 0)], []), TensorType.Float),
            _ when node.HasAttribute("value_floats") => new Value(Tensor.From(node.Floats("value_floats")!),
                TensorType.Float),
            _ when node.HasAttribute("value_int") => new Value(Tensor.From([node.Int("value_int", 0)], []),
                TensorType.Int64),
            _ when node.HasAttribute("value_ints") => Value.Longs(node.Ints("value_ints")!),
            _ => throw new Refusal("it holds texts or sparse values"),
        };
        return (Kernel)(_ => [value]);
    }

    private static Operation ConstantOfShape(Node node)
    {
        Value value = node.HasAttribute("value") ? node.Content("value")
            : new Value(Tensor.Zeros([1]), TensorType.Float);
        double number = value.ToScalar();
        return (Kernel)(x =>
        {
            Shape shape = x.Pass.Fitting(x.Longs(0));
            return [value.With(value.IsFloat ? Tensor.Full(shape, number, x.Pass.TypeOf(value.Type))
                : Tensor.From(Enumerable.Repeat((long)number, shape.Count).ToArray(), shape))];
        });
    }

    private static Operation Shape(Node node)
    {
        long start = node.Int("start", 0), end = node.Int("end", long.MaxValue);
        return (Kernel)(x =>
        {
            int rank = x[0].Shape.Rank;
            long[] sizes = [.. x[0].Shape.Select(static size => (long)size)];
            int from = (int)Math.Clamp(start < 0 ? start + rank : start, 0, rank);
            int to = (int)Math.Clamp(end < 0 ? end + rank : end, 0, rank);
            return [Value.Longs(sizes.AsSpan(from, Math.Max(0, to - from)))];
        });
    }

    private static Operation Reshape(Node node)
    {
        bool zeroIsSize = node.Int("allowzero", 0) != 0;
        return (Kernel)(x => [Reshaped(x[0], Target(x[0].Shape, Freed(x), zeroIsSize))]);
    }

    /// <summary>
    /// The target of a reshape. A first size that is the batch which the file was written for follows the batch of the
    /// pass, if that is another one.
    /// </summary>
    private static long[] Freed(Operands x)
    {
        long[] target = x.Longs(1);
        bool isBatch = x.Pass.Batch is { } batch && x.Pass.FixedBatch is { } fixedBatch && batch != fixedBatch
            && target.Length > 0 && target[0] == fixedBatch && x[0].Shape.Rank > 0 && x[0].Shape[0] == batch;
        return isBatch ? [x.Pass.Batch!.Value, .. target[1..]] : target;
    }

    /// <summary>The sizes that a target asks for. A 0 keeps a size and a -1 takes what is left.</summary>
    private static int[] Target(Shape from, long[] target, bool zeroIsSize)
    {
        int[] sizes = new int[target.Length];
        int open = -1;
        long known = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            long size = target[i];
            if (size == 0 && !zeroIsSize)
            {
                size = i < from.Rank ? from[i]
                    : throw new InvalidDataException($"it keeps dimension {i} of {from}, which is not there");
            }

            if (size == -1)
            {
                if (open >= 0) throw new InvalidDataException("two sizes of its target are open");
                open = i;
                continue;
            }

            if (size is < 0 or > int.MaxValue) throw new InvalidDataException($"its target has the size {size}");
            sizes[i] = (int)size;
            known = Math.Min(known * size, int.MaxValue);
        }

        if (open >= 0)
        {
            if (known == 0 || from.Count % known != 0)
                throw new InvalidDataException($"{from} does not divide into [{string.Join(", ", target)}]");
            sizes[open] = (int)(from.Count / known);
        }
        else if (known != from.Count)
        {
            throw new InvalidDataException($"{from} does not have the size of [{string.Join(", ", target)}]");
        }

        return sizes;
    }

    private static Operation Flatten(Node node)
    {
        long axis = node.Int("axis", 1);
        return (Kernel)(x =>
        {
            Shape shape = x[0].Shape;
            int at = axis == shape.Rank ? shape.Rank : Node.Axis(axis, shape.Rank);
            int rows = 1, columns = 1;
            for (int i = 0; i < shape.Rank; i++)
            {
                if (i < at) rows *= shape[i];
                else columns *= shape[i];
            }

            return [Reshaped(x[0], [rows, columns])];
        });
    }

    /// <summary>Dimensions of size 1 go or come, at axes from an attribute or, from version 13 on, an input.</summary>
    private static Operation Sizes(Node node, long[]? axes, Func<Shape, long[]?, int[]> change) => (Kernel)(x =>
        [Reshaped(x[0], change(x[0].Shape, x.Optional(1)?.ToLongs() ?? axes))]);

    private static int[] Squeezed(Shape shape, long[]? axes)
    {
        int[] gone = axes is null
            ? [.. Enumerable.Range(0, shape.Rank).Where(i => shape[i] == 1)]
            : [.. axes.Select(axis => Node.Axis(axis, shape.Rank))];
        foreach (int axis in gone)
        {
            if (shape[axis] != 1) throw new InvalidDataException($"dimension {axis} of {shape} is not 1");
        }

        return [.. Enumerable.Range(0, shape.Rank).Where(i => !gone.Contains(i)).Select(i => shape[i])];
    }

    private static int[] Unsqueezed(Shape shape, long[]? axes)
    {
        if (axes is null) throw new InvalidDataException("it has no axes");
        int rank = shape.Rank + axes.Length;
        var ones = new HashSet<int>();
        foreach (long axis in axes)
        {
            if (!ones.Add(Node.Axis(axis, rank))) throw new InvalidDataException($"the axis {axis} comes twice");
        }

        int[] sizes = new int[rank];
        for (int i = 0, from = 0; i < rank; i++) sizes[i] = ones.Contains(i) ? 1 : shape[from++];
        return sizes;
    }

    private static Operation Transpose(Node node)
    {
        long[]? order = node.Ints("perm");
        return (Kernel)(x =>
        {
            Value value = x[0];
            int rank = value.Shape.Rank;
            int[] axes = order is null ? [.. Enumerable.Range(0, rank).Reverse()]
                : [.. order.Select(axis => Node.Axis(axis, rank))];
            if (axes.Length != rank || axes.Distinct().Count() != rank)
                throw new InvalidDataException($"[{string.Join(", ", axes)}] is no order of {rank} dimensions");
            if (value.IsFloat) return [value.With(value.Tensor.Permute(axes))];
            return [value.With(Through(value, tensor => tensor.Permute(axes)))];
        });
    }

    /// <summary>Moves integers as doubles, which hold those up to 2^53.</summary>
    private static Tensor Through(Value value, Func<Tensor, Tensor> move)
    {
        // The places are moved, not the numbers, so any number will do.
        double[] places = [.. Enumerable.Range(0, value.Shape.Count).Select(static i => (double)i)];
        Tensor moved = move(Tensor.From(places, value.Shape));
        long[] from = value.ToLongs();
        return Tensor.From([.. moved.ToArray<double>().Select(place => from[(int)place])], moved.Shape);
    }

    private static Operation Concat(Node node)
    {
        long axis = node.Int("axis", 1);
        return (Kernel)(x =>
        {
            var parts = new List<Value>();
            for (int i = 0; i < x.Count; i++) parts.Add(x[i]);
            return [Joined(parts, Node.Axis(axis, parts[0].Shape.Rank))];
        });
    }

    private static Operation Split(Node node)
    {
        long axis = node.Int("axis", 0), wanted = node.Int("num_outputs", 0);
        long[]? sizes = node.Ints("split");
        int outputs = node.Outputs.Length;
        if (wanted != 0 && wanted != outputs) throw new Refusal($"num_outputs is {wanted}, and it has {outputs}");
        return (Kernel)(x =>
        {
            int at = Node.Axis(axis, x[0].Shape.Rank), length = x[0].Shape[at];
            long[] parts = x.Optional(1)?.ToLongs() ?? sizes ?? Equal(length, outputs);
            if (parts.Any(part => part < 0 || part > length) || parts.Sum() != length)
                throw new InvalidDataException($"[{string.Join(", ", parts)}] is no split of {length}");
            var values = new Value[parts.Length];
            int start = 0;
            for (int i = 0; i < values.Length; start += (int)parts[i++])
                values[i] = Part(x[0], at, start, (int)parts[i]);
            return values;
        });

        // The last part is the smallest.
        static long[] Equal(int length, int parts)
        {
            int each = (length + parts - 1) / parts;
            return [.. Enumerable.Range(0, parts).Select(i => (long)Math.Clamp(length - (i * each), 0, each))];
        }
    }

    private static Operation Slice(Node node)
    {
        long[]? starts = node.Ints("starts"), ends = node.Ints("ends"), axes = node.Ints("axes");
        return (Kernel)(x =>
        {
            long[] from = x.Optional(1)?.ToLongs() ?? starts ?? throw new InvalidDataException("it has no starts");
            long[] to = x.Optional(2)?.ToLongs() ?? ends ?? throw new InvalidDataException("it has no ends");
            long[]? along = x.Optional(3)?.ToLongs() ?? axes, steps = x.Optional(4)?.ToLongs();
            if (to.Length != from.Length || (along is not null && along.Length != from.Length)
                || (steps is not null && steps.Length != from.Length))
                throw new InvalidDataException("its starts, ends, axes and steps are not equally many");
            Value value = x[0];
            for (int i = 0; i < from.Length; i++)
            {
                int axis = Node.Axis(along?[i] ?? i, value.Shape.Rank);
                value = Cut(value, axis, from[i], to[i], steps?[i] ?? 1);
            }

            return [value];
        });
    }

    private static Value Cut(Value value, int axis, long start, long end, long step)
    {
        int length = value.Shape[axis];
        if (step == 0) throw new InvalidDataException("a step is 0");
        long first = At(start), last = At(end);
        if (step == 1)
        {
            int from = (int)Math.Clamp(first, 0, length), to = (int)Math.Clamp(last, from, length);
            return Part(value, axis, from, to - from);
        }

        // Beyond the length a larger step changes nothing.
        step = Math.Clamp(step, -length - 1L, length + 1L);
        var places = new List<int>();
        if (length == 0) return value;
        if (step > 0)
        {
            for (long i = Math.Max(first, 0); i < Math.Min(last, length); i += step) places.Add((int)i);
        }
        else
        {
            // ONNX takes a start before the first value as the first one; NumPy takes nothing.
            for (long i = Math.Clamp(first, 0, length - 1); i > Math.Max(last, -1); i += step) places.Add((int)i);
        }

        return Selected(value, axis, [.. places]);

        long At(long place) => place < 0 ? Math.Max(place, -(long)length - 1) + length : place;
    }

    private static Operation Gather(Node node)
    {
        long axis = node.Int("axis", 0);
        return (Kernel)(x =>
        {
            Value value = x[0], index = x[1];
            int at = Node.Axis(axis, value.Shape.Rank), length = value.Shape[at];
            int[] places = [.. index.ToLongs().Select(place => place >= -length && place < length
                ? (int)(place < 0 ? place + length : place)
                : throw new InvalidDataException($"the index {place} is not one of {length}"))];
            int[] sizes = [.. value.Shape.Take(at), .. index.Shape, .. value.Shape.Skip(at + 1)];
            x.Pass.Fitting([.. sizes.Select(static size => (long)size)]);
            // Rows of a table: the gradient is a sum over the rows that were taken.
            if (value.IsFloat && at == 0 && value.Shape.Rank == 2)
            {
                Tensor rows = Tensor.From([.. places.Select(static place => (long)place)], [places.Length]);
                return [value.With(rows.Embedding(value.Tensor).Reshape(sizes))];
            }

            return [Reshaped(Selected(value, at, places), sizes)];
        });
    }

    private static Operation GatherElements(Node node)
    {
        long axis = node.Int("axis", 0);
        return (Kernel)(x =>
        {
            Value value = x[0], index = x[1];
            int at = Node.Axis(axis, value.Shape.Rank), length = value.Shape[at];
            long[] places = Array.ConvertAll(index.ToLongs(), place => place < 0 ? place + length : place);
            return [value.With(value.Tensor.Gather(at, Tensor.From(places, index.Shape)))];
        });
    }

    private static Value Expanded(Value x, ReadOnlySpan<long> target, Pass pass)
    {
        Shape shape = pass.Broadcast(x.Shape, pass.Fitting(target));
        return x.IsFloat ? x.With(shape == x.Shape ? x.Tensor : x.Tensor + Tensor.Zeros(shape, x.Tensor.DType))
            : x.With(Arithmetic.Combined(x, x.With(Tensor.From(new long[shape.Count], shape)),
                static (a, _) => a, pass));
    }

    private static Value Tiled(Value x, long[] repeats, Pass pass)
    {
        if (repeats.Length != x.Shape.Rank || repeats.Any(static n => n is < 0 or > int.MaxValue))
            throw new InvalidDataException($"the repeats [{string.Join(", ", repeats)}] do not fit {x.Shape}");
        Shape shape = pass.Fitting([.. repeats.Select((n, i) => n * x.Shape[i])]);
        if (shape.Count == 0)
            return x.With(x.IsFloat ? Tensor.Zeros(shape, x.Tensor.DType) : Tensor.From<long>([], shape));
        for (int axis = 0; axis < repeats.Length; axis++)
        {
            if (repeats[axis] == 1) continue;
            Shape from = x.Shape;
            (int outer, int inner) = Around(from, axis);
            Value one = Reshaped(x, [outer, 1, from[axis] * inner]);
            x = Reshaped(Expanded(one, [outer, repeats[axis], from[axis] * inner], pass),
                from.With(axis, from[axis] * (int)repeats[axis]).ToArray());
        }

        return x;
    }

    private static Value[] Range(Operands x)
    {
        if (!x[0].IsFloat)
        {
            long first = x[0].ToLong(), end = x[1].ToLong(), by = x[2].ToLong();
            Int128 distance = by < 0 ? (Int128)first - end : (Int128)end - first, size = Int128.Abs(by);
            Int128 steps = by == 0 ? -1 : distance <= 0 ? 0 : (distance + size - 1) / size;
            if (steps < 0 || steps > int.MaxValue) throw new InvalidDataException($"it has {steps} values");
            long[] whole = new long[x.Pass.Fitting((long)steps).Count];
            for (int i = 0; i < whole.Length; i++) whole[i] = first + (i * by);
            return [x[0].With(Tensor.From(whole))];
        }

        double start = x[0].ToScalar(), limit = x[1].ToScalar(), step = x[2].ToScalar();
        double count = Math.Max(0, Math.Ceiling((limit - start) / step));
        if (!(count <= int.MaxValue)) throw new InvalidDataException($"it has {count} values");
        double[] values = new double[x.Pass.Fitting((long)count).Count];
        for (int i = 0; i < values.Length; i++) values[i] = start + (i * step);
        return [x[0].With(Tensor.From(values).To(x[0].Tensor.DType))];
    }

    private static Operation DepthToSpace(Node node)
    {
        int block = Block(node);
        string mode = node.Text("mode", "DCR");
        if (mode is not ("DCR" or "CRD")) throw new Refusal($"the mode {mode} is not known");
        return Activations.Kernel(x => mode == "CRD" ? x.PixelShuffle(block) : Turned(x, block));

        // The block's row and column come first among the channels.
        static Tensor Turned(Tensor x, int block)
        {
            Shape s = x.Shape;
            int channels = s[1] / (block * block);
            return x.Reshape(s[0], block, block, channels, s[2] * s[3]).Permute(0, 3, 1, 2, 4)
                .Reshape(s[0], s[1], s[2], s[3]).PixelShuffle(block);
        }
    }

    private static int Block(Node node)
    {
        long block = node.Int("blocksize", 0);
        return block is >= 1 and <= 1024 ? (int)block : throw new Refusal($"its block is {block}, not 1 to 1024");
    }

    private static Operation SpaceToDepth(Node node)
    {
        int block = Block(node);
        return Activations.Kernel(x =>
        {
            Shape s = x.Shape;
            int h = s[2] / block, w = s[3] / block;
            return x.Reshape(s[0] * s[1], h, block, w, block).Permute(2, 4, 0, 1, 3)
                .Reshape(block * block, s[0], s[1], h, w).Permute(1, 0, 2, 3, 4)
                .Reshape(s[0], s[1] * block * block, h, w);
        });
    }
}
