using System.Runtime.CompilerServices;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The same elements in another shape. It costs nothing: the result shares this tensor's memory. One dimension may
    /// be -1; its size then follows from the others.
    /// </summary>
    /// <exception cref="ArgumentException">The number of elements differs.</exception>
    [OverloadResolutionPriority(1)]
    public Tensor Reshape(params ReadOnlySpan<int> dimensions)
    {
        int open = dimensions.IndexOf(-1);
        if (open < 0) return Reshape(new Shape(dimensions));
        if (dimensions.Length > Shape.MaxRank || dimensions[(open + 1)..].Contains(-1))
        {
            throw new ArgumentException(
                $"Reshape: expected at most {Shape.MaxRank} dimensions and one of them -1, "
                + $"got ({InvariantText.List(dimensions)}).",
                nameof(dimensions));
        }

        Span<int> sizes = stackalloc int[dimensions.Length];
        dimensions.CopyTo(sizes);
        sizes[open] = 1;
        int known = new Shape(sizes).Count;
        if (known == 0 || Count % known != 0)
        {
            throw new ArgumentException(
                $"Reshape: expected dimensions whose product divides {Count}, the elements of shape {Shape}, "
                + $"got ({InvariantText.List(dimensions)}).",
                nameof(dimensions));
        }

        sizes[open] = Count / known;
        return Reshape(new Shape(sizes));
    }

    /// <summary>
    /// The same elements in another shape. It costs nothing: the result shares this tensor's memory.
    /// </summary>
    /// <exception cref="ArgumentException">The number of elements differs.</exception>
    public Tensor Reshape(Shape shape) => ReshapeOp.Apply(this, shape);
}

/// <summary>y is x with other dimensions; dx is dy with the dimensions of x.</summary>
internal sealed class ReshapeOp : Op
{
    private Tensor _x = null!;

    /// <inheritdoc/>
    public override string Name => "Reshape";

    public static Tensor Apply(Tensor x, Shape shape)
    {
        if (x.DType == DType.Int64) return Apply(x.Reinterpret(DType.Float64), shape).Reinterpret(DType.Int64);
        Tape? tape = Join("Reshape", ref x);
        if (shape.Count != x.Count)
        {
            throw new ArgumentException(
                $"Reshape: expected a shape of {x.Count} elements like {x.Shape}, got {shape} of {shape.Count}.",
                nameof(shape));
        }

        ReshapeOp op = Rent<ReshapeOp>(tape);
        op._x = x;
        op.BindAlias(shape, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        // The result is another handle on x's memory.
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        Dy.AsSpan<T>().CopyTo(dx.AsSpan<T>());
        Close<T>(_x, dx);
    }
}
