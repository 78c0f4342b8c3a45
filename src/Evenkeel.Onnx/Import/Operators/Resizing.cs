namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Planes of another size.</summary>
internal static class Resizing
{
    /// <summary>The rule of version 10: the next place if an axis shrinks, else the one before.</summary>
    private const string Simple = "";

    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["Resize"] = Resize;
        all["Upsample"] = Upsample;
    }

    /// <summary>The operator before version 10: the nearest value, or a blend of two by two.</summary>
    private static Operation Upsample(Node node)
    {
        string mode = node.Text("mode", "nearest");
        if (mode is not ("nearest" or "linear" or "bilinear")) throw new Refusal($"the mode {mode} is not known");
        float[]? scales = node.Floats("scales");
        return (Kernel)(x =>
        {
            float[] factors = scales ?? Floats(x[1]);
            return [Scaled(x[0], [.. factors.Select(static f => (double)f)], sizes: null, mode, "asymmetric", "floor",
                x.Pass)];
        });
    }

    private static Operation Resize(Node node)
    {
        string mode = node.Text("mode", "nearest"), places = node.Opset < 11 ? "asymmetric"
            : node.Text("coordinate_transformation_mode", "half_pixel");
        string nearest = node.Opset < 11 ? Simple : node.Text("nearest_mode", "round_prefer_floor");
        node.Ignore("cubic_coeff_a", "exclude_outside", "extrapolation_value");
        if (mode is not ("nearest" or "linear"))
            throw new Refusal($"the mode {mode} is not known here; nearest and linear are");
        if (places is not ("half_pixel" or "pytorch_half_pixel" or "align_corners" or "asymmetric"))
            throw new Refusal($"the coordinates {places} are not known here");
        if (nearest is not ("round_prefer_floor" or "round_prefer_ceil" or "floor" or "ceil" or Simple))
            throw new Refusal($"the nearest_mode {nearest} is not known");
        if (node.Int("antialias", 0) != 0) throw new Refusal("antialias is not supported");
        if (node.Text("keep_aspect_ratio_policy", "stretch") != "stretch")
            throw new Refusal("keep_aspect_ratio_policy is not supported");
        long[]? axes = node.Ints("axes");
        bool isOld = node.Opset < 11;
        return (Kernel)(x =>
        {
            int rank = x[0].Shape.Rank;
            Value? scaleInput = x.Optional(isOld ? 1 : 2);
            double[]? scales = scaleInput is { Shape.Count: > 0 } given
                ? Spread([.. Floats(given).Select(static f => (double)f)], axes, rank, 1) : null;
            int[]? sizes = null;
            if (scales is null)
            {
                double[] wanted = [.. x.Longs(3).Select(static size => (double)size)];
                double[] all = Spread(wanted, axes, rank, double.NaN);
                Shape shape = x[0].Shape;
                sizes = [.. all.Select((size, i) => double.IsNaN(size) ? shape[i] : Checked(size))];
            }

            return [Scaled(x[0], scales, sizes, mode, places, nearest, x.Pass)];
        });
    }

    private static float[] Floats(Value value) => value.Tensor.Detach().To(DType.Float32).ToArray<float>();

    private static double[] Spread(double[] values, long[]? axes, int rank, double otherwise)
    {
        if ((axes?.Length ?? rank) != values.Length)
            throw new InvalidDataException($"{values.Length} scales or sizes do not fit {axes?.Length ?? rank} axes");
        if (axes is null) return values;
        double[] all = new double[rank];
        Array.Fill(all, otherwise);
        for (int i = 0; i < axes.Length; i++) all[Node.Axis(axes[i], rank)] = values[i];
        return all;
    }

    private static int Checked(double size) => size is >= 1 and <= int.MaxValue ? (int)size
        : throw new InvalidDataException($"it makes a dimension of {size}");

    private static Value Scaled(
        Value x, double[]? scales, int[]? sizes, string mode, string places, string nearest,
        Pass pass)
    {
        Shape shape = x.Shape;
        if ((sizes?.Length ?? scales!.Length) != shape.Rank)
        {
            throw new InvalidDataException(
                $"{sizes?.Length ?? scales!.Length} sizes or scales do not fit an input of shape {shape}");
        }

        // In single precision, as the scales are: 10 values times 0.7 are 7.
        sizes ??= [.. scales!.Select((scale, i) => Checked(MathF.Floor(shape[i] * (float)scale)))];
        pass.Fitting([.. sizes.Select(static size => (long)size)]);
        double[] factors = scales ?? [.. sizes.Select((size, i) => (double)size / shape[i])];
        if (mode == "nearest") return Nearest(x, sizes, factors, places, nearest);
        bool isPlanes = shape.Rank == 4 && sizes[0] == shape[0] && sizes[1] == shape[1];
        if (!isPlanes || places == "asymmetric" || (places == "pytorch_half_pixel" && (sizes[2] == 1 || sizes[3] == 1)))
            return Blended(x, sizes, factors, places);
        bool corners = places == "align_corners";
        return x.With(scales is null || corners
            ? x.Tensor.Upsample(new Size2(sizes[2], sizes[3]), mode: UpsampleMode.Bilinear, alignCorners: corners)
            : x.Tensor.Upsample(scaleFactor: new Scale2(factors[2], factors[3]), mode: UpsampleMode.Bilinear));
    }

    /// <summary>A blend of two neighbours along each axis, for coordinates and ranks that no layer has.</summary>
    private static Value Blended(Value x, int[] sizes, double[] factors, string places)
    {
        if (!x.IsFloat) throw new InvalidDataException($"its input is {x.Type}; linear is computed in floating point");
        for (int axis = 0; axis < sizes.Length; axis++)
        {
            int length = x.Shape[axis], size = sizes[axis];
            if (length == size && factors[axis] == 1) continue;
            if (length == 0) throw new InvalidDataException($"its input of shape {x.Shape} has no values");
            int[] from = new int[size], to = new int[size];
            double[] share = new double[size];
            for (int i = 0; i < size; i++)
            {
                double place = Math.Clamp(Place(i, length, size, factors[axis], places), 0, length - 1);
                from[i] = (int)place;
                to[i] = Math.Min(from[i] + 1, length - 1);
                share[i] = place - from[i];
            }

            Tensor weight = Tensor.From(share, [size, .. Enumerable.Repeat(1, sizes.Length - 1 - axis)])
                .To(x.Tensor.DType);
            Tensor first = Shapes.Selected(x, axis, from).Tensor, second = Shapes.Selected(x, axis, to).Tensor;
            x = x.With(first + ((second - first) * weight));
        }

        return x;
    }

    /// <summary>The place in the input of a place in the output.</summary>
    private static float Place(int i, int length, int size, double factor, string places) => places switch
    {
        // In single precision, in which exporters and ONNX Runtime compute: a place between two is one there.
        "asymmetric" => i / (float)factor,
        "align_corners" => size == 1 ? 0 : i * (float)(length - 1) / (size - 1),
        "pytorch_half_pixel" when size == 1 => 0,
        _ => ((i + 0.5f) / (float)factor) - 0.5f,
    };

    /// <summary>
    /// Whether the layer takes the same values. It multiplies by 1/factor, as PyTorch does, where ONNX divides; a few
    /// places differ.
    /// </summary>
    private static bool IsRepeated(int length, int size, double factor)
    {
        if (factor < 1) return false;
        float step = (float)(1 / factor);
        for (int i = 0; i < size; i++)
        {
            if ((int)Math.Min(i * step, length - 1) != (int)Math.Min(i / (float)factor, length - 1)) return false;
        }

        return true;
    }

    private static Value Nearest(Value x, int[] sizes, double[] factors, string places, string nearest)
    {
        bool isPlanes = x is { IsFloat: true, Shape.Rank: 4 } && sizes[0] == x.Shape[0] && sizes[1] == x.Shape[1];
        if (isPlanes && places == "asymmetric" && (nearest is "floor" or Simple)
            && IsRepeated(x.Shape[2], sizes[2], factors[2]) && IsRepeated(x.Shape[3], sizes[3], factors[3]))
            return x.With(x.Tensor.Upsample(scaleFactor: new Scale2(factors[2], factors[3])));
        for (int axis = 0; axis < sizes.Length; axis++)
        {
            int length = x.Shape[axis], size = sizes[axis];
            if (length == size && factors[axis] == 1) continue;
            if (length == 0) throw new InvalidDataException($"its input of shape {x.Shape} has no values");
            int[] from = new int[size];
            for (int i = 0; i < size; i++)
            {
                double place = Place(i, length, size, factors[axis], places);
                double whole = nearest switch
                {
                    "floor" => Math.Floor(place),
                    "ceil" => Math.Ceiling(place),
                    Simple => factors[axis] < 1 ? Math.Ceiling(place) : Math.Floor(place),
                    "round_prefer_ceil" => Math.Floor(place + 0.5),
                    _ => Math.Ceiling(place - 0.5),
                };
                from[i] = (int)Math.Clamp(whole, 0, length - 1);
            }

            x = Shapes.Selected(x, axis, from);
        }

        return x;
    }
}
