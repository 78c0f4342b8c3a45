using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Reductions over axes. Integers are reduced as doubles, which hold those up to 2^53.</summary>
internal static class Reductions
{
    private delegate Tensor Reduction(Tensor x, int[] axes, bool keep);

    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["ReduceMean"] = Over(static (x, axes, keep) => axes.Length == 0 ? x : x.Mean(axes, keep));
        all["ReduceSum"] = Over(Sum);
        all["ReduceSumSquare"] = Over(static (x, axes, keep) => Sum(x.Square(), axes, keep));
        all["ReduceL1"] = Over(static (x, axes, keep) => Sum(x.Abs(), axes, keep));
        all["ReduceL2"] = Over(static (x, axes, keep) => Sum(x.Square(), axes, keep).Sqrt());
        all["ReduceLogSum"] = Over(static (x, axes, keep) => Sum(x, axes, keep).Log());
        all["ReduceMax"] = Over(Max);
        all["ReduceMin"] = Over(static (x, axes, keep) => -Max(-x, axes, keep));
        all["ReduceProd"] = Over(Product);
        all["ReduceLogSumExp"] = Over(static (x, axes, keep) =>
        {
            // What is not finite cannot be taken off: it would leave NaN.
            Tensor most = Max(x, axes, keep: true).Detach();
            Tensor isFinite = Arithmetic.Mapped(most, static value => double.IsFinite(value) ? 1 : 0);
            most = Tensor.Where(isFinite, most, Tensor.Zeros([], x.DType));
            Tensor sum = Sum((x - most).Exp(), axes, keep: true).Log() + most;
            return keep ? sum : Sum(sum, axes, keep: false);
        });
        all["ArgMax"] = ArgMax;
    }

    private static Tensor Sum(Tensor x, int[] axes, bool keep) => axes.Length == 0 ? x : x.Sum(axes, keep);

    private static Tensor Max(Tensor x, int[] axes, bool keep)
    {
        foreach (int axis in axes.OrderDescending()) x = x.Max(axis, keep);
        return x;
    }

    private static Tensor Product(Tensor x, int[] axes, bool keep)
    {
        foreach (int axis in axes.OrderDescending())
        {
            Tensor product = Tensor.Ones(x.Shape.With(axis, 1), x.DType);
            for (int i = 0; i < x.Shape[axis]; i++) product *= x.Slice(axis, i, 1);
            int[] sizes = [.. x.Shape.Where((_, i) => i != axis)];
            x = keep ? product : product.Reshape(sizes);
        }

        return x;
    }

    private static Factory Over(Reduction reduction) => node =>
    {
        long[]? given = node.Ints("axes");
        bool keep = node.Int("keepdims", 1) != 0, leavesAll = node.Int("noop_with_empty_axes", 0) != 0;
        return (Kernel)(x =>
        {
            Value value = x[0];
            int rank = value.Shape.Rank;
            long[]? wanted = x.Optional(1)?.ToLongs() ?? given;
            if (wanted is null or { Length: 0 })
            {
                // Nothing is reduced; a sum of squares is still one of squares.
                if (leavesAll) return [Reduced(value, reduction, [], keep: true)];
                wanted = [.. Enumerable.Range(0, rank).Select(static axis => (long)axis)];
            }

            int[] axes = [.. wanted.Select(axis => Node.Axis(axis, rank)).Distinct()];
            return [Reduced(value, reduction, axes, keep)];
        });
    };

    private static Value Reduced(Value x, Reduction reduction, int[] axes, bool keep)
    {
        if (x.Shape.Rank == 0) axes = [];
        if (x.IsFloat) return x.With(axes.Length == 0 && x.Shape.Rank == 0 ? Single(x.Tensor, reduction) :
            reduction(x.Tensor, axes, keep));
        Tensor wide = x.Tensor.To(DType.Float64);
        wide = axes.Length == 0 && x.Shape.Rank == 0 ? Single(wide, reduction) : reduction(wide, axes, keep);
        return x.With(Tensor.From(
            [.. wide.ToArray<double>().Select(value => Arithmetic.Wrapped((long)value, x.Type))], wide.Shape));
    }

    /// <summary>A number without dimensions is reduced as a row of one.</summary>
    private static Tensor Single(Tensor x, Reduction reduction) =>
        reduction(x.Reshape(1), [0], true).Reshape(new Shape());

    private static Operation ArgMax(Node node)
    {
        long axis = node.Int("axis", 0);
        bool keep = node.Int("keepdims", 1) != 0;
        if (node.Int("select_last_index", 0) != 0) throw new Refusal("select_last_index is not supported");
        return (Kernel)(x => [new Value(x.Float(0).ArgMax(Node.Axis(axis, x[0].Shape.Rank), keep), TensorType.Int64)]);
    }
}
