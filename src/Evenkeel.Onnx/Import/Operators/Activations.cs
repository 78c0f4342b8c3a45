using Evenkeel.Nn;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Functions of one value, and softmax.</summary>
internal static class Activations
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["Relu"] = static node =>
        {
            node.Ignore("consumed_inputs");
            return new Operation(static x => [x[0].IsFloat ? x[0].With(x.Float(0).ReLU()) : Max(x[0], 0)],
                IsReLU: true);
        };
        all["Sigmoid"] = Unary(static x => x.Sigmoid());
        all["Tanh"] = Unary(static x => x.Tanh());
        all["Softsign"] = Unary(static x => x.Softsign());
        all["Softplus"] = Unary(static x => x.Softplus());
        all["Mish"] = Unary(static x => x.Mish());
        all["HardSwish"] = Unary(static x => x.Hardswish());
        all["Erf"] = Unary(Erf);
        all["LeakyRelu"] = static node =>
        {
            double slope = node.Float("alpha", 0.01);
            return Kernel(x => x.LeakyReLU(slope));
        };
        all["Elu"] = static node =>
        {
            double alpha = node.Float("alpha", 1);
            return Kernel(x => x.ELU(alpha));
        };
        all["Celu"] = static node =>
        {
            double alpha = node.Float("alpha", 1);
            return Kernel(x => x.CELU(alpha));
        };
        all["Selu"] = Selu;
        all["Swish"] = static node =>
        {
            double alpha = node.Float("alpha", 1);
            return Kernel(x => alpha == 1 ? x.SiLU() : x * (x * alpha).Sigmoid());
        };
        all["Gelu"] = static node =>
        {
            string form = node.Text("approximate", "none");
            if (form is not ("none" or "tanh")) throw new Refusal($"the approximation \"{form}\" is not known");
            return Kernel(x => x.GELU(form == "tanh"));
        };
        all["HardSigmoid"] = static node =>
        {
            double alpha = node.Float("alpha", 0.2), beta = node.Float("beta", 0.5);
            return Kernel(x => ((x * alpha) + beta).Clamp(0, 1));
        };
        all["ThresholdedRelu"] = static node =>
        {
            double alpha = node.Float("alpha", 1);
            return Kernel(x => Tensor.Where(
                Arithmetic.Mapped(x, value => value > alpha ? 1 : 0), x, Tensor.Zeros([], x.DType)));
        };
        all["PRelu"] = static node => (Kernel)(x =>
        {
            Tensor a = x.Float(0), slope = x.Float(1);
            // Before opset 7 a slope is that of a channel.
            if (node.Opset < 7 && slope.Shape.Rank == 1 && a.Shape.Rank > 1)
                slope = slope.Reshape([slope.Shape.Count, .. Enumerable.Repeat(1, a.Shape.Rank - 2)]);
            x.Pass.Broadcast(a.Shape, slope.Shape);
            return [x[0].With(a.ReLU() - ((-a).ReLU() * slope))];
        });
        all["Clip"] = Clip;
        all["Softmax"] = static node => Soft(node, static (x, axis) => x.Softmax(axis));
        all["LogSoftmax"] = static node => Soft(node, static (x, axis) => x.LogSoftmax(axis));
        all["Dropout"] = Dropout;
    }

    /// <summary>A kernel of one floating-point input.</summary>
    public static Operation Kernel(Func<Tensor, Tensor> function) =>
        new(x => [x[0].With(function(x.Float(0)))]);

    private static Factory Unary(Func<Tensor, Tensor> function) => _ => Kernel(function);

    private static Tensor Erf(Tensor x) => x.Shape.Rank == 0 ? Erf(x.Reshape(1)).Reshape(new Shape()) : x.DynamicErf(
        Tensor.Ones([1], x.DType), Tensor.Zeros([1], x.DType),
        Tensor.Ones([x.Shape[-1]], x.DType), Tensor.Zeros([x.Shape[-1]], x.DType));

    private static Operation Selu(Node node)
    {
        // The defaults are the numbers of the paper in single precision.
        double alpha = node.Float("alpha", 1.67326319217681884765625), gamma = node.Float("gamma",
            1.05070102214813232421875);
        return Kernel(x => x.ELU(alpha) * gamma);
    }

    private static Value Max(Value x, long least) =>
        x.With(Tensor.From([.. x.ToLongs().Select(value => Math.Max(value, least))], x.Shape));

    private static Operation Clip(Node node)
    {
        // Before version 11 the bounds are attributes.
        double? least = node.HasAttribute("min") ? node.Float("min", 0) : null;
        double? most = node.HasAttribute("max") ? node.Float("max", 0) : null;
        return (Kernel)(x =>
        {
            Value value = x[0];
            double min = x.Optional(1)?.ToScalar() ?? least ?? double.NegativeInfinity;
            double max = x.Optional(2)?.ToScalar() ?? most ?? double.PositiveInfinity;
            // The largest bound wins where they cross.
            if (value.IsFloat) return [value.With(x.Float(0).Clamp(Math.Min(min, max), max))];
            (long low, long high) = ((long)Math.Ceiling(min), (long)Math.Floor(max));
            if (x.Optional(1) is { IsFloat: false } first) low = first.ToLong();
            if (x.Optional(2) is { IsFloat: false } second) high = second.ToLong();
            return [value.With(Tensor.From(
                [.. value.ToLongs().Select(v => Math.Min(Math.Max(v, low), high))], value.Shape))];
        });
    }

    /// <summary>
    /// From version 13 on along one axis; before, over all values from an axis on, as if the rest were one dimension.
    /// </summary>
    private static Operation Soft(Node node, Func<Tensor, int, Tensor> function)
    {
        long axis = node.Int("axis", node.Opset < 13 ? 1 : -1);
        if (node.Opset >= 13) return Kernel(x => function(x, Node.Axis(axis, x.Shape.Rank)));
        return Kernel(x =>
        {
            int first = axis == x.Shape.Rank ? x.Shape.Rank : Node.Axis(axis, x.Shape.Rank);
            if (first == x.Shape.Rank - 1) return function(x, first);
            int rows = 1;
            for (int i = 0; i < first; i++) rows *= x.Shape[i];
            return function(x.Reshape(rows, rows == 0 ? 0 : x.Shape.Count / rows), 1).Reshape(x.Shape);
        });
    }

    /// <summary>A layer of its own, so that the network trains as it did: the identity outside of training.</summary>
    private static Operation Dropout(Node node)
    {
        node.Ignore("seed");
        if (node.Opset < 7 && node.Int("is_test", 0) == 0 && node.Wants(1))
            throw new Refusal("it drops values at random in every pass, and the places of them are used");
        double ratio = node.Opset < 12 ? node.Float("ratio", 0.5) : 0.5;
        if (node.Has(1)) ratio = node.Constant(1)?.ToScalar() ?? 0;
        bool trains = node.Has(2) && node.Known(2, "training mode").ToScalar() != 0;
        if (trains && (ratio != 0 || (node.Has(1) && node.Constant(1) is null)))
            throw new Refusal("it drops values at random in every pass, whether the network is trained or not");
        if (node.Wants(1))
        {
            return (Kernel)(static x =>
                [x[0], Value.Bools(Enumerable.Repeat(1L, x[0].Shape.Count).ToArray(), x[0].Shape)]);
        }

        if (node.Layers is null || ratio is 0 or >= 1) return (Kernel)(static x => [x[0]]);

        return Operation.Of(node.Layers.Add(LayerNames.PathOf(node, []), new Dropout(ratio)));
    }
}
