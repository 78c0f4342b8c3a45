using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x if x &gt; 0, else slope·x, element by element, with a slope that is learned (He et al. 2015). The derivative
    /// at 0 and at NaN is the slope, as in PyTorch.
    /// </summary>
    /// <param name="weight">
    /// The slope, of shape (1), or (C) with one for each channel: dimension 1 of this tensor.
    /// </param>
    /// <exception cref="ArgumentException">The weight has another shape or another element type.</exception>
    public Tensor PReLU(Tensor weight) => PReLUOp.Apply(this, weight);
}

/// <summary>
/// y = x if x &gt; 0, else w·x; dx = dy if x &gt; 0, else w·dy; dw = Σ x·dy over all x ≤ 0 (and NaN) that share w.
/// </summary>
internal sealed class PReLUOp : BinaryElementwise<PReLUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "PReLU";

    public static Tensor Apply(Tensor x, Tensor weight)
    {
        // The weight enters the tape before it is reshaped.
        Join("PReLU", ref x, ref weight);
        int rank = x.Shape.Rank, channels = rank > 1 ? x.Shape[1] : 1;
        if (weight.Shape.Rank != 1 || (weight.Count != 1 && weight.Count != channels))
        {
            throw new ArgumentException(
                $"PReLU: expected a weight of shape (1){(channels == 1 ? "" : $" or ({channels})")} for an input of "
                + $"shape {x.Shape}, got {weight.Shape}. Its channels are dimension 1.", nameof(weight));
        }

        if (weight.Count == 1 || rank == 2) return Apply<PReLUOp>("PReLU", x, weight);
        Span<int> sizes = stackalloc int[rank - 1];
        sizes.Fill(1);
        sizes[0] = channels;
        return Apply<PReLUOp>("PReLU", x, weight.Reshape(sizes));
    }

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(a, default), a, a * b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(a, default), dy, dy * b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.AndNot(dy * a, Vector512.GreaterThan(a, default));
    }
}
