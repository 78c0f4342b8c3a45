using Evenkeel.Nn;
using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Normalization. With constant scales and shifts they are the library's layers.</summary>
internal static class Norms
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["BatchNormalization"] = Batch;
        all["InstanceNormalization"] = Instance;
        all["LayerNormalization"] = Layer;
        all["GroupNormalization"] = Group;
        all["RMSNormalization"] = RootMeanSquare;
        all["LRN"] = LocalResponse;
        all["MeanVarianceNormalization"] = MeanVariance;
        all["LpNormalization"] = Lp;
    }

    private static Operation Batch(Node node)
    {
        double eps = node.Float("epsilon", 1e-5), keep = node.Float("momentum", 0.9);
        // Before opset 7 the inference form is asked for.
        bool trains = node.Int("training_mode", 0) != 0 || (node.Opset < 7 && node.Int("is_test", 0) == 0);
        node.Ignore("consumed_inputs");
        if (node.Int("spatial", 1) == 0 && node.Ranks[0] is not 2)
            throw new Refusal("spatial=0 normalizes each place by itself, which ended with opset 9");
        if (!trains && Enumerable.Range(1, Math.Max(0, node.Outputs.Length - 1)).Any(node.Wants))
            throw new Refusal("its statistics are used as outputs");
        if (trains) return (Kernel)(x => Trained(x, eps, keep));
        Value? gamma = node.Constant(1), beta = node.Constant(2), mean = node.Constant(3), variance = node.Constant(4);
        if (node.Layers is null || gamma is null || beta is null || mean is null || variance is null)
        {
            return (Kernel)(x =>
            {
                int rank = x[0].Shape.Rank;
                Tensor rstd = (x.Float(4) + eps).Sqrt(), scale = x.Float(1) / rstd;
                return [x[0].With(((x.Float(0) - Along(x.Float(3), rank)) * Along(scale, rank))
                    + Along(x.Float(2), rank))];
            });
        }

        int features = gamma.Shape.Count;
        foreach (Value part in new[] { gamma, beta, mean, variance })
        {
            if (!part.IsFloat || part.Shape.Rank != 1 || part.Shape.Count != features)
                throw new InvalidDataException($"its statistics have the shapes {gamma.Shape} and {part.Shape}");
        }

        // ONNX's momentum is what is kept, PyTorch's what is taken.
        double momentum = 1 - keep;
        BatchNorm norm = node.Ranks[0] switch
        {
            2 or 3 => new BatchNorm1d(features, eps, momentum),
            5 => new BatchNorm3d(features, eps, momentum),
            4 or null => new BatchNorm2d(features, eps, momentum),
            _ => throw new Refusal($"its input has {node.Ranks[0]} dimensions"),
        };
        norm.To(gamma.Type.Holder!.Value);
        gamma.CopyTo(norm.Weight!.Value);
        beta.CopyTo(norm.Bias!.Value);
        mean.CopyTo(norm.Running!.Mean.Value);
        variance.CopyTo(norm.Running.Variance.Value);
        int layer = node.Layers.Add(LayerNames.PathOf(node, node.Inputs.Skip(1)), norm);
        return node.Ranks[0] is not null ? Operation.Of(layer) : new Operation(
            x => [x[0].With(AsPlanes(x.Float(0), x.Pass.Layers[layer].Forward))], layer, Rank: 4);
    }

    /// <summary>A function of planes for another number of dimensions: a channel is normalized as a whole.</summary>
    private static Tensor AsPlanes(Tensor x, Func<Tensor, Tensor> function)
    {
        Shape shape = x.Shape;
        if (shape.Rank < 2) throw new InvalidDataException($"its input has the shape {shape}, without channels");
        int places = 1;
        for (int axis = 2; axis < shape.Rank; axis++) places *= shape[axis];
        return function(x.Reshape(shape[0], shape[1], places, 1)).Reshape(shape);
    }

    /// <summary>
    /// The batch's own statistics, and what becomes of the running ones. Their variance is that of the batch itself,
    /// divided by its size.
    /// </summary>
    private static Value[] Trained(Operands x, double eps, double keep)
    {
        Tensor input = x.Float(0);
        int rank = input.Shape.Rank;
        int[] axes = [.. Enumerable.Range(0, rank).Where(static axis => axis != 1)];
        Tensor mean = input.Mean(axes), variance = input.Variance(axes, correction: 0);
        Tensor y = ((input - Along(mean, rank)) * Along(x.Float(1) / (variance + eps).Sqrt(), rank))
            + Along(x.Float(2), rank);
        return
        [
            x[0].With(y),
            x[3].With((x.Float(3) * keep) + (mean * (1 - keep))),
            x[4].With((x.Float(4) * keep) + (variance * (1 - keep))),
        ];
    }

    /// <summary>Numbers per channel, shaped so that they broadcast to (N, C, ...).</summary>
    private static Tensor Along(Tensor channels, int rank) =>
        rank < 3 ? channels : channels.Reshape([channels.Shape.Count, .. Enumerable.Repeat(1, rank - 2)]);

    private static Operation Instance(Node node)
    {
        double eps = node.Float("epsilon", 1e-5);
        node.Ignore("consumed_inputs");
        Value? scale = node.Constant(1), shift = node.Constant(2);
        if (node.Layers is null || scale is null || shift is null || node.Ranks[0] is not (3 or 4 or 5))
            return (Kernel)(x => [x[0].With(x.Float(0).InstanceNorm(x.Float(1), x.Float(2), running: null, eps))]);
        int features = scale.Shape.Count;
        InstanceNorm norm = node.Ranks[0] switch
        {
            3 => new InstanceNorm1d(features, eps, affine: true),
            4 => new InstanceNorm2d(features, eps, affine: true),
            _ => new InstanceNorm3d(features, eps, affine: true),
        };
        return Operation.Of(Filled(node, norm, scale, shift));
    }

    /// <summary>A norm with the weights of the file, as a layer of the network.</summary>
    private static int Filled(Node node, Module norm, Value scale, Value? shift)
    {
        norm.To(scale.Type.Holder!.Value);
        scale.CopyTo(norm.OwnParameters["weight"].Value);
        shift?.CopyTo(norm.OwnParameters["bias"].Value);
        return node.Layers!.Add(LayerNames.PathOf(node, node.Inputs.Skip(1)), norm);
    }

    private static Operation Layer(Node node)
    {
        double eps = node.Float("epsilon", 1e-5);
        long axis = node.Int("axis", -1);
        node.Ignore("stash_type");
        Value? scale = node.Constant(1), shift = node.Constant(2);
        int? normalized = Normalized(axis, node.Ranks[0]);
        if (node.Layers is not null && !node.Wants(1) && !node.Wants(2) && scale is { IsFloat: true }
            && (!node.Has(2) || shift is not null && shift.Shape == scale.Shape) && scale.Shape.Rank == normalized
            && IsPerPlace(scale.Shape))
        {
            return Operation.Of(Filled(node, new LayerNorm(scale.Shape, eps, bias: node.Has(2)), scale, shift));
        }

        return (Kernel)(x =>
        {
            Tensor input = x.Float(0);
            Shape shape = Last(input.Shape, axis);
            Tensor y = Affine(x, input.LayerNorm(shape, gamma: null, beta: null, eps));
            int[] axes = [.. Enumerable.Range(input.Shape.Rank - shape.Rank, shape.Rank)];
            Tensor variance = input.Variance(axes, keepDims: true, correction: 0);
            return [x[0].With(y), x[0].With(input.Mean(axes, keepDims: true)),
                x[0].With(Reciprocal((variance + eps).Sqrt()))];
        });
    }

    /// <summary>Whether a scale is one number per normalized place. A size of 1 may be one that broadcasts.</summary>
    private static bool IsPerPlace(Shape scale) => scale.All(static size => size > 1);

    private static Tensor Reciprocal(Tensor x) => Tensor.Ones([1], x.DType) / x;

    /// <summary>Scale and shift that broadcast, where the graph gives them.</summary>
    private static Tensor Affine(Operands x, Tensor y)
    {
        if (x.OptionalFloat(1) is { } scale) y *= scale;
        if (x.OptionalFloat(2) is { } shift) y += shift;
        return y;
    }

    /// <summary>The number of dimensions from an axis on; null if it is not known.</summary>
    private static int? Normalized(long axis, int? rank) =>
        axis < 0 ? (int)Math.Min(-axis, int.MaxValue) : rank is { } known && axis < known ? known - (int)axis : null;

    private static Shape Last(Shape shape, long axis) => new([.. shape.Skip(Node.Axis(axis, shape.Rank))]);

    private static Operation RootMeanSquare(Node node)
    {
        double eps = node.Float("epsilon", 1e-5);
        long axis = node.Int("axis", -1);
        node.Ignore("stash_type");
        if (node.Layers is not null && node.Constant(1) is { IsFloat: true } scale
            && scale.Shape.Rank == Normalized(axis, node.Ranks[0]) && IsPerPlace(scale.Shape))
            return Operation.Of(Filled(node, new RMSNorm(scale.Shape, eps), scale, shift: null));
        return (Kernel)(x => [x[0].With(Affine(x,
            x.Float(0).RMSNorm(Last(x[0].Shape, axis), gamma: null, eps)))]);
    }

    private static Operation Group(Node node)
    {
        double eps = node.Float("epsilon", 1e-5);
        int groups = Window.Ints([node.Int("num_groups", 0)])[0];
        if (groups < 1) throw new Refusal("num_groups is missing");
        node.Ignore("stash_type");
        // Before version 21 scale and shift are numbers of a group, not of a channel.
        bool perGroup = node.Opset < 21;
        if (node.Layers is not null && !perGroup && node.Constant(1) is { IsFloat: true } scale
            && node.Constant(2) is { } shift && scale.Shape.Rank == 1 && scale.Shape.Count % groups == 0)
            return Operation.Of(Filled(node, new GroupNorm(groups, scale.Shape.Count, eps), scale, shift));
        return (Kernel)(x =>
        {
            Tensor input = x.Float(0), gamma = x.Float(1), beta = x.Float(2);
            if (perGroup && gamma.Shape.Count == groups)
            {
                int each = input.Shape[1] / groups;
                (gamma, beta) = (Repeated(gamma, each), Repeated(beta, each));
            }

            return [x[0].With(input.GroupNorm(groups, gamma, beta, eps))];
        });
    }

    private static Tensor Repeated(Tensor x, int times) =>
        (x.Reshape(x.Shape.Count, 1) + Tensor.Zeros([x.Shape.Count, times], x.DType)).Reshape(x.Shape.Count * times);

    private static Operation LocalResponse(Node node)
    {
        int size = Window.Ints([node.Int("size", 0)])[0];
        double alpha = node.Float("alpha", 1e-4), beta = node.Float("beta", 0.75), bias = node.Float("bias", 1);
        if (size < 1) throw new Refusal("size is missing");
        // With an even size ONNX takes one channel more after the middle, the layer one more before it.
        if (size % 2 == 0)
        {
            return Activations.Kernel(x => Reversed(Reversed(x).LocalResponseNorm(size, alpha, beta, bias)));
        }

        if (node.Layers is null) return Activations.Kernel(x => x.LocalResponseNorm(size, alpha, beta, bias));
        var layer = new LocalResponseNorm(size, alpha, beta, bias);
        return Operation.Of(node.Layers.Add(LayerNames.PathOf(node, []), layer));
    }

    /// <summary>The channels from last to first.</summary>
    private static Tensor Reversed(Tensor x)
    {
        int[] places = [.. Enumerable.Range(0, x.Shape[1]).Select(i => x.Shape[1] - 1 - i)];
        return Shapes.Selected(new Value(x, TensorType.Of(x.DType)), 1, places).Tensor;
    }

    private static Operation MeanVariance(Node node)
    {
        long[] axes = node.Ints("axes") ?? [0, 2, 3];
        return Activations.Kernel(x =>
        {
            int[] all = [.. axes.Select(axis => Node.Axis(axis, x.Shape.Rank))];
            Tensor centred = x - x.Mean(all, keepDims: true);
            Tensor deviation = centred.Square().Mean(all, keepDims: true).Sqrt();
            return centred / (deviation + 1e-9);
        });
    }

    private static Operation Lp(Node node)
    {
        long axis = node.Int("axis", -1), p = node.Int("p", 2);
        if (p is not (1 or 2)) throw new Refusal($"p = {p} is not 1 or 2");
        return Activations.Kernel(x => x.Normalize([Node.Axis(axis, x.Shape.Rank)], (int)p));
    }
}
