using Evenkeel.Nn;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Matrix products. With a constant matrix on the right they are linear layers.</summary>
internal static class Products
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["Gemm"] = Gemm;
        all["MatMul"] = MatMul;
    }

    private static Operation Gemm(Node node)
    {
        double alpha = node.Float("alpha", 1), beta = node.Float("beta", 1);
        bool transposeA = node.Int("transA", 0) != 0, transposeB = node.Int("transB", 0) != 0;
        node.Ignore("broadcast");
        if (node.Layers is not null && !transposeA && alpha == 1 && node.Constant(1) is { Shape.Rank: 2 } weight
            && (!node.Has(2) || (beta == 1 && node.Constant(2) is { } c
                && IsRow(c.Shape, weight.Shape[transposeB ? 0 : 1]))))
            return Linear(node, weight, transposeB, node.Constant(2));
        return (Kernel)(x =>
        {
            Shape a = x[0].Shape, b = x[1].Shape;
            if (a.Rank == 2 && b.Rank == 2) x.Pass.Fitting(a[transposeA ? 1 : 0], b[transposeB ? 0 : 1]);
            Tensor y = x.Float(0).MatMul(x.Float(1), transposeA, transposeB);
            if (alpha != 1) y *= alpha;
            if (x.OptionalFloat(2) is { } c && beta != 0) y = Sum(x.Pass, y, beta == 1 ? c : c * beta);
            return [x[0].With(y)];
        });
    }

    private static Operation MatMul(Node node)
    {
        if (node.Layers is not null && node.Constant(1) is { Shape.Rank: 2, IsFloat: true } weight
            && node.Ranks[0] is null or >= 2)
            return Linear(node, weight, isTransposed: false, node.Constant(2));
        return (Kernel)(static x =>
        {
            Tensor y = Product(x.Float(0), x.Float(1), x.Pass);
            // The bias of a joined sum.
            return [x[0].With(x.OptionalFloat(2) is { } bias ? Sum(x.Pass, y, bias) : y)];
        });
    }

    private static Tensor Sum(Pass pass, Tensor a, Tensor b)
    {
        pass.Broadcast(a.Shape, b.Shape);
        return a + b;
    }

    private static bool IsRow(Shape shape, int length) =>
        shape.Count == length && shape.Rank is 1 or 2 && shape[-1] == length;

    private static Operation Linear(Node node, Value weight, bool isTransposed, Value? bias)
    {
        int outputs = weight.Shape[isTransposed ? 0 : 1], inputs = weight.Shape[isTransposed ? 1 : 0];
        if (outputs < 1 || inputs < 1) throw new Refusal($"its weight has the shape {weight.Shape}");
        var layer = new Linear(inputs, outputs, bias is not null, NoStartValues.Stream);
        layer.To(weight.Type.Holder!.Value);
        if (isTransposed) weight.CopyTo(layer.Weight.Value);
        else layer.Weight.Value.CopyFrom(weight.Tensor.Detach().Transpose(0, 1));
        if (bias is not null) bias.CopyTo(layer.Bias!.Value);
        return Operation.Of(node.Layers!.Add(LayerNames.PathOf(node, node.Inputs.Skip(1)), layer),
            (x, pass) => pass.Fitting(x.Count / Math.Max(1, inputs), outputs));
    }

    /// <summary>NumPy's product: a vector is a row on the left and a column on the right, and leading dimensions
    /// broadcast.</summary>
    private static Tensor Product(Tensor a, Tensor b, Pass pass)
    {
        bool isRow = a.Shape.Rank == 1, isColumn = b.Shape.Rank == 1;
        if (isRow) a = a.Reshape(1, a.Shape[0]);
        if (isColumn) b = b.Reshape(b.Shape[0], 1);
        if (a.Shape.Rank > 2 && b.Shape.Rank > 2)
        {
            Shape lead = pass.Broadcast(new Shape([.. a.Shape.SkipLast(2)]), new Shape([.. b.Shape.SkipLast(2)]));
            (a, b) = (Repeated(a, lead, pass), Repeated(b, lead, pass));
        }

        if (a.Shape.Rank >= 2 && b.Shape.Rank >= 2)
        {
            Shape longer = a.Shape.Rank >= b.Shape.Rank ? a.Shape : b.Shape;
            pass.Fitting([.. longer.SkipLast(2).Select(static size => (long)size), a.Shape[-2], b.Shape[-1]]);
        }

        Tensor y = a.MatMul(b);
        if (isRow) y = y.Reshape([.. y.Shape.SkipLast(2), y.Shape[-1]]);
        if (isColumn) y = y.Reshape([.. y.Shape.SkipLast(1)]);
        return y;
    }

    private static Tensor Repeated(Tensor x, Shape lead, Pass pass)
    {
        Shape full = [.. lead, x.Shape[-2], x.Shape[-1]];
        pass.Fitting(full);
        return x.Shape == full ? x : x + Tensor.Zeros(full, x.DType);
    }
}
